//! The part of the CUDA driver interface that the runtime uses, opened at run time: nothing of CUDA is needed to build.
//! Names are those of `cuda.h`, with the suffix that its macros add (`cuMemAlloc` is `cuMemAlloc_v2` in the library).

#![allow(non_camel_case_types, non_snake_case, reason = "names are those of the C header")]

mod types;

pub use types::*;

use libloading::Library;
use std::ffi::{OsStr, c_char, c_int, c_uint, c_void};
use std::fmt;

/// File names under which the driver library is looked for, in order.
pub const LIBRARIES: [&str; 2] = ["libcuda.so.1", "libcuda.so"];

/// Why the interface cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// No library could be opened: what was tried, each with the system's word.
    Library(Vec<(String, String)>),
    /// The library lacks a function, so it is too old.
    Symbol {
        /// The library.
        library: String,
        /// The function.
        symbol: &'static str,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(tried) => {
                f.write_str("no CUDA driver library")?;
                tried.iter().try_for_each(|(name, why)| write!(f, "; {name}: {why}"))
            }
            Self::Symbol { library, symbol } => write!(f, "{library} has no `{symbol}`"),
        }
    }
}

impl std::error::Error for OpenError {}

macro_rules! table {
    (
        required { $($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }
        optional { $($(#[$odoc:meta])* fn $oname:ident($($oargument:ident: $otype:ty),*) -> $oresult:ty;)* }
    ) => {
        /// The functions, valid as long as this value lives.
        #[derive(Debug)]
        pub struct Api {
            $($(#[$doc])* pub $name: unsafe extern "C" fn($($argument: $type),*) -> $result,)*
            $($(#[$odoc])* pub $oname: Option<unsafe extern "C" fn($($oargument: $otype),*) -> $oresult>,)*
            /// The file name that was opened.
            pub library: String,
            /// Unloads when dropped.
            _handle: Library,
        }

        impl Api {
            fn resolve(handle: Library, library: String) -> Result<Self, OpenError> {
                Ok(Self {
                    $($name: {
                        // SAFETY: the type is the one the C header declares for this name.
                        let symbol = unsafe { handle.get(stringify!($name)) };
                        *symbol.map_err(|_| OpenError::Symbol { library: library.clone(), symbol: stringify!($name) })?
                    },)*
                    $($oname: {
                        // SAFETY: the type is the one the C header declares for this name.
                        unsafe { handle.get(stringify!($oname)) }.ok().map(|symbol| *symbol)
                    },)*
                    library,
                    _handle: handle,
                })
            }
        }
    };
}

table! {
    required {
        /// Text for an error.
        fn cuGetErrorString(error: CUresult, text: *mut *const c_char) -> CUresult;
        /// Must be called before anything else. Flags are 0.
        fn cuInit(flags: c_uint) -> CUresult;
        /// 1000 * major + 10 * minor of the newest CUDA that the driver serves.
        fn cuDriverGetVersion(version: *mut c_int) -> CUresult;
        /// Number of devices.
        fn cuDeviceGetCount(count: *mut c_int) -> CUresult;
        /// A device by ordinal.
        fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int) -> CUresult;
        /// Name, NUL-terminated, at most `length` bytes.
        fn cuDeviceGetName(name: *mut c_char, length: c_int, device: CUdevice) -> CUresult;
        /// Memory in bytes.
        fn cuDeviceTotalMem_v2(bytes: *mut usize, device: CUdevice) -> CUresult;
        /// A property.
        fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, device: CUdevice) -> CUresult;
        /// The process-wide context of a device, one reference more.
        fn cuDevicePrimaryCtxRetain(context: *mut CUcontext, device: CUdevice) -> CUresult;
        /// One reference less.
        fn cuDevicePrimaryCtxRelease_v2(device: CUdevice) -> CUresult;
        /// Makes a context the calling thread's.
        fn cuCtxSetCurrent(context: CUcontext) -> CUresult;
        /// Free and total bytes.
        fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> CUresult;
        /// Device memory, not zeroed, aligned to at least 256 bytes.
        fn cuMemAlloc_v2(address: *mut CUdeviceptr, bytes: usize) -> CUresult;
        /// Gives device memory back.
        fn cuMemFree_v2(address: CUdeviceptr) -> CUresult;
        /// Page-locked host memory, not zeroed.
        fn cuMemHostAlloc(pointer: *mut *mut c_void, bytes: usize, flags: c_uint) -> CUresult;
        /// Gives page-locked host memory back.
        fn cuMemFreeHost(pointer: *mut c_void) -> CUresult;
        /// Host to device, in stream order.
        fn cuMemcpyHtoDAsync_v2(to: CUdeviceptr, from: *const c_void, bytes: usize, stream: CUstream) -> CUresult;
        /// Device to host, in stream order.
        fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize, stream: CUstream) -> CUresult;
        /// Writes `count` words of 32 bits, in stream order.
        fn cuMemsetD32Async(to: CUdeviceptr, value: c_uint, count: usize, stream: CUstream) -> CUresult;
        /// A stream.
        fn cuStreamCreate(stream: *mut CUstream, flags: c_uint) -> CUresult;
        /// Ends a stream; its work is still done.
        fn cuStreamDestroy_v2(stream: CUstream) -> CUresult;
        /// Waits for all work of a stream.
        fn cuStreamSynchronize(stream: CUstream) -> CUresult;
        /// From here on work is recorded instead of run.
        fn cuStreamBeginCapture_v2(stream: CUstream, mode: c_int) -> CUresult;
        /// What was recorded; null after a failure.
        fn cuStreamEndCapture(stream: CUstream, graph: *mut CUgraph) -> CUresult;
        /// A graph that can be launched. Flags may be 0.
        fn cuGraphInstantiateWithFlags(exec: *mut CUgraphExec, graph: CUgraph, flags: u64) -> CUresult;
        /// Frees a recorded graph.
        fn cuGraphDestroy(graph: CUgraph) -> CUresult;
        /// Frees a graph that could be launched.
        fn cuGraphExecDestroy(exec: CUgraphExec) -> CUresult;
        /// Runs a graph, in stream order.
        fn cuGraphLaunch(exec: CUgraphExec, stream: CUstream) -> CUresult;
        /// An event.
        fn cuEventCreate(event: *mut CUevent, flags: c_uint) -> CUresult;
        /// Ends an event.
        fn cuEventDestroy_v2(event: CUevent) -> CUresult;
        /// Marks this place in the stream.
        fn cuEventRecord(event: CUevent, stream: CUstream) -> CUresult;
        /// Waits for an event.
        fn cuEventSynchronize(event: CUevent) -> CUresult;
        /// Time between two finished events.
        fn cuEventElapsedTime(milliseconds: *mut f32, start: CUevent, end: CUevent) -> CUresult;
        /// Loads PTX (NUL-terminated), cubin or fat binary. Option values are scalars cast to pointers, or pointers.
        fn cuModuleLoadDataEx(
            module: *mut CUmodule, image: *const c_void, count: c_uint, options: *mut CUjit_option, values: *mut *mut c_void
        ) -> CUresult;
        /// Unloads a module.
        fn cuModuleUnload(module: CUmodule) -> CUresult;
        /// A kernel by name.
        fn cuModuleGetFunction(function: *mut CUfunction, module: CUmodule, name: *const c_char) -> CUresult;
        /// Sets a property of a kernel.
        fn cuFuncSetAttribute(function: CUfunction, attribute: c_int, value: c_int) -> CUresult;
        /// Launches a kernel. `parameters` points to one pointer for each parameter.
        fn cuLaunchKernel(
            function: CUfunction, grid_x: c_uint, grid_y: c_uint, grid_z: c_uint, block_x: c_uint, block_y: c_uint, block_z: c_uint,
            shared: c_uint, stream: CUstream, parameters: *mut *mut c_void, extra: *mut *mut c_void
        ) -> CUresult;
        /// Launches a kernel with attributes.
        fn cuLaunchKernelEx(
            config: *const CUlaunchConfig, function: CUfunction, parameters: *mut *mut c_void, extra: *mut *mut c_void
        ) -> CUresult;
    }
    optional {
        /// Loads the code of a kernel now instead of at its first launch (since CUDA 12.4).
        fn cuFuncLoad(function: CUfunction) -> CUresult;
    }
}

impl Api {
    /// Opens the driver library that the system finds.
    ///
    /// # Errors
    /// [`OpenError`], with all that was tried.
    pub fn open() -> Result<Self, OpenError> {
        Self::open_first(LIBRARIES)
    }

    /// Opens one given library.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_at(path: &OsStr) -> Result<Self, OpenError> {
        Self::open_first([path])
    }

    fn open_first<S: AsRef<OsStr>>(names: impl IntoIterator<Item = S>) -> Result<Self, OpenError> {
        let mut tried = Vec::new();
        for name in names {
            let text = name.as_ref().to_string_lossy().into_owned();
            // SAFETY: running the initialisers of the driver library is what its user asks for.
            match unsafe { Library::new(name.as_ref()) } {
                Ok(handle) => return Self::resolve(handle, text),
                Err(why) => tried.push((text, system_word(&why))),
            }
        }
        Err(OpenError::Library(tried))
    }
}

/// What the system said, without the wrapping.
fn system_word(error: &libloading::Error) -> String {
    use std::error::Error;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_library_says_what_was_tried() {
        match Api::open_first(["libcuda-that-is-not-there.so.9"]) {
            Err(OpenError::Library(tried)) => assert_eq!(tried[0].0, "libcuda-that-is-not-there.so.9"),
            other => panic!("{other:?}"),
        }
        match Api::open() {
            Ok(api) => eprintln!("skipped: {} is here", api.library),
            Err(OpenError::Library(tried)) => assert_eq!(tried.iter().map(|t| t.0.as_str()).collect::<Vec<_>>(), LIBRARIES),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn foreign_library_lacks_the_first_symbol() {
        match Api::open_first(["libc.so.6"]) {
            Err(error @ OpenError::Symbol { .. }) => assert_eq!(error.to_string(), "libc.so.6 has no `cuGetErrorString`"),
            Err(OpenError::Library(_)) => eprintln!("skipped: no libc.so.6 here"),
            Ok(_) => panic!("libc is no driver"),
        }
    }
}
