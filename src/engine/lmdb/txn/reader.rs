//! Reads in a snapshot, or in a write transaction with its own writes.

use std::sync::Arc;

use crate::engine::lmdb::layout;
use crate::engine::lmdb::sys::{Go, MAIN, Txn, is_named_database, reading};
use crate::engine::lmdb::txn::foreign;
use crate::engine::lmdb::txn::order::{Order, PAGE_HAS};
use crate::engine::lmdb::txn::scan::Scan;
use crate::engine::lmdb::txn::spaces::{CATALOG, Db, Space};
use crate::engine::lmdb::txn::tree::{KnownTree, Tree, TreeCursor};
use crate::engine::lmdb::txn::{Lookup, Snapshot, WriteTxn};
use crate::engine::lmdb::{Engine, sequence_number};
use crate::engine::schema::SEQUENCE;
use crate::engine::{Column, Columns, Leave, Limit, Range, ScanStart};
use crate::error::{Error, Result, Status};
use crate::memory::{self, TryGrow};

/// A reader on a snapshot, or on a write transaction with its own writes.
pub(crate) struct Reader<'c> {
    engine: &'c Engine,
    view: View<'c>,
    /// True if addresses that it lends stay valid after the call.
    lasting: bool,
    /// A space that was not open when it was needed.
    wanted: Option<Arc<Space>>,
}

enum View<'c> {
    Snapshot(&'c mut Snapshot),
    Write(&'c mut WriteTxn),
}

impl<'c> Reader<'c> {
    /// Makes a reader on a snapshot. If it is not `lasting`, the snapshot is used only in this call.
    #[inline]
    pub(crate) fn of_snapshot(engine: &'c Engine, snapshot: &'c mut Snapshot, lasting: bool) -> Self {
        Self { engine, view: View::Snapshot(snapshot), lasting, wanted: None }
    }

    #[inline]
    pub(crate) fn of_write(engine: &'c Engine, txn: &'c mut WriteTxn) -> Self {
        Self { engine, view: View::Write(txn), lasting: true, wanted: None }
    }

    /// Requests that a space is opened outside of the call.
    #[cold]
    fn leave_for(&mut self, space: &Arc<Space>) -> Leave {
        self.wanted = Some(Arc::clone(space));
        Leave::Outside
    }

    /// Returns the space that must be opened outside of the call, after a read that ended with [`Leave::Outside`].
    #[cold]
    pub(crate) fn wanted(&mut self) -> Option<Arc<Space>> {
        self.wanted.take()
    }

    #[inline]
    fn txn(&self) -> &Txn {
        match &self.view {
            View::Snapshot(snapshot) => &snapshot.txn,
            View::Write(txn) => &txn.txn,
        }
    }

    /// Keeps lent addresses valid after the call. Returns `false` if this is impossible, since the snapshot is used
    /// only in this call.
    pub(crate) fn pin(&mut self) -> bool {
        if let (View::Snapshot(snapshot), true) = (&mut self.view, self.lasting) {
            snapshot.pin();
        }
        self.lasting
    }

    /// Returns the engine that it reads from.
    pub(crate) fn engine(&self) -> &'c Engine {
        self.engine
    }

    /// Returns the write transaction; fails in a snapshot.
    pub(crate) fn write(&mut self) -> Result<&mut WriteTxn> {
        match &mut self.view {
            View::Snapshot(_) => {
                Err(Error::new(Status::InSnapshot, "a snapshot is read-only; end it before writing"))
            }
            View::Write(txn) => Ok(txn),
        }
    }

    /// Returns the number of the commit that it reads, or of the commit that its writes will be.
    pub(crate) fn commit(&self) -> u64 {
        match &self.view {
            View::Snapshot(snapshot) => snapshot.id(),
            View::Write(txn) => txn.txn.id(),
        }
    }

    /// Returns true if it sees uncommitted writes.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.view, View::Write(_))
    }

    /// Returns true if [`Reader::remember`] stored this value for the uncommitted catalog.
    pub(crate) fn remembers(&self, what: usize) -> bool {
        matches!(&self.view, View::Write(txn) if txn.checked == Some(what))
    }

    /// Returns true if the catalog, as this reader sees it, may still be undone; then `what` is remembered until the
    /// catalog changes.
    pub(crate) fn remember(&mut self, what: usize) -> bool {
        match &mut self.view {
            View::Write(txn) if txn.sequence_is_own => {
                txn.checked = Some(what);
                true
            }
            _ => false,
        }
    }

    /// Fails if the transaction has failed.
    pub(crate) fn check_usable(&self) -> Result<()> {
        match &self.view {
            View::Snapshot(_) => Ok(()),
            View::Write(txn) => txn.check_usable(),
        }
    }

    /// Returns the number of writes that the view has seen: always 0 in a snapshot.
    pub(crate) fn writes(&self) -> u64 {
        match &self.view {
            View::Snapshot(_) => 0,
            View::Write(txn) => txn.writes(),
        }
    }

    /// Returns the location of a space.
    #[inline]
    pub(crate) fn resolve(&mut self, space: &Arc<Space>) -> Result<Lookup> {
        match &mut self.view {
            View::Snapshot(snapshot) => {
                let Some(db) = space.db(snapshot.horizon) else { return Ok(Lookup::Unopened) };
                // Numbers that a call uses stay open during the call.
                if self.lasting {
                    snapshot.uses_number(self.engine, space, db)?;
                } else {
                    space.touch();
                }
                Ok(Lookup::Open(db))
            }
            View::Write(txn) => Ok(txn.resolve(space)?.map_or(Lookup::Absent, Lookup::Open)),
        }
    }

    /// Finds a space. Returns `None` if it does not exist.
    #[inline]
    pub(crate) fn place(&mut self, space: &Arc<Space>) -> Result<Option<Db>, Leave> {
        // Fast path: a space that is open, in a single call or where it was used last.
        match &self.view {
            View::Snapshot(snapshot) => {
                if let Some(db) = space.db(snapshot.horizon)
                    && (!self.lasting || snapshot.has_used_last(db))
                {
                    space.touch();
                    return Ok(Some(db));
                }
            }
            View::Write(txn) => {
                if let Some(db) = space.db(u32::MAX)
                    && txn.has_used_last(db)
                {
                    return Ok(Some(db));
                }
            }
        }
        self.place_otherwise(space)
    }

    fn place_otherwise(&mut self, space: &Arc<Space>) -> Result<Option<Db>, Leave> {
        match self.resolve(space)? {
            Lookup::Open(db) => Ok(Some(db)),
            Lookup::Unopened if self.named(space.as_str())?.is_some() => Err(self.leave_for(space)),
            Lookup::Unopened | Lookup::Absent => Ok(None),
        }
    }

    /// Makes spaces that the process has opened since usable in a snapshot, after comparing it with `newer`.
    pub(crate) fn refresh(&mut self, newer: Snapshot) -> bool {
        match &mut self.view {
            View::Snapshot(snapshot) => snapshot.refresh(newer),
            View::Write(_) => true,
        }
    }

    /// Returns the catalog's sequence number, which is 0 without a catalog, or `None` if the catalog must be opened
    /// first. It is read only when the transaction id has changed.
    #[inline]
    pub(crate) fn sequence(&mut self) -> Result<Option<u64>> {
        self.check_usable()?;
        let known = match &self.view {
            View::Snapshot(snapshot) => snapshot.sequence,
            View::Write(txn) => txn.sequence,
        };
        if known.is_some() { Ok(known) } else { self.read_sequence() }
    }

    /// Does the same, but makes the caller leave the call so that the catalog is opened.
    #[inline]
    pub(crate) fn sequence_or_leave(&mut self) -> Result<u64, Leave> {
        match self.sequence()? {
            Some(sequence) => Ok(sequence),
            None => Err(self.leave_for(self.engine.catalog())),
        }
    }

    #[cold]
    fn read_sequence(&mut self) -> Result<Option<u64>> {
        let engine = self.engine;
        let known = match &self.view {
            View::Snapshot(snapshot) => engine.sequence_at(snapshot.id()),
            View::Write(txn) => txn.parent().and_then(|commit| engine.sequence_at(commit)),
        };
        let sequence = match known {
            Some(sequence) => sequence,
            None => match self.resolve(engine.spaces.catalog())? {
                Lookup::Open(db) => {
                    sequence_number(self.txn().get(db.dbi, SEQUENCE.as_bytes()).map_err(reading)?)?
                }
                Lookup::Unopened if self.named(CATALOG)?.is_some() => return Ok(None),
                Lookup::Unopened | Lookup::Absent => 0,
            },
        };
        match &mut self.view {
            View::Snapshot(snapshot) => snapshot.sequence = Some(sequence),
            View::Write(txn) => txn.sequence = Some(sequence),
        }
        Ok(Some(sequence))
    }

    /// Passes a record's value to `f`, or `None` if the record does not exist.
    #[inline]
    pub(crate) fn get<R>(
        &mut self,
        space: &Arc<Space>,
        key: &[u8],
        f: impl FnOnce(Option<&[u8]>) -> R,
    ) -> Result<R, Leave> {
        let known = self.tree(space)?;
        if let (View::Snapshot(snapshot), Some((known, tree))) = (&self.view, known)
            && let Some(pages) = snapshot.pages(self.engine, &known)
            && let Ok(found) = tree.get(&pages, key)
        {
            return Ok(f(found));
        }
        match self.place(space)? {
            Some(db) => Ok(f(self.get_by_number(db, key)?)),
            None => Ok(f(None)),
        }
    }

    /// Returns the tree of a space if it is read without LMDB. A transaction counts the spaces that it uses.
    #[inline]
    fn tree(&mut self, space: &Space) -> Result<Option<(KnownTree, Tree)>> {
        let View::Snapshot(snapshot) = &mut self.view else { return Ok(None) };
        let Some(known) = snapshot.tree(self.engine, space)? else { return Ok(None) };
        let Some(tree) = known.tree else { return Ok(None) };
        if self.lasting {
            snapshot.uses(self.engine, space)?;
        }
        Ok(Some((known, tree)))
    }

    /// Makes sure that a space can be read, now and in a snapshot that begins in this call. Returns its flags, or
    /// `None` if it does not exist.
    pub(crate) fn prepare(&mut self, space: &Arc<Space>) -> Result<Option<Db>, Leave> {
        if self.tree(space)?.is_some() { Ok(Some(Db::WITHOUT_NUMBER)) } else { self.place(space) }
    }

    /// Reads a record's value through LMDB.
    fn get_by_number(&self, db: Db, key: &[u8]) -> Result<Option<&[u8]>> {
        foreign::check_width(self.txn(), db, key)?;
        let found = self.txn().get(db.dbi, key).map_err(reading)?;
        if db.is_main() && found.is_some() && foreign::is_name(self.txn(), key)? {
            return Ok(None);
        }
        Ok(found)
    }

    /// Passes the value of each key to `f`, with the key's index.
    pub(crate) fn get_many(
        &mut self,
        space: &Arc<Space>,
        keys: &Column<'_>,
        mut f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<(), Leave> {
        if let Some(found) = self.find_in_order(space, keys)? {
            return Ok(found.into_iter().enumerate().try_for_each(|(index, value)| f(index, value))?);
        }
        keys.iter()
            .enumerate()
            .try_for_each(|(index, key)| Ok(self.get(space, key, |value| f(index, value))??))
    }

    /// Looks keys up in tree order, so that neighbours are found in the same page, and returns the values in the order
    /// of the batch. Returns `None` if that is not worth it, or if the tree is not read here.
    fn find_in_order(
        &mut self,
        space: &Arc<Space>,
        keys: &Column<'_>,
    ) -> Result<Option<Vec<Option<&[u8]>>>, Leave> {
        /// Batches with fewer keys are looked up in the given order.
        const MANY: usize = 64;
        if keys.len() < MANY {
            return Ok(None);
        }
        let Some((known, tree)) = self.tree(space)? else { return Ok(None) };
        let View::Snapshot(snapshot) = &self.view else { return Ok(None) };
        let Some(pages) = snapshot.pages(self.engine, &known) else { return Ok(None) };
        let mut found = memory::room_for(keys.len())?;
        found.resize(keys.len(), None);
        // If a page is likely to contain several of the keys, it is searched before the tree is descended again.
        let is_dense = tree.entries() / PAGE_HAS <= keys.len() as u64;
        let mut cursor = TreeCursor::new(pages, tree);
        for index in Order::of(keys, tree.entries()).iter() {
            let key = keys.item(index);
            let value = if is_dense { cursor.find(key).ok() } else { tree.get(&pages, key).ok() };
            match value {
                Some(value) => found[index] = value,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Returns the number of records in a named space, from the main database's record of it, without opening it.
    /// Returns `None` if it does not exist.
    pub(crate) fn named(&self, name: &str) -> Result<Option<u64>> {
        Ok(foreign::record_of(self.txn(), name.as_bytes())?.map(entries_of))
    }

    /// Returns the names of all named spaces and their numbers of records.
    pub(crate) fn names(&self) -> Result<Vec<(Vec<u8>, u64)>> {
        let mut names = Vec::new();
        self.each_name(|name, record| {
            names.try_push((memory::copy(name)?, entries_of(record)))?;
            Ok(true)
        })?;
        Ok(names)
    }

    /// Returns those among the first names, in order, that are read by numbers.
    pub(crate) fn first_numbered(&self, at_most: usize) -> Result<Vec<Vec<u8>>> {
        /// With more names than these, it is worth looking for the pages at once.
        const FEW: u64 = 16;
        let (mut names, mut seen) = (Vec::new(), 0);
        let env = &self.engine.env;
        let are_many = !self.is_write() && self.txn().entries(MAIN).map_err(reading)? > FEW;
        self.each_name(|name, record| {
            if are_many && !env.has_pages() {
                env.find_pages(record);
            }
            if !env.has_pages() || Tree::of_record(record).is_none() {
                names.try_push(memory::copy(name)?)?;
            }
            seen += 1;
            Ok(seen < at_most)
        })?;
        Ok(names)
    }

    /// Passes the named spaces and their records in the main database to `f` until it returns false.
    fn each_name(&self, mut f: impl FnMut(&[u8], &[u8]) -> Result<bool>) -> Result<()> {
        if !foreign::has_names(self.txn())? {
            return Ok(());
        }
        let mut cursor = self.txn().cursor(MAIN).map_err(reading)?;
        let mut go = Go::First;
        while let Some((key, record)) = cursor.go(go).map_err(reading)? {
            go = Go::Next;
            if is_named_database(key) && !f(key, record)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns the number of records in a space.
    pub(crate) fn len(&mut self, space: &Arc<Space>) -> Result<u64, Leave> {
        if let Some((_, tree)) = self.tree(space)? {
            return Ok(tree.entries());
        }
        Ok(self.place(space)?.map_or(Ok(0), |db| self.len_by_number(db))?)
    }

    /// Returns the same through LMDB.
    pub(crate) fn len_by_number(&self, db: Db) -> Result<u64> {
        let entries = self.txn().entries(db.dbi).map_err(reading)?;
        if db.is_main() && entries > 0 && !db.has_duplicates() {
            return Ok(entries - self.names()?.len() as u64);
        }
        Ok(entries)
    }

    /// Reads records in the order of the range into columns, from a position on. Returns `Ok(true)` at the end of the
    /// range.
    pub(crate) fn scan(
        &mut self,
        space: &Arc<Space>,
        range: &Range,
        from: ScanStart<'_>,
        limit: Limit,
        out: &mut Columns,
    ) -> Result<bool, Leave> {
        let Some(scan) = self.walk(space, range, from)? else { return Ok(true) };
        Ok(scan.scan(from, limit, out).map_err(reading)?.map_err(Error::from)?)
    }

    /// Returns a walk over a range of a space, or `None` if the space does not exist.
    fn walk<'w>(
        &'w mut self,
        space: &Arc<Space>,
        range: &'w Range,
        from: ScanStart<'_>,
    ) -> Result<Option<Scan<'w>>, Leave> {
        let known = self.tree(space)?;
        let db = if known.is_some() { Some(Db::WITHOUT_NUMBER) } else { self.place(space)? };
        let Some(db) = db else { return Ok(None) };
        foreign::check_widths(self.txn(), db, range, from)?;
        let pages = if self.is_write() { None } else { self.engine.aligned_pages() };
        let tree = match (&self.view, known) {
            (View::Snapshot(snapshot), Some((known, tree))) => {
                snapshot.pages(self.engine, &known).map(|pages| (pages, tree))
            }
            _ => None,
        };
        Ok(Some(Scan { txn: self.txn(), db, range, pages, tree }))
    }

    /// Passes the records of a range to `f` until it returns false.
    #[inline]
    pub(crate) fn each(
        &mut self,
        space: &Arc<Space>,
        range: &Range,
        f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Leave> {
        if let Some(scan) = self.walk(space, range, ScanStart::Range)? {
            scan.each(ScanStart::Range, f).map_err(reading)?;
        }
        Ok(())
    }

    /// Passes the first record of a range, in its direction, to `f`.
    pub(crate) fn first<R>(
        &mut self,
        space: &Arc<Space>,
        range: &Range,
        f: impl FnOnce(&[u8], &[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        match self.walk(space, range, ScanStart::Range)? {
            Some(scan) => Ok(scan.first(f).map_err(reading)?),
            None => Ok(None),
        }
    }
}

/// Returns the number of records in a named database, from the main database's record of it.
fn entries_of(record: &[u8]) -> u64 {
    layout::word(record, layout::record::AT_ENTRIES).unwrap_or(0)
}
