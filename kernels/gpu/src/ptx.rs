//! PTX as LLVM writes it, read strictly: what a kernel wants as arguments, and what it takes of the device.

use crate::{
    Error,
    object::{Argument, ArgumentKind},
    target::{Target, Vendor},
};

/// One entry of a PTX module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The symbol a host asks for.
    pub name: String,
    /// Arguments in order, each at the next offset its size divides.
    pub arguments: Vec<Argument>,
    /// Shared memory of a block.
    pub shared_bytes: u32,
    /// Memory of a thread outside its registers, before the vendor's assembler adds its own.
    pub local_bytes: u32,
    /// The block a launch must have (`.reqntid`).
    pub required: Option<[u32; 3]>,
    /// The largest block a launch may have (`.maxntid`).
    pub largest: Option<[u32; 3]>,
    /// Blocks that must fit on a multiprocessor at once (`.minnctapersm`).
    pub resident: Option<u32>,
}

fn unreadable(line: &str, why: &str) -> Error {
    let line: String = line.trim().chars().take(120).collect();
    Error::Unreadable { form: "PTX module", why: if line.is_empty() { why.into() } else { format!("{why}: `{line}`") } }
}

/// Whom a PTX module is for.
pub fn target(text: &str) -> Result<Target, Error> {
    let mut found = text.lines().filter_map(|line| line.strip_prefix(".target "));
    let (Some(chip), None) = (found.next(), found.next()) else { return Err(unreadable("", "not one .target")) };
    let target = Target::ALL.into_iter().find(|target| target.vendor() == Vendor::Nvidia && target.chip() == chip.trim());
    target.ok_or_else(|| unreadable(chip, "a processor that is none of ours"))
}

/// The entries of a PTX module, in order.
pub fn kernels(text: &str) -> Result<Vec<Kernel>, Error> {
    target(text)?;
    let mut lines = text.lines().map(code).filter(|line| !line.is_empty());
    let (mut kernels, mut shared, mut wide, mut version): (Vec<Kernel>, u32, bool, bool) = (Vec::new(), 0, false, false);
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [".version", _] => version = true,
            [".target", _] => {}
            [".address_size", "64"] => wide = true,
            [".visible", ".entry", ..] => kernels.push(entry(line, &mut lines)?),
            [".shared", ..] => shared = shared.checked_add(variable(line)?).ok_or_else(|| unreadable(line, "too large"))?,
            [".global" | ".const", ..] | [".visible", ".global" | ".const", ..] if line.ends_with(';') => {}
            _ => return Err(unreadable(line, "not expected between kernels")),
        }
    }
    if !wide || !version {
        return Err(unreadable("", "no .version or no .address_size 64"));
    }
    for kernel in &mut kernels {
        // A room of the module may be used by any of its kernels.
        kernel.shared_bytes = kernel.shared_bytes.checked_add(shared).ok_or_else(|| unreadable(&kernel.name, "too much shared memory"))?;
    }
    if let Some(twice) = kernels.iter().enumerate().find(|(at, kernel)| kernels[..*at].iter().any(|other| other.name == kernel.name)) {
        return Err(unreadable(&twice.1.name, "two entries of one name"));
    }
    Ok(kernels)
}

fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code).trim()
}

fn entry<'a>(line: &'a str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Kernel, Error> {
    let name = line.trim_start_matches(".visible").trim_start().trim_start_matches(".entry").trim();
    let (name, rest) = name.split_once('(').ok_or_else(|| unreadable(line, "an entry without parameters"))?;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$')) {
        return Err(unreadable(line, "an entry without a name"));
    }
    let mut kernel =
        Kernel { name: name.into(), arguments: Vec::new(), shared_bytes: 0, local_bytes: 0, required: None, largest: None, resident: None };
    if rest != ")" {
        if !rest.is_empty() {
            return Err(unreadable(line, "parameters on the line of their entry"));
        }
        loop {
            let line = lines.next().ok_or_else(|| unreadable(line, "parameters without an end"))?;
            if line == ")" {
                break;
            }
            parameter(line, &mut kernel.arguments)?;
        }
    }
    head(&mut kernel, lines)?;
    body(&mut kernel, lines)?;
    Ok(kernel)
}

/// The directives between parameters and body.
fn head<'a>(kernel: &mut Kernel, lines: &mut impl Iterator<Item = &'a str>) -> Result<(), Error> {
    for line in lines {
        let Some((directive, values)) = line.split_once(' ') else {
            return if line == "{" { Ok(()) } else { Err(unreadable(line, "not a directive")) };
        };
        let values: Option<Vec<u32>> = values.split(',').map(|value| value.trim().parse().ok()).collect();
        let values = values.filter(|values| !values.is_empty() && values.len() <= 3).ok_or_else(|| unreadable(line, "not a directive"))?;
        let at = |index: usize| values.get(index).copied().unwrap_or(1);
        match directive {
            ".reqntid" => kernel.required = Some([at(0), at(1), at(2)]),
            ".maxntid" => kernel.largest = Some([at(0), at(1), at(2)]),
            ".minnctapersm" if values.len() == 1 => kernel.resident = Some(at(0)),
            ".maxnreg" if values.len() == 1 => {}
            _ => return Err(unreadable(line, "not a directive this knows")),
        }
    }
    Err(unreadable(&kernel.name, "an entry without a body"))
}

fn body<'a>(kernel: &mut Kernel, lines: &mut impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut depth = 1;
    for line in lines {
        match line {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(());
        }
        let room = match line.split_whitespace().next() {
            Some(".shared") => &mut kernel.shared_bytes,
            Some(".local") => &mut kernel.local_bytes,
            Some(".extern") => return Err(unreadable(line, "something nobody defines")),
            _ => continue,
        };
        *room = room.checked_add(variable(line)?).ok_or_else(|| unreadable(line, "too large"))?;
    }
    Err(unreadable(&kernel.name, "a body without an end"))
}

fn parameter(line: &str, arguments: &mut Vec<Argument>) -> Result<(), Error> {
    let line = line.strip_suffix(',').unwrap_or(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let (kind, ty) = match words[..] {
        [".param", ty @ (".u64" | ".b64"), ".ptr", ".global", ".align", _, _] => (ArgumentKind::Pointer, ty),
        [".param", ty, name] if !name.contains('[') => (ArgumentKind::Value, ty),
        _ => return Err(unreadable(line, "a parameter of a kind this does not know")),
    };
    let size = width(ty).ok_or_else(|| unreadable(line, "a parameter of an unknown type"))?;
    let end = arguments.last().map_or(0, |last| last.offset + last.size);
    arguments.push(Argument { offset: end.next_multiple_of(size), size, kind });
    Ok(())
}

/// Bytes of a variable: `.shared .align 16 .b8 name[64];`.
fn variable(line: &str) -> Result<u32, Error> {
    let wrong = || unreadable(line, "a variable this cannot measure");
    let words: Vec<&str> = line.strip_suffix(';').ok_or_else(wrong)?.split_whitespace().collect();
    let (ty, name) = match words[..] {
        [_, ".align", align, ty, name] if align.parse::<u32>().is_ok() => (ty, name),
        [_, ty, name] => (ty, name),
        _ => return Err(wrong()),
    };
    let count = match name.split_once('[') {
        None => 1,
        Some((_, count)) => count.strip_suffix(']').and_then(|count| count.parse::<u32>().ok()).ok_or_else(wrong)?,
    };
    width(ty).and_then(|width| width.checked_mul(count)).ok_or_else(wrong)
}

fn width(ty: &str) -> Option<u32> {
    let bits = ty.strip_prefix('.')?.strip_prefix(['b', 'u', 's', 'f'])?;
    matches!(bits, "8" | "16" | "32" | "64").then(|| bits.parse::<u32>().ok())?.map(|bits| bits / 8)
}

/// Refuses a kernel that keeps registers in memory or takes more than its device has.
pub fn check(kernel: &Kernel, target: Target) -> Result<(), Error> {
    let limits = target.limits();
    let threads = kernel.required.or(kernel.largest).map_or(0, |block| block.into_iter().map(u64::from).fold(1, u64::saturating_mul));
    for (what, used, allowed) in [
        ("bytes of shared memory", kernel.shared_bytes.into(), limits.shared_bytes),
        ("bytes of local memory", kernel.local_bytes.into(), 0),
        ("threads in a block", threads, limits.threads),
    ] {
        if used > u64::from(allowed) {
            return Err(Error::Limit { kernel: kernel.name.clone(), target, what, used, allowed: allowed.into() });
        }
    }
    Ok(())
}
