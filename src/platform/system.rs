//! Queries the operating system: page size, limits, error messages, and threads that receive no signals.

use std::ffi::c_int;
use std::mem::MaybeUninit;

/// Returns the system's page size, which new data files use.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Returns a finite resource limit, or `None` if the resource is unlimited.
pub(crate) fn limit(resource: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid destination for the result.
    let rc = unsafe { libc::getrlimit(resource, &raw mut limit) };
    (rc == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Returns the limit that an `errno` reports, to be appended to the system's message.
pub(crate) fn limit_of(code: c_int) -> String {
    match limit(libc::RLIMIT_NOFILE) {
        Some(limit) if code == libc::EMFILE => format!(" (this process may have {limit}; see ulimit -n)"),
        _ => String::new(),
    }
}

/// Returns the message of a system error.
pub(crate) fn words(error: &std::io::Error) -> String {
    format!("{error}{}", limit_of(error.raw_os_error().unwrap_or_default()))
}

/// Starts a thread that receives no signals of the host.
pub(crate) fn without_signals<R>(start: impl FnOnce() -> R) -> R {
    let (mut all, mut before) =
        (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::<libc::sigset_t>::uninit());
    // SAFETY: both are valid destinations; the first is filled before it is read, and a failure, which only an invalid
    // argument could cause, leaves the mask as it is.
    let masked = unsafe {
        libc::sigfillset(all.as_mut_ptr()) == 0
            && libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let started = start();
    if masked {
        // SAFETY: filled by the call above; the output may be null.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    }
    started
}
