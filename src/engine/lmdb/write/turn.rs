//! The process's turn to write, and the write lock between processes.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Wait;
use crate::engine::interrupt::Interrupt;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::write::lock::Holder;
use crate::error::{Error, Result, Status};
use crate::platform::sync::{Condvar, Mutex};

thread_local! {
    static READS_WAIT: Cell<bool> = const { Cell::new(true) };
}

/// Whether reads of the calling thread may wait for the process's turn to write; gives what held before.
pub(crate) fn set_reads_wait(wait: bool) -> bool {
    READS_WAIT.replace(wait)
}

/// How long a read waits that needs the process's turn to write.
pub(crate) fn patience(wait: Wait) -> Wait {
    if READS_WAIT.get() { wait } else { Wait::For(Duration::ZERO) }
}

/// One writer at a time in this process.
#[derive(Default)]
pub(crate) struct Writer {
    holder: Mutex<Option<Holder>>,
    free: Condvar,
}

/// This process's turn to write, until dropped: no other thread of it has a write transaction. Enough for what
/// concerns this process alone, such as opening a name for it.
pub(crate) struct Turn {
    engine: Arc<Engine>,
}

impl Turn {
    /// Waits for it, in no call of the thread's seat.
    pub(crate) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<Turn> {
        Self::take_until(engine, engine.deadline(wait))
    }

    fn take_until(engine: &Arc<Engine>, deadline: Option<Instant>) -> Result<Turn> {
        engine.writer.take(thread_number(), deadline)?;
        let turn = Turn { engine: Arc::clone(engine) };
        // The holder before may have met a failure, after which LMDB's map may be gone.
        engine.check_usable()?;
        Ok(turn)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.engine.writer.release();
    }
}

/// Holds the write lock, in this process and between processes, until dropped by the thread that took it.
pub(crate) struct Lease {
    turn: Turn,
}

impl Lease {
    /// Waits for the lock, in no call of the thread's seat.
    pub(crate) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<Lease> {
        Self::take_until(engine, engine.deadline(wait))
    }

    /// The same until a moment; `None` waits for ever.
    pub(crate) fn take_until(engine: &Arc<Engine>, deadline: Option<Instant>) -> Result<Lease> {
        let turn = Turn::take_until(engine, deadline)?;
        if let Some(lock) = &engine.lock {
            lock.take(thread_number(), deadline)?;
        }
        Ok(Lease { turn })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.turn.engine()
    }

    pub(crate) fn turn(&self) -> &Turn {
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
    /// Fails where the calling thread has the lock, for a transaction that is not current.
    pub(crate) fn check_not_own(&self) -> Result<()> {
        let holder = self.holder.lock();
        if holder.is_some_and(|held| held.thread == thread_number()) { Err(own()) } else { Ok(()) }
    }

    fn take(&self, me: u64, deadline: Option<Instant>) -> Result<()> {
        let mut holder = self.holder.lock();
        let (mut begun, mut interrupt) = (None, None);
        while let Some(held) = *holder {
            let begun = *begun.get_or_insert_with(Instant::now);
            if held.thread == me {
                return Err(own());
            }
            let in_time =
                interrupt.get_or_insert_with(Interrupt::of_thread).wait(&self.free, &mut holder, deadline)?;
            if !in_time && let Some(held) = *holder {
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

#[cold]
fn own() -> Error {
    Error::new(
        Status::Busy,
        "this thread's own write transaction, which is not current, holds the write lock: waiting for it would \
         never end",
    )
}

/// A number of the calling thread that no other thread of the process has or had.
pub(crate) fn thread_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // No destructor, so this cannot fail while the thread ends.
    NUMBER.with(|number| *number)
}

impl Engine {
    /// When a wait that begins now ends; `None`: never.
    pub(crate) fn deadline(&self, wait: Wait) -> Option<Instant> {
        let patience = match wait {
            Wait::Default => self.settings.write_timeout,
            Wait::For(duration) => Some(duration),
            Wait::Forever => None,
        };
        // A time-out too long for the clock is none.
        patience.and_then(|patience| Instant::now().checked_add(patience))
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
