//! Implements a seat: the state of one thread in an environment.
//!
//! It holds the thread's pooled read transaction and its stack of current transactions, behind its own lock. A call
//! locks its thread's seat, for which no other thread contends, so it writes to no cache line that threads share.
//! Closing leaves the seats of running calls to these calls, which release them. A thread never waits for the write
//! lock while it holds a seat.
//!
//! An iterator outside of transactions has its own seat, with its snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::threads::Seated;
use crate::engine::threads::call::Call;
use crate::engine::threads::guarded::{Ending, Guarded, closed};
use crate::engine::threads::opening::{Opening, State};
use crate::engine::threads::root::RootKind;
use crate::error::Result;
use crate::memory::TryGrow;
use crate::platform::sync::Mutex;

/// A thread's seat in an environment. Aligned so that two seats share no cache line.
#[repr(align(128))]
pub(crate) struct Seat<E: Seated> {
    pub(crate) opening: Arc<Opening>,
    /// The thread that owns the seat, or 0 for an iterator's seat.
    pub(crate) thread: u64,
    pub(crate) guarded: Mutex<Guarded<E>>,
    /// True if another thread has asked for transactions of this one to be undone.
    marked: AtomicBool,
    marks: Mutex<Vec<u64>>,
    /// True if the thread has ended, so that only other threads can end the transactions that it left.
    left: AtomicBool,
    /// True while a call of the thread is in progress.
    busy: AtomicBool,
}

/// Marks a seat as busy until it is dropped.
struct Busy<'s>(&'s AtomicBool);

impl<'s> Busy<'s> {
    #[inline]
    fn new(busy: &'s AtomicBool) -> Busy<'s> {
        // Only the seat's own thread reads it, possibly in a signal handler, so it needs no ordering with other
        // threads.
        busy.store(true, Ordering::Relaxed);
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        Busy(busy)
    }
}

impl Drop for Busy<'_> {
    #[inline]
    fn drop(&mut self) {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<E: Seated> Seat<E> {
    /// Makes a seat that does not belong to a thread.
    pub(crate) fn new(engine: &Arc<E>, opening: &Arc<Opening>) -> Result<Arc<Seat<E>>> {
        Self::make(engine, opening, 0)
    }

    pub(crate) fn make(engine: &Arc<E>, opening: &Arc<Opening>, thread: u64) -> Result<Arc<Seat<E>>> {
        let seat = Arc::new(Seat {
            opening: Arc::clone(opening),
            thread,
            guarded: Mutex::new(Guarded {
                engine: Some(Arc::clone(engine)),
                pooled: None,
                roots: Vec::new(),
                current: None,
            }),
            marked: AtomicBool::new(false),
            marks: Mutex::new(Vec::new()),
            left: AtomicBool::new(false),
            busy: AtomicBool::new(false),
        });
        engine.seats().register(&seat)?;
        Ok(seat)
    }

    /// Returns true if the seat belongs to an opening.
    pub(crate) fn is_of(&self, opening: &Opening) -> bool {
        self.opening.id == opening.id
    }

    /// Asks the seat's thread to undo a transaction at its next call.
    pub(crate) fn mark(&self, level: u64) -> Result<()> {
        self.marks.lock().try_push(level)?;
        self.marked.store(true, Ordering::SeqCst);
        // A snapshot may end on any thread, and should end early, since it keeps old pages: it ends here if no call is
        // in the seat.
        let left = self.left.load(Ordering::SeqCst);
        let guarded = if left { Some(self.guarded.lock()) } else { self.guarded.try_lock() };
        let mut engine = None;
        if let Some(mut guarded) = guarded {
            let marks = self.marks.lock();
            guarded.undo(&marks, false);
            if left && guarded.roots.is_empty() {
                engine = guarded.engine.take();
            }
        }
        if let Some(engine) = engine {
            engine.seats().forget(self);
        }
        self.settle();
        Ok(())
    }

    /// Ends the transactions of a thread that ends. A snapshot that has lent addresses stays until a caller ends it:
    /// then the engine is returned.
    ///
    /// Does nothing if the thread ends in the middle of its own call, because a signal handler has ended the process:
    /// the call holds the seat's lock and never continues.
    pub(crate) fn leave(&self) -> Option<Arc<E>> {
        if self.busy.load(Ordering::Relaxed) {
            return None;
        }
        // Set before the marks are checked: a thread that marks afterwards finds it set.
        self.left.store(true, Ordering::SeqCst);
        let mut guarded = self.guarded.lock();
        let marks = std::mem::take(&mut *self.marks.lock());
        guarded.undo(&marks, true);
        guarded.release(Ending::Thread);
        guarded.engine.clone()
    }

    /// Must be called after a visit to another thread's seat: if the environment was closed meanwhile, closing has
    /// mistaken the visit for a call that would release the seat.
    pub(crate) fn settle(&self) {
        if self.opening.state() != State::Open {
            self.release_if_free(false);
        }
    }

    /// Ends the snapshot in an iterator's seat, and keeps it in `own`, the calling thread's seat, for the next read.
    /// Does nothing if either seat is in use: then the snapshot ends with its seat.
    ///
    /// Never waits: another thread may be locking all seats, or a signal handler may have interrupted a call of this
    /// thread, whose seat then stays busy.
    pub(super) fn hand_back(&self, own: &Seat<E>) {
        if own.busy.load(Ordering::Relaxed) {
            return;
        }
        let _busy = Busy::new(&own.busy);
        if let Some(mut guarded) = self.guarded.try_lock()
            && let Some(mut own) = own.guarded.try_lock()
        {
            guarded.current = None;
            if let Some(RootKind::Snapshot(snapshot)) = guarded.roots.pop().map(|root| root.kind) {
                own.give_back(snapshot);
            }
        }
        own.after_call();
    }

    /// Ends a transaction of the calling thread in a failed environment, and refuses its calls.
    pub(crate) fn end_after_failure(&self, level: u64) {
        let mut guarded = self.guarded.lock();
        guarded.undo(&[level], true);
        guarded.release(Ending::Failed { own_thread: true });
    }

    /// Returns true if the environment has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.opening.state() == State::Failed
    }

    /// Runs a call in the seat, and then releases the pooled snapshot.
    pub(crate) fn call<R>(&self, f: impl FnOnce(&mut Call<'_, E>) -> Result<R>) -> Result<R> {
        // Checked before the lock, which another thread of the parent may have held at the fork.
        self.opening.check_process()?;
        let _busy = Busy::new(&self.busy);
        let mut guarded = self.guarded.lock();
        if self.opening.state() != State::Open {
            let failed = self.opening.state() == State::Failed;
            guarded.release(Ending::of(failed, true));
            return Err(if failed { self.opening.failure() } else { closed() });
        }
        if self.marked.load(Ordering::Acquire) {
            let marks = std::mem::take(&mut *self.marks.lock());
            self.marked.store(false, Ordering::Release);
            guarded.undo(&marks, true);
        }
        let mut call = Call::new(guarded);
        let result = f(&mut call);
        drop(call);
        self.after_call();
        result
    }

    /// Releases the content of the seat if the environment was closed during a call in it.
    #[inline]
    pub(crate) fn after_call(&self) {
        // On x86 the preceding unlock is a full barrier; elsewhere the state could be read before it.
        #[cfg(not(target_arch = "x86_64"))]
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.opening.state() != State::Open {
            self.release_if_free(true);
        }
    }

    /// Releases the content of the seat, unless a call is in progress in it, which then does so itself.
    pub(crate) fn release_if_free(&self, own_thread: bool) {
        if let Some(mut guarded) = self.guarded.try_lock() {
            guarded.release(Ending::of(self.opening.state() == State::Failed, own_thread));
        }
    }
}
