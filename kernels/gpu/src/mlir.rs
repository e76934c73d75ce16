//! MLIR text to code, in this process; the only room that knows MLIR and LLVM.
//!
//! LLVM ends the process on some bad inputs, so whoever lowers text that is not known to be good lets a [`Worker`] do it.

mod disassemble;
mod llvm;
mod worker;

pub use disassemble::{Instruction, Listing, disassemble, listings};
pub use worker::{WORKER_ARGUMENT, Worker, serve};

use crate::{
    Error,
    error::Stage,
    target::{Target, Vendor},
};
use melior::{
    Context,
    diagnostic::{Diagnostic, DiagnosticSeverity},
    dialect::DialectRegistry,
    ir::Module,
    pass::PassManager,
    utility::{parse_pass_pipeline, register_all_dialects, register_all_llvm_translations, register_all_passes},
};
use std::{cell::RefCell, rc::Rc};

/// Lowers kernels, one after the other. Belongs to one thread; every thread may have its own.
pub struct Compiler {
    context: Context,
    said: Rc<RefCell<Vec<String>>>,
}

/// What was being done, for the error.
#[derive(Clone, Copy)]
struct Job<'a> {
    name: &'a str,
    target: Target,
}

impl Job<'_> {
    fn error(self, stage: Stage, why: impl Into<String>) -> Error {
        Error::Lower { name: self.name.into(), target: self.target, stage, why: why.into() }
    }
}

impl Compiler {
    /// Loads the dialects and LLVM's back ends.
    pub fn new() -> Result<Self, Error> {
        llvm::initialise();
        register_all_passes();
        let registry = DialectRegistry::new();
        register_all_dialects(&registry);
        let context = Context::new_with_threading(false);
        context.append_dialect_registry(&registry);
        register_all_llvm_translations(&context);
        for dialect in ["builtin", "gpu", "arith", "scf", "llvm", "vector", "math", "amdgpu", "rocdl", "nvgpu", "nvvm", "memref"] {
            context.get_or_load_dialect(dialect);
        }
        let said = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&said);
        context.attach_diagnostic_handler(move |diagnostic| {
            if matches!(diagnostic.severity(), DiagnosticSeverity::Error) {
                heard.borrow_mut().push(sentence(&diagnostic));
            }
            true
        });
        Ok(Self { context, said })
    }

    /// The code of one module of kernels: a linked code object on AMD, PTX on NVIDIA. The same text gives the same bytes.
    ///
    /// `text` is a `module attributes {gpu.container_module}` around one `gpu.module`; `name` says op and shape in errors.
    pub fn compile(&self, name: &str, text: &str, target: Target) -> Result<Vec<u8>, Error> {
        let job = Job { name, target };
        self.said.borrow_mut().clear();
        if text.contains('\0') {
            return Err(job.error(Stage::Parse, "a NUL in the text"));
        }
        let mut module = Module::parse(&self.context, text).ok_or_else(|| job.error(Stage::Parse, self.heard("the text is not a module")))?;
        let manager = PassManager::new(&self.context);
        let pipeline = pipeline(target);
        parse_pass_pipeline(manager.as_operation_pass_manager(), &pipeline).map_err(|error| job.error(Stage::Convert, error.to_string()))?;
        manager.run(&mut module).map_err(|error| job.error(Stage::Convert, self.heard(&error.to_string())))?;
        llvm::generate(&module, job, &|fallback: &str| self.heard(fallback))
    }

    /// What MLIR said since the text was taken in.
    fn heard(&self, fallback: &str) -> String {
        let said = std::mem::take(&mut *self.said.borrow_mut());
        if said.is_empty() { fallback.into() } else { said.join("; ") }
    }
}

fn sentence(diagnostic: &Diagnostic) -> String {
    const LONGEST: usize = 400;
    let mut text = format!("{}: {diagnostic}", diagnostic.location());
    for index in 0..diagnostic.note_count() {
        // The note that prints the whole module says nothing new.
        if let Ok(note) = diagnostic.note(index).map(|note| note.to_string())
            && note.len() <= LONGEST
        {
            text.push_str(&format!(" ({note})"));
        }
    }
    text
}

fn pipeline(target: Target) -> String {
    let device = match target.vendor() {
        Vendor::Amd => {
            let chip = target.chipset();
            format!(
                "convert-math-to-llvm,convert-vector-to-scf,convert-scf-to-cf,\
                 convert-gpu-to-rocdl{{chipset={chip} use-bare-ptr-memref-call-conv=true index-bitwidth=32 runtime=HIP}},\
                 convert-amdgpu-to-rocdl{{chipset={chip}}}"
            )
        }
        Vendor::Nvidia => "convert-vector-to-scf,convert-scf-to-cf,\
                           convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true index-bitwidth=32},convert-nvvm-to-llvm"
            .into(),
    };
    format!(
        "builtin.module(gpu.module(canonicalize,cse,{device},convert-vector-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,\
         reconcile-unrealized-casts,canonicalize,cse))"
    )
}
