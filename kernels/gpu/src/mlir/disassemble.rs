//! Code objects back to assembly text, through LLVM's own disassembler.

use super::llvm;
use crate::{
    Error,
    error::Stage,
    object,
    target::{Target, Vendor},
};
use llvm_sys::disassembler::{LLVMCreateDisasmCPUFeatures, LLVMDisasmContextRef, LLVMDisasmDispose, LLVMDisasmInstruction};
use std::{collections::BTreeSet, ffi::CStr, fmt::Write as _, ptr};

/// One instruction of a code object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Bytes from the start of its function.
    pub at: usize,
    /// As LLVM writes it, on one line.
    pub text: String,
    /// Where it may continue instead of with the next one.
    pub branch: Option<usize>,
}

/// The instructions of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its symbol.
    pub name: String,
    /// In order.
    pub instructions: Vec<Instruction>,
}

impl Listing {
    /// The bodies of loops: from where a branch leads back to, to the branch.
    pub fn loops(&self) -> impl Iterator<Item = &[Instruction]> {
        let back = |last: &(usize, &Instruction)| last.1.branch.is_some_and(|first| first <= last.1.at);
        self.instructions.iter().enumerate().filter(back).filter_map(|(last, instruction)| {
            let first = self.instructions.iter().position(|i| Some(i.at) == instruction.branch)?;
            Some(&self.instructions[first..=last])
        })
    }
}

/// The functions of an AMD code object.
pub fn listings(code: &[u8], target: Target) -> Result<Vec<Listing>, Error> {
    let disassembler = Disassembler::new(target)?;
    object::functions(code)?.into_iter().map(|function| disassembler.function(function)).collect()
}

/// The instructions of every function of a code object, one a line under the function's name, with labels where branches lead; of PTX, its text.
pub fn disassemble(code: &[u8], target: Target) -> Result<String, Error> {
    if target.vendor() == Vendor::Nvidia {
        return String::from_utf8(code.to_vec()).map_err(|error| failed("PTX", target, error.to_string()));
    }
    let mut text = String::new();
    for listing in listings(code, target)? {
        let aims: BTreeSet<usize> = listing.instructions.iter().filter_map(|i| i.branch).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}:", listing.name);
        for Instruction { at, text: line, branch } in &listing.instructions {
            if aims.contains(at) {
                let _ = writeln!(text, " L{at:x}:");
            }
            let aim = branch.map_or(String::new(), |aim| format!("  // L{aim:x}"));
            let _ = writeln!(text, "  {line}{aim}");
        }
    }
    Ok(text)
}

fn failed(name: &str, target: Target, why: String) -> Error {
    Error::Lower { name: name.into(), target, stage: Stage::Disassemble, why }
}

struct Disassembler {
    context: LLVMDisasmContextRef,
    target: Target,
}

impl Drop for Disassembler {
    fn drop(&mut self) {
        // SAFETY: made by `new`, released once.
        unsafe { LLVMDisasmDispose(self.context) };
    }
}

impl Disassembler {
    fn new(target: Target) -> Result<Self, Error> {
        llvm::initialise();
        let (triple, chip, features) = (llvm::c(target.triple()), llvm::c(target.chip()), llvm::c(target.features()));
        // SAFETY: live strings and no callbacks.
        let context = unsafe { LLVMCreateDisasmCPUFeatures(triple.as_ptr(), chip.as_ptr(), features.as_ptr(), ptr::null_mut(), 0, None, None) };
        if context.is_null() { Err(failed(target.name(), target, "LLVM has no disassembler for it".into())) } else { Ok(Self { context, target }) }
    }

    fn function(&self, function: object::Function<'_>) -> Result<Listing, Error> {
        let mut bytes = function.code.to_vec();
        let (mut at, mut line, mut instructions) = (0, [0u8; 512], vec![]);
        while at < bytes.len() {
            let rest = &mut bytes[at..];
            // SAFETY: a live context, bytes and a line buffer of the lengths named.
            let taken =
                unsafe { LLVMDisasmInstruction(self.context, rest.as_mut_ptr(), rest.len() as u64, at as u64, line.as_mut_ptr().cast(), line.len()) };
            if taken == 0 {
                return Err(failed(&function.name, self.target, format!("no instruction at byte {at}")));
            }
            let said = CStr::from_bytes_until_nul(&line).unwrap_or_default().to_string_lossy();
            let text = said.split_whitespace().collect::<Vec<_>>().join(" ");
            instructions.push(Instruction { at, branch: branch(&text, at + taken), text });
            at += taken;
        }
        Ok(Listing { name: function.name, instructions })
    }
}

/// Where a branch leads: its operand counts words from the instruction after it, as sixteen bits with a sign.
fn branch(text: &str, next: usize) -> Option<usize> {
    let (name, words) = text.split_once(' ')?;
    let words = (name == "s_branch" || name.starts_with("s_cbranch_")).then(|| words.parse::<u16>().ok())??;
    next.checked_add_signed(4 * words.cast_signed() as isize)
}
