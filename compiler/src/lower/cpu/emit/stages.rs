//! Cuts a region into stages, each a loop over columns; between two stages scalars are computed.
//!
//! The stage of a value is the number of sums that must be complete, one after the other, before it can be computed. Vector values are computed
//! again in every stage that needs them, so that a row needs no buffer. All stores of vectors stand in the last stage.

use unicorn_artifact::region::{Kind, Region, RegionOp};

/// Most partial sums (vectors of four) held in registers by one pass over the columns.
const ACCUMULATORS: usize = 8;

/// One pass over all columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// Operations of kind `Sum` that are gathered.
    pub sums: Vec<u16>,
    /// Which quarters (vectors of four) of every 16 columns are visited.
    pub quarters: Vec<i32>,
    /// Operations of kind `Store` that are done.
    pub stores: Vec<u16>,
}

/// Passes that may run once the scalars of their stage are known, and the scalars known after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// Scalar operations (but `Sum` and stores) to do first, in order.
    pub scalars: Vec<u16>,
    /// Then these, in order.
    pub passes: Vec<Pass>,
}

/// A region in order of execution. Scalars are stored after the last stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stages {
    /// One after the other.
    pub stages: Vec<Stage>,
    /// What each value is.
    pub kinds: Vec<Kind>,
    /// Whether a vector operation reads this scalar.
    pub broadcast: Vec<bool>,
}

impl Stages {
    /// Cuts a region.
    ///
    /// # Errors
    /// The rule of regions that is broken.
    pub fn of(region: &Region) -> Result<Self, String> {
        let kinds = region.kinds()?;
        let mut level = vec![0_usize; kinds.len()];
        let mut broadcast = vec![false; kinds.len()];
        for (at, op) in region.ops.iter().enumerate() {
            let inputs = || op.inputs().into_iter().flatten().map(usize::from);
            level[at] = inputs().map(|v| level[v]).max().unwrap_or(0) + usize::from(matches!(op, RegionOp::Sum(_)));
            if kinds[at] == Kind::Vector {
                inputs().filter(|v| kinds[*v] == Kind::Scalar).for_each(|v| broadcast[v] = true);
            }
        }
        let needed = needed(region);
        let mut stages = vec![Stage::default(); level.iter().max().map_or(1, |l| l + 1)];
        let mut sums = vec![Vec::new(); stages.len()];
        let mut stores = Vec::new();
        // Nothing may be loaded after the first store of a row has been made, so stores wait for the last stage that reads vectors.
        let mut last = 0;
        for (at, op) in region.ops.iter().enumerate().filter(|(at, _)| needed[*at]) {
            match op {
                RegionOp::Sum(_) => {
                    sums[level[at] - 1].push(at as u16);
                    last = last.max(level[at] - 1);
                }
                RegionOp::Store(..) => {
                    stores.push(at as u16);
                    last = last.max(level[at]);
                }
                RegionOp::StoreScalar(..) => {}
                _ if kinds[at] == Kind::Scalar => stages[level[at]].scalars.push(at as u16),
                _ => {}
            }
        }
        for (stage, sums) in stages.iter_mut().zip(&sums) {
            stage.passes = passes(sums);
        }
        if !stores.is_empty() {
            let passes = &mut stages[last].passes;
            match &mut passes[..] {
                [only] if only.quarters.len() == 4 => only.stores = stores,
                _ => passes.push(Pass { sums: vec![], quarters: vec![0, 1, 2, 3], stores }),
            }
        }
        Ok(Self { stages, kinds, broadcast })
    }
}

/// Divides sums among passes so that the partial sums of each stay in registers: few sums take all quarters at once, many sums one quarter a pass.
fn passes(sums: &[u16]) -> Vec<Pass> {
    let mut passes = Vec::new();
    for group in sums.chunks(ACCUMULATORS) {
        let quarters = match group.len() {
            0..=2 => 4,
            3..=4 => 2,
            _ => 1,
        };
        for first in (0..4).step_by(quarters) {
            passes.push(Pass { sums: group.to_vec(), quarters: (first as i32..(first + quarters) as i32).collect(), stores: vec![] });
        }
    }
    passes
}

/// Operations that some store depends on, and the stores.
fn needed(region: &Region) -> Vec<bool> {
    let mut needed = vec![false; region.ops.len()];
    for (at, op) in region.ops.iter().enumerate().rev() {
        if matches!(op, RegionOp::Store(..) | RegionOp::StoreScalar(..)) {
            needed[at] = true;
        }
        if needed[at] {
            op.inputs().into_iter().flatten().for_each(|v| needed[usize::from(v)] = true);
        }
    }
    needed
}
