//! Types and constants of `hip_runtime_api.h`.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::{align_of, offset_of, size_of};

/// What every function returns.
pub type hipError_t = c_int;
/// A device.
pub type hipDevice_t = c_int;
/// An address in device memory: a `void *` in C, which is passed as a 64-bit integer is.
pub type hipDeviceptr_t = u64;
/// A stream.
pub type hipStream_t = *mut c_void;
/// An event.
pub type hipEvent_t = *mut c_void;
/// A recorded graph.
pub type hipGraph_t = *mut c_void;
/// A graph that can be launched.
pub type hipGraphExec_t = *mut c_void;
/// A module.
pub type hipModule_t = *mut c_void;
/// A kernel.
pub type hipFunction_t = *mut c_void;

/// No error.
pub const hipSuccess: hipError_t = 0;
/// No memory.
pub const hipErrorOutOfMemory: hipError_t = 2;
/// The library is shutting down.
pub const hipErrorDeinitialized: hipError_t = 4;
/// No device, or none that this user may open.
pub const hipErrorNoDevice: hipError_t = 100;
/// No device of this number; `hipInit` says it where there is none at all.
pub const hipErrorInvalidDevice: hipError_t = 101;
/// Uncorrectable memory error.
pub const hipErrorECCNotCorrectable: hipError_t = 214;
/// No such name.
pub const hipErrorNotFound: hipError_t = 500;
/// A kernel touched memory that is not its own.
pub const hipErrorIllegalAddress: hipError_t = 700;
/// A kernel ran for too long.
pub const hipErrorLaunchTimeOut: hipError_t = 702;
/// The context is gone.
pub const hipErrorContextIsDestroyed: hipError_t = 709;
/// An assertion in a kernel.
pub const hipErrorAssert: hipError_t = 710;
/// A kernel failed otherwise.
pub const hipErrorLaunchFailure: hipError_t = 719;
/// The library does not know either.
pub const hipErrorUnknown: hipError_t = 999;
/// The layer below refused memory.
pub const hipErrorRuntimeMemory: hipError_t = 1052;
/// The layer below failed otherwise.
pub const hipErrorRuntimeOther: hipError_t = 1053;

/// `hipDeviceAttribute_t`: whether the device shares the host's memory. The value in the headers of ROCm 5.2 to 7; before 5.0 the order was another.
pub const hipDeviceAttributeIntegrated: c_int = 16;
/// `hipDeviceAttribute_t`: number of compute units (or of pairs of them). Versions as above.
pub const hipDeviceAttributeMultiprocessorCount: c_int = 63;
/// The stream does not wait for the default stream.
pub const hipStreamNonBlocking: c_uint = 1;
/// `hipStreamCaptureMode`: other calls are not watched.
pub const hipStreamCaptureModeRelaxed: c_int = 2;
/// An event with a time.
pub const hipEventDefault: c_uint = 0;
/// Page-locked for all contexts.
pub const hipHostMallocPortable: c_uint = 1;

/// Properties of a device in the layout of ROCm 6 and 7, of which only names are read. Longer than today's, should a later version append.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct hipDeviceProp_tR0600 {
    /// Marketing name.
    pub name: [c_char; 256],
    /// `uuid` to `hipReserved`.
    pub skipped: [u8; 904],
    /// Instruction set with features: `gfx90a:sramecc+:xnack-`.
    pub gcnArchName: [c_char; 256],
    /// `maxSharedMemoryPerMultiProcessor` to `asicRevision`, and room.
    pub rest: [u8; 2048],
}

/// Size of the structure in ROCm 6.
pub const DEVICE_PROP_R0600_BYTES: usize = 1472;

const _: () = assert!(size_of::<*mut c_void>() == 8, "addresses of both sides are 64 bits wide");
const _: () = assert!(offset_of!(hipDeviceProp_tR0600, gcnArchName) == 1160 && align_of::<hipDeviceProp_tR0600>() == 8);
const _: () = assert!(size_of::<hipDeviceProp_tR0600>() >= DEVICE_PROP_R0600_BYTES);
