//! What each thread has in an environment: generic over the engine, which gives snapshots and write transactions.
//!
//! - `opening`: one opening of an environment, from open to close
//! - `seat`: a thread's pooled snapshot and its stacks of transactions; `guarded`: what lies in one; `call`: a call under way
//!   there; `seats`: all of them
//! - `root`: a stack of transactions; `stack`: beginning and ending its levels
//! - `turns`: a process's one right to write
//! - `pin`: snapshots that have lent addresses, which must stay where they are

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
    /// Reads in a snapshot or in a write transaction.
    type Reader<'c>;
    /// Why a snapshot can begin only outside of a call.
    type Outside;
    /// What is held from the beginning of a snapshot outside of a call until it lies in a seat.
    type Held<'e>;

    fn seats(&self) -> &Seats<Self>;

    /// Runs `f` with the seats of the calling thread, which may be ending; see `thread_local_seats!` in `seats`.
    fn with_mine<R>(f: impl FnMut(&Mine<Self>) -> R) -> Result<R>;

    /// Makes a pooled snapshot the newest. In a call, so it waits for nothing.
    fn renew(self: &Arc<Self>, pooled: &mut Option<Self::Snapshot>) -> Result<(), Begin<Self::Outside>>;

    /// Does what keeps a snapshot from beginning in a call, or begins one here. In no call of the thread's seat.
    fn begin_outside(self: &Arc<Self>, why: Self::Outside) -> Result<Begun<Self::Snapshot, Self::Held<'_>>>;

    /// Checks what the engine stands on, before a snapshot is kept for longer than a call.
    fn check_before_keeping(&self) -> Result<()>;

    /// A reader over a snapshot; one that is not `lasting` ends with the call.
    fn reader_of_snapshot<'c>(
        self: &'c Arc<Self>,
        snapshot: &'c mut Self::Snapshot,
        lasting: bool,
    ) -> Self::Reader<'c>;

    /// A reader over a write transaction with its own writes.
    fn reader_of_write<'c>(self: &'c Arc<Self>, txn: &'c mut Self::WriteTxn) -> Self::Reader<'c>;

    /// Begins a snapshot as the seat's current transaction; gives its level.
    fn begin_snapshot(self: &Arc<Self>, seat: &Seat<Self>) -> Result<u64> {
        seat.call(|call| call.push_snapshot())
    }

    /// Begins a write transaction; one that is not `synced` does not wait for stable storage at its commit. In no call of
    /// the thread's seat.
    fn begin_write(self: &Arc<Self>, wait: Wait, synced: bool) -> Result<Box<Self::WriteTxn>>;
}

/// A consistent, unchanging view of an environment.
pub(crate) trait Snapshot {
    /// Lets the view go, and keeps what makes the next one cheap.
    fn reset(&mut self);

    /// Ends it, and keeps what makes another one cheap.
    fn recycle(&mut self);

    /// Returns true if addresses that it has lent must stay valid.
    fn is_pinned(&self) -> bool;
}

/// A write transaction with its savepoints. Dropping it aborts it.
pub(crate) trait WriteTxn {
    fn begin_savepoint(&mut self) -> Result<()>;
    fn commit_savepoint(&mut self) -> Result<()>;
    fn abort_savepoint(&mut self);

    /// Fails where it has met a failure before.
    fn check_usable(&self) -> Result<()>;

    /// Commits everything; it is over whatever the outcome. In no call of the thread's seat.
    fn commit(self) -> Result<()>;

    /// Undoes everything. In no call of the thread's seat.
    fn abort(self);
}

/// Why a snapshot did not begin in a call.
pub(crate) enum Begin<O> {
    /// Leave the seat, let the engine see to it, and begin again.
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
    /// `None`: what kept it from beginning was done, and it may begin in a call.
    pub(crate) snapshot: Option<S>,
    /// Dropped last.
    pub(crate) held: H,
}

/// A number of the calling thread that no other thread of the process has or had.
pub(crate) fn thread_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // No destructor, so this cannot fail while the thread ends.
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
