//! Room for LMDB's lock file, taken before LMDB opens it.
//!
//! The file is sparse and mapped: a part of it that is first used when the disk is full, or that lies past the
//! limit on file sizes, is a signal that ends the process.

use std::fs::File;
use std::io::Result as IoResult;
use std::path::Path;

use crate::engine::lmdb::files::made_lock_file_options;
use crate::error::{Error, Result, Status};
use crate::platform::system;

/// Makes the lock file of an environment, and takes the room that LMDB will use of it. Only while the environment
/// is not open in this process: closing the file drops the locks that the process has on it.
pub(crate) fn lock_file(path: &Path, mode: u32, max_readers: u32) -> Result<()> {
    let size = size(max_readers);
    let length = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if let Some(limit) = system::limit(libc::RLIMIT_FSIZE)
        && limit < size
        && length < size
    {
        return Err(Error::new(
            Status::DiskFull,
            format!(
                "{} needs {size} bytes, more than the limit of {limit} on file sizes (see ulimit -f); use fewer \
                 max_readers",
                path.display()
            ),
        ));
    }
    // What else is wrong with the file, LMDB says; for a reader it may not matter.
    let Ok(file) = made_lock_file_options(mode).open(path) else { return Ok(()) };
    match take_room(&file, size) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG)) => {
            Err(Error::new(Status::DiskFull, format!("{} cannot be made: {error}", path.display())))
        }
        // Not every file system can.
        _ => Ok(()),
    }
}

/// At least what LMDB makes of it: a slot of 64 bytes for each reader, behind a header.
fn size(max_readers: u32) -> u64 {
    4096 + 64 * u64::from(max_readers)
}

/// Takes room without changing the file's length, from which LMDB tells how many slots there are.
#[cfg(target_os = "linux")]
fn take_room(file: &File, size: u64) -> IoResult<()> {
    use std::os::fd::AsRawFd;
    let size = libc::off_t::try_from(size).unwrap_or(libc::off_t::MAX);
    // SAFETY: the descriptor is open as long as `file`; no memory is passed.
    if unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, size) } == 0 {
        return Ok(());
    }
    Err(std::io::Error::last_os_error())
}

#[cfg(not(target_os = "linux"))]
fn take_room(_file: &File, _size: u64) -> IoResult<()> {
    Ok(())
}
