//! Mutexes and condition variables that work in the child of a fork.
//!
//! The crate `parking_lot` keeps all waiting threads of a process in one table. A child inherits that table with the
//! parent's threads in it, and perhaps locked by one of them: at its first wait the child reads memory that is gone, or
//! waits for ever. The standard library's locks keep no state outside of themselves. Here they get what the engine needs
//! of `parking_lot`'s: a guard that can be unlocked for a while, and no poison, since each step under a lock leaves what
//! it guards whole.

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// A value that one thread at a time can use.
#[derive(Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

/// Unlocks the mutex when it is dropped.
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// Taken out while the mutex is unlocked for a while.
    held: Option<std::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Mutex<T> {
        Mutex(std::sync::Mutex::new(value))
    }

    #[inline]
    fn hold(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread holds it.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, held: Some(self.hold()) }
    }

    /// Returns `None` if another thread holds it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = match self.0.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { mutex: self, held: Some(held) })
    }
}

impl<T> MutexGuard<'_, T> {
    /// Runs `f` while the mutex is unlocked, and locks it again, also where `f` panics.
    pub(crate) fn unlocked<R>(guard: &mut Self, f: impl FnOnce() -> R) -> R {
        struct Again<'g, 'a, T>(&'g mut MutexGuard<'a, T>);
        impl<T> Drop for Again<'_, '_, T> {
            fn drop(&mut self) {
                self.0.held = Some(self.0.mutex.hold());
            }
        }
        guard.held = None;
        let _again = Again(guard);
        f()
    }
}

const HELD: &str = "the guard is borrowed wherever the mutex is unlocked for a while";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.held.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect(HELD)
    }
}

/// A condition variable.
#[derive(Default)]
pub(crate) struct Condvar(std::sync::Condvar);

/// How a wait has ended.
pub(crate) struct Waited {
    in_time: bool,
}

impl Waited {
    /// Whether the wait ended because its time had passed.
    pub(crate) fn timed_out(&self) -> bool {
        !self.in_time
    }
}

impl Condvar {
    /// Unlocks the mutex, waits for a notification, and locks the mutex again. May return without one.
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if let Some(held) = guard.held.take() {
            guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits in the same way, until a moment at most.
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, moment: Instant) -> Waited {
        self.wait_for(guard, moment.saturating_duration_since(Instant::now()))
    }

    /// Waits in the same way, for a time at most.
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) -> Waited {
        let Some(held) = guard.held.take() else { return Waited { in_time: true } };
        let (held, waited) = self.0.wait_timeout(held, time).unwrap_or_else(PoisonError::into_inner);
        guard.held = Some(held);
        Waited { in_time: !waited.timed_out() }
    }

    /// Wakes one waiting thread.
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiting threads.
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A lock that many readers or one writer hold. Writers go first.
#[derive(Default)]
pub(super) struct RwLock {
    holders: Mutex<Holders>,
    changed: Condvar,
}

#[derive(Default)]
struct Holders {
    readers: usize,
    is_written: bool,
    waiting_writers: usize,
}

/// Holds the lock, with other readers, until it is dropped.
pub(super) struct ReadGuard<'a>(&'a RwLock);

/// Holds the lock alone until it is dropped.
pub(super) struct WriteGuard<'a>(&'a RwLock);

impl RwLock {
    /// Waits for writers, also for those that wait themselves.
    pub(super) fn read(&self) -> ReadGuard<'_> {
        let mut holders = self.holders.lock();
        while holders.is_written || holders.waiting_writers > 0 {
            self.changed.wait(&mut holders);
        }
        holders.readers += 1;
        ReadGuard(self)
    }

    /// Waits until nobody holds the lock. Returns `None` if somebody still did at the deadline.
    pub(super) fn write(&self, deadline: Option<Instant>) -> Option<WriteGuard<'_>> {
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
            // Readers have waited for this writer.
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// Two threads take turns: they would stand still if a notification were lost.
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
    fn a_wait_ends_at_its_moment() {
        let (mutex, never) = (Mutex::new(()), Condvar::default());
        let mut guard = mutex.lock();
        let time = Duration::from_millis(20);
        let begun = Instant::now();
        while !never.wait_for(&mut guard, time).timed_out() {}
        while !never.wait_until(&mut guard, begun + 2 * time).timed_out() {}
        assert!(begun.elapsed() >= 2 * time);
        assert!(mutex.try_lock().is_none(), "the wait has taken it again");
        assert!(never.wait_until(&mut guard, begun).timed_out(), "a moment that has passed");
        MutexGuard::unlocked(&mut guard, || assert!(mutex.try_lock().is_some()));
        assert!(mutex.try_lock().is_none());
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
