//! A lowered MLIR module through LLVM and LLD to bytes.

use super::Job;
use crate::{Error, error::Stage, target::Vendor};
use llvm_sys::{
    LLVMDiagnosticSeverity, LLVMModuleFlagBehavior, core::*, error::LLVMDisposeErrorMessage, error::LLVMGetErrorMessage, prelude::*, target::*,
    target_machine::*, transforms::pass_builder::*,
};
use melior::ir::Module;
use std::{
    cell::RefCell,
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr,
    rc::Rc,
    sync::{Mutex, Once, PoisonError},
};

unsafe extern "C" {
    fn unicorn_lld_elf(arguments: *const *const c_char, count: usize, said: *mut c_char, capacity: usize) -> c_int;
    fn LLVMInitializeAMDGPUDisassembler();
}

/// Registers the two back ends, once for the process.
pub(super) fn initialise() {
    static ONCE: Once = Once::new();
    // SAFETY: registration functions without arguments, each run once, by one thread.
    ONCE.call_once(|| unsafe {
        LLVMInitializeAMDGPUTargetInfo();
        LLVMInitializeAMDGPUTarget();
        LLVMInitializeAMDGPUTargetMC();
        LLVMInitializeAMDGPUAsmPrinter();
        LLVMInitializeAMDGPUAsmParser();
        LLVMInitializeAMDGPUDisassembler();
        LLVMInitializeNVPTXTargetInfo();
        LLVMInitializeNVPTXTarget();
        LLVMInitializeNVPTXTargetMC();
        LLVMInitializeNVPTXAsmPrinter();
    });
}

/// An LLVM context, the module and machine that live in it, and what LLVM complained about.
struct Session {
    context: LLVMContextRef,
    module: LLVMModuleRef,
    machine: LLVMTargetMachineRef,
    said: Rc<RefCell<Vec<String>>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: each was made by this session and is released once, the module before its context.
        unsafe {
            if !self.machine.is_null() {
                LLVMDisposeTargetMachine(self.machine);
            }
            if !self.module.is_null() {
                LLVMDisposeModule(self.module);
            }
            LLVMContextDispose(self.context);
        }
    }
}

extern "C" fn hear(info: LLVMDiagnosticInfoRef, said: *mut c_void) {
    // SAFETY: LLVM passes a live diagnostic and the pointer `Session::new` gave it, which outlives the context.
    unsafe {
        if LLVMGetDiagInfoSeverity(info) == LLVMDiagnosticSeverity::LLVMDSError {
            let text = message(LLVMGetDiagInfoDescription(info));
            (*said.cast::<RefCell<Vec<String>>>()).borrow_mut().push(text);
        }
    }
}

/// Takes a message LLVM allocated.
///
/// # Safety
/// `text` is null or a string to be released with `LLVMDisposeMessage`.
unsafe fn message(text: *mut c_char) -> String {
    if text.is_null() {
        return "no reason given".into();
    }
    // SAFETY: a live C string by the contract, not used after its release.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        LLVMDisposeMessage(text);
        copy
    }
}

/// A string of a table or one checked for NULs before.
pub(super) fn c(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

/// The bytes of `module`, whose `gpu.module` is already in the LLVM dialect. `heard` gives what MLIR said.
pub(super) fn generate(module: &Module, job: Job, heard: &dyn Fn(&str) -> String) -> Result<Vec<u8>, Error> {
    let mut session = Session::new();
    session.translate(module).ok_or_else(|| job.error(Stage::Translate, heard("no gpu.module that can be translated")))?;
    session.machine(job)?;
    session.optimise(job)?;
    let bytes = session.emit(job)?;
    match job.target.vendor() {
        Vendor::Amd => link(&bytes, job),
        Vendor::Nvidia => match unresolved(&bytes) {
            Some(line) => Err(job.error(Stage::Link, format!("calls a function nobody defines: {line}"))),
            None => Ok(bytes),
        },
    }
}

fn unresolved(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().skip_while(|line| !line.starts_with(".extern .func"));
    lines.next().map(|first| if first.contains("__") { first.into() } else { format!("{first} {}", lines.next().unwrap_or_default()) })
}

impl Session {
    fn new() -> Self {
        // SAFETY: the handler's argument has a fixed place, and lives until after the context's release.
        unsafe {
            let session = Self { context: LLVMContextCreate(), module: ptr::null_mut(), machine: ptr::null_mut(), said: Rc::default() };
            LLVMContextSetDiagnosticHandler(session.context, Some(hear), Rc::as_ptr(&session.said).cast_mut().cast());
            session
        }
    }

    fn translate(&mut self, module: &Module) -> Option<()> {
        // SAFETY: walks the operations of a live module; the result belongs to this session's context.
        unsafe {
            let mut operation = mlir_sys::mlirBlockGetFirstOperation(mlir_sys::mlirModuleGetBody(module.to_raw()));
            while !operation.ptr.is_null() {
                let name = mlir_sys::mlirIdentifierStr(mlir_sys::mlirOperationGetName(operation));
                if std::slice::from_raw_parts(name.data.cast::<u8>(), name.length) == b"gpu.module" {
                    self.module = mlir_sys::mlirTranslateModuleToLLVMIR(operation, self.context.cast()).cast();
                    break;
                }
                operation = mlir_sys::mlirOperationGetNextInBlock(operation);
            }
        }
        (!self.module.is_null()).then_some(())
    }

    fn machine(&mut self, job: Job) -> Result<(), Error> {
        let target = job.target;
        let (triple, chip, features) = (c(target.triple()), c(target.chip()), c(target.features()));
        // SAFETY: live strings, live module; what is made is released here or by `drop`.
        unsafe {
            let (mut found, mut error) = (ptr::null_mut(), ptr::null_mut());
            if LLVMGetTargetFromTriple(triple.as_ptr(), &mut found, &mut error) != 0 {
                return Err(job.error(Stage::Optimise, message(error)));
            }
            self.machine = LLVMCreateTargetMachine(
                found,
                triple.as_ptr(),
                chip.as_ptr(),
                features.as_ptr(),
                LLVMCodeGenOptLevel::LLVMCodeGenLevelAggressive,
                LLVMRelocMode::LLVMRelocPIC,
                LLVMCodeModel::LLVMCodeModelDefault,
            );
            if self.machine.is_null() {
                return Err(job.error(Stage::Optimise, "LLVM has no such machine"));
            }
            let layout = LLVMCreateTargetDataLayout(self.machine);
            LLVMSetModuleDataLayout(self.module, layout);
            LLVMDisposeTargetData(layout);
            LLVMSetTarget(self.module, triple.as_ptr());
            if let Some(version) = target.code_object() {
                let flag = "amdhsa_code_object_version";
                let value = LLVMValueAsMetadata(LLVMConstInt(LLVMInt32TypeInContext(self.context), version.into(), 0));
                LLVMAddModuleFlag(self.module, LLVMModuleFlagBehavior::LLVMModuleFlagBehaviorError, flag.as_ptr().cast(), flag.len(), value);
            }
        }
        Ok(())
    }

    fn optimise(&mut self, job: Job) -> Result<(), Error> {
        // SAFETY: module and machine are live; the error, if any, is taken once.
        unsafe {
            let options = LLVMCreatePassBuilderOptions();
            LLVMPassBuilderOptionsSetLoopVectorization(options, 1);
            LLVMPassBuilderOptionsSetSLPVectorization(options, 1);
            LLVMPassBuilderOptionsSetVerifyEach(options, 0);
            let error = LLVMRunPasses(self.module, c"verify,default<O3>".as_ptr(), self.machine, options);
            LLVMDisposePassBuilderOptions(options);
            if !error.is_null() {
                let text = LLVMGetErrorMessage(error);
                let why = CStr::from_ptr(text).to_string_lossy().into_owned();
                LLVMDisposeErrorMessage(text);
                return Err(job.error(Stage::Optimise, why));
            }
        }
        self.complaints(job, Stage::Optimise)
    }

    fn emit(&mut self, job: Job) -> Result<Vec<u8>, Error> {
        let form = match job.target.vendor() {
            Vendor::Amd => LLVMCodeGenFileType::LLVMObjectFile,
            Vendor::Nvidia => LLVMCodeGenFileType::LLVMAssemblyFile,
        };
        // SAFETY: module and machine are live; the buffer is copied and released.
        let bytes = unsafe {
            let (mut error, mut buffer) = (ptr::null_mut(), ptr::null_mut());
            if LLVMTargetMachineEmitToMemoryBuffer(self.machine, self.module, form, &mut error, &mut buffer) != 0 {
                return Err(job.error(Stage::Generate, message(error)));
            }
            let bytes = std::slice::from_raw_parts(LLVMGetBufferStart(buffer).cast::<u8>(), LLVMGetBufferSize(buffer)).to_vec();
            LLVMDisposeMemoryBuffer(buffer);
            bytes
        };
        self.complaints(job, Stage::Generate)?;
        Ok(bytes)
    }

    fn complaints(&self, job: Job, stage: Stage) -> Result<(), Error> {
        let said = self.said.borrow();
        if said.is_empty() { Ok(()) } else { Err(job.error(stage, said.join("; "))) }
    }
}

/// LLD keeps its state in globals, and may ask not to be called again.
static LLD: Mutex<bool> = Mutex::new(true);

fn link(object: &[u8], job: Job) -> Result<Vec<u8>, Error> {
    let failed = |why: String| job.error(Stage::Link, why);
    let folder = tempfile::tempdir().map_err(|error| failed(format!("temporary folder: {error}")))?;
    let (input, output) = (folder.path().join("kernels.o"), folder.path().join("kernels.hsaco"));
    std::fs::write(&input, object).map_err(|error| failed(format!("temporary file: {error}")))?;
    let (input, output) = (input.to_string_lossy().into_owned(), output.to_string_lossy().into_owned());
    let arguments = ["ld.lld", "-shared", "--no-undefined", "--threads=1", &input, "-o", &output].map(c);
    let pointers = arguments.each_ref().map(|argument| argument.as_ptr());
    let mut said = vec![0u8; 4096];
    let mut usable = LLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !*usable {
        return Err(failed("LLD cannot be used again in this process".into()));
    }
    // SAFETY: live, NUL-ended arguments and a buffer of the length named; one thread at a time by the lock.
    let status = unsafe { unicorn_lld_elf(pointers.as_ptr(), pointers.len(), said.as_mut_ptr().cast(), said.len()) };
    *usable = status & 1 == 0;
    drop(usable);
    if status >> 1 != 0 {
        let why =
            CStr::from_bytes_until_nul(&said).unwrap_or_default().to_string_lossy().replace(&input, "kernels.o").replace(&output, "kernels.hsaco");
        return Err(failed(why.trim().replace('\n', "; ")));
    }
    std::fs::read(&output).map_err(|error| failed(format!("temporary file: {error}")))
}
