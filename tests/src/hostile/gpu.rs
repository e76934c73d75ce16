//! Hostile GPU plans: an artifact whose layers are divided between host and GPU, with kernels that do nothing; what is changed in it; and the oracle, in which
//! a driver without a device stands for the GPU and counts every argument of a launch and every copy that is not inside allocated memory.

use super::artifact::{Base, reseal, small, steps};
use super::{Verdict, case, folder, mutate};
use crate::{Random, stubs};
use serde_json::{Value, json};
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_kernels_gpu::target::Target;
use unicorn_rt::load::{Options, load};
use unicornc::driver;
use unicornc::import::synthetic;
use unicornc::partition::Partition;

/// The driver that stands for a GPU, for this whole process: whoever asks for `libcuda.so.1` gets it.
#[derive(Debug)]
pub struct FakeGpu(libloading::Library);

impl FakeGpu {
    /// The library, compiled once; `None`, with a word, where there is no C compiler.
    ///
    /// # Panics
    /// If it does not compile.
    pub fn library() -> Option<&'static Path> {
        static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
        let make = || {
            let folder = crate::output_folder().join("fake-gpu");
            std::fs::create_dir_all(&folder).expect("a folder can be made");
            // Other test processes make the same file at the same time: a rename puts a whole one in place.
            let own = |end: &str| folder.join(format!("{}.{end}", std::process::id()));
            let (source, made, library) = (own("c"), own("so"), folder.join("libcuda.so.1"));
            std::fs::write(&source, include_str!("fake_gpu.c")).expect("a file can be written");
            // The loader knows an open library by its own name: no search finds another one afterwards.
            let flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libcuda.so.1"];
            match Command::new("cc").args(flags).arg(&source).arg("-o").arg(&made).output() {
                Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
                Err(why) => {
                    eprintln!("skipped: cc: {why}");
                    return None;
                }
            }
            std::fs::rename(&made, &library).expect("a file can be renamed");
            std::fs::remove_file(&source).expect("the file just written");
            Some(library)
        };
        MADE.get_or_init(make).as_deref()
    }

    /// Opens it in this process, once; `None` as [`FakeGpu::library`].
    ///
    /// # Panics
    /// If it does not compile, or cannot be opened.
    pub fn get() -> Option<&'static Self> {
        static OPEN: OnceLock<Option<FakeGpu>> = OnceLock::new();
        // SAFETY: the library was just compiled from the text beside this file; it has no initialisers.
        let open = |library: &Path| Self(unsafe { libloading::Library::new(library) }.expect("the library just compiled"));
        OPEN.get_or_init(|| Self::library().map(open)).as_ref()
    }

    fn count(&self, name: &str) -> u64 {
        // SAFETY: both counters are functions without arguments that return an int.
        let counter = unsafe { self.0.get::<unsafe extern "C" fn() -> c_int>(name) }.expect("the library has its counters");
        // SAFETY: as above; they only read.
        unsafe { counter() }.unsigned_abs().into()
    }

    /// Accesses outside allocated memory so far.
    pub fn faults(&self) -> u64 {
        self.count("fake_faults")
    }

    /// Parameters of kernels so far for which a launch had nothing.
    pub fn nulls(&self) -> u64 {
        self.count("fake_nulls")
    }

    /// Kernels run so far.
    pub fn launches(&self) -> u64 {
        self.count("fake_launches")
    }
}

/// The artifact of a tiny random model, some of whose layers are the GPU's, made once.
///
/// # Panics
/// If the compiler fails.
pub fn tiny() -> &'static Base {
    static MADE: OnceLock<Base> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = folder();
        let sizes = synthetic::Options {
            layers: 5,
            full_every: 2,
            shared: 2,
            sparse: 1,
            heads: 2,
            kv_heads: 1,
            head_dim: 64,
            ffn: 128,
            ..synthetic::Options::default()
        };
        synthetic::write(folder.path(), &sizes).expect("a checkpoint can be written");
        let path = case(folder.path());
        let partition = Partition::parse("layers 1 ffn: host\nlayer 3: host\nall: gpu").expect("rules");
        // No self-test: a device that computes nothing would not pass it.
        stubs::compile(folder.path(), &path, &driver::Options { selftest: false, partition, ..small() }, &[Target::Sm90]);
        Base::read(&path)
    })
}

/// What a mutant has that the base has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// Its kernels.
    Code,
    /// The GPU's part of its plan.
    Plan,
}

/// Writes the mutant of `seed` to `path`.
///
/// # Panics
/// If it cannot be written.
pub fn write(base: &Base, seed: u64, path: &Path) -> Changed {
    let mut random = Random(seed);
    if random.below(8) == 0 {
        let name = "gpu.cuda.sm_90";
        let old = base.section(name).to_vec();
        let mut bytes = old.clone();
        mutate::bytes(&mut random, &mut bytes);
        reseal(base, path, name, &bytes);
        return if bytes == old { Changed::Nothing } else { Changed::Code };
    }
    // What no longer fits the types would not get past the decoder: try again.
    let manifest = (0..50).find_map(|_| {
        let mut document = base.manifest.clone();
        change(&mut random, &mut document["plan"]["gpu"]);
        (document != base.manifest).then_some(document).and_then(|d| serde_json::from_value::<Manifest>(d).ok())
    });
    let Some(manifest) = manifest else {
        reseal(base, path, section::MANIFEST, base.section(section::MANIFEST));
        return Changed::Nothing;
    };
    reseal(base, path, section::MANIFEST, &manifest.encode().expect("a manifest can be encoded"));
    Changed::Plan
}

/// A list that is not empty, or nothing.
fn list<'a>(random: &mut Random, value: &'a mut Value) -> Option<&'a mut Value> {
    let list = value.as_array_mut().filter(|l| !l.is_empty())?;
    let at = random.below(list.len());
    list.get_mut(at)
}

/// Changes something of a GPU part: anything, or one of what a launch is made of.
fn change(random: &mut Random, gpu: &mut Value) {
    match random.below(10) {
        0 => mutate::document(random, gpu, true),
        1 => {
            let part = ["kernels", "images", "tables", "handoffs", "states", "weights"][random.below(6)];
            mutate::document(random, &mut gpu[part], true);
        }
        2 => {
            let field = ["arena_bytes", "scratch_bytes", "counter_bytes"][random.below(3)];
            gpu[field] = json!([0, 64, 1 << 20, 1u64 << 40, u64::MAX][random.below(5)]);
        }
        3 | 4 => {
            if let Some(entry) = list(random, &mut gpu["entries"]) {
                mutate::document(random, entry, true);
            }
        }
        5 => {
            if let Some(buffers) = list(random, &mut gpu["entries"]).map(|e| &mut e["buffers"])
                && let Some(offset) = list(random, buffers)
            {
                *offset = [json!(64 * random.below(4096)), Value::Null, json!(u64::MAX - 63), json!(63)][random.below(4)].clone();
            }
        }
        6 => {
            // Order of stages.
            if let Some(stages) = list(random, &mut gpu["entries"]).and_then(|e| e["stages"].as_array_mut()).filter(|s| s.len() > 1) {
                let (a, b) = (random.below(stages.len()), random.below(stages.len()));
                if random.below(3) == 0 { drop(stages.remove(a)) } else { stages.swap(a, b) }
            }
        }
        _ => {
            // A launch: its kernel, blocks, arguments or commands.
            for _ in 0..20 {
                let Some(stage) = list(random, &mut gpu["entries"]).and_then(|e| list(random, &mut e["stages"])) else { return };
                if let Some(launches) = stage.get_mut("Device")
                    && let Some(launch) = list(random, launches)
                {
                    let field = ["kernel", "grid", "arguments", "arguments", "commands"][random.below(5)];
                    mutate::document(random, &mut launch[field], true);
                    return;
                }
            }
        }
    }
}

/// What became of a mutant, and whether a GPU ran it.
///
/// # Panics
/// Where the program under test does, or where it touches memory that it has not allocated.
pub fn check(path: &Path, changed: Changed, gpu: &FakeGpu) -> (Verdict, bool) {
    let refused = |why: &dyn std::fmt::Display| (Verdict::Refused(why.to_string()), false);
    let artifact = match Artifact::open(path) {
        Ok(artifact) => artifact,
        Err(why) => return refused(&why),
    };
    if let Err(why) = artifact.manifest() {
        return refused(&why);
    }
    drop(artifact);
    // The stand-in records one graph at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = (gpu.faults(), gpu.nulls());
    let mut loaded = match load(path, Options { native: false, threads: 1, ..Options::default() }) {
        Ok(loaded) => loaded,
        Err(why) => return refused(&why),
    };
    let on_gpu = loaded.session.gpu().is_some();
    assert!(on_gpu || loaded.notices.iter().any(|n| n.contains("no GPU is used")), "the GPU is not used, and nobody says why");
    let logits = steps(&mut loaded.session);
    drop(loaded);
    assert_eq!(gpu.faults(), before.0, "memory that is not allocated was touched");
    assert!(changed == Changed::Code || gpu.nulls() == before.1, "a kernel was not given what it wants");
    (Verdict::Ran { damaged: vec![], logits }, on_gpu)
}
