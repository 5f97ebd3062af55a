//! Manages the seats of all threads in an environment.
//!
//! Closing takes every free seat, and leaves each busy seat to the call inside it, which releases the seat when it
//! returns. Growth and removal stop all calls. A thread that ends leaves its seats.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use crate::engine::deadline::Deadline;
use crate::engine::threads::guarded::{Ending, Guarded};
use crate::engine::threads::opening::{Opening, State};
use crate::engine::threads::pin;
use crate::engine::threads::seat::Seat;
use crate::engine::threads::{Seated, thread_number};
use crate::error::{Error, Result};
use crate::memory::{self, NoMemory, TryGrow};
use crate::platform::sync::{Mutex, MutexGuard};

/// The seats of an environment while no call is in progress.
pub(crate) struct Stopped<'s, 'g, E: Seated> {
    seats: &'s mut [MutexGuard<'g, Guarded<E>>],
}

impl<E: Seated> Stopped<'_, '_, E> {
    /// Returns the snapshots of transactions and iterators.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &E::Snapshot> {
        self.seats.iter().flat_map(|guarded| guarded.snapshots())
    }

    /// Releases the reader slots that threads keep between calls.
    pub(crate) fn release_idle(&mut self) {
        self.seats.iter_mut().for_each(|guarded| guarded.pooled = None);
    }
}

/// Returns the seats that still exist.
fn upgraded<E: Seated>(list: &[Weak<Seat<E>>]) -> Result<Vec<Arc<Seat<E>>>, NoMemory> {
    let mut seats = memory::room_for(list.len())?;
    seats.extend(list.iter().filter_map(Weak::upgrade));
    Ok(seats)
}

fn settle<E: Seated>(seats: &[Arc<Seat<E>>]) {
    for seat in seats {
        seat.settle();
    }
}

/// Every seat of an environment.
pub(crate) struct Seats<E: Seated> {
    all: Mutex<Vec<Weak<Seat<E>>>>,
    /// The seats of ended threads whose snapshots lend addresses.
    left: Mutex<Vec<Arc<Seat<E>>>>,
}

impl<E: Seated> Default for Seats<E> {
    fn default() -> Self {
        Self { all: Mutex::default(), left: Mutex::default() }
    }
}

impl<E: Seated> Seats<E> {
    pub(crate) fn register(&self, seat: &Arc<Seat<E>>) -> Result<()> {
        let mut seats = self.all.lock();
        if seats.len() == seats.capacity() {
            seats.retain(|seat| seat.strong_count() > 0);
        }
        Ok(seats.try_push(Arc::downgrade(seat))?)
    }

    /// Releases the reader slots of threads that are not in a call and have no snapshot. It runs inside a seat, so it
    /// never waits.
    pub(crate) fn release_idle(&self) {
        let Some(seats) = self.all.try_lock() else { return };
        for seat in seats.iter().filter_map(Weak::upgrade) {
            if let Some(mut guarded) = seat.guarded.try_lock() {
                guarded.pooled = None;
            }
            seat.settle();
        }
    }

    /// Removes the seat of an ended thread.
    pub(crate) fn forget(&self, seat: &Seat<E>) {
        self.left.lock().retain(|left| !std::ptr::eq(&raw const **left, seat));
    }

    /// Runs `f` with every seat locked, so that no call is in progress and none can begin. Must not run inside a call
    /// of the thread's seat.
    fn with_all<R>(
        &self,
        f: impl FnOnce(&[Arc<Seat<E>>], &mut [MutexGuard<'_, Guarded<E>>]) -> R,
    ) -> Result<R, NoMemory> {
        let list = self.all.lock();
        let seats = upgraded(&list)?;
        let mut guards = memory::room_for(seats.len())?;
        guards.extend(seats.iter().map(|seat| seat.guarded.lock()));
        let result = f(&seats, &mut guards);
        drop(guards);
        settle(&seats);
        Ok(result)
    }

    /// Runs `f` while no call is in progress and none can begin, after releasing the reader slots that threads keep
    /// between calls. Must not run inside a call of the thread's seat.
    pub(crate) fn stop_and_release_idle<R>(&self, f: impl FnOnce() -> R) -> Result<R> {
        Ok(self.with_all(|_, guards| {
            for guarded in guards {
                guarded.pooled = None;
            }
            f()
        })?)
    }

    /// Runs `f` while no call is in progress and none can begin. Snapshots, and the addresses that they have lent, stay
    /// valid. Must not run inside a call of the thread's seat.
    pub(crate) fn stop_calls<R>(&self, f: impl FnOnce(&mut Stopped<'_, '_, E>) -> Result<R>) -> Result<R> {
        self.with_all(|_, guards| f(&mut Stopped { seats: guards }))?
    }

    /// Runs `f` while no call is in progress and none can begin. Waits until `deadline` for snapshots that have lent
    /// addresses; it does not wait for the calling thread's own, which would never end. `pinned` makes the error, given
    /// whether they are the calling thread's. Must not run inside a call of the thread's seat.
    pub(crate) fn stop<R>(
        &self,
        deadline: &Deadline,
        pinned: impl Fn(bool) -> Error,
        f: impl Fn(&Stopped<'_, '_, E>) -> Result<R>,
    ) -> Result<R> {
        loop {
            let seen = pin::ended();
            let outcome = self.with_all(|seats, guards| {
                let holder = guards.iter().zip(seats).find(|(guarded, _)| guarded.is_pinned());
                match holder {
                    Some((_, holder)) => Err(holder.thread == thread_number()),
                    None => Ok(f(&Stopped { seats: guards })),
                }
            })?;
            let own = match outcome {
                Ok(result) => return result,
                Err(own) => own,
            };
            if own || !pin::wait_for_end(seen, deadline.moment())? {
                return Err(pinned(own));
            }
        }
    }

    /// Closes an opening: later calls fail. Releases the content of its seats, or leaves it to the calls in progress.
    /// Does not wait.
    pub(crate) fn close(&self, opening: &Opening) {
        opening.close();
        self.release(opening);
    }

    /// Releases the content of the seats of a failed opening, so that its files can be reopened, except for snapshots
    /// that lend addresses. Does not wait. Returns true if the calling thread itself has such a snapshot.
    pub(crate) fn retire(&self, opening: &Opening) -> bool {
        self.release(opening);
        own_seat::<E>(opening)
            .is_some_and(|mine| mine.guarded.try_lock().is_none_or(|guarded| guarded.is_pinned()))
    }

    fn release(&self, opening: &Opening) {
        let mine = own_seat::<E>(opening);
        // If memory for the list runs out, each thread releases its own seat at its next call or at its end.
        let seats = upgraded(&self.all.lock()).unwrap_or_default();
        for seat in seats {
            if seat.is_of(opening) {
                let own = mine.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, &seat));
                seat.release_if_free(own);
            }
        }
        // Seats that still lend addresses stay.
        self.left.lock().retain(|seat| {
            !seat.is_of(opening) || seat.guarded.try_lock().is_none_or(|guarded| guarded.is_pinned())
        });
    }
}

/// A thread's own reference to a seat. Cloning it, as every call does, does not write to shared memory.
#[allow(clippy::redundant_allocation)] // that is what the `Rc` around the `Arc` is for
pub(crate) type OwnSeat<E> = Rc<Arc<Seat<E>>>;

/// The seats of a thread. When the thread ends, its transactions end too, except for snapshots that have lent
/// addresses.
///
/// `ManuallyDrop`, since a signal handler may end the process during an iteration over the seats: then they stay.
pub(crate) struct Mine<E: Seated>(ManuallyDrop<RefCell<Vec<OwnSeat<E>>>>);

impl<E: Seated> Mine<E> {
    pub(crate) const fn new() -> Self {
        Self(ManuallyDrop::new(RefCell::new(Vec::new())))
    }
}

impl<E: Seated> Default for Mine<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Seated> Drop for Mine<E> {
    fn drop(&mut self) {
        let Ok(seats) = self.0.try_borrow_mut().map(|mut seats| std::mem::take(&mut *seats)) else { return };
        for seat in seats {
            if seat.opening.check_process().is_ok() {
                if let Some(engine) = seat.leave() {
                    engine.seats().left.lock().push(Arc::clone(&seat));
                    // Another thread may have closed the environment or ended the snapshots in between.
                    seat.after_call();
                    if seat.guarded.lock().roots.is_empty() {
                        engine.seats().forget(&seat);
                    }
                }
            } else {
                std::mem::forget(seat);
            }
        }
    }
}

/// Defines an engine's list of each thread's seats: statics cannot be generic. Implements `with_mine` of [`Seated`].
macro_rules! thread_local_seats {
    ($engine:ty) => {
        thread_local! {
            static MINE: $crate::engine::threads::seats::Mine<$engine> =
                const { $crate::engine::threads::seats::Mine::new() };
        }

        /// The seats of threads whose `MINE` is already destroyed.
        static WHILE_ENDING: $crate::platform::ending::WhileEnding<
            $crate::engine::threads::seats::Mine<$engine>,
        > = $crate::platform::ending::WhileEnding::new();

        /// Runs `f` with the seats of the calling thread, which may be ending.
        #[inline]
        fn with_mine<R>(
            mut f: impl FnMut(&$crate::engine::threads::seats::Mine<$engine>) -> R,
        ) -> $crate::error::Result<R> {
            match MINE.try_with(&mut f) {
                Ok(result) => Ok(result),
                Err(_) => WHILE_ENDING.with(f),
            }
        }
    };
}
pub(crate) use thread_local_seats;

/// Releases the calling thread's resources in closed environments. Must not run inside a call of a seat.
pub(crate) fn leave_closed_seats<E: Seated>() {
    let closed: Vec<OwnSeat<E>> = E::with_mine(|mine| {
        let mut seats = mine.0.borrow_mut();
        let is_closed =
            |seat: &OwnSeat<E>| seat.opening.check_process().is_ok() && seat.opening.state() == State::Closed;
        let (closed, open) = std::mem::take(&mut *seats).into_iter().partition(is_closed);
        *seats = open;
        closed
    })
    .unwrap_or_default();
    for seat in closed {
        seat.guarded.lock().release(Ending::Closed { own_thread: true });
    }
}

fn own_seat<E: Seated>(opening: &Opening) -> Option<Arc<Seat<E>>> {
    E::with_mine(|mine| mine.0.borrow().iter().find(|s| s.is_of(opening)).map(|s| Arc::clone(s)))
        .ok()
        .flatten()
}

/// Ends the snapshot of an iterator. The calling thread keeps it for its next read, if the thread has a seat.
pub(crate) fn hand_back<E: Seated>(seat: &Seat<E>) {
    if seat.opening.check_process().is_ok()
        && let Some(own) = own_seat::<E>(&seat.opening)
    {
        seat.hand_back(&own);
    }
}

/// Finds the calling thread's seat, or makes it with the engine that `engine` returns.
#[inline]
pub(crate) fn seat_of_thread<E: Seated>(
    opening: &Arc<Opening>,
    engine: impl FnOnce() -> Result<Arc<E>>,
) -> Result<OwnSeat<E>> {
    let found = E::with_mine(|mine| {
        let at = mine.0.borrow().iter().position(|seat| seat.is_of(opening))?;
        let mut seats = mine.0.borrow_mut();
        // Moves the last used seat to the front: most threads use one environment for a long time.
        seats.swap(0, at);
        Some(Rc::clone(&seats[0]))
    })?;
    if let Some(seat) = found {
        return Ok(seat);
    }
    let seat = Rc::new(Seat::make(&engine()?, opening, thread_number())?);
    leave_closed_seats::<E>();
    E::with_mine(|mine| mine.0.borrow_mut().try_push(Rc::clone(&seat)))??;
    Ok(seat)
}
