//! What launches executed, by kernel, written when the process ends. Asked for by `GFX11_PROFILE`: a file's name, or `-` for standard error.

use super::device;
use crate::launch::{Counts, Shape};
use crate::object::Kernel;
use crate::stats::Stats;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::time::Duration;

unsafe extern "C" {
    fn atexit(callback: extern "C" fn()) -> c_int;
}

/// All launches so far.
#[derive(Debug)]
pub(super) struct Profile {
    to: String,
    kernels: BTreeMap<String, Stats>,
}

impl Profile {
    pub(super) fn from_environment() -> Option<Self> {
        let to = std::env::var("GFX11_PROFILE").ok().filter(|to| !to.is_empty())?;
        // SAFETY: the callback stays as long as this library does, at whose end it runs.
        unsafe { atexit(write) };
        Some(Self { to, kernels: BTreeMap::new() })
    }

    pub(super) fn add(&mut self, kernel: &Kernel, shape: &Shape, counts: &Counts, time: Duration) {
        self.kernels.entry(kernel.name.clone()).or_default().add(kernel, shape, counts, time);
    }
}

extern "C" fn write() {
    let device = device();
    let Some(profile) = &device.profile else { return };
    let mut text = format!("{}\n", Stats::HEADING);
    let mut all = Stats::default();
    for (name, stats) in &profile.kernels {
        text += &stats.row(name);
        text.push('\n');
        all.sum(stats);
    }
    text += &all.row("all");
    text.push('\n');
    if profile.to == "-" || profile.to == "1" {
        eprint!("{text}");
    } else if let Err(error) = std::fs::write(&profile.to, text) {
        eprintln!("gfx11: {}: {error}", profile.to);
    }
}
