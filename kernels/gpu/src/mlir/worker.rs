//! Lowering in another process, so that a crash of LLVM is an error of one kernel.
//!
//! Both ways carry blocks: a length in four bytes, little-endian, then the bytes. A request is the blocks name, target and text; a reply is the
//! block `ok` and the code, or the name of a stage and the reason.

use super::Compiler;
use crate::{Error, error::Stage, target::Target};
use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

/// The one argument that makes a program of ours call [`serve`] instead of doing its work.
pub const WORKER_ARGUMENT: &str = "--lower-kernels";

const OK: &str = "ok";
const LONGEST_BLOCK: u32 = 1 << 28;
const LINES_KEPT: usize = 12;

/// Lowers what is asked for until `input` ends.
pub fn serve(mut input: impl Read, mut output: impl Write) -> Result<(), Error> {
    let compiler = Compiler::new()?;
    let mut work = || -> io::Result<()> {
        while let Some(name) = read_text(&mut input)? {
            let target = read_text(&mut input)?.ok_or(ErrorKind::UnexpectedEof)?;
            let text = read_text(&mut input)?.ok_or(ErrorKind::UnexpectedEof)?;
            let (status, body) = match target.parse().and_then(|target| compiler.compile(&name, &text, target)) {
                Ok(code) => (OK, code),
                Err(Error::Lower { stage, why, .. }) => (stage.name(), why.into_bytes()),
                Err(error) => (Stage::Parse.name(), error.to_string().into_bytes()),
            };
            write_block(&mut output, status.as_bytes())?;
            write_block(&mut output, &body)?;
            output.flush()?;
        }
        Ok(())
    };
    work().map_err(|error| Error::Worker { program: "served".into(), why: error.to_string() })
}

/// A process that lowers kernels, started when first needed and again after it died. Belongs to one thread; several may run at once.
pub struct Worker {
    program: PathBuf,
    process: Option<Process>,
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    listener: JoinHandle<VecDeque<String>>,
}

impl Worker {
    /// A worker run by `program`, which must call [`serve`] when its one argument is [`WORKER_ARGUMENT`].
    pub fn new(program: &Path) -> Self {
        Self { program: program.into(), process: None }
    }

    /// A worker run by this very program.
    pub fn of_this_program() -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(|error| Error::Worker { program: "of this process".into(), why: error.to_string() })?;
        Ok(Self::new(&program))
    }

    /// What [`Compiler::compile`] gives, made by the other process.
    pub fn compile(&mut self, name: &str, text: &str, target: Target) -> Result<Vec<u8>, Error> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None => Process::start(&self.program).map_err(|why| Error::Worker { program: self.program.display().to_string(), why })?,
        };
        match process.ask(name, text, target) {
            Ok((status, body)) => {
                self.process = Some(process);
                if status == OK {
                    return Ok(body);
                }
                let stage = Stage::ALL.into_iter().find(|stage| stage.name() == status).unwrap_or(Stage::Parse);
                Err(Error::Lower { name: name.into(), target, stage, why: String::from_utf8_lossy(&body).into_owned() })
            }
            Err(error) => Err(Error::Crashed { name: name.into(), target, why: process.end(&error) }),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(Process { mut child, input, .. }) = self.process.take() {
            drop(input);
            // Nobody is left to hear how it ended.
            let _ = child.wait();
        }
    }
}

impl Process {
    fn start(program: &Path) -> Result<Self, String> {
        let mut child = Command::new(program)
            .arg(WORKER_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(input), Some(output), Some(errors)) => {
                let listener = std::thread::spawn(move || listen(errors));
                Ok(Self { child, input, output: BufReader::new(output), listener })
            }
            _ => Err("started without pipes".into()),
        }
    }

    fn ask(&mut self, name: &str, text: &str, target: Target) -> io::Result<(String, Vec<u8>)> {
        let mut request = Vec::with_capacity(text.len() + 64);
        for block in [name, target.name(), text] {
            write_block(&mut request, block.as_bytes())?;
        }
        self.input.write_all(&request)?;
        self.input.flush()?;
        let status = read_text(&mut self.output)?.ok_or(ErrorKind::UnexpectedEof)?;
        let body = read_block(&mut self.output)?.ok_or(ErrorKind::UnexpectedEof)?;
        Ok((status, body))
    }

    /// Ends the process and says why it could not answer.
    fn end(mut self, error: &io::Error) -> String {
        drop(self.input);
        if error.kind() == ErrorKind::InvalidData {
            let _ = self.child.kill();
        }
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let lines = self.listener.join().unwrap_or_default();
        if lines.is_empty() { format!("{status}, {error}") } else { format!("{}\n({status})", lines.into_iter().collect::<Vec<_>>().join("\n")) }
    }
}

/// The last lines of a process, or the first ones from where LLVM gave up.
fn listen(errors: impl Read) -> VecDeque<String> {
    let (mut kept, mut fatal) = (VecDeque::new(), false);
    let (mut errors, mut line) = (BufReader::new(errors), Vec::new());
    while errors.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        line.clear();
        if !fatal && text.starts_with("LLVM ERROR") {
            fatal = true;
            kept.clear();
        }
        if fatal && kept.len() == LINES_KEPT {
            continue;
        }
        kept.push_back(text);
        if kept.len() > LINES_KEPT {
            kept.pop_front();
        }
    }
    kept
}

fn write_block(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|&length| length <= LONGEST_BLOCK).ok_or(ErrorKind::InvalidInput)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(bytes)
}

/// `None` where the other side closed between two blocks.
fn read_block(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    loop {
        match input.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST_BLOCK {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    input.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() == length as usize { Ok(Some(bytes)) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

fn read_text(input: &mut impl Read) -> io::Result<Option<String>> {
    read_block(input)?.map(|bytes| String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData.into())).transpose()
}
