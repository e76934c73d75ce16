//! `unicornc npu run`: an instruction stream on the emulated array.

use super::npu::{read, unusable};
use super::{emit, print};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use unicornc::emulator::{Npu, Report};
use unicornc::npu::File;
use unicornc::{Error, Result};

/// What to run, and on what.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container (xclbin) that configures the array.
    container: PathBuf,
    /// The instruction stream (TXN).
    stream: PathBuf,
    /// Fill argument N (counted from 0) with a file.
    #[arg(long = "in", value_name = "N=FILE")]
    inputs: Vec<Input>,
    /// Give argument N so many bytes, zero where no input fills it, and write it to a file afterwards.
    #[arg(long = "out", value_name = "N=BYTES:FILE")]
    outputs: Vec<Output>,
    /// Array cycles at most.
    #[arg(long, default_value_t = 1 << 32)]
    limit: u64,
}

/// An argument and the file it comes from.
#[derive(Clone, Debug)]
struct Input {
    number: usize,
    file: PathBuf,
}

/// An argument, its size, and the file it goes to.
#[derive(Clone, Debug)]
struct Output {
    number: usize,
    bytes: usize,
    file: PathBuf,
}

/// Arguments at most: what a command can carry.
const MOST_ARGUMENTS: usize = 5;
/// Bytes of an argument at most.
const MOST_BYTES: usize = 1 << 30;

fn number(text: &str) -> std::result::Result<(usize, &str), String> {
    let (number, rest) = text.split_once('=').ok_or("it has no `=`")?;
    let number = number.parse().map_err(|_| format!("`{number}` is no number"))?;
    if number >= MOST_ARGUMENTS { Err(format!("arguments are 0 to {}", MOST_ARGUMENTS - 1)) } else { Ok((number, rest)) }
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (number, file) = number(text)?;
        Ok(Self { number, file: file.into() })
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (number, rest) = number(text)?;
        let (bytes, file) = rest.split_once(':').ok_or("it has no `:` between size and file")?;
        let bytes = bytes.parse().ok().filter(|b| *b <= MOST_BYTES).ok_or(format!("`{bytes}` is no size of at most {MOST_BYTES} bytes"))?;
        Ok(Self { number, bytes, file: file.into() })
    }
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let file = |path| File::read(&read(path)?).map_err(|why| unusable(path, &why));
    let File::Xclbin(container) = file(&args.container)? else { return Err(Error::format(&args.container, "it is no xclbin")) };
    let File::Txn(stream) = file(&args.stream)? else { return Err(Error::format(&args.stream, "it is no instruction stream (TXN)")) };
    let mut buffers: Vec<Vec<u8>> = vec![vec![]; MOST_ARGUMENTS];
    for Input { number, file } in &args.inputs {
        buffers[*number] = read(file)?;
    }
    for Output { number, bytes, .. } in &args.outputs {
        let size = buffers[*number].len().max(*bytes);
        buffers[*number].resize(size, 0);
    }
    let mut npu = Npu::new();
    npu.set_limit(args.limit);
    let mut slices: Vec<&mut [u8]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
    let outcome = npu.load_xclbin(&container).and_then(|()| npu.run(&stream, &mut slices));
    let report = match outcome {
        Ok(report) => report,
        Err(diagnosis) => {
            if json {
                emit(&serde_json::json!({ "event": "run", "diagnosis": diagnosis.to_string() }));
            } else {
                eprintln!("error: {diagnosis}");
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    for Output { number, bytes, file } in &args.outputs {
        std::fs::write(file, &buffers[*number][..*bytes]).map_err(|source| Error::io(file, source))?;
    }
    if json {
        emit(&as_json(&report))
    } else {
        print(&as_text(&report))
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(report: &Report) -> serde_json::Value {
    let core = |c: &unicornc::emulator::CoreReport| {
        serde_json::json!({
            "core": c.tile.to_string(), "bundles": c.bundles, "multiplications": c.macs, "lock_stalls": c.lock_stalls,
            "bank_stalls": c.bank_stalls, "stream_stalls": c.stream_stalls, "hasty": c.hasty, "done": c.done,
        })
    };
    serde_json::json!({
        "event": "run", "cycles": report.cycles, "host_words": report.host_words(), "multiplying": report.mac_share(), "host": report.host_share(),
        "cores": report.cores.iter().map(core).collect::<Vec<_>>(),
    })
}

fn as_text(report: &Report) -> String {
    let mut text = format!(
        "{} cycles of the array (not of a device): {} words to and from the host, {:.1} % of the cycles of the channels used; cores multiply in {:.1} %\n",
        report.cycles,
        report.host_words(),
        100.0 * report.host_share(),
        100.0 * report.mac_share()
    );
    for c in &report.cores {
        text += &format!(
            "core {}: {} bundles, {} multiply; waits {} for locks, {} for banks, {} for streams\n",
            c.tile, c.bundles, c.macs, c.lock_stalls, c.bank_stalls, c.stream_stalls
        );
    }
    text
}
