//! Implements handles of transactions: each names one level of one thread's stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Access, NotEnded, Switched, Wait, WeakSeat};
use crate::error::{Error, Result, Status};
use crate::store::registry::Shared;

/// A handle of one level of one thread's stack. Dropping it has no effect.
#[derive(Clone)]
pub struct TxnRef {
    id: u64,
    shared: Arc<Shared>,
    seat: WeakSeat,
    ended: Arc<AtomicBool>,
}

impl TxnRef {
    pub fn begin(shared: &Arc<Shared>, access: Access, wait: Wait) -> Result<TxnRef> {
        let seat = shared.seat()?;
        Ok(TxnRef {
            id: seat.begin(access, wait)?,
            shared: Arc::clone(shared),
            seat: seat.downgrade(),
            ended: Arc::new(AtomicBool::new(false)),
        })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn commit(&self) -> Result<()> {
        self.end(true)
    }

    /// Aborts the transaction. A call from another thread only marks it; its own thread aborts it later.
    pub fn abort(&self) -> Result<()> {
        self.end(false)
    }

    /// Aborts the transaction and all levels inside it, if it exists.
    pub fn undo(&self) {
        // Without a seat, there is no transaction to abort.
        drop(self.shared.seat().and_then(|seat| seat.undo(self.id)));
        self.ended.store(true, Ordering::Release);
    }

    fn end(&self, commit: bool) -> Result<()> {
        let seat = self.shared.seat()?;
        if !seat.is(&self.seat) {
            return if commit { Err(of_another_thread()) } else { self.abort_elsewhere() };
        }
        match seat.end(self.id, commit) {
            Ok(()) => {
                self.ended.store(true, Ordering::Release);
                Ok(())
            }
            Err(NotEnded::Over(error)) => {
                self.ended.store(true, Ordering::Release);
                Err(error)
            }
            Err(NotEnded::Goes(error)) => Err(error),
        }
    }

    fn abort_elsewhere(&self) -> Result<()> {
        if self.ended.swap(true, Ordering::AcqRel) {
            return Err(over());
        }
        // Marking failed, so the transaction can be ended again.
        self.seat.mark(self.id).inspect_err(|_| self.ended.store(false, Ordering::Release))
    }

    /// Returns the calling thread's seat and innermost transaction, or `None` outside of transactions.
    pub fn innermost(shared: &Shared) -> Result<Option<(WeakSeat, u64)>> {
        let seat = shared.seat()?;
        Ok(seat.innermost()?.map(|level| (seat.downgrade(), level)))
    }

    /// Returns the calling thread's innermost transaction, or `None` outside of transactions.
    pub fn current(shared: &Shared) -> Result<Option<u64>> {
        shared.seat()?.innermost()
    }

    /// Makes another stack of the thread, or none, the current one. Returns the innermost transaction of the previous
    /// stack.
    pub fn set_current(shared: &Shared, txn: Option<&TxnRef>) -> Result<Option<u64>> {
        match shared.seat()?.set_current(txn.map(TxnRef::id))? {
            Switched::From(previous) => Ok(previous),
            Switched::NotHere => Err(txn.map_or_else(over, TxnRef::not_here)),
        }
    }

    fn not_here(&self) -> Error {
        if self.ended.load(Ordering::Acquire) {
            return over();
        }
        Error::new(Status::WrongThread, "the transaction belongs to another thread or environment")
    }
}

#[cold]
fn over() -> Error {
    Error::new(Status::BadHandle, "the transaction has ended")
}

#[cold]
fn of_another_thread() -> Error {
    Error::new(Status::WrongThread, "a transaction can be committed only by the thread that began it")
}
