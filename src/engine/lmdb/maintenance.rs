//! What a thread asks of an environment as a whole.

use std::path::Path;

use crate::engine::lmdb::Seat;
use crate::engine::{Figures, ReaderFigures, Structure};
use crate::error::Result;

impl Seat {
    /// Puts everything that was committed on stable storage.
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

    /// Lists the reader slots that are taken, of all processes.
    pub(crate) fn readers(&self) -> Result<Vec<ReaderFigures>> {
        self.call(|call| call.engine()?.readers())
    }

    /// Frees the reader slots of processes that are gone; gives how many there were.
    pub(crate) fn reap_readers(&self) -> Result<u32> {
        self.call(|call| call.engine()?.reap_readers())
    }

    /// Copies the newest commit to a path. `Ok(false)`: the path exists already.
    pub(crate) fn copy_to(&self, path: &Path, compact: bool) -> Result<bool> {
        self.engine()?.copy_to(path, compact, || self.call(|call| call.snapshot()))
    }

    /// Checks the structure of the data file as of the newest commit.
    pub(crate) fn check(&self) -> Result<Structure> {
        self.engine()?.check(|| self.call(|call| call.snapshot()))
    }
}
