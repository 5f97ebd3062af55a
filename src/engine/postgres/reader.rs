//! Reads: each is one round trip, in a snapshot, in a write transaction or by itself.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::engine::bounds::bounds;
use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::batch::{Batch, MOST_RECORDS};
use crate::engine::postgres::call::{Access, one};
use crate::engine::postgres::connection::Fault;
use crate::engine::postgres::opened::{Opened, Target};
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::sql::{Ends, Verb};
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::txn::{Snapshot, Txn, WriteTxn};
use crate::engine::postgres::{Engine, unsupported};
use crate::engine::{Column, Columns, Leave, Limit, Range, ScanStart};
use crate::error::{Error, Result, Status};

/// The most records of a page where the caller asks for any number.
const LARGEST_PAGE: Limit = Limit { items: MOST_RECORDS, bytes: 4 << 20 };

/// A reader on one view of the environment.
pub(crate) struct Reader<'c> {
    engine: &'c Arc<Engine>,
    view: View<'c>,
}

enum View<'c> {
    /// Each read is a call by itself. `None` inside a seat.
    Call(Option<Interrupt>),
    Snapshot(&'c mut Snapshot),
    Write(&'c mut WriteTxn),
}

impl<'c> Reader<'c> {
    /// Returns a reader for calls outside of transactions, which must not run inside a call of the thread's seat.
    pub(super) fn of_calls(engine: &'c Arc<Engine>) -> Self {
        Self { engine, view: View::Call(Some(Interrupt::of_thread())) }
    }

    pub(super) fn of_snapshot(engine: &'c Arc<Engine>, snapshot: &'c mut Snapshot, lasting: bool) -> Self {
        let view = if lasting { View::Snapshot(snapshot) } else { View::Call(None) };
        Self { engine, view }
    }

    pub(super) fn of_write(engine: &'c Arc<Engine>, txn: &'c mut WriteTxn) -> Self {
        Self { engine, view: View::Write(txn) }
    }

    /// Returns a number that only readers of the same snapshot have, or of the commit that its writes will be.
    pub(crate) fn commit(&self) -> u64 {
        match &self.view {
            View::Call(_) => 0,
            View::Snapshot(snapshot) => snapshot.number(),
            View::Write(txn) => txn.number(),
        }
    }

    pub(crate) fn writes(&self) -> u64 {
        match &self.view {
            View::Call(_) | View::Snapshot(_) => 0,
            View::Write(txn) => txn.writes(),
        }
    }

    /// Returns the write transaction, or `None` in a snapshot.
    pub(super) fn write(&mut self) -> Option<&mut WriteTxn> {
        match &mut self.view {
            View::Write(txn) => Some(txn),
            _ => None,
        }
    }

    /// Returns the transaction that it reads in, or `None` outside.
    pub(super) fn txn(&mut self) -> Result<Option<&mut Txn>> {
        match &mut self.view {
            View::Call(_) => Ok(None),
            View::Snapshot(snapshot) => snapshot.txn(),
            View::Write(txn) => Ok(Some(&mut txn.txn)),
        }
    }

    /// Runs a reading statement. Returns `None` if the collection was created in a transaction that was aborted.
    fn statement(&mut self, opened: &Opened, verb: Verb, params: &[Param<'_>]) -> Result<Option<Rows>> {
        if let View::Write(txn) = &mut self.view {
            txn.check_not_dropped(opened)?;
        }
        if let View::Call(interrupt) = &self.view {
            return self.engine.statement(Access::Read, interrupt.as_ref(), opened, verb, params);
        }
        let Some(txn) = self.txn()? else { return Ok(None) };
        let rows = txn.statement(opened, verb, params, None)?;
        rows.map(|rows| one(rows).map_err(Fault::error)).transpose()
    }

    /// Reads one page of a range. Returns the rows, and how many were asked for.
    fn page(
        &mut self,
        opened: &Opened,
        range: &Range,
        from: ScanStart<'_>,
        limit: Limit,
    ) -> Result<Option<(Rows, usize)>> {
        let (lower, upper) = bounds(range, from);
        let target = opened.target();
        let asked = limit.items.min(target.records_in(limit.bytes)).clamp(1, LARGEST_PAGE.items);
        let count = i64::try_from(asked).unwrap_or(i64::MAX).to_be_bytes();
        let mut params = vec![Param::Int(&count)];
        for bound in [lower, upper] {
            if let Bound::Included(key) | Bound::Excluded(key) = bound {
                params.push(Param::Bytes(key));
            }
        }
        let verb = Verb::Scan(Ends::of(lower, upper), range.reverse);
        Ok(self.statement(opened, verb, &params)?.map(|rows| (rows, asked)))
    }
}

/// Returns a record of a page.
fn record(rows: &Rows, row: usize) -> Result<(&[u8], &[u8])> {
    match (rows.get(row, 0), rows.get(row, 1)) {
        (Some(key), Some(value)) => Ok((key, value)),
        _ => Err(Error::new(Status::Corrupted, "PostgreSQL returned a record without a key or a value")),
    }
}

/// Implements the reads of the seam; see [`crate::engine::Session`].
impl Reader<'_> {
    /// Checks nothing: the first read finds out whether the collection exists.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, clippy::needless_pass_by_ref_mut)] // as the other engines'
    pub(crate) fn open(&mut self, _opened: &Opened) -> Result<(), Leave> {
        Ok(())
    }

    pub(crate) fn value<R>(
        &mut self,
        opened: &Opened,
        key: &[u8],
        f: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        let rows = self.statement(opened, Verb::Get, &[Param::Bytes(key)])?;
        Ok(rows.and_then(|rows| rows.get(0, 0).map(f)))
    }

    pub(crate) fn values_of(
        &mut self,
        opened: &Opened,
        keys: &Column<'_>,
        mut f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<(), Leave> {
        let batch = Batch::new(keys, None)?;
        let mut arrays = Vec::new();
        let mut from = 0;
        while let Some(chunk) = batch.chunk(from)? {
            from += chunk.len;
            arrays.push(chunk.keys);
        }
        let results = self.values_in(opened, &arrays)?;
        let mut found = HashMap::with_capacity(keys.len());
        for rows in &results {
            for row in 0..rows.len() {
                let (key, value) = record(rows, row)?;
                found.insert(key, value);
            }
        }
        for (index, key) in keys.iter().enumerate() {
            f(index, found.get(key).copied())?;
        }
        Ok(())
    }

    pub(crate) fn count(&mut self, opened: &Opened) -> Result<u64, Leave> {
        let rows = self.statement(opened, Verb::Count, &[])?;
        Ok(rows.and_then(|rows| rows.int(0, 0)).and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    pub(crate) fn edge<R>(
        &mut self,
        opened: &Opened,
        range: &Range,
        f: impl FnOnce(&[u8], &[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        let one = Limit { items: 1, bytes: usize::MAX };
        let Some((rows, _)) = self.page(opened, range, ScanStart::Range, one)? else { return Ok(None) };
        if rows.len() == 0 {
            return Ok(None);
        }
        let (key, value) = record(&rows, 0)?;
        Ok(Some(f(key, value)))
    }

    pub(crate) fn each_of(
        &mut self,
        opened: &Opened,
        range: &Range,
        mut f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Leave> {
        if matches!(self.view, View::Call(_)) {
            // All pages are of one state.
            let mut snapshot = Snapshot::later(self.engine);
            return Reader::of_snapshot(self.engine, &mut snapshot, true).each_of(opened, range, f);
        }
        let mut last: Option<Vec<u8>> = None;
        loop {
            let from = last.as_deref().map_or(ScanStart::Range, ScanStart::Beyond);
            let Some((rows, asked)) = self.page(opened, range, from, LARGEST_PAGE)? else { return Ok(()) };
            let mut bytes = 0;
            for row in 0..rows.len() {
                let (key, value) = record(&rows, row)?;
                bytes += key.len() + value.len();
                if !f(key, value) {
                    return Ok(());
                }
            }
            opened.target().learn(rows.len(), bytes);
            if rows.len() < asked {
                return Ok(());
            }
            last = Some(crate::memory::copy(record(&rows, rows.len() - 1)?.0)?);
        }
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
        let mut last: Option<Vec<u8>> = None;
        loop {
            let from = last.as_deref().map_or(from, ScanStart::Beyond);
            let rest = Limit {
                items: limit.items - items,
                bytes: if limit.bytes == usize::MAX { usize::MAX } else { limit.bytes.saturating_sub(bytes) },
            };
            let Some((rows, asked)) = self.page(opened, range, from, rest)? else { return Ok(true) };
            let mut seen = 0;
            for row in 0..rows.len() {
                let (key, value) = record(&rows, row)?;
                let size = key.len() + value.len();
                if items > 0 && bytes + size > limit.bytes {
                    opened.target().learn(row.max(1), seen.max(size));
                    return Ok(false);
                }
                items += 1;
                bytes += size;
                seen += size;
                out.push(key, value)?;
            }
            opened.target().learn(rows.len(), seen);
            if rows.len() < asked {
                return Ok(true);
            }
            // The caller decides whether to go on, unless it has asked for everything.
            if limit.items != usize::MAX || items >= limit.items || bytes >= limit.bytes {
                return Ok(false);
            }
            last = Some(crate::memory::copy(record(&rows, rows.len() - 1)?.0)?);
        }
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut)] // as the other engines'
    pub(crate) fn lend(
        &mut self,
        _opened: &Opened,
        _key: &[u8],
    ) -> Result<Option<(*const u8, usize)>, Leave> {
        Err(unsupported("a reference to a stored value").into())
    }

    /// Runs a look-up for each array of keys, all in one round trip and one state.
    fn values_in(
        &mut self,
        opened: &Opened,
        arrays: &[crate::engine::postgres::batch::ByteArray],
    ) -> Result<Vec<Rows>> {
        if let View::Write(txn) = &mut self.view {
            txn.check_not_dropped(opened)?;
        }
        let send = |connection: &mut super::connection::Connection, target: &Target, prepares: bool| {
            let statement = target.statement(Verb::GetMany);
            for array in arrays {
                let params = [Param::ArrayOfBytes(array.bytes())];
                connection.send(&[Step::prepared(&statement, &params, prepares)])?;
            }
            Ok::<(), Fault>(())
        };
        if arrays.is_empty() {
            return Ok(Vec::new());
        }
        if let View::Call(interrupt) = &self.view {
            if arrays.len() > 1 {
                let mut snapshot = Snapshot::later(self.engine);
                return Reader::of_snapshot(self.engine, &mut snapshot, true).values_in(opened, arrays);
            }
            let params = [Param::ArrayOfBytes(arrays[0].bytes())];
            let rows =
                self.engine.statement(Access::Read, interrupt.as_ref(), opened, Verb::GetMany, &params)?;
            return Ok(rows.into_iter().collect());
        }
        let Some(txn) = self.txn()? else { return Ok(Vec::new()) };
        let prepares = txn.engine().url.prepares;
        let rows = txn.many(opened, |connection, target| send(connection, target, prepares))?;
        Ok(rows.unwrap_or_default())
    }
}
