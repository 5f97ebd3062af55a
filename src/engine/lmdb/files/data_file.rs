//! Reads the data file of an open environment without LMDB.

use std::fs::File;
use std::os::fd::BorrowedFd;

use crate::engine::lmdb::sys::{Code, Env};
use crate::error::{Error, Result, Status};

/// Duplicates LMDB's descriptor of the data file.
pub(crate) fn data_of(env: &Env) -> Result<File> {
    let fd = env.descriptor().map_err(|code| code.error("looking at the data file"))?;
    // SAFETY: the descriptor is LMDB's and stays open as long as `env`, which outlives this borrow.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    let own = file.try_clone_to_owned();
    own.map(File::from).map_err(|error| Code::of(&error).error("looking at the data file"))
}

/// Returns the length of the data file.
pub(crate) fn file_size(env: &Env) -> Result<u64> {
    data_of(env)?
        .metadata()
        .map(|meta| meta.len())
        .map_err(|error| Error::new(Status::Io, format!("the data file's size cannot be read: {error}")))
}
