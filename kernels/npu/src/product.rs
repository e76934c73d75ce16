//! GELU values times up results, as bytes for the sums of the way back: a kernel over the active neurons of one token. What it means stands in
//! [`fixed`](crate::fixed).
//!
//! Active neurons come in rounds of 512, 32 a core: all up results, then all values, then all multipliers. The cores agree on the largest value and the largest
//! up result, multiply, agree on the largest product, and give bytes.
//!
//! Registers: those of [`core`](crate::core); r5 rounds, r6 those left, r9 the first word; x6 and x7 the largest so far.

use unicorn_kernels_xdna::array::{Core, Design, Iteration, Stream};
use unicorn_kernels_xdna::container::txn::Txn;
use unicorn_kernels_xdna::container::xclbin::Xclbin;
use unicorn_kernels_xdna::isa::Assembled;

use crate::array::{self, CORES, mm2s, s2mm, tile};
use crate::core::{self, LOCK, OWN, PARAMETERS};
use crate::exchange::{self, Place};
use crate::fixed::{BITS, MOST_MULTIPLIER, MOST_NEURONS, Quantised, Steps};
use crate::flow::{Flow, dim};
use crate::lanes::{self, BOTH_SIGNED, SIGNED, UNSIGNED, largest, quarters, scaled};
use crate::run::{ACTIVATIONS, OUTPUTS, RESULT_DESCRIPTORS, WEIGHTS, shim};
use crate::write::Writer;
use crate::{Cost, NpuError, kernel};

/// Neurons of a core in a round, and of all cores.
const LANES: usize = 32;
const ROUND: usize = 4 * CORES * LANES;
/// Words of a core's results: the bytes of a round, or what became of the token.
const RECORD: usize = LANES / 4;
/// Offsets in a core's memory: up results, values, multipliers, a word each; and the products.
const ARRAYS: [u32; 3] = [0, 0x1000, 0x2000];
const PRODUCTS: u32 = 0x3000;

/// Cycles of a token beside its rounds, most of them for two words that all cores agree on; and of a round.
const TOKEN: usize = 1017;
const ROUND_CYCLES: usize = 324;

const FLOW: Flow = Flow {
    broadcast: false,
    block: 4 * LANES,
    deal: [crate::flow::PLAIN; 4],
    room: 0x8000,
    results: RECORD,
    walk: [crate::flow::PLAIN; 4],
    buffer: 4 * RECORD,
};

/// A kernel for one token; its container serves any number of active neurons up to 16,384.
#[derive(Clone, Debug)]
pub struct ProductKernel {
    /// What configuration makes of the array.
    pub design: Design,
}

/// An instruction stream for a number of active neurons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductRun {
    /// Active neurons.
    pub neurons: usize,
    /// What the command processor does.
    pub stream: Txn,
    /// Bytes of the argument buffers: [`ProductRun::pack`], the up results as their kernel leaves them (those behind the neurons' only have to
    /// be there), bytes.
    pub buffers: [usize; 3],
}

impl ProductKernel {
    /// The kernel.
    ///
    /// # Errors
    /// None but faults here.
    pub fn new() -> Result<Self, NpuError> {
        let mut design = array::design(&FLOW, &Default::default())?;
        design.cores.clear();
        for place in Place::all() {
            design.cores.push(Core::new(tile(place.column, 2 + place.row)?, &program(place)?.code()));
        }
        design.check()?;
        Ok(Self { design })
    }

    /// The container.
    ///
    /// # Errors
    /// For containers that cannot be written: a fault here.
    pub fn container(&self) -> Result<Xclbin, NpuError> {
        kernel::container(&self.design)
    }

    /// The instruction stream for a number of active neurons.
    ///
    /// # Errors
    /// For none, or more than 16,384.
    pub fn run(&self, neurons: usize) -> Result<ProductRun, NpuError> {
        if neurons == 0 || neurons > MOST_NEURONS {
            return Err(NpuError::Products { neurons, why: "active neurons are 1 to 16384" });
        }
        let rounds = neurons.div_ceil(ROUND);
        let mut stream = Stream::new();
        for column in 0..4 {
            let memory = tile(column, 0)?;
            for core in 0..CORES {
                stream.write(tile(column, 2 + core)?.address(PARAMETERS), rounds as u32);
            }
            // A round's bytes of a column stand beside each other; what became of the token follows all rounds.
            let mut bytes = shim(column * CORES * LANES, rounds * CORES * RECORD);
            bytes.dims = [dim(1, CORES * RECORD), dim(ROUND / 4, rounds), dim(1, 0), dim(1, 0)];
            stream.transfer(s2mm(memory, 0)?, RESULT_DESCRIPTORS - 1, &bytes, OUTPUTS, 0, false)?;
            let words = CORES * RECORD;
            stream.transfer(s2mm(memory, 0)?, RESULT_DESCRIPTORS, &shim(rounds * ROUND + 4 * words * column, words), OUTPUTS, 0, true)?;
            for half in 0..2 {
                let at = |array: usize| 4 * (array * rounds * ROUND + (4 * column + 2 * half) * LANES);
                for (n, (argument, offset)) in [(ACTIVATIONS, at(0)), (WEIGHTS, at(0)), (WEIGHTS, at(1))].into_iter().enumerate() {
                    let mut d = shim(offset, 2 * LANES);
                    d.iteration = Iteration { step: ROUND as u32, wrap: rounds as u32, current: 0 };
                    stream.transfer(mm2s(memory, half)?, (6 * half + n) as u8, &d, argument, rounds as u8 - 1, false)?;
                }
            }
        }
        for column in 0..4 {
            stream.wait(s2mm(tile(column, 0)?, 0)?);
        }
        let padded = rounds * ROUND;
        Ok(ProductRun { neurons, stream: stream.finish(), buffers: [8 * padded, 4 * padded, padded + 16 * CORES * RECORD] })
    }

    /// Predicts a run; the time of the command processor and of host memory are not in it.
    ///
    /// # Errors
    /// As [`ProductKernel::run`].
    pub fn cost(&self, neurons: usize) -> Result<Cost, NpuError> {
        let run = self.run(neurons)?;
        let rounds = neurons.div_ceil(ROUND);
        Ok(Cost {
            read: (run.buffers[0] + run.buffers[1]) as u64,
            written: run.buffers[2] as u64,
            products: neurons as u64,
            cycles: (TOKEN + ROUND_CYCLES * rounds) as u64,
        })
    }
}

impl ProductRun {
    /// The first argument: values as the threshold kernel gives them, and the up rows' multipliers, of the active neurons in their order.
    ///
    /// # Errors
    /// For another number than that of the run, values outside 0 to 2^23, and multipliers above 32,767.
    pub fn pack(&self, values: &[i32], multipliers: &[u16]) -> Result<Vec<u8>, NpuError> {
        let refused = |why| Err(NpuError::Products { neurons: self.neurons, why });
        if values.len() != self.neurons || multipliers.len() != self.neurons {
            return refused("there are as many values and multipliers as active neurons");
        }
        if values.iter().any(|v| !(0..=1 << BITS).contains(v)) || multipliers.iter().any(|m| *m > MOST_MULTIPLIER) {
            return refused("values are 0 to 2^23, multipliers at most 32767");
        }
        let half = self.buffers[0] / 2;
        let mut out: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.resize(half, 0);
        out.extend(multipliers.iter().flat_map(|m| u32::from(*m).to_le_bytes()));
        out.resize(2 * half, 0);
        Ok(out)
    }

    /// The bytes of a run.
    ///
    /// # Errors
    /// For fewer bytes than a run gives.
    pub fn read(&self, bytes: &[u8]) -> Result<Quantised, NpuError> {
        let padded = self.neurons.next_multiple_of(ROUND);
        let (Some(values), Some(words)) = (bytes.get(..self.neurons), bytes.get(padded..padded + 8)) else {
            return Err(NpuError::Products { neurons: self.neurons, why: "fewer bytes of results than a run gives" });
        };
        let word = |n: usize| u32::from_le_bytes([words[n], words[n + 1], words[n + 2], words[n + 3]]);
        Ok(Quantised::new(values.iter().map(|b| *b as i8).collect(), Steps::read([word(0), word(4)])))
    }
}

/// The program of the core at a place. Its parameter is the number of rounds.
fn program(place: Place) -> Result<Assembled, NpuError> {
    let mut w = Writer::default();
    core::start(&mut w, &FLOW)?;
    lanes::modes(&mut w)?;
    core::await_block(&mut w, 0)?;
    w.op("lda r5, [p4, #0]")?;
    for (n, array) in ARRAYS.into_iter().enumerate() {
        w.ops(&format!("movxm p3, #{}\nmov r6, r5", OWN + array))?.label(&format!("array{n}"))?;
        core::take_block(&mut w, 0)?;
        (0..4).try_for_each(|x| w.op(&format!("vldb wl{x}, [p1], #32")).map(|_| ()))?;
        (0..4).try_for_each(|x| w.op(&format!("vst wl{x}, [p3], #32")).map(|_| ()))?;
        core::give_block(&mut w, 0)?;
        w.op("add r6, r6, #-1")?.jump(&format!("jnz r6, array{n}"))?;
    }
    ups(&mut w)?;
    exchange::exchange(&mut w, place, join, keep, |w| {
        fold(w)?;
        beyond(w, 14, 16)?;
        beyond(w, 15, 17)?;
        w.ops("mova r18, #8\nlshl r17, r17, r18\nor r0, r16, r17")?;
        Ok(())
    })?;
    products(&mut w)?;
    exchange::exchange(&mut w, place, join, keep, factor)?;
    bytes(&mut w)?;
    core::take_results(&mut w)?;
    w.ops("st r9, [p2], #4\nst r0, [p2], #4")?;
    core::give_results(&mut w)?;
    w.jump("j call")?;
    w.assemble()
}

/// The magnitudes of an accumulator's lanes into a vector of the largest so far; uses x0, x1 and r16.
fn magnitudes(w: &mut Writer, accumulator: u8, most: u8) -> Result<(), NpuError> {
    for (x, half) in [(0, "bml"), (1, "bmh")] {
        w.ops(&format!(
            "vmov x{x}, {half}{accumulator}
             vabs_gtz.s32 x{x}, r16, x{x}
             vmax_lt.s32 x{most}, r16, x{most}, x{x}"
        ))?;
    }
    Ok(())
}

/// Up results times their multipliers, in their place; the largest value and up result in the lanes of x6 and x7.
fn ups(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!(
        "movxm r24, #{SIGNED}
         movxm r25, #{UNSIGNED}
         mov s1, #0
         mova r16, #0
         vbcst.32 x6, r16
         vbcst.32 x7, r16
         movxm p0, #{}
         movxm p3, #{}
         movxm p6, #{}
         mov p5, p0
         mov r6, r5",
        OWN + ARRAYS[0],
        OWN + ARRAYS[1],
        OWN + ARRAYS[2]
    ))?
    .label("ups")?;
    for (to, pointer) in [("0", "p0"), ("1", "p0"), ("2", "p6"), ("8", "p6"), ("9", "p3"), ("10", "p3")] {
        w.ops(&format!("vlda wl{to}, [{pointer}], #32\nvlda wh{to}, [{pointer}], #32"))?;
    }
    w.op("vshuffle x2, x2, x8, r8")?.drafts(scaled(["x0", "x1"], "x2", ["cm0", "cm1"])?);
    for part in quarters(1) {
        w.op(&format!("vst {part}, [p5], #32"))?;
    }
    magnitudes(w, 1, 7)?;
    w.ops("vmax_lt.s32 x6, r16, x6, x9\nvmax_lt.s32 x6, r16, x6, x10\nadd r6, r6, #-1")?.jump("jnz r6, ups")?;
    Ok(())
}

/// Products of what the first word leaves of values and up results; their largest magnitude in the lanes of x6.
fn products(w: &mut Writer) -> Result<(), NpuError> {
    // From here on shifts round to the nearest, halves up.
    w.ops(&format!(
        "mov r9, r0
         mova r16, #9
         movx crRnd, r16
         movxm r24, #{BOTH_SIGNED}
         mova r16, #31
         and r17, r0, r16
         mov s1, r17
         mova r16, #-8
         lshl r17, r0, r16
         mov s2, r17
         mova r16, #0
         vbcst.32 x6, r16
         movxm p0, #{}
         movxm p3, #{}
         movxm p5, #{}
         mov r6, r5",
        OWN + ARRAYS[0],
        OWN + ARRAYS[1],
        OWN + PRODUCTS
    ))?
    .label("products")?;
    for (up, value) in quarters(0).iter().zip(quarters(1)) {
        w.ops(&format!("vlda {up}, [p0], #32\nvlda {value}, [p3], #32"))?;
    }
    w.ops("vsrs.s16.s32 x0, cm1, s1\nvsrs.s16.s32 x1, cm0, s2\nvmul cm2, x0, x1, r24")?;
    for part in quarters(2) {
        w.op(&format!("vst {part}, [p5], #32"))?;
    }
    magnitudes(w, 2, 6)?;
    w.op("add r6, r6, #-1")?.jump("jnz r6, products")?;
    Ok(())
}

/// Bytes of what the second word leaves of products.
fn bytes(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!(
        "movxm r16, #32767
         and r17, r0, r16
         vbcst.16 x9, r17
         mova r16, #-16
         lshl r17, r0, r16
         mova r16, #31
         and r17, r17, r16
         mov s1, r17
         mova r16, #-24
         lshl r17, r0, r16
         add r17, r17, #7
         mov s2, r17
         movxm p5, #{}
         mov r6, r5",
        OWN + PRODUCTS
    ))?
    .label("bytes")?;
    core::take_results(w)?;
    for part in quarters(0) {
        w.op(&format!("vlda {part}, [p5], #32"))?;
    }
    w.ops("vsrs.s16.s32 x0, cm0, s1\nvmul cm1, x0, x9, r24\nvsrs.s8.s32 wl1, cm1, s2\nvst wl1, [p2], #32")?;
    core::give_results(w)?;
    w.op("add r6, r6, #-1")?.jump("jnz r6, bytes")?;
    Ok(())
}

/// Joins the two vectors of the largest that stand at p5.
fn join(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(
        "vlda wl0, [p5], #32
         vlda wh0, [p5], #32
         vlda wl1, [p5], #32
         vlda wh1, [p5], #32
         vmax_lt.s32 x6, r16, x6, x0
         vmax_lt.s32 x7, r16, x7, x1",
    )?;
    Ok(())
}

/// Writes them to p5.
fn keep(w: &mut Writer) -> Result<(), NpuError> {
    w.ops("vst wl6, [p5], #32\nvst wh6, [p5], #32\nvst wl7, [p5], #32\nvst wh7, [p5], #32")?.end(LOCK)?;
    Ok(())
}

/// The largest lanes of x6 and x7 in r14 and r15.
fn fold(w: &mut Writer) -> Result<(), NpuError> {
    for bytes in [32, 16, 8, 4] {
        w.op(&format!("mova r18, #{bytes}"))?;
        for (x, free) in [(6, 0), (7, 1)] {
            w.ops(&format!("vshift x{free}, x{x}, x{x}, r18\nvmax_lt.s32 x{x}, r16, x{x}, x{free}"))?;
        }
    }
    w.ops("mova r16, #0\nvextract.s32 r14, x6, r16\nvextract.s32 r15, x7, r16")?;
    Ok(())
}

/// Bits beyond 15 of a magnitude.
fn beyond(w: &mut Writer, of: u8, to: u8) -> Result<(), NpuError> {
    w.ops(&format!(
        "clz r{to}, r{of}
         mova r20, #17
         sub r{to}, r20, r{to}
         mova r20, #0
         lt r27, r{to}, r20
         sel.nez r{to}, r20, r{to}, r27"
    ))?;
    Ok(())
}

/// The second word: factor, shift of the products, bits of the largest.
fn factor(w: &mut Writer) -> Result<(), NpuError> {
    fold(w)?;
    beyond(w, 14, 16)?;
    w.ops(
        "mova r20, #0
         sub r20, r20, r16
         lshl r14, r14, r20
         clz r17, r14
         mova r20, #32
         sub r17, r20, r17
         add r20, r17, #7
         movxm r18, #127
         lshl r18, r18, r20",
    )?;
    largest(w, 15, 15, 18, "r28, r14")?;
    w.ops("mova r20, #16\nlshl r16, r16, r20\nmova r20, #24\nlshl r17, r17, r20\nor r0, r15, r16\nor r0, r0, r17")?;
    Ok(())
}
