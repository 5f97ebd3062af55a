//! Lets one thread of a process write at a time, and describes the holder in errors.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::engine::interrupt::Interrupt;
use crate::engine::threads::thread_number;
use crate::error::{Error, Result, Status};
use crate::platform::fork;
use crate::platform::sync::{Condvar, Mutex};

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
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        LockHolder {
            process: fork::process_id(),
            thread,
            since: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        }
    }

    /// Returns the error that names the holder.
    pub(crate) fn busy(&self, waited: Duration) -> Error {
        let now = LockHolder::now(0).since;
        let held = Duration::from_micros(u64::try_from(now.saturating_sub(self.since)).unwrap_or(0));
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
    free: Condvar,
}

impl Turns {
    /// Fails if the calling thread has the lock, for a transaction that is not current.
    pub(crate) fn check_not_own(&self) -> Result<()> {
        let holder = self.holder.lock();
        if holder.is_some_and(|held| held.thread == thread_number()) { Err(own()) } else { Ok(()) }
    }

    /// Waits for the turn until `deadline`; `None` waits forever. Must not run inside a call of the thread's seat.
    pub(crate) fn take(&self, me: u64, deadline: Option<Instant>) -> Result<()> {
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
        *holder = Some(LockHolder::now(me));
        Ok(())
    }

    pub(crate) fn release(&self) {
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
