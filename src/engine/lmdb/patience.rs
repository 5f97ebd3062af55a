//! Limits how long an opening waits for threads of this process and for other processes.

use std::time::{Duration, Instant};

use crate::engine::interrupt::Interrupt;
use crate::error::Result;
use crate::platform::sync::{Condvar, MutexGuard};

/// The first pause between two checks of another process's lock.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// A deadline, and the thread's own interrupt check.
pub(super) struct Patience {
    begun: Instant,
    deadline: Option<Instant>,
    interrupt: Interrupt,
}

impl Patience {
    /// Starts now; `None` means no deadline.
    pub(super) fn new(timeout: Option<Duration>) -> Patience {
        let begun = Instant::now();
        let deadline = timeout.and_then(|timeout| begun.checked_add(timeout));
        Patience { begun, deadline, interrupt: Interrupt::of_thread() }
    }

    /// Returns the time spent waiting so far.
    pub(super) fn waited(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Returns true if the deadline has passed.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Waits for another thread's notification. Returns `Ok(false)` on a timeout.
    pub(super) fn wait<T>(&self, changed: &Condvar, guard: &mut MutexGuard<'_, T>) -> Result<bool> {
        self.interrupt.wait(changed, guard, self.deadline)
    }

    /// Polls until `look` has found something, since the system sends no notification when another process releases a
    /// file lock, and a wait for the lock itself could not be interrupted. Returns `Ok(None)` on a timeout.
    pub(super) fn poll<R>(&self, mut look: impl FnMut() -> Result<Option<R>>) -> Result<Option<R>> {
        let mut pause = FIRST_PAUSE;
        let mut ask = self.interrupt.next(None);
        loop {
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            if self.is_over() {
                return Ok(None);
            }
            if ask.is_some_and(|moment| moment <= Instant::now()) {
                self.interrupt.ask()?;
                ask = self.interrupt.next(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Status;
    use crate::set_interrupt;

    #[test]
    fn polling_ends_with_a_result_or_at_the_deadline() {
        let mut looks = 0;
        let found = Patience::new(None).poll(|| {
            looks += 1;
            Ok((looks == 3).then_some("found"))
        });
        assert_eq!(found.unwrap(), Some("found"));
        let patience = Patience::new(Some(Duration::from_millis(30)));
        assert_eq!(patience.poll(|| Ok(None::<()>)).unwrap(), None);
        assert!(patience.is_over() && patience.waited() >= Duration::from_millis(30));
        // It tries at least once, even after the deadline.
        assert_eq!(patience.poll(|| Ok(Some(1))).unwrap(), Some(1));
    }

    #[test]
    fn polling_ends_when_the_threads_check_says_so() {
        set_interrupt(Some(Box::new(|| true)));
        let ended = Patience::new(None).poll(|| Ok(None::<()>));
        set_interrupt(None);
        assert_eq!(ended.unwrap_err().status(), Status::Interrupted);
    }
}
