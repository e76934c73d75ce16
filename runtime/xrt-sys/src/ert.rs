//! Packets: what stands in a command's buffer. Little-endian words of 32 bits.
//!
//! Word 0: state `[3:0]`, further masks `[11:10]`, words that follow `[22:12]`, opcode `[27:23]`, type `[31:28]`. The type is XRT's alone (`ERT_CU` is 3); no
//! driver reads it, but what is known to run on silicon has it. The driver writes the state, and over all the rest when a
//! command fails, so a packet is good for one submission only.

use std::fmt;

/// What a packet asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Opcode {
    /// `ERT_START_CU`: a kernel with its arguments, the way that compilers for this generation take.
    StartCu = 0,
    /// `ERT_CMD_CHAIN`: commands in one message.
    Chain = 19,
    /// `ERT_START_NPU`: an instruction stream with its arguments.
    StartNpu = 20,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// As written by us. Still so after its fence: the driver never sent it.
    New = 1,
    /// Waits.
    Queued = 2,
    /// Runs.
    Running = 3,
    /// Done.
    Completed = 4,
    /// The firmware refused or failed.
    Error = 5,
    /// The context went away under it.
    Abort = 6,
    /// Given to the device.
    Submitted = 7,
    /// The driver's own time limit was over; it has made the context anew.
    Timeout = 8,
    /// The firmware does not answer.
    NoResponse = 9,
}

impl State {
    /// The name in XRT.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "ERT_CMD_STATE_NEW",
            Self::Queued => "ERT_CMD_STATE_QUEUED",
            Self::Running => "ERT_CMD_STATE_RUNNING",
            Self::Completed => "ERT_CMD_STATE_COMPLETED",
            Self::Error => "ERT_CMD_STATE_ERROR",
            Self::Abort => "ERT_CMD_STATE_ABORT",
            Self::Submitted => "ERT_CMD_STATE_SUBMITTED",
            Self::Timeout => "ERT_CMD_STATE_TIMEOUT",
            Self::NoResponse => "ERT_CMD_STATE_NORESPONSE",
        }
    }
}

/// The state in a packet's first word; `None` for a number that has no meaning.
pub const fn state(header: u32) -> Option<State> {
    Some(match header & 0xf {
        1 => State::New,
        2 => State::Queued,
        3 => State::Running,
        4 => State::Completed,
        5 => State::Error,
        6 => State::Abort,
        7 => State::Submitted,
        8 => State::Timeout,
        9 => State::NoResponse,
        _ => return None,
    })
}

/// First argument of a kernel that is a configured array: "run this instruction stream".
pub const TXN: u64 = 3;
/// Words that a kernel's arguments may have: `execute_buffer_req` of the driver.
pub const MAX_CU_WORDS: usize = 19;
/// Words that the arguments beside an instruction stream may have: the smaller of the driver's two limits (26, where the firmware has one message for
/// all; 34 else).
pub const MAX_NPU_WORDS: usize = 26;

/// More arguments than a packet may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// Words of the arguments.
    pub words: usize,
    /// Words at most.
    pub most: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words of arguments, at most {} are possible", self.words, self.most)
    }
}

impl std::error::Error for TooLong {}

/// The first word of a new packet, and room for the rest.
fn packet(opcode: Opcode, after: usize) -> Vec<u32> {
    let mut words = Vec::with_capacity(1 + after);
    let kind = match opcode {
        Opcode::StartCu | Opcode::StartNpu => 3,
        Opcode::Chain => 0,
    };
    words.push(kind << 28 | (opcode as u32) << 23 | (after as u32) << 12 | State::New as u32);
    words
}

fn put(words: &mut Vec<u32>, value: u64) {
    words.extend([value as u32, (value >> 32) as u32]);
}

/// Starts the context's kernel `cu` as [`TXN`]: instruction stream by address and count of words, then the buffers, as the containers' metadata lays
/// out the arguments (8, 8, 4, 8... bytes, packed).
///
/// # Errors
/// More than [`MAX_CU_WORDS`].
pub fn start_cu(cu: u32, instructions: u64, count: u32, buffers: &[u64]) -> Result<Vec<u32>, TooLong> {
    let after = 5 + 2 * buffers.len();
    if after > MAX_CU_WORDS {
        return Err(TooLong { words: after, most: MAX_CU_WORDS });
    }
    let mut words = packet(Opcode::StartCu, 1 + after);
    words.push(1 << cu);
    put(&mut words, TXN);
    put(&mut words, instructions);
    words.push(count);
    buffers.iter().for_each(|address| put(&mut words, *address));
    Ok(words)
}

/// Starts an instruction stream of `bytes` on the context's kernel `cu`, with no properties and the buffers as arguments.
///
/// # Errors
/// More than [`MAX_NPU_WORDS`].
pub fn start_npu(cu: u32, instructions: u64, bytes: u32, buffers: &[u64]) -> Result<Vec<u32>, TooLong> {
    let arguments = 2 * buffers.len();
    if arguments > MAX_NPU_WORDS {
        return Err(TooLong { words: arguments, most: MAX_NPU_WORDS });
    }
    let mut words = packet(Opcode::StartNpu, 5 + arguments);
    words.push(1 << cu);
    put(&mut words, instructions);
    words.extend([bytes, 0]);
    buffers.iter().for_each(|address| put(&mut words, *address));
    Ok(words)
}

/// Runs commands of one kind one after the other; each is the handle of its buffer.
pub fn chain(commands: &[u32]) -> Vec<u32> {
    let mut words = packet(Opcode::Chain, 6 + 2 * commands.len());
    // Count, then what the driver fills: the last submitted, the one that failed, three reserved words.
    words.extend([commands.len() as u32, 0, 0, 0, 0, 0]);
    commands.iter().for_each(|handle| put(&mut words, u64::from(*handle)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_these_words() {
        // Written out by hand from the field positions: 12 words follow, opcode 0, type 3, state new. XRT writes the same word.
        let cu = start_cu(0, 0x1_0400_8000, 300, &[0x7f00_1234_5000, 2, 3]).unwrap();
        let words = [0x3000_c001, 1, 3, 0, 0x0400_8000, 1, 300, 0x1234_5000, 0x7f00, 2, 0, 3, 0];
        assert_eq!(cu, words);
        // 7 words follow, opcode 20 at bit 23, type 3.
        assert_eq!(start_npu(2, 0x0401_0000, 1200, &[0x9_8765_4321]).unwrap(), [0x3a00_7001, 4, 0x0401_0000, 0, 1200, 0, 0x8765_4321, 9]);
        // 10 words follow, opcode 19.
        assert_eq!(chain(&[5, 6]), [0x0980_a001, 2, 0, 0, 0, 0, 0, 5, 0, 6, 0]);
    }

    #[test]
    fn arguments_end_where_the_driver_ends_them() {
        assert_eq!(start_cu(0, 0, 0, &[0; 7]).unwrap().len(), 2 + 19);
        assert_eq!(start_cu(0, 0, 0, &[0; 8]).unwrap_err().to_string(), "21 words of arguments, at most 19 are possible");
        assert_eq!(start_npu(0, 0, 0, &[0; 13]).unwrap().len(), 2 + 4 + 26);
        assert_eq!(start_npu(0, 0, 0, &[0; 14]).unwrap_err(), TooLong { words: 28, most: 26 });
    }

    #[test]
    fn states_are_told_apart() {
        for (number, expected) in
            [(1, State::New), (4, State::Completed), (5, State::Error), (6, State::Abort), (8, State::Timeout), (9, State::NoResponse)]
        {
            assert_eq!(state(0x0a00_7000 | number), Some(expected));
            assert_eq!(expected as u32, number);
        }
        assert_eq!((state(0), state(10)), (None, None));
    }
}
