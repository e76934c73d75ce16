//! Prints the program of a core: `listing int8|int4 INPUTS TOKENS [ROW]`.

use unicorn_kernels_npu::{Kernel, Shape, Weights};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or(format!("{what} is missing: listing int8|int4 INPUTS TOKENS [ROW]"));
    let weights = match next("the weights' format")?.as_str() {
        "int4" => Weights::Int4,
        _ => Weights::Int8,
    };
    let shape = Shape { weights, inputs: next("the length of a row")?.parse()?, tokens: next("the number of tokens")?.parse()? };
    let row = next("").map_or(Ok(0), |row| row.parse())?;
    println!("{}", Kernel::new(shape)?.listing(row)?);
    Ok(())
}
