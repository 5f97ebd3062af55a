//! Implements a thread's operations on an environment as a whole.

use std::path::Path;

use crate::engine::lmdb::Seat;
use crate::engine::{Figures, ReaderFigures, Structure};
use crate::error::Result;

impl Seat {
    /// Flushes all commits to stable storage.
    pub(crate) fn flush(&self) -> Result<()> {
        self.call(|call| call.engine()?.flush())
    }

    /// Reports on the environment.
    pub(crate) fn figures(&self) -> Result<Figures> {
        self.call(|call| {
            let snapshot = call.snapshot()?;
            call.engine()?.figures(&snapshot)
        })
    }

    /// Lists the reader slots in use, of all processes.
    pub(crate) fn readers(&self) -> Result<Vec<ReaderFigures>> {
        self.call(|call| call.engine()?.readers())
    }

    /// Frees the reader slots of dead processes and returns their number.
    pub(crate) fn reap_readers(&self) -> Result<u32> {
        self.call(|call| call.engine()?.reap_readers())
    }

    /// Copies the newest commit to a path. Returns `Ok(false)` if the path already exists.
    pub(crate) fn copy_to(&self, path: &Path, compact: bool) -> Result<bool> {
        self.engine()?.copy_to(path, compact, || self.call(|call| call.snapshot()))
    }

    /// Checks the structure of the data file as of the newest commit.
    pub(crate) fn check(&self) -> Result<Structure> {
        self.engine()?.check(|| self.call(|call| call.snapshot()))
    }
}
