//! Contexts: columns of the array with one configuration and a queue, and what is done when one hangs.

use super::buffer::Bo;
use super::device::Device;
use super::{Command, Npu, NpuError, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use xrt_sys::{
    CONFIG_CU, ConfigCu, ConfigHwctx, CreateHwctx, CuConfig, DestroyHwctx, ExecCmd, INVALID_HANDLE, PRIORITY_NORMAL, QosInfo, SUBMIT_EXEC_BUF, State,
    SyncobjDestroy, SyncobjTimelineWait, WAIT_FOR_SUBMIT, WaitCmd,
};

/// Operations per cycle that containers for this generation state. The driver has its own number.
const OPERATIONS: u32 = 2048;
/// Commands that a context's queue takes; the driver blocks on a fifth.
const QUEUE: usize = 4;
/// Told every life of every context apart.
static LIVES: AtomicU64 = AtomicU64::new(1);

/// Columns of the array with one configuration. It ends when dropped, and what it had not finished is lost.
#[derive(Debug)]
pub struct Context {
    device: Arc<Device>,
    /// The configuration, as the driver reads it again whenever it wakes the device.
    image: Bo,
    tiles: u32,
    columns: u16,
    state: Mutex<Life>,
}

/// What a context is until it is made anew.
#[derive(Debug)]
struct Life {
    /// The driver's name for it.
    handle: u32,
    /// Its timeline, or [`INVALID_HANDLE`].
    timeline: u32,
    number: u64,
    /// Whether it was made anew and has finished nothing since.
    fresh: bool,
    /// Whether it hung as soon as it was made anew.
    given_up: bool,
    /// What is in the queue, and what must stay for it.
    queue: Vec<(u64, Arc<[Arc<Bo>]>)>,
}

impl Npu {
    /// Takes columns and gives them a configuration: a PDI, as containers hold it.
    ///
    /// # Errors
    /// [`NpuError::Columns`], [`NpuError::ColumnsTaken`], [`NpuError::Contexts`], or what the driver says.
    pub fn context(&self, pdi: &[u8], columns: u16) -> Result<Context> {
        if columns == 0 || columns > self.info.columns {
            return Err(NpuError::Columns { asked: columns, most: self.info.columns });
        }
        let image = Bo::piece(&self.heap, "a configuration", pdi.len())?;
        image.fill(pdi)?;
        let tiles = u32::from(columns) * u32::from(self.info.core_rows);
        let life = Life::begin(&self.device, &image, tiles, columns)?;
        Ok(Context { device: Arc::clone(&self.device), image, tiles, columns, state: Mutex::new(life) })
    }
}

impl Life {
    fn begin(device: &Device, image: &Bo, tiles: u32, columns: u16) -> Result<Self> {
        device.alive()?;
        let qos = QosInfo { priority: PRIORITY_NORMAL, ..QosInfo::default() };
        let mut create = CreateHwctx { qos_p: (&raw const qos) as u64, max_opc: OPERATIONS, num_tiles: tiles, ..CreateHwctx::default() };
        // SAFETY: the wishes live through the call.
        unsafe { device.ask(&mut create) }.map_err(|code| refused(device, code, columns))?;
        let (handle, timeline) = (create.handle, create.syncobj_handle);
        let mut life =
            Self { handle, timeline, number: LIVES.fetch_add(1, Ordering::Relaxed), fresh: false, given_up: false, queue: Vec::with_capacity(QUEUE) };
        let cu = CuConfig { cu_bo: image.handle, ..CuConfig::default() };
        let one = ConfigCu { num_cus: 1, pad: [0; 3], cu };
        let (param_val, param_val_size) = ((&raw const one) as u64, size_of::<ConfigCu>() as u32);
        let mut config = ConfigHwctx { handle, param_type: CONFIG_CU, param_val, param_val_size, pad: 0 };
        // SAFETY: the configuration lives through the call, and is as long as said.
        if let Err(why) = unsafe { device.call(&mut config) } {
            life.end(device);
            return Err(why);
        }
        Ok(life)
    }

    /// Ends it at the driver, which waits until the device has let go of its buffers.
    fn end(&mut self, device: &Device) {
        if self.timeline != INVALID_HANDLE {
            // SAFETY: no address is given.
            let _ = unsafe { device.call(&mut SyncobjDestroy { handle: self.timeline, pad: 0 }) };
        }
        if self.handle != INVALID_HANDLE {
            // SAFETY: no address is given.
            let _ = unsafe { device.call(&mut DestroyHwctx { handle: self.handle, pad: 0 }) };
        }
        (self.handle, self.timeline) = (INVALID_HANDLE, INVALID_HANDLE);
        self.queue.clear();
    }
}

/// Why the driver makes no context. Its numbers mean several things each, so it is asked for more.
fn refused(device: &Device, code: i32, columns: u16) -> NpuError {
    const CALL: &str = "DRM_IOCTL_AMDXDNA_CREATE_HWCTX";
    match device.contexts() {
        // In the kernel's tree it is the firmware that refuses one more, and the driver says EINVAL.
        Some((used, most)) if used >= most => return NpuError::Contexts { most: Some(most) },
        _ if device.alive().is_err() => {}
        _ if code == libc::ENODEV => return NpuError::ColumnsTaken { asked: columns },
        // Outside it: no more contexts, none beside one that wants the whole array, not so many columns.
        _ if code == libc::ENOENT => return NpuError::Contexts { most: None },
        _ if matches!(code, libc::EBUSY | libc::ENOSPC) => return NpuError::ColumnsTaken { asked: columns },
        _ => {}
    }
    device.judge(CALL, code)
}

impl Context {
    /// Columns it has.
    pub fn columns(&self) -> u16 {
        self.columns
    }

    /// Puts a command into the queue. It is done after [`Context::wait`].
    ///
    /// # Errors
    /// [`NpuError::Full`], [`NpuError::GivenUp`], [`NpuError::Order`] for a command that is in a queue, or what the driver says.
    ///
    /// # Safety
    /// Instruction stream and configuration fit each other and the buffers: they write nowhere but in those, for the device reaches all memory of this
    /// process. Until the wait is over nobody reads what is written, nor writes what is read.
    pub unsafe fn submit(&self, command: &mut Command) -> Result<()> {
        if command.place.is_some() {
            return Err(NpuError::Order("is in a queue still: wait for it first"));
        }
        let mut life = self.life();
        if life.given_up {
            return Err(NpuError::GivenUp);
        }
        if life.queue.len() >= QUEUE {
            return Err(NpuError::Full);
        }
        command.write();
        let arguments = command.arguments();
        let mut exec = ExecCmd {
            hwctx: life.handle,
            kind: SUBMIT_EXEC_BUF,
            cmd_handles: u64::from(command.handle()),
            args: arguments.as_ptr() as u64,
            cmd_count: 1,
            arg_count: arguments.len() as u32,
            ..ExecCmd::default()
        };
        // SAFETY: the handles live through the call; their buffers stay as long as the queue holds them.
        unsafe { self.device.call(&mut exec)? };
        life.queue.push((exec.seq, command.held()));
        command.place = Some((life.number, exec.seq));
        Ok(())
    }

    /// Waits until a command is done. If it is not within `limit`, or failed on the device, the context is destroyed and made anew, once: what else was in
    /// its queue is lost, and a second time in a row it is given up.
    ///
    /// # Errors
    /// [`NpuError::Hung`], [`NpuError::Unsent`], [`NpuError::Order`] for a command that is not in this context's queue, or what the driver says.
    pub fn wait(&self, command: &mut Command, limit: Duration) -> Result<()> {
        let (number, seq) = command.place.take().ok_or(NpuError::Order("is in no queue"))?;
        let (handle, timeline) = {
            let life = self.life();
            if life.number != number || !life.queue.iter().any(|(queued, _)| *queued == seq) {
                return Err(NpuError::Order("is not in this context's queue: it was lost when the context was made anew, or is another's"));
            }
            (life.handle, life.timeline)
        };
        let done = self.until(handle, timeline, seq, limit);
        let state = command.state();
        match (done, state) {
            (Ok(true), Some(State::Completed)) => {
                let mut life = self.life();
                life.fresh = false;
                life.queue.retain(|(queued, _)| *queued > seq);
                Ok(())
            }
            // The driver ended it before it had begun.
            (Ok(true), Some(State::New)) => {
                self.life().queue.retain(|(queued, _)| *queued != seq);
                Err(NpuError::Unsent)
            }
            (Ok(true), state) => Err(self.renew(number, state.map_or("an unknown state", State::name), command.failed())),
            (Ok(false), _) => Err(self.renew(number, "it took longer than it may", None)),
            (Err(why), _) => {
                command.place = Some((number, seq));
                Err(why)
            }
        }
    }

    /// Submits and waits; if the command hangs and the context could be made anew, once more.
    ///
    /// # Errors
    /// As [`Context::submit`] and [`Context::wait`].
    ///
    /// # Safety
    /// As [`Context::submit`]. The command finds the same inputs again after it was broken off: it writes nothing that it reads.
    pub unsafe fn run(&self, command: &mut Command, limit: Duration) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.submit(command)? };
        match self.wait(command, limit) {
            Err(NpuError::Hung { renewed: true, .. }) => {}
            other => return other,
        }
        // SAFETY: as above.
        unsafe { self.submit(command)? };
        self.wait(command, limit)
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits by what the driver has: the timeline, or its own call. Answers whether the command's time was enough.
    fn until(&self, handle: u32, timeline: u32, seq: u64, limit: Duration) -> Result<bool> {
        self.device.alive()?;
        let answer = if timeline == INVALID_HANDLE {
            let timeout = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).max(1);
            // SAFETY: no address is given.
            unsafe { self.device.ask(&mut WaitCmd { hwctx: handle, timeout, seq }) }
        } else {
            let (handles, points) = ((&raw const timeline) as u64, (&raw const seq) as u64);
            let timeout_nsec = deadline(limit);
            let mut wait =
                SyncobjTimelineWait { handles, points, timeout_nsec, count_handles: 1, flags: WAIT_FOR_SUBMIT, ..SyncobjTimelineWait::default() };
            // SAFETY: one handle and one point, which live through the call.
            unsafe { self.device.ask(&mut wait) }
        };
        let name = if timeline == INVALID_HANDLE { "DRM_IOCTL_AMDXDNA_WAIT_CMD" } else { "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT" };
        match answer {
            Ok(()) => Ok(true),
            Err(libc::ETIME) => Ok(false),
            Err(code @ (libc::ENOTTY | libc::EINVAL | libc::EOPNOTSUPP)) => Err(self.device.too_old(name, code)),
            Err(code) => Err(self.device.judge(name, code)),
        }
    }

    /// Ends a life that hangs and begins another; gives it up if the last one hung before it had finished anything. Answers what to tell.
    fn renew(&self, number: u64, why: &'static str, at: Option<u32>) -> NpuError {
        let mut life = self.life();
        // Whoever waits for another command of the same life may have been faster.
        if life.number == number && !life.given_up {
            let again = life.fresh;
            life.end(&self.device);
            match if again { Err(NpuError::GivenUp) } else { Life::begin(&self.device, &self.image, self.tiles, self.columns) } {
                Ok(next) => *life = Life { fresh: true, ..next },
                Err(NpuError::GivenUp) => life.given_up = true,
                Err(worse) => {
                    life.given_up = true;
                    return worse;
                }
            }
        }
        NpuError::Hung { why, at, renewed: !life.given_up }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let device = Arc::clone(&self.device);
        self.life().end(&device);
    }
}

/// Now and `limit`, as the monotonic clock counts.
fn deadline(limit: Duration) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one structure; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let now = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    let limit = i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX / 2);
    i64::try_from(now + limit).unwrap_or(i64::MAX)
}
