//! `unicorn-rt serve`: loads in the background, so that `/live` answers at once and `/ready` when it is true.

use anyhow::{Context, Result, anyhow};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use unicorn_rt::generate::{Engine, EngineConfig};
use unicorn_rt::load::{Options, Placement, load_with_tokenizer};
use unicorn_rt::sample::SamplingParams;
use unicorn_rt::serve::{self, ModelCell, ModelInfo, ServeArgs, ServedModel};

pub fn run(args: ServeArgs) -> Result<()> {
    one_heap();
    let models = args.all_models().map_err(|why| anyhow!(why))?;
    let cells: Vec<_> = models.iter().map(|(name, _)| (name.clone(), ModelCell::loading())).collect();
    let config = args.config(cells.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).max_blocking_threads(4).enable_all().build()?;
    runtime.block_on(async {
        let listener =
            tokio::net::TcpListener::bind((args.host, args.port)).await.with_context(|| format!("cannot listen on {}:{}", args.host, args.port))?;
        tracing::info!("listening on http://{}", listener.local_addr()?);
        let (give_up, nothing) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name("load".into()).spawn(move || {
            let mut served = 0;
            for ((name, path), (_, cell)) in models.iter().zip(&cells) {
                match start(name, path, &args) {
                    Ok(model) => {
                        let devices = model.info.roster.as_ref().map_or(serde_json::Value::Null, |roster| roster.json());
                        tracing::info!("model `{name}` is ready: {devices} {}", model.info.details);
                        cell.ready(model);
                        served += 1;
                    }
                    Err(error) => {
                        let why = super::explain(&error);
                        tracing::error!("model `{name}` cannot be served: {why}");
                        cell.failed(why);
                    }
                }
            }
            if served == 0 {
                // Only fails when the server has ended already.
                let _ = give_up.send(());
            }
        })?;
        tokio::select! {
            result = serve::serve(config, listener) => result.context("the server failed"),
            Ok(()) = nothing => Err(anyhow!("there is nothing to serve: no model could be loaded")),
        }
    })
}

/// Keeps all allocations in one heap: requests come and go on several threads, and a heap for each would keep pages that none uses.
fn one_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number in the allocator, before other threads start.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Loads one artifact, proves it by its self-test, and starts its engine.
fn start(name: &str, path: &Path, args: &ServeArgs) -> Result<ServedModel> {
    let begin = std::time::Instant::now();
    let placement = if args.load_mode.as_deref() == Some("map") { Placement::Map } else { Placement::Copy };
    let (gpu, npu) = (args.devices.gpu()?, args.devices.npu()?);
    let options = Options {
        threads: args.threads.unwrap_or(0),
        native: !args.no_native,
        placement,
        gpu,
        npu,
        npu_driver: args.devices.npu_driver,
        ..Options::default()
    };
    let (mut loaded, tokenizer) = load_with_tokenizer(path, options)?;
    for notice in &loaded.notices {
        tracing::warn!("model `{name}`: {notice}");
    }
    match unicorn_artifact::file::Artifact::open(path)?.selftest() {
        // Devices were tried when it was loaded.
        Ok(_) if loaded.session.gpu().is_some() || loaded.session.cpu().npu().is_some() => {}
        Ok(test) => unicorn_rt::selftest::run(&mut loaded.session, &test)?,
        Err(_) => tracing::warn!("model `{name}` has no self-test; it was compiled with --no-selftest"),
    }
    let tokenizer = Arc::new(tokenizer);
    let plan = &loaded.manifest.plan;
    let cpu = loaded.session.cpu();
    let roster = cpu.roster().clone();
    let details = serde_json::json!({
        "threads": cpu.threads(), "kernels": cpu.isa().name(), "native_regions": cpu.native(),
        "resident_bytes": plan.resident_bytes(cpu.threads() as u64) + cpu.npu().map_or(0, |npu| npu.bytes()), "context": plan.model.context, "slots": plan.model.slots,
        "load_seconds": (begin.elapsed().as_secs_f64() * 1e3).round() / 1e3,
    });
    let info = ModelInfo {
        vocabulary: plan.model.vocabulary as usize,
        text_vocabulary: plan.model.text_vocabulary as usize,
        digest: loaded.digest.clone(),
        stop_ids: plan.model.eos.clone(),
        created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        defaults: SamplingParams::default(),
        details,
        roster: Some(roster),
    };
    let config = EngineConfig { text_vocabulary: info.text_vocabulary, queue: args.max_queue };
    let engine = Engine::new(Box::new(loaded.session), tokenizer.clone(), config)?;
    Ok(ServedModel { name: name.into(), engine, tokenizer, info })
}
