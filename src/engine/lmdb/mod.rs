//! Implements the engine over LMDB.
//!
//! - `sys`: RAII over LMDB, the only calls into it
//! - `layout`: the fields of the data file
//! - `open`: one environment per data file and process (`registry`); `patience`: how long an opening waits
//! - `address_space`, `map`: how much the memory map reserves, and how it grows
//! - `report`: figures of an environment; `maintenance`: a thread's operations on the whole environment; `check`:
//!   verifies the structure of the data file
//! - `files`: the files, before LMDB opens them and beside it
//! - `catalog`: the schema of each collection; `opened`: one that is open
//! - `seated`: the engine's part of the threads' seats; `session`: calls of a thread that need more than its seat
//! - `txn`: snapshots and write transactions, named databases, reads and walks
//! - `write`: the right to write, group commit, and the consequences of a failure
//!
//! The folders are private: `pub(crate)` in them reaches only as far as this folder, except for the exports below.

mod address_space;
mod catalog;
mod check;
mod files;
mod known_sequence;
mod layout;
mod maintenance;
mod map;
mod open;
mod opened;
mod patience;
mod registry;
mod report;
mod seated;
mod session;
mod sys;
#[cfg(all(test, not(feature = "memory-engine")))]
mod tests;
mod txn;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use crate::engine::notice::Notice;
use crate::engine::{Op, Settings, Traits};
use crate::error::{Error, Result, Status};

pub(crate) use open::{Origin, open, open_inherited, wait_until_closed};
pub(crate) use opened::Opened;
pub(crate) use sys::version;
pub(crate) use txn::reader::Reader;
pub(crate) use write::turn::set_reads_wait;

use files::{Identity, watch};
use sys::{Code, Env, RwTxn};
use txn::spaces::{Space, Spaces};
use write::{failure, flusher, group, lock, turn, working_set};

use crate::engine::threads::seats::Seats;
use crate::engine::threads::turns::Turns;
use crate::engine::threads::{seat, seats::Stopped as AnyStopped};
use crate::platform::sync::{Mutex, RwLock};

/// A thread's seat in an environment.
pub(crate) type Seat = seat::Seat<Engine>;

/// The seats while no call is in progress.
type Stopped<'s, 'g> = AnyStopped<'s, 'g, Engine>;

/// A write to a space: a named database, an ordered map of bytes to bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpaceOp<'a> {
    /// Creates the space, if it does not exist.
    Create(&'a Arc<Space>),
    In(&'a Arc<Space>, Op<'a>),
}

impl SpaceOp<'_> {
    /// Returns an estimate of the number of bytes that it stores.
    fn size(&self) -> u64 {
        match self {
            SpaceOp::Create(_) => 0,
            SpaceOp::In(_, op) => op.size(),
        }
    }
}

/// An open LMDB environment. One for each data file and process; dropping the last `Arc` closes it.
pub(crate) struct Engine {
    /// Dropped first: its thread ends before the files are closed.
    flusher: Option<flusher::Flusher>,
    env: Arc<Env>,
    identity: Arc<Identity>,
    watch: watch::Watch,
    spaces: Spaces,
    seats: Seats<Engine>,
    turns: Turns,
    group: group::Group,
    pace: group::Pace,
    /// The lock between processes; `None` if the environment cannot be written.
    lock: Option<lock::ProcessLock>,
    /// The notice of an environment whose lock file has none.
    own_notice: Notice,
    settings: Settings,
    page_size: u64,
    /// The size to which the map must grow before the next write, or 0 if no write needs more.
    wanted_map: AtomicU64,
    /// The number of names that this process has dropped since dropped names were last removed from the file.
    dropped: AtomicU32,
    working_set: working_set::WorkingSet,
    /// The catalog's sequence number at which the first names were last opened ahead of transactions, plus one; 0 if
    /// they were not.
    opened_ahead: AtomicU64,
    /// True if a name that is open here is not in the file any more.
    names_gone: AtomicBool,
    failure: failure::Failure,
    /// A commit of this process, and the catalog's sequence number in it.
    known: known_sequence::KnownSequence,
    /// Read-locked by operations that need the map in place without a seat; growth waits for it.
    copies: RwLock,
    /// Held by the thread that uses a reader slot outside of seats.
    aside: Mutex<()>,
}

impl Engine {
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the space of a name, without opening it; the empty name is the unnamed space.
    pub(crate) fn space(&self, name: &str) -> Result<Arc<Space>> {
        self.spaces.named(name)
    }

    pub(crate) fn catalog(&self) -> &Arc<Space> {
        self.spaces.catalog()
    }

    pub(crate) fn main(&self) -> &Arc<Space> {
        self.spaces.main()
    }

    pub(crate) fn seats(&self) -> &Seats<Engine> {
        &self.seats
    }

    /// Returns the number of bytes in a page.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // a page lies in memory
    fn page_size(&self) -> usize {
        self.page_size as usize
    }

    /// Returns the process's count of commits, which may outlive the engine.
    pub(crate) fn commits(&self) -> Arc<AtomicU64> {
        Arc::clone(self.env.commits())
    }

    #[allow(clippy::unused_self)] // as another engine's, which may depend on its server
    pub(crate) fn traits(&self) -> Traits {
        Traits { lends: true, raw: true, copy: true, check: true, len_is_cheap: true, ..Traits::default() }
    }

    /// Returns the notice on which threads of this process sleep while they wait for a commit.
    ///
    /// A process that cannot write has no lock file, and only its own closing wakes its threads early.
    pub(crate) fn notice(&self) -> &Notice {
        self.lock.as_ref().and_then(lock::ProcessLock::notice_to_wait).unwrap_or(&self.own_notice)
    }

    /// Announces a commit to the threads that wait for one, in all processes.
    #[inline]
    fn announce(&self, commit: u64) {
        self.lock.as_ref().and_then(lock::ProcessLock::notice).unwrap_or(&self.own_notice).announce(commit);
    }

    /// Flushes all commits to stable storage. Runs in a call of a seat, so that the map stays in place.
    pub(crate) fn flush(&self) -> Result<()> {
        if self.settings.read_only || self.settings.immutable {
            return Ok(());
        }
        self.sync()?;
        self.verify_files()?;
        self.flusher.as_ref().map_or(Ok(()), flusher::Flusher::check)
    }

    /// Returns the catalog's sequence number in a commit if it is cached, or `None`.
    fn sequence_at(&self, commit: u64) -> Option<u64> {
        self.known.at(commit)
    }

    /// Caches the catalog's sequence number in a commit of this thread, which still holds the write lock.
    fn know(&self, commit: u64, sequence: u64) {
        // A transaction without changes is not a commit: LMDB assigns its number to the next one.
        if self.env.info().me_last_txnid as u64 == commit {
            self.known.set(commit, sequence);
        }
    }

    fn begin_write(&self, write_lock: &turn::WriteLock, synced: bool) -> Result<RwTxn> {
        if self.settings.read_only || self.settings.immutable {
            return Err(read_only());
        }
        if let Some(flusher) = &self.flusher {
            flusher.tell_writer()?;
        }
        loop {
            match RwTxn::begin(&self.env, synced) {
                Ok(txn) => {
                    self.check_base(txn.id())?;
                    return Ok(txn);
                }
                Err(Code(lmdb_sys::MDB_MAP_RESIZED)) => self.follow_growth_under(write_lock.turn())?,
                Err(code) => return Err(self.begin_failed(code, "beginning to write")),
            }
        }
    }
}

#[cold]
pub(crate) fn read_only() -> Error {
    Error::new(Status::ReadOnly, "the environment was opened read-only")
}

/// Decodes the catalog's sequence number from its record.
fn sequence_number(record: Option<&[u8]>) -> Result<u64> {
    let Some(record) = record else { return Ok(0) };
    match crate::codec::cbor::Reader::new(record).unsigned() {
        // Some callers add one to it.
        Ok(sequence) if sequence < u64::MAX - 1 => Ok(sequence),
        _ => {
            Err(Error::new(Status::Corrupted, "the catalog's sequence number (pc:seq) is not one that rises"))
        }
    }
}
