//! Locks on bytes of a file that belong to the open file description (`F_OFD_SETLK`, Linux 3.15).
//!
//! Source: `fcntl_locking(2)`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Locks a range of bytes, unlocks it, or asks whether another descriptor has it locked.
pub(crate) fn lock(
    file: &File,
    how: libc::c_int,
    kind: libc::c_int,
    begin: u64,
    length: u64,
) -> io::Result<bool> {
    let number = |number: u64| libc::off_t::try_from(number).unwrap_or(libc::off_t::MAX);
    // SAFETY: `flock` consists of plain numbers, so all zeros is a valid value; description locks require a zero pid.
    let mut what = unsafe { std::mem::zeroed::<libc::flock>() };
    what.l_type = libc::c_short::try_from(kind).unwrap_or_default();
    what.l_whence = libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default();
    (what.l_start, what.l_len) = (number(begin), number(length));
    // SAFETY: the descriptor is open as long as `file`, and `what` outlives the call.
    if unsafe { libc::fcntl(file.as_raw_fd(), how, &raw mut what) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(libc::c_int::from(what.l_type) != libc::F_UNLCK)
}

/// Returns true if another open file description holds a lock on the bytes.
pub(crate) fn is_locked(file: &File, begin: u64, length: u64) -> bool {
    // A system that does not support the query does not support these locks either.
    length > 0 && lock(file, libc::F_OFD_GETLK, libc::F_WRLCK, begin, length).unwrap_or(false)
}
