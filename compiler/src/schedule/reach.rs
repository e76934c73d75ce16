//! Proves that an NPU reads and writes no host memory but the buffers of a call, without asking the lowering: containers move nothing by themselves, and every
//! transfer that a stream starts ends within the argument that it names, weights and activations on the way in, results on the way out.
//!
//! A whitelist: what streams here do not need is refused, however harmless.

use std::collections::BTreeMap;
use unicorn_artifact::npu::{Configuration, NpuPlan, Stream};
use unicorn_artifact::plan::CodeSpan;
use unicorn_kernels_xdna::array::{Channel, Descriptor, Design, Direction, Tile, TileKind};
use unicorn_kernels_xdna::container::txn::{Op, Txn};
use unicorn_kernels_xdna::container::xclbin::Xclbin;

/// Bits of a shim channel's control word that a stream may change: who gets its tokens.
const CONTROLLER: u32 = 0x1F00;
/// The argument that a stream writes; it reads the others.
const RESULTS: u32 = 2;
/// Words of a shim's descriptor.
const WORDS: usize = 8;

type Check = Result<(), String>;

/// Checks all containers and streams in `code`, the bytes of section `npu` of a validated plan.
///
/// # Errors
/// Which one, and what it reaches.
pub fn reach(npu: &NpuPlan, code: &[u8]) -> Check {
    for (at, one) in npu.configurations.iter().enumerate() {
        container(one, code).map_err(|why| format!("configuration {at} `{}`: {why}", one.title))?;
    }
    for (at, one) in npu.streams.iter().enumerate() {
        let bytes = cut(code, one.code)?;
        let stream = Txn::read(bytes).map_err(|why| format!("stream {at}: {why}"))?;
        let activations = npu.configurations[one.configuration as usize].activation_bytes;
        walk(&stream, one, activations).map_err(|why| format!("stream {at}: {why}"))?;
    }
    Ok(())
}

fn cut(code: &[u8], span: CodeSpan) -> Result<&[u8], String> {
    let part = usize::try_from(span.offset).ok().and_then(|from| code.get(from..from.checked_add(usize::try_from(span.bytes).ok()?)?));
    part.ok_or_else(|| format!("{} bytes at {} are outside the section", span.bytes, span.offset))
}

/// The container is whole, its one image is the plan's, and that starts no transfer to or from host memory.
fn container(one: &Configuration, code: &[u8]) -> Check {
    let container = Xclbin::read(cut(code, one.container)?).map_err(|why| why.to_string())?;
    let partition = container.partition().ok_or("it has no partition")?;
    let [image] = &partition.images[..] else { return Err(format!("{} images", partition.images.len())) };
    if image.pdi.write().map_err(|why| why.to_string())? != cut(code, one.image)? {
        return Err("its image is not what the plan says".into());
    }
    if u32::from(partition.columns) != one.columns {
        return Err(format!("{} columns, the plan says {}", partition.columns, one.columns));
    }
    let design = Design::read_cdo(&image.pdi.cdo).map_err(|why| why.to_string())?;
    match design.dmas.iter().find(|dma| dma.tile.kind() == TileKind::Shim) {
        Some(dma) => Err(format!("it configures transfers of {}", dma.tile)),
        None => Ok(()),
    }
}

/// A descriptor that a stream has written, and the argument whose address it was given.
struct Written {
    descriptor: Descriptor,
    argument: Option<u32>,
}

fn walk(stream: &Txn, one: &Stream, activations: u64) -> Check {
    let arguments = [one.weight_bytes, activations, one.result_bytes];
    let mut written: BTreeMap<(Tile, u8), Written> = BTreeMap::new();
    for (at, op) in stream.ops.iter().enumerate() {
        let fault = |why: String| Err(format!("operation {at}: {why}"));
        let place = |address: u32| Tile::of_address(address).map_err(|why| format!("operation {at}: {why}"));
        match op {
            Op::BlockWrite { address, data, .. } => {
                let (tile, offset) = place(address.0)?;
                let Some(number) = number(tile, offset).filter(|_| data.len() == WORDS) else {
                    return fault(format!("{} words at {offset:#x} of {tile} are no descriptor", data.len()));
                };
                let descriptor = Descriptor::unpack(TileKind::Shim, data);
                if descriptor.next.is_some() || descriptor.acquire.is_some() || descriptor.iteration.wrap == 0 {
                    return fault("a descriptor that leads to another, waits, or never begins".into());
                }
                written.insert((tile, number), Written { descriptor, argument: None });
            }
            Op::Patch { register, argument, offset } => {
                let (tile, place) = place(register.0)?;
                let found = place.checked_sub(4).and_then(|base| number(tile, base)).and_then(|number| written.get_mut(&(tile, number)));
                let Some(found) = found else { return fault(format!("an address for {place:#x} of {tile}, where no descriptor was written")) };
                found.descriptor.address = *offset;
                found.argument = Some(*argument);
                // Judged here and not when it is started: a task that waits in a queue finds what was written last.
                within(&found.descriptor, *argument, &arguments).or_else(fault)?;
            }
            Op::MaskWrite { address, mask: CONTROLLER, .. } => {
                let (tile, offset) = place(address.0)?;
                if tile.kind() != TileKind::Shim || !matches!(Channel::of_offset(tile, offset), Some((_, false))) {
                    return fault(format!("changes {offset:#x} of {tile}"));
                }
            }
            Op::Write { address, value } => {
                let (tile, offset) = place(address.0)?;
                match (tile.kind(), Channel::of_offset(tile, offset)) {
                    (TileKind::Shim, Some((channel, true))) => {
                        start(&written, channel, *value).or_else(fault)?;
                    }
                    (TileKind::Core, None) if offset < tile.kind().registers().memory => {}
                    _ => return fault(format!("writes {offset:#x} of {tile}")),
                }
            }
            Op::Sync { .. } | Op::Noop => {}
            _ => return fault("it is not what streams here do".into()),
        }
    }
    Ok(())
}

/// The descriptor that begins at an offset of a shim.
fn number(tile: Tile, offset: u32) -> Option<u8> {
    let registers = (tile.kind() == TileKind::Shim).then(|| tile.kind().registers())?;
    let at = offset.checked_sub(registers.descriptor)?;
    (at.is_multiple_of(32) && at < 16 * 32).then_some((at / 32) as u8)
}

fn within(descriptor: &Descriptor, argument: u32, arguments: &[u64; 3]) -> Check {
    let bytes = *arguments.get(argument as usize).ok_or_else(|| format!("there is no argument {argument}"))?;
    let end = descriptor.end().saturating_mul(4);
    if end > bytes { Err(format!("a transfer reaches byte {end} of argument {argument}, which has {bytes}")) } else { Ok(()) }
}

fn start(written: &BTreeMap<(Tile, u8), Written>, channel: Channel, value: u32) -> Check {
    let number = (value & 15) as u8;
    let Some(Written { descriptor, argument: Some(argument) }) = written.get(&(channel.tile, number)) else {
        return Err(format!("{channel} starts descriptor {number}, which has no argument's address"));
    };
    if !descriptor.valid || (*argument == RESULTS) != (channel.direction == Direction::S2mm) {
        return Err(format!("{channel} moves argument {argument} the wrong way, or by a descriptor that is not valid"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicorn_kernels_npu::{Kernel, Shape, Weights, Window};
    use unicorn_kernels_xdna::container::address::Address;

    fn streams() -> Vec<(Txn, Stream, u64)> {
        let one = |(inputs, tokens, outputs): (usize, usize, usize)| {
            let kernel = Kernel::new(Shape { weights: Weights::Int8, inputs, tokens }).unwrap();
            let run = kernel.run_within(outputs, Window { row: inputs.next_multiple_of(4), begin: 0 }).unwrap();
            let [weight_bytes, activations, result_bytes] = run.buffers.map(|b| b as u64);
            let code = CodeSpan { offset: 0, bytes: 0 };
            let (outputs, row) = (outputs as u32, run.row as u32);
            (run.stream, Stream { configuration: 0, code, outputs, row, weight_bytes, result_bytes, moved: 0, cycles: 0 }, activations)
        };
        [(64, 1, 20), (256, 4, 512), (160, 8, 33), (2048, 1, 8192), (256, 20, 512), (96, 64, 100), (2048, 96, 8192)].into_iter().map(one).collect()
    }

    #[test]
    fn streams_stay_within_their_buffers_and_need_every_byte() {
        for (txn, stream, activations) in streams() {
            walk(&txn, &stream, activations).unwrap();
            let less = [
                (Stream { weight_bytes: stream.weight_bytes - 4, ..stream.clone() }, activations, "argument 0"),
                (stream.clone(), activations - 4, "argument 1"),
                (Stream { result_bytes: stream.result_bytes - 4, ..stream.clone() }, activations, "argument 2"),
            ];
            for (less, activations, word) in less {
                let why = walk(&txn, &less, activations).unwrap_err();
                assert!(why.contains(word), "{} outputs, {word}: {why}", stream.outputs);
            }
        }
    }

    #[test]
    fn what_a_stream_has_no_need_of_is_refused() {
        let (txn, stream, activations) = streams().swap_remove(1);
        let first = |found: fn(&Op) -> bool| txn.ops.iter().position(found).unwrap();
        let (block, patch) = (first(|op| matches!(op, Op::BlockWrite { .. })), first(|op| matches!(op, Op::Patch { .. })));
        let change = |change: &dyn Fn(&mut Vec<Op>)| {
            let mut changed = txn.clone();
            change(&mut changed.ops);
            walk(&changed, &stream, activations)
        };
        change(&|_| {}).unwrap();
        let shim = Tile::new(0, 0).unwrap();
        let patched = |ops: &mut Vec<Op>, argument: u32, more: u64| {
            let Op::Patch { argument: own, offset, .. } = &mut ops[patch] else { panic!("a patch") };
            (*own, *offset) = (argument, *offset + more);
        };
        type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<Op>));
        let changes: [Change<'_>; 9] = [
            ("no argument's address", &|ops| drop(ops.remove(patch))),
            ("no descriptor was written", &|ops| drop(ops.remove(block))),
            ("no argument 7", &|ops| patched(ops, 7, 0)),
            ("reaches byte", &|ops| patched(ops, 2, 1 << 20)),
            ("the wrong way", &|ops| patched(ops, 0, 0)),
            ("writes", &|ops| ops.push(Op::Write { address: Address(shim.address(0x1_D004)), value: 1 })),
            ("changes", &|ops| ops.push(Op::MaskWrite { address: Address(shim.address(0x1_F000)), value: 0, mask: CONTROLLER })),
            ("not what streams", &|ops| ops.push(Op::LoadPdi { id: 1, size: 4, address: 0 })),
            ("no descriptor", &|ops| {
                let Op::BlockWrite { data, .. } = &mut ops[block] else { panic!("a descriptor") };
                data.push(0);
            }),
        ];
        for (word, one) in changes {
            let why = change(one).expect_err(word);
            assert!(why.contains(word), "{word}: {why}");
        }
    }
}
