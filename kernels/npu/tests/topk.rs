//! The active neurons that the emulated array lists are those of the definition, value by value; the definition is near the formulas in float64.

mod common;

use common::{Random, TopMachine};
use unicorn_kernels_npu::{Scale, Threshold};

#[test]
fn first() {
    let mut machine = TopMachine::new(8192, Threshold::TWENTIETH, 96);
    let mut random = Random(5);
    let mut token = || (0..8192).map(|_| (0..12).map(|_| i32::from(random.byte()) * 100).sum::<i32>()).collect::<Vec<i32>>();
    let values: Vec<Vec<i32>> = (0..64).map(|_| token()).collect();
    let multipliers = vec![16000; 8192];
    let scales = [Scale::new(1.0 / 12000.0).unwrap(); 64];
    for n in [1, 2, 8, 64] {
        let (report, counts) = machine.prove(&values[..n], 8192, &multipliers, &scales[..n]);
        println!("{} cycles, {counts:?}", report.cycles);
        println!("{:?}", report.cores[0]);
        println!("{:?}", report.cores[15]);
    }
}
