//! What the system says of itself: page size, limits, and the words for its failures.

use std::ffi::c_int;

/// The system's page size, which is that of new data files.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// A finite resource limit.
pub(crate) fn limit(resource: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    let rc = unsafe { libc::getrlimit(resource, &raw mut limit) };
    (rc == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// The limit that an `errno` stands for, to be said behind its own words.
pub(crate) fn limit_of(code: c_int) -> String {
    match limit(libc::RLIMIT_NOFILE) {
        Some(limit) if code == libc::EMFILE => format!(" (this process may have {limit}; see ulimit -n)"),
        _ => String::new(),
    }
}

/// What a failure of the system's says.
pub(crate) fn words(error: &std::io::Error) -> String {
    format!("{error}{}", limit_of(error.raw_os_error().unwrap_or_default()))
}
