//! A stepper for tests: its logits are a hash of all tokens of the sequence so far, and it fails on every broken rule of rows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::step::{Limits, Row, Stepper};
use crate::{Error, Result};

pub(crate) struct Fake {
    limits: Limits,
    /// Tokens held, and the most held since position 0.
    slots: Vec<(Vec<u32>, usize)>,
    logits: Vec<f32>,
    /// Each step costs this much.
    pub(crate) delay: Duration,
    /// This step fails, counted from 0.
    pub(crate) fail: Option<usize>,
    /// This step panics.
    pub(crate) panic: Option<usize>,
    /// The rows of every step so far.
    pub(crate) log: Arc<Mutex<Vec<Vec<Row>>>>,
}

pub(crate) const TEXT: usize = 4032;

pub(crate) fn limits() -> Limits {
    Limits { rows: 16, slots: 4, context: 96, vocabulary: 4096, rewind: 96 }
}

impl Fake {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: vec![Default::default(); limits.slots],
            logits: vec![0.0; limits.vocabulary],
            delay: Duration::ZERO,
            fail: None,
            panic: None,
            log: Arc::default(),
        }
    }

    fn take(&mut self, row: &Row, first: bool) -> std::result::Result<(), String> {
        let Limits { context, rewind, vocabulary, .. } = self.limits;
        let (held, high) = self.slots.get_mut(row.slot as usize).ok_or("no such slot")?;
        let position = row.position as usize;
        if position >= context || row.token as usize >= vocabulary {
            return Err("out of range".into());
        }
        if position != held.len() {
            if !first || position > held.len() {
                return Err(format!("a gap behind {}", held.len()));
            }
            if position > 0 && position + rewind <= *high {
                return Err(format!("{position} is too far behind {high}"));
            }
            held.truncate(position);
            if position == 0 {
                *high = 0;
            }
        }
        held.push(row.token);
        *high = held.len().max(*high);
        Ok(())
    }
}

impl Stepper for Fake {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn step(&mut self, rows: &[Row], sink: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        std::thread::sleep(self.delay);
        let number = {
            let mut log = self.log.lock().unwrap();
            log.push(rows.to_vec());
            log.len() - 1
        };
        assert_ne!(self.panic, Some(number), "asked to panic");
        if self.fail == Some(number) {
            return Err(Error::Step("asked to fail".into()));
        }
        if rows.is_empty() || rows.len() > self.limits.rows {
            return Err(Error::Step(format!("{} rows", rows.len())));
        }
        let mut seen = vec![false; self.limits.slots];
        for (index, row) in rows.iter().enumerate() {
            let first = seen.get_mut(row.slot as usize).is_some_and(|s| !std::mem::replace(s, true));
            self.take(row, first).map_err(|why| Error::Step(format!("{row:?}: {why}")))?;
            if row.logits {
                let hash =
                    self.slots[row.slot as usize].0.iter().fold(0xCBF2_9CE4_8422_2325u64, |h, &t| (h ^ u64::from(t)).wrapping_mul(0x0100_0000_01B3));
                for (id, x) in self.logits.iter_mut().enumerate() {
                    let z = (hash ^ (id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    *x = ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 20) as f32;
                }
                sink(index, &self.logits);
            }
        }
        Ok(())
    }
}
