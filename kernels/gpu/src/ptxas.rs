//! NVIDIA's assembler, where it is at hand: machine code at compile time instead of PTX that the driver compiles when the model is loaded.

use crate::{Error, error::Stage, target::Target};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What every ELF file begins with.
const ELF: &[u8] = b"\x7fELF";

/// A `ptxas` program.
#[derive(Clone, Debug)]
pub struct Assembler {
    /// Where it is.
    pub program: PathBuf,
}

impl Assembler {
    /// What it says of its version, such as `V12.9.86`: the same version gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Assembler`] if the program cannot be run, or says none.
    pub fn version(&self) -> Result<String, Error> {
        let failed = |why: String| Error::Assembler { program: self.program.display().to_string(), why };
        let said = Command::new(&self.program).arg("--version").stdin(Stdio::null()).output().map_err(|why| failed(why.to_string()))?;
        let text = String::from_utf8_lossy(&said.stdout);
        let version =
            text.split([' ', ',', '\n']).find(|word| word.strip_prefix('V').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
        version.map(str::to_owned).ok_or_else(|| failed("it tells no version".into()))
    }

    /// The machine code (ELF) of a PTX module for `target`'s own chip. `name` says op and shape in errors.
    ///
    /// # Errors
    /// [`Error::Assembler`] if the program cannot be run, [`Error::Lower`] with its words if it refuses the module.
    pub fn assemble(&self, name: &str, ptx: &[u8], target: Target) -> Result<Vec<u8>, Error> {
        let failed = |why: String| Error::Assembler { program: self.program.display().to_string(), why };
        let mut child = Command::new(&self.program)
            .arg(format!("-arch={}", target.chip()))
            .args(["-o", "/dev/stdout", "/dev/stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| failed(why.to_string()))?;
        // It reads all before it writes; a refusal in the middle shows as its exit code.
        let sent = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(ptx));
        let mut code = Vec::new();
        let read = child.stdout.take().map_or(Ok(0), |mut output| output.read_to_end(&mut code));
        let done = child.wait_with_output().map_err(|why| failed(why.to_string()))?;
        if !done.status.success() || !is_machine_code(&code) {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            let why = if said.is_empty() { format!("{}, and no machine code", done.status) } else { said };
            return Err(Error::Lower { name: name.into(), target, stage: Stage::Assemble, why });
        }
        sent.and(read.map(drop)).map_err(|why| failed(why.to_string()))?;
        Ok(code)
    }
}

/// Whether code for an NVIDIA target is machine code rather than PTX.
pub fn is_machine_code(code: &[u8]) -> bool {
    code.starts_with(ELF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_or_gives_no_code_is_an_error() {
        let with = |program: &str| Assembler { program: program.into() }.assemble("k", b".version 8.0", Target::Sm90).unwrap_err().to_string();
        assert!(with("/nowhere/ptxas").contains("/nowhere/ptxas"));
        let said = with("false");
        assert!(said.contains("assemble") && said.contains("no machine code"), "{said}");
        assert!(with("true").contains("no machine code"));
    }
}
