//! The engine over LMDB.
//!
//! - `raw`: RAII over LMDB, the only calls into it
//! - `open`: one environment per data file and process; `create`: making the files, and mending them
//! - `files`: where the files are, and whether they are still the ones that were opened; `claim`: what processes say of
//!   themselves on them; `watch`: when to look; `descriptors`: no file takes a standard stream's place
//! - `layout`: where the fields of the data file stand; `meta`, `data_file`: reading it beside LMDB
//! - `header`, `tail`, `filesystem`: what is refused before LMDB sees it
//! - `flusher`: the flush in the background
//! - `spaces`: named databases, opened by rules under which a number never means two of them
//! - `opening`: one opening of an environment, from open to close
//! - `seat`: what a thread has in an environment: a pooled snapshot, its stacks of transactions (`root`); `seats`: all of them
//! - `txn`: snapshots, and write transactions with what is written in them
//! - `reader`, `scan`: single reads and walks over ranges, in either; `lookup`: what a read needs opened first
//! - `turn`: the process's turn to write, and the write lock; `writer`: beginning write transactions; `group`: the one path of autocommitted writes, which they share
//! - `lock`: the write lock between processes; `byte_lock`: locks on bytes of files; `fork`: what a child process must leave alone
//! - `reclaim`: dropped names give their places back
//! - `reserve`: room for LMDB's lock file
//! - `failure`: what a failed write or sync means, and an environment that can no longer be used
//! - `foreign`: keys in databases of other programs, where LMDB leaves checks to its caller
//! - `check`: the structure of the data file; `copy`: hot backup; `report`: what an environment tells of itself
//! - `sync`: mutexes and condition variables that work in the child of a fork
//! - `address_space`, `map`, `pin`: how much the memory map reserves, how it grows, and what keeps it in place
//! - `system`: page size, limits, and the words for the system's failures

mod address_space;
mod byte_lock;
mod check;
mod claim;
mod copy;
mod create;
mod data_file;
mod descriptors;
pub(super) mod ending;
mod failure;
mod files;
mod filesystem;
mod flusher;
mod foreign;
pub(crate) mod fork;
mod group;
mod header;
mod layout;
mod lock;
mod lookup;
mod map;
mod meta;
mod open;
mod opening;
mod patience;
mod pin;
mod raw;
mod reader;
mod reclaim;
mod registry;
mod report;
mod reserve;
mod root;
mod scan;
mod seat;
mod seats;
mod slots;
mod spaces;
pub(crate) mod sync;
mod system;
mod tail;
#[cfg(test)]
mod tests;
mod turn;
mod txn;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use crate::engine::Settings;
use crate::error::{Error, Result, Status};

pub(crate) use check::Structure;
pub(crate) use lookup::{Looked, place};
pub(crate) use open::{Origin, open, open_inherited, wait_until_closed};
pub(crate) use opening::{Opening, State, has_failed};
pub(crate) use raw::version;
pub(crate) use reader::Reader;
pub(crate) use root::{Level, Root, RootKind};
pub(crate) use seat::{Call, Seat};
pub(crate) use seats::{leave_closed_seats, seat_of_thread};
pub(crate) use spaces::{Db, SEQUENCE, Space};
pub(crate) use turn::set_reads_wait;
pub(crate) use txn::Place;
pub(crate) use writer::begin_write;

use raw::{Code, RawEnv, RwTxn};
use sync::Mutex;

/// An open LMDB environment. One per data file and process; the last `Arc` closes it.
pub(crate) struct Engine {
    /// Dropped first: its thread ends before the files are closed.
    flusher: Option<flusher::Flusher>,
    raw: Arc<RawEnv>,
    identity: Arc<files::Identity>,
    watch: watch::Watch,
    spaces: spaces::Spaces,
    pub(crate) seats: seats::Seats,
    writer: turn::Writer,
    group: group::Group,
    /// Between processes; absent where nothing is written.
    lock: Option<lock::ProcessLock>,
    settings: Settings,
    page_size: u64,
    /// What the map is to grow to before the next write; 0: nothing was found missing.
    wanted_map: AtomicU64,
    /// How many openings there had been when dropped names were last looked for.
    looked_for_dropped: AtomicU32,
    /// One more than the catalog's sequence number of which all names were opened ahead of a write; 0: of none.
    opened_ahead: AtomicU64,
    /// Whether a name that is open here was found not to be in the file any more.
    names_gone: AtomicBool,
    failure: failure::Failure,
    /// A commit of this process, and the catalog's sequence number in it.
    known: Mutex<Option<(u64, u64)>>,
    /// Held for reading by what needs the map in place without a seat; growth waits for it.
    copies: sync::RwLock,
    /// Held by the thread that has a reader slot outside of seats.
    aside: Mutex<()>,
}

impl Engine {
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The space of a name. Opens nothing; the empty name is the unnamed space.
    pub(crate) fn space(&self, name: &str) -> Result<Arc<Space>> {
        self.spaces.named(name)
    }

    pub(crate) fn catalog(&self) -> &Arc<Space> {
        self.spaces.catalog()
    }

    pub(crate) fn main(&self) -> &Arc<Space> {
        self.spaces.main()
    }

    /// The count of what this process has committed, which may outlive the engine.
    pub(crate) fn commits(&self) -> Arc<AtomicU64> {
        Arc::clone(self.raw.commits())
    }

    /// Puts everything that was committed on stable storage. In a call of a seat, so that the map stays.
    pub(crate) fn flush(&self) -> Result<()> {
        if self.settings.read_only || self.settings.immutable {
            return Ok(());
        }
        self.sync()?;
        self.verify_files()?;
        self.flusher.as_ref().map_or(Ok(()), flusher::Flusher::check)
    }

    /// The catalog's sequence number in a commit, where it is known without a look.
    fn sequence_at(&self, commit: u64) -> Option<u64> {
        self.known.lock().and_then(|(known, sequence)| (known == commit).then_some(sequence))
    }

    /// Notes the catalog's sequence number in a commit that this thread has made, still holding the write lock.
    fn know(&self, commit: u64, sequence: u64) {
        // A transaction that changed nothing is no commit: its number is given out again.
        if self.raw.info().me_last_txnid as u64 == commit {
            *self.known.lock() = Some((commit, sequence));
        }
    }

    fn begin_write(&self, lease: &turn::Lease, synced: bool) -> Result<RwTxn> {
        if self.settings.read_only || self.settings.immutable {
            return Err(read_only());
        }
        if let Some(flusher) = &self.flusher {
            flusher.tell_writer()?;
        }
        loop {
            match RwTxn::begin(&self.raw, synced) {
                Ok(txn) => {
                    self.check_base(txn.id())?;
                    return Ok(txn);
                }
                Err(Code(lmdb_sys::MDB_MAP_RESIZED)) => self.follow_growth_under(lease.turn())?,
                Err(code) => return Err(self.begin_failed(code, "beginning to write")),
            }
        }
    }
}

#[cold]
pub(crate) fn read_only() -> Error {
    Error::new(Status::ReadOnly, "the environment was opened read-only")
}

/// The catalog's sequence number from its record.
fn sequence_number(record: Option<&[u8]>) -> Result<u64> {
    let Some(record) = record else { return Ok(0) };
    match minicbor::decode(record) {
        // One is added to it, here and there.
        Ok(sequence) if sequence < u64::MAX - 1 => Ok(sequence),
        _ => {
            Err(Error::new(Status::Corrupted, "the catalog's sequence number (pc:seq) is not one that rises"))
        }
    }
}
