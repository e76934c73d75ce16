//! The same emulated array behind XRT's interface, or what stands for it (`tests/xrt`): containers are read as a device's firmware would have them, by our
//! own reader, and streams run on memory that is apart from the host's.

use super::{Fault, Log, Work, worker};
use crate::npu::Configured;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};
use unicorn_kernels_xdna::container::metadata::Metadata;
use unicorn_kernels_xdna::container::sections::Body;
use unicorn_kernels_xdna::container::xclbin::Xclbin;
use unicorn_kernels_xdna::emulator::Npu;
use xrt_sys::State;

/// Contexts that a device has.
pub const CONTEXTS: usize = 6;

/// The table of `stub.h`.
#[repr(C)]
struct Table {
    device: *mut c_void,
    read: extern "C" fn(*mut c_void, *const c_char, usize, *mut usize, *mut [u8; 64], *mut [u8; 256]) -> c_int,
    begin: extern "C" fn(*mut c_void, *const c_char, usize, *mut [u8; 256]) -> i64,
    end: extern "C" fn(*mut c_void, i64),
    run: extern "C" fn(*mut c_void, i64, *const c_char, usize, *const *mut u8, *const usize, usize) -> c_int,
}

unsafe extern "C" {
    fn unicorn_xrt_stub_install(table: *const Table);
    fn unicorn_xrt_stub_alive(alive: *mut [usize; 3]);
}

struct Context {
    image: Vec<u8>,
    columns: usize,
    array: Option<Box<Npu>>,
}

type Worker = dyn FnMut(Work<'_>) -> Result<(), State> + Send;

struct Device {
    worker: Box<Worker>,
    contexts: BTreeMap<i64, Context>,
    next: i64,
    others: usize,
}

/// Lets `xrt::device` find an emulated device in this thread, whose runs go wrong as `fault` says; `others` contexts are other processes'.
pub fn install(others: usize, fault: impl FnMut(usize) -> Option<Fault> + Send + 'static) -> Log {
    let log = Log::default();
    let worker = Box::new(worker(Configured::Once, fault, log.clone()));
    let device = Box::new(Mutex::new(Device { worker, contexts: BTreeMap::new(), next: 0, others }));
    // Neither ends: what XRT was given it may use until the process does.
    let table = Box::leak(Box::new(Table { device: Box::into_raw(device).cast(), read, begin, end, run }));
    // SAFETY: a table that stays, with functions of the types of its header.
    unsafe { unicorn_xrt_stub_install(table) };
    log
}

/// Contexts, buffers and commands that XRT holds, of all threads.
pub fn alive() -> [usize; 3] {
    let mut alive = [0; 3];
    // SAFETY: writes three numbers.
    unsafe { unicorn_xrt_stub_alive(&raw mut alive) };
    alive
}

fn with<T>(device: *mut c_void, work: impl FnOnce(&mut Device) -> T) -> T {
    // SAFETY: what `install` put into the table, which stays.
    let device = unsafe { &*device.cast::<Mutex<Device>>() };
    work(&mut device.lock().unwrap_or_else(PoisonError::into_inner))
}

fn say<const N: usize>(to: *mut [u8; N], text: &str) {
    let length = text.len().min(N - 1);
    // SAFETY: the caller's buffer has this size.
    let to = unsafe { &mut *to };
    to[..length].copy_from_slice(&text.as_bytes()[..length]);
    to[length] = 0;
}

/// The container's kernel, its image and columns.
fn container(bytes: *const c_char, count: usize) -> Result<(Vec<Metadata>, Context), String> {
    // SAFETY: the caller says that there are this many.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    let container = Xclbin::read(bytes).map_err(|why| why.to_string())?;
    let kernels = container.sections.iter().filter_map(|section| match &section.body {
        Body::EmbeddedMetadata(metadata) => Some(metadata.clone()),
        _ => None,
    });
    let partition = container.partition().ok_or("no AIE_PARTITION")?;
    let image = partition.images[0].pdi.write().map_err(|why| why.to_string())?;
    Ok((kernels.collect(), Context { image, columns: usize::from(partition.columns), array: None }))
}

extern "C" fn read(_: *mut c_void, bytes: *const c_char, count: usize, kernels: *mut usize, name: *mut [u8; 64], why: *mut [u8; 256]) -> c_int {
    match container(bytes, count) {
        Ok((found, _)) => {
            // SAFETY: the caller's place.
            unsafe { *kernels = found.len() };
            found.first().inspect(|kernel| say(name, &kernel.kernel));
            0
        }
        Err(text) => {
            say(why, &text);
            1
        }
    }
}

extern "C" fn begin(device: *mut c_void, bytes: *const c_char, count: usize, why: *mut [u8; 256]) -> i64 {
    with(device, |device| match container(bytes, count) {
        Ok((_, context)) if device.contexts.len() + device.others < CONTEXTS => {
            device.next += 1;
            device.contexts.insert(device.next, context);
            device.next
        }
        Ok(_) => {
            say(why, "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-22): Invalid argument");
            -1
        }
        Err(text) => {
            say(why, &text);
            -1
        }
    })
}

extern "C" fn end(device: *mut c_void, context: i64) {
    with(device, |device| device.contexts.remove(&context));
}

extern "C" fn run(
    device: *mut c_void,
    context: i64,
    stream: *const c_char,
    bytes: usize,
    arguments: *const *mut u8,
    lengths: *const usize,
    count: usize,
) -> c_int {
    // SAFETY: the caller's arrays and buffers have these lengths, no buffer twice.
    let (stream, arguments) = unsafe {
        let (arguments, lengths) = (std::slice::from_raw_parts(arguments, count), std::slice::from_raw_parts(lengths, count));
        let arguments = arguments.iter().zip(lengths).map(|(at, bytes)| std::slice::from_raw_parts_mut(*at, *bytes));
        (std::slice::from_raw_parts(stream.cast::<u8>(), bytes), arguments.collect())
    };
    let done = with(device, |device| {
        let Device { worker, contexts, .. } = device;
        let Context { image, columns, array } = contexts.get_mut(&context).ok_or(State::Error)?;
        worker(Work { configuration: image, columns: *columns, stream, arguments, array })
    });
    match done {
        Ok(()) => State::Completed as c_int,
        Err(state) => state as c_int,
    }
}
