//! Implements the process's turn to write, and takes the write lock between processes.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Wait;
use crate::engine::deadline::Deadline;
use crate::engine::lmdb::Engine;
use crate::engine::threads::thread_number;
use crate::engine::threads::turns::LockHolder;
use crate::error::Result;

thread_local! {
    static READS_WAIT: Cell<bool> = const { Cell::new(true) };
}

/// Sets whether reads of the calling thread may wait for the process's turn to write; returns the previous setting.
pub(crate) fn set_reads_wait(wait: bool) -> bool {
    READS_WAIT.replace(wait)
}

/// Returns how long a read waits that needs the process's turn to write.
pub(crate) fn patience(wait: Wait) -> Wait {
    if READS_WAIT.get() { wait } else { Wait::For(Duration::ZERO) }
}

/// This process's turn to write, held until dropped: no other thread of the process has a write transaction. It
/// suffices for changes that affect only this process, such as opening a name for it.
pub(crate) struct Turn {
    engine: Arc<Engine>,
}

impl Turn {
    /// Waits for the turn. Must not run inside a call of the thread's seat.
    pub(crate) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<Turn> {
        Ok(Self::take_until(engine, &engine.deadline(wait))?.0)
    }

    /// Also returns the description of the calling thread as its holder.
    fn take_until(engine: &Arc<Engine>, deadline: &Deadline) -> Result<(Turn, LockHolder)> {
        let holder = engine.turns.take(thread_number(), deadline)?;
        let turn = Turn { engine: Arc::clone(engine) };
        // The previous holder may have failed, after which LMDB's map may be gone.
        engine.check_usable()?;
        Ok((turn, holder))
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

/// The write lock, in this process and between processes. Held until the thread that took it drops it.
pub(crate) struct WriteLock {
    turn: Turn,
}

impl WriteLock {
    /// Waits for the lock. Must not run inside a call of the thread's seat.
    pub(crate) fn take(engine: &Arc<Engine>, wait: Wait) -> Result<WriteLock> {
        Self::take_until(engine, &engine.deadline(wait))
    }

    /// Does the same until a deadline.
    pub(crate) fn take_until(engine: &Arc<Engine>, deadline: &Deadline) -> Result<WriteLock> {
        let (turn, holder) = Turn::take_until(engine, deadline)?;
        if let Some(lock) = &engine.lock {
            lock.take(holder, deadline)?;
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
        // Released before the turn, which is dropped after this.
        if let Some(lock) = &self.engine().lock {
            lock.release();
        }
    }
}

impl Engine {
    /// Returns the deadline of a wait.
    pub(crate) fn deadline(&self, wait: Wait) -> Deadline {
        wait.deadline(self.settings.write_timeout)
    }
}
