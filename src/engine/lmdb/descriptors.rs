//! Keeping files away from the descriptors of standard streams.
//!
//! A daemon that has closed its descriptors 0 to 2 gets them back from the next calls that open a file. What it then
//! prints would be written into the data file. So they are taken while files are opened here, and given back after.

use std::io::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The first number that is not a standard stream's.
const FIRST: RawFd = 3;

/// Takes those of the descriptors 0 to 2 that are closed, until it is dropped.
pub(super) struct Standard(Vec<ManuallyDrop<OwnedFd>>);

impl Standard {
    pub(super) fn take() -> Result<Standard> {
        let mut taken = Standard(Vec::new());
        loop {
            // SAFETY: a NUL-terminated path, and flags that open it for nothing but its name.
            let fd = unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
            if fd < 0 {
                return Err(Error::last_os_error());
            }
            // SAFETY: opened just now, and nobody else's.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            if fd.as_raw_fd() >= FIRST {
                return Ok(taken);
            }
            taken.0.push(ManuallyDrop::new(fd));
        }
    }
}

impl Drop for Standard {
    fn drop(&mut self) {
        for fd in self.0.drain(..) {
            // Another thread may have put a stream of its own in this place: that one is not to be closed.
            // SAFETY: asks for the flags of a number, which need not be open.
            let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
            if flags >= 0 && flags & libc::O_PATH != 0 {
                drop(ManuallyDrop::into_inner(fd));
            }
        }
    }
}

/// Closes a descriptor when the process runs another program.
pub(super) fn close_on_exec(fd: RawFd) -> Result<()> {
    // SAFETY: changes a flag of a descriptor that the caller has open.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0 {
        return Ok(());
    }
    Err(Error::last_os_error())
}
