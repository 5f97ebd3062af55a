//! Detects that the files of an open environment were removed or replaced.
//!
//! LMDB keeps the files that it opened, even if their names now lead to other files: a removed data file still accepts
//! commits, and if a lock file was removed, another process creates its own and writes at the same time. Two checks
//! detect this:
//!
//! - The names, in the directory that was opened, must still lead to the files in use. This costs a system call for
//!   each file, so it runs before a durable commit is acknowledged, and otherwise when a tick of the coarse clock has
//!   passed.
//! - The newest commit in the map must not be older than the one in the lock file. This costs nothing, so it runs at
//!   every begin. Overlay file systems give a file another inode when a process opens it for writing, and a reader
//!   keeps the old one.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Durability;
use crate::engine::lmdb::Engine;
use crate::error::{Error, Result, Status};
use crate::platform::clock::tick;

/// The time of the last check of the names.
#[derive(Default)]
pub(crate) struct Watch {
    tick: AtomicU64,
}

impl Engine {
    /// Checks that the files in use are still in place, and fails the environment if they are not.
    pub(crate) fn verify_files(&self) -> Result<()> {
        if self.settings.immutable {
            return Ok(());
        }
        self.identity.verify().inspect_err(|error| self.fail_as(error))
    }

    /// Does the same if a tick of the coarse clock has passed since the last check: cheap enough for every begin.
    #[inline]
    pub(crate) fn look_at_files(&self) -> Result<()> {
        let now = tick();
        if self.watch.tick.load(Ordering::Relaxed) == now {
            return Ok(());
        }
        self.watch.tick.store(now, Ordering::Relaxed);
        self.verify_files()
    }

    /// Checks after a commit, before it is acknowledged. `synced` is true if the caller requires stable storage.
    pub(crate) fn watch_commit(&self, synced: bool) -> Result<()> {
        if synced && self.settings.durability == Durability::Full {
            self.verify_files()
        } else {
            self.look_at_files()
        }
    }

    /// Fails if a snapshot's commit, which the lock file names, is not in the map.
    #[inline]
    pub(crate) fn check_snapshot(&self, txn: u64) -> Result<()> {
        if self.env.last_txn() >= txn { Ok(()) } else { Err(self.other_file()) }
    }

    /// Does the same for the commit on which a write transaction is based, under LMDB's write lock: it must be the
    /// newest.
    #[inline]
    pub(crate) fn check_base(&self, txn: u64) -> Result<()> {
        if self.env.last_txn() + 1 == txn { Ok(()) } else { Err(self.other_file()) }
    }

    #[cold]
    fn other_file(&self) -> Error {
        let error = Error::new(
            Status::Replaced,
            "the data file that this process has open is not the one that others write: it was replaced, or copied by \
             an overlay file system; close the environment and open it again",
        );
        self.fail_as(&error);
        error
    }
}
