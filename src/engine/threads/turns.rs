//! Lets one thread of a process write at a time, and describes the holder in errors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::threads::thread_number;
use crate::error::{Error, Result, Status};
use crate::platform::sync::{Condvar, Mutex, MutexGuard};
use crate::platform::{clock, fork};

/// The holder of a write lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockHolder {
    pub process: u32,
    pub thread: u64,
    /// Microseconds since 1970-01-01.
    pub since: i64,
}

impl LockHolder {
    /// Describes the calling thread as the holder from now on.
    pub(crate) fn now(thread: u64) -> LockHolder {
        LockHolder { process: fork::process_id(), thread, since: clock::micros_of_day() }
    }

    /// Returns the error that names the holder.
    pub(crate) fn busy(&self, waited: Duration) -> Error {
        let held = clock::micros_of_day().saturating_sub(self.since);
        let held = Duration::from_micros(u64::try_from(held).unwrap_or(0));
        Error::new(
            Status::Busy,
            format!(
                "the write lock was not free within {} ms: process {} (thread {}) has held it for {} ms, since {}",
                waited.as_millis(),
                self.process,
                self.thread,
                held.as_millis(),
                utc(self.since)
            ),
        )
    }
}

/// Formats a time as in ISO 8601.
fn utc(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let seconds = rest / 1_000_000;
    let date = crate::codec::Date(i32::try_from(days).unwrap_or(i32::MAX));
    format!("{date}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Allows one writer at a time in this process.
#[derive(Default)]
pub(crate) struct Turns {
    holder: Mutex<Option<LockHolder>>,
    /// The holder's thread, or 0.
    thread: AtomicU64,
    free: Condvar,
}

impl Turns {
    /// Fails if the calling thread has the lock, for a transaction that is not current.
    pub(crate) fn check_not_own(&self) -> Result<()> {
        // A thread sees its own store, and other threads store only other numbers.
        if self.thread.load(Ordering::Relaxed) == thread_number() { Err(own()) } else { Ok(()) }
    }

    /// Waits for the turn until `deadline`. Must not run inside a call of the thread's seat.
    pub(crate) fn take(&self, me: u64, deadline: &Deadline) -> Result<LockHolder> {
        let mut holder = self.holder.lock();
        Self::wait_for(&self.free, &mut holder, me, deadline)?;
        let me = LockHolder::now(me);
        *holder = Some(me);
        self.thread.store(me.thread, Ordering::Relaxed);
        Ok(me)
    }

    /// Waits until no thread of the process has the turn, without taking it. Must not run inside a call of the thread's
    /// seat.
    #[cfg(feature = "postgres")]
    pub(crate) fn wait_until_free(&self, me: u64, deadline: &Deadline) -> Result<()> {
        // Most threads find it free, and need no lock to see so.
        if self.thread.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        Self::wait_for(&self.free, &mut self.holder.lock(), me, deadline)?;
        // The turn is still free: another thread may be waiting for it.
        self.free.notify_one();
        Ok(())
    }

    fn wait_for(
        free: &Condvar,
        holder: &mut MutexGuard<'_, Option<LockHolder>>,
        me: u64,
        deadline: &Deadline,
    ) -> Result<()> {
        let (mut begun, mut interrupt) = (None, None);
        while let Some(held) = **holder {
            let begun = *begun.get_or_insert_with(Instant::now);
            if held.thread == me {
                return Err(own());
            }
            let interrupt = interrupt.get_or_insert_with(Interrupt::of_thread);
            let in_time = interrupt.wait(free, holder, deadline.moment())?;
            if !in_time && let Some(held) = **holder {
                return Err(held.busy(begun.elapsed()));
            }
        }
        Ok(())
    }

    pub(crate) fn release(&self) {
        let mut holder = self.holder.lock();
        *holder = None;
        self.thread.store(0, Ordering::Relaxed);
        drop(holder);
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

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_written_as_iso_8601_has_them() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_795_996_801_999_999), "2026-11-30T00:00:01Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
        assert_eq!(utc(86_399_000_000), "1970-01-01T23:59:59Z");
    }
}
