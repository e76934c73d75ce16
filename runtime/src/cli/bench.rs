//! `unicorn-rt bench`: tokens per second as `llama-bench` counts them, load time, memory.

use super::{LoadArgs, print, process};
use std::time::Instant;
use unicorn_rt::Result;
use unicorn_rt::step::{Row, Session, Stepper};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    load: LoadArgs,
    /// Prompt lengths: tokens run in full steps, logits of the last one only.
    #[arg(short, long, value_delimiter = ',', default_values_t = [128, 512])]
    prompt: Vec<usize>,
    /// Tokens to generate one by one, from an empty context.
    #[arg(short = 'n', long, value_delimiter = ',', default_values_t = [64])]
    generate: Vec<usize>,
    /// Rows of single steps to time, each row a sequence of its own as far as slots go, all wanting logits.
    #[arg(short = 's', long, value_delimiter = ',')]
    steps: Vec<usize>,
    /// Times each measurement is repeated; the median is given.
    #[arg(short, long, default_value_t = 3)]
    repeat: usize,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// One measured line.
struct Measured {
    test: String,
    tokens: usize,
    /// Seconds of each repetition, sorted.
    seconds: Vec<f64>,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.tokens as f64 / self.seconds[self.seconds.len() / 2]
    }

    fn best(&self) -> f64 {
        self.tokens as f64 / self.seconds[0]
    }
}

pub fn run(args: &Args) -> Result<()> {
    let mut ready = args.load.load()?;
    let resident_loaded = process::status("VmRSS");
    let session = &mut ready.loaded.session;
    let limits = session.limits();
    let mut measured = Vec::new();
    for &tokens in &args.prompt {
        if tokens == 0 || tokens > limits.context {
            eprintln!("note: a prompt of {tokens} does not fit the context of {}; skipped", limits.context);
            continue;
        }
        measured.push(measure(args, format!("pp{tokens}"), tokens, || prompt(session, tokens, limits.rows))?);
    }
    for &tokens in &args.generate {
        if tokens == 0 || tokens > limits.context {
            eprintln!("note: {tokens} tokens do not fit the context of {}; skipped", limits.context);
            continue;
        }
        measured.push(measure(args, format!("tg{tokens}"), tokens, || generate(session, tokens))?);
    }
    for &rows in &args.steps {
        if rows == 0 || rows > limits.rows || rows.div_ceil(limits.slots) > limits.context {
            eprintln!("note: a step of {rows} rows does not fit; skipped");
            continue;
        }
        measured.push(measure(args, format!("step{rows}"), rows, || step(session, rows))?);
    }
    let plan = &ready.loaded.manifest.plan;
    let threads = ready.loaded.session.cpu().threads();
    let foretold = plan.resident_bytes(threads as u64);
    let about = serde_json::json!({
        "digest": ready.loaded.digest, "cpu": process::cpu_name(), "threads": threads,
        "kernels": ready.loaded.session.cpu().isa().name(), "native_regions": ready.loaded.session.cpu().native(),
        "load_seconds": ready.load_time.as_secs_f64(), "plan_bytes": foretold,
        "resident_after_load": resident_loaded, "resident_after_run": process::status("VmRSS"), "peak_resident": process::status("VmHWM"),
    });
    if args.json {
        let tests: Vec<_> = measured
            .iter()
            .map(|m| serde_json::json!({ "test": m.test, "tokens": m.tokens, "seconds": m.seconds, "tokens_per_second": m.rate(), "best": m.best() }))
            .collect();
        print(&format!("{}\n", serde_json::json!({ "about": about, "tests": tests })));
        return Ok(());
    }
    let mb = |v: Option<u64>| v.map_or("?".into(), |v| format!("{:.1}", v as f64 / 1e6));
    let mut out = format!(
        "{}, {threads} threads, {} kernels, regions {}\n",
        process::cpu_name(),
        ready.loaded.session.cpu().isa().name(),
        if ready.loaded.session.cpu().native() { "compiled" } else { "interpreted" }
    );
    out.push_str(&format!(
        "load {:.3} s; plan {:.1} MB; resident {} MB after load, {} MB after the run, {} MB at peak\n",
        ready.load_time.as_secs_f64(),
        foretold as f64 / 1e6,
        mb(resident_loaded),
        mb(process::status("VmRSS")),
        mb(process::status("VmHWM"))
    ));
    out.push_str("| test | tokens/s (median) | best | ms per token |\n| --- | ---: | ---: | ---: |\n");
    for m in &measured {
        out.push_str(&format!("| {} | {:.1} | {:.1} | {:.3} |\n", m.test, m.rate(), m.best(), 1e3 / m.rate()));
    }
    print(&out);
    Ok(())
}

fn measure(args: &Args, test: String, tokens: usize, mut once: impl FnMut() -> Result<()>) -> Result<Measured> {
    once()?; // Caches and clocks warm up unmeasured.
    let mut seconds = Vec::new();
    for _ in 0..args.repeat.max(1) {
        let start = Instant::now();
        once()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Measured { test, tokens, seconds })
}

/// A fixed sequence of tokens that repeats late.
fn token(session: &Session, at: usize) -> u32 {
    (at as u64 * 2_654_435_761 % u64::from(session.cpu().plan().model.text_vocabulary)) as u32
}

fn prompt(session: &mut Session, tokens: usize, most: usize) -> Result<()> {
    for first in (0..tokens).step_by(most) {
        let rows: Vec<Row> = (first..tokens.min(first + most))
            .map(|at| Row { token: token(session, at), slot: 0, position: at as u32, logits: at + 1 == tokens })
            .collect();
        session.step(&rows, &mut |_, _| {})?;
    }
    Ok(())
}

fn generate(session: &mut Session, tokens: usize) -> Result<()> {
    let mut next = token(session, 1);
    for at in 0..tokens {
        let row = Row { token: next, slot: 0, position: at as u32, logits: true };
        session.step(&[row], &mut |_, logits| next = largest(logits))?;
        next %= session.cpu().plan().model.text_vocabulary;
    }
    Ok(())
}

/// Rows dealt out to all slots, each slot's from position 0.
fn step(session: &mut Session, rows: usize) -> Result<()> {
    let slots = session.limits().slots.min(rows);
    let rows: Vec<Row> =
        (0..rows).map(|at| Row { token: token(session, at), slot: (at % slots) as u32, position: (at / slots) as u32, logits: true }).collect();
    session.step(&rows, &mut |_, _| {})
}

fn largest(logits: &[f32]) -> u32 {
    logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (at, &v)| if v > best.1 { (at, v) } else { best }).0 as u32
}
