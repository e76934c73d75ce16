//! What `unicornc inspect` shows of GPU kernels: `--kernels` and `--disasm`.

use super::super::{emit, human, print};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use unicorn_artifact::file::Artifact;
use unicorn_artifact::gpu::{GpuPlan, Launch, Stage};
use unicorn_artifact::plan::{Entry, Part, Plan};
use unicorn_kernels_gpu::target::{Device, Target};
use unicornc::listing::cost::{self, Assumed, Cost, Unit};
use unicornc::listing::{self, Code, disassembly};
use unicornc::lower::gpu::launches;
use unicornc::{Error, Result};

/// What to show of a GPU's part.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Instead: what every GPU kernel takes of its device, and what every launch must move and compute.
    #[arg(long, conflicts_with_all = ["plan", "disasm"])]
    kernels: bool,
    /// Instead: the code of a kernel, of a region (`r12`), or of all kernels whose name, shape or weight holds this.
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    disasm: Option<String>,
    /// With --kernels or --disasm: only for this GPU, e.g. hip:gfx1103.
    #[arg(long)]
    target: Option<String>,
    /// With --kernels: positions already held.
    #[arg(long, value_name = "POSITIONS", default_value_t = 512)]
    depth: u32,
    /// With --kernels: share of the neurons that are active in sparse layers.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    active: f64,
}

impl Show {
    /// Whether any of it was asked for.
    pub fn wanted(&self) -> bool {
        self.kernels || self.disasm.is_some() || self.target.is_some()
    }

    fn target(&self) -> Result<Option<Target>> {
        let bad = |why: unicorn_kernels_gpu::Error| Error::Option { option: "--target".into(), why: why.to_string() };
        self.target.as_ref().map(|name| name.parse().map_err(bad)).transpose()
    }
}

pub fn run(artifact: &Artifact, plan: &Plan, args: &Show, json: bool) -> Result<()> {
    let target = args.target()?;
    if let Some(pattern) = &args.disasm {
        return disasm(artifact, plan, pattern, target, json);
    }
    if !args.kernels {
        return Err(Error::Option { option: "--target".into(), why: "wants --kernels or --disasm beside it".into() });
    }
    if !(0.0..=1.0).contains(&args.active) {
        return Err(Error::Option { option: "--active".into(), why: format!("{} is no share", args.active) });
    }
    let assumed = Assumed { depth: args.depth, active: args.active };
    let codes = listing::codes(artifact, plan, target)?;
    let mut targets: Vec<Target> = codes.iter().map(|code| code.target).collect();
    targets.sort_unstable();
    targets.dedup();
    let entries = entries(plan, listing::gpu(plan)?, assumed);
    if json {
        emit(&as_json(&codes, &entries, &targets, assumed)?);
    } else {
        print(&as_text(&codes, &entries, &targets, assumed)?);
    }
    Ok(())
}

fn disasm(artifact: &Artifact, plan: &Plan, pattern: &str, target: Option<Target>, json: bool) -> Result<()> {
    let found = disassembly::find(artifact, plan, pattern, target)?;
    let mut texts = vec![];
    for code in &found.kernels {
        texts.push((code, disassembly::text(code)?));
    }
    if json {
        let kernel = |(code, text): &(&Code<'_>, String)| serde_json::json!({ "name": code.kernel.name, "title": code.kernel.title, "target": code.target.name(), "text": text });
        let host = |(region, arch, bytes): &(usize, &str, &[u8])| serde_json::json!({ "region": region, "arch": arch, "bytes": bytes.len() });
        emit(&serde_json::json!({
            "kernels": texts.iter().map(kernel).collect::<Vec<_>>(), "host": found.host.iter().map(host).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    for (code, text) in &texts {
        print(&format!("# {} for {}: {}\n{text}\n", code.kernel.name, code.target, code.kernel.title));
    }
    for (region, arch, bytes) in &found.host {
        print(&format!("# r{region} for the host, {arch}: {}, not disassembled\n", human(bytes.len() as u64)));
    }
    Ok(())
}

/// Kernels of one shape, how often they are launched, and all they cost.
#[derive(Default)]
struct Shape {
    kernels: BTreeSet<u32>,
    launches: u64,
    cost: Cost,
}

/// What an entry launches.
struct Launched<'a> {
    entry: &'a Entry,
    /// In order of their first kernels.
    shapes: Vec<Shape>,
    /// One per launch, for the limits of each.
    each: Vec<Cost>,
    /// Stages of the host in between.
    host: usize,
}

impl Launched<'_> {
    fn name(&self) -> String {
        format!("{:?} of {} rows", self.entry.part, self.entry.rows).to_lowercase()
    }

    fn total(&self) -> Cost {
        let mut total = Cost::default();
        self.each.iter().for_each(|cost| total += *cost);
        total
    }

    /// Seconds: no launch begins before the one before it has ended.
    fn limit(&self, device: &Device) -> f64 {
        self.each.iter().map(|cost| cost.limit(device).0).sum()
    }
}

fn entries<'a>(plan: &'a Plan, gpu: &'a GpuPlan, assumed: Assumed) -> Vec<Launched<'a>> {
    let one = |(entry, made): (&'a Entry, &'a unicorn_artifact::gpu::GpuEntry)| {
        let all: Vec<&Launch> = launches(made).chain(&made.best).collect();
        let each: Vec<Cost> = all.iter().map(|launch| cost::launch(plan, gpu, entry, launch, assumed)).collect();
        let mut shapes: BTreeMap<&str, Shape> = BTreeMap::new();
        for (launch, cost) in all.iter().zip(&each) {
            let shape = shapes.entry(&gpu.kernels[launch.kernel as usize].title).or_default();
            shape.kernels.insert(launch.kernel);
            shape.launches += 1;
            shape.cost += *cost;
        }
        let mut shapes: Vec<Shape> = shapes.into_values().collect();
        shapes.sort_by_key(|shape| shape.kernels.first().copied());
        Launched { entry, shapes, each, host: made.stages.iter().filter(|s| matches!(s, Stage::Host(_))).count() }
    };
    plan.entries.iter().zip(&gpu.entries).map(one).collect()
}

/// The entries that make one token.
fn token<'a, 'b>(entries: &'b [Launched<'a>]) -> Option<[&'b Launched<'a>; 2]> {
    let of = |part: Part| entries.iter().find(|e| e.entry.part == part && e.entry.rows == 1);
    Some([of(Part::Body)?, of(Part::Tail)?])
}

fn as_json(codes: &[Code<'_>], entries: &[Launched<'_>], targets: &[Target], assumed: Assumed) -> Result<serde_json::Value> {
    let mut kernels = vec![];
    for code in codes {
        let r = listing::resources(code)?;
        kernels.push(serde_json::json!({
            "name": code.kernel.name, "title": code.kernel.title, "target": code.target.name(), "threads": code.kernel.threads, "vgprs": r.vgprs,
            "sgprs": r.sgprs, "shared_bytes": r.shared_bytes, "waves_per_simd": r.waves, "code_bytes": r.code_bytes,
        }));
    }
    let cost = |cost: &Cost| {
        let operations: BTreeMap<_, _> = Unit::ALL.into_iter().map(|unit| (unit.name(), cost.operations[unit as usize])).collect();
        let limit = |target: &Target| {
            let (seconds, bound) = cost.limit(&target.device()?);
            Some((target.name(), serde_json::json!({ "seconds": seconds, "bound": bound })))
        };
        let limits: BTreeMap<_, _> = targets.iter().filter_map(limit).collect();
        serde_json::json!({ "weight_bytes": cost.weight_bytes, "value_bytes": cost.value_bytes, "operations": operations, "limits": limits })
    };
    let entry = |e: &Launched<'_>| {
        let shape = |s: &Shape| serde_json::json!({ "kernels": s.kernels, "launches": s.launches, "cost": cost(&s.cost) });
        serde_json::json!({
            "part": format!("{:?}", e.entry.part).to_lowercase(), "rows": e.entry.rows, "launches": e.each.len(), "host_stages": e.host,
            "shapes": e.shapes.iter().map(shape).collect::<Vec<_>>(), "cost": cost(&e.total()),
        })
    };
    let tokens = |target: &Target| {
        let device = target.device()?;
        Some((target.name(), 1.0 / token(entries)?.iter().map(|e| e.limit(&device)).sum::<f64>()))
    };
    Ok(serde_json::json!({
        "depth": assumed.depth, "active": assumed.active, "kernels": kernels, "entries": entries.iter().map(entry).collect::<Vec<_>>(),
        "tokens_per_second_limit": targets.iter().filter_map(tokens).collect::<BTreeMap<_, _>>(),
    }))
}

fn as_text(codes: &[Code<'_>], entries: &[Launched<'_>], targets: &[Target], assumed: Assumed) -> Result<String> {
    let mut out = String::new();
    let number = |value: Option<u32>| value.map_or("-".into(), |v| v.to_string());
    // Writing to a String cannot fail.
    let _ =
        writeln!(out, "kernels\n  {:<16} {:<17} {:>4} {:>4} {:>9} {:>5} {:>9}  shape", "name", "target", "vgpr", "sgpr", "shared", "waves", "code");
    for code in codes {
        let r = listing::resources(code)?;
        let (shared, bytes) = (r.shared_bytes.map_or("-".into(), |b| human(b.into())), human(r.code_bytes));
        let _ = writeln!(
            out,
            "  {:<16} {:<17} {:>4} {:>4} {shared:>9} {:>5} {bytes:>9}  {}",
            code.kernel.name,
            code.target.name(),
            number(r.vgprs),
            number(r.sgprs),
            number(r.waves),
            code.kernel.title
        );
    }
    let devices: Vec<Device> = targets.iter().filter_map(|target| target.device()).collect();
    let _ = writeln!(
        out,
        "\nlaunches at {} positions held, {} % of neurons active in sparse layers; limits count every byte and operation once, launches nothing",
        assumed.depth,
        100.0 * assumed.active
    );
    for d in &devices {
        let [matrix, dot, float] = Unit::ALL.map(|unit| unit.rate(d) / 1e12);
        let _ = writeln!(
            out,
            "  {}: {:.1} GB/s; {matrix:.1} T operations/s by matrix units, {dot:.1} by dot products, {float:.1} in singles",
            d.name,
            d.bandwidth / 1e9
        );
    }
    for e in entries {
        let host = if e.host == 0 { String::new() } else { format!(", {} stages of the host not counted", e.host) };
        let _ = writeln!(out, "\n{}: {} launches{host}", e.name(), e.each.len());
        let limits: String = devices.iter().map(|d| format!(" {:>24}", d.name)).collect();
        let _ = writeln!(out, "  {:>5} {:<16} {:>9} {:>9} {:>9}{limits}  shape", "times", "kernel", "weights", "values", "M ops");
        let line = |out: &mut String, times: &str, name: &str, cost: &Cost, limits: &str, title: &str| {
            let (weights, values) = (human(cost.weight_bytes), human(cost.value_bytes));
            let operations = cost.operations.iter().sum::<u64>() as f64 / 1e6;
            let _ = writeln!(out, "{}", format!("  {times:>5} {name:<16} {weights:>9} {values:>9} {operations:>9.1}{limits}  {title}").trim_end());
        };
        for shape in &e.shapes {
            let limit = |d: &Device| {
                let (seconds, bound) = shape.cost.limit(d);
                format!(" {:>24}", format!("{:.1} us {bound}", seconds * 1e6))
            };
            let kernel = codes.iter().find(|c| shape.kernels.first() == Some(&(c.number as u32))).map(|c| c.kernel);
            let more = if shape.kernels.len() > 1 { format!(" +{}", shape.kernels.len() - 1) } else { String::new() };
            let (name, title) = kernel.map_or(("?", "?"), |k| (&k.name, &k.title));
            let limits: String = devices.iter().map(limit).collect();
            line(&mut out, &format!("{} x", shape.launches), &format!("{name}{more}"), &shape.cost, &limits, title);
        }
        let limits: String = devices.iter().map(|d| format!(" {:>24}", format!("{:.1} us", e.limit(d) * 1e6))).collect();
        line(&mut out, "", "all", &e.total(), &limits, "");
    }
    if let Some(token) = token(entries) {
        let mut total = Cost::default();
        token.iter().for_each(|e| total += e.total());
        let launches: usize = token.iter().map(|e| e.each.len()).sum();
        let _ = writeln!(out, "\none token: {launches} launches, {} of weights, {} of values", human(total.weight_bytes), human(total.value_bytes));
        for d in &devices {
            let seconds: f64 = token.iter().map(|e| e.limit(d)).sum();
            let _ = writeln!(out, "  {}: {:.2} ms at the least, so at most {:.1} tokens/s", d.name, seconds * 1e3, 1.0 / seconds);
        }
    }
    Ok(out)
}
