//! A kernel as it is executed: its instructions decoded once, with their places.

use crate::decode::{Unknown, decode};
use crate::isa::{Inst, Uses};
use std::sync::OnceLock;

/// The code of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its instructions, in order.
    pub code: Vec<Inst>,
    /// By word, the index of the instruction that begins there.
    index: Vec<u32>,
    /// Why decoding stopped, if it did before the end.
    pub stopped: Option<Unknown>,
    /// What each instruction uses, once somebody wants to know.
    uses: OnceLock<Vec<Uses>>,
}

const NONE: u32 = u32::MAX;

impl Program {
    /// Decodes a kernel's words. What is not known is an error only when it is reached.
    pub fn new(words: &[u32]) -> Self {
        let mut program = Self { code: Vec::with_capacity(words.len()), index: vec![NONE; words.len()], stopped: None, uses: OnceLock::new() };
        let mut at = 0;
        while at < words.len() {
            match decode(&words[at..]) {
                Ok((body, length)) => {
                    program.index[at] = program.code.len() as u32;
                    program.code.push(Inst { at: 4 * at as u32, words: length as u8, body });
                    at += length;
                }
                Err(unknown) => {
                    program.stopped = Some(unknown);
                    // A branch to there is told what is wrong.
                    program.index[at] = program.code.len() as u32;
                    break;
                }
            }
        }
        program
    }

    /// What each instruction uses.
    pub fn uses(&self) -> &[Uses] {
        self.uses.get_or_init(|| self.code.iter().map(|inst| Uses::of(&inst.body)).collect())
    }

    /// The index of the instruction at a byte.
    pub fn find(&self, byte: i64) -> Option<usize> {
        let word = usize::try_from(byte).ok().filter(|byte| byte % 4 == 0)? / 4;
        self.index.get(word).filter(|index| **index != NONE).map(|index| *index as usize)
    }
}
