//! The msgpack note of a code object.

use super::{Argument, ArgumentKind, Kernel, unreadable};
use crate::{Error, target::Target};
use rmpv::Value;

const DEEPEST: usize = 16;
const LARGEST: u64 = 1 << 24;

/// The kernels in order, each with the symbol of its descriptor.
pub(super) fn read(note: &[u8], target: Target) -> Result<Vec<(Kernel, String)>, Error> {
    let mut rest = note;
    let root = rmpv::decode::read_value_with_max_depth(&mut rest, DEEPEST).map_err(|error| unreadable(format!("metadata: {error}")))?;
    if !rest.is_empty() {
        return Err(unreadable("metadata: bytes after its end"));
    }
    let root = Map::new(&root, "metadata")?;
    // v5 says 1.2; v6 keeps that number.
    let version: Vec<u64> = root.list("amdhsa.version")?.iter().filter_map(Value::as_u64).collect();
    if version != [1, 2] {
        return Err(unreadable(format!("metadata version {version:?}, not [1, 2]")));
    }
    let (named, expected) = (root.text("amdhsa.target")?, format!("{}--{}", target.triple(), target.chip()));
    if named != expected {
        return Err(unreadable(format!("metadata for {named}, ELF flags for {expected}")));
    }
    root.list("amdhsa.kernels")?.iter().map(kernel).collect()
}

fn kernel(value: &Value) -> Result<(Kernel, String), Error> {
    let map = Map::new(value, "kernel")?;
    let name = map.text(".name")?.to_string();
    let symbol = map.text(".symbol")?.to_string();
    if name.is_empty() || symbol != format!("{name}.kd") {
        return Err(unreadable(format!("kernel {name} with the descriptor {symbol}")));
    }
    let bytes = map.number(".kernarg_segment_size")?;
    let mut arguments = Vec::new();
    let mut end = 0;
    if let Some(list) = map.get(".args") {
        for value in list.as_array().ok_or_else(|| unreadable(format!("kernel {name}: arguments that are no list")))? {
            let argument = argument(value)?;
            if argument.offset < end || argument.size == 0 {
                return Err(unreadable(format!("kernel {name}: arguments overlap")));
            }
            end = argument.offset + argument.size;
            arguments.push(argument);
        }
    }
    if end > bytes {
        return Err(unreadable(format!("kernel {name}: arguments of {end} bytes in a block of {bytes}")));
    }
    let required = match map.get(".reqd_workgroup_size") {
        None => None,
        Some(value) => {
            let sizes: Option<Vec<u32>> = value.as_array().and_then(|sizes| sizes.iter().map(number).collect());
            let sizes = sizes.and_then(|sizes| <[u32; 3]>::try_from(sizes).ok());
            Some(sizes.ok_or_else(|| unreadable(format!("kernel {name}: a required block that is not three numbers")))?)
        }
    };
    let wavefront = map.number(".wavefront_size")?;
    if !matches!(wavefront, 32 | 64) {
        return Err(unreadable(format!("kernel {name}: waves of {wavefront} lanes")));
    }
    let kernel = Kernel {
        arguments,
        kernarg_bytes: bytes,
        vgprs: map.number(".vgpr_count")?,
        sgprs: map.number(".sgpr_count")?,
        vgpr_spills: map.number(".vgpr_spill_count")?,
        sgpr_spills: map.number(".sgpr_spill_count")?,
        scratch_bytes: map.number(".private_segment_fixed_size")?,
        lds_bytes: map.number(".group_segment_fixed_size")?,
        workgroup_size: map.number(".max_flat_workgroup_size")?,
        required,
        wavefront,
        name,
    };
    Ok((kernel, symbol))
}

fn argument(value: &Value) -> Result<Argument, Error> {
    let map = Map::new(value, "argument")?;
    let kind = match map.text(".value_kind")? {
        "global_buffer" => ArgumentKind::Pointer,
        "by_value" => ArgumentKind::Value,
        kind if kind.starts_with("hidden_") => ArgumentKind::Hidden,
        kind => return Err(unreadable(format!("argument passed as {kind}"))),
    };
    Ok(Argument { offset: map.number(".offset")?, size: map.number(".size")?, kind })
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().filter(|&number| number <= LARGEST).and_then(|number| u32::try_from(number).ok())
}

/// A map with text keys, none twice.
struct Map<'a> {
    entries: Vec<(&'a str, &'a Value)>,
    what: &'static str,
}

impl<'a> Map<'a> {
    fn new(value: &'a Value, what: &'static str) -> Result<Self, Error> {
        let pairs = value.as_map().ok_or_else(|| unreadable(format!("{what} is no map")))?;
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            entries.push((key.as_str().ok_or_else(|| unreadable(format!("{what}: a key that is no text")))?, value));
        }
        entries.sort_by_key(|(key, _)| *key);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(unreadable(format!("{what}: {} twice", pair[0].0)));
        }
        Ok(Self { entries, what })
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn wrong(&self, key: &str) -> Error {
        unreadable(format!("{}: {key} is missing or of the wrong kind", self.what))
    }

    fn text(&self, key: &str) -> Result<&'a str, Error> {
        self.get(key).and_then(Value::as_str).ok_or_else(|| self.wrong(key))
    }

    fn list(&self, key: &str) -> Result<&'a [Value], Error> {
        self.get(key).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| self.wrong(key))
    }

    fn number(&self, key: &str) -> Result<u32, Error> {
        self.get(key).and_then(number).ok_or_else(|| self.wrong(key))
    }
}
