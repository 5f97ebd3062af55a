//! Finds a reader slot for a read.
//!
//! A thread keeps the slot of its last read, snapshot or iterator for its next one. If no slot is free, the engine
//! first frees those of dead processes, then those of threads that are not in a call, and finally, with every call of
//! the process stopped, all slots that no snapshot or iterator uses. So a read fails only if snapshots, iterators and
//! other processes use every slot, however many threads read at once.

use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Code, RoTxn};
use crate::engine::threads;
use crate::error::{Error, Result, Status};
use crate::platform::sync::MutexGuard;

/// The reason why a read transaction can begin only outside of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outside {
    /// Another process has outgrown this process's map, which must grow first.
    Resized,
    /// No slot is free, perhaps until the calls in progress end: the transaction begins [with all calls
    /// stopped](Aside::begin).
    NoSlot,
}

/// The reason why a read transaction did not begin.
pub(crate) type Begin = threads::Begin<Outside>;

impl Begin {
    /// Converts LMDB's code.
    pub(crate) fn new(code: Code, failed: impl FnOnce(Code) -> Error) -> Begin {
        match code.0 {
            lmdb_sys::MDB_MAP_RESIZED => Begin::Outside(Outside::Resized),
            lmdb_sys::MDB_READERS_FULL => Begin::Outside(Outside::NoSlot),
            _ => Begin::Failed(failed(code)),
        }
    }
}

impl Engine {
    /// Begins a read transaction inside a seat.
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

    /// Takes the right to a slot outside of seats. Must not run inside a call of the thread's seat.
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

/// The right to use a slot outside of seats for a moment, and to wait for one. Only one thread has it at a time:
/// otherwise a waiting thread would mistake another thread's temporary slot for one that stays in use.
pub(crate) struct Aside<'e> {
    engine: &'e Engine,
    _guard: MutexGuard<'e, ()>,
}

impl Aside<'_> {
    /// Runs `begin`, and runs it again with all calls stopped if there is no slot: then only snapshots, iterators and
    /// other processes use slots. Returns `None` if another process has outgrown the map.
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
