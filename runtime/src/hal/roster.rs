//! Which devices beside the host run parts of a plan, for whoever asks while it runs: the server's statistics, the benchmark.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A kind of device beside the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A GPU.
    Gpu,
    /// An NPU.
    Npu,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 2] = [Self::Gpu, Self::Npu];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Npu => "npu",
        }
    }
}

/// What a failing device means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The host goes on in its place.
    GoOn,
    /// The step fails.
    Fail,
}

/// What a device does for a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    #[default]
    Unused,
    /// Its part of every step; what it calls itself.
    Runs(String),
    /// Nothing any more: the host does its part.
    Lost {
        /// What it called itself.
        name: String,
        /// Why.
        why: String,
    },
}

/// The standing of each kind of device. Written by the thread that steps, read by anyone.
#[derive(Debug, Default)]
pub struct Roster([Mutex<Standing>; 2]);

impl Roster {
    fn of(&self, kind: Kind) -> MutexGuard<'_, Standing> {
        self.0[kind as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a device does now.
    pub fn standing(&self, kind: Kind) -> Standing {
        self.of(kind).clone()
    }

    /// Says what a device does from now on.
    pub fn set(&self, kind: Kind, standing: Standing) {
        *self.of(kind) = standing;
    }

    /// Says that a device that ran its part does so no more.
    pub fn lose(&self, kind: Kind, why: String) {
        let mut standing = self.of(kind);
        if let Standing::Runs(name) = &mut *standing {
            let name = std::mem::take(name);
            *standing = Standing::Lost { name, why };
        }
    }

    /// Names of the devices that run, in order.
    pub fn running(&self) -> Vec<(Kind, String)> {
        let runs = |kind| if let Standing::Runs(name) = self.standing(kind) { Some((kind, name)) } else { None };
        Kind::ALL.into_iter().filter_map(runs).collect()
    }

    /// As programs read it: `device` (`cpu`, `gpu`, `npu`, `gpu+npu`), each device's name or null, and of those lost why.
    pub fn json(&self) -> serde_json::Value {
        let running = self.running();
        let names: Vec<&str> = running.iter().map(|(kind, _)| kind.name()).collect();
        let mut value = serde_json::json!({ "device": if names.is_empty() { "cpu".into() } else { names.join("+") } });
        for kind in Kind::ALL {
            value[kind.name()] = match self.standing(kind) {
                Standing::Runs(name) => name.into(),
                Standing::Unused => serde_json::Value::Null,
                Standing::Lost { name, why } => {
                    value["lost"][kind.name()] = format!("{name}: {why}").into();
                    serde_json::Value::Null
                }
            };
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_runs_no_more() {
        let roster = Roster::default();
        assert_eq!(roster.json(), serde_json::json!({ "device": "cpu", "gpu": null, "npu": null }));
        roster.lose(Kind::Gpu, "what was never there cannot be lost".into());
        roster.set(Kind::Gpu, Standing::Runs("Radeon".into()));
        roster.set(Kind::Npu, Standing::Runs("npu1".into()));
        assert_eq!(roster.json(), serde_json::json!({ "device": "gpu+npu", "gpu": "Radeon", "npu": "npu1" }));
        roster.lose(Kind::Gpu, "it fell off".into());
        assert_eq!(roster.json(), serde_json::json!({ "device": "npu", "gpu": null, "npu": "npu1", "lost": { "gpu": "Radeon: it fell off" } }));
    }
}
