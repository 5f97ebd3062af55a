//! Reserves disk space for LMDB's lock file before LMDB opens it.
//!
//! The file is sparse and mapped: the first use of a part of it raises a signal that ends the process if the disk is
//! full, or if the part lies beyond the file size limit.

use std::fs::File;
use std::io::Result as IoResult;
use std::path::Path;

use crate::engine::lmdb::files::made_lock_file_options;
use crate::error::{Error, Result, Status};
use crate::platform::system;

/// Creates the lock file of an environment, and reserves the space that LMDB will use in it. Only allowed while the
/// environment is not open in this process: closing the file releases the locks that the process has on it.
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
    // LMDB reports any other problem with the file; for a reader it may not matter.
    let Ok(file) = made_lock_file_options(mode).open(path) else { return Ok(()) };
    match take_room(&file, size) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG)) => {
            Err(Error::new(Status::DiskFull, format!("{} cannot be made: {error}", path.display())))
        }
        // Not every file system supports this.
        _ => Ok(()),
    }
}

/// Returns a lower bound of the size that LMDB gives it: a slot of 64 bytes for each reader, after a header.
fn size(max_readers: u32) -> u64 {
    4096 + 64 * u64::from(max_readers)
}

/// Reserves space without changing the file's length, from which LMDB derives the number of slots.
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
