//! Implements stacks of transactions: their base, and their levels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Access;
use crate::engine::threads::{Seated, WriteTxn};
use crate::error::{Error, Result, Status};
use crate::memory::TryGrow;

/// One stack of transactions: an engine's transaction, and the levels begun in it.
pub(crate) struct Root<E: Seated> {
    pub(crate) id: u64,
    pub(crate) kind: RootKind<E>,
    /// The levels from the outermost to the innermost, never empty.
    pub(crate) levels: Vec<Level>,
}

pub(crate) enum RootKind<E: Seated> {
    Snapshot(E::Snapshot),
    /// Boxed, since it moves several times between its begin and its end.
    Write(Box<E::WriteTxn>),
}

/// A level: one transaction that was begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) id: u64,
    /// True if it was begun for writing.
    pub(crate) write: bool,
}

/// Returns a number for a new level, which no other level of the process uses or has used.
pub(super) fn next_level() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cold]
fn in_snapshot() -> Error {
    Error::new(Status::InSnapshot, "a snapshot is read-only; end it before writing")
}

impl<E: Seated> RootKind<E> {
    /// Returns a reader on the stack.
    #[inline]
    pub(super) fn reader<'c>(&'c mut self, engine: &'c Arc<E>) -> E::Reader<'c> {
        match self {
            RootKind::Snapshot(snapshot) => engine.reader_of_snapshot(snapshot, true),
            RootKind::Write(txn) => engine.reader_of_write(txn),
        }
    }
}

impl<E: Seated> Root<E> {
    pub(super) fn has(&self, level: u64) -> bool {
        self.levels.iter().any(|found| found.id == level)
    }

    /// Returns true if it holds the write lock.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.kind, RootKind::Write(_))
    }

    /// Begins a nested level.
    pub(super) fn push(&mut self, access: Access) -> Result<u64> {
        let write = access != Access::Read;
        if write {
            self.check_writable()?;
        }
        self.levels.try_room(1)?;
        if let RootKind::Write(txn) = &mut self.kind {
            if write {
                txn.begin_savepoint()?;
            } else {
                txn.check_usable()?;
            }
        }
        let id = next_level();
        self.levels.push(Level { id, write });
        Ok(id)
    }

    /// Fails if the innermost level must not write.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.is_write() && self.levels.last().is_some_and(|level| level.write) {
            return Ok(());
        }
        Err(in_snapshot())
    }

    /// Ends a level that was just removed from the stack and was not the outermost one.
    pub(super) fn end_inner(&mut self, level: Level, commit: bool) -> Result<()> {
        match &mut self.kind {
            RootKind::Write(txn) if level.write && commit => txn.commit_savepoint(),
            RootKind::Write(txn) if level.write => {
                txn.abort_savepoint();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
