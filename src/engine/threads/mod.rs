//! Manages the state of each thread in an environment. Generic over the engine, which provides snapshots and write
//! transactions.
//!
//! - `opening`: one opening of an environment, from open to close
//! - `seat`: a thread's pooled snapshot and its stacks of transactions; `guarded`: the content of a seat; `call`: a
//!   call inside a seat; `seats`: all seats of an environment
//! - `root`: a stack of transactions; `stack`: beginning and ending its levels
//! - `turns`: lets one thread of the process write at a time
//! - `pin`: snapshots that have lent addresses, which must not move

pub(crate) mod call;
pub(crate) mod guarded;
pub(crate) mod opening;
pub(crate) mod pin;
pub(crate) mod root;
pub(crate) mod seat;
pub(crate) mod seats;
pub(crate) mod stack;
pub(crate) mod turns;

use std::sync::Arc;

use seat::Seat;
use seats::{Mine, Seats};

use crate::engine::Wait;
use crate::error::{Error, Result};

/// An engine whose calls run in the seats of threads.
pub(crate) trait Seated: Send + Sync + Sized + 'static {
    type Snapshot: Snapshot + Send;
    type WriteTxn: WriteTxn + Send;
    /// A reader on a snapshot or on a write transaction.
    type Reader<'c>;
    /// The reason why a snapshot can begin only outside of a call.
    type Outside;
    /// A guard that is held from the begin of a snapshot outside of a call until the snapshot is in a seat.
    type Held<'e>;

    fn seats(&self) -> &Seats<Self>;

    /// Runs `f` with the seats of the calling thread, which may be ending; see `thread_local_seats!` in `seats`.
    fn with_mine<R>(f: impl FnMut(&Mine<Self>) -> R) -> Result<R>;

    /// Makes a pooled snapshot the newest. It runs inside a call, so it never waits.
    fn renew(self: &Arc<Self>, pooled: &mut Option<Self::Snapshot>) -> Result<(), Begin<Self::Outside>>;

    /// Removes the obstacle to beginning a snapshot inside a call, or begins one here. Must not run inside a call of
    /// the thread's seat.
    fn begin_outside(self: &Arc<Self>, why: Self::Outside) -> Result<Begun<Self::Snapshot, Self::Held<'_>>>;

    /// Checks the engine's files before a snapshot is kept longer than a call.
    fn check_before_keeping(&self) -> Result<()>;

    /// Returns a reader on a snapshot. If it is not `lasting`, the snapshot ends with the call.
    fn reader_of_snapshot<'c>(
        self: &'c Arc<Self>,
        snapshot: &'c mut Self::Snapshot,
        lasting: bool,
    ) -> Self::Reader<'c>;

    /// Returns a reader on a write transaction with its own writes.
    fn reader_of_write<'c>(self: &'c Arc<Self>, txn: &'c mut Self::WriteTxn) -> Self::Reader<'c>;

    /// Begins a snapshot as the seat's current transaction and returns its level.
    fn begin_snapshot(self: &Arc<Self>, seat: &Seat<Self>) -> Result<u64> {
        seat.call(|call| call.push_snapshot())
    }

    /// Begins a write transaction. If it is not `synced`, its commit does not wait for stable storage. Must not run
    /// inside a call of the thread's seat.
    fn begin_write(self: &Arc<Self>, wait: Wait, synced: bool) -> Result<Box<Self::WriteTxn>>;
}

/// A consistent, unchanging view of an environment.
pub(crate) trait Snapshot {
    /// Releases the view, and keeps the resources that make the next one cheap.
    fn reset(&mut self);

    /// Ends the snapshot, and keeps the resources that make another one cheap.
    fn recycle(&mut self);

    /// Returns true if it has lent addresses that must stay valid.
    fn is_pinned(&self) -> bool;
}

/// A write transaction with its savepoints. Dropping it aborts it.
pub(crate) trait WriteTxn {
    fn begin_savepoint(&mut self) -> Result<()>;
    fn commit_savepoint(&mut self) -> Result<()>;
    fn abort_savepoint(&mut self);

    /// Fails if the transaction has failed before.
    fn check_usable(&self) -> Result<()>;

    /// Commits everything; the transaction ends whatever the outcome. Must not run inside a call of the thread's seat.
    fn commit(self) -> Result<()>;

    /// Undoes everything. Must not run inside a call of the thread's seat.
    fn abort(self);
}

/// The reason why a snapshot did not begin inside a call.
pub(crate) enum Begin<O> {
    /// The caller must leave the seat, call the engine with this reason, and begin again.
    Outside(O),
    Failed(Error),
}

impl<O> From<Error> for Begin<O> {
    fn from(error: Error) -> Self {
        Begin::Failed(error)
    }
}

/// A snapshot that was begun outside of a call.
pub(crate) struct Begun<S, H> {
    /// `None` if only the obstacle was removed; the snapshot may now begin inside a call.
    pub(crate) snapshot: Option<S>,
    /// Dropped last.
    pub(crate) held: H,
}

/// Returns a number of the calling thread that no other thread of the process uses or has used.
pub(crate) fn thread_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // The number has no destructor, so this cannot fail while the thread ends.
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_keeps_its_number() {
        let mine = super::thread_number();
        assert_eq!(mine, super::thread_number());
        let other = std::thread::spawn(super::thread_number).join().expect("the thread does not panic");
        assert_ne!(mine, other);
    }
}
