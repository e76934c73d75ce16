//! Code objects back to assembly text, through LLVM's own disassembler.

use super::llvm;
use crate::{
    Error,
    error::Stage,
    object,
    target::{Target, Vendor},
};
use llvm_sys::disassembler::{LLVMCreateDisasmCPUFeatures, LLVMDisasmDispose, LLVMDisasmInstruction};
use std::{ffi::CStr, fmt::Write as _, ptr};

/// The instructions of every function of a code object, one a line under the function's name; of PTX, its text.
pub fn disassemble(code: &[u8], target: Target) -> Result<String, Error> {
    let failed = |name: &str, why: String| Error::Lower { name: name.into(), target, stage: Stage::Disassemble, why };
    if target.vendor() == Vendor::Nvidia {
        return String::from_utf8(code.to_vec()).map_err(|error| failed("PTX", error.to_string()));
    }
    llvm::initialise();
    let (triple, chip, features) = (llvm::c(target.triple()), llvm::c(target.chip()), llvm::c(target.features()));
    // SAFETY: live strings and no callbacks.
    let context = unsafe { LLVMCreateDisasmCPUFeatures(triple.as_ptr(), chip.as_ptr(), features.as_ptr(), ptr::null_mut(), 0, None, None) };
    if context.is_null() {
        return Err(failed(target.name(), "LLVM has no disassembler for it".into()));
    }
    let mut text = String::new();
    let mut work = || -> Result<(), Error> {
        for function in object::functions(code)? {
            let _ = writeln!(text, "{}:", function.name);
            let mut bytes = function.code.to_vec();
            let (mut at, mut line) = (0, [0u8; 512]);
            while at < bytes.len() {
                let rest = &mut bytes[at..];
                // SAFETY: a live context, bytes and a line buffer of the lengths named.
                let taken =
                    unsafe { LLVMDisasmInstruction(context, rest.as_mut_ptr(), rest.len() as u64, at as u64, line.as_mut_ptr().cast(), line.len()) };
                if taken == 0 {
                    return Err(failed(&function.name, format!("no instruction at byte {at}")));
                }
                let said = CStr::from_bytes_until_nul(&line).unwrap_or_default().to_string_lossy();
                let _ = writeln!(text, "  {}", said.trim());
                at += taken;
            }
        }
        Ok(())
    };
    let result = work();
    // SAFETY: made above, released once.
    unsafe { LLVMDisasmDispose(context) };
    result.map(|()| text)
}
