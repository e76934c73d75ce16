//! One page: a checkpoint becomes an artifact. Each stage takes what the one before made, and its result can be shown.

mod devices;

use crate::graph::{Graph, eval, text, verify};
use crate::import::Checkpoint;
use crate::lower::gpu::image::Toolchain;
use crate::lower::{Lowered, cpu, lower, pack};
use crate::partition::{self, Partition};
use crate::passes::quantise::{Choice, Chosen};
use crate::passes::split::{Program, StateInfo};
use crate::passes::{fold, fuse, quantise, split};
use crate::schedule::{check, memory};
use crate::target::{Npu, Targets};
use crate::{Error, Result, selftest, sensitivity};
use std::path::Path;
use unicorn_artifact::command::BufferId;
use unicorn_artifact::file::{Manifest, Provenance, Writer, section};
use unicorn_artifact::plan::{self, ALIGN, Entry, Handoff, KV_BLOCK, Model, Plan, State};
use unicorn_artifact::tensor::Format;
use unicorn_kernels_gpu::target::Target;

/// Stages that one can stop after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Checkpoint to graph.
    Import,
    /// Constants folded, dead nodes gone.
    Fold,
    /// Formats chosen.
    Quantise,
    /// Body and tail.
    Split,
    /// Regions fused.
    Fuse,
    /// Commands.
    Lower,
    /// Addresses, checked.
    Schedule,
    /// The file.
    Artifact,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 8] = [Self::Import, Self::Fold, Self::Quantise, Self::Split, Self::Fuse, Self::Lower, Self::Schedule, Self::Artifact];

    /// As typed after `--stop-after`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Fold => "fold",
            Self::Quantise => "quantise",
            Self::Split => "split",
            Self::Fuse => "fuse",
            Self::Lower => "lower",
            Self::Schedule => "schedule",
            Self::Artifact => "artifact",
        }
    }
}

/// What to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// The wanted format of matrices.
    pub format: Format,
    /// Predicted divergence of the answers, in nats per token, down to which tensors are refined.
    pub limit: Option<f32>,
    /// Largest checkpoint whose tensors are measured one by one.
    pub measure_bytes: u64,
    /// Formats by tensor name or prefix.
    pub overrides: Vec<(String, Format)>,
    /// Positions per sequence; `None`: the model's own, at most 4096.
    pub context: Option<u32>,
    /// Sequences held at once.
    pub slots: u32,
    /// Row counts of the entries.
    pub rows: Vec<u32>,
    /// Most rows whose logits are computed at once.
    pub logit_rows: u32,
    /// Threads to pack with. Does not change the bytes.
    pub threads: usize,
    /// Record the logits of a short prompt.
    pub selftest: bool,
    /// Leave the weights out: such a file is no artifact yet, see `hollow` in `benches`.
    pub hollow: bool,
    /// GPUs to compile kernels for.
    pub targets: Vec<Target>,
    /// An NPU to make containers and streams for.
    pub npu: Option<Npu>,
    /// What falls to them.
    pub partition: Partition,
    /// How kernels are made.
    pub tools: Toolchain,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::Q4,
            limit: Some(DEFAULT_LIMIT),
            measure_bytes: DEFAULT_MEASURE_BYTES,
            overrides: vec![],
            context: None,
            slots: 4,
            rows: vec![1, 4, 16, 64, 256],
            logit_rows: 16,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            selftest: true,
            hollow: false,
            targets: vec![],
            npu: None,
            partition: Partition::default(),
            tools: Toolchain { threads: std::thread::available_parallelism().map_or(1, usize::from), ..Toolchain::default() },
        }
    }
}

/// The default limit of the predicted divergence at four bits, in nats per token.
pub const DEFAULT_LIMIT: f32 = 0.3;
/// The default of [`Options::measure_bytes`]: measuring holds the model in memory at two bytes a weight and runs it once per tensor.
pub const DEFAULT_MEASURE_BYTES: u64 = 1 << 30;
const DEFAULT_CONTEXT: u32 = 4096;

/// What is reported while compiling.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A stage begins.
    Stage(Stage),
    /// Bytes packed so far, of how many.
    Packed(u64, u64),
    /// Something a user should know.
    Notice(&'a str),
    /// What runs where, and why; only where something was compiled for a GPU.
    Partition(&'a partition::Table),
    /// What a stage made, as text; only for the stage that `dump` names.
    Dump(Stage, String),
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The artifact's digest in hex; `None` if compilation stopped earlier.
    pub digest: Option<String>,
    /// Bytes of the artifact.
    pub bytes: u64,
    /// The format of every matrix.
    pub formats: Vec<Chosen>,
    /// The manifest, from stage `schedule` on.
    pub manifest: Option<Manifest>,
}

/// Compiles `checkpoint` to the file `out`, or as far as `stop_after`.
///
/// # Errors
/// Whatever the stages say; `out` is replaced only when everything went well.
pub fn compile(
    checkpoint: &Checkpoint,
    out: &Path,
    options: &Options,
    stop_after: Stage,
    dump: bool,
    report: &mut dyn FnMut(Event<'_>),
) -> Result<Outcome> {
    let mut outcome = Outcome { digest: None, bytes: 0, formats: vec![], manifest: None };
    let mut notices = Vec::new();
    if options.npu.is_none() {
        options.partition.without_npu()?;
    }
    // Asked at once: a program that is no assembler should not be found out after minutes.
    let assembler = options.tools.ptxas.as_ref().map(|ptxas| ptxas.version().map_err(Error::Kernel)).transpose()?;
    if let Some(notice) = skipped_notice(checkpoint.skipped()) {
        report(Event::Notice(&notice));
        notices.push(notice);
    }
    let begin = |stage: Stage, report: &mut dyn FnMut(Event<'_>)| report(Event::Stage(stage));
    macro_rules! done {
        ($stage:expr, $text:expr) => {
            if dump && stop_after == $stage {
                let text = $text;
                report(Event::Dump($stage, text));
            }
            if stop_after == $stage {
                return Ok(outcome);
            }
        };
    }

    begin(Stage::Import, report);
    let graph = crate::import::gemma3n::build(checkpoint)?;
    verified(&graph, "import")?;
    done!(Stage::Import, text::print(&graph));

    begin(Stage::Fold, report);
    let graph = fold::fold(&graph)?;
    verified(&graph, "fold")?;
    done!(Stage::Fold, text::print(&graph));

    begin(Stage::Quantise, report);
    let sensitivity = match options.limit.filter(|_| options.format == Format::Q4) {
        Some(_) if checkpoint.total_bytes() <= options.measure_bytes => sensitivity::measure(checkpoint, &graph, options.threads)?,
        Some(_) => {
            let notice = "the checkpoint is larger than --measure-bytes: no tensor was refined by its measured error".to_owned();
            report(Event::Notice(&notice));
            notices.push(notice);
            Vec::new()
        }
        None => Vec::new(),
    };
    let npu = match options.npu {
        Some(_) => quantise::gates(&graph).into_iter().filter(|tensor| options.partition.on_npu(tensor)).collect(),
        None => vec![],
    };
    let choice = Choice { format: options.format, limit: options.limit, overrides: options.overrides.clone(), sensitivity, npu };
    let (graph, formats) = quantise::quantise(&graph, checkpoint, &choice)?;
    verified(&graph, "quantise")?;
    outcome.formats = formats;
    done!(Stage::Quantise, text::print(&graph));

    begin(Stage::Split, report);
    let program = split::split(&graph)?;
    verified_program(&program, "split")?;
    done!(Stage::Split, print_program(&program));

    begin(Stage::Fuse, report);
    let program = fused(program)?;
    done!(Stage::Fuse, print_program(&program));

    begin(Stage::Lower, report);
    let lowered = lower(&program)?;
    let (targets, mut sections) = machine_code(&lowered)?;
    done!(Stage::Lower, print_lowered(&lowered));

    begin(Stage::Schedule, report);
    let mut plan = schedule(checkpoint, &lowered, &program, options)?;
    plan.code = targets;
    notices.extend(devices::devices(&mut plan, &mut sections, options, report)?);
    check::check(&plan)?;
    done!(Stage::Schedule, unicorn_artifact::print::plan(&plan));

    begin(Stage::Artifact, report);
    let provenance = provenance(checkpoint, options, assembler, &plan, notices)?;
    let made = Made { lowered: &lowered, program: &program, code: &sections, provenance };
    let manifest = write(checkpoint, out, made, plan, options, report)?;
    let artifact = unicorn_artifact::file::Artifact::open(out)?;
    outcome.digest = Some(unicorn_artifact::file::hex(artifact.digest()));
    outcome.bytes = std::fs::metadata(out).map_err(|e| Error::io(out, e))?.len();
    outcome.manifest = Some(manifest);
    Ok(outcome)
}

fn skipped_notice(skipped: &[String]) -> Option<String> {
    (!skipped.is_empty())
        .then(|| format!("{} tensors that the text model does not read were skipped (towers, or keys and values of shared layers)", skipped.len()))
}

fn fused(program: Program) -> Result<Program> {
    let program = Program { body: fuse::fuse(&program.body)?, tail: fuse::fuse(&program.tail)?, states: program.states };
    verified_program(&program, "fuse")?;
    Ok(program)
}

/// Compiles a graph whose formats are chosen to an artifact without self-test: what measurements on the way are made with.
///
/// # Errors
/// Whatever the stages say.
pub(crate) fn probe(checkpoint: &Checkpoint, graph: &Graph, out: &Path, options: &Options) -> Result<()> {
    let program = fused(split::split(graph)?)?;
    let lowered = lower(&program)?;
    let (targets, sections) = machine_code(&lowered)?;
    let mut plan = schedule(checkpoint, &lowered, &program, options)?;
    plan.code = targets;
    let made = Made { lowered: &lowered, program: &program, code: &sections, provenance: Provenance::default() };
    write(checkpoint, out, made, plan, options, &mut |_| {}).map(|_| ())
}

fn verified(graph: &Graph, pass: &str) -> Result<()> {
    verify::verify(graph).map_err(|why| Error::verify(pass, why))
}

fn verified_program(program: &Program, pass: &str) -> Result<()> {
    verified(&program.body, &format!("{pass} (body)"))?;
    verified(&program.tail, &format!("{pass} (tail)"))
}

fn print_program(program: &Program) -> String {
    format!("# body\n{}\n# tail\n{}", text::print(&program.body), text::print(&program.tail))
}

fn print_lowered(lowered: &Lowered) -> String {
    let mut out = String::new();
    for (name, part) in [("body", &lowered.body), ("tail", &lowered.tail)] {
        out.push_str(&format!("# {name}\n"));
        for (at, buffer) in part.buffers.iter().enumerate() {
            out.push_str(&format!("b{at}: {:?}[{}] `{}`\n", buffer.elements, buffer.width, buffer.name));
        }
        for command in &part.commands {
            out.push_str(&unicorn_artifact::print::command(command));
            out.push('\n');
        }
    }
    out
}

/// Sections with machine code: name and bytes.
type CodeSections = Vec<(String, Vec<u8>)>;

/// Region code for every target: descriptions for the plan, bytes for the sections.
fn machine_code(lowered: &Lowered) -> Result<(Vec<plan::Code>, CodeSections)> {
    let mut codes = Vec::new();
    let mut sections = Vec::new();
    for target in &cpu::emit::TARGETS {
        let (bytes, regions) = cpu::emit::compile(&lowered.regions, target)?;
        let section = format!("code.{}", target.arch);
        let features = target.features.iter().map(|f| (*f).to_owned()).collect();
        codes.push(plan::Code { section: section.clone(), arch: target.arch.into(), features, regions });
        sections.push((section, bytes));
    }
    Ok((codes, sections))
}

fn schedule(checkpoint: &Checkpoint, lowered: &Lowered, program: &Program, options: &Options) -> Result<Plan> {
    let config = checkpoint.config();
    let rows = row_counts(options)?;
    let most = *rows.last().expect("row_counts gives at least one");
    let context = context(options.context, config.max_positions)?;
    if options.slots == 0 || options.slots > 256 {
        return Err(Error::Option { option: "--slots".into(), why: format!("{} is not in 1..=256", options.slots) });
    }
    let (weights, weight_bytes, streamed_bytes) = lowered.weights.place();
    let (states, state_bytes) = place_states(&program.states, context, most, options.slots)?;
    let (mut handoffs, mut floor) = (Vec::new(), 0u64);
    for &id in &lowered.body.outputs {
        let buffer = &lowered.body.buffers[id as usize];
        handoffs.push(Handoff { name: buffer.name.clone(), width: buffer.width, offset: floor });
        floor += (u64::from(buffer.width) * 4 * u64::from(most)).next_multiple_of(ALIGN);
    }
    let tail_rows: Vec<u32> = rows.iter().copied().filter(|r| *r <= options.logit_rows.max(rows[0])).collect();
    let mut arena_bytes = floor;
    let mut entries = Vec::new();
    for (part, counts, source) in [(plan::Part::Body, &rows, &lowered.body), (plan::Part::Tail, &tail_rows, &lowered.tail)] {
        for &rows in counts {
            let logits = (part == plan::Part::Tail).then(|| source.outputs[0]);
            let mut entry = Entry { part, rows, buffers: source.buffers.clone(), commands: source.commands.clone(), logits };
            let mut pinned: Vec<BufferId> = Vec::new();
            if part == plan::Part::Body {
                for (handoff, &id) in handoffs.iter().zip(&source.outputs) {
                    entry.buffers[id as usize].offset = handoff.offset;
                    pinned.push(id);
                }
            }
            arena_bytes = arena_bytes.max(memory::place(&mut entry, &lowered.regions, floor, &pinned));
            entries.push(entry);
        }
    }
    let window = config.layers.iter().any(|l| l.kind == crate::import::LayerKind::Sliding);
    let model = Model {
        name: "gemma3n".into(),
        layers: config.layers.len() as u32,
        hidden: config.hidden,
        vocabulary: config.vocab,
        text_vocabulary: config.ple_vocab.min(config.vocab),
        context,
        slots: options.slots,
        window: if window { config.window.min(context) } else { 0 },
        eos: config.eos.clone(),
        bos: config.bos.unwrap_or(2),
    };
    Ok(Plan {
        model,
        weights,
        regions: lowered.regions.clone(),
        code: vec![],
        states,
        handoffs,
        entries,
        arena_bytes,
        state_bytes,
        weight_bytes,
        streamed_bytes,
        gpu: None,
        npu: None,
    })
}

fn row_counts(options: &Options) -> Result<Vec<u32>> {
    let mut rows = options.rows.clone();
    rows.sort_unstable();
    rows.dedup();
    if rows.is_empty() || rows[0] == 0 || rows[rows.len() - 1] > unicorn_artifact::validate::MAX_ROWS {
        let why = format!("{:?} are not row counts in 1..={}", options.rows, unicorn_artifact::validate::MAX_ROWS);
        return Err(Error::Option { option: "--rows".into(), why });
    }
    Ok(rows)
}

fn context(wanted: Option<u32>, most: u32) -> Result<u32> {
    match wanted {
        None => Ok(most.min(DEFAULT_CONTEXT)),
        Some(context) if (1..=most).contains(&context) => Ok(context),
        Some(context) => {
            Err(Error::Option { option: "--context".into(), why: format!("{context} is not in 1..={most}, what the model was trained for") })
        }
    }
}

/// Sliding states keep a window, a step's rows, and a block to spare; full ones the whole context.
fn place_states(infos: &[StateInfo], context: u32, rows: u32, slots: u32) -> Result<(Vec<State>, u64)> {
    let mut end = 0u64;
    let mut states = Vec::new();
    for info in infos {
        let whole = context.next_multiple_of(KV_BLOCK);
        let ring = (info.window.saturating_add(rows) + KV_BLOCK).next_multiple_of(KV_BLOCK);
        let capacity = if info.window == 0 { whole } else { ring.min(whole) };
        if !info.head_dim.is_multiple_of(16) {
            let why = format!("head_dim {} is not a multiple of 16", info.head_dim);
            return Err(Error::Unsupported { place: format!("attention over `{}`", info.name), why });
        }
        let state = State { name: info.name.clone(), kv_heads: info.kv_heads, head_dim: info.head_dim, capacity, offset: end };
        let bytes = state.slot_bytes().and_then(|b| b.checked_mul(u64::from(slots)));
        end += bytes.ok_or_else(|| Error::Option { option: "--context".into(), why: "the size of the KV cache overflows".into() })?;
        states.push(state);
    }
    Ok((states, end))
}

fn provenance(checkpoint: &Checkpoint, options: &Options, assembler: Option<String>, plan: &Plan, notices: Vec<String>) -> Result<Provenance> {
    let list = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut recorded = vec![
        ("quant".to_owned(), options.format.name().to_owned()),
        ("error-limit".into(), options.limit.map_or("none".into(), |l| l.to_string())),
        ("context".into(), plan.model.context.to_string()),
        ("slots".into(), plan.model.slots.to_string()),
        ("rows".into(), list(&row_counts(options)?)),
        ("logit-rows".into(), options.logit_rows.to_string()),
    ];
    let targets = Targets { gpus: options.targets.clone(), npu: options.npu };
    if targets != Targets::default() {
        recorded.push(("target".into(), targets.record()));
        recorded.push(("partition".into(), options.partition.record()));
    }
    recorded.extend(assembler.map(|version| ("ptxas".into(), version)));
    recorded.extend(options.overrides.iter().map(|(name, format)| ("format".into(), format!("{name}={}", format.name()))));
    let inputs = checkpoint.inputs()?.into_iter().map(|(name, digest)| (name, unicorn_artifact::file::hex(&digest))).collect();
    Ok(Provenance { compiler: format!("unicornc {}", env!("CARGO_PKG_VERSION")), inputs, options: recorded, notices })
}

/// What goes into the file beside the plan.
struct Made<'a> {
    lowered: &'a Lowered,
    program: &'a Program,
    code: &'a CodeSections,
    provenance: Provenance,
}

fn write(
    checkpoint: &Checkpoint,
    out: &Path,
    made: Made<'_>,
    mut plan: Plan,
    options: &Options,
    report: &mut dyn FnMut(Event<'_>),
) -> Result<Manifest> {
    let Made { lowered, program, code, provenance } = made;
    // Written beside the target and renamed at the end: whoever finds the target finds a whole artifact.
    let mut unfinished = out.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = std::path::PathBuf::from(unfinished);
    let guard = Remove(&unfinished);
    let mut writer = Writer::create(&unfinished)?;
    let total = plan.weight_bytes + plan.streamed_bytes;
    let mut packed = 0u64;
    for (name, streamed) in [(section::WEIGHTS, false), (section::STREAMED, true)].into_iter().filter(|_| !options.hollow) {
        writer.begin(name)?;
        for (at, constant) in lowered.weights.constants().iter().enumerate().filter(|(_, c)| c.streamed == streamed) {
            debug_assert_eq!(writer.written(), plan.weights[at].offset);
            plan.weights[at].error = pack::pack(constant, checkpoint, options.threads, &mut |bytes| {
                packed += bytes.len() as u64;
                report(Event::Packed(packed.min(total), total));
                Ok(writer.write(bytes)?)
            })?;
        }
    }
    let tokenizer = checkpoint.tokenizer()?;
    writer.begin(section::TOKENIZER)?;
    writer.write(&tokenizer.json)?;
    writer.begin(section::CHAT)?;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let chat = serde_json::json!({
        "template": tokenizer.chat_template,
        "bos_token": text(&tokenizer.bos),
        "eos_token": text(&tokenizer.eos),
        "pad_token": text(&tokenizer.pad),
        "unk_token": text(&tokenizer.unk),
    });
    writer.write(chat.to_string().as_bytes())?;
    for (name, bytes) in code {
        writer.begin(name)?;
        writer.write(bytes)?;
    }
    let manifest = Manifest { provenance, plan };
    writer.begin(section::MANIFEST)?;
    writer.write(&manifest.encode()?)?;
    writer.finish()?;
    if options.selftest && !options.hollow {
        let test = selftest::record(&unfinished, program, checkpoint, &manifest.plan.model)?;
        let mut writer = Writer::reopen(&unfinished)?;
        writer.begin(section::SELFTEST)?;
        writer.write(&test)?;
        writer.finish()?;
    }
    std::fs::rename(&unfinished, out).map_err(|e| Error::io(out, e))?;
    std::mem::forget(guard);
    Ok(manifest)
}

/// Removes an unfinished file when compilation fails.
struct Remove<'a>(&'a Path);

impl Drop for Remove<'_> {
    fn drop(&mut self) {
        // Nothing can be done if it cannot be removed; the error that led here is the one to report.
        let _ = std::fs::remove_file(self.0);
    }
}

/// Evaluates a split program on one sequence: body, then tail for every row. Returns `[rows, vocabulary]`.
///
/// # Errors
/// As [`eval::eval`].
pub fn eval_program(program: &Program, weights: &dyn eval::Weights, ids: &[u32]) -> Result<Vec<f32>> {
    let mut env = eval::Env::default();
    let body = eval::eval(&program.body, weights, ids, &mut env, |_| false)?;
    env.hand_off(&body, &(0..ids.len()).collect::<Vec<_>>());
    let mut tail = eval::eval(&program.tail, weights, ids, &mut env, |_| false)?;
    Ok(tail.outputs.swap_remove(0))
}
