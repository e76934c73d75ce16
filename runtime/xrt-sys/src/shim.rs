//! The shim over XRT's C++ interface, as `shim/shim.h` declares it: opaque handles, and reasons instead of exceptions.
//!
//! Every function that can fail answers 0, or 1 with the reason; [`unicorn_xrt_execute`] also 2, of a command that is in progress still. A handle is made and
//! ended once, and is one thread's at a time.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            pub struct $name {
                _hidden: [u8; 0],
            }
        )*
    };
}

handles! {
    /// An open device.
    Device;
    /// A hardware context with the one kernel of its container.
    Context;
    /// Memory of the host that the device reaches.
    Buffer;
    /// A command.
    Run;
}

/// Why something failed.
#[repr(C)]
pub struct Why {
    /// What XRT says became of a command, as [`State`](crate::State) numbers it; 0 for anything else.
    pub state: u32,
    /// Ended by 0.
    text: [c_char; 508],
}

impl Why {
    /// Nothing yet.
    pub const NONE: Self = Self { state: 0, text: [0; 508] };

    /// In words.
    pub fn text(&self) -> String {
        text(&self.text)
    }
}

/// A text that the shim wrote: up to its first 0, or all of it.
pub fn text(chars: &[c_char]) -> String {
    // SAFETY: `c_char` and `u8` have one size.
    let bytes = unsafe { std::slice::from_raw_parts(chars.as_ptr().cast::<u8>(), chars.len()) };
    CStr::from_bytes_until_nul(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), CStr::to_string_lossy).into_owned()
}

unsafe extern "C" {
    /// Opens a device by its number, and tells its name and PCI address.
    pub fn unicorn_xrt_open(index: c_uint, device: *mut *mut Device, name: *mut [c_char; 64], bdf: *mut [c_char; 64], why: *mut Why) -> c_int;
    /// Closes it.
    pub fn unicorn_xrt_close(device: *mut Device);
    /// Registers a container (xclbin) of one kernel and makes a hardware context of it.
    pub fn unicorn_xrt_configure(device: *mut Device, container: *const c_void, bytes: usize, context: *mut *mut Context, why: *mut Why) -> c_int;
    /// Ends it.
    pub fn unicorn_xrt_end(context: *mut Context);
    /// Reserves memory for the kernel's arguments, filled with zeros, and tells where it is mapped.
    pub fn unicorn_xrt_reserve(
        device: *mut Device,
        context: *mut Context,
        bytes: usize,
        buffer: *mut *mut Buffer,
        map: *mut *mut c_void,
        why: *mut Why,
    ) -> c_int;
    /// Lets it go.
    pub fn unicorn_xrt_free(buffer: *mut Buffer);
    /// Shows the device what the host wrote in the first bytes, or the other way round.
    pub fn unicorn_xrt_sync(buffer: *mut Buffer, to_device: c_int, bytes: usize, why: *mut Why) -> c_int;
    /// Makes a command of an instruction stream whose argument `n` is `buffers[n]`.
    pub fn unicorn_xrt_prepare(
        device: *mut Device,
        context: *mut Context,
        stream: *const c_void,
        bytes: usize,
        buffers: *const *mut Buffer,
        count: usize,
        run: *mut *mut Run,
        why: *mut Why,
    ) -> c_int;
    /// Lets a command go. **XRT ends the process** if it is in progress still.
    pub fn unicorn_xrt_drop(run: *mut Run);
    /// Runs a command and waits so many milliseconds.
    pub fn unicorn_xrt_execute(run: *mut Run, milliseconds: c_uint, why: *mut Why) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_texts_up_to_their_end() {
        let mut why = Why::NONE;
        assert_eq!((size_of::<Why>(), why.text()), (512, String::new()));
        why.text[..3].copy_from_slice(&[b'n', b'o', 0].map(|c| c as c_char));
        assert_eq!(why.text(), "no");
        why.text = [b'x' as c_char; 508];
        assert_eq!(why.text(), "x".repeat(508));
    }
}
