//! Structures and constants of `amdxdna_accel.h`, and what is used of `drm.h`.
//! Fields named `ext`, `ext_flags`, `pad` and `flags` must be zero. Addresses are those of this process, as 64-bit integers.

use std::mem::{offset_of, size_of};

/// No context, buffer or timeline has this handle.
pub const INVALID_HANDLE: u32 = 0;
/// An address, or an offset for `mmap`, that is not given.
pub const INVALID_ADDRESS: u64 = u64::MAX;
/// [`QosInfo::priority`] without a wish.
pub const PRIORITY_NORMAL: u32 = 0x200;
/// [`ConfigHwctx::param_type`]: the value is the address of a [`ConfigCu`].
pub const CONFIG_CU: u32 = 0;
/// [`SyncBo::direction`]. The flush is the same both ways; from the device, newer drivers go on to fail with `EINVAL` on all but debug buffers.
pub const SYNC_TO_DEVICE: u32 = 0;
/// [`ExecCmd::kind`]: one command buffer.
pub const SUBMIT_EXEC_BUF: u32 = 0;
/// [`SyncobjTimelineWait::flags`]: a point that nothing was submitted for yet is waited for, too.
pub const WAIT_FOR_SUBMIT: u32 = 2;

/// Heap of device-visible memory on the first generation: where it begins for the device, what one piece of it holds and must be aligned to here.
pub const HEAP_BASE: u64 = 0x400_0000;
/// See [`HEAP_BASE`].
pub const HEAP_BYTES: usize = 64 << 20;
/// Alignment of buffers in the heap on the first generation.
pub const HEAP_GRAIN: u64 = 32 << 10;

/// What a buffer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum BoKind {
    /// Pages that host and device share.
    Share = 1,
    /// The heap.
    DevHeap = 2,
    /// A piece of the heap: configurations and instruction streams.
    Dev = 3,
    /// A command.
    Cmd = 4,
}

/// `amdxdna_drm_get_param`: what can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Query {
    /// [`AieMetadata`].
    AieMetadata = 1,
    /// [`AieVersion`].
    AieVersion = 2,
    /// [`FirmwareVersion`].
    FirmwareVersion = 8,
    /// [`ResourceInfo`]. `EOPNOTSUPP` before driver version 0.4.
    ResourceInfo = 12,
}

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* } $bytes:literal [$($at:ident $offset:literal),*])*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            #[repr(C)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            const _: () = assert!(size_of::<$name>() == $bytes $(&& offset_of!($name, $at) == $offset)*);
        )*
    };
}

structures! {
    /// `drm_version`.
    Version {
        /// Major.
        major: i32,
        /// Minor.
        minor: i32,
        /// Patch.
        patch: i32,
        /// Room for the name in, its length out.
        name_len: u64,
        /// Where the name goes, without a NUL.
        name: u64,
        /// Room for a date.
        date_len: u64,
        /// Where it goes.
        date: u64,
        /// Room for a description.
        desc_len: u64,
        /// Where it goes.
        desc: u64,
    } 64 [name_len 16, name 24, desc 56]

    /// `drm_gem_close`.
    GemClose {
        /// The buffer.
        handle: u32,
        /// Zero.
        pad: u32,
    } 8 [handle 0]

    /// `drm_syncobj_destroy`.
    SyncobjDestroy {
        /// The timeline.
        handle: u32,
        /// Zero.
        pad: u32,
    } 8 [handle 0]

    /// `drm_syncobj_timeline_wait`, without the deadline that later kernels append.
    SyncobjTimelineWait {
        /// Address of the handles.
        handles: u64,
        /// Address of a 64-bit point for each.
        points: u64,
        /// When to give up: nanoseconds of the monotonic clock.
        timeout_nsec: i64,
        /// How many handles.
        count_handles: u32,
        /// [`WAIT_FOR_SUBMIT`].
        flags: u32,
        /// The first that was reached, out.
        first_signaled: u32,
        /// Zero.
        pad: u32,
    } 40 [timeout_nsec 16, count_handles 24, first_signaled 32]

    /// `amdxdna_qos_info`: wishes. All zero but the priority means none.
    QosInfo {
        /// Operations, 10^9 per frame.
        gops: u32,
        /// Frames per second.
        fps: u32,
        /// Bandwidth.
        dma_bandwidth: u32,
        /// Latency.
        latency: u32,
        /// Time of a frame.
        frame_exec_time: u32,
        /// [`PRIORITY_NORMAL`].
        priority: u32,
    } 24 [priority 20]

    /// `amdxdna_drm_create_hwctx`.
    CreateHwctx {
        /// Zero.
        ext: u64,
        /// Zero.
        ext_flags: u64,
        /// Address of a [`QosInfo`].
        qos_p: u64,
        /// For later generations.
        umq_bo: u32,
        /// For later generations.
        log_buf_bo: u32,
        /// Operations per cycle, as the container says.
        max_opc: u32,
        /// Columns times core rows.
        num_tiles: u32,
        /// Zero.
        mem_size: u32,
        /// For later generations, out.
        umq_doorbell: u32,
        /// The context, out.
        handle: u32,
        /// Its timeline, out: a command reaches the point of its sequence number. [`INVALID_HANDLE`] where there is none.
        syncobj_handle: u32,
    } 56 [qos_p 16, max_opc 32, num_tiles 36, handle 48, syncobj_handle 52]

    /// `amdxdna_drm_destroy_hwctx`. The timeline is let go of separately.
    DestroyHwctx {
        /// The context.
        handle: u32,
        /// Zero.
        pad: u32,
    } 8 [handle 0]

    /// `amdxdna_cu_config`.
    CuConfig {
        /// A [`BoKind::Dev`] buffer that holds a PDI.
        cu_bo: u32,
        /// The kernel's `functional` of the container.
        cu_func: u8,
        /// Zero.
        pad: [u8; 3],
    } 8 [cu_func 4]

    /// `amdxdna_hwctx_param_config_cu` with one configuration.
    ConfigCu {
        /// How many follow: 1 here, 32 at most.
        num_cus: u16,
        /// Zero.
        pad: [u16; 3],
        /// The configuration.
        cu: CuConfig,
    } 16 [cu 8]

    /// `amdxdna_drm_config_hwctx`.
    ConfigHwctx {
        /// The context.
        handle: u32,
        /// [`CONFIG_CU`].
        param_type: u32,
        /// Address of the parameter.
        param_val: u64,
        /// Its bytes, 4096 at most.
        param_val_size: u32,
        /// Zero.
        pad: u32,
    } 24 [param_val 8, param_val_size 16]

    /// `amdxdna_drm_create_bo`.
    CreateBo {
        /// Zero.
        flags: u64,
        /// Zero, or the address of a table of this process's pages.
        vaddr: u64,
        /// Bytes; the driver rounds up to pages. For the heap a multiple of [`HEAP_BYTES`].
        size: u64,
        /// A [`BoKind`].
        kind: u32,
        /// The buffer, out.
        handle: u32,
    } 32 [kind 24, handle 28]

    /// `amdxdna_drm_get_bo_info`.
    GetBoInfo {
        /// Zero.
        ext: u64,
        /// Zero.
        ext_flags: u64,
        /// The buffer.
        handle: u32,
        /// Zero.
        pad: u32,
        /// What `mmap` takes, out; [`INVALID_ADDRESS`] for a piece of the heap, which is mapped with it.
        map_offset: u64,
        /// Where it is mapped, out, where the driver tells.
        vaddr: u64,
        /// Where it is for the device, out; [`INVALID_ADDRESS`] before it is mapped, and ever in older drivers: then it is where it is here.
        xdna_addr: u64,
    } 48 [handle 16, map_offset 24, vaddr 32, xdna_addr 40]

    /// `amdxdna_drm_sync_bo`.
    SyncBo {
        /// The buffer.
        handle: u32,
        /// [`SYNC_TO_DEVICE`].
        direction: u32,
        /// First byte.
        offset: u64,
        /// Bytes.
        size: u64,
    } 24 [offset 8, size 16]

    /// `amdxdna_drm_exec_cmd`.
    ExecCmd {
        /// Zero.
        ext: u64,
        /// Zero.
        ext_flags: u64,
        /// The context.
        hwctx: u32,
        /// [`SUBMIT_EXEC_BUF`].
        kind: u32,
        /// The command's buffer itself, for there is one.
        cmd_handles: u64,
        /// Address of the handles of the buffers it works on, each once.
        args: u64,
        /// One.
        cmd_count: u32,
        /// How many handles, 4095 at most.
        arg_count: u32,
        /// Sequence number, out: 0, 1, ... in each context.
        seq: u64,
    } 56 [hwctx 16, cmd_handles 24, args 32, cmd_count 40, seq 48]

    /// `amdxdna_drm_wait_cmd`.
    WaitCmd {
        /// The context.
        hwctx: u32,
        /// Milliseconds; 0 waits for ever.
        timeout: u32,
        /// Sequence number.
        seq: u64,
    } 16 [timeout 4, seq 8]

    /// `amdxdna_drm_get_info`.
    GetInfo {
        /// A [`Query`].
        param: u32,
        /// Bytes of the answer's room; the driver fills no more.
        buffer_size: u32,
        /// Its address.
        buffer: u64,
    } 16 [buffer 8]

    /// `amdxdna_drm_query_aie_version`.
    AieVersion {
        /// Major.
        major: u32,
        /// Minor.
        minor: u32,
    } 8 [minor 4]

    /// `amdxdna_drm_query_aie_tile_metadata`.
    TileMetadata {
        /// Rows of such tiles.
        row_count: u16,
        /// The first of them.
        row_start: u16,
        /// DMA channels.
        dma_channel_count: u16,
        /// Locks.
        lock_count: u16,
        /// Event registers.
        event_reg_count: u16,
        /// Zero.
        pad: [u16; 3],
    } 16 [row_start 2, event_reg_count 8]

    /// `amdxdna_drm_query_aie_metadata`.
    AieMetadata {
        /// Bytes of a column's address space.
        col_size: u32,
        /// Columns, those without a way to memory included.
        cols: u16,
        /// Rows.
        rows: u16,
        /// Of the array.
        version: AieVersion,
        /// Compute tiles.
        core: TileMetadata,
        /// Memory tiles.
        mem: TileMetadata,
        /// Tiles with a way to memory.
        shim: TileMetadata,
    } 64 [cols 4, rows 6, version 8, core 16, mem 32, shim 48]

    /// `amdxdna_drm_query_firmware_version`: the release, `1.5.5.391`. The protocol that the driver checks (5.7, say) is another number, told nowhere.
    FirmwareVersion {
        /// Major.
        major: u32,
        /// Minor.
        minor: u32,
        /// Patch.
        patch: u32,
        /// Build.
        build: u32,
    } 16 [build 12]

    /// `amdxdna_drm_get_resource_info`.
    ResourceInfo {
        /// Highest clock.
        npu_clk_max: u64,
        /// Highest 10^12 operations per second.
        npu_tops_max: u64,
        /// Contexts that the device has.
        npu_task_max: u64,
        /// Operations per second at today's clock.
        npu_tops_curr: u64,
        /// Contexts in use, of all processes.
        npu_task_curr: u64,
    } 40 [npu_task_max 16, npu_task_curr 32]
}
