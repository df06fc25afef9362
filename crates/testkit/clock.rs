//! Sets the wall clock of a program ahead, when it is loaded before libc (`LD_PRELOAD`): by
//! `WEIR_CLOCK_AHEAD` seconds. Timers, which go by the monotonic clock, run as ever.
//!
//! It is a library of its own, compiled by `envoy/process.rs` when a test first asks for it.

use std::ffi::{c_int, c_long};
use std::sync::OnceLock;

const CLOCK_REALTIME: c_int = 0;
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const SYS_CLOCK_GETTIME: c_long = 113;

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// Stands in for libc's.
///
/// # Safety
/// As libc's: `time` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    static AHEAD: OnceLock<i64> = OnceLock::new();
    // SAFETY: the caller's pointer is handed on as it is.
    let done = unsafe { syscall(SYS_CLOCK_GETTIME, clock, time) };
    if done == 0 && clock == CLOCK_REALTIME {
        let told = || std::env::var("WEIR_CLOCK_AHEAD").ok()?.parse().ok();
        let ahead = AHEAD.get_or_init(|| told().unwrap_or(0));
        // SAFETY: the system call has just written there.
        unsafe { (*time).seconds += ahead };
    }
    done as c_int
}
