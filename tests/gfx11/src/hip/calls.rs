//! The C functions. Each checks its pointers, asks the device, and answers a code.

use super::device::Answer;
use super::error::Code;
use super::{Device, Thing, Work, device};
use crate::launch::Shape;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// The name that the device goes by.
const NAME: &str = "Radeon that is not there";
/// What it executes.
const ARCHITECTURE: &str = "gfx1103";
/// HIP 7.0.
const VERSION: c_int = 70_000_000;
/// Compute units of a Radeon 780M.
const UNITS: c_int = 12;

/// A code from an answer.
fn code(answer: Answer) -> c_int {
    answer.err().unwrap_or(Code::Success) as c_int
}

/// Asks the device, unless it is lost.
fn ask(f: impl FnOnce(&mut Device) -> Answer) -> c_int {
    code(device().alive().and_then(f))
}

/// Writes through a pointer that C gave.
///
/// # Safety
/// `to` is null or may be written.
unsafe fn give<T>(to: *mut T, value: T) -> Answer {
    if to.is_null() {
        return Err(Code::InvalidValue);
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { to.write(value) };
    Ok(())
}

fn first(ordinal: c_int) -> Answer {
    if ordinal == 0 { Ok(()) } else { Err(Code::InvalidDevice) }
}

fn handle(pointer: *mut c_void) -> usize {
    pointer as usize
}

macro_rules! c_functions {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) $body:block)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Safety
            /// As the C function of this name: pointers are null or what its documentation says.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> c_int $body
        )*
    };
}

c_functions! {
    /// May be called before anything else.
    fn hipInit(flags: c_uint) {
        ask(|_| if flags == 0 { Ok(()) } else { Err(Code::InvalidValue) })
    }

    /// The version of HIP.
    fn hipRuntimeGetVersion(version: *mut c_int) {
        // SAFETY: the caller's promise.
        code(unsafe { give(version, VERSION) })
    }

    /// One.
    fn hipGetDeviceCount(count: *mut c_int) {
        // SAFETY: the caller's promise.
        code(unsafe { give(count, 1) })
    }

    /// A device by ordinal.
    fn hipDeviceGet(to: *mut c_int, ordinal: c_int) {
        // SAFETY: the caller's promise.
        code(first(ordinal).and_then(|()| unsafe { give(to, 0) }))
    }

    /// The device's name.
    fn hipDeviceGetName(name: *mut c_char, length: c_int, ordinal: c_int) {
        // SAFETY: the caller's promise.
        code(first(ordinal).and_then(|()| unsafe { text(name, usize::try_from(length).unwrap_or(0), NAME) }))
    }

    /// Its memory.
    fn hipDeviceTotalMem(bytes: *mut usize, ordinal: c_int) {
        // SAFETY: the caller's promise.
        ask(|device| first(ordinal).and_then(|()| unsafe { give(bytes, device.space.limit()) }))
    }

    /// Whether its memory is the host's (16), or its compute units (63).
    fn hipDeviceGetAttribute(value: *mut c_int, attribute: c_int, ordinal: c_int) {
        let answer = match attribute {
            16 => Ok(1),
            63 => Ok(UNITS),
            other => Err(Code::InvalidValue.because(format!("attribute {other} is not known here"))),
        };
        // SAFETY: the caller's promise.
        code(first(ordinal).and(answer).and_then(|answer| unsafe { give(value, answer) }))
    }

    /// Name and instruction set, in the layout of ROCm 6 and 7 (the first 1472 bytes).
    fn hipGetDevicePropertiesR0600(properties: *mut c_void, ordinal: c_int) {
        if properties.is_null() {
            return Code::InvalidValue as c_int;
        }
        let base = properties.cast::<c_char>();
        // SAFETY: the caller's structure has at least this length, by which ROCm 6 defines it.
        code(first(ordinal).and_then(|()| unsafe {
            base.write_bytes(0, 1472);
            text(base, 256, NAME)?;
            text(base.add(1160), 256, ARCHITECTURE)
        }))
    }

    /// The one device is every thread's.
    fn hipSetDevice(ordinal: c_int) {
        ask(|_| first(ordinal))
    }

    /// Free and total bytes.
    fn hipMemGetInfo(free: *mut usize, total: *mut usize) {
        // SAFETY: the caller's promise.
        ask(|device| unsafe { give(free, device.space.free_bytes()).and(give(total, device.space.limit())) })
    }

    /// Device memory.
    fn hipMalloc(address: *mut u64, bytes: usize) {
        ask(|device| {
            let new = if bytes == 0 { 0 } else { device.space.reserve(bytes, true).map_err(|_| Code::OutOfMemory)? };
            device.view = None;
            // SAFETY: the caller's promise.
            unsafe { give(address, new) }
        })
    }

    /// Gives device memory back.
    fn hipFree(address: u64) {
        ask(|device| release(device, address))
    }

    /// Memory of the host that the device sees too.
    fn hipHostMalloc(pointer: *mut *mut c_void, bytes: usize, _flags: c_uint) {
        ask(|device| {
            let new = if bytes == 0 { 0 } else { device.space.reserve(bytes, false).map_err(|_| Code::OutOfMemory)? };
            device.view = None;
            // SAFETY: the caller's promise.
            unsafe { give(pointer, new as *mut c_void) }
        })
    }

    /// Gives it back.
    fn hipHostFree(pointer: *mut c_void) {
        ask(|device| release(device, pointer as u64))
    }

    /// Host to device.
    fn hipMemcpyHtoDAsync(to: u64, from: *const c_void, bytes: usize, stream: *mut c_void) {
        ask(|device| device.put(handle(stream), Work::Upload { to, from: from as usize, bytes }))
    }

    /// Device to host.
    fn hipMemcpyDtoHAsync(to: *mut c_void, from: u64, bytes: usize, stream: *mut c_void) {
        ask(|device| device.put(handle(stream), Work::Download { to: to as usize, from, bytes }))
    }

    /// Words of 32 bits.
    fn hipMemsetD32Async(to: u64, value: c_uint, count: usize, stream: *mut c_void) {
        ask(|device| device.put(handle(stream), Work::Fill { to, value, count }))
    }

    /// A stream.
    fn hipStreamCreateWithFlags(stream: *mut *mut c_void, _flags: c_uint) {
        // SAFETY: the caller's promise.
        ask(|device| unsafe { give(stream, device.add(Thing::Stream(None)) as *mut c_void) })
    }

    /// Ends a stream.
    fn hipStreamDestroy(stream: *mut c_void) {
        ask(|device| device.remove(handle(stream)))
    }

    /// All work is over when a call returns, so there is nothing to wait for.
    fn hipStreamSynchronize(stream: *mut c_void) {
        ask(|device| match device.things.get(&handle(stream)) {
            Some(Thing::Stream(Some(_))) => Err(Code::CaptureUnsupported),
            Some(Thing::Stream(None)) => Ok(()),
            None if stream.is_null() => Ok(()),
            _ => Err(Code::InvalidHandle),
        })
    }

    /// From here on work is kept.
    fn hipStreamBeginCapture(stream: *mut c_void, _mode: c_int) {
        ask(|device| device.capture(handle(stream), true).map(drop))
    }

    /// What was kept.
    fn hipStreamEndCapture(stream: *mut c_void, graph: *mut *mut c_void) {
        ask(|device| {
            let kept = device.capture(handle(stream), false)?.unwrap_or_default();
            // SAFETY: the caller's promise.
            unsafe { give(graph, device.add(Thing::Graph(kept.into())) as *mut c_void) }
        })
    }

    /// The same work once more, for running.
    fn hipGraphInstantiateWithFlags(exec: *mut *mut c_void, graph: *mut c_void, _flags: u64) {
        ask(|device| {
            let Some(Thing::Graph(work)) = device.things.get(&handle(graph)) else { return Err(Code::InvalidHandle) };
            let copy = Thing::Graph(work.clone());
            // SAFETY: the caller's promise.
            unsafe { give(exec, device.add(copy) as *mut c_void) }
        })
    }

    /// Ends a graph.
    fn hipGraphDestroy(graph: *mut c_void) {
        ask(|device| device.remove(handle(graph)))
    }

    /// Ends a graph that could run.
    fn hipGraphExecDestroy(exec: *mut c_void) {
        ask(|device| device.remove(handle(exec)))
    }

    /// Runs a graph.
    fn hipGraphLaunch(exec: *mut c_void, stream: *mut c_void) {
        ask(|device| device.run_graph(handle(exec), handle(stream)))
    }

    /// An event.
    fn hipEventCreateWithFlags(event: *mut *mut c_void, _flags: c_uint) {
        // SAFETY: the caller's promise.
        ask(|device| unsafe { give(event, device.add(Thing::Event(None)) as *mut c_void) })
    }

    /// Ends an event.
    fn hipEventDestroy(event: *mut c_void) {
        ask(|device| device.remove(handle(event)))
    }

    /// Marks this place in the stream.
    fn hipEventRecord(event: *mut c_void, stream: *mut c_void) {
        ask(|device| device.put(handle(stream), Work::Record { event: handle(event) }))
    }

    /// All work is over when a call returns.
    fn hipEventSynchronize(event: *mut c_void) {
        ask(|device| if matches!(device.things.get(&handle(event)), Some(Thing::Event(_))) { Ok(()) } else { Err(Code::InvalidHandle) })
    }

    /// Time between two events: the host's, which says nothing about a real device.
    fn hipEventElapsedTime(milliseconds: *mut f32, start: *mut c_void, end: *mut c_void) {
        ask(|device| {
            let when = |event: *mut c_void| match device.things.get(&handle(event)) {
                Some(Thing::Event(Some(when))) => Ok(*when),
                Some(Thing::Event(None)) => Err(Code::NotReady),
                _ => Err(Code::InvalidHandle),
            };
            let elapsed = when(end)?.saturating_duration_since(when(start)?);
            // SAFETY: the caller's promise.
            unsafe { give(milliseconds, elapsed.as_secs_f32() * 1e3) }
        })
    }

    /// Loads a code object.
    fn hipModuleLoadData(module: *mut *mut c_void, image: *const c_void) {
        ask(|device| {
            if image.is_null() {
                return Err(Code::InvalidValue);
            }
            // SAFETY: the caller's promise.
            let image = unsafe { whole_image(image.cast()) }.ok_or_else(|| Code::InvalidImage.because("no ELF header"))?;
            let new = device.load(image)?;
            // SAFETY: the caller's promise.
            unsafe { give(module, new as *mut c_void) }
        })
    }

    /// Unloads a module.
    fn hipModuleUnload(module: *mut c_void) {
        ask(|device| device.unload(handle(module)))
    }

    /// A kernel by name.
    fn hipModuleGetFunction(function: *mut *mut c_void, module: *mut c_void, name: *const c_char) {
        ask(|device| {
            if name.is_null() {
                return Err(Code::InvalidValue);
            }
            // SAFETY: not null, and NUL-terminated by the caller's promise.
            let name = unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| Code::NotFound)?;
            let new = device.function(handle(module), name)?;
            // SAFETY: the caller's promise.
            unsafe { give(function, new as *mut c_void) }
        })
    }
}

/// Launches a kernel. `extra` is not known here.
///
/// # Safety
/// `parameters` points to one pointer for each parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hipModuleLaunchKernel(
    function: *mut c_void,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared: c_uint,
    stream: *mut c_void,
    parameters: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> c_int {
    if !extra.is_null() {
        return Code::InvalidValue.because("arguments in one buffer are not known here") as c_int;
    }
    let shape = Shape { grid: [grid_x, grid_y, grid_z], block: [block_x, block_y, block_z], shared };
    // SAFETY: the caller's promise.
    ask(|device| unsafe { device.launch(handle(function), shape, handle(stream), parameters.cast_const().cast()) })
}

fn release(device: &mut Device, address: u64) -> Answer {
    device.view = None;
    if address == 0 || device.space.release(address) { Ok(()) } else { Err(Code::InvalidValue) }
}

/// Writes text with its NUL, cut to fit.
///
/// # Safety
/// `to` is null or has room for `length` bytes.
unsafe fn text(to: *mut c_char, length: usize, text: &str) -> Answer {
    if to.is_null() || length == 0 {
        return Err(Code::InvalidValue);
    }
    let count = text.len().min(length - 1);
    // SAFETY: at most `length` bytes.
    unsafe {
        to.copy_from_nonoverlapping(text.as_ptr().cast(), count);
        to.add(count).write(0);
    }
    Ok(())
}

/// The bytes of an ELF file, whose length its header tells: the section table stands last.
///
/// # Safety
/// `image` points to an ELF file, or to at least four bytes of something else.
unsafe fn whole_image<'a>(image: *const u8) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    if unsafe { std::slice::from_raw_parts(image, 4) } != b"\x7FELF" {
        return None;
    }
    // SAFETY: an ELF file of 64 bits has a header of 64 bytes.
    let header = unsafe { std::slice::from_raw_parts(image, 64) };
    let table = u64::from_le_bytes(header[40..48].try_into().ok()?);
    let (size, count) = (u16::from_le_bytes([header[58], header[59]]), u16::from_le_bytes([header[60], header[61]]));
    let length = usize::try_from(table).ok()?.checked_add(usize::from(size) * usize::from(count))?;
    // SAFETY: as long as its own header says.
    Some(unsafe { std::slice::from_raw_parts(image, length.max(64)) })
}
