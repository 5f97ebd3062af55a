//! Interrupts waits: lets a thread's own check decide whether to continue waiting.
//!
//! A language's runtime handles a signal only when its own code runs again, so a thread that waits in this library
//! calls the check periodically. A thread that does not wait never calls it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};
use crate::platform::sync::{Condvar, MutexGuard};

/// The interval between checks of a waiting thread.
const EVERY: Duration = Duration::from_millis(50);

type Check = Rc<dyn Fn() -> bool>;

thread_local! {
    static CHECK: RefCell<Option<Check>> = const { RefCell::new(None) };
}

/// Sets the check that the calling thread runs while it waits, or removes it.
///
/// The library calls `check` about every 50 ms while a call of this thread waits for the write lock (to begin a
/// transaction, to write outside of one, or to open a collection) or for a commit
/// ([`Environment::wait`](crate::Environment::wait)). If it returns true, the call fails with [`Status::Interrupted`] and
/// has written nothing. A call that does not wait never runs the check. `check` may use the
/// library itself.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// let stop = Arc::new(AtomicBool::new(false));
/// let asked = Arc::clone(&stop);
/// persistent_collections::set_interrupt(Some(Box::new(move || asked.load(Ordering::Relaxed))));
/// // From now on, `stop.store(true, …)` in another thread ends this thread's waits.
/// persistent_collections::set_interrupt(None);
/// ```
pub fn set_interrupt(check: Option<Box<dyn Fn() -> bool>>) {
    let check: Option<Check> = check.map(Rc::from);
    // While the thread ends, its check is gone, and it does not wait any more.
    let before = CHECK.try_with(|place| place.replace(check));
    drop(before);
}

/// The calling thread's check.
#[derive(Clone)]
pub(crate) struct Interrupt(Option<Check>);

impl Interrupt {
    pub(crate) fn of_thread() -> Interrupt {
        Interrupt(CHECK.try_with(|place| place.borrow().clone()).unwrap_or_default())
    }

    /// Returns a check that never interrupts, for waits during which the caller's check must not run.
    #[cfg(feature = "postgres")]
    pub(crate) fn none() -> Interrupt {
        Interrupt(None)
    }

    /// Returns the moment until which to wait before the next check, or `None` to wait without a limit.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Instant> {
        if self.0.is_none() {
            return deadline;
        }
        let next = Instant::now() + EVERY;
        Some(deadline.map_or(next, |deadline| deadline.min(next)))
    }

    /// Runs the check of a wait for the write lock. The caller must not hold a lock.
    pub(crate) fn ask(&self) -> Result<()> {
        if !self.is_asked_to_end() {
            return Ok(());
        }
        Err(Error::new(
            Status::Interrupted,
            "the caller interrupted the wait for the write lock; nothing was written",
        ))
    }

    /// Runs the check, and returns its answer. The caller must not hold a lock.
    pub(crate) fn is_asked_to_end(&self) -> bool {
        self.0.as_ref().is_some_and(|check| check())
    }

    /// Waits on a condition until it is notified, the deadline passes or the check interrupts the wait. Runs the check
    /// without the lock. Returns `Ok(false)` if the deadline has passed.
    pub(crate) fn wait<T>(
        &self,
        changed: &Condvar,
        guard: &mut MutexGuard<'_, T>,
        deadline: Option<Instant>,
    ) -> Result<bool> {
        let Some(until) = self.next(deadline) else {
            changed.wait(guard);
            return Ok(true);
        };
        if !changed.wait_until(guard, until).timed_out() {
            return Ok(true);
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(false);
        }
        MutexGuard::unlocked(guard, || self.ask())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::platform::sync::Mutex;
    use std::cell::Cell;

    #[test]
    fn a_wait_ends_when_the_threads_check_says_so() {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        set_interrupt(Some(Box::new(move || {
            count.set(count.get() + 1);
            count.get() == 3
        })));
        let (lock, changed) = (Mutex::new(()), Condvar::default());
        let interrupt = Interrupt::of_thread();
        let mut guard = lock.lock();
        let ended = loop {
            match interrupt.wait(&changed, &mut guard, None) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        set_interrupt(None);
        assert_eq!(ended.status(), Status::Interrupted);
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn a_wait_ends_at_its_deadline_with_a_check_and_without() {
        let (lock, changed) = (Mutex::new(()), Condvar::default());
        for check in [None, Some(Box::new(|| false) as Box<dyn Fn() -> bool>)] {
            set_interrupt(check);
            let deadline = Instant::now() + 2 * EVERY;
            let interrupt = Interrupt::of_thread();
            let mut guard = lock.lock();
            while interrupt.wait(&changed, &mut guard, Some(deadline)).unwrap() {}
            assert!(Instant::now() >= deadline);
        }
        set_interrupt(None);
    }
}
