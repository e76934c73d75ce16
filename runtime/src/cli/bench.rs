//! `unicorn-rt bench`: tokens per second as `llama-bench` counts them, load time, memory.

use super::{LoadArgs, print, process};
use std::time::Instant;
use unicorn_rt::Result;
use unicorn_rt::hal::profile::Line;
use unicorn_rt::hal::roster::{Kind, Standing};
use unicorn_rt::step::{Row, Session, Stepper};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    load: LoadArgs,
    /// Prompt lengths: tokens run in full steps, logits of the last one only; 0 for none.
    #[arg(short, long, value_delimiter = ',', default_values_t = [128, 512])]
    prompt: Vec<usize>,
    /// Tokens to generate one by one; 0 for none.
    #[arg(short = 'n', long, value_delimiter = ',', default_values_t = [64])]
    generate: Vec<usize>,
    /// Tokens already in the context before generation starts.
    #[arg(short, long, value_delimiter = ',', default_values_t = [0])]
    depth: Vec<usize>,
    /// Sequences that generate at once, one token each a step; more than 1 needs an artifact with as many slots.
    #[arg(long, value_delimiter = ',', default_values_t = [1])]
    streams: Vec<usize>,
    /// Rows of single steps to time, each row a sequence of its own as far as slots go, all wanting logits.
    #[arg(short = 's', long, value_delimiter = ',')]
    steps: Vec<usize>,
    /// Times each measurement is repeated; the median is given.
    #[arg(short, long, default_value_t = 3)]
    repeat: usize,
    /// Where the time of each measurement goes, command by command, after the table. Costs a few percent itself.
    #[arg(long, conflicts_with = "json")]
    profile: bool,
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
    profile: Vec<Line>,
    /// As `profile`, of the GPU's launches.
    gpu: Vec<Line>,
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
    for &tokens in args.prompt.iter().filter(|t| **t > 0) {
        if tokens > limits.context {
            eprintln!("note: a prompt of {tokens} does not fit the context of {}; skipped", limits.context);
            continue;
        }
        measured.push(measure(args, session, format!("pp{tokens}"), tokens, |_| Ok(()), |session| prompt(session, 0, tokens))?);
    }
    for (&tokens, &depth, &streams) in combinations(&args.generate, &args.depth, &args.streams).filter(|c| *c.0 > 0) {
        if tokens.saturating_add(depth) > limits.context || streams == 0 || streams > limits.slots.min(limits.rows) {
            let (slots, context) = (limits.slots, limits.context);
            eprintln!("note: {streams} sequences of {depth} + {tokens} tokens do not fit {slots} slots of {context}; skipped");
            continue;
        }
        let mut test = format!("tg{tokens}");
        test += &if depth > 0 { format!("@d{depth}") } else { String::new() };
        test += &if streams > 1 { format!(" x{streams}") } else { String::new() };
        let fill = |session: &mut Session| (0..streams).try_for_each(|slot| if depth > 0 { prompt(session, slot as u32, depth) } else { Ok(()) });
        measured.push(measure(args, session, test, tokens * streams, fill, |session| generate(session, depth, streams, tokens))?);
    }
    for &rows in &args.steps {
        if rows == 0 || rows > limits.rows || rows.div_ceil(limits.slots) > limits.context {
            eprintln!("note: a step of {rows} rows does not fit; skipped");
            continue;
        }
        measured.push(measure(args, session, format!("step{rows}"), rows, |_| Ok(()), |session| step(session, rows))?);
    }
    let plan = &ready.loaded.manifest.plan;
    let threads = ready.loaded.session.cpu().threads();
    let foretold = plan.resident_bytes(threads as u64) + ready.loaded.session.cpu().npu().map_or(0, |npu| npu.bytes());
    let roster = ready.loaded.session.roster();
    let mut about = serde_json::json!({
        "digest": ready.loaded.digest, "cpu": process::cpu_name(), "threads": threads,
        "kernels": ready.loaded.session.cpu().isa().name(), "native_regions": ready.loaded.session.cpu().native(),
        "load_seconds": ready.load_time.as_secs_f64(), "plan_bytes": foretold,
        "resident_after_load": resident_loaded, "resident_after_run": process::status("VmRSS"), "peak_resident": process::status("VmHWM"),
    });
    if let (Some(about), serde_json::Value::Object(devices)) = (about.as_object_mut(), roster.json()) {
        about.extend(devices);
    }
    if args.json {
        let tests: Vec<_> = measured
            .iter()
            .map(|m| serde_json::json!({ "test": m.test, "tokens": m.tokens, "seconds": m.seconds, "tokens_per_second": m.rate(), "best": m.best() }))
            .collect();
        print(&format!("{}\n", serde_json::json!({ "about": about, "tests": tests })));
        return Ok(());
    }
    let mb = |v: Option<u64>| v.map_or("?".into(), |v| format!("{:.1}", v as f64 / 1e6));
    let devices: String = roster.running().iter().map(|(_, name)| format!("{name} and ")).collect();
    let mut out = format!(
        "{devices}{}, {threads} threads, {} kernels, regions {}\n",
        process::cpu_name(),
        ready.loaded.session.cpu().isa().name(),
        if ready.loaded.session.cpu().native() { "compiled" } else { "interpreted" }
    );
    for kind in Kind::ALL {
        if let Standing::Lost { name, why } = roster.standing(kind) {
            out.push_str(&format!("{name} was lost while this was measured, and the host did its part from then on: {why}\n"));
        }
    }
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
    for m in measured.iter().filter(|m| !m.profile.is_empty()) {
        out.push_str(&profiled(m, threads));
    }
    for m in measured.iter().filter(|m| !m.gpu.is_empty()) {
        out.push_str(&profiled_gpu(m));
    }
    print(&out);
    Ok(())
}

/// Every choice of one from each.
fn combinations<'a>(a: &'a [usize], b: &'a [usize], c: &'a [usize]) -> impl Iterator<Item = (&'a usize, &'a usize, &'a usize)> {
    a.iter().flat_map(move |x| b.iter().flat_map(move |y| c.iter().map(move |z| (x, y, z))))
}

/// The table of where a measurement's time went.
fn profiled(m: &Measured, threads: usize) -> String {
    let repeats = m.seconds.len() as f64;
    let whole = m.seconds.iter().sum::<f64>() * threads as f64;
    let busy: f64 = m.profile.iter().map(|l| l.seconds).sum();
    let mut out = format!("\n{}: {:.3} ms of {threads} threads per token\n", m.test, 1e3 * whole / repeats / m.tokens as f64);
    out.push_str("| share | ms per token | microseconds a call | weights, GB/s of a thread | command |\n| ---: | ---: | ---: | ---: | --- |\n");
    let mut line = |what: &str, seconds: f64, calls: u64, bytes: u64| {
        let rate = if bytes > 0 { format!("{:.1}", bytes as f64 / seconds * 1e-9) } else { String::new() };
        let call = if calls > 0 { format!("{:.1}", seconds * 1e6 / calls as f64) } else { String::new() };
        let token = seconds * 1e3 / repeats / m.tokens as f64;
        out.push_str(&format!("| {:.1} % | {token:.3} | {call} | {rate} | {what} |\n", 100.0 * seconds / whole));
    };
    for l in &m.profile {
        line(&l.what, l.seconds, l.calls, l.bytes);
    }
    line("waiting for each other, and what no command does", (whole - busy).max(0.0), 0, 0);
    out
}

/// The table of where the GPU's time went. Launches were timed one by one, so what overlaps otherwise does not here.
fn profiled_gpu(m: &Measured) -> String {
    let each = 1e6 / (m.seconds.len() * m.tokens) as f64;
    let (busy, calls): (f64, u64) = m.gpu.iter().fold((0.0, 0), |(s, c), l| (s + l.seconds, c + l.calls));
    let mut out = format!("\n{}: {:.1} microseconds of the GPU per token in {calls} launches, each run alone\n", m.test, busy * each);
    out.push_str("| share | microseconds per token | microseconds a call | calls | launch |\n| ---: | ---: | ---: | ---: | --- |\n");
    for l in &m.gpu {
        let (share, call) = (100.0 * l.seconds / busy, l.seconds * 1e6 / l.calls as f64);
        out.push_str(&format!("| {share:.1} % | {:.2} | {call:.1} | {} | {} |\n", l.seconds * each, l.calls, l.what));
    }
    out
}

/// Times `once` after `before`, which does not count.
fn measure(
    args: &Args,
    session: &mut Session,
    test: String,
    tokens: usize,
    before: impl Fn(&mut Session) -> Result<()>,
    once: impl Fn(&mut Session) -> Result<()>,
) -> Result<Measured> {
    before(session)?;
    once(session)?; // Caches and clocks warm up unmeasured.
    let mut seconds = Vec::new();
    if args.profile {
        session.set_profile(true)?;
    }
    for _ in 0..args.repeat.max(1) {
        let start = Instant::now();
        once(session)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let (mut profile, mut gpu) = (vec![], vec![]);
    if args.profile {
        (profile, gpu) = session.set_profile(false)?;
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Measured { test, tokens, seconds, profile, gpu })
}

/// A fixed sequence of tokens that repeats late.
fn token(session: &Session, at: usize) -> u32 {
    (at as u64 * 2_654_435_761 % u64::from(session.cpu().plan().model.text_vocabulary)) as u32
}

/// Runs a prompt in one slot, logits of its last token only.
fn prompt(session: &mut Session, slot: u32, tokens: usize) -> Result<()> {
    let most = session.limits().rows;
    for first in (0..tokens).step_by(most) {
        let rows: Vec<Row> = (first..tokens.min(first + most))
            .map(|at| Row { token: token(session, at), slot, position: at as u32, logits: at + 1 == tokens })
            .collect();
        session.step(&rows, &mut |_, _| {})?;
    }
    Ok(())
}

/// Generates greedily in the first `streams` slots at once, from position `depth` on.
fn generate(session: &mut Session, depth: usize, streams: usize, tokens: usize) -> Result<()> {
    let text = session.cpu().plan().model.text_vocabulary;
    let mut rows: Vec<Row> =
        (0..streams).map(|s| Row { token: token(session, s + 1), slot: s as u32, position: depth as u32, logits: true }).collect();
    let mut next = vec![0; streams];
    for _ in 0..tokens {
        session.step_best(&rows, text as usize, &mut |row, id, _| next[row] = id)?;
        for (row, next) in rows.iter_mut().zip(&next) {
            (row.token, row.position) = (*next, row.position + 1);
        }
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
