//! Implements calls of a thread in its seat that may need more than the seat: a space that is not open, or their own
//! commit.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::txn::spaces::Space;
use crate::engine::lmdb::{Engine, Seat, SpaceOp};
use crate::engine::threads::root::RootKind;
use crate::engine::{Leave, Outcome, Wait};
use crate::error::{Error, Result, Status};

impl Seat {
    /// Returns the engine, for calls that do not use a seat.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>> {
        self.call(|call| Ok(Arc::clone(call.engine()?)))
    }

    /// Reads in the thread's current transaction or in the newest snapshot. If `look` finds a space that is not open,
    /// the space is opened outside of the call, and `look` runs again.
    #[inline]
    pub(crate) fn read<R>(&self, mut look: impl FnMut(&mut Reader<'_>) -> Result<R, Leave>) -> Result<R> {
        loop {
            let looked = self.call(|call| {
                let mut reader = call.reader()?;
                match look(&mut reader) {
                    Ok(result) => Ok(Ok(result)),
                    Err(Leave::Failed(error)) => Err(error),
                    Err(Leave::Outside) => Ok(Err(reader.wanted())),
                }
            })?;
            match looked {
                Ok(result) => return Ok(result),
                Err(wanted) => self.open_wanted(wanted)?,
            }
        }
    }

    /// Does the same for a space that a reader has found not to be open.
    #[cold]
    pub(crate) fn open_wanted(&self, wanted: Option<Arc<Space>>) -> Result<()> {
        wanted.map_or(Ok(()), |space| self.open_space(&space))
    }

    /// Opens a space for the process, so that the thread's current transaction can use it.
    #[cold]
    pub(crate) fn open_space(&self, space: &Arc<Space>) -> Result<()> {
        // A writer may be waiting for addresses that this thread's snapshot has lent: then this thread must not wait
        // for the writer.
        let (engine, pinned, horizon) = self.call(|call| {
            let horizon = call.current().and_then(|root| match &root.kind {
                RootKind::Snapshot(snapshot) => Some(snapshot.horizon()),
                RootKind::Write(_) => None,
            });
            let pinned = call.guarded().is_pinned();
            Ok((Arc::clone(call.engine()?), pinned, horizon))
        })?;
        let wait = if pinned { Wait::For(Duration::ZERO) } else { Wait::Default };
        engine.open_space(space, horizon, wait)?;
        if horizon.is_none_or(|horizon| space.db(horizon).is_some()) {
            return Ok(());
        }
        // Without a snapshot, something was committed: the data file has outgrown this process's map.
        let mut newest = engine.newest()?;
        if let Some(snapshot) = newest.snapshot.take()
            && self.call(|call| {
                // Another thread may have ended it since. Then there is nothing to refresh, and the thread must not
                // wait for a slot that it uses itself.
                if call.current().is_some() { Ok(call.reader()?.refresh(snapshot)) } else { Ok(true) }
            })?
        {
            return Ok(());
        }
        Err(Error::new(
            Status::Conflict,
            format!(
                "collection {:?} cannot be used in this snapshot: it was not open in this process when the snapshot \
                 began, and there were commits since; use it before you begin the snapshot, or begin a new one",
                space.as_str()
            ),
        ))
    }

    /// Writes in the thread's current transaction, or in its own, if the catalog has this sequence number, and returns
    /// the outcome of the last operation. Otherwise returns `Ok(None)`, and writes nothing.
    pub(crate) fn write_under(&self, sequence: u64, ops: &[SpaceOp<'_>]) -> Result<Option<Outcome>> {
        enum Step {
            Done(Option<Outcome>),
            Autocommit(Arc<Engine>),
        }
        let step = self.call(|call| {
            let Some(root) = call.current() else { return Ok(Step::Autocommit(Arc::clone(call.engine()?))) };
            root.check_writable()?;
            let mut reader = call.reader()?;
            if reader.sequence()? != Some(sequence) {
                return Ok(Step::Done(None));
            }
            let txn = reader.write()?;
            ops.iter().try_fold(None, |_, op| txn.apply(op).map(Some)).map(Step::Done)
        })?;
        match step {
            Step::Done(outcome) => Ok(outcome),
            Step::Autocommit(engine) => engine.autocommit(sequence, ops),
        }
    }

    /// Returns true if the thread's calls are part of a transaction.
    pub(crate) fn in_transaction(&self) -> Result<bool> {
        self.call(|call| Ok(call.current().is_some()))
    }
}
