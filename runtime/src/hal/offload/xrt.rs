//! Calls by AMD's XRT library, where a build has it: for drivers whose interface is not the one that [`hal::npu`](crate::hal::npu) speaks, and to compare.
//! **It has not met a device**, as nothing here has.

use super::{Engine, PAGE};
use crate::hal::npu::{NpuError, Places, Result};
use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::time::Duration;
use xrt_sys::shim::{self, Buffer, Context, Device, Run, Why};

/// A handle of the shim, ended by `end` when dropped.
struct Handle<T> {
    at: NonNull<T>,
    end: unsafe extern "C" fn(*mut T),
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: made in `make`, ended here alone; `Xrt` lets go of commands first, and of none that is in progress.
        unsafe { (self.end)(self.at.as_ptr()) };
    }
}

/// Makes a handle by a function of the shim.
fn make<T>(call: &'static str, end: unsafe extern "C" fn(*mut T), work: impl FnOnce(*mut *mut T, &mut Why) -> c_int) -> Result<Handle<T>> {
    let (mut at, mut why) = (ptr::null_mut(), Why::NONE);
    let failed = work(&raw mut at, &mut why);
    match NonNull::new(at) {
        Some(at) if failed == 0 => Ok(Handle { at, end }),
        _ => Err(NpuError::Xrt { call, why: why.text() }),
    }
}

/// Memory that the device reaches, and where it is here.
struct Memory {
    buffer: Handle<Buffer>,
    map: NonNull<u8>,
    bytes: usize,
}

impl Memory {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: mapped for as long as the buffer is there, filled with zeros; no command runs while it is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_ptr(), self.bytes) }
    }

    fn sync(&mut self, to_device: bool, bytes: usize) -> Result<()> {
        let mut why = Why::NONE;
        // SAFETY: a live buffer; XRT refuses a range beyond it.
        match unsafe { shim::unicorn_xrt_sync(self.buffer.at.as_ptr(), c_int::from(to_device), bytes, &raw mut why) } {
            0 => Ok(()),
            _ => Err(NpuError::Xrt { call: "xrt::bo::sync", why: why.text() }),
        }
    }

    fn pages(&self) -> usize {
        self.bytes.next_multiple_of(PAGE)
    }
}

struct Array {
    context: Handle<Context>,
    activations: Memory,
    results: Memory,
}

/// All that is there on a device, in the order in which it ends.
struct Held {
    commands: Vec<(usize, Handle<Run>)>,
    arrays: Vec<Array>,
    weights: Vec<Memory>,
    device: Handle<Device>,
}

/// What became of the commands up to now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    /// One failed, so its context is not used again.
    Failed,
    /// One is in progress still.
    Stuck,
}

/// An NPU behind XRT.
pub struct Xrt {
    held: ManuallyDrop<Held>,
    name: String,
    health: Health,
}

// SAFETY: XRT's objects belong to no thread; what is here is used by whoever owns it.
unsafe impl Send for Xrt {}

impl Drop for Xrt {
    fn drop(&mut self) {
        // XRT ends the whole process when a command in progress is let go of, and the device may write its buffers still. So all of it stays.
        if self.health != Health::Stuck {
            // SAFETY: not used again.
            unsafe { ManuallyDrop::drop(&mut self.held) };
        }
    }
}

impl Xrt {
    /// Opens XRT's first device.
    ///
    /// # Errors
    /// [`NpuError::Xrt`]: there is none, or the driver refuses it. [`NpuError::Generation`] and [`NpuError::Foreign`] for other hardware.
    pub fn open() -> Result<Self> {
        let (mut name, mut bdf) = ([0; 64], [0; 64]);
        // SAFETY: all places live through the call and have the sizes that are declared.
        let open = |at, why: &mut Why| unsafe { shim::unicorn_xrt_open(0, at, &raw mut name, &raw mut bdf, why) };
        let device = make("xrt::device", shim::unicorn_xrt_close, open)?;
        let (name, address) = (shim::text(&name), shim::text(&bdf));
        // XRT drives other generations and other hardware as well, and would give them what is not meant for them.
        Places::default().function(&address)?;
        let name = format!("{name} at {address}, by XRT");
        let held = Held { commands: Vec::new(), arrays: Vec::new(), weights: Vec::new(), device };
        Ok(Self { held: ManuallyDrop::new(held), name, health: Health::Good })
    }
}

impl Held {
    fn memory(&self, context: &Handle<Context>, bytes: usize) -> Result<Memory> {
        let mut map: *mut c_void = ptr::null_mut();
        // SAFETY: live handles, and places for the answers.
        let reserve =
            |at, why: &mut Why| unsafe { shim::unicorn_xrt_reserve(self.device.at.as_ptr(), context.at.as_ptr(), bytes, at, &raw mut map, why) };
        let buffer = make("xrt::bo", shim::unicorn_xrt_free, reserve)?;
        let map = NonNull::new(map.cast()).ok_or_else(|| NpuError::Xrt { call: "xrt::bo::map", why: "no address".into() })?;
        Ok(Memory { buffer, map, bytes })
    }
}

impl Engine for Xrt {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn configure(&mut self, container: &[u8], _: &[u8], _: u16, activations: usize, results: usize) -> Result<()> {
        let held = &mut *self.held;
        // SAFETY: a live device, and bytes that the shim copies.
        let configure =
            |at, why: &mut Why| unsafe { shim::unicorn_xrt_configure(held.device.at.as_ptr(), container.as_ptr().cast(), container.len(), at, why) };
        let context = make("xrt::hw_context", shim::unicorn_xrt_end, configure)?;
        let (activations, results) = (held.memory(&context, activations)?, held.memory(&context, results)?);
        held.arrays.push(Array { context, activations, results });
        Ok(())
    }

    fn hold(&mut self, codes: &[u8], bytes: usize) -> Result<()> {
        // All contexts have their arguments in the host's memory, so any of them can name it.
        let first = self.held.arrays.first().ok_or_else(|| NpuError::Command("weights before a configuration".into()))?;
        let mut memory = self.held.memory(&first.context, bytes)?;
        memory.bytes()[..codes.len()].copy_from_slice(codes);
        memory.sync(true, codes.len())?;
        self.held.weights.push(memory);
        Ok(())
    }

    fn prepare(&mut self, configuration: usize, stream: &[u8], weight: usize) -> Result<()> {
        let held = &mut *self.held;
        let Array { context, activations, results } = &held.arrays[configuration];
        let buffers = [&held.weights[weight], activations, results].map(|memory| memory.buffer.at.as_ptr());
        // SAFETY: live handles; the stream is copied, and the command holds the buffers.
        let prepare = |at, why: &mut Why| unsafe {
            let (stream, bytes) = (stream.as_ptr().cast(), stream.len());
            shim::unicorn_xrt_prepare(held.device.at.as_ptr(), context.at.as_ptr(), stream, bytes, buffers.as_ptr(), buffers.len(), at, why)
        };
        held.commands.push((configuration, make("xrt::run", shim::unicorn_xrt_drop, prepare)?));
        Ok(())
    }

    fn activations(&mut self, configuration: usize) -> &mut [u8] {
        self.held.arrays[configuration].activations.bytes()
    }

    unsafe fn run(&mut self, command: usize, results: usize, limit: Duration) -> Result<&[u8]> {
        if self.health != Health::Good {
            return Err(NpuError::GivenUp);
        }
        let (array, run) = &self.held.commands[command];
        let (array, run) = (*array, run.at.as_ptr());
        let array = &mut self.held.arrays[array];
        array.activations.sync(true, array.activations.bytes)?;
        let mut why = Why::NONE;
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: a live command, and the caller's promise about what it writes.
        let ended = unsafe { shim::unicorn_xrt_execute(run, milliseconds, &raw mut why) };
        let (health, call) = match ended {
            0 => {
                array.results.sync(false, results)?;
                return Ok(&array.results.bytes()[..results]);
            }
            1 => (Health::Failed, "xrt::run::start"),
            _ => (Health::Stuck, "xrt::run::wait"),
        };
        self.health = health;
        match xrt_sys::state(why.state).filter(|_| health == Health::Failed) {
            Some(state) => Err(NpuError::Hung { why: state.name(), at: None, renewed: false }),
            None => Err(NpuError::Xrt { call, why: why.text() }),
        }
    }

    fn bytes(&self) -> u64 {
        let arrays: usize = self.held.arrays.iter().map(|array| array.activations.pages() + array.results.pages()).sum();
        // The driver's heap, too, is XRT's to reserve.
        (xrt_sys::HEAP_BYTES + arrays + self.held.weights.iter().map(Memory::pages).sum::<usize>() + PAGE * self.held.commands.len()) as u64
    }
}
