//! The process's writer lock, and the one path by which autocommitted writes reach LMDB.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Engine;
use super::lock::Holder;
use super::reader::Reader;
use super::txn::WriteTxn;
use crate::engine::{Op, Outcome, Wait};
use crate::error::{Error, Result, Status};

/// One writer at a time in this process.
#[derive(Default)]
pub(super) struct Writer {
    holder: Mutex<Option<Holder>>,
    free: Condvar,
}

/// This process's turn to write, until dropped: no other thread of it has a write transaction. Enough for what
/// concerns this process alone, such as opening a name for it.
pub(super) struct Turn {
    engine: Arc<Engine>,
}

impl Turn {
    /// Waits for it, in no call of the thread's seat.
    pub(super) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<Turn> {
        let (begun, deadline) = (Instant::now(), engine.deadline(wait));
        engine.writer.take(thread_number(), begun, deadline)?;
        let turn = Turn { engine: Arc::clone(engine) };
        // Whoever had it before may have met a failure, after which LMDB's map may be gone.
        engine.check_usable()?;
        Ok(turn)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.engine.writer.release();
    }
}

/// Holds the write lock, in this process and between processes, until dropped by the thread that took it.
pub(super) struct Lease {
    turn: Turn,
}

impl Lease {
    /// Waits for the lock, in no call of the thread's seat.
    pub(super) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<Lease> {
        let deadline = engine.deadline(wait);
        let turn = Turn::take(engine, wait)?;
        if let Some(lock) = &engine.lock {
            lock.take(thread_number(), deadline)?;
        }
        Ok(Lease { turn })
    }

    pub(super) fn engine(&self) -> &Engine {
        self.turn.engine()
    }

    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Before the turn, which is dropped after this.
        if let Some(lock) = &self.engine().lock {
            lock.release();
        }
    }
}

impl Writer {
    fn take(&self, me: u64, begun: Instant, deadline: Option<Instant>) -> Result<()> {
        let mut holder = self.holder.lock();
        while let Some(held) = *holder {
            if held.thread == me {
                return Err(Error::new(
                    Status::Busy,
                    "this thread's own write transaction, which is not current, holds the write lock: waiting for \
                     it would never end",
                ));
            }
            let timed_out = match deadline {
                None => {
                    self.free.wait(&mut holder);
                    false
                }
                Some(deadline) => self.free.wait_until(&mut holder, deadline).timed_out(),
            };
            if timed_out && let Some(held) = *holder {
                return Err(held.busy(begun.elapsed()));
            }
        }
        *holder = Some(Holder::now(me));
        Ok(())
    }

    fn release(&self) {
        *self.holder.lock() = None;
        self.free.notify_one();
    }
}

/// A number of the calling thread that no other thread of the process has or had.
pub(super) fn thread_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // No destructor, so this cannot fail while the thread ends.
    NUMBER.with(|number| *number)
}

/// Begins an explicit write transaction.
pub(crate) fn begin_write(engine: &Arc<Engine>, wait: Wait) -> Result<WriteTxn> {
    let deadline = engine.deadline(wait);
    let lease = Arc::new(Lease::take(engine, wait)?);
    engine.grow_ahead(lease.turn(), deadline)?;
    WriteTxn::begin(&lease)
}

impl Engine {
    /// Writes some operations in a transaction of their own, if the catalog still has the sequence number
    /// under which they were made up. `Ok(None)`: it has not, and nothing was written.
    ///
    /// An operation that fails alone (an overflow, say) is its own outcome; a failure of the engine undoes all.
    pub(crate) fn autocommit(
        self: &Arc<Self>,
        sequence: u64,
        ops: &[Op<'_>],
        wait: Wait,
    ) -> Result<Option<Vec<Outcome>>> {
        let deadline = self.deadline(wait);
        let lease = Arc::new(Lease::take(self, wait)?);
        loop {
            self.grow_ahead(lease.turn(), deadline)?;
            match self.attempt(&lease, sequence, ops) {
                // Undone; the map grows before the next attempt.
                Err(error) if error.status() == Status::MapFull => {
                    self.want_more(ops.iter().map(Op::size).sum());
                }
                outcome => return outcome,
            }
        }
    }

    /// When a wait that begins now ends; `None`: never.
    fn deadline(&self, wait: Wait) -> Option<Instant> {
        let patience = match wait {
            Wait::Default => self.settings.write_timeout,
            Wait::For(duration) => Some(duration),
            Wait::Forever => None,
        };
        // A time-out too long for the clock is none.
        patience.and_then(|patience| Instant::now().checked_add(patience))
    }

    fn attempt(&self, lease: &Arc<Lease>, sequence: u64, ops: &[Op<'_>]) -> Result<Option<Vec<Outcome>>> {
        let mut txn = WriteTxn::begin(lease)?;
        if Reader::of_write(self, &mut txn).sequence()? != Some(sequence) {
            return Ok(None);
        }
        let outcomes = ops.iter().map(|op| txn.apply(op)).collect::<Result<Vec<_>>>()?;
        if outcomes.iter().any(Outcome::changed) {
            txn.commit()?;
        }
        Ok(Some(outcomes))
    }

    /// Opens a space for this process. `Ok(false)`: there is none of that name.
    pub(crate) fn open_space(self: &Arc<Self>, space: &super::Space) -> Result<bool> {
        if space.db(u32::MAX).is_some() {
            return Ok(true);
        }
        let turn = Turn::take(self, Wait::Default)?;
        self.spaces.open_for_process(&self.raw, space, &turn)
    }

    /// Opens what a new snapshot may want to read: the spaces that `reader` sees by name. A snapshot cannot
    /// use what is opened after it began, so this comes first; it does not wait for the lock, since a
    /// snapshot must not.
    pub(crate) fn open_spaces_ahead(self: &Arc<Self>, reader: &Reader<'_>) -> Result<bool> {
        /// Each open space costs every beginning of a transaction about a nanosecond.
        const AT_MOST: usize = 256;
        let mut wanted = Vec::new();
        for (name, _) in reader.names()?.into_iter().take(AT_MOST) {
            let Ok(name) = String::from_utf8(name) else { continue };
            let space = self.spaces.named(&name)?;
            if space.db(u32::MAX).is_none() {
                wanted.push(space);
            }
        }
        if wanted.is_empty() {
            return Ok(false);
        }
        let Ok(turn) = Turn::take(self, Wait::For(Duration::ZERO)) else { return Ok(false) };
        for space in wanted {
            match self.spaces.open_for_process(&self.raw, &space, &turn) {
                Ok(_) => {}
                Err(error) if error.status() == Status::CollectionsFull => break,
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_keeps_its_number() {
        let mine = super::thread_number();
        assert_eq!(mine, super::thread_number());
        let other = std::thread::spawn(super::thread_number).join().expect("the thread does not panic");
        assert_ne!(mine, other);
    }
}
