//! Walks over a range of a database, in key order, in either direction.

use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};

use crate::engine::lmdb::sys::{Code, Cursor, Go, Pages, Record, Rest, RwTxn, Txn, is_named_database};
use crate::engine::lmdb::txn::spaces::Db;
use crate::engine::lmdb::txn::tree::{Tree, TreeCursor};
use crate::engine::{Columns, Limit, Range, ScanStart};
use crate::memory::{self, NoMemory};

/// A walk over a range of a database.
pub(crate) struct Scan<'w> {
    pub(crate) txn: &'w Txn,
    pub(crate) db: Db,
    pub(crate) range: &'w Range,
    /// The size of a page, if pages stay in the map as long as the transaction, each at a multiple of this size.
    pub(crate) pages: Option<usize>,
    /// The tree of the database, if it is read without LMDB.
    pub(crate) tree: Option<(Pages<'w>, Tree)>,
}

/// A movable position in a database.
pub(crate) trait Moves<'t> {
    /// Moves, and returns the new current record, or `None` if there is no record in that direction.
    fn go(&mut self, to: Go<'_>) -> Result<Record<'t>, Code>;
}

impl<'t> Moves<'t> for Cursor<'t> {
    #[inline]
    fn go(&mut self, to: Go<'_>) -> Result<Record<'t>, Code> {
        Cursor::go(self, to)
    }
}

impl<'t> Moves<'t> for TreeCursor<'t> {
    #[inline]
    fn go(&mut self, to: Go<'_>) -> Result<Record<'t>, Code> {
        TreeCursor::go(self, to)
    }
}

impl Scan<'_> {
    #[inline]
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        if self.db.is_bytewise() { a.cmp(b) } else { self.txn.compare(self.db.dbi, a, b) }
    }

    /// Returns true if a key lies beyond the end of the range, in the range's direction.
    #[inline]
    fn beyond(&self, key: &[u8]) -> bool {
        let (end, past) = if self.range.reverse {
            (&self.range.lower, Ordering::Less)
        } else {
            (&self.range.upper, Ordering::Greater)
        };
        match end {
            Bound::Unbounded => false,
            Bound::Included(end) => self.compare(key, end) == past,
            Bound::Excluded(end) => matches!(self.compare(key, end), o if o == past || o == Ordering::Equal),
        }
    }

    fn step(&self) -> Go<'static> {
        if self.range.reverse { Go::Prev } else { Go::Next }
    }

    /// Moves to the first record at a bound, in the walk's direction.
    fn to_bound<'t>(&self, cursor: &mut impl Moves<'t>, bound: Bound<&[u8]>) -> Result<Record<'t>, Code> {
        let (key, inclusive) = match bound {
            Bound::Included(key) => (key, true),
            Bound::Excluded(key) => (key, false),
            Bound::Unbounded => return cursor.go(if self.range.reverse { Go::Last } else { Go::First }),
        };
        // LMDB does not accept an empty key: it comes before all others.
        if key.is_empty() {
            return if self.range.reverse { Ok(None) } else { cursor.go(Go::First) };
        }
        let mut at = cursor.go(Go::AtOrAfter(key))?;
        if self.range.reverse {
            let Some((found, _)) = at else { return cursor.go(Go::Last) };
            if found != key {
                return cursor.go(Go::Prev);
            }
            if inclusive {
                // Moves past the key's other values, to its last.
                while self.db.has_duplicates() && at.is_some_and(|(found, _)| found == key) {
                    at = cursor.go(Go::Next)?;
                }
                return match at {
                    Some((found, _)) if found == key => Ok(at),
                    Some(_) => cursor.go(Go::Prev),
                    None => cursor.go(Go::Last),
                };
            }
        }
        while !inclusive && let Some((found, _)) = at {
            match self.compare(found, key) {
                Ordering::Equal => at = cursor.go(self.step())?,
                order if (order == Ordering::Less) == self.range.reverse => break,
                // The keys are out of order: a walk that continued from here could loop forever.
                _ => return Err(Code(lmdb_sys::MDB_CORRUPTED)),
            }
        }
        Ok(at)
    }

    /// Moves past a record that was returned before.
    fn behind<'t>(&self, cursor: &mut impl Moves<'t>, key: &[u8], value: &[u8]) -> Result<Record<'t>, Code> {
        if !self.db.has_duplicates() {
            return self.to_bound(cursor, Bound::Excluded(key));
        }
        if value.is_empty() {
            // LMDB cannot search for an empty value; it is the key's first.
            if self.range.reverse {
                return self.to_bound(cursor, Bound::Excluded(key));
            }
            let first = cursor.go(Go::AtOrAfter(key))?;
            let is_it = first.is_some_and(|(found, value)| found == key && value.is_empty());
            return if is_it { cursor.go(Go::Next) } else { Ok(first) };
        }
        match cursor.go(Go::WithinDuplicates(key, value))? {
            Some((_, found)) if found == value => cursor.go(self.step()),
            // The record itself was removed: the position is between its neighbours.
            Some(_) if self.range.reverse => cursor.go(Go::Prev),
            Some(_) => cursor.go(Go::Current),
            None => self.to_bound(cursor, Bound::Excluded(key)),
        }
    }

    /// Moves to the first record to return. Returns `None` if there is no such record.
    fn begin<'t>(&self, cursor: &mut impl Moves<'t>, from: ScanStart<'_>) -> Result<Record<'t>, Code> {
        let start = if self.range.reverse { &self.range.upper } else { &self.range.lower };
        let start = start.as_ref().map(Vec::as_slice);
        // Compares a key with the range's beginning, in the walk's direction.
        let to_start = |key: &[u8]| match start {
            Bound::Unbounded => Ordering::Greater,
            Bound::Included(start) | Bound::Excluded(start) => {
                let order = self.compare(key, start);
                if self.range.reverse { order.reverse() } else { order }
            }
        };
        let mut record = match from {
            ScanStart::At(key) if to_start(key) == Ordering::Greater => {
                self.to_bound(cursor, Bound::Included(key))?
            }
            ScanStart::Beyond(key) if to_start(key) != Ordering::Less => {
                self.to_bound(cursor, Bound::Excluded(key))?
            }
            ScanStart::After(key, value) if to_start(key) != Ordering::Less => {
                self.behind(cursor, key, value)?
            }
            _ => self.to_bound(cursor, start)?,
        };
        while let Some((key, _)) = record
            && self.is_hidden(key)
        {
            record = cursor.go(self.step())?;
        }
        Ok(record.filter(|(key, _)| !self.beyond(key)))
    }

    /// Returns true if a record is a named database's entry, which does not belong to a collection.
    #[inline]
    fn is_hidden(&self, key: &[u8]) -> bool {
        self.db.may_hold_names() && is_named_database(key)
    }

    /// Returns the size of a page if the records after the current one can be read in its page.
    #[inline]
    fn readable_pages(&self) -> Option<usize> {
        let is_plain = !self.range.reverse && !self.db.has_duplicates() && !self.db.may_hold_names();
        self.pages.filter(|_| is_plain)
    }

    /// Passes records to `f` from a position on, until it returns false. Returns `Ok(true)` at the end of the range.
    #[inline]
    pub(crate) fn each(
        &self,
        from: ScanStart<'_>,
        f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, Code> {
        match self.tree {
            Some((pages, tree)) => self.each_of_tree(TreeCursor::new(pages, tree), from, f),
            None => self.each_by_number(from, f),
        }
    }

    fn each_of_tree(
        &self,
        mut cursor: TreeCursor<'_>,
        from: ScanStart<'_>,
        mut f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, Code> {
        if self.begin(&mut cursor, from)?.is_none() {
            return Ok(true);
        }
        loop {
            // If the last record of a page is within the range, so are those before it in the page.
            let ends_here = cursor.last_key(self.range.reverse)?.is_none_or(|key| self.beyond(key));
            let shown = cursor.each_in_leaf(self.range.reverse, |key, value| {
                if ends_here && self.beyond(key) {
                    return ControlFlow::Break(true);
                }
                if f(key, value) { ControlFlow::Continue(()) } else { ControlFlow::Break(false) }
            })?;
            if let ControlFlow::Break(is_done) = shown {
                return Ok(is_done);
            }
            if cursor.go(self.step())?.is_none() {
                return Ok(true);
            }
        }
    }

    /// Does the same through LMDB.
    fn each_by_number(
        &self,
        from: ScanStart<'_>,
        mut f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, Code> {
        let mut cursor = self.txn.cursor(self.db.dbi)?;
        let mut record = self.begin(&mut cursor, from)?;
        let is_open = matches!(self.range.upper, Bound::Unbounded);
        let pages = self.readable_pages();
        while let Some((key, value)) = record {
            if self.beyond(key) {
                return Ok(true);
            }
            if !self.is_hidden(key) && !f(key, value) {
                return Ok(false);
            }
            let mut last = None;
            // SAFETY: a cursor has just returned the key, whose bytes `f` may read; `pages` is set only for read-only
            // transactions.
            if let Some(rest) = pages.and_then(|size| unsafe { Rest::behind(key, size) }) {
                for (key, value) in rest {
                    if !is_open && self.beyond(key) {
                        return Ok(true);
                    }
                    if !f(key, value) {
                        return Ok(false);
                    }
                    last = Some(key);
                }
            }
            if let Some(last) = last {
                // The record is in the cursor's current page, which LMDB searches first.
                cursor.go_to(last)?;
            }
            record = cursor.go(self.step())?;
        }
        Ok(true)
    }

    /// Passes the first record of the range, in its direction, to `f`.
    pub(crate) fn first<R>(&self, f: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>, Code> {
        if let Some((pages, tree)) = self.tree {
            let found = self.begin(&mut TreeCursor::new(pages, tree), ScanStart::Range)?;
            return Ok(found.map(|(key, value)| f(key, value)));
        }
        let mut cursor = self.txn.cursor(self.db.dbi)?;
        Ok(self.begin(&mut cursor, ScanStart::Range)?.map(|(key, value)| f(key, value)))
    }

    pub(crate) fn scan(
        &self,
        from: ScanStart<'_>,
        limit: Limit,
        out: &mut Columns,
    ) -> Result<Result<bool, NoMemory>, Code> {
        let (mut items, mut bytes) = (0, 0);
        let mut pushed = Ok(());
        let is_all = self.each(from, |key, value| {
            if items == 0 {
                out.expect(limit.items, key, value);
            } else if items >= limit.items || bytes + key.len() + value.len() > limit.bytes {
                return false;
            }
            items += 1;
            bytes += key.len() + value.len();
            match out.push(key, value) {
                Ok(()) => true,
                Err(none) => {
                    pushed = Err(none);
                    false
                }
            }
        })?;
        // Fewer records also make a valid batch.
        Ok(match pushed {
            Err(none) if items == 1 => Err(none),
            _ => Ok(is_all),
        })
    }
}

/// Removes the records of an ascending range and returns their number.
pub(crate) fn remove_range(txn: &mut RwTxn, db: Db, range: &Range) -> Result<u64, Code> {
    if !db.is_bytewise() {
        return remove_in_own_order(txn, db, range);
    }
    let first = {
        let mut cursor = txn.cursor(db.dbi)?;
        Scan { txn, db, range, pages: None, tree: None }
            .begin(&mut cursor, ScanStart::Range)?
            .map(|(key, _)| memory::copy(key))
            .transpose()?
    };
    let Some(first) = first else { return Ok(0) };
    let mut count = 0;
    let beyond = |key: &[u8]| match &range.upper {
        Bound::Unbounded => false,
        Bound::Included(end) => key > end.as_slice(),
        Bound::Excluded(end) => key >= end.as_slice(),
    };
    let mut cursor = txn.write_cursor(db.dbi)?;
    let mut go = Go::AtOrAfter(&first);
    loop {
        let Some((key, _)) = cursor.go(go)? else { return Ok(count) };
        go = Go::Next;
        if beyond(key) {
            return Ok(count);
        }
        if db.may_hold_names() && is_named_database(key) {
            continue;
        }
        cursor.remove()?;
        count += 1;
    }
}

/// Does the same if only LMDB knows the key order, which cannot be queried while a cursor removes.
fn remove_in_own_order(txn: &mut RwTxn, db: Db, range: &Range) -> Result<u64, Code> {
    const AT_A_TIME: Limit = Limit { items: 1024, bytes: 256 << 10 };
    let mut count = 0;
    let mut batch = Columns::default();
    loop {
        batch.clear();
        let is_all = Scan { txn, db, range, pages: None, tree: None }.scan(
            ScanStart::Range,
            AT_A_TIME,
            &mut batch,
        )??;
        for index in 0..batch.len() {
            count += u64::from(txn.remove(db.dbi, batch.record(index).0)?);
        }
        if is_all {
            return Ok(count);
        }
    }
}
