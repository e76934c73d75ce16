//! Queues: packets are taken apart, the work is done, and the packets get their state.

use super::Work;
use super::driver::Driver;
use super::memory::Kind;
use std::sync::atomic::{AtomicU32, Ordering};
use xrt_sys::State;

/// A command in a queue.
pub struct Job {
    pub seq: u64,
    pub packet: u32,
    pub arguments: Vec<u32>,
}

/// What a packet asks for: the instruction stream, and the addresses of its arguments.
struct Order {
    opcode: u32,
    stream: u64,
    bytes: usize,
    addresses: Vec<u64>,
}

/// What becomes of a packet.
enum End {
    /// Done.
    Completed,
    /// A state, and which link of a chain it was.
    Failed(State, u32),
    /// The driver drops it: the fence is reached, the state stays.
    Dropped,
}

impl Driver {
    /// Runs a context's queue up to a command. `ETIME` where one before it, or it, hangs.
    pub fn advance(&mut self, handle: u32, seq: u64) -> Result<(), i32> {
        loop {
            let context = self.contexts.get_mut(&handle).ok_or(libc::EINVAL)?;
            if context.queue.front().is_none_or(|job| job.seq > seq) {
                return Ok(());
            }
            if context.hangs {
                return Err(libc::ETIME);
            }
            if self.options.leaves == Some(self.packets.len()) {
                self.removed = true;
                return Err(libc::ENODEV);
            }
            let job = context.queue.pop_front().expect("there is one");
            match self.execute(handle, &job) {
                End::Completed => self.header(job.packet, State::Completed),
                End::Dropped => {}
                End::Failed(State::Running, _) => {
                    let context = self.contexts.get_mut(&handle).expect("it is there");
                    context.hangs = true;
                    context.queue.push_front(job);
                }
                End::Failed(state, link) => self.fail(job.packet, state, link),
            }
        }
    }

    /// A command that its context is taken from.
    pub fn abort(&mut self, job: &Job) {
        if self.memory.bos.contains_key(&job.packet) {
            self.fail(job.packet, State::Abort, 0);
        }
    }

    fn word(&self, packet: u32, index: usize) -> &AtomicU32 {
        let bo = &self.memory.bos[&packet];
        assert!(4 * index < bo.bytes && !bo.base.is_null());
        // SAFETY: in the mapping, which the runtime keeps while the command is queued.
        unsafe { AtomicU32::from_ptr(bo.base.cast::<u32>().add(index)) }
    }

    fn header(&self, packet: u32, state: State) {
        let word = self.word(packet, 0);
        word.store(word.load(Ordering::Relaxed) & !0xf | state as u32, Ordering::Release);
    }

    /// As the drivers do: the state, the failed link of a chain, and ones over the rest of the packet, or of the chain's first link.
    fn fail(&self, packet: u32, state: State, link: u32) {
        self.header(packet, state);
        let chain = self.word(packet, 0).load(Ordering::Relaxed) >> 23 & 0x1f == 19;
        let spoiled = if chain {
            self.word(packet, 3).store(link, Ordering::Relaxed);
            self.word(packet, 7).load(Ordering::Relaxed)
        } else {
            packet
        };
        if let Some(bo) = self.memory.bos.get(&spoiled) {
            (1..bo.bytes / 4).for_each(|index| self.word(spoiled, index).store(u32::MAX, Ordering::Relaxed));
        }
    }

    fn execute(&mut self, context: u32, job: &Job) -> End {
        let words = self.words(job.packet);
        self.packets.push(words.clone());
        if self.options.drops {
            return End::Dropped;
        }
        let links = if words[0] >> 23 & 0x1f == 19 {
            let count = words.get(1).map_or(0, |count| *count as usize);
            // Count, five words, then handles of 64 bits.
            if words.len() < 7 + 2 * count {
                return End::Dropped;
            }
            (0..count).map(|link| words[7 + 2 * link]).collect()
        } else {
            vec![job.packet]
        };
        // The driver writes one message for all before anything runs.
        let mut orders: Vec<Order> = Vec::new();
        for link in links {
            let known = self.memory.get(link).is_some_and(|bo| bo.kind == Kind::Shared);
            if known && link != job.packet {
                let words = self.words(link);
                self.packets.push(words);
            }
            match known.then(|| order(&self.words(link))).flatten() {
                Some(order) if orders.first().is_none_or(|first| first.opcode == order.opcode) => orders.push(order),
                _ => return End::Dropped,
            }
        }
        for (link, order) in orders.iter().enumerate() {
            if let Err(state) = self.work(context, order, &job.arguments) {
                return End::Failed(state, link as u32);
            }
        }
        End::Completed
    }

    /// A packet's words, by the count in the first.
    fn words(&self, packet: u32) -> Vec<u32> {
        let count = (self.word(packet, 0).load(Ordering::Acquire) >> 12 & 0x7ff) as usize;
        let most = self.memory.bos[&packet].bytes / 4;
        (0..(1 + count).min(most)).map(|index| self.word(packet, index).load(Ordering::Relaxed)).collect()
    }

    /// What the firmware and the device do. An address that is nobody's, or of a buffer the command was not said to use, fails.
    fn work(&mut self, number: u32, order: &Order, said: &[u32]) -> Result<(), State> {
        let context = &self.contexts[&number];
        let columns = context.columns;
        let image = context.image.and_then(|image| self.memory.bos.get(&image)).ok_or(State::Error)?;
        let heap = self.memory.heap.ok_or(State::Error)?;
        let Kind::Piece(at) = image.kind else { return Err(State::Error) };
        let configuration = self.memory.bos[&heap].device[at..at + image.bytes].to_vec();
        let stream = self.memory.piece(order.stream, order.bytes).ok_or(State::Error)?.to_vec();
        let handles: Option<Vec<u32>> = order.addresses.iter().map(|address| self.memory.shared(*address, said)).collect();
        let handles = handles.ok_or(State::Error)?;
        // Taken out, so that each argument is a slice of its own; a buffer that is two arguments would be empty the second time.
        let mut sides: Vec<Vec<u8>> =
            handles.iter().map(|handle| std::mem::take(&mut self.memory.bos.get_mut(handle).expect("found above").device)).collect();
        assert!(sides.iter().all(|side| !side.is_empty()), "a buffer is two arguments of one command, which this driver cannot play");
        let arguments = sides.iter_mut().map(Vec::as_mut_slice).collect();
        let array = &mut self.contexts.get_mut(&number).expect("looked up above").array;
        let done = (self.worker)(Work { configuration: &configuration, columns, stream: &stream, arguments, array });
        for (handle, side) in handles.iter().zip(sides) {
            self.memory.bos.get_mut(handle).expect("found above").device = side;
        }
        done
    }
}

/// A packet as the drivers and the firmware read it; `None` for what they refuse.
fn order(words: &[u32]) -> Option<Order> {
    let header = words[0];
    let opcode = header >> 23 & 0x1f;
    // One mask and as many more as two bits of the header say; then the payload.
    let masks = 1 + (header >> 10 & 3) as usize;
    let payload = words.get(1 + masks..)?;
    let cu = words[1..=masks].iter().find(|mask| **mask != 0)?.trailing_zeros();
    let long = |at: usize| payload.get(at).zip(payload.get(at + 1)).map(|(low, high)| u64::from(*low) | u64::from(*high) << 32);
    let (stream, bytes, first, most) = match opcode {
        0 if long(0)? == 3 => (long(2)?, 4 * *payload.get(4)? as usize, 5, 19),
        20 if *payload.get(3)? == 0 => (long(0)?, *payload.get(2)? as usize, 4, 4 + 26),
        _ => return None,
    };
    if payload.len() > most || cu != 0 || !(payload.len() - first).is_multiple_of(2) {
        return None;
    }
    let mut addresses = (first..payload.len()).step_by(2).map(long).collect::<Option<Vec<_>>>()?;
    // Arguments that the kernel has and the host did not give.
    while addresses.last() == Some(&0) {
        addresses.pop();
    }
    Some(Order { opcode, stream, bytes, addresses })
}
