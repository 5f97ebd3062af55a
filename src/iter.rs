//! Iteration over a range of a collection, in key order, either way.
//!
//! An iterator keeps no cursor between calls: it reads a batch ahead into memory of its own and goes on behind
//! the last record that it gave. Outside of transactions it has a snapshot, in a seat of its own; inside one
//! it sees what its transaction sees, own writes included: what was read ahead is dropped after a write.

use std::sync::{Arc, Weak};

use crate::catalog::Looked;
use crate::collection::Collection;
use crate::engine::{Columns, From, Level, Limit, Range, Reader, Root, RootKind, Seat};
use crate::error::{Error, Result, Status};
use crate::memory;
use crate::transaction::{TxnRef, reader_in};

/// How much is read ahead: little at first, since many iterations end early.
const FIRST_BATCH: usize = 16;
const LARGEST_BATCH: usize = 4096;
const LARGEST_BYTES: usize = 256 << 10;

/// A walk over a range of a collection. It may move between threads, unless it was begun in a transaction.
pub(crate) struct Scan {
    collection: Collection,
    range: Range,
    source: Source,
    ahead: Columns,
    /// Whether `ahead` goes against the range's direction.
    backwards: bool,
    /// How many records of `ahead` were given.
    given: usize,
    place: Place,
    /// How many records to read at the next time.
    batch: usize,
    /// The transaction's count of writes when `ahead` was read.
    writes: u64,
}

enum Source {
    /// A snapshot of its own.
    Own(Arc<Seat>),
    /// The calling thread's transaction.
    Transaction { seat: Weak<Seat>, level: u64 },
}

/// Where the walk stands, between two records.
enum Place {
    Start,
    /// Before the first record at or beyond a key.
    At(Vec<u8>),
    /// Behind a record that was given.
    After(Vec<u8>, Vec<u8>),
    /// Before a record that was given backwards.
    Before(Vec<u8>, Vec<u8>),
    /// Behind the last record.
    End,
}

impl Scan {
    pub(crate) fn open(collection: &Collection, range: Range) -> Result<Scan> {
        let shared = collection.shared();
        collection.check_range(&range)?;
        collection.open_ahead()?;
        let source = if let Some((seat, level)) = TxnRef::innermost(shared)? {
            Source::Transaction { seat: Arc::downgrade(&seat), level }
        } else {
            let engine = shared.engine()?;
            let snapshot = shared.call(|call| call.snapshot())?;
            let seat = Seat::new(&engine, shared.opening());
            let level = Level { id: 0, write: false };
            let root = Root { id: 0, kind: RootKind::Snapshot(snapshot), levels: vec![level] };
            seat.call(|call| {
                call.guarded().roots.push(root);
                call.guarded().current = Some(0);
                Ok(())
            })?;
            Source::Own(seat)
        };
        Ok(Scan {
            collection: collection.clone(),
            range,
            source,
            ahead: Columns::default(),
            backwards: false,
            given: 0,
            place: Place::Start,
            batch: FIRST_BATCH,
            writes: 0,
        })
    }

    /// Its range in the other direction, from the beginning of that.
    pub(crate) fn reversed(mut self) -> Scan {
        self.range.reverse = !self.range.reverse;
        self.ahead.clear();
        self.given = 0;
        self.backwards = false;
        self.place = Place::Start;
        self.batch = FIRST_BATCH;
        self
    }

    /// Ends it, and leaves the memory of the records that it gave out last.
    pub(crate) fn into_given(self) -> Columns {
        self.ahead
    }

    /// The transaction that it belongs to.
    pub(crate) fn level(&self) -> Option<u64> {
        match &self.source {
            Source::Own(_) => None,
            Source::Transaction { level, .. } => Some(*level),
        }
    }

    /// The next record in the range's direction.
    pub(crate) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.step(false)
    }

    /// The record before the one that was given last.
    pub(crate) fn prev(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.step(true)
    }

    /// Steps, and gives what `decode` makes of the record. One for which there is no memory comes again with the next
    /// step; what cannot be decoded otherwise has been stepped over.
    pub(crate) fn give<T>(
        &mut self,
        backwards: bool,
        decode: impl FnOnce(&[u8], &[u8]) -> Result<T>,
    ) -> Option<Result<T>> {
        let (key, value) = match self.step(backwards).transpose()? {
            Ok(record) => record,
            Err(error) => return Some(Err(error)),
        };
        let decoded = decode(key, value);
        if decoded.as_ref().is_err_and(|error| error.status() == Status::NoMemory) {
            self.given -= 1;
        }
        Some(decoded)
    }

    fn step(&mut self, backwards: bool) -> Result<Option<(&[u8], &[u8])>> {
        self.turn(backwards)?;
        if self.is_stale()? {
            self.forget()?;
        }
        if self.given == self.ahead.len() {
            let limit = Limit { items: self.batch, bytes: LARGEST_BYTES };
            self.fetch(limit)?;
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
        }
        if self.given == self.ahead.len() {
            self.place = if backwards { Place::Start } else { Place::End };
            return Ok(None);
        }
        self.given += 1;
        Ok(Some(self.ahead.record(self.given - 1)))
    }

    /// The next records as columns; none: the end. 0 leaves the choice to the library.
    pub(crate) fn next_batch(&mut self, max_items: usize, max_bytes: usize) -> Result<&Columns> {
        self.turn(false)?;
        // What was read ahead and not given is read again with the rest.
        self.forget()?;
        let choose = |asked: usize, default: usize| if asked == 0 { default } else { asked };
        self.fetch(Limit {
            items: choose(max_items, LARGEST_BATCH),
            bytes: choose(max_bytes, LARGEST_BYTES),
        })?;
        self.given = self.ahead.len();
        if self.given == 0 {
            self.place = Place::End;
        }
        Ok(&self.ahead)
    }

    /// Goes before the first key at or beyond `key` in the range's direction.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        let place = Place::At(memory::copy(key)?);
        self.ahead.clear();
        self.given = 0;
        self.backwards = false;
        self.place = place;
        Ok(())
    }

    /// Makes what is read ahead go in a direction.
    fn turn(&mut self, backwards: bool) -> Result<()> {
        if self.backwards != backwards {
            self.forget()?;
            self.backwards = backwards;
            self.batch = FIRST_BATCH;
        }
        Ok(())
    }

    /// Drops what was read ahead and remembers where the walk stands.
    fn forget(&mut self) -> Result<()> {
        if self.given > 0 {
            let (key, value) = self.ahead.record(self.given - 1);
            // Among the values of one key alone does the value count.
            let value = if self.collection.has_duplicates() { value } else { &[] };
            let (key, value) = (memory::copy(key)?, memory::copy(value)?);
            self.place = if self.backwards { Place::Before(key, value) } else { Place::After(key, value) };
        }
        self.ahead.clear();
        self.given = 0;
        Ok(())
    }

    /// Whether the transaction has written since.
    fn is_stale(&mut self) -> Result<bool> {
        if matches!(self.source, Source::Own(_)) {
            return Ok(false);
        }
        let writes = self.writes;
        self.with_reader(|reader| Ok(reader.writes() != writes))
    }

    fn with_reader<R>(&self, f: impl FnOnce(&mut Reader<'_>) -> Result<R>) -> Result<R> {
        match &self.source {
            Source::Own(seat) => seat.call(|call| f(&mut call.reader()?)),
            Source::Transaction { seat, level } => {
                let own = TxnRef::own_seat(self.collection.shared())?;
                if !std::ptr::eq(seat.as_ptr(), Arc::as_ptr(&own)) {
                    return Err(Error::new(
                        Status::WrongThread,
                        "the iterator was begun in another thread's transaction",
                    ));
                }
                own.call(|call| f(&mut reader_in(call, *level)?))
            }
        }
    }

    /// Reads on from where the walk stands.
    fn fetch(&mut self, limit: Limit) -> Result<()> {
        self.forget()?;
        // A walk backwards is one forwards over the turned range.
        self.range.reverse ^= self.backwards;
        let outcome = self.fetch_ahead(limit);
        self.range.reverse ^= self.backwards;
        outcome
    }

    fn fetch_ahead(&mut self, limit: Limit) -> Result<()> {
        let from = match (&self.place, self.backwards) {
            (Place::Start, false) | (Place::End, true) => From::Start,
            (Place::Start, true) | (Place::End, false) => return Ok(()),
            (Place::At(key), false) => From::At(key),
            // What lies before the sought key.
            (Place::At(key), true) => From::Beyond(key),
            // Turning round gives the neighbour of the record given last, not that again.
            (Place::After(key, value) | Place::Before(key, value), _) => From::After(key, value),
        };
        let mut ahead = std::mem::take(&mut self.ahead);
        let range = &self.range;
        let read = self.with_reader(|reader| {
            let writes = reader.writes();
            match self.collection.find(reader)? {
                Looked::Is(Some(db)) => {
                    reader.scan(db, range, from, limit, &mut ahead)?;
                }
                Looked::Is(None) => {}
                // Opened when the iterator was; only a drop by another program can undo that.
                Looked::Open(_) => {
                    return Err(Error::new(
                        Status::NoCollection,
                        format!("collection {:?} is not there any more", self.collection.name()),
                    ));
                }
            }
            Ok(writes)
        });
        self.ahead = ahead;
        self.given = 0;
        self.writes = read?;
        Ok(())
    }
}
