//! Kernel images and the kernels in them.

use super::calls::{self, Call};
use super::context::{Context, Raw};
use super::driver::Api;
use super::{DriverError, Gpu, Result};
use std::ffi::{CString, c_void};
use std::sync::Arc;

/// Room for what the driver's compiler complains about.
const LOG_BYTES: usize = 8192;

/// A loaded kernel image; cheap to clone.
#[derive(Debug, Clone)]
pub struct Module(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    context: Arc<Context>,
    handle: Raw,
    /// HIP keeps pointing into it.
    _image: Vec<u64>,
}

/// A kernel. Keeps its module loaded.
#[derive(Debug, Clone)]
pub struct Function {
    module: Arc<Loaded>,
    pub(super) handle: Raw,
    pub(super) name: String,
}

impl Gpu {
    /// Loads PTX text or a cubin (NVIDIA), or a code object (AMD).
    ///
    /// # Errors
    /// [`DriverError::Load`] with the log of the driver's compiler.
    pub fn load(&self, image: &[u8]) -> Result<Module> {
        let context = &self.context;
        context.enter_outside_graph("loading kernels")?;
        // Aligned, and with at least one zero byte at the end, which text must have.
        let mut words = vec![0u64; image.len() / 8 + 1];
        for (word, bytes) in words.iter_mut().zip(image.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(padded);
        }
        let mut handle = std::ptr::null_mut();
        let mut log = Vec::new();
        let answer = match &context.driver.api {
            Api::Nvidia(api) => {
                log.resize(LOG_BYTES, 0);
                let call = Call { name: "cuModuleLoadDataEx", f: api.cuModuleLoadDataEx };
                let mut options = [cuda_sys::CU_JIT_ERROR_LOG_BUFFER, cuda_sys::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
                let mut values = [log.as_mut_ptr().cast::<c_void>(), std::ptr::without_provenance_mut(LOG_BYTES - 1)];
                let image = words.as_ptr().cast();
                // SAFETY: the image ends with a zero; two options with two values, the buffer as long as said.
                let code = unsafe { (call.f)(&raw mut handle, image, 2, options.as_mut_ptr(), values.as_mut_ptr()) };
                context.check(&call, code)
            }
            Api::Amd(api) => {
                let call = Call { name: "hipModuleLoadData", f: api.hipModuleLoadData };
                // SAFETY: the image is kept as long as the module.
                context.check(&call, unsafe { (call.f)(&raw mut handle, words.as_ptr().cast()) })
            }
        };
        answer.map_err(|error| {
            let error = context.no_memory(error, "kernels", image.len() as u64, true);
            load_error(context, error, &super::driver::text(&log))
        })?;
        Ok(Module(Arc::new(Loaded { context: Arc::clone(context), handle: Raw(handle), _image: words })))
    }
}

/// What a driver says to an image, as [`DriverError::Load`]; a lost device and missing memory stay what they are.
fn load_error(context: &Context, error: DriverError, log: &str) -> DriverError {
    match error {
        DriverError::Call { name, code, function } => {
            let why = if log.is_empty() { format!("{function}: {name} (error {code})") } else { format!("{name} (error {code}): {log}") };
            DriverError::Load { target: context.info.target.clone(), why }
        }
        other => other,
    }
}

impl Module {
    /// A kernel by name, with its code on the device.
    ///
    /// # Errors
    /// [`DriverError::Load`] if the image has none of this name.
    pub fn function(&self, name: &str) -> Result<Function> {
        let context = &self.0.context;
        let c = context.enter()?;
        let absent = || DriverError::Load { target: context.info.target.clone(), why: format!("the image has no kernel `{name}`") };
        let text = CString::new(name).map_err(|_| absent())?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: writes one handle; the module is loaded and the name NUL-terminated.
        let code = unsafe { (c.module_function.f)(&raw mut handle, self.0.handle.0, text.as_ptr()) };
        context.check(&c.module_function, code).map_err(|error| match error {
            DriverError::Call { code: calls::NOT_FOUND, .. } => absent(),
            other => load_error(context, other, ""),
        })?;
        if let Api::Nvidia(api) = &context.driver.api
            && let Some(load) = api.cuFuncLoad
        {
            let call = Call { name: "cuFuncLoad", f: load };
            // SAFETY: a kernel of a loaded module.
            let loaded = context.check(&call, unsafe { (call.f)(handle) });
            loaded.map_err(|error| load_error(context, context.no_memory(error, "kernels", 0, true), ""))?;
        }
        Ok(Function { module: Arc::clone(&self.0), handle: Raw(handle), name: name.into() })
    }
}

impl Gpu {
    /// Lets launches of a kernel ask for more dynamic shared memory than the usual 48 KiB. AMD has no such limit to raise.
    ///
    /// # Errors
    /// What the driver says.
    pub fn set_shared_limit(&self, function: &Function, bytes: u32) -> Result<()> {
        self.context.enter()?;
        let Api::Nvidia(api) = &self.context.driver.api else { return Ok(()) };
        let call = Call { name: "cuFuncSetAttribute", f: api.cuFuncSetAttribute };
        let attribute = cuda_sys::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: a kernel of a module that it keeps loaded.
        let code = unsafe { (call.f)(function.handle.0, attribute, i32::try_from(bytes).unwrap_or(i32::MAX)) };
        self.context.check(&call, code)
    }
}

impl Function {
    /// Its name in the image.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its module was loaded for.
    pub fn target(&self) -> &str {
        &self.module.context.info.target
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        if !self.context.capturing.load(std::sync::atomic::Ordering::Acquire) {
            let _ = self.context.synchronize();
        }
        // SAFETY: loaded once, unloaded once; its kernels hold it, and the stream was waited for.
        self.context.discard(|c| (c.module_unload, unsafe { (c.module_unload.f)(self.handle.0) }));
    }
}
