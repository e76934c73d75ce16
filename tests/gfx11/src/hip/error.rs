//! Error codes with their texts. A code that was given with a reason is explained by that reason.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{LazyLock, Mutex, PoisonError};

/// The codes that this library answers, of `hipError_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Code {
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    InvalidConfiguration = 9,
    InvalidDevice = 101,
    InvalidImage = 200,
    InvalidHandle = 400,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchTimeOut = 702,
    LaunchFailure = 719,
    CaptureUnsupported = 900,
}

impl Code {
    const ALL: [Self; 13] = [
        Self::Success,
        Self::InvalidValue,
        Self::OutOfMemory,
        Self::InvalidConfiguration,
        Self::InvalidDevice,
        Self::InvalidImage,
        Self::InvalidHandle,
        Self::NotFound,
        Self::NotReady,
        Self::IllegalAddress,
        Self::LaunchTimeOut,
        Self::LaunchFailure,
        Self::CaptureUnsupported,
    ];

    const fn text(self) -> &'static CStr {
        match self {
            Self::Success => c"no error",
            Self::InvalidValue => c"invalid argument",
            Self::OutOfMemory => c"out of memory",
            Self::InvalidConfiguration => c"invalid configuration argument",
            Self::InvalidDevice => c"invalid device ordinal",
            Self::InvalidImage => c"device kernel image is invalid",
            Self::InvalidHandle => c"invalid resource handle",
            Self::NotFound => c"named symbol not found",
            Self::NotReady => c"device not ready",
            Self::IllegalAddress => c"an illegal memory access was encountered",
            Self::LaunchTimeOut => c"the launch timed out and was terminated",
            Self::LaunchFailure => c"unspecified launch failure",
            Self::CaptureUnsupported => c"operation not permitted when stream is capturing",
        }
    }

    /// This code, with the reason for it told to whoever asks for its text, and on standard error.
    pub(super) fn because(self, reason: impl std::fmt::Display) -> Self {
        let text = format!("{}: {reason}", self.text().to_string_lossy());
        eprintln!("gfx11: {text}");
        if let Ok(text) = CString::new(text) {
            // A text must stay for good; errors are few.
            let text: &'static CStr = Box::leak(text.into_boxed_c_str());
            REASONS.lock().unwrap_or_else(PoisonError::into_inner).insert(self as i32, text);
        }
        self
    }
}

static REASONS: LazyLock<Mutex<HashMap<i32, &'static CStr>>> = LazyLock::new(Mutex::default);

/// Text for an error, with the last reason it was given with.
#[unsafe(no_mangle)]
pub extern "C" fn hipGetErrorString(error: c_int) -> *const c_char {
    if let Some(reason) = REASONS.lock().unwrap_or_else(PoisonError::into_inner).get(&error) {
        return reason.as_ptr();
    }
    Code::ALL.into_iter().find(|code| *code as i32 == error).map_or(c"unknown error".as_ptr(), |code| code.text().as_ptr())
}
