//! Mutexes and condition variables that work in the child of a fork.
//!
//! The crate `parking_lot` keeps all waiting threads of a process in one table. A child inherits that table with the
//! parent's threads in it, and perhaps locked by one of them: at its first wait the child reads freed memory, or waits
//! forever. The locks of this module keep no state outside of themselves; the kernel finds the waiting threads by the
//! address of the lock.
//!
//! The standard library's locks would also work, but each operation checks whether the thread is panicking: get, put
//! and iterate took 2 to 5 % more instructions with them (`make check-counts`).

pub(crate) use std::sync::{OnceLock, atomic};
use std::time::{Duration, Instant};

use atomic::{AtomicU32, Ordering};

use crate::platform::futex::{self, Users};

/// A value that only one thread at a time can use.
pub(crate) type Mutex<T> = lock_api::Mutex<Lock, T>;
/// Unlocks the mutex when it is dropped.
pub(crate) type MutexGuard<'a, T> = lock_api::MutexGuard<'a, Lock, T>;

/// The raw lock inside a [`Mutex`].
pub(crate) struct Lock {
    state: AtomicU32,
}

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Locked, and other threads may be waiting.
const AWAITED: u32 = 2;

/// How often a thread tries again before it sleeps: most locks are held for some hundred nanoseconds.
const SPINS: u32 = 100;

// SAFETY: the lock is exclusive. A thread takes it by an exchange that replaces `FREE` by another state, which only one
// thread can do; only `unlock`, whose caller holds the lock, sets it to `FREE` again.
unsafe impl lock_api::RawMutex for Lock {
    const INIT: Lock = Lock { state: AtomicU32::new(FREE) };
    type GuardMarker = lock_api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.lock_slowly();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        if self.state.swap(FREE, Ordering::Release) == AWAITED {
            futex::wake(&self.state, 1, Users::Process);
        }
    }
}

impl Lock {
    #[cold]
    fn lock_slowly(&self) {
        for _ in 0..SPINS {
            match self.state.load(Ordering::Relaxed) {
                FREE if lock_api::RawMutex::try_lock(self) => return,
                AWAITED => break,
                _ => std::hint::spin_loop(),
            }
        }
        // A woken thread cannot know whether other threads still sleep, so it leaves the lock `AWAITED`.
        while self.state.swap(AWAITED, Ordering::Acquire) != FREE {
            futex::sleep(&self.state, AWAITED, None, Users::Process);
        }
    }
}

/// A condition variable. A notifying thread must change the awaited state while it holds the waiters' mutex.
#[derive(Default)]
pub(crate) struct Condvar {
    /// The number of notifications.
    notified: AtomicU32,
    waiting: AtomicU32,
}

/// The outcome of a wait.
pub(crate) struct Waited {
    in_time: bool,
}

impl Waited {
    /// Returns true if the wait timed out.
    pub(crate) fn timed_out(&self) -> bool {
        !self.in_time
    }
}

impl Condvar {
    /// Unlocks the mutex, waits for a notification, and locks the mutex again. May return without a notification.
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_at_most(guard, None);
    }

    /// Waits like `wait`, but only until a deadline.
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, moment: Instant) -> Waited {
        self.wait_at_most(guard, Some(moment.saturating_duration_since(Instant::now())))
    }

    /// Waits like `wait`, but only for the given timeout.
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) -> Waited {
        self.wait_at_most(guard, Some(time))
    }

    fn wait_at_most<T>(&self, guard: &mut MutexGuard<'_, T>, time: Option<Duration>) -> Waited {
        // Incremented under the mutex, so that a thread that changes the state afterwards sees this waiter.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let notified = self.notified.load(Ordering::Relaxed);
        let in_time =
            MutexGuard::unlocked(guard, || futex::sleep(&self.notified, notified, time, Users::Process));
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Waited { in_time }
    }

    /// Wakes one waiting thread.
    pub(crate) fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes all waiting threads.
    pub(crate) fn notify_all(&self) {
        self.notify(i32::MAX);
    }

    #[inline]
    fn notify(&self, threads: i32) {
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.notified.fetch_add(1, Ordering::Relaxed);
            futex::wake(&self.notified, threads, Users::Process);
        }
    }
}

/// A lock for many readers or one writer. Writers have priority.
#[derive(Default)]
pub(crate) struct RwLock {
    holders: Mutex<Holders>,
    changed: Condvar,
}

#[derive(Default)]
struct Holders {
    readers: usize,
    is_written: bool,
    waiting_writers: usize,
}

/// Holds the lock, shared with other readers, until it is dropped.
pub(crate) struct ReadGuard<'a>(&'a RwLock);

/// Holds the lock exclusively until it is dropped.
pub(crate) struct WriteGuard<'a>(&'a RwLock);

impl RwLock {
    /// Waits for all writers, including those that are still waiting.
    pub(crate) fn read(&self) -> ReadGuard<'_> {
        let mut holders = self.holders.lock();
        while holders.is_written || holders.waiting_writers > 0 {
            self.changed.wait(&mut holders);
        }
        holders.readers += 1;
        ReadGuard(self)
    }

    /// Waits until no thread holds the lock. Returns `None` on a timeout.
    pub(crate) fn write(&self, deadline: Option<Instant>) -> Option<WriteGuard<'_>> {
        let mut holders = self.holders.lock();
        holders.waiting_writers += 1;
        let mut in_time = true;
        while in_time && holders.are_some() {
            match deadline {
                None => self.changed.wait(&mut holders),
                Some(deadline) => in_time = !self.changed.wait_until(&mut holders, deadline).timed_out(),
            }
        }
        holders.waiting_writers -= 1;
        if holders.are_some() {
            // Wakes the readers that waited for this writer.
            self.changed.notify_all();
            return None;
        }
        holders.is_written = true;
        Some(WriteGuard(self))
    }
}

impl Holders {
    fn are_some(&self) -> bool {
        self.is_written || self.readers > 0
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        self.0.holders.lock().readers -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.0.holders.lock().is_written = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_mutex_has_one_holder() {
        let (counter, inside) = (Mutex::new(0_u32), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let mut counter = counter.lock();
                        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                        *counter += 1;
                        inside.fetch_sub(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(*counter.lock(), 16_000);
        let held = counter.lock();
        assert!(counter.try_lock().is_none());
        drop(held);
        assert!(counter.try_lock().is_some());
    }

    /// Two threads take turns: they would hang if a notification were lost.
    #[test]
    fn no_notification_is_lost() {
        let (turn, changed) = (Mutex::new(0_u32), Condvar::default());
        std::thread::scope(|scope| {
            for me in 0..2 {
                let (turn, changed) = (&turn, &changed);
                scope.spawn(move || {
                    for _ in 0..5000 {
                        let mut turn = turn.lock();
                        while *turn % 2 != me {
                            changed.wait(&mut turn);
                        }
                        *turn += 1;
                        drop(turn);
                        changed.notify_one();
                    }
                });
            }
        });
        assert_eq!(*turn.lock(), 10_000);
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let (mutex, never) = (Mutex::new(()), Condvar::default());
        let mut guard = mutex.lock();
        let time = Duration::from_millis(20);
        let begun = Instant::now();
        while !never.wait_for(&mut guard, time).timed_out() {}
        while !never.wait_until(&mut guard, begun + 2 * time).timed_out() {}
        assert!(begun.elapsed() >= 2 * time);
        assert!(mutex.try_lock().is_none(), "the wait has taken it again");
        assert!(never.wait_until(&mut guard, begun).timed_out(), "a moment that has passed");
        assert_eq!(never.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn many_read_or_one_writes() {
        let lock = Arc::new(RwLock::default());
        let (one, other) = (lock.read(), lock.read());
        assert!(lock.write(Some(Instant::now())).is_none());
        drop(one);
        assert!(lock.write(Some(Instant::now() + Duration::from_millis(20))).is_none());
        let written = Arc::new(AtomicUsize::new(0));
        let writer = std::thread::spawn({
            let (lock, written) = (Arc::clone(&lock), Arc::clone(&written));
            move || {
                let _writing = lock.write(None).unwrap();
                written.store(1, Ordering::Relaxed);
            }
        });
        while lock.holders.lock().waiting_writers == 0 {
            std::thread::yield_now();
        }
        let reader = std::thread::spawn({
            let (lock, written) = (Arc::clone(&lock), Arc::clone(&written));
            move || {
                let _reading = lock.read();
                written.load(Ordering::Relaxed)
            }
        });
        drop(other);
        writer.join().unwrap();
        assert_eq!(reader.join().unwrap(), 1, "the writer was first");
        assert!(lock.write(Some(Instant::now())).is_some());
    }
}
