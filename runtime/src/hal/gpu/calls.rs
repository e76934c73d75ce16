//! The two vendors' functions under one set of names: where both have the same shape, the rest of this room is written once.

use cuda_sys as cuda;
use hip_sys as hip;
use std::ffi::{c_char, c_void};

/// A stream, event, graph, module, function or context of a driver.
pub type Handle = *mut c_void;

/// A driver function and its name, for errors.
#[derive(Debug, Clone, Copy)]
pub struct Call<F> {
    pub name: &'static str,
    pub f: F,
}

macro_rules! calls {
    ($($name:ident: $nvidia:ident | $amd:ident = ($($argument:ty),*);)*) => {
        /// Functions that have the same shape on both sides; valid as long as the table they were taken from.
        #[derive(Debug)]
        pub struct Calls {
            $(pub $name: Call<unsafe extern "C" fn($($argument),*) -> i32>,)*
        }

        impl Calls {
            pub fn nvidia(api: &cuda::Api) -> Self {
                Self { $($name: Call { name: stringify!($nvidia), f: api.$nvidia },)* }
            }

            pub fn amd(api: &hip::Api) -> Self {
                Self { $($name: Call { name: stringify!($amd), f: api.$amd },)* }
            }
        }
    };
}

calls! {
    init: cuInit | hipInit = (u32);
    version: cuDriverGetVersion | hipRuntimeGetVersion = (*mut i32);
    device_count: cuDeviceGetCount | hipGetDeviceCount = (*mut i32);
    device: cuDeviceGet | hipDeviceGet = (*mut i32, i32);
    device_name: cuDeviceGetName | hipDeviceGetName = (*mut c_char, i32, i32);
    device_memory: cuDeviceTotalMem_v2 | hipDeviceTotalMem = (*mut usize, i32);
    device_attribute: cuDeviceGetAttribute | hipDeviceGetAttribute = (*mut i32, i32, i32);
    memory_info: cuMemGetInfo_v2 | hipMemGetInfo = (*mut usize, *mut usize);
    allocate: cuMemAlloc_v2 | hipMalloc = (*mut u64, usize);
    free: cuMemFree_v2 | hipFree = (u64);
    allocate_host: cuMemHostAlloc | hipHostMalloc = (*mut *mut c_void, usize, u32);
    free_host: cuMemFreeHost | hipHostFree = (*mut c_void);
    upload: cuMemcpyHtoDAsync_v2 | hipMemcpyHtoDAsync = (u64, *const c_void, usize, Handle);
    download: cuMemcpyDtoHAsync_v2 | hipMemcpyDtoHAsync = (*mut c_void, u64, usize, Handle);
    fill: cuMemsetD32Async | hipMemsetD32Async = (u64, u32, usize, Handle);
    stream_create: cuStreamCreate | hipStreamCreateWithFlags = (*mut Handle, u32);
    stream_destroy: cuStreamDestroy_v2 | hipStreamDestroy = (Handle);
    stream_synchronize: cuStreamSynchronize | hipStreamSynchronize = (Handle);
    capture_begin: cuStreamBeginCapture_v2 | hipStreamBeginCapture = (Handle, i32);
    capture_end: cuStreamEndCapture | hipStreamEndCapture = (Handle, *mut Handle);
    graph_instantiate: cuGraphInstantiateWithFlags | hipGraphInstantiateWithFlags = (*mut Handle, Handle, u64);
    graph_destroy: cuGraphDestroy | hipGraphDestroy = (Handle);
    graph_exec_destroy: cuGraphExecDestroy | hipGraphExecDestroy = (Handle);
    graph_launch: cuGraphLaunch | hipGraphLaunch = (Handle, Handle);
    event_create: cuEventCreate | hipEventCreateWithFlags = (*mut Handle, u32);
    event_destroy: cuEventDestroy_v2 | hipEventDestroy = (Handle);
    event_record: cuEventRecord | hipEventRecord = (Handle, Handle);
    event_synchronize: cuEventSynchronize | hipEventSynchronize = (Handle);
    event_elapsed: cuEventElapsedTime | hipEventElapsedTime = (*mut f32, Handle, Handle);
    module_unload: cuModuleUnload | hipModuleUnload = (Handle);
    module_function: cuModuleGetFunction | hipModuleGetFunction = (*mut Handle, Handle, *const c_char);
    launch: cuLaunchKernel | hipModuleLaunchKernel = (Handle, u32, u32, u32, u32, u32, u32, u32, Handle, *mut *mut c_void, *mut *mut c_void);
}

// Numbers that are the same on both sides, so that they too are written once.
pub const NO_DEVICE: i32 = cuda::CUDA_ERROR_NO_DEVICE;
pub const INVALID_DEVICE: i32 = cuda::CUDA_ERROR_INVALID_DEVICE;
pub const OUT_OF_MEMORY: i32 = cuda::CUDA_ERROR_OUT_OF_MEMORY;
pub const NOT_FOUND: i32 = cuda::CUDA_ERROR_NOT_FOUND;
pub const STREAM_NON_BLOCKING: u32 = cuda::CU_STREAM_NON_BLOCKING;
pub const CAPTURE_RELAXED: i32 = cuda::CU_STREAM_CAPTURE_MODE_RELAXED;
pub const EVENT_DEFAULT: u32 = cuda::CU_EVENT_DEFAULT;
pub const HOST_PORTABLE: u32 = cuda::CU_MEMHOSTALLOC_PORTABLE;

const _: () = assert!(cuda::CUDA_SUCCESS == hip::hipSuccess && cuda::CUDA_SUCCESS == 0);
const _: () = assert!(NO_DEVICE == hip::hipErrorNoDevice && OUT_OF_MEMORY == hip::hipErrorOutOfMemory && NOT_FOUND == hip::hipErrorNotFound);
const _: () = assert!(INVALID_DEVICE == hip::hipErrorInvalidDevice);
const _: () = assert!(STREAM_NON_BLOCKING == hip::hipStreamNonBlocking && CAPTURE_RELAXED == hip::hipStreamCaptureModeRelaxed);
const _: () = assert!(EVENT_DEFAULT == hip::hipEventDefault && HOST_PORTABLE == hip::hipHostMallocPortable);

/// Whether nothing works after this error: a kernel went astray, the memory or the link failed, or the context is gone. An unknown error counts, for
/// nobody can say what still holds after it.
pub fn sticky(code: i32) -> bool {
    matches!(
        code,
        cuda::CUDA_ERROR_DEINITIALIZED
            | cuda::CUDA_ERROR_ECC_UNCORRECTABLE
            | cuda::CUDA_ERROR_NVLINK_UNCORRECTABLE
            | cuda::CUDA_ERROR_CONTAINED
            | cuda::CUDA_ERROR_ILLEGAL_ADDRESS
            | cuda::CUDA_ERROR_LAUNCH_TIMEOUT
            | cuda::CUDA_ERROR_CONTEXT_IS_DESTROYED
            | cuda::CUDA_ERROR_ASSERT
            | cuda::CUDA_ERROR_HARDWARE_STACK_ERROR
            | cuda::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | cuda::CUDA_ERROR_MISALIGNED_ADDRESS
            | cuda::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | cuda::CUDA_ERROR_INVALID_PC
            | cuda::CUDA_ERROR_LAUNCH_FAILED
            | cuda::CUDA_ERROR_TENSOR_MEMORY_LEAK
            | cuda::CUDA_ERROR_EXTERNAL_DEVICE
            | cuda::CUDA_ERROR_UNKNOWN
            | hip::hipErrorRuntimeMemory
            | hip::hipErrorRuntimeOther
    )
}
