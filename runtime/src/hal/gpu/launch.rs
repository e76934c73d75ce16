//! Launching a kernel. Allocates nothing.

use super::calls::Call;
use super::driver::Api;
use super::{DriverError, Function, Gpu, Result};
use std::ffi::c_void;

/// Arguments of a launch at most.
pub const MAX_ARGUMENTS: usize = 32;

/// One argument of a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument {
    /// An address in device memory, 64 bits.
    Pointer(u64),
    /// A 32-bit integer.
    U32(u32),
    /// A 32-bit float.
    F32(f32),
}

impl Argument {
    /// Its bytes, lowest first; a narrow value lies in the low half.
    fn bits(self) -> u64 {
        match self {
            Self::Pointer(address) => address,
            Self::U32(value) => u64::from(value),
            Self::F32(value) => u64::from(value.to_bits()),
        }
    }
}

const _: () = assert!(cfg!(target_endian = "little"), "the low half of a word is read where a narrow argument is expected");

/// The shape of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: u32,
    /// Dynamic shared memory of a block in bytes.
    pub dynamic_shared: u32,
    /// Whether it may begin before the launch ahead of it has ended (NVIDIA, from sm_90; ignored elsewhere). The kernel must then execute
    /// `griddepcontrol.wait` before it touches what an earlier launch wrote, or writes what an earlier one reads.
    pub overlap: bool,
}

impl Gpu {
    /// Puts a launch into the stream, or into the graph that is being captured.
    ///
    /// # Errors
    /// What the driver says to the launch itself. What goes wrong while it runs is said by a later call.
    ///
    /// # Safety
    /// `arguments` are what the kernel declares, in number, order and width. Every address it computes from them is memory of this device that stays
    /// allocated until the launch is over, or until the last run of the graph is. With `overlap`, the kernel keeps the rule of [`Launch::overlap`].
    pub unsafe fn launch(&self, function: &Function, launch: Launch, arguments: &[Argument]) -> Result<()> {
        let context = &self.context;
        let c = context.enter()?;
        if arguments.len() > MAX_ARGUMENTS {
            return Err(DriverError::Arguments { function: function.name.clone(), count: arguments.len() });
        }
        // One value more than there are arguments, for all parameters that have none: a zero rather than a wild read in the driver.
        let mut values = [0u64; MAX_ARGUMENTS + 1];
        for (value, argument) in values.iter_mut().zip(arguments) {
            *value = argument.bits();
        }
        let base = values.as_mut_ptr();
        let mut parameters: [*mut c_void; MAX_ARGUMENTS + 1] =
            std::array::from_fn(|i| base.wrapping_add(if i < arguments.len() { i } else { MAX_ARGUMENTS }).cast());
        let [x, y, z] = launch.grid;
        let (shared, stream) = (launch.dynamic_shared, context.stream.0);
        if let (true, Api::Nvidia(api)) = (launch.overlap, &context.driver.api) {
            let mut attribute = cuda_sys::CUlaunchAttribute {
                id: cuda_sys::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                pad: [0; 4],
                value: cuda_sys::CUlaunchAttributeValue { pad: [0; 64] },
            };
            attribute.value.programmaticStreamSerializationAllowed = 1;
            let config = cuda_sys::CUlaunchConfig {
                gridDimX: x,
                gridDimY: y,
                gridDimZ: z,
                blockDimX: launch.block,
                blockDimY: 1,
                blockDimZ: 1,
                sharedMemBytes: shared,
                hStream: stream,
                attrs: &raw mut attribute,
                numAttrs: 1,
            };
            let call = Call { name: "cuLaunchKernelEx", f: api.cuLaunchKernelEx };
            // SAFETY: config, attribute and parameters are read during the call; the rest is the caller's promise.
            let code = unsafe { (call.f)(&raw const config, function.handle.0, parameters.as_mut_ptr(), std::ptr::null_mut()) };
            return context.check(&call, code);
        }
        let (kernel, none) = (function.handle.0, std::ptr::null_mut());
        // SAFETY: the parameters are read during the call; the rest is the caller's promise.
        let code = unsafe { (c.launch.f)(kernel, x, y, z, launch.block, 1, 1, shared, stream, parameters.as_mut_ptr(), none) };
        context.check(&c.launch, code)
    }
}
