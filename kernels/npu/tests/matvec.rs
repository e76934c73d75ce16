//! Matrix by up to 8 tokens: on the emulated array, against plain integers.

mod common;

use common::{Fill, Machine};
use unicorn_kernels_npu::{Shape, Weights};

#[test]
fn first() {
    let mut m = Machine::new(Shape { weights: Weights::Int8, inputs: 256, tokens: 1 });
    let r = m.prove(512, Fill::Random(1), Fill::Random(2));
    eprintln!("{} cycles {:?}", r.report.cycles, common::fractions(&m.kernel.cut, 512, &r.report));
}
