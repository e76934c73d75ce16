//! The part of the HIP interface that the runtime uses, opened at run time: nothing of ROCm is needed to build.
//! Names are those of `hip_runtime_api.h`. The interface is that of ROCm 6 and 7; the library of ROCm 5 opens too, but cannot say what its device is
//! (see [`Api::hipGetDevicePropertiesR0600`]).

#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, reason = "names are those of the C header")]

mod types;

pub use types::*;

use libloading::Library;
use std::ffi::{OsStr, c_char, c_int, c_uint, c_void};
use std::fmt;

/// File names under which the library is looked for, in order. The last is where ROCm installs itself when the linker was not told.
pub const LIBRARIES: [&str; 5] = ["libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so", "/opt/rocm/lib/libamdhip64.so"];

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
                f.write_str("no HIP library")?;
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
        fn hipGetErrorString(error: hipError_t) -> *const c_char;
        /// May be called before anything else. Flags are 0.
        fn hipInit(flags: c_uint) -> hipError_t;
        /// 10000000 * major + 100000 * minor + patch.
        fn hipRuntimeGetVersion(version: *mut c_int) -> hipError_t;
        /// Number of devices.
        fn hipGetDeviceCount(count: *mut c_int) -> hipError_t;
        /// A device by ordinal.
        fn hipDeviceGet(device: *mut hipDevice_t, ordinal: c_int) -> hipError_t;
        /// Name, NUL-terminated, at most `length` bytes.
        fn hipDeviceGetName(name: *mut c_char, length: c_int, device: hipDevice_t) -> hipError_t;
        /// Memory in bytes.
        fn hipDeviceTotalMem(bytes: *mut usize, device: hipDevice_t) -> hipError_t;
        /// A property.
        fn hipDeviceGetAttribute(value: *mut c_int, attribute: c_int, ordinal: c_int) -> hipError_t;
        /// Makes a device the calling thread's.
        fn hipSetDevice(ordinal: c_int) -> hipError_t;
        /// Free and total bytes.
        fn hipMemGetInfo(free: *mut usize, total: *mut usize) -> hipError_t;
        /// Device memory, not zeroed.
        fn hipMalloc(address: *mut hipDeviceptr_t, bytes: usize) -> hipError_t;
        /// Gives device memory back.
        fn hipFree(address: hipDeviceptr_t) -> hipError_t;
        /// Page-locked host memory, not zeroed.
        fn hipHostMalloc(pointer: *mut *mut c_void, bytes: usize, flags: c_uint) -> hipError_t;
        /// Gives page-locked host memory back.
        fn hipHostFree(pointer: *mut c_void) -> hipError_t;
        /// Host to device, in stream order.
        fn hipMemcpyHtoDAsync(to: hipDeviceptr_t, from: *const c_void, bytes: usize, stream: hipStream_t) -> hipError_t;
        /// Device to host, in stream order.
        fn hipMemcpyDtoHAsync(to: *mut c_void, from: hipDeviceptr_t, bytes: usize, stream: hipStream_t) -> hipError_t;
        /// Writes `count` words of 32 bits, in stream order.
        fn hipMemsetD32Async(to: hipDeviceptr_t, value: c_uint, count: usize, stream: hipStream_t) -> hipError_t;
        /// A stream.
        fn hipStreamCreateWithFlags(stream: *mut hipStream_t, flags: c_uint) -> hipError_t;
        /// Ends a stream.
        fn hipStreamDestroy(stream: hipStream_t) -> hipError_t;
        /// Waits for all work of a stream.
        fn hipStreamSynchronize(stream: hipStream_t) -> hipError_t;
        /// From here on work is recorded instead of run.
        fn hipStreamBeginCapture(stream: hipStream_t, mode: c_int) -> hipError_t;
        /// What was recorded; null after a failure.
        fn hipStreamEndCapture(stream: hipStream_t, graph: *mut hipGraph_t) -> hipError_t;
        /// A graph that can be launched. Flags may be 0.
        fn hipGraphInstantiateWithFlags(exec: *mut hipGraphExec_t, graph: hipGraph_t, flags: u64) -> hipError_t;
        /// Frees a recorded graph.
        fn hipGraphDestroy(graph: hipGraph_t) -> hipError_t;
        /// Frees a graph that could be launched.
        fn hipGraphExecDestroy(exec: hipGraphExec_t) -> hipError_t;
        /// Runs a graph, in stream order.
        fn hipGraphLaunch(exec: hipGraphExec_t, stream: hipStream_t) -> hipError_t;
        /// An event.
        fn hipEventCreateWithFlags(event: *mut hipEvent_t, flags: c_uint) -> hipError_t;
        /// Ends an event.
        fn hipEventDestroy(event: hipEvent_t) -> hipError_t;
        /// Marks this place in the stream.
        fn hipEventRecord(event: hipEvent_t, stream: hipStream_t) -> hipError_t;
        /// Waits for an event.
        fn hipEventSynchronize(event: hipEvent_t) -> hipError_t;
        /// Time between two finished events.
        fn hipEventElapsedTime(milliseconds: *mut f32, start: hipEvent_t, end: hipEvent_t) -> hipError_t;
        /// Loads a code object. The image must stay where it is as long as the module lives.
        fn hipModuleLoadData(module: *mut hipModule_t, image: *const c_void) -> hipError_t;
        /// Unloads a module.
        fn hipModuleUnload(module: hipModule_t) -> hipError_t;
        /// A kernel by name.
        fn hipModuleGetFunction(function: *mut hipFunction_t, module: hipModule_t, name: *const c_char) -> hipError_t;
        /// Launches a kernel. `parameters` points to one pointer for each parameter.
        fn hipModuleLaunchKernel(
            function: hipFunction_t, grid_x: c_uint, grid_y: c_uint, grid_z: c_uint, block_x: c_uint, block_y: c_uint, block_z: c_uint,
            shared: c_uint, stream: hipStream_t, parameters: *mut *mut c_void, extra: *mut *mut c_void
        ) -> hipError_t;
    }
    optional {
        /// All properties in the layout of ROCm 6 and 7; the only way to the name of the instruction set. `hipGetDeviceProperties` without the
        /// suffix fills the shorter layout of ROCm 5, so it is never called.
        fn hipGetDevicePropertiesR0600(properties: *mut hipDeviceProp_tR0600, ordinal: c_int) -> hipError_t;
    }
}

impl Api {
    /// Opens the library that the system finds.
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
            // SAFETY: running the initialisers of the library is what its user asks for.
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
        match Api::open_first(["libamdhip64-that-is-not-there.so.9"]) {
            Err(OpenError::Library(tried)) => assert_eq!(tried[0].0, "libamdhip64-that-is-not-there.so.9"),
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
            Err(error @ OpenError::Symbol { .. }) => assert_eq!(error.to_string(), "libc.so.6 has no `hipGetErrorString`"),
            Err(OpenError::Library(_)) => eprintln!("skipped: no libc.so.6 here"),
            Ok(_) => panic!("libc is no HIP"),
        }
    }
}
