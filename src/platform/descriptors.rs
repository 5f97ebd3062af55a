//! Keeping files away from the descriptors of standard streams.
//!
//! A daemon that has closed its descriptors 0 to 2 gets them back from the next calls that open a file. What it then
//! prints would be written into the data file. So they are taken while files are opened here, and given back after.

use std::io::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::platform::fork::PerProcess;
use crate::platform::sync::Mutex;

/// The first number that is not a standard stream's.
const FIRST: RawFd = 3;

/// What is held of the standard streams' numbers, and for how many openings.
#[derive(Default)]
struct Taken {
    users: usize,
    held: Vec<ManuallyDrop<OwnedFd>>,
}

static TAKEN: PerProcess<Mutex<Taken>> = PerProcess::new();

/// Keeps the descriptors 0 to 2 taken until it is dropped. One opening must not give back a number while another, which
/// found it taken, is still opening its files.
pub(crate) struct Standard;

impl Standard {
    pub(crate) fn take() -> Result<Standard> {
        let mut taken = TAKEN.get().lock();
        taken.users += 1;
        let standard = Standard;
        loop {
            // SAFETY: a NUL-terminated path, and flags that open it for nothing but its name.
            let fd = unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
            if fd < 0 {
                let error = Error::last_os_error();
                drop(taken);
                return Err(error);
            }
            // SAFETY: opened just now, and nobody else's.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            if fd.as_raw_fd() >= FIRST {
                drop(taken);
                return Ok(standard);
            }
            taken.held.push(ManuallyDrop::new(fd));
        }
    }
}

impl Drop for Standard {
    fn drop(&mut self) {
        let mut taken = TAKEN.get().lock();
        // Not counted in the child of a fork that happened meanwhile.
        taken.users = taken.users.saturating_sub(1);
        if taken.users > 0 {
            return;
        }
        for fd in taken.held.drain(..) {
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
pub(crate) fn close_on_exec(fd: RawFd) -> Result<()> {
    // SAFETY: changes a flag of a descriptor that the caller has open.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0 {
        return Ok(());
    }
    Err(Error::last_os_error())
}
