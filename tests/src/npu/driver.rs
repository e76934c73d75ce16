//! The ioctls, with what the drivers refuse and how.

use super::memory::{Kind, Memory};
use super::run::Job;
use super::{Dialect, Options, Worker};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use unicorn_kernels_xdna::emulator;
use xrt_sys::{
    AieMetadata, AieVersion, ConfigCu, ConfigHwctx, CreateBo, CreateHwctx, DestroyHwctx, ExecCmd, FirmwareVersion, GemClose, GetBoInfo, GetInfo,
    Ioctl, QosInfo, ResourceInfo, SyncBo, SyncobjDestroy, SyncobjTimelineWait, TileMetadata, Version, WaitCmd,
};

/// Columns of the array; the first has no way to memory, so contexts begin at the second.
const COLUMNS: usize = 5;
/// Core rows.
const ROWS: u16 = 4;
/// Contexts of the firmware.
const CONTEXTS: usize = 6;

/// A context.
pub struct Hwctx {
    pub columns: usize,
    pub start: usize,
    /// The buffer of its configuration, once it has one.
    pub image: Option<u32>,
    pub submitted: u64,
    pub queue: VecDeque<Job>,
    /// Whether its first command will never end.
    pub hangs: bool,
    /// What its part of the array holds.
    pub array: Option<Box<emulator::Npu>>,
}

/// The driver's state for the one process that has it open.
pub struct Driver {
    pub options: Options,
    pub worker: Box<Worker>,
    pub removed: bool,
    pub memory: Memory,
    pub contexts: BTreeMap<u32, Hwctx>,
    pub timelines: BTreeMap<u32, u32>,
    pub packets: Vec<Vec<u32>>,
    pub asked: Vec<Ioctl>,
    next: u32,
}

/// A structure behind an argument or an address in one.
///
/// # Safety
/// `address` is that of a `T` that nobody else uses during the call.
unsafe fn at<'a, T>(address: u64) -> Result<&'a mut T, i32> {
    // SAFETY: the caller's promise.
    unsafe { (address as *mut T).as_mut() }.ok_or(libc::EFAULT)
}

fn refuse_unless(holds: bool, code: i32) -> Result<(), i32> {
    if holds { Ok(()) } else { Err(code) }
}

impl Driver {
    pub fn new(options: Options, worker: Box<Worker>) -> Self {
        let memory = Memory::new(options.addresses);
        let (contexts, timelines) = (BTreeMap::new(), BTreeMap::new());
        Self { options, worker, removed: false, memory, contexts, timelines, packets: Vec::new(), asked: Vec::new(), next: 1 }
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// `mmap` on the device file.
    pub fn map(&mut self, at: *mut u8, bytes: usize, offset: u64) -> Result<*mut u8, i32> {
        refuse_unless(!self.removed, libc::ENODEV)?;
        self.memory.map(at, bytes, offset, self.options.memlock)
    }

    /// Any ioctl.
    pub fn answer(&mut self, ioctl: Ioctl, argument: *mut c_void) -> Result<(), i32> {
        self.asked.push(ioctl);
        refuse_unless(!self.removed, libc::ENODEV)?;
        // DRM itself says so to a number that the driver has no function for.
        refuse_unless(!self.options.lacking.contains(&ioctl), libc::EINVAL)?;
        let address = argument as u64;
        // SAFETY: the door hands over the structure that belongs to the ioctl, for the length of the call.
        unsafe {
            match ioctl {
                Ioctl::Version => self.version(at(address)?),
                Ioctl::GetInfo => self.info(at(address)?),
                Ioctl::CreateBo => self.create_bo(at(address)?),
                Ioctl::GetBoInfo => self.bo_info(at(address)?),
                Ioctl::SyncBo => self.sync_bo(at(address)?),
                Ioctl::GemClose => self.close(at(address)?),
                Ioctl::CreateHwctx => self.create_context(at(address)?),
                Ioctl::ConfigHwctx => self.configure(at(address)?),
                Ioctl::DestroyHwctx => self.destroy(at(address)?),
                Ioctl::ExecCmd => self.submit(at(address)?),
                Ioctl::WaitCmd => self.wait_command(at(address)?),
                Ioctl::SyncobjTimelineWait => self.wait_timeline(at(address)?),
                Ioctl::SyncobjDestroy => {
                    let SyncobjDestroy { handle, pad } = *at(address)?;
                    refuse_unless(pad == 0 && self.timelines.remove(&handle).is_some(), libc::EINVAL)
                }
            }
        }
    }

    fn version(&self, version: &mut Version) -> Result<(), i32> {
        (version.major, version.minor, version.patch) = (0, 6, 0);
        let name = self.options.name.as_bytes();
        let room = usize::try_from(version.name_len).map_or(0, |room| room.min(name.len()));
        if room > 0 {
            // SAFETY: the caller says that there is this much room.
            unsafe { std::ptr::copy_nonoverlapping(name.as_ptr(), version.name as *mut u8, room) };
        }
        version.name_len = name.len() as u64;
        Ok(())
    }

    fn info(&self, info: &mut GetInfo) -> Result<(), i32> {
        let row =
            |row_count, row_start| TileMetadata { row_count, row_start, dma_channel_count: 2, lock_count: 16, event_reg_count: 16, pad: [0; 3] };
        let version = AieVersion { major: 2, minor: 0 };
        let metadata = AieMetadata { col_size: 1 << 25, cols: COLUMNS as u16, rows: 6, version, core: row(ROWS, 2), mem: row(1, 1), shim: row(1, 0) };
        let resources = ResourceInfo { npu_task_max: CONTEXTS as u64, npu_task_curr: self.used() as u64, ..ResourceInfo::default() };
        match info.param {
            1 => give(info, &metadata),
            2 => give(info, &version),
            8 => give(info, &FirmwareVersion { major: 1, minor: 5, patch: 5, build: 391 }),
            12 if self.options.dialect == Dialect::Kernel => give(info, &resources),
            _ => return Err(libc::EOPNOTSUPP),
        }
        Ok(())
    }

    fn used(&self) -> usize {
        self.contexts.len() + self.options.others
    }

    fn create_bo(&mut self, argument: &mut CreateBo) -> Result<(), i32> {
        refuse_unless(argument.flags == 0 && argument.vaddr == 0, libc::EINVAL)?;
        argument.handle = self.memory.create(argument.kind, argument.size)?;
        Ok(())
    }

    fn bo_info(&self, argument: &mut GetBoInfo) -> Result<(), i32> {
        refuse_unless(argument.ext == 0 && argument.ext_flags == 0 && argument.pad == 0, libc::EINVAL)?;
        (argument.map_offset, argument.vaddr, argument.xdna_addr) = self.memory.info(argument.handle)?;
        Ok(())
    }

    fn sync_bo(&mut self, argument: &SyncBo) -> Result<(), i32> {
        self.memory.sync(argument.handle, argument.offset, argument.size)?;
        // The kernel's own goes on to ask the firmware for a debug buffer, which this is not.
        refuse_unless(argument.direction == 0 || self.options.dialect == Dialect::Outside, libc::EINVAL)
    }

    fn close(&mut self, argument: &GemClose) -> Result<(), i32> {
        let queued = |job: &Job| job.packet == argument.handle || job.arguments.contains(&argument.handle);
        let held = self.contexts.values().any(|context| context.image == Some(argument.handle) || context.queue.iter().any(queued));
        self.memory.close(argument.handle, held)
    }

    fn create_context(&mut self, argument: &mut CreateHwctx) -> Result<(), i32> {
        refuse_unless(argument.ext == 0 && argument.ext_flags == 0, libc::EINVAL)?;
        // SAFETY: the caller gives the address of its wishes.
        let _: &mut QosInfo = unsafe { at(argument.qos_p)? };
        let heap = self.memory.heap.and_then(|heap| self.memory.get(heap)).ok_or(libc::ENOENT)?;
        // The firmware refuses a heap that it cannot find, or that is not aligned to its size.
        refuse_unless(!heap.base.is_null() && (heap.base as usize).is_multiple_of(heap.bytes), libc::EINVAL)?;
        let columns = (argument.num_tiles / u32::from(ROWS)) as usize;
        refuse_unless((1..=COLUMNS).contains(&columns), libc::EINVAL)?;
        let start = self.place(columns).ok_or(libc::ENODEV)?;
        if self.used() >= CONTEXTS {
            return Err(if self.options.dialect == Dialect::Kernel { libc::EINVAL } else { libc::ENOENT });
        }
        let handle = self.number();
        let timeline = if self.options.dialect == Dialect::Kernel { self.number() } else { 0 };
        if timeline != 0 {
            self.timelines.insert(timeline, handle);
        }
        (argument.handle, argument.syncobj_handle, argument.umq_doorbell) = (handle, timeline, u32::MAX);
        self.contexts.insert(handle, Hwctx { columns, start, image: None, submitted: 0, queue: VecDeque::new(), hangs: false, array: None });
        Ok(())
    }

    /// The driver's solver: free columns, or else those of the least shared context that is as wide.
    fn place(&self, columns: usize) -> Option<usize> {
        let first = if columns == COLUMNS { 0 } else { 1 };
        let taken = |start: usize| self.contexts.values().any(|context| context.start < start + columns && start < context.start + context.columns);
        let starts = first..=COLUMNS - columns;
        let sharers = |start: &usize| self.contexts.values().filter(|context| context.start == *start && context.columns == columns).count();
        starts.clone().find(|start| !taken(*start)).or_else(|| starts.filter(|start| sharers(start) > 0).min_by_key(sharers))
    }

    fn configure(&mut self, argument: &ConfigHwctx) -> Result<(), i32> {
        refuse_unless(argument.pad == 0 && argument.param_type == 0, libc::EINVAL)?;
        refuse_unless(argument.param_val_size <= 4096, libc::E2BIG)?;
        let context = self.contexts.get_mut(&argument.handle).ok_or(libc::EINVAL)?;
        refuse_unless(argument.param_val_size as usize >= size_of::<ConfigCu>() && context.image.is_none(), libc::EINVAL)?;
        // SAFETY: as long as the caller says.
        let config: &mut ConfigCu = unsafe { at(argument.param_val)? };
        // This one knows contexts with one kernel.
        refuse_unless(config.num_cus == 1 && config.pad == [0; 3] && config.cu.pad == [0; 3], libc::EINVAL)?;
        let bo = self.memory.get(config.cu.cu_bo).ok_or(libc::EINVAL)?;
        refuse_unless(matches!(bo.kind, Kind::Piece(_)), libc::EINVAL)?;
        context.image = Some(config.cu.cu_bo);
        Ok(())
    }

    fn destroy(&mut self, argument: &DestroyHwctx) -> Result<(), i32> {
        refuse_unless(argument.pad == 0, libc::EINVAL)?;
        let context = self.contexts.remove(&argument.handle).ok_or(libc::EINVAL)?;
        for job in &context.queue {
            self.abort(job);
        }
        let closed: Vec<u32> = self.memory.bos.iter().filter(|(_, bo)| !bo.open).map(|(handle, _)| *handle).collect();
        for handle in closed {
            self.memory.bos.remove(&handle);
        }
        Ok(())
    }

    fn submit(&mut self, argument: &mut ExecCmd) -> Result<(), i32> {
        let ExecCmd { ext, ext_flags, hwctx, kind, cmd_handles, args, cmd_count, arg_count, .. } = *argument;
        refuse_unless(ext == 0 && ext_flags == 0 && kind == 0 && cmd_count == 1 && arg_count <= 4095, libc::EINVAL)?;
        let packet = u32::try_from(cmd_handles).map_err(|_| libc::EINVAL)?;
        let shared = self.memory.get(packet).is_some_and(|bo| bo.kind == Kind::Shared);
        refuse_unless(shared, libc::EINVAL)?;
        let mut arguments = Vec::new();
        for index in 0..u64::from(arg_count) {
            // SAFETY: the caller gives as many handles.
            let handle = *unsafe { at::<u32>(args + 4 * index)? };
            refuse_unless(self.memory.get(handle).is_some(), libc::ENOENT)?;
            // Locking a reservation twice.
            refuse_unless(!arguments.contains(&handle), libc::EALREADY)?;
            arguments.push(handle);
        }
        let context = self.contexts.get_mut(&hwctx).ok_or(libc::EINVAL)?;
        // The driver would sleep until one is done, and here nothing is done but in a wait.
        refuse_unless(context.queue.len() < 4, libc::EDEADLK)?;
        argument.seq = context.submitted;
        context.submitted += 1;
        context.queue.push_back(Job { seq: argument.seq, packet, arguments });
        Ok(())
    }

    fn wait_command(&mut self, argument: &WaitCmd) -> Result<(), i32> {
        refuse_unless(self.options.dialect == Dialect::Outside, libc::EINVAL)?;
        let submitted = self.contexts.get(&argument.hwctx).ok_or(libc::EINVAL)?.submitted;
        // No timeout, 0, is for ever: as long as here takes anyway.
        refuse_unless(argument.seq < submitted, libc::EINVAL)?;
        self.advance(argument.hwctx, argument.seq)
    }

    fn wait_timeline(&mut self, argument: &SyncobjTimelineWait) -> Result<(), i32> {
        refuse_unless(argument.count_handles == 1 && argument.flags == 2 && argument.pad == 0 && argument.timeout_nsec > 0, libc::EINVAL)?;
        // SAFETY: the caller gives one handle and one point.
        let (timeline, point) = unsafe { (*at::<u32>(argument.handles)?, *at::<u64>(argument.points)?) };
        let context = *self.timelines.get(&timeline).ok_or(libc::ENOENT)?;
        let submitted = self.contexts.get(&context).map_or(0, |context| context.submitted);
        refuse_unless(point < submitted, libc::ETIME)?;
        self.advance(context, point)
    }
}

/// Fills as much of an answer as there is room for.
fn give<T>(info: &GetInfo, answer: &T) {
    let bytes = size_of::<T>().min(info.buffer_size as usize);
    // SAFETY: the caller says that there is this much room.
    unsafe { std::ptr::copy_nonoverlapping(std::ptr::from_ref(answer).cast::<u8>(), info.buffer as *mut u8, bytes) };
}
