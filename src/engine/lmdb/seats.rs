//! Seats: what each thread has per environment.
//!
//! A seat holds a thread's pooled read transaction and its stack of current transactions, behind a lock of
//! its own. A call locks its thread's seat, which nobody else contends for, and so costs no cache line that
//! threads share; closing takes every seat that is free, and leaves the others to the calls that are under
//! way in them: the last one out releases. Nobody waits for the write lock while in a seat.
//!
//! An iterator outside of transactions has a seat of its own, with its snapshot.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::reader::Reader;
use super::txn::{Snapshot, WriteTxn};
use super::writer::thread_number;
use super::{Begin, Engine, fork, has_failed, pin};
use crate::error::{Error, Result, Status};

/// Where an opening stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Open,
    Closed,
    /// What lies below is of no more use.
    Failed,
}

/// One opening of an environment, from open to close.
pub(crate) struct Opening {
    id: u64,
    state: AtomicU8,
    process: u64,
}

impl Opening {
    pub(crate) fn new() -> Arc<Opening> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Opening {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            state: AtomicU8::new(0),
            process: fork::process(),
        })
    }

    /// Fails in a child of the process that opened it.
    #[inline]
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.process == fork::process() { Ok(()) } else { Err(fork::forked()) }
    }

    /// Makes its calls fail, unless it is closed.
    pub(super) fn fail(&self) {
        let (open, failed) = (State::Open as u8, State::Failed as u8);
        // If it is not open there is nothing to do.
        let _ = self.state.compare_exchange(open, failed, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Open,
            1 => State::Closed,
            _ => State::Failed,
        }
    }
}

/// One stack of transactions: an engine's transaction, and the levels begun in it.
pub(crate) struct Root {
    pub(crate) id: u64,
    pub(crate) kind: RootKind,
    /// From the outermost to the innermost, never empty.
    pub(crate) levels: Vec<Level>,
}

pub(crate) enum RootKind {
    Snapshot(Snapshot),
    Write(WriteTxn),
}

/// One begun transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) id: u64,
    /// Whether it was begun for writing.
    pub(crate) write: bool,
}

/// What lies in a seat.
pub(crate) struct Guarded {
    /// Absent once the environment was closed.
    engine: Option<Arc<Engine>>,
    /// The thread's read transaction, without a snapshot between calls.
    pub(crate) pooled: Option<Snapshot>,
    pub(crate) roots: Vec<Root>,
    /// The root that calls of the thread are part of.
    pub(crate) current: Option<u64>,
}

/// A thread's place in an environment. Aligned so that two seats share no cache line.
#[repr(align(128))]
pub(crate) struct Seat {
    opening: Arc<Opening>,
    /// The thread whose own it is; 0: an iterator's.
    thread: u64,
    guarded: Mutex<Guarded>,
    /// Whether another thread has asked for transactions of this one to be undone.
    marked: AtomicBool,
    marks: Mutex<Vec<u64>>,
    /// Whether the thread has ended, so that nobody but others can end what it left.
    left: AtomicBool,
}

impl Seat {
    /// A seat that is not a thread's own.
    pub(crate) fn new(engine: &Arc<Engine>, opening: &Arc<Opening>) -> Arc<Seat> {
        Self::make(engine, opening, 0)
    }

    fn make(engine: &Arc<Engine>, opening: &Arc<Opening>, thread: u64) -> Arc<Seat> {
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
        });
        engine.seats.register(&seat);
        seat
    }

    /// Asks the seat's thread to undo a transaction at its next call.
    pub(crate) fn mark(&self, level: u64) {
        self.marks.lock().push(level);
        self.marked.store(true, Ordering::SeqCst);
        // A snapshot may end on any thread, and should, since it keeps old pages: here, if nobody is in.
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
            engine.seats.forget(self);
        }
        self.settle();
    }

    /// Ends what the thread has begun, which ends too. A snapshot that has lent addresses stays until somebody ends
    /// that. Gives the engine then.
    fn leave(&self) -> Option<Arc<Engine>> {
        // Before the marks are looked at: whoever marks after that finds it set.
        self.left.store(true, Ordering::SeqCst);
        let mut guarded = self.guarded.lock();
        let marks = std::mem::take(&mut *self.marks.lock());
        guarded.undo(&marks, true);
        guarded.release(Ending::Thread);
        guarded.engine.clone()
    }

    /// Whoever was in another thread's seat calls this after: closing, if it came meanwhile, took that for a call
    /// which would release what lies there.
    fn settle(&self) {
        if self.opening.state() != State::Open {
            self.release_if_free(false);
        }
    }

    /// Ends a transaction of the calling thread in an environment that has failed, and refuses its calls.
    pub(crate) fn end_after_failure(&self, level: u64) {
        let mut guarded = self.guarded.lock();
        guarded.undo(&[level], true);
        guarded.release(Ending::Failed { own_thread: true });
    }

    /// Runs a call in the seat. The pooled snapshot is let go after it.
    pub(crate) fn call<R>(&self, f: impl FnOnce(&mut Call<'_>) -> Result<R>) -> Result<R> {
        // Before the lock, which another thread of the parent may have held.
        self.opening.check_process()?;
        let mut guarded = self.guarded.lock();
        if self.opening.state() != State::Open {
            let failed = self.opening.state() == State::Failed;
            guarded.release(Ending::of(failed, true));
            return Err(if failed { has_failed() } else { closed() });
        }
        if self.marked.load(Ordering::Acquire) {
            let marks = std::mem::take(&mut *self.marks.lock());
            self.marked.store(false, Ordering::Release);
            guarded.undo(&marks, true);
        }
        let mut call = Call { guarded, pooled_in_use: false };
        let result = f(&mut call);
        drop(call);
        self.after_call();
        result
    }

    /// If the environment was closed while a call was in the seat, the call releases what lies there.
    #[inline]
    fn after_call(&self) {
        // On x86 the unlock before is a full barrier; elsewhere the state could be read ahead of it.
        #[cfg(not(target_arch = "x86_64"))]
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.opening.state() != State::Open {
            self.release_if_free(true);
        }
    }

    /// Releases what lies in the seat, unless a call is under way in it, which then does so itself.
    fn release_if_free(&self, own_thread: bool) {
        if let Some(mut guarded) = self.guarded.try_lock() {
            guarded.release(Ending::of(self.opening.state() == State::Failed, own_thread));
        }
    }
}

#[cold]
fn closed() -> Error {
    Error::new(Status::BadHandle, "the environment was closed; open it again")
}

/// Why what lies in a seat is let go, and whether the seat's own thread does it.
#[derive(Clone, Copy)]
enum Ending {
    Closed {
        own_thread: bool,
    },
    Failed {
        own_thread: bool,
    },
    /// The thread ends. What a snapshot of it has lent is good until somebody ends the snapshot.
    Thread,
}

impl Ending {
    fn of(failed: bool, own_thread: bool) -> Ending {
        if failed { Ending::Failed { own_thread } } else { Ending::Closed { own_thread } }
    }

    /// A write transaction stays where it is unless its own thread ends it: LMDB's write lock can only be let go
    /// there. Nobody has asked for the end when the environment fails, so addresses that were lent stay good.
    fn leaves(self, kind: &RootKind) -> bool {
        match (self, kind) {
            (Ending::Closed { own_thread } | Ending::Failed { own_thread }, RootKind::Write(_)) => {
                !own_thread
            }
            (Ending::Thread, RootKind::Write(_)) | (Ending::Closed { .. }, RootKind::Snapshot(_)) => false,
            (Ending::Failed { .. } | Ending::Thread, RootKind::Snapshot(snapshot)) => snapshot.is_pinned(),
        }
    }
}

impl Guarded {
    /// Whether a snapshot in it has lent addresses.
    pub(crate) fn is_pinned(&self) -> bool {
        self.roots.iter().any(|root| matches!(&root.kind, RootKind::Snapshot(s) if s.is_pinned()))
    }

    /// Ends everything that may end, and lets the environment go.
    fn release(&mut self, ending: Ending) {
        self.pooled = None;
        self.current = None;
        self.roots.retain(|root| ending.leaves(&root.kind));
        if self.roots.is_empty() {
            self.engine = None;
        }
    }

    /// Undoes levels that another thread has marked, with what was begun inside them.
    pub(crate) fn undo(&mut self, marks: &[u64], own_thread: bool) {
        for mark in marks {
            let Some(at) = self.roots.iter().position(|root| root.levels.iter().any(|l| l.id == *mark))
            else {
                continue;
            };
            if !own_thread && matches!(self.roots[at].kind, RootKind::Write(_)) {
                continue;
            }
            let root = &mut self.roots[at];
            while let Some(level) = root.levels.pop() {
                if let RootKind::Write(txn) = &mut root.kind
                    && level.write
                    && !root.levels.is_empty()
                {
                    txn.abort_savepoint();
                }
                if level.id == *mark {
                    break;
                }
            }
            if self.roots[at].levels.is_empty() {
                let root = self.roots.swap_remove(at);
                if self.current == Some(root.id) {
                    self.current = None;
                }
            }
        }
    }
}

/// A call under way in a seat.
pub(crate) struct Call<'s> {
    guarded: MutexGuard<'s, Guarded>,
    pooled_in_use: bool,
}

impl Drop for Call<'_> {
    /// Lets the pooled snapshot go, also where the call panicked.
    fn drop(&mut self) {
        if self.pooled_in_use
            && let Some(pooled) = &mut self.guarded.pooled
        {
            pooled.reset();
        }
    }
}

impl Call<'_> {
    /// The engine.
    pub(crate) fn engine(&self) -> Result<&Arc<Engine>> {
        self.guarded.engine.as_ref().ok_or_else(closed)
    }

    /// Everything in the seat.
    pub(crate) fn guarded(&mut self) -> &mut Guarded {
        &mut self.guarded
    }

    /// The stack that the thread's calls are part of.
    pub(crate) fn current(&mut self) -> Option<&mut Root> {
        let current = self.guarded.current?;
        self.guarded.roots.iter_mut().find(|root| root.id == current)
    }

    /// Reads in the current transaction, or else in the newest snapshot until the call ends.
    #[inline]
    pub(crate) fn reader(&mut self) -> Result<Reader<'_>> {
        if self.guarded.current.is_none() && !self.pooled_in_use {
            self.renew()?;
            self.pooled_in_use = true;
        }
        let Guarded { engine, pooled, roots, current } = &mut *self.guarded;
        let engine = engine.as_ref().ok_or_else(closed)?;
        if let Some(current) = current
            && let Some(root) = roots.iter_mut().find(|root| root.id == *current)
        {
            return Ok(Reader::new(engine, &mut root.kind));
        }
        pooled.as_mut().map(|snapshot| Reader::of_snapshot(engine, snapshot)).ok_or_else(closed)
    }

    /// Makes the pooled snapshot the newest. Leaves the seat for a while where another process has outgrown
    /// the map.
    #[inline]
    fn renew(&mut self) -> Result<()> {
        loop {
            let Guarded { engine, pooled, .. } = &mut *self.guarded;
            let engine = engine.as_ref().ok_or_else(closed)?;
            let renewed = match pooled {
                Some(snapshot) => snapshot.renew(engine),
                None => Snapshot::begin(engine).map(|snapshot| *pooled = Some(snapshot)),
            };
            match renewed {
                Ok(()) => return Ok(()),
                Err(Begin::Failed(error)) => return Err(error),
                Err(Begin::Resized) => {
                    let engine = Arc::clone(engine);
                    MutexGuard::unlocked(&mut self.guarded, || engine.follow_growth())?;
                    engine.check_usable()?;
                }
            }
        }
    }

    /// Reads in the stack that holds a level, or `None` where that level has ended.
    pub(crate) fn reader_of(&mut self, level: u64) -> Result<Option<Reader<'_>>> {
        let Guarded { engine, roots, .. } = &mut *self.guarded;
        let engine = engine.as_ref().ok_or_else(closed)?;
        let root = roots.iter_mut().find(|root| root.levels.iter().any(|l| l.id == level));
        Ok(root.map(|root| Reader::new(engine, &mut root.kind)))
    }

    /// A snapshot of the newest commit that outlives the call.
    pub(crate) fn snapshot(&mut self) -> Result<Snapshot> {
        if !self.pooled_in_use {
            self.renew()?;
        }
        self.pooled_in_use = false;
        self.guarded.pooled.take().ok_or_else(closed)
    }
}

/// The seats of an environment while no call is under way.
pub(super) struct Stopped<'s> {
    seats: PhantomData<&'s [Arc<Seat>]>,
}

fn settle(seats: &[Arc<Seat>]) {
    for seat in seats {
        seat.settle();
    }
}

/// Every seat of an environment.
#[derive(Default)]
pub(crate) struct Seats {
    all: Mutex<Vec<Weak<Seat>>>,
    /// Those of ended threads whose snapshots lend addresses.
    left: Mutex<Vec<Arc<Seat>>>,
}

impl Seats {
    fn register(&self, seat: &Arc<Seat>) {
        let mut seats = self.all.lock();
        if seats.len() == seats.capacity() {
            seats.retain(|seat| seat.strong_count() > 0);
        }
        seats.push(Arc::downgrade(seat));
    }

    fn all(&self) -> Vec<Arc<Seat>> {
        self.all.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Lets go the reader slots of threads that are not in a call and have no snapshot. Called in a seat, so it
    /// waits for nobody.
    pub(super) fn release_idle(&self) {
        let Some(seats) = self.all.try_lock() else { return };
        for seat in seats.iter().filter_map(Weak::upgrade) {
            if let Some(mut guarded) = seat.guarded.try_lock() {
                guarded.pooled = None;
            }
            seat.settle();
        }
    }

    /// Lets go a seat of an ended thread.
    fn forget(&self, seat: &Seat) {
        self.left.lock().retain(|left| !std::ptr::eq(&raw const **left, seat));
    }

    /// Runs `f` while no call is under way and none can begin; snapshots and what they have lent stay. In no
    /// call of the thread's seat.
    pub(super) fn stop_calls<R>(&self, f: impl FnOnce(&Stopped<'_>) -> Result<R>) -> Result<R> {
        let list = self.all.lock();
        let seats: Vec<Arc<Seat>> = list.iter().filter_map(Weak::upgrade).collect();
        let guards: Vec<_> = seats.iter().map(|seat| seat.guarded.lock()).collect();
        let result = f(&Stopped { seats: PhantomData });
        drop(guards);
        settle(&seats);
        result
    }

    /// Runs `f` while no call is under way and none can begin. Waits until `deadline` for snapshots that have
    /// lent addresses; the calling thread's own would never end. In no call of the thread's seat.
    pub(super) fn stop<R>(
        &self,
        deadline: Option<Instant>,
        f: impl FnOnce(&Stopped<'_>) -> Result<R>,
    ) -> Result<R> {
        loop {
            let seen = pin::ended();
            let list = self.all.lock();
            let seats: Vec<Arc<Seat>> = list.iter().filter_map(Weak::upgrade).collect();
            let guards: Vec<_> = seats.iter().map(|seat| seat.guarded.lock()).collect();
            let pinned = guards.iter().zip(&seats).find(|(guarded, _)| guarded.is_pinned());
            let Some((_, holder)) = pinned else {
                let result = f(&Stopped { seats: PhantomData });
                drop(guards);
                settle(&seats);
                return result;
            };
            let own = holder.thread == thread_number();
            drop(guards);
            settle(&seats);
            drop(list);
            if own || !pin::wait_for_end(seen, deadline) {
                return Err(Error::new(
                    Status::MapBusy,
                    format!(
                        "the memory map must grow, but a snapshot of {} thread has lent references into it; end \
                         that first",
                        if own { "this" } else { "another" }
                    ),
                ));
            }
        }
    }

    /// Closes an opening: its calls fail from now on, and what lies in its seats is released, here or by the
    /// calls that are under way. Does not wait.
    pub(crate) fn close(&self, opening: &Opening) {
        opening.state.store(State::Closed as u8, Ordering::SeqCst);
        self.release(opening);
    }

    /// Releases what lies in the seats of an opening that has failed, so that its files can be opened anew, but for
    /// what lends addresses. Does not wait. Gives whether the calling thread itself holds such.
    pub(crate) fn retire(&self, opening: &Opening) -> bool {
        self.release(opening);
        own_seat(opening)
            .is_some_and(|mine| mine.guarded.try_lock().is_none_or(|guarded| guarded.is_pinned()))
    }

    fn release(&self, opening: &Opening) {
        let mine = own_seat(opening);
        for seat in self.all() {
            if seat.opening.id == opening.id {
                let own = mine.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, &seat));
                seat.release_if_free(own);
            }
        }
        let of_opening = |seat: &Arc<Seat>| seat.opening.id == opening.id;
        // What still lends addresses stays.
        self.left.lock().retain(|seat| {
            !of_opening(seat) || seat.guarded.try_lock().is_none_or(|guarded| guarded.is_pinned())
        });
    }
}

/// A thread's own hold on a seat. Cloning it, as every call does, writes no memory that threads share.
#[allow(clippy::redundant_allocation)] // that is what the `Rc` around the `Arc` is for
pub(crate) type OwnSeat = Rc<Arc<Seat>>;

/// The seats of a thread. When the thread ends, so do its transactions, but for snapshots that have lent addresses.
struct Mine(RefCell<Vec<OwnSeat>>);

impl Drop for Mine {
    fn drop(&mut self) {
        for seat in self.0.take() {
            if seat.opening.check_process().is_ok() {
                if let Some(engine) = seat.leave() {
                    engine.seats.left.lock().push(Arc::clone(&seat));
                    // Closing, or whoever ended the snapshots, may have come in between.
                    seat.after_call();
                    if seat.guarded.lock().roots.is_empty() {
                        engine.seats.forget(&seat);
                    }
                }
            } else {
                std::mem::forget(seat);
            }
        }
    }
}

thread_local! {
    static MINE: Mine = const { Mine(RefCell::new(Vec::new())) };
}

/// Releases what the calling thread has in environments that were closed. In no call of a seat.
pub(crate) fn leave_closed_seats() {
    let closed: Vec<OwnSeat> = MINE
        .try_with(|mine| {
            let mut seats = mine.0.borrow_mut();
            let is_closed = |seat: &OwnSeat| {
                seat.opening.check_process().is_ok() && seat.opening.state() == State::Closed
            };
            let (closed, open) = std::mem::take(&mut *seats).into_iter().partition(is_closed);
            *seats = open;
            closed
        })
        .unwrap_or_default();
    for seat in closed {
        seat.guarded.lock().release(Ending::Closed { own_thread: true });
    }
}

fn own_seat(opening: &Opening) -> Option<Arc<Seat>> {
    MINE.try_with(|mine| mine.0.borrow().iter().find(|s| s.opening.id == opening.id).map(|s| Arc::clone(s)))
        .ok()
        .flatten()
}

/// Finds the calling thread's seat, or makes it with the engine that `engine` gives.
#[inline]
pub(crate) fn seat_of_thread(
    opening: &Arc<Opening>,
    engine: impl FnOnce() -> Result<Arc<Engine>>,
) -> Result<OwnSeat> {
    MINE.try_with(|mine| {
        let found = mine.0.borrow().iter().position(|seat| seat.opening.id == opening.id);
        if let Some(at) = found {
            let mut seats = mine.0.borrow_mut();
            // The last used first: most threads use one environment for long.
            seats.swap(0, at);
            return Ok(Rc::clone(&seats[0]));
        }
        let seat = Rc::new(Seat::make(&engine()?, opening, thread_number()));
        leave_closed_seats();
        mine.0.borrow_mut().push(Rc::clone(&seat));
        Ok(seat)
    })
    .map_err(|_| Error::new(Status::BadHandle, "the calling thread is ending"))?
}
