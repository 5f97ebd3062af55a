//! How a read gets one of the reader slots.
//!
//! A thread keeps the slot of its last read, snapshot or iterator for its next one. Where no slot is free, those of processes that are gone are
//! taken back, then those of threads that are in no call, and at last, with every call of the process stopped, all that
//! no snapshot or iterator has. So a read fails only where snapshots, iterators and other processes have every slot, however
//! many threads read at once.

use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Code, RoTxn};
use crate::engine::threads;
use crate::error::{Error, Result, Status};
use crate::platform::sync::MutexGuard;

/// Why a read transaction can begin only outside of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outside {
    /// Another process has outgrown this one's map, which is to follow.
    Resized,
    /// No slot is free, perhaps for as long as the calls last that are under way: it begins
    /// [with all calls stopped](Aside::begin).
    NoSlot,
}

/// Why a read transaction did not begin.
pub(crate) type Begin = threads::Begin<Outside>;

impl Begin {
    /// By what LMDB says.
    pub(crate) fn new(code: Code, failed: impl FnOnce(Code) -> Error) -> Begin {
        match code.0 {
            lmdb_sys::MDB_MAP_RESIZED => Begin::Outside(Outside::Resized),
            lmdb_sys::MDB_READERS_FULL => Begin::Outside(Outside::NoSlot),
            _ => Begin::Failed(failed(code)),
        }
    }
}

impl Engine {
    /// Begins in a seat.
    pub(crate) fn begin_read(&self) -> Result<RoTxn, Begin> {
        let begin = || RoTxn::begin(&self.env).map_err(|code| self.not_begun(code));
        let mut txn = begin();
        if matches!(txn, Err(Begin::Outside(Outside::NoSlot))) {
            self.env.reap_readers().map_err(|code| Begin::Failed(code.error("reaping readers")))?;
            txn = begin();
        }
        if matches!(txn, Err(Begin::Outside(Outside::NoSlot))) {
            self.seats.release_idle();
            txn = begin();
        }
        txn
    }

    pub(crate) fn not_begun(&self, code: Code) -> Begin {
        Begin::new(code, |code| self.begin_failed(code, "beginning to read"))
    }

    /// The right to a slot outside of seats. In no call of the thread's seat.
    pub(crate) fn aside(&self) -> Aside<'_> {
        Aside { engine: self, _guard: self.aside.lock() }
    }

    #[cold]
    pub(crate) fn no_slot(&self) -> Error {
        let max = self.settings.max_readers;
        Error::new(
            Status::ReadersFull,
            format!(
                "all {max} reader slots are taken by open snapshots and iterators, or by other processes; close some, or \
                 open the environment with a larger max_readers"
            ),
        )
    }
}

/// The right to have a slot for a moment outside of seats, and to wait for one. One thread has it at a time: else the one
/// that waits would take the other's for one that stays taken.
pub(crate) struct Aside<'e> {
    engine: &'e Engine,
    _guard: MutexGuard<'e, ()>,
}

impl Aside<'_> {
    /// Runs `begin`, again with all calls stopped where there is no slot: then only snapshots, iterators and other processes
    /// have any. `None`: another process has outgrown the map.
    pub(crate) fn begin<R>(&self, mut begin: impl FnMut() -> Result<R, Begin>) -> Result<Option<R>> {
        let mut result = begin();
        if matches!(result, Err(Begin::Outside(Outside::NoSlot))) {
            result = self.engine.seats.stop_and_release_idle(begin)?;
        }
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Begin::Outside(Outside::Resized)) => Ok(None),
            Err(Begin::Outside(Outside::NoSlot)) => Err(self.engine.no_slot()),
            Err(Begin::Failed(error)) => Err(error),
        }
    }
}
