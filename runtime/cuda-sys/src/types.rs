//! Types and constants of `cuda.h`.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::{offset_of, size_of};

/// What every function returns.
pub type CUresult = c_int;
/// A device.
pub type CUdevice = c_int;
/// An address in device memory.
pub type CUdeviceptr = u64;
/// A context.
pub type CUcontext = *mut c_void;
/// A stream.
pub type CUstream = *mut c_void;
/// An event.
pub type CUevent = *mut c_void;
/// A recorded graph.
pub type CUgraph = *mut c_void;
/// A graph that can be launched.
pub type CUgraphExec = *mut c_void;
/// A module.
pub type CUmodule = *mut c_void;
/// A kernel.
pub type CUfunction = *mut c_void;
/// An option of the PTX compiler.
pub type CUjit_option = c_int;

/// No error.
pub const CUDA_SUCCESS: CUresult = 0;
/// No memory.
pub const CUDA_ERROR_OUT_OF_MEMORY: CUresult = 2;
/// The driver is shutting down.
pub const CUDA_ERROR_DEINITIALIZED: CUresult = 4;
/// No device.
pub const CUDA_ERROR_NO_DEVICE: CUresult = 100;
/// No device of this number.
pub const CUDA_ERROR_INVALID_DEVICE: CUresult = 101;
/// Uncorrectable memory error.
pub const CUDA_ERROR_ECC_UNCORRECTABLE: CUresult = 214;
/// Uncorrectable link error.
pub const CUDA_ERROR_NVLINK_UNCORRECTABLE: CUresult = 220;
/// A memory error that was contained, but ended the process's use of the device.
pub const CUDA_ERROR_CONTAINED: CUresult = 226;
/// No such name.
pub const CUDA_ERROR_NOT_FOUND: CUresult = 500;
/// A kernel touched memory that is not its own.
pub const CUDA_ERROR_ILLEGAL_ADDRESS: CUresult = 700;
/// A kernel ran for too long.
pub const CUDA_ERROR_LAUNCH_TIMEOUT: CUresult = 702;
/// The context is gone.
pub const CUDA_ERROR_CONTEXT_IS_DESTROYED: CUresult = 709;
/// An assertion in a kernel.
pub const CUDA_ERROR_ASSERT: CUresult = 710;
/// Corrupt stack in a kernel.
pub const CUDA_ERROR_HARDWARE_STACK_ERROR: CUresult = 714;
/// Illegal instruction in a kernel.
pub const CUDA_ERROR_ILLEGAL_INSTRUCTION: CUresult = 715;
/// Misaligned access in a kernel.
pub const CUDA_ERROR_MISALIGNED_ADDRESS: CUresult = 716;
/// An instruction met an address of the wrong space.
pub const CUDA_ERROR_INVALID_ADDRESS_SPACE: CUresult = 717;
/// The program counter left the code.
pub const CUDA_ERROR_INVALID_PC: CUresult = 718;
/// A kernel failed otherwise.
pub const CUDA_ERROR_LAUNCH_FAILED: CUresult = 719;
/// A kernel left tensor memory allocated.
pub const CUDA_ERROR_TENSOR_MEMORY_LEAK: CUresult = 721;
/// A device outside the driver's reach failed.
pub const CUDA_ERROR_EXTERNAL_DEVICE: CUresult = 911;
/// The driver does not know either.
pub const CUDA_ERROR_UNKNOWN: CUresult = 999;

/// `CUdevice_attribute`: number of multiprocessors.
pub const CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: c_int = 16;
/// `CUdevice_attribute`: whether the device shares the host's memory.
pub const CU_DEVICE_ATTRIBUTE_INTEGRATED: c_int = 18;
/// `CUdevice_attribute`: the 9 of sm_90.
pub const CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: c_int = 75;
/// `CUdevice_attribute`: the 0 of sm_90.
pub const CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: c_int = 76;
/// `CUfunction_attribute`: dynamic shared memory that a launch may ask for.
pub const CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: c_int = 8;
/// `CUjit_option`: buffer for errors.
pub const CU_JIT_ERROR_LOG_BUFFER: CUjit_option = 5;
/// `CUjit_option`: its size, as a scalar.
pub const CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: CUjit_option = 6;
/// The stream does not wait for the default stream.
pub const CU_STREAM_NON_BLOCKING: c_uint = 1;
/// `CUstreamCaptureMode`: other calls are not watched.
pub const CU_STREAM_CAPTURE_MODE_RELAXED: c_int = 2;
/// An event with a time.
pub const CU_EVENT_DEFAULT: c_uint = 0;
/// Page-locked for all contexts.
pub const CU_MEMHOSTALLOC_PORTABLE: c_uint = 1;
/// `CUlaunchAttributeID`: the launch may begin before the one ahead of it in the stream has ended.
pub const CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: c_int = 6;

/// The value of a launch attribute.
#[derive(Clone, Copy)]
#[repr(C)]
pub union CUlaunchAttributeValue {
    /// Its size.
    pub pad: [c_char; 64],
    /// Of `CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION`.
    pub programmaticStreamSerializationAllowed: c_int,
    /// Its alignment: other members hold pointers.
    pub align: u64,
}

/// A launch attribute.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CUlaunchAttribute {
    /// Which.
    pub id: c_int,
    /// Unused.
    pub pad: [c_char; 4],
    /// Its value.
    pub value: CUlaunchAttributeValue,
}

/// A launch with attributes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CUlaunchConfig {
    /// Blocks.
    pub gridDimX: c_uint,
    /// Blocks.
    pub gridDimY: c_uint,
    /// Blocks.
    pub gridDimZ: c_uint,
    /// Threads of a block.
    pub blockDimX: c_uint,
    /// Threads of a block.
    pub blockDimY: c_uint,
    /// Threads of a block.
    pub blockDimZ: c_uint,
    /// Dynamic shared memory of a block.
    pub sharedMemBytes: c_uint,
    /// The stream.
    pub hStream: CUstream,
    /// The attributes.
    pub attrs: *mut CUlaunchAttribute,
    /// Their number.
    pub numAttrs: c_uint,
}

const _: () = assert!(size_of::<*mut c_void>() == 8, "addresses of both sides are 64 bits wide");
const _: () = assert!(size_of::<CUlaunchAttribute>() == 72 && offset_of!(CUlaunchAttribute, value) == 8);
const _: () = assert!(size_of::<CUlaunchConfig>() == 56 && offset_of!(CUlaunchConfig, hStream) == 32);
const _: () = assert!(offset_of!(CUlaunchConfig, attrs) == 40 && offset_of!(CUlaunchConfig, numAttrs) == 48);
