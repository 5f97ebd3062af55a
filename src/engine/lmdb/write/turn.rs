//! The process's turn to write, and the write lock between processes.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Wait;
use crate::engine::lmdb::Engine;
use crate::engine::threads::thread_number;
use crate::error::Result;

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
        engine.turns.take(thread_number(), deadline)?;
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
        self.engine.turns.release();
    }
}

/// Holds the write lock, in this process and between processes, until dropped by the thread that took it.
pub(crate) struct WriteLock {
    turn: Turn,
}

impl WriteLock {
    /// Waits for the lock, in no call of the thread's seat.
    pub(crate) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<WriteLock> {
        Self::take_until(engine, engine.deadline(wait))
    }

    /// The same until a moment; `None` waits for ever.
    pub(crate) fn take_until(engine: &Arc<Engine>, deadline: Option<Instant>) -> Result<WriteLock> {
        let turn = Turn::take_until(engine, deadline)?;
        if let Some(lock) = &engine.lock {
            lock.take(thread_number(), deadline)?;
        }
        Ok(WriteLock { turn })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.turn.engine()
    }

    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        // Before the turn, which is dropped after this.
        if let Some(lock) = &self.engine().lock {
            lock.release();
        }
    }
}

impl Engine {
    /// When a wait that begins now ends; `None`: never.
    pub(crate) fn deadline(&self, wait: Wait) -> Option<Instant> {
        wait.deadline(self.settings.write_timeout)
    }
}
