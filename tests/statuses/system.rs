//! Replaces calls of the system, for one thread, if a test needs a result that the system does not return on request.
//!
//! The library is linked into the test's executable, so these definitions are the ones that it calls.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};

/// The condition that the calling thread meets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// All file systems are NFS.
    Network,
    /// No address space is left.
    NoMemory,
    /// The clock fails, and Rust's standard library panics.
    NoClock,
}

thread_local! {
    static ANSWER: Cell<Option<Answer>> = const { Cell::new(None) };
}

/// Runs a call under this condition.
pub fn answering<R>(answer: Answer, call: impl FnOnce() -> R) -> R {
    ANSWER.set(Some(answer));
    let given = call();
    ANSWER.set(None);
    given
}

fn is(answer: Answer) -> bool {
    ANSWER.get() == Some(answer)
}

fn fail(errno: c_int) {
    // SAFETY: the address of the thread's own errno.
    unsafe { *libc::__errno_location() = errno }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn statfs(path: *const c_char, into: *mut libc::statfs) -> c_int {
    // SAFETY: the caller's own arguments; filled on success.
    unsafe {
        let rc = libc::syscall(libc::SYS_statfs, path, into);
        if rc == 0 && is(Answer::Network) {
            (*into).f_type = libc::NFS_SUPER_MAGIC;
        }
        c_int::try_from(rc).unwrap()
    }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, into: *mut libc::timespec) -> c_int {
    if is(Answer::NoClock) {
        fail(libc::EINVAL);
        return -1;
    }
    // SAFETY: the caller's own arguments.
    c_int::try_from(unsafe { libc::syscall(libc::SYS_clock_gettime, clock, into) }).unwrap()
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    at: *mut c_void,
    size: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    if is(Answer::NoMemory) {
        fail(libc::ENOMEM);
        return libc::MAP_FAILED;
    }
    // SAFETY: the caller's own arguments; the system returns an address, or -1.
    unsafe { libc::syscall(libc::SYS_mmap, at, size, protection, flags, fd, offset) as *mut c_void }
}
