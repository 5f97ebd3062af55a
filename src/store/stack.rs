//! The calling thread's stack of transactions.
//!
//! | begun inside | for reading | for writing |
//! |---|---|---|
//! | nothing | a snapshot | takes the write lock |
//! | a snapshot | the same snapshot | refused, as any write |
//! | a write transaction | sees the writes so far, refuses new ones until it ends | a savepoint |

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::engine::{Call, Level, Reader, Root, RootKind, Seat, Wait, begin_write, seat_of_thread};
use crate::error::{Error, Result, Status};
use crate::memory::TryGrow;
use crate::store::registry::Shared;

/// How often to begin a snapshot while other processes add names.
const AT_MOST: u32 = 5;

/// The access of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
    /// The same, but its commit does not wait for stable storage, whatever the environment's durability is.
    WriteUnsynced,
}

/// Names one level of one thread's stack. Dropping it does nothing.
#[derive(Clone)]
pub struct TxnRef {
    id: u64,
    shared: Arc<Shared>,
    seat: Weak<Seat>,
    ended: Arc<AtomicBool>,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cold]
fn in_snapshot() -> Error {
    Error::new(Status::InSnapshot, "a snapshot is read-only; end it before writing")
}

/// The action for a new transaction, depending on the stack.
enum Begun {
    Level(u64),
    NeedsWriteLock,
    NeedsSnapshot,
}

impl TxnRef {
    pub fn begin(shared: &Arc<Shared>, access: Access, wait: Wait) -> Result<TxnRef> {
        let seat = seat_of_thread(shared.opening(), || shared.engine())?;
        let made = |id| TxnRef {
            id,
            shared: Arc::clone(shared),
            seat: Arc::downgrade(&seat),
            ended: Arc::new(AtomicBool::new(false)),
        };
        let begun = seat.call(|call| match call.current() {
            Some(root) => root.push(access).map(Begun::Level),
            None if access != Access::Read => Ok(Begun::NeedsWriteLock),
            None => Ok(Begun::NeedsSnapshot),
        })?;
        match begun {
            Begun::Level(id) => Ok(made(id)),
            Begun::NeedsWriteLock => {
                let engine = shared.engine()?;
                // Outside of the call: nobody waits for the write lock in a seat.
                if engine.has_dropped_many() {
                    engine.reclaim(wait)?;
                }
                let txn = begin_write(&engine, wait, access == Access::Write)?;
                Ok(made(seat.call(|call| call.push_root(RootKind::Write(txn), true))?))
            }
            Begun::NeedsSnapshot => {
                let engine = shared.engine()?;
                let mut attempt = 0;
                loop {
                    attempt += 1;
                    let begun = seat.call(|call| {
                        let wanted = engine.not_open(&mut call.reader()?)?;
                        if !wanted.is_empty() && attempt < AT_MOST {
                            return Ok(Err(wanted));
                        }
                        // The very snapshot that was looked at: another process may add names at any moment.
                        let snapshot = call.snapshot()?;
                        call.push_root(RootKind::Snapshot(snapshot), false).map(Ok)
                    })?;
                    let wanted = match begun {
                        Ok(id) => return Ok(made(id)),
                        Err(wanted) => wanted,
                    };
                    if !engine.open_ahead(wanted)? {
                        // No more can be opened now: the next attempt is the last one.
                        attempt = AT_MOST - 1;
                    }
                }
            }
        }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns true if the calling thread began it.
    fn is_mine(&self, seat: &Arc<Seat>) -> bool {
        std::ptr::eq(self.seat.as_ptr(), Arc::as_ptr(seat))
    }

    pub fn commit(&self) -> Result<()> {
        self.end(true)
    }

    /// A call from another thread only marks it; its own thread aborts it.
    pub fn abort(&self) -> Result<()> {
        self.end(false)
    }

    /// Aborts it with all levels inside, if it exists.
    pub fn undo(&self) {
        let undone = seat_of_thread(self.shared.opening(), || self.shared.engine()).and_then(|seat| {
            seat.call(|call| {
                call.guarded().undo(&[self.id], true);
                Ok(())
            })
        });
        // Where there is no seat to look in, there is no transaction.
        drop(undone);
        self.ended.store(true, Ordering::Release);
    }

    fn end(&self, commit: bool) -> Result<()> {
        let seat = seat_of_thread(self.shared.opening(), || self.shared.engine())?;
        if !self.is_mine(&seat) {
            if commit {
                return Err(Error::new(
                    Status::WrongThread,
                    "a transaction can be committed only by the thread that began it",
                ));
            }
            if self.ended.swap(true, Ordering::AcqRel) {
                return Err(over());
            }
            if let Some(seat) = self.seat.upgrade() {
                // Not marked, it can be ended again.
                seat.mark(self.id).inspect_err(|_| self.ended.store(false, Ordering::Release))?;
            }
            return Ok(());
        }
        let ended = seat.call(|call| {
            let guarded = call.guarded();
            let at = guarded.roots.iter().position(|root| root.has(self.id)).ok_or_else(over)?;
            let root = &mut guarded.roots[at];
            let Some(level) = root.levels.last().copied().filter(|level| level.id == self.id) else {
                return Err(Error::new(
                    Status::NotInnermost,
                    "another transaction was begun inside this one; end that first",
                ));
            };
            root.levels.pop();
            self.ended.store(true, Ordering::Release);
            if !root.levels.is_empty() {
                return root.end_inner(level, commit).map(|()| None);
            }
            let root = guarded.roots.swap_remove(at);
            if guarded.current == Some(root.id) {
                guarded.current = None;
            }
            Ok(Some(root))
        });
        if ended.is_err() && seat.has_failed() {
            self.ended.store(true, Ordering::Release);
            seat.end_after_failure(self.id);
        }
        let ended = ended?;
        match ended.map(|root| root.kind) {
            // Outside of the call: a commit can take long.
            Some(RootKind::Write(txn)) if commit => txn.commit(),
            Some(RootKind::Write(txn)) => {
                txn.abort();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The calling thread's seat and innermost transaction.
    pub fn innermost(shared: &Arc<Shared>) -> Result<Option<(Arc<Seat>, u64)>> {
        let seat = seat_of_thread(shared.opening(), || shared.engine())?;
        let level = seat.call(|call| Ok(call.current().and_then(|root| root.levels.last().map(|l| l.id))))?;
        Ok(level.map(|level| (Arc::clone(&seat), level)))
    }

    /// The calling thread's seat.
    pub fn own_seat(shared: &Arc<Shared>) -> Result<Arc<Seat>> {
        Ok(Arc::clone(&*seat_of_thread(shared.opening(), || shared.engine())?))
    }

    /// The calling thread's innermost transaction.
    pub fn current(shared: &Shared) -> Result<Option<u64>> {
        shared.call(|call| Ok(call.current().and_then(|root| root.levels.last().map(|level| level.id))))
    }

    /// Makes another stack of the thread, or none, the current one. Returns the innermost transaction of the previous
    /// one.
    pub fn set_current(shared: &Shared, txn: Option<&TxnRef>) -> Result<Option<u64>> {
        shared.call(|call| {
            let previous = call.current().and_then(|root| root.levels.last().map(|level| level.id));
            let guarded = call.guarded();
            guarded.current = match txn {
                None => None,
                Some(txn) => {
                    let Some(root) = guarded.roots.iter().find(|root| root.has(txn.id)) else {
                        return Err(txn.not_here());
                    };
                    if root.levels.last().is_none_or(|level| level.id != txn.id) {
                        return Err(Error::new(
                            Status::NotInnermost,
                            "another transaction was begun inside this one; make that one current",
                        ));
                    }
                    Some(root.id)
                }
            };
            Ok(previous)
        })
    }

    fn not_here(&self) -> Error {
        if self.ended.load(Ordering::Acquire) {
            return over();
        }
        Error::new(Status::WrongThread, "the transaction belongs to another thread or environment")
    }
}

#[cold]
fn over() -> Error {
    Error::new(Status::BadHandle, "the transaction has ended")
}

impl Root {
    fn has(&self, level: u64) -> bool {
        self.levels.iter().any(|found| found.id == level)
    }

    /// Returns true if it holds the write lock.
    pub fn is_write(&self) -> bool {
        matches!(self.kind, RootKind::Write(_))
    }

    /// Begins a level inside.
    fn push(&mut self, access: Access) -> Result<u64> {
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
        let id = next_id();
        self.levels.push(Level { id, write });
        Ok(id)
    }

    /// Fails if the innermost level may not write.
    pub fn check_writable(&self) -> Result<()> {
        if self.is_write() && self.levels.last().is_some_and(|level| level.write) {
            return Ok(());
        }
        Err(in_snapshot())
    }

    /// Ends a level that was just removed from the stack, with others around it.
    fn end_inner(&mut self, level: Level, commit: bool) -> Result<()> {
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

impl Call<'_> {
    fn push_root(&mut self, kind: RootKind, write: bool) -> Result<u64> {
        let id = next_id();
        let guarded = self.guarded();
        guarded.roots.try_room(1)?;
        guarded.roots.push(Root { id, kind, levels: vec![Level { id, write }] });
        guarded.current = Some(id);
        Ok(id)
    }
}

/// The reader of the level that an iterator belongs to.
pub fn reader_in<'c>(call: &'c mut Call<'_>, level: u64) -> Result<Reader<'c>> {
    call.reader_of(level)?.ok_or_else(over)
}
