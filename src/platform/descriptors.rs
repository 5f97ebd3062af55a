//! Keeps files away from the descriptors of standard streams.
//!
//! In a daemon that has closed its descriptors 0 to 2, the next calls that open files get these numbers, and the
//! daemon's output would be written into the data file. So this module occupies the numbers while the library opens
//! files, and frees them afterwards.

use std::io::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::platform::fork::PerProcess;
use crate::platform::sync::Mutex;

/// The first descriptor that is not a standard stream's.
const FIRST: RawFd = 3;

/// The descriptors that occupy the standard streams' numbers, and the number of openings in progress.
#[derive(Default)]
struct Taken {
    users: usize,
    held: Vec<ManuallyDrop<OwnedFd>>,
}

static TAKEN: PerProcess<Mutex<Taken>> = PerProcess::new();

/// Keeps the descriptors 0 to 2 occupied until it is dropped. One opening must not free a number while another opening,
/// which found it occupied, is still opening its files.
pub(crate) struct Standard;

impl Standard {
    pub(crate) fn take() -> Result<Standard> {
        let mut taken = TAKEN.get().lock();
        taken.users += 1;
        let standard = Standard;
        loop {
            // SAFETY: the path is NUL-terminated, and the flags allow neither reading nor writing.
            let fd = unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
            if fd < 0 {
                let error = Error::last_os_error();
                drop(taken);
                return Err(error);
            }
            // SAFETY: opened just now, and not owned by any other code.
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
        // In the child of a fork during the opening, this user is not counted.
        taken.users = taken.users.saturating_sub(1);
        if taken.users > 0 {
            return;
        }
        for fd in taken.held.drain(..) {
            // Another thread may have put its own stream in this place: that stream must stay open.
            // SAFETY: reads the flags of a number, which may be closed.
            let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
            if flags >= 0 && flags & libc::O_PATH != 0 {
                drop(ManuallyDrop::into_inner(fd));
            }
        }
    }
}

/// Makes the system close a descriptor when the process runs another program.
pub(crate) fn close_on_exec(fd: RawFd) -> Result<()> {
    // SAFETY: changes a flag of a descriptor that the caller holds open.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0 {
        return Ok(());
    }
    Err(Error::last_os_error())
}
