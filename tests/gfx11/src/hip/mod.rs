//! The functions of `libamdhip64` that our runtime opens, with one device behind them. Names and numbers are those of `hip_runtime_api.h`.
//!
//! Streams run what they are given at once; a stream that captures keeps it, and a launch of the graph runs it. What a kernel does wrong is said, as by the
//! real library, by every later call.

#![allow(non_snake_case, reason = "names are those of the C header")]

mod calls;
mod device;
mod error;
mod profile;

use crate::launch::{Settings, Shape};
use crate::object::Kernel;
use crate::space::{Space, View};
use error::Code;
use profile::Profile;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What a stream does, or a graph remembers.
#[derive(Debug, Clone)]
enum Work {
    /// Bytes of the host to the device.
    Upload { to: u64, from: usize, bytes: usize },
    /// Bytes of the device to the host.
    Download { to: usize, from: u64, bytes: usize },
    /// A word over and over.
    Fill { to: u64, value: u32, count: usize },
    /// A kernel.
    Launch { kernel: Arc<Kernel>, shape: Shape, arguments: Arc<[u64]> },
    /// A place in time.
    Record { event: usize },
}

/// What stands behind a handle.
#[derive(Debug)]
enum Thing {
    /// A stream, with what it captures.
    Stream(Option<Vec<Work>>),
    /// What was captured, ready to run or not.
    Graph(Arc<[Work]>),
    /// An event, and when it was last passed.
    Event(Option<Instant>),
    /// A module's kernels, each with its handle once it was asked for.
    Module(HashMap<String, (Arc<Kernel>, Option<usize>)>),
    /// A kernel.
    Function(Arc<Kernel>),
}

/// The device and everything on it.
#[derive(Debug)]
struct Device {
    space: Space,
    /// The reservations as launches see them, until one is made or given back.
    view: Option<View>,
    things: HashMap<usize, Thing>,
    next: usize,
    /// What every call answers from now on.
    lost: Option<Code>,
    settings: Settings,
    /// Launches until one fails as if it had touched what is not its own, where that is wanted.
    doomed: Option<u64>,
    profile: Option<Profile>,
}

/// A number from the environment.
fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let value = text.parse().ok();
    if value.is_none() {
        eprintln!("gfx11: {name}={text} is no number and is ignored");
    }
    value
}

static DEVICE: LazyLock<Mutex<Device>> = LazyLock::new(|| {
    let usual = Settings::default();
    let settings = Settings {
        threads: setting("GFX11_THREADS").unwrap_or(usual.threads),
        limit: setting("GFX11_LIMIT").unwrap_or(usual.limit),
        strict: setting::<u8>("GFX11_STRICT").is_some_and(|on| on != 0),
    };
    Mutex::new(Device {
        space: Space::new(setting("GFX11_MEMORY").unwrap_or(8 << 30)),
        view: None,
        things: HashMap::new(),
        // Handles are numbers that are no addresses, so that following one fails at once.
        next: 0x1100,
        lost: None,
        settings,
        doomed: setting("GFX11_FAIL"),
        profile: Profile::from_environment(),
    })
});

/// The device, for one call.
fn device() -> MutexGuard<'static, Device> {
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}
