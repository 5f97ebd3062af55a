//! Noticing that the files of an open environment were removed or replaced.
//!
//! LMDB keeps the files that it opened, whatever their names lead to by now: a data file that was removed takes commits
//! as before, and beside a lock file that was removed another process makes its own and writes at the same time. Two
//! looks tell:
//!
//! - The names, in the directory that was opened, still lead to the files in use. It costs a system call for each, so
//!   it is taken before a durable commit is acknowledged, and otherwise when a tick of the coarse clock has passed.
//! - The newest commit in the map is not older than the one that the lock file tells of. It costs nothing, so it is
//!   taken at every beginning. Overlay file systems give a file another inode when a process opens it for writing, and
//!   a reader keeps the old one.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Durability;
use crate::engine::lmdb::Engine;
use crate::error::{Error, Result, Status};

/// When the names were looked at last.
#[derive(Default)]
pub(crate) struct Watch {
    tick: AtomicU64,
}

impl Engine {
    /// Looks whether the files in use are still in their places, and fails the environment if they are not.
    pub(crate) fn verify_files(&self) -> Result<()> {
        if self.settings.immutable {
            return Ok(());
        }
        self.identity.verify().inspect_err(|error| self.fail_as(error))
    }

    /// The same where a tick of the coarse clock has passed since the last look: cheap enough for any beginning.
    #[inline]
    pub(crate) fn look_at_files(&self) -> Result<()> {
        let now = tick();
        if self.watch.tick.load(Ordering::Relaxed) == now {
            return Ok(());
        }
        self.watch.tick.store(now, Ordering::Relaxed);
        self.verify_files()
    }

    /// After a commit, before it is acknowledged. `synced`: whether the caller wants stable storage.
    pub(crate) fn watch_commit(&self, synced: bool) -> Result<()> {
        if synced && self.settings.durability == Durability::Full {
            self.verify_files()
        } else {
            self.look_at_files()
        }
    }

    /// Fails where a snapshot's commit, of which the lock file tells, is not in the map.
    #[inline]
    pub(crate) fn check_snapshot(&self, txn: u64) -> Result<()> {
        if self.env.last_txn() >= txn { Ok(()) } else { Err(self.other_file()) }
    }

    /// The same for the commit that a write transaction is based on, under LMDB's write lock: it is the newest.
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

/// A number that rises about every millisecond, by the clock that costs no system call; that moves every 1 to 10 ms.
#[inline]
#[allow(clippy::cast_sign_loss)] // only compared for being the same
fn tick() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place for the answer.
    unsafe { libc::clock_gettime(CLOCK, &raw mut now) };
    // A bit more than a millisecond has 2^20 nanoseconds, and a second less than 2^10 of those.
    (now.tv_sec as u64) << 10 | now.tv_nsec as u64 >> 20
}

#[cfg(target_os = "linux")]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
#[cfg(not(target_os = "linux"))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

#[cfg(test)]
mod tests {
    #[test]
    fn the_clock_advances() {
        let begun = super::tick();
        while super::tick() == begun {
            std::hint::spin_loop();
        }
        assert!(super::tick() > begun);
    }
}
