//! Failing storage: what a failed write or sync means, and an environment that can no longer be used.
//!
//! LMDB writes a transaction's pages, syncs them, and then writes one of the two meta pages, which makes the
//! transaction count. What fails before that is undone: no meta page leads to the new pages, and the old ones
//! were not touched. A write of the meta page that fails may have taken effect or not; LMDB then refuses every
//! transaction, and the environment is reopened.
//!
//! After a failed sync the system takes the pages for written, so that the next sync succeeds without them.
//! Under full durability those are only the undone transaction's. Otherwise they may be pages of earlier
//! commits, so no later flush vouches for them ([`Failure::sync_failed`]).

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

/// What has failed in an environment.
#[derive(Default)]
pub(crate) struct Failure {
    failed: AtomicBool,
    /// What calls fail with.
    why: OnceLock<Error>,
    /// Those that an end of the environment concerns. Nothing else is locked under it.
    openings: Mutex<Vec<Weak<Opening>>>,
    /// Whether pages of commits may have been given up by the system.
    sync_failed: AtomicBool,
    /// Whether a commit did not wait for stable storage though the environment's durability is full.
    unsynced: AtomicBool,
}

impl Engine {
    /// Tells an opening when the environment fails.
    pub(crate) fn admit(&self, opening: &Arc<Opening>) {
        let mut openings = self.failure.openings.lock();
        openings.retain(|opening| opening.strong_count() > 0);
        openings.push(Arc::downgrade(opening));
        if self.has_failed() {
            opening.fail(&self.why());
        }
    }

    /// Makes every call from now on fail. May be called anywhere.
    pub(crate) fn fail(&self) {
        self.fail_as(&has_failed());
    }

    /// The same with an error of its own.
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

    /// To be asked before LMDB is, where the environment may have failed since the call began: its map may be
    /// gone.
    pub(crate) fn check_usable(&self) -> Result<()> {
        if self.has_failed() { Err(self.why()) } else { Ok(()) }
    }

    /// Why a transaction did not begin.
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

    /// Why a write inside a transaction failed, which is doomed now.
    #[cold]
    pub(crate) fn write_failed(&self, code: Code, doing: &str) -> Error {
        if code.0 == lmdb_sys::MDB_MAP_FULL {
            return self.outgrown();
        }
        self.undone(code, doing)
    }

    /// Why a commit failed. Under the write lock, in no call of the thread's seat.
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
            // It may have been the sync, which was to cover the meta page of the commit before, or all of it.
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

    /// Puts everything that was committed on stable storage, or says that some of it may never get there.
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

    /// Whether LMDB has met what it calls a fatal error, such as a failed write of the meta page. It says so only
    /// to who begins a transaction.
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
        // LMDB finds last that another process has outgrown the map. Without an answer, the worse is assumed.
        refused.is_some_and(|code| code.0 != lmdb_sys::MDB_MAP_RESIZED)
    }

    /// The error of a write or sync that left everything as it was before the transaction.
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

    /// What explains that a write came out short, which LMDB reports as `EIO`.
    fn exhausted(&self) -> Option<String> {
        /// A file system with less room than this is full: some keep a little back.
        const LITTLE: u64 = 1 << 16;
        let fd = self.env.descriptor().ok()?;
        let length = file_size(&self.env).ok()?;
        if let Some(limit) = system::limit(libc::RLIMIT_FSIZE)
            && length.saturating_add(self.page_size) > limit
        {
            return Some(format!("the data file has reached the limit of {limit} bytes (see ulimit -f)"));
        }
        let mut system = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the descriptor is LMDB's and open, and `system` a valid place, filled on success.
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

    /// Whether the file cannot have one page more. Asks for one behind its end, which changes neither its bytes
    /// nor its length.
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

    /// The error of a transaction that the map has no room for. It grows when the transaction ends, unless the limit on
    /// file sizes forbids it.
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
