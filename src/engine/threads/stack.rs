//! The calling thread's stack of transactions.
//!
//! | begun inside | for reading | for writing |
//! |---|---|---|
//! | nothing | a snapshot | takes the write lock |
//! | a snapshot | the same snapshot | refused, as any write |
//! | a write transaction | sees the writes so far, refuses new ones until it ends | a savepoint |

use std::sync::Arc;

use crate::engine::threads::call::Call;
use crate::engine::threads::root::RootKind;
use crate::engine::threads::seat::Seat;
use crate::engine::threads::{Seated, WriteTxn};
use crate::engine::{Access, Wait};
use crate::error::{Error, Result, Status};

/// The reason why a level did not end as asked: either a caller's mistake, after which the level continues, or a
/// failure that ended it.
pub(crate) enum NotEnded {
    Goes(Error),
    Over(Error),
}

/// The outcome of making another stack current.
pub(crate) enum Switched {
    /// Switched from the stack with this innermost level, or from none.
    From(Option<u64>),
    /// The thread has no stack with this level.
    NotHere,
}

#[cold]
fn over() -> Error {
    Error::new(Status::BadHandle, "the transaction has ended")
}

impl<E: Seated> Seat<E> {
    /// Begins a level and returns its number.
    pub(crate) fn begin(&self, access: Access, wait: Wait) -> Result<u64> {
        let begun = self.call(|call| match call.current() {
            Some(root) => root.push(access).map(Ok),
            None => Ok(Err(Arc::clone(call.engine()?))),
        })?;
        let engine = match begun {
            Ok(level) => return Ok(level),
            Err(engine) => engine,
        };
        if access == Access::Read {
            return engine.begin_snapshot(self);
        }
        // Runs outside of the call: no thread waits for the write lock inside a seat.
        let txn = engine.begin_write(wait, access == Access::Write)?;
        self.call(|call| call.push_root(RootKind::Write(txn)))
    }

    /// Commits or aborts a level of the calling thread, which must be the innermost one of its stack.
    pub(crate) fn end(&self, level: u64, commit: bool) -> Result<(), NotEnded> {
        let mut is_over = false;
        let ended = self.call(|call| {
            let guarded = call.guarded();
            let at = guarded.roots.iter().position(|root| root.has(level)).ok_or_else(over)?;
            let root = &mut guarded.roots[at];
            let Some(innermost) = root.levels.last().copied().filter(|innermost| innermost.id == level)
            else {
                return Err(Error::new(
                    Status::NotInnermost,
                    "another transaction was begun inside this one; end that first",
                ));
            };
            root.levels.pop();
            is_over = true;
            if !root.levels.is_empty() {
                return root.end_inner(innermost, commit).map(|()| None);
            }
            let root = guarded.roots.swap_remove(at);
            if guarded.current == Some(root.id) {
                guarded.current = None;
            }
            match root.kind {
                RootKind::Write(txn) => Ok(Some(txn)),
                RootKind::Snapshot(snapshot) => {
                    guarded.give_back(snapshot);
                    Ok(None)
                }
            }
        });
        let txn = match ended {
            Ok(txn) => txn,
            Err(error) if self.has_failed() => {
                self.end_after_failure(level);
                return Err(NotEnded::Over(error));
            }
            Err(error) if is_over => return Err(NotEnded::Over(error)),
            Err(error) => return Err(NotEnded::Goes(error)),
        };
        match txn {
            // Runs outside of the call: a commit can take long.
            Some(txn) if commit => txn.commit().map_err(NotEnded::Over),
            Some(txn) => {
                txn.abort();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Aborts a level and all levels inside it, if it exists.
    pub(crate) fn undo(&self, level: u64) -> Result<()> {
        self.call(|call| {
            call.guarded().undo(&[level], true);
            Ok(())
        })
    }

    /// Returns the innermost level of the current stack, or `None` outside of transactions.
    #[inline]
    pub(crate) fn innermost(&self) -> Result<Option<u64>> {
        self.call(|call| Ok(call.innermost()))
    }

    /// Returns true if the thread's current transaction may hold the write lock.
    pub(crate) fn in_write(&self) -> Result<bool> {
        self.call(|call| Ok(call.current().is_some_and(|root| root.is_write())))
    }

    /// Makes the stack with this innermost level the current one, or none.
    pub(crate) fn set_current(&self, level: Option<u64>) -> Result<Switched> {
        self.call(|call| {
            let previous = call.innermost();
            let guarded = call.guarded();
            guarded.current = match level {
                None => None,
                Some(level) => {
                    let Some(root) = guarded.roots.iter().find(|root| root.has(level)) else {
                        return Ok(Switched::NotHere);
                    };
                    if root.levels.last().is_none_or(|innermost| innermost.id != level) {
                        return Err(Error::new(
                            Status::NotInnermost,
                            "another transaction was begun inside this one; make that one current",
                        ));
                    }
                    Some(root.id)
                }
            };
            Ok(Switched::From(previous))
        })
    }
}

impl<E: Seated> Call<'_, E> {
    fn innermost(&mut self) -> Option<u64> {
        self.current().and_then(|root| root.levels.last().map(|level| level.id))
    }

    /// Returns a reader on the stack that contains a level, to which an iterator belongs.
    pub(crate) fn reader_in(&mut self, level: u64) -> Result<E::Reader<'_>> {
        self.reader_of(level)?.ok_or_else(over)
    }
}
