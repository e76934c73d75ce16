//! What containers say of their transfers.

use unicorn_kernels_npu::{Kernel, ProductKernel, Shape, SumKernel, SumShape, Threshold, TopKernel, Weights};
use unicorn_kernels_xdna::array::{Design, TileKind};
use unicorn_kernels_xdna::container::xclbin::Xclbin;

/// A count of 0 goes on without end, says the register list; of the public emulators one takes it for 1. So a walk whose first steps are counted counts
/// all others that can be.
#[test]
fn walks_count_every_step_that_has_a_count() {
    let mut containers: Vec<(String, Xclbin)> = Vec::new();
    for weights in [Weights::Int8, Weights::Int4] {
        for (inputs, tokens) in [(128, 1), (2048, 4), (300, 17), (2048, 64), (2048, 96)] {
            let shape = Shape { weights, inputs, tokens };
            containers.push((format!("{shape:?}"), Kernel::new(shape).unwrap().container().unwrap()));
        }
        let shape = SumShape { weights, outputs: 2048, tokens: 1 };
        containers.push((format!("{shape:?}"), SumKernel::new(shape).unwrap().container().unwrap()));
    }
    let threshold = Threshold::new(8192, Threshold::TWENTIETH).unwrap();
    containers.push(("active".to_owned(), TopKernel::new(threshold, 96).unwrap().container().unwrap()));
    containers.push(("products".to_owned(), ProductKernel::new().unwrap().container().unwrap()));
    let mut counted = 0;
    for (name, container) in containers {
        let design = Design::read_cdo(&container.partition().unwrap().images[0].pdi.cdo).unwrap();
        for dma in &design.dmas {
            // The last dimension has no count in any tile.
            let counts = if dma.tile.kind() == TileKind::Memory { 3 } else { 2 };
            for (number, descriptor) in &dma.descriptors {
                let mut walked = 1;
                for dim in 0..counts {
                    let wrap = descriptor.dims[dim].wrap;
                    let over = walked == descriptor.words;
                    assert!(
                        wrap != 0 || dim == 0 || descriptor.dims[0].wrap == 0 || over,
                        "{name}: {} descriptor {number}: {descriptor:?}",
                        dma.tile
                    );
                    walked *= wrap.max(1);
                    counted += u32::from(wrap != 0);
                }
            }
        }
    }
    assert!(counted > 1000, "{counted}");
}
