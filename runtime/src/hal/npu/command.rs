//! Commands: what is put into a context's queue.

use super::buffer::Bo;
use super::{Buffer, Npu, NpuError, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use xrt_sys::{BoKind, State};

/// Bytes of a packet's buffer: a page, which is also what the driver has for a chain of them.
const PACKET: usize = 4096;
/// Commands in a chain at most: the driver gives the firmware a page for all, and one with most arguments takes 160 bytes of it.
const MAX_CHAIN: usize = 24;
/// Only the first kernel of a context is ever configured.
const CU: u32 = 0;

/// An instruction stream with its arguments, or a chain of such. It can be submitted again once it was waited for.
#[derive(Debug)]
pub struct Command {
    packet: Arc<Bo>,
    words: Vec<u32>,
    /// What it reads and writes.
    uses: Vec<Arc<Bo>>,
    /// Their handles, each once: the driver locks them all, and a second time fails.
    handles: Vec<u32>,
    /// All that must stay while it is in a queue.
    held: Arc<[Arc<Bo>]>,
    /// The commands of a chain.
    links: Vec<Command>,
    kind: Kind,
    /// The queue it is in: which life of a context, and the number there.
    pub(super) place: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cu,
    Stream,
    Chain,
}

impl Npu {
    /// A command that runs an instruction stream as the context's kernel does (`ERT_START_CU`): the way that compilers for this generation are known to
    /// take on silicon. The stream's argument `n` is `buffers[n]`.
    ///
    /// # Errors
    /// [`NpuError::Command`] for a stream that is no whole words or more than seven buffers, or what reserving memory says.
    pub fn kernel(&self, stream: &[u8], buffers: &[&Buffer]) -> Result<Command> {
        self.command(Kind::Cu, stream, buffers)
    }

    /// The same through `ERT_START_NPU`, which takes thirteen buffers. No public program is known that runs a stream of this kind so on the first
    /// generation.
    ///
    /// # Errors
    /// As [`Npu::kernel`].
    pub fn stream(&self, stream: &[u8], buffers: &[&Buffer]) -> Result<Command> {
        self.command(Kind::Stream, stream, buffers)
    }

    fn command(&self, kind: Kind, stream: &[u8], buffers: &[&Buffer]) -> Result<Command> {
        let bytes = u32::try_from(stream.len()).ok().filter(|bytes| *bytes > 0 && bytes.is_multiple_of(4));
        let bytes = bytes.ok_or_else(|| NpuError::Command(format!("an instruction stream of {} bytes; whole words are needed", stream.len())))?;
        let instructions = Bo::piece(&self.heap, "an instruction stream", stream.len())?;
        instructions.fill(stream)?;
        let addresses: Vec<u64> = buffers.iter().map(|buffer| buffer.address()).collect();
        let words = match kind {
            Kind::Cu => xrt_sys::start_cu(CU, instructions.address(), bytes / 4, &addresses),
            Kind::Stream | Kind::Chain => xrt_sys::start_npu(CU, instructions.address(), bytes, &addresses),
        };
        let words = words.map_err(|why| NpuError::Command(why.to_string()))?;
        let mut uses = vec![Arc::new(instructions)];
        uses.extend(buffers.iter().map(|buffer| Arc::clone(&buffer.bo)));
        self.packet(kind, words, uses, Vec::new())
    }

    /// Commands of one kind, one after the other, in one message to the firmware.
    ///
    /// # Errors
    /// [`NpuError::Command`] for none, more than 24, chains, or both kinds at once; or what reserving memory says.
    pub fn chain(&self, links: Vec<Command>) -> Result<Command> {
        let refuse = |why: String| Err(NpuError::Command(why));
        let Some(first) = links.first() else { return refuse("a chain of none".into()) };
        if links.len() > MAX_CHAIN {
            return refuse(format!("a chain of {}, at most {MAX_CHAIN} are possible", links.len()));
        }
        if links.iter().any(|link| link.kind != first.kind || link.kind == Kind::Chain) {
            return refuse("a chain is made of single commands of one kind".into());
        }
        if links.iter().any(|link| link.place.is_some()) {
            return Err(NpuError::Order("is in a queue still: wait for it first"));
        }
        let words = xrt_sys::chain(&links.iter().map(|link| link.packet.handle).collect::<Vec<_>>());
        let uses = links.iter().flat_map(|link| link.uses.iter().map(Arc::clone)).collect();
        self.packet(Kind::Chain, words, uses, links)
    }

    fn packet(&self, kind: Kind, words: Vec<u32>, uses: Vec<Arc<Bo>>, links: Vec<Command>) -> Result<Command> {
        let packet = Arc::new(Bo::pages(&self.device, BoKind::Cmd, "a command", PACKET)?);
        let mut handles: Vec<u32> = uses.iter().map(|bo| bo.handle).collect();
        handles.sort_unstable();
        handles.dedup();
        let held = links.iter().map(|link: &Command| &link.packet).chain([&packet]).chain(&uses).map(Arc::clone).collect();
        Ok(Command { packet, words, uses, handles, held, links, kind, place: None })
    }
}

impl Command {
    /// Writes the packets, which no driver holds now.
    pub(super) fn write(&self) {
        self.links.iter().for_each(Self::write);
        // The state goes last.
        for (index, word) in self.words.iter().enumerate().rev() {
            self.packet.word(index).store(*word, Ordering::Release);
        }
    }

    /// The packet's buffer.
    pub(super) fn handle(&self) -> u32 {
        self.packet.handle
    }

    /// Handles of the buffers it works on.
    pub(super) fn arguments(&self) -> &[u32] {
        &self.handles
    }

    /// All that must stay while it is in a queue.
    pub(super) fn held(&self) -> Arc<[Arc<Bo>]> {
        Arc::clone(&self.held)
    }

    /// What the driver made of it.
    pub(super) fn state(&self) -> Option<State> {
        xrt_sys::state(self.packet.word(0).load(Ordering::Acquire))
    }

    /// Which command of a chain failed.
    pub(super) fn failed(&self) -> Option<u32> {
        // The chain's third word after the first.
        (self.kind == Kind::Chain).then(|| self.packet.word(3).load(Ordering::Relaxed))
    }
}
