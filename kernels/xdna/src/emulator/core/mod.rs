//! One AIE2 core: fetch, stalls, delay slots, loops. What instructions do stands in `execute` and `access` (their arithmetic in
//! `scalar`, `lanes`, `convert`, `mac`), when their results land in `registers`.

mod access;
mod convert;
mod execute;
mod lanes;
mod mac;
mod op;
mod registers;
mod scalar;

use super::diagnosis::{CoreReport, Diagnosis, Wait};
use super::dma::Shared;
use super::fabric::Fabric;
use crate::array::{Port, PortSide, Tile};
use crate::isa::{Bundle, Register};
use execute::{Fault, Late, Pending};
use op::Packet;
use registers::{File, LC, LE, LS, RING};
use std::sync::Arc;

const PROGRAM_BYTES: usize = 0x4000;
const ENABLE: u32 = 1;
const RESET: u32 = 2;
const DONE: u32 = 1 << 20;
/// Bundles behind a jump that still run.
const DELAY_SLOTS: u8 = 5;

/// A core: program, registers, pipeline.
pub(super) struct Core {
    tile: Tile,
    program: Vec<u8>,
    /// Bundles made ready, by program address over two.
    ready: Vec<Option<Arc<Packet>>>,
    control: u32,
    state: State,
    used: bool,
    bundles: u64,
    macs: u64,
    lock_stalls: u64,
    bank_stalls: u64,
    stream_stalls: u64,
}

/// What a reset clears.
struct State {
    tile: Tile,
    pc: u32,
    /// Bundles issued; the clock of the pipeline, which stands still in a stall.
    time: u64,
    /// The results of this time are in.
    ready: bool,
    file: File,
    late: [Vec<Late>; RING],
    pending: [Vec<Pending>; RING],
    /// Delay slots left and the target of a jump under way.
    jump: Option<(u8, u32)>,
    /// Cycles lost to banks that are still to be sat out.
    idle: u32,
    done: bool,
    /// Time at which all accesses so far have reached memory.
    settled: u64,
    /// Time from which accesses are behind the last acquire.
    guarded: u64,
    /// Accesses and lock operations too close to each other.
    hasty: u64,
    /// Memories seen: south, west, north, own, by [`Tile::index`].
    views: [Option<Tile>; 4],
    /// Banks touched by the bundle.
    touched: Vec<(usize, u32)>,
    stream_in: Option<usize>,
    stream_out: Option<usize>,
}

impl State {
    fn new(tile: Tile) -> State {
        let core = |t: Option<Tile>| t.filter(|t| t.kind() == crate::array::TileKind::Core);
        State {
            tile,
            pc: 0,
            time: 0,
            ready: false,
            file: File::new(),
            late: Default::default(),
            pending: Default::default(),
            jump: None,
            idle: 0,
            done: false,
            settled: 0,
            guarded: 0,
            hasty: 0,
            views: [core(tile.beside(0, -1)), core(tile.beside(-1, 0)), core(tile.beside(0, 1)), Some(tile)],
            touched: Vec::new(),
            stream_in: Fabric::place(tile, Port::Core, PortSide::Master),
            stream_out: Fabric::place(tile, Port::Core, PortSide::Slave),
        }
    }
}

impl Core {
    pub(super) fn new(tile: Tile) -> Core {
        Core {
            tile,
            program: vec![0; PROGRAM_BYTES],
            ready: vec![None; PROGRAM_BYTES / 2],
            control: RESET,
            state: State::new(tile),
            used: false,
            bundles: 0,
            macs: 0,
            lock_stalls: 0,
            bank_stalls: 0,
            stream_stalls: 0,
        }
    }

    pub(super) fn write_program(&mut self, at: u32, value: u32) {
        let at = at as usize;
        self.program[at..at + 4].copy_from_slice(&value.to_le_bytes());
        // A bundle may begin up to 14 bytes earlier.
        self.ready[at.saturating_sub(14) / 2..at / 2 + 2].fill(None);
    }

    pub(super) fn read_program(&self, at: u32) -> u32 {
        let b = &self.program[at as usize..at as usize + 4];
        u32::from_le_bytes([b[0], b[1], b[2], b[3]])
    }

    pub(super) fn control(&mut self, value: u32) {
        if value & RESET != 0 {
            self.state = State::new(self.tile);
        }
        self.control = value & (ENABLE | RESET);
        self.used |= self.running();
    }

    pub(super) fn control_word(&self) -> u32 {
        self.control
    }

    pub(super) fn status_word(&self) -> u32 {
        self.control | if self.state.done { DONE } else { 0 }
    }

    /// Enabled, out of reset, not done.
    pub(super) fn running(&self) -> bool {
        self.control == ENABLE && !self.state.done
    }

    pub(super) fn register(&self, register: Register) -> Option<Vec<u8>> {
        self.state.file.bytes(register)
    }

    pub(super) fn set_register(&mut self, register: Register, bytes: &[u8]) -> Option<()> {
        self.state.file.set_bytes(register, bytes)
    }

    pub(super) fn report(&self) -> Option<CoreReport> {
        self.used.then_some(CoreReport {
            tile: self.tile,
            bundles: self.bundles,
            macs: self.macs,
            lock_stalls: self.lock_stalls,
            bank_stalls: self.bank_stalls,
            stream_stalls: self.stream_stalls,
            hasty: self.state.hasty,
            done: self.state.done,
        })
    }

    /// What a core that stands still waits for.
    pub(super) fn waits(&self, shared: &Shared) -> Option<Wait> {
        if !self.running() {
            return None;
        }
        let packet = self.ready.get(self.state.pc as usize / 2)?.as_ref()?;
        let what = packet.ops.iter().find_map(|op| self.state.blocked(op, shared).ok().flatten())?;
        Some(Wait { who: format!("{}, pc {:#06x}", self.tile, self.state.pc), what: what.to_string() })
    }

    /// One cycle; whether anything moved.
    pub(super) fn step(&mut self, shared: &mut Shared) -> Result<bool, Diagnosis> {
        if !self.running() {
            return Ok(false);
        }
        let state = &mut self.state;
        if state.idle > 0 {
            state.idle -= 1;
            self.bank_stalls += 1;
            return Ok(true);
        }
        let pc = state.pc;
        if !state.ready {
            state.file.commit(state.time);
            state.run_late().map_err(|f| fault(self.tile, &self.program, pc, f))?;
            state.ready = true;
        }
        let packet = match self.ready.get(pc as usize / 2) {
            Some(Some(packet)) if pc.is_multiple_of(2) => packet.clone(),
            _ => {
                let packet = Arc::new(fetch(self.tile, &self.program, pc)?);
                self.ready[pc as usize / 2] = Some(packet.clone());
                packet
            }
        };
        let state = &mut self.state;
        if packet.waits {
            for op in &packet.ops {
                match state.blocked(op, shared).map_err(|f| fault(self.tile, &self.program, pc, f))? {
                    Some(execute::Block::Lock { .. }) => {
                        self.lock_stalls += 1;
                        return Ok(false);
                    }
                    Some(execute::Block::Stream(_)) => {
                        self.stream_stalls += 1;
                        return Ok(false);
                    }
                    None => {}
                }
            }
        }
        let next = pc + packet.bytes;
        for op in &packet.ops {
            state.execute(op, next, &self.program, shared).map_err(|f| fault(self.tile, &self.program, pc, f))?;
        }
        self.bundles += 1;
        self.macs += u64::from(packet.mac);
        state.write_pending(shared);
        state.advance(pc, next);
        Ok(true)
    }
}

impl State {
    /// After a bundle: the next address, by jump, loop, or in order.
    fn advance(&mut self, pc: u32, next: u32) {
        let mut to = next;
        let passes = self.file.scalar(LC);
        if passes > 0 && pc == self.file.scalar(LE) {
            self.file.set_scalar(LC, passes - 1);
            if passes > 1 {
                to = self.file.scalar(LS);
            }
        }
        match &mut self.jump {
            Some((0, target)) => {
                to = *target;
                self.jump = None;
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        self.pc = to;
        self.time += 1;
        self.ready = false;
        let banks = &mut self.touched;
        if banks.len() > 1 {
            let n = banks.len() as u32;
            banks.sort_unstable();
            banks.dedup();
            self.idle = n - banks.len() as u32;
        }
        banks.clear();
    }
}

fn fetch(tile: Tile, program: &[u8], pc: u32) -> Result<Packet, Diagnosis> {
    let at = pc as usize;
    let bytes = program.get(at..).filter(|b| !b.is_empty() && pc.is_multiple_of(2)).ok_or_else(|| Diagnosis::Bundle {
        tile,
        pc,
        bytes: Vec::new(),
        why: "outside program memory".to_owned(),
    })?;
    Bundle::decode(bytes, pc).map(|b| Packet::new(&b)).map_err(|e| Diagnosis::Bundle {
        tile,
        pc,
        bytes: bytes[..bytes.len().min(16)].to_vec(),
        why: e.to_string(),
    })
}

fn fault(tile: Tile, program: &[u8], pc: u32, fault: Fault) -> Diagnosis {
    match fault {
        Fault::Access { address, bytes } => Diagnosis::Access { who: tile.to_string(), at: format!("pc {pc:#06x}"), address: address.into(), bytes },
        Fault::Why(why) => {
            let at = pc as usize;
            let bytes = program.get(at..).map_or(Vec::new(), |b| b[..b.len().min(16)].to_vec());
            let text = Bundle::decode(&bytes, pc).map_or(String::new(), |b| format!(" in {b}"));
            Diagnosis::Bundle { tile, pc, bytes, why: format!("{why}{text}") }
        }
    }
}
