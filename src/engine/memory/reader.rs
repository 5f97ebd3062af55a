//! Reads in a snapshot, or in a write transaction with its own writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::bounds::bounds;
use crate::engine::memory::Engine;
use crate::engine::memory::opened::Opened;
use crate::engine::memory::table::{Live, Records, Table};
use crate::engine::memory::txn::{Snapshot, WriteTxn};
use crate::engine::schema::{gone, recreated};
use crate::engine::{Column, Columns, Leave, Limit, Range, ScanStart, nothing_keeps_it};
use crate::error::Result;

/// A reader on one view of the environment.
pub(crate) struct Reader<'c> {
    engine: &'c Arc<Engine>,
    view: View<'c>,
}

enum View<'c> {
    /// The snapshot of a single call, or of a transaction or iterator.
    Snapshot {
        snapshot: &'c mut Snapshot,
        lasting: bool,
    },
    Write(&'c mut WriteTxn),
}

impl<'c> Reader<'c> {
    pub(super) fn of_snapshot(engine: &'c Arc<Engine>, snapshot: &'c mut Snapshot, lasting: bool) -> Self {
        Self { engine, view: View::Snapshot { snapshot, lasting } }
    }

    pub(super) fn of_write(engine: &'c Arc<Engine>, txn: &'c mut WriteTxn) -> Self {
        Self { engine, view: View::Write(txn) }
    }

    /// Returns the number of the commit that it reads, or of the commit that its writes will be.
    pub(crate) fn commit(&self) -> u64 {
        match &self.view {
            View::Snapshot { snapshot, .. } => snapshot.at(),
            View::Write(txn) => txn.at() + 1,
        }
    }

    fn at(&self) -> u64 {
        match &self.view {
            View::Snapshot { snapshot, .. } => snapshot.at(),
            View::Write(txn) => txn.at(),
        }
    }

    /// Returns the write transaction, or `None` in a snapshot.
    pub(super) fn write(&mut self) -> Option<&mut WriteTxn> {
        match &mut self.view {
            View::Snapshot { .. } => None,
            View::Write(txn) => Some(txn),
        }
    }

    pub(crate) fn writes(&self) -> u64 {
        match &self.view {
            View::Snapshot { .. } => 0,
            View::Write(txn) => txn.writes(),
        }
    }

    /// Passes the table to `f`, with the commit that the reader sees.
    pub(super) fn look<R>(&self, f: impl FnOnce(&Table, u64) -> R) -> R {
        f(&self.engine.stored.lock(), self.at())
    }

    pub(super) fn live(&self, name: &str) -> Option<Live> {
        self.look(|table, at| table.catalog.get(name, at).cloned())
    }

    /// Finds an open collection. Returns `None` if it was created in a transaction that was aborted.
    pub(super) fn find(&self, opened: &Opened) -> Result<Option<u64>> {
        match self.live(&opened.name) {
            Some(live) if live.schema == opened.schema => {
                if opened.unsettled.load(Ordering::Relaxed)
                    && !matches!(&self.view, View::Write(txn) if txn.has_created(&opened.name))
                {
                    opened.unsettled.store(false, Ordering::Relaxed);
                }
                Ok(Some(live.id))
            }
            Some(live) => Err(recreated(&opened.name, &live.schema)),
            None if opened.unsettled.load(Ordering::Relaxed) => Ok(None),
            None => Err(gone(&opened.name)),
        }
    }

    /// Passes the records of an open collection to `f`, with the commit that the reader sees.
    fn records<R>(&self, opened: &Opened, f: impl FnOnce(&Records, u64) -> R) -> Result<R, Leave> {
        let found = self.find(opened)?;
        let none = Records::default();
        Ok(self.look(|table, at| f(found.and_then(|id| table.records.get(&id)).unwrap_or(&none), at)))
    }

    /// Passes the records of a range to `f` until it returns false. Returns true if it reached the end of the range.
    fn walk(
        &self,
        opened: &Opened,
        range: &Range,
        from: ScanStart<'_>,
        mut f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, Leave> {
        let (lower, upper) = bounds(range, from);
        self.records(opened, |records, at| {
            let mut records = records.range(lower, upper, at);
            loop {
                let next = if range.reverse { records.next_back() } else { records.next() };
                let Some((key, value)) = next else { return true };
                if !f(key, value) {
                    return false;
                }
            }
        })
    }
}

/// Implements the reads of the seam; see [`crate::engine::Session`].
#[allow(clippy::needless_pass_by_ref_mut)] // as the other engine's
impl Reader<'_> {
    pub(crate) fn open(&mut self, opened: &Opened) -> Result<(), Leave> {
        self.find(opened)?;
        Ok(())
    }

    pub(crate) fn value<R>(
        &mut self,
        opened: &Opened,
        key: &[u8],
        f: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        self.records(opened, |records, at| records.get(key, at).map(|value| f(value)))
    }

    pub(crate) fn values_of(
        &mut self,
        opened: &Opened,
        keys: &Column<'_>,
        mut f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<(), Leave> {
        self.records(opened, |records, at| {
            keys.iter()
                .enumerate()
                .try_for_each(|(index, key)| f(index, records.get(key, at).map(|value| &value[..])))
        })??;
        Ok(())
    }

    pub(crate) fn count(&mut self, opened: &Opened) -> Result<u64, Leave> {
        self.records(opened, |records, at| records.all(at).count() as u64)
    }

    pub(crate) fn edge<R>(
        &mut self,
        opened: &Opened,
        range: &Range,
        f: impl FnOnce(&[u8], &[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        let mut found = None;
        let mut f = Some(f);
        self.walk(opened, range, ScanStart::Range, |key, value| {
            found = f.take().map(|f| f(key, value));
            false
        })?;
        Ok(found)
    }

    pub(crate) fn each_of(
        &mut self,
        opened: &Opened,
        range: &Range,
        f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Leave> {
        self.walk(opened, range, ScanStart::Range, f).map(drop)
    }

    pub(crate) fn scan_of(
        &mut self,
        opened: &Opened,
        range: &Range,
        from: ScanStart<'_>,
        limit: Limit,
        out: &mut Columns,
    ) -> Result<bool, Leave> {
        let (mut items, mut bytes) = (0, 0);
        let mut pushed = Ok(());
        let is_all = self.walk(opened, range, from, |key, value| {
            let size = key.len() + value.len();
            if items > 0 && (items >= limit.items || bytes + size > limit.bytes) {
                return false;
            }
            items += 1;
            bytes += size;
            pushed = out.push(key, value);
            pushed.is_ok()
        })?;
        pushed?;
        Ok(is_all)
    }

    pub(crate) fn lend(&mut self, opened: &Opened, key: &[u8]) -> Result<Option<(*const u8, usize)>, Leave> {
        match &mut self.view {
            View::Snapshot { lasting: false, .. } => return Err(nothing_keeps_it().into()),
            View::Snapshot { snapshot, .. } => snapshot.pin(),
            View::Write(_) => {}
        }
        self.value(opened, key, |value| (value.as_ptr(), value.len()))
    }
}
