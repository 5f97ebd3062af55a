//! Handles storage failures: the consequences of a failed write or sync, and a failed environment.
//!
//! LMDB writes a transaction's pages, syncs them, and then writes one of the two meta pages, which makes the
//! transaction take effect. A failure before that is undone: no meta page refers to the new pages, and the old ones
//! were not touched. If the write of the meta page fails, it may have taken effect or not; LMDB then refuses every
//! transaction, and the environment is reopened.
//!
//! After a failed sync the system regards the pages as written, so that the next sync succeeds without them. With full
//! durability, these pages belong only to the undone transaction. Otherwise they may belong to earlier commits, so no
//! later flush guarantees their durability ([`Failure::sync_failed`]).

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use crate::engine::Durability;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::files::data_file::file_size;
use crate::engine::lmdb::sys::{Code, RoTxn, RwTxn};
use crate::engine::threads::opening::{Opening, has_failed};
use crate::error::{Error, Result, Status};
use crate::platform::sync::Mutex;
use crate::platform::system;

/// The failures of an environment.
#[derive(Default)]
pub(crate) struct Failure {
    failed: AtomicBool,
    /// The error of later calls.
    why: OnceLock<Error>,
    /// The openings to notify of a failure. No other lock is taken under this one.
    openings: Mutex<Vec<Weak<Opening>>>,
    /// True if the system may have discarded pages of commits.
    sync_failed: AtomicBool,
    /// True if a commit did not wait for stable storage although the environment's durability is full.
    unsynced: AtomicBool,
}

impl Engine {
    /// Registers an opening to be notified when the environment fails.
    pub(crate) fn admit(&self, opening: &Arc<Opening>) {
        let mut openings = self.failure.openings.lock();
        openings.retain(|opening| opening.strong_count() > 0);
        openings.push(Arc::downgrade(opening));
        if self.has_failed() {
            opening.fail(&self.why());
        }
    }

    /// Makes every later call fail. May be called anywhere.
    pub(crate) fn fail(&self) {
        self.fail_as(&has_failed());
    }

    /// Does the same with a specific error.
    pub(crate) fn fail_as(&self, why: &Error) {
        let openings = self.failure.openings.lock();
        self.failure.why.get_or_init(|| why.clone());
        self.failure.failed.store(true, Ordering::SeqCst);
        for opening in openings.iter().filter_map(Weak::upgrade) {
            opening.fail(&self.why());
        }
    }

    fn why(&self) -> Error {
        self.failure.why.get().cloned().unwrap_or_else(has_failed)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.failed.load(Ordering::SeqCst)
    }

    /// Must be called before LMDB if the environment may have failed since the call began: its map may be gone.
    pub(crate) fn check_usable(&self) -> Result<()> {
        if self.has_failed() { Err(self.why()) } else { Ok(()) }
    }

    /// Returns the error for a transaction that did not begin.
    #[cold]
    pub(crate) fn begin_failed(&self, code: Code, doing: &str) -> Error {
        if code.0 == lmdb_sys::MDB_PANIC {
            self.fail();
            return self.why();
        }
        if code.0 == lmdb_sys::MDB_BAD_RSLOT {
            // Snapshots of this process may have lost their slots, and with them the pages that they read.
            self.fail_as(&Error::new(
                Status::SecondCopy,
                "another copy of LMDB in this process has closed the same files, and with them this environment's \
                 reader slots; open them with one library in a process, then open the environment again",
            ));
            return self.why();
        }
        code.error(doing)
    }

    /// Returns the error for a write that failed inside a transaction, which is now doomed.
    #[cold]
    pub(crate) fn write_failed(&self, code: Code, doing: &str) -> Error {
        if code.0 == lmdb_sys::MDB_MAP_FULL {
            return self.outgrown();
        }
        self.undone(code, doing)
    }

    /// Returns the error for a commit that failed. Called under the write lock, outside of calls of the thread's seat.
    #[cold]
    pub(crate) fn commit_failed(&self, code: Code) -> Error {
        if code.0 == lmdb_sys::MDB_MAP_FULL {
            return self.outgrown();
        }
        if self.refuses_transactions() {
            self.fail();
            return Error::new(
                Status::CommitUnknown,
                format!(
                    "the last step of the commit failed ({}): whether it took effect is not known before the \
                     environment was closed and opened again",
                    code.text()
                ),
            );
        }
        let error = self.undone(code, "committing");
        let relied_on = self.settings.durability == Durability::NoMetaSync || self.has_unsynced();
        if relied_on && error.status() == Status::Io {
            // Perhaps the sync failed, which was to cover the meta page of the previous commit, or the whole of it.
            self.failure.sync_failed.store(true, Ordering::SeqCst);
        }
        error
    }

    /// Notes that a commit does not wait for stable storage.
    pub(crate) fn some_is_unsynced(&self) {
        self.failure.unsynced.store(true, Ordering::SeqCst);
    }

    fn has_unsynced(&self) -> bool {
        self.failure.unsynced.load(Ordering::SeqCst)
    }

    /// Flushes all commits to stable storage, or reports that some of them may never reach it.
    pub(crate) fn sync(&self) -> Result<()> {
        if self.failure.sync_failed.load(Ordering::SeqCst) {
            return Err(not_vouched_for("a sync has failed before"));
        }
        self.env.sync().map_err(|code| {
            if self.settings.durability == Durability::Full && !self.has_unsynced() {
                return self.undone(code, "flushing");
            }
            self.failure.sync_failed.store(true, Ordering::SeqCst);
            not_vouched_for(&format!("the sync failed ({})", code.text()))
        })
    }

    /// Returns true if LMDB has met a fatal error, such as a failed write of the meta page. LMDB reports it only when a
    /// transaction begins.
    fn refuses_transactions(&self) -> bool {
        let full = |begun: &Result<RoTxn, Code>| matches!(begun, Err(Code(lmdb_sys::MDB_READERS_FULL)));
        let mut begun = RoTxn::begin(&self.env);
        if full(&begun) && self.env.reap_readers().is_ok() {
            begun = RoTxn::begin(&self.env);
        }
        if full(&begun) {
            self.seats.release_idle();
            begun = RoTxn::begin(&self.env);
        }
        let refused = if full(&begun) { RwTxn::begin(&self.env, true).err() } else { begun.err() };
        // LMDB checks last whether another process has outgrown the map. If the test is impossible, the worse case is
        // assumed.
        refused.is_some_and(|code| code.0 != lmdb_sys::MDB_MAP_RESIZED)
    }

    /// Returns the error for a write or sync that left everything as it was before the transaction.
    fn undone(&self, code: Code, doing: &str) -> Error {
        if code.0 == libc::EIO
            && let Some(found) = self.exhausted()
        {
            return Error::new(Status::DiskFull, format!("{doing}: {found}; the transaction is undone"));
        }
        let error = code.error(doing);
        if matches!(error.status(), Status::DiskFull | Status::Io) {
            return Error::new(error.status(), format!("{}; the transaction is undone", error.message()));
        }
        error
    }

    /// Returns the reason for a short write, which LMDB reports as `EIO`, or `None` if it is unknown.
    fn exhausted(&self) -> Option<String> {
        /// A file system with less free space than this counts as full: some keep a small reserve.
        const LITTLE: u64 = 1 << 16;
        let fd = self.env.descriptor().ok()?;
        let length = file_size(&self.env).ok()?;
        if let Some(limit) = system::limit(libc::RLIMIT_FSIZE)
            && length.saturating_add(self.page_size) > limit
        {
            return Some(format!("the data file has reached the limit of {limit} bytes (see ulimit -f)"));
        }
        let mut system = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the descriptor is LMDB's and open, and `system` a valid destination, filled on success.
        let room = unsafe {
            (libc::fstatvfs(fd, system.as_mut_ptr()) == 0).then(|| {
                let system = system.assume_init();
                system.f_bavail.saturating_mul(system.f_frsize)
            })
        };
        if room.is_some_and(|room| room < LITTLE) {
            return Some("no space is left on the file system".to_owned());
        }
        self.over_quota(fd, length).then(|| "no more space may be used: a quota is used up".to_owned())
    }

    /// Returns true if the file cannot grow by another page. It requests one beyond the file's end, which changes
    /// neither its bytes nor its length.
    #[cfg(target_os = "linux")]
    fn over_quota(&self, fd: libc::c_int, length: u64) -> bool {
        let (Ok(end), Ok(page)) = (libc::off_t::try_from(length), libc::off_t::try_from(self.page_size))
        else {
            return false;
        };
        // SAFETY: the descriptor is LMDB's and open; no memory is passed.
        let failed = unsafe { libc::fallocate(fd, libc::FALLOC_FL_KEEP_SIZE, end, page) } != 0;
        let errno = std::io::Error::last_os_error().raw_os_error();
        failed && matches!(errno, Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG))
    }

    #[cfg(not(target_os = "linux"))]
    fn over_quota(&self, _fd: libc::c_int, _length: u64) -> bool {
        false
    }

    /// Returns the error for a transaction that does not fit into the map. The map grows when the transaction ends,
    /// unless the file size limit forbids it.
    fn outgrown(&self) -> Error {
        let size = self.env.info().me_mapsize as u64;
        if let Some(limit) = system::limit(libc::RLIMIT_FSIZE)
            && size.saturating_add(self.page_size) > limit
        {
            return Error::new(
                Status::DiskFull,
                format!(
                    "the data file may not grow beyond {limit} bytes (see ulimit -f); the transaction is undone"
                ),
            );
        }
        self.want_more(0);
        Error::new(
            Status::MapFull,
            format!("the transaction outgrew the memory map of {size} bytes, which grows: run it again"),
        )
    }
}

fn not_vouched_for(what: &str) -> Error {
    Error::new(
        Status::Io,
        format!(
            "flushing: {what}; all commits can be read, but those since the last successful flush may not survive \
             a crash of the system: copy the environment to other storage, or write them again"
        ),
    )
}
