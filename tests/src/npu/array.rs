//! The device behind the driver: each context has an emulated array of its own, which is configured from the context's image and keeps its state from one
//! instruction stream to the next. Whatever the emulator diagnoses is what the driver tells: a hang, or an error.

use super::{Fake, Options, Work};
use std::sync::{Arc, Mutex, PoisonError};
use unicorn_kernels_xdna::container::pdi::Pdi;
use unicorn_kernels_xdna::container::txn::Txn;
use unicorn_kernels_xdna::emulator::{Diagnosis, Npu};
use xrt_sys::State;

/// Where a PDI says how many words its configuration has, padding included, and where that begins.
const LENGTH: usize = 0xd0;
const DATA: usize = 0x150;
/// Array cycles after which a stream counts as hung.
const LIMIT: u64 = 1 << 24;

/// When an array is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Configured {
    /// Before the first command of its context, as where contexts have columns of their own.
    Once,
    /// Before every command, as where contexts take turns and lose what the array held.
    Always,
}

/// What the emulator found out while it stood for the device.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    runs: usize,
    cycles: u64,
    diagnoses: Vec<String>,
}

impl Log {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Streams that came to their end, and array cycles of all.
    pub fn done(&self) -> (usize, u64) {
        let told = self.told();
        (told.runs, told.cycles)
    }

    /// Why others did not.
    pub fn diagnoses(&self) -> Vec<String> {
        self.told().diagnoses.clone()
    }
}

/// What goes wrong with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ends like that, or never ([`State::Running`]).
    Ends(State),
    /// Its results are others: every bit is turned over.
    Wrong,
}

/// A driver whose device is emulated.
pub fn emulated(options: Options, configured: Configured) -> (Fake, Log) {
    faulty(options, configured, |_| None)
}

/// The same where runs go wrong as `fault` says, which is given their number.
pub fn faulty(options: Options, configured: Configured, fault: impl FnMut(usize) -> Option<Fault> + Send + 'static) -> (Fake, Log) {
    let log = Log::default();
    (Fake::new(options, worker(configured, fault, log.clone())), log)
}

/// Runs work on the emulated arrays of its contexts, and writes down what came of it.
pub fn worker(
    configured: Configured,
    mut fault: impl FnMut(usize) -> Option<Fault> + Send + 'static,
    log: Log,
) -> impl FnMut(Work<'_>) -> Result<(), State> + Send + 'static {
    let mut number = 0;
    move |work| {
        let fault = fault(number);
        number += 1;
        if let Some(Fault::Ends(state)) = fault {
            return Err(state);
        }
        match run(work, configured, fault.is_some()) {
            Ok(cycles) => {
                let mut told = log.told();
                told.runs += 1;
                told.cycles += cycles;
                Ok(())
            }
            Err((state, why)) => {
                log.told().diagnoses.push(why);
                Err(state)
            }
        }
    }
}

/// Runs a stream; the cycles it took, or what the driver tells and why.
fn run(work: Work<'_>, configured: Configured, wrong: bool) -> Result<u64, (State, String)> {
    let Work { configuration, stream, mut arguments, array, .. } = work;
    if configured == Configured::Always {
        *array = None;
    }
    let array = match array {
        Some(array) => array,
        none => none.insert(configure(configuration).map_err(|why| (State::Error, why))?),
    };
    let stream = Txn::read(stream).map_err(|why| (State::Error, why.to_string()))?;
    let done = array.run(&stream, &mut arguments);
    if let Some(results) = arguments.last_mut().filter(|_| wrong) {
        results.iter_mut().for_each(|byte| *byte = !*byte);
    }
    done.map(|report| report.cycles).map_err(|why| {
        let state = match why {
            Diagnosis::Deadlock { .. } | Diagnosis::Limit { .. } => State::Running,
            _ => State::Error,
        };
        (state, why.to_string())
    })
}

/// An array with a configuration; its buffer ends at a page, so the image tells its own length, as it must to the firmware.
fn configure(image: &[u8]) -> Result<Box<Npu>, String> {
    let words = image.get(LENGTH..LENGTH + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let whole = words.checked_mul(4).and_then(|bytes| image.get(..DATA + bytes)).ok_or("a configuration that is longer than its buffer")?;
    let pdi = Pdi::read(whole).map_err(|why| why.to_string())?;
    let mut npu = Box::new(Npu::new());
    npu.set_limit(LIMIT);
    npu.load_cdo(&pdi.cdo).map_err(|why| why.to_string())?;
    Ok(npu)
}
