//! Implements an open collection of this engine.
//!
//! It records the sequence number of the catalog under which it was last found valid, and is checked again when the
//! number has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::engine::lmdb::catalog::{self, Creation, Meaning};
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::{Engine, Seat, SpaceOp};
use crate::engine::schema::{Schema, check_name, gone, recreated};
use crate::engine::threads::root::{Level, Root, RootKind};
use crate::engine::{Column, Columns, Leave, Limit, Op, Outcome, Range, ScanStart, Wait, nothing_keeps_it};
use crate::error::{Error, Result, Status};

/// The number of attempts to create a collection while other processes remove names.
const AT_MOST: u32 = 16;

/// An open collection.
pub(crate) struct Opened {
    /// Distinguishes it from every other opening of a collection.
    number: usize,
    name: String,
    /// `None` if another LMDB program made it.
    schema: Option<Schema>,
    space: Arc<Space>,
    /// LMDB's view of a raw collection; `None` if it has a schema.
    raw: Option<Db>,
    /// The sequence number under which it was found valid, plus one; 0 before the first check.
    found_at: AtomicU64,
    /// True if it was created in a transaction that may still be aborted; the next write then creates it again.
    unsettled: AtomicBool,
}

fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Refuses databases that this library does not create: typed collections with several values for a key, or with keys
/// that are not in bytewise order.
fn check_plain(name: &str, db: Option<Db>) -> Result<()> {
    if db.is_none_or(Db::is_plain) {
        return Ok(());
    }
    Err(Error::new(
        Status::Corrupted,
        format!(
            "the database of collection {name:?} has flags of LMDB that no typed collection has; another program has \
             created it again, or the data file is damaged"
        ),
    ))
}

impl Opened {
    /// Returns the schema, or `None` for a raw collection, whose types the caller chooses.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// Returns true if both are the same collection of the same environment.
    pub(crate) fn is_same(&self, other: &Opened) -> bool {
        Arc::ptr_eq(&self.space, &other.space)
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Returns true if a key can have several values.
    pub(crate) fn has_duplicates(&self) -> bool {
        self.raw.is_some_and(Db::has_duplicates)
    }

    /// Returns true if keys must have the size of an `unsigned int` or a `size_t`.
    pub(crate) fn has_integer_keys(&self) -> bool {
        self.raw.is_some_and(Db::has_integer_keys)
    }

    /// Returns true if its keys sort bytewise.
    pub(crate) fn is_bytewise(&self) -> bool {
        self.raw.is_none_or(Db::is_bytewise)
    }

    /// Finds the collection as a reader sees it. Returns `None` if it was created in a transaction that was aborted.
    #[inline]
    fn find(&self, reader: &mut Reader<'_>) -> Result<Option<Db>, Leave> {
        if self.is_there(reader)? { reader.place(&self.space) } else { Ok(None) }
    }

    /// Finds the number by which a snapshot reads the collection. Returns `None` if it does not need one, or if the
    /// collection does not exist in it.
    fn number_in(&self, reader: &mut Reader<'_>) -> Result<Option<Db>, Leave> {
        if !self.is_there(reader)? {
            return Ok(None);
        }
        Ok(reader.prepare(&self.space)?.filter(|db| *db != Db::WITHOUT_NUMBER))
    }

    /// Checks that the collection is still the one that was opened. Returns `false` if it was created in a transaction
    /// that was aborted.
    #[inline]
    fn is_there(&self, reader: &mut Reader<'_>) -> Result<bool, Leave> {
        let sequence = reader.sequence_or_leave()?;
        if self.found_at.load(Ordering::Relaxed) == sequence + 1 {
            return Ok(true);
        }
        self.validate(reader, sequence)
    }

    /// Checks in the catalog that the collection is still the one that was opened. Returns `false` if it does not exist
    /// but may be created again.
    #[cold]
    fn validate(&self, reader: &mut Reader<'_>, sequence: u64) -> Result<bool, Leave> {
        if reader.remembers(self.number) {
            return Ok(true);
        }
        let stored = self.space.as_str();
        match (catalog::live(reader, stored)?, &self.schema) {
            (None, None) => {}
            (Some(_), None) => {
                return Err(Leave::Failed(Error::new(
                    Status::TypeMismatch,
                    format!("collection {:?} got a schema after it was opened; open it again", self.name),
                )));
            }
            (Some(schema), Some(own)) if schema == *own => {}
            (Some(schema), Some(_)) => {
                return Err(recreated(&self.name, &schema).into());
            }
            (None, Some(_)) if self.unsettled.load(Ordering::Relaxed) => return Ok(false),
            (None, Some(_)) => {
                return Err(gone(&self.name).into());
            }
        }
        if self.raw.is_none() {
            match reader.prepare(&self.space) {
                Ok(db) => check_plain(&self.name, db)?,
                // It is checked when it is open.
                Err(Leave::Outside) => {}
                Err(failed) => return Err(failed),
            }
        }
        if !reader.remember(self.number) {
            self.unsettled.store(false, Ordering::Relaxed);
            self.found_at.store(sequence + 1, Ordering::Relaxed);
        }
        Ok(true)
    }

    /// Recreates a collection whose creation was undone, in the current transaction.
    fn make_again(&self, reader: &mut Reader<'_>, schema: &Schema) -> Result<()> {
        let engine = reader.engine();
        let sequence = reader.sequence()?.unwrap_or(0);
        let creation = Creation::new(sequence, schema)?;
        let txn = reader.write()?;
        for op in creation.ops(engine.catalog(), &self.space) {
            txn.apply(&op)?;
        }
        Ok(())
    }

    /// Attempts once to write in its own transaction. Returns `None` if the catalog has changed meanwhile.
    fn autocommit(&self, seat: &Seat, engine: &Arc<Engine>, op: &Op<'_>) -> Result<Option<Outcome>> {
        let own = SpaceOp::In(&self.space, *op);
        let found_at = self.found_at.load(Ordering::Relaxed);
        if let Some(sequence) = found_at.checked_sub(1)
            && let Some(outcome) = engine.autocommit(sequence, &[own])?
        {
            return Ok(Some(outcome));
        }
        // The collection was not checked yet, or the catalog has changed since.
        let (sequence, is_there) = seat.read(|reader| {
            let sequence = reader.sequence_or_leave()?;
            Ok((sequence, self.find(reader)?.is_some()))
        })?;
        let Some(schema) = self.schema.as_ref().filter(|_| !is_there) else {
            return engine.autocommit(sequence, &[own]);
        };
        let creation = Creation::new(sequence, schema)?;
        let [a, b, c, d] = creation.ops(engine.catalog(), &self.space);
        engine.autocommit(sequence, &[a, b, c, d, own])
    }
}

impl Seat {
    /// Opens a collection, or creates it with a schema. Returns `None` if it does not exist and `create` is `None`.
    pub(crate) fn open_collection(&self, name: &str, create: Option<&Schema>) -> Result<Option<Opened>> {
        check_name(name)?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (found, stored) = self.read(|reader| catalog::look_up(reader, name))?;
            let engine = self.engine()?;
            let space = engine.space(&stored)?;
            let make = |schema, raw, unsettled| Opened {
                number: next_number(),
                name: name.to_owned(),
                schema,
                space: Arc::clone(&space),
                raw,
                found_at: AtomicU64::new(0),
                unsettled: AtomicBool::new(unsettled),
            };
            match found {
                Meaning::Live(schema) => {
                    // Opens the name for the process, so that later snapshots can use it.
                    let db = self.read(|reader| reader.prepare(&space))?;
                    check_plain(name, db)?;
                    return Ok(Some(make(Some(schema), None, false)));
                }
                Meaning::Raw => {
                    let db = self.read(|reader| reader.place(&space))?;
                    let Some(db) = db else { continue };
                    return Ok(Some(make(None, Some(db), false)));
                }
                Meaning::Absent(sequence) => {
                    let Some(schema) = create.filter(|_| !engine.settings().read_only) else {
                        return Ok(None);
                    };
                    let creation = Creation::new(sequence, schema)?;
                    let in_transaction = self.in_transaction()?;
                    if engine.has_dropped_many() && !in_transaction {
                        engine.reclaim(Wait::Default)?;
                        continue;
                    }
                    match self.write_under(sequence, &creation.ops(engine.catalog(), &space)) {
                        Ok(Some(_)) => {
                            return Ok(Some(make(Some(schema.try_clone()?), None, in_transaction)));
                        }
                        Ok(None) => {}
                        // Another process has removed the name from the file. Its number is closed before the next
                        // attempt, unless a live snapshot has used it.
                        Err(error)
                            if error.status() == Status::Conflict
                                && !in_transaction
                                && attempts < AT_MOST => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Writes to a collection, in the thread's current transaction or in its own.
    pub(crate) fn write(&self, opened: &Opened, op: &Op<'_>) -> Result<Outcome> {
        enum Step {
            Done(Outcome),
            Open(Option<Arc<Space>>),
            Autocommit(Arc<Engine>),
        }
        loop {
            let step = self.call(|call| {
                let Some(root) = call.current() else {
                    return Ok(Step::Autocommit(Arc::clone(call.engine()?)));
                };
                root.check_writable()?;
                let mut reader = call.reader()?;
                match (opened.find(&mut reader), &opened.schema) {
                    (Ok(Some(db)), _) => return reader.write()?.apply_to(db, op).map(Step::Done),
                    (Ok(None), Some(schema)) => opened.make_again(&mut reader, schema)?,
                    // The write itself reports that a raw collection does not exist any more.
                    (Ok(None), None) => {}
                    (Err(Leave::Outside), _) => return Ok(Step::Open(reader.wanted())),
                    (Err(Leave::Failed(error)), _) => return Err(error),
                }
                reader.write()?.apply(&SpaceOp::In(&opened.space, *op)).map(Step::Done)
            })?;
            match step {
                Step::Done(outcome) => return Ok(outcome),
                Step::Open(wanted) => self.open_wanted(wanted)?,
                Step::Autocommit(engine) => {
                    if let Some(outcome) = opened.autocommit(self, &engine, op)? {
                        return Ok(outcome);
                    }
                }
            }
        }
    }

    /// Begins a snapshot that can read a collection until it ends, in its own seat. The thread must not be in a
    /// transaction.
    pub(crate) fn snapshot_of(&self, opened: &Opened) -> Result<Arc<Seat>> {
        let seat = Seat::new(&self.engine()?, &self.opening)?;
        loop {
            let begun = self.call(|call| {
                let mut reader = call.reader()?;
                let number = match opened.number_in(&mut reader) {
                    Ok(number) => number,
                    Err(Leave::Outside) => return Ok(Err(reader.wanted())),
                    Err(Leave::Failed(error)) => return Err(error),
                };
                drop(reader);
                let mut snapshot = call.snapshot()?;
                if let Some(db) = number {
                    snapshot.uses_number(call.engine()?, &opened.space, db)?;
                }
                // Runs within this call: the numbers that a snapshot uses are known once it is in a seat, and no number
                // is closed before.
                seat.call(|call| {
                    let level = Level { id: 0, write: false };
                    let root = Root { id: 0, kind: RootKind::Snapshot(snapshot), levels: vec![level] };
                    call.guarded().roots.push(root);
                    call.guarded().current = Some(0);
                    Ok(Ok(()))
                })
            })?;
            match begun {
                Ok(()) => return Ok(seat),
                Err(wanted) => self.open_wanted(wanted)?,
            }
        }
    }
}

/// Reads from a collection. A collection whose creation was undone reads as empty.
impl Reader<'_> {
    /// Opens the collection's space, if necessary, so that a later snapshot can use it.
    pub(crate) fn open(&mut self, opened: &Opened) -> Result<(), Leave> {
        opened.number_in(self).map(drop)
    }

    /// Passes a key's value to `f`.
    #[inline]
    pub(crate) fn value<R>(
        &mut self,
        opened: &Opened,
        key: &[u8],
        f: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        if !opened.is_there(self)? {
            return Ok(None);
        }
        self.get(&opened.space, key, |value| value.map(f))
    }

    /// Passes the value of each key to `f`, with the key's index.
    pub(crate) fn values_of(
        &mut self,
        opened: &Opened,
        keys: &Column<'_>,
        mut f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<(), Leave> {
        if opened.is_there(self)? {
            return self.get_many(&opened.space, keys, f);
        }
        Ok((0..keys.len()).try_for_each(|index| f(index, None))?)
    }

    /// Counts the records.
    pub(crate) fn count(&mut self, opened: &Opened) -> Result<u64, Leave> {
        if opened.is_there(self)? { self.len(&opened.space) } else { Ok(0) }
    }

    /// Passes the first record of a range, in its direction, to `f`.
    pub(crate) fn edge<R>(
        &mut self,
        opened: &Opened,
        range: &Range,
        f: impl FnOnce(&[u8], &[u8]) -> R,
    ) -> Result<Option<R>, Leave> {
        if opened.is_there(self)? { self.first(&opened.space, range, f) } else { Ok(None) }
    }

    /// Passes the records of a range to `f` until it returns false.
    pub(crate) fn each_of(
        &mut self,
        opened: &Opened,
        range: &Range,
        f: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Leave> {
        if opened.is_there(self)? { self.each(&opened.space, range, f) } else { Ok(()) }
    }

    /// Reads records of a range into columns, from a position on. Returns true if it reached the end of the range.
    pub(crate) fn scan_of(
        &mut self,
        opened: &Opened,
        range: &Range,
        from: ScanStart<'_>,
        limit: Limit,
        out: &mut Columns,
    ) -> Result<bool, Leave> {
        if opened.is_there(self)? { self.scan(&opened.space, range, from, limit, out) } else { Ok(true) }
    }

    /// Returns the address and length of a key's value, which stay valid until the transaction ends or writes.
    pub(crate) fn lend(&mut self, opened: &Opened, key: &[u8]) -> Result<Option<(*const u8, usize)>, Leave> {
        if !self.pin() {
            return Err(nothing_keeps_it().into());
        }
        self.value(opened, key, |value| (value.as_ptr(), value.len()))
    }
}
