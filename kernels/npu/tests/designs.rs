//! What containers and streams say of their transfers.

use unicorn_kernels_npu::{Kernel, ProductKernel, Shape, SumKernel, SumShape, Threshold, TopKernel, Weights};
use unicorn_kernels_xdna::array::{Descriptor, Design, Tile, TileKind};
use unicorn_kernels_xdna::container::txn::{Op, Txn};
use unicorn_kernels_xdna::container::xclbin::Xclbin;

/// A count of 0 goes on without end, says the register list; of the public emulators one takes it for 1. So a walk whose first steps are counted counts
/// all others that can be. Gives the number of steps that are counted.
fn counted(name: &str, tile: Tile, number: impl std::fmt::Display, descriptor: &Descriptor) -> u32 {
    // The last dimension has no count in any tile.
    let counts = if tile.kind() == TileKind::Memory { 3 } else { 2 };
    let mut walked = 1;
    let mut counted = 0;
    for dim in 0..counts {
        let wrap = descriptor.dims[dim].wrap;
        let over = walked == descriptor.words;
        assert!(wrap != 0 || dim == 0 || descriptor.dims[0].wrap == 0 || over, "{name}: {tile} descriptor {number}: {descriptor:?}");
        walked *= wrap.max(1);
        counted += u32::from(wrap != 0);
    }
    counted
}

/// Shapes of products: streams and containers of all of them are looked at.
const PRODUCTS: [(usize, usize); 5] = [(128, 1), (2048, 4), (300, 17), (2048, 64), (2048, 96)];

#[test]
fn walks_of_containers_count_every_step_that_has_a_count() {
    let mut containers: Vec<(String, Xclbin)> = Vec::new();
    for weights in [Weights::Int8, Weights::Int4] {
        for (inputs, tokens) in PRODUCTS {
            let shape = Shape { weights, inputs, tokens };
            containers.push((format!("{shape:?}"), Kernel::new(shape).unwrap().container().unwrap()));
        }
        let shape = SumShape { weights, outputs: 2048, tokens: 1 };
        containers.push((format!("{shape:?}"), SumKernel::new(shape).unwrap().container().unwrap()));
    }
    let threshold = Threshold::new(8192, Threshold::TWENTIETH).unwrap();
    containers.push(("active".to_owned(), TopKernel::new(threshold, 96).unwrap().container().unwrap()));
    containers.push(("products".to_owned(), ProductKernel::new().unwrap().container().unwrap()));
    let mut all = 0;
    for (name, container) in containers {
        let design = Design::read_cdo(&container.partition().unwrap().images[0].pdi.cdo).unwrap();
        for dma in &design.dmas {
            all += dma.descriptors.iter().map(|(number, descriptor)| counted(&name, dma.tile, number, descriptor)).sum::<u32>();
        }
    }
    assert!(all > 1000, "{all}");
}

#[test]
fn walks_of_streams_count_every_step_that_has_a_count() {
    let mut streams: Vec<(String, Txn)> = Vec::new();
    for weights in [Weights::Int8, Weights::Int4] {
        for (inputs, tokens) in PRODUCTS {
            let shape = Shape { weights, inputs, tokens };
            let kernel = Kernel::new(shape).unwrap();
            for outputs in [64, 130, 512, 8192] {
                streams.push((format!("{shape:?} x {outputs}"), kernel.run(outputs).unwrap().stream));
            }
        }
        let shape = SumShape { weights, outputs: 2048, tokens: 1 };
        let kernel = SumKernel::new(shape).unwrap();
        for rows in [1, 50, 410] {
            streams.push((format!("{shape:?} x {rows}"), kernel.run(rows).unwrap().stream));
        }
    }
    for tokens in [1, 64] {
        let kernel = TopKernel::new(Threshold::new(8192, Threshold::TWENTIETH).unwrap(), 96).unwrap();
        streams.push((format!("active x {tokens}"), kernel.run(tokens, 8192).unwrap().stream));
    }
    streams.push(("products".to_owned(), ProductKernel::new().unwrap().run(410).unwrap().stream));
    let (mut walks, mut all) = (0, 0);
    for (name, stream) in streams {
        let before = walks;
        for op in &stream.ops {
            let Op::BlockWrite { address, data, .. } = op else { continue };
            let (tile, offset) = Tile::of_address(address.0).unwrap();
            let registers = tile.kind().registers();
            // The only blocks of streams are descriptors of shims.
            assert_eq!((tile.kind(), data.len()), (TileKind::Shim, usize::from(registers.descriptor_words)), "{name}: {address:?}");
            let number = (offset - registers.descriptor) / 32;
            all += counted(&name, tile, number, &Descriptor::unpack(tile.kind(), data));
            walks += 1;
        }
        assert!(walks > before, "{name}");
    }
    assert!(walks > 1000 && all > 1000, "{walks} walks with {all} counts");
}
