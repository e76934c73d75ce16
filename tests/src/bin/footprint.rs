//! A process that does nothing but load an artifact and run it, and says what memory the system counts for it.
//! `footprint ARTIFACT THREADS TOKENS` prints one JSON object. A test cannot measure itself: other tests live in its process.

use serde_json::json;
use unicorn_rt::step::{Row, Stepper};
use unicorn_tests::{open, threads};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, artifact, thread_count, tokens] = &arguments[..] else { panic!("usage: footprint ARTIFACT THREADS TOKENS") };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let before = memory();
    let mut loaded = open(artifact.as_ref(), threads(number(thread_count)));
    // Code and C library pages are counted when they first run, so a step of each kind comes before the first measurement.
    run(&mut loaded.session, 64);
    let after_load = memory();
    run(&mut loaded.session, number(tokens));
    let after_run = memory();
    let foretold = loaded.manifest.plan.resident_bytes(loaded.session.cpu().threads() as u64);
    let point = |(resident, anonymous): (u64, u64)| json!({ "resident": resident, "anonymous": anonymous });
    println!("{}", json!({ "before": point(before), "after_load": point(after_load), "after_run": point(after_run), "foretold": foretold }));
}

/// Sequences in every slot, full steps and then single tokens, around the context as often as it takes.
fn run(stepper: &mut dyn Stepper, tokens: usize) {
    let limits = stepper.limits();
    let (mut done, mut slot) = (0, 0);
    while done < tokens {
        let length = limits.context.min(tokens - done).max(1);
        let mut position = 0;
        while position < length {
            let prompt = length / 8 * 7;
            let count = if position < prompt { limits.rows.min(prompt - position) } else { 1 };
            let row = |at: usize| Row { token: (at as u32 * 31 + 7) % 384, slot, position: at as u32, logits: at + 1 == position + count };
            let rows: Vec<Row> = (position..position + count).map(row).collect();
            stepper.step(&rows, &mut |_, logits| assert!(logits[0].is_finite())).expect("a step");
            position += count;
        }
        done += length;
        slot = (slot + 1) % limits.slots as u32;
    }
}

/// Resident and anonymous bytes, as the system counts them page by page.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux says what a process uses");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number of kB") * 1024
    };
    (field("Rss:"), field("Anonymous:"))
}
