//! The options of `unicorn-rt serve`. What they mean to loading is decided by the command.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Config, ModelCell};
use crate::Error;
use crate::load::{DeviceChoice, NpuDriver};

/// Serves one or more artifacts over HTTP.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// The artifact to serve, named by its file name.
    #[arg(required_unless_present = "models")]
    pub artifact: Option<PathBuf>,
    /// An artifact to serve under a name of its own; may be given several times.
    #[arg(long = "model", value_name = "NAME=PATH", value_parser = named)]
    pub models: Vec<(String, PathBuf)>,
    /// Address to listen on; only this machine unless told otherwise.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Key that clients must send as `Authorization: Bearer KEY`.
    #[arg(long, env = "UNICORN_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Threads that compute; all cores when not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Runs plain kernels instead of the machine code in the artifact, and no NPU.
    #[arg(long)]
    pub no_native: bool,
    /// Where the weights live: copied to huge pages (faster steps) or mapped from the file (faster start, shared).
    #[arg(long = "load", value_name = "MODE", value_parser = ["copy", "map"])]
    pub load_mode: Option<String>,
    #[command(flatten)]
    /// Which devices run.
    pub devices: DeviceArgs,
    /// Requests that may wait beyond those that run.
    #[arg(long, default_value_t = 64)]
    pub max_queue: usize,
    /// Seconds that running requests get to finish after SIGTERM.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub drain_timeout: u64,
    /// Bytes of a request body at most.
    #[arg(long, default_value_t = 4 << 20, value_name = "BYTES")]
    pub body_limit: usize,
    /// Also gives metrics under the names that vLLM uses.
    #[arg(long)]
    pub metrics_vllm_names: bool,
}

impl ServeArgs {
    /// All models in order, with their names.
    ///
    /// # Errors
    /// A sentence, when a name cannot be had from a path or is there twice.
    pub fn all_models(&self) -> Result<Vec<(String, PathBuf)>, String> {
        let mut all = Vec::new();
        if let Some(path) = &self.artifact {
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let name = name.ok_or_else(|| format!("{} gives no name for the model; use --model NAME=PATH", path.display()))?;
            all.push((name.to_owned(), path.clone()));
        }
        all.extend(self.models.iter().cloned());
        for (index, (name, _)) in all.iter().enumerate() {
            if all[..index].iter().any(|(other, _)| other == name) {
                return Err(format!("two models are named `{name}`; give each its own name by --model NAME=PATH"));
            }
        }
        Ok(all)
    }

    /// The server's part of the options, for models that are in these cells.
    pub fn config(&self, models: Vec<(String, ModelCell)>) -> Config {
        Config {
            models,
            api_key: self.api_key.clone().filter(|key| !key.is_empty()),
            body_limit: self.body_limit,
            drain_timeout: Duration::from_secs(self.drain_timeout),
            vllm_names: self.metrics_vllm_names,
        }
    }
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("write NAME=PATH".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn parse(line: &str) -> Result<ServeArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn models_have_names() {
        let args = parse("serve dir/pebble.unicorn --model big=b.unicorn --model a=c --port 0").unwrap();
        let names: Vec<String> = args.all_models().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!((names, args.port, args.host.is_loopback()), (vec!["pebble".into(), "big".into(), "a".into()], 0, true));
        assert!(parse("serve").is_err());
        assert!(parse("serve --model x").is_err());
        assert!(parse("serve x.unicorn --model x=y").unwrap().all_models().is_err());
    }
}

/// Which devices run.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DeviceArgs {
    /// Devices that must be used: without them loading is an error, where it otherwise goes on with host code.
    #[arg(long, value_delimiter = ',', value_name = "DEVICE", value_parser = ["gpu", "npu"])]
    pub require: Vec<String>,
    /// Do not use a GPU, even if one is there.
    #[arg(long)]
    pub no_gpu: bool,
    /// Do not use an NPU, even if one is there.
    #[arg(long)]
    pub no_npu: bool,
    /// What an NPU is reached by.
    #[arg(long, value_enum, value_name = "DRIVER", default_value_t = NpuDriver::Kernel)]
    pub npu_driver: NpuDriver,
}

impl DeviceArgs {
    /// What they say of GPUs.
    ///
    /// # Errors
    /// [`Error::Request`] where they contradict each other.
    pub fn gpu(&self) -> crate::Result<DeviceChoice> {
        self.choice("gpu", self.no_gpu, "--no-gpu", "it contradicts --require gpu")
    }

    /// What they say of NPUs.
    ///
    /// # Errors
    /// [`Error::Request`] where they contradict each other.
    pub fn npu(&self) -> crate::Result<DeviceChoice> {
        self.choice("npu", self.no_npu, "--no-npu", "it contradicts --require npu")
    }

    fn choice(&self, device: &str, off: bool, option: &'static str, why: &str) -> crate::Result<DeviceChoice> {
        match (self.require.iter().any(|d| d == device), off) {
            (true, true) => Err(Error::request(option, why)),
            (true, false) => Ok(DeviceChoice::Require),
            (false, true) => Ok(DeviceChoice::Off),
            (false, false) => Ok(DeviceChoice::Auto),
        }
    }
}
