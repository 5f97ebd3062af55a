//! Queries the operating system: page size, limits, and error messages.

use std::ffi::c_int;

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
