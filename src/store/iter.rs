//! Iterates over a range of a collection, in key order, in either direction.
//!
//! An iterator keeps no cursor between calls: it reads a batch ahead into its own memory and continues after the last
//! record that it returned. Outside of transactions, it has a snapshot in its own seat. Inside a transaction, it sees
//! the same data as the transaction, including its own writes: after a write, it drops the records that it read ahead.
//!
//! While a snapshot is open, no page that is replaced after it can be reused. So when this process has committed, an
//! iterator reads the rest of its range into memory, if it is small, and releases its snapshot: otherwise a loop that
//! writes to the collection over which it iterates would make the file grow with each commit. A short range with both
//! bounds is read at once, and needs no snapshot.

mod back;
mod kept;
mod pooled;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use back::Back;
use kept::Kept;
use pooled::PooledColumns;

use crate::engine::{Columns, Leave, Limit, Range, ScanStart, Session, SnapshotSeat, WeakSeat};
use crate::error::{Error, Result, Status};
use crate::memory;
use crate::store::collection::Collection;
use crate::store::stack::TxnRef;

/// The size of the first batch: small, since many iterations end early. Each later one is `GROWTH` times as large.
const FIRST_BATCH: usize = 16;
const GROWTH: usize = 8;
const LARGEST_BATCH: usize = 4096;
const LARGEST_BYTES: usize = 256 << 10;

/// The size up to which an iterator reads a range with both bounds at once.
const AT_ONCE: Limit = Limit { items: 128, bytes: 64 << 10 };

/// The first page of an iterator for which each read is a round trip.
const FIRST_PAGE: Limit = Limit { items: 1024, bytes: LARGEST_BYTES };

/// The size up to which an iterator keeps records instead of its snapshot.
const KEPT_BYTES: usize = 4 << 20;

/// A walk over a range of a collection. It may move between threads, unless it was begun in a transaction.
pub(crate) struct Iter {
    collection: Collection,
    range: Range,
    source: Source,
    ahead: PooledColumns,
    /// True if `ahead` goes against the range's direction.
    backwards: bool,
    /// The number of records of `ahead` that were returned.
    given: usize,
    place: Position,
    /// The number of records to read next.
    batch: usize,
    /// The transaction's count of writes when `ahead` was read.
    writes: u64,
    /// True if it met an error that would occur again.
    has_failed: bool,
    /// The records read from the other end; `None` in most iterators, which use only one end.
    back: Option<Box<Back>>,
}

enum Source {
    /// Its own snapshot.
    Own(Own),
    /// The records that were read from a snapshot before it was released.
    Kept(Box<Kept>),
    /// The calling thread's transaction.
    Transaction { seat: WeakSeat, level: u64 },
}

struct Own {
    seat: SnapshotSeat,
    /// The process's count of commits, and its value at the last check.
    commits: Arc<AtomicU64>,
    seen: u64,
    /// True if the whole range was found too large to keep.
    is_large: bool,
    /// The number of bytes to iterate over before the rest is checked again.
    pause: usize,
}

/// The position of the walk, between two records.
enum Position {
    Start,
    /// Before the first record at or beyond a key.
    At(Vec<u8>),
    /// After a record that was returned.
    After(Vec<u8>, Vec<u8>),
    /// Before a record that was returned backwards.
    Before(Vec<u8>, Vec<u8>),
    /// After the last record.
    End,
}

impl Iter {
    pub(crate) fn open(collection: &Collection, range: Range) -> Result<Iter> {
        let shared = collection.shared();
        collection.check_range(&range)?;
        let mut ahead = PooledColumns::new();
        let source = if let Some((seat, level)) = TxnRef::innermost(shared)? {
            collection.open_ahead()?;
            Source::Transaction { seat, level }
        } else {
            Self::open_outside(collection, &range, &mut ahead)?
        };
        Ok(Iter {
            collection: collection.clone(),
            range,
            source,
            batch: if ahead.len() == 0 { FIRST_BATCH } else { AT_ONCE.items * GROWTH },
            ahead,
            backwards: false,
            given: 0,
            place: Position::Start,
            writes: 0,
            has_failed: false,
            back: None,
        })
    }

    /// Opens it outside of transactions. Reads a short range into memory, and otherwise, perhaps, its first records.
    fn open_outside(collection: &Collection, range: &Range, ahead: &mut PooledColumns) -> Result<Source> {
        let shared = collection.shared();
        if shared.is_remote() {
            return Self::open_remote(collection, range, ahead);
        }
        let mut read_at = None;
        if range.is_bounded() && can_be_kept(collection) {
            let scanned = shared.seat()?.scan(collection.opened(), range, AT_ONCE, ahead)?;
            if scanned.is_all {
                let records = std::mem::replace(ahead, Columns::without_memory().into());
                let kept = Kept::of_range(records, range.reverse, None, false, false);
                return Ok(Source::Kept(Box::new(kept)));
            }
            read_at = Some(scanned.commit);
        }
        let commits = shared.engine()?.commits();
        let seen = commits.load(Ordering::Acquire);
        let seat = shared.seat()?.snapshot_of(collection.opened())?;
        // Another commit may have come in between.
        if read_at.is_some() && read_at != seat.read(|session| Ok(Some(session.commit())))? {
            ahead.clear();
        }
        Ok(Source::Own(Own { seat, commits, seen, is_large: false, pause: 0 }))
    }

    /// Begins the snapshot and reads the first page in one round trip. A range of one page needs no snapshot afterwards.
    fn open_remote(collection: &Collection, range: &Range, ahead: &mut PooledColumns) -> Result<Source> {
        let shared = collection.shared();
        let commits = shared.engine()?.commits();
        let seen = commits.load(Ordering::Acquire);
        let seat = shared.seat()?.snapshot_of(collection.opened())?;
        ahead.clear();
        let page = seat.read(|session| {
            Ok(session.scan(collection.opened(), range, ScanStart::Range, FIRST_PAGE, ahead))
        })?;
        match page {
            Ok(true) => {
                drop(seat);
                let records = std::mem::replace(ahead, Columns::without_memory().into());
                let kept = Kept::of_range(records, range.reverse, None, false, false);
                Ok(Source::Kept(Box::new(kept)))
            }
            Ok(false) => Ok(Source::Own(Own { seat, commits, seen, is_large: false, pause: 0 })),
            Err(Leave::Failed(error)) => Err(error),
            Err(Leave::Outside) => Err(collection.no_longer_exists()),
        }
    }

    /// Returns the iterator over its range in the other direction, at the beginning.
    pub(crate) fn reversed(mut self) -> Iter {
        self.range.reverse = !self.range.reverse;
        self.has_failed = false;
        self.back = None;
        if let Source::Kept(kept) = &mut self.source {
            kept.reverse();
        }
        self.ahead.clear();
        self.given = 0;
        self.backwards = false;
        self.place = Position::Start;
        self.batch = FIRST_BATCH;
        self
    }

    /// Ends the iterator, and returns the memory of the records that it returned last.
    pub(crate) fn into_given(self) -> Columns {
        match self.source {
            Source::Kept(kept) => kept.into_given().unwrap_or_else(|| self.ahead.into_inner()),
            _ => self.ahead.into_inner(),
        }
    }

    /// Returns the collection's name.
    pub(crate) fn name(&self) -> &str {
        self.collection.name()
    }

    /// Returns the transaction that the iterator belongs to, or `None` if it has its own snapshot.
    pub(crate) fn level(&self) -> Option<u64> {
        match &self.source {
            Source::Own(_) | Source::Kept(_) => None,
            Source::Transaction { level, .. } => Some(*level),
        }
    }

    /// Returns the next record in the range's direction.
    pub(crate) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.step(false)
    }

    /// Returns the record before the one that was returned last.
    pub(crate) fn prev(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.step(true)
    }

    /// Steps, and returns the result of `decode` for the record. If memory runs out, the next step returns the same
    /// record; if decoding fails for another reason, the record is skipped.
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
            match &mut self.source {
                Source::Kept(kept) => kept.unread(backwards),
                _ => self.given -= 1,
            }
        }
        Some(decoded)
    }

    /// Does the same for Rust's loops, which continue after an error: an error that would repeat forever is returned
    /// once, and then the walk ends until it is moved.
    pub(crate) fn give_once<T>(
        &mut self,
        backwards: bool,
        decode: impl FnOnce(&[u8], &[u8]) -> Result<T>,
    ) -> Option<Result<T>> {
        if self.has_failed {
            return None;
        }
        let mut is_decoding = false;
        let given = self.give(backwards, |key, value| {
            is_decoding = true;
            decode(key, value)
        });
        if let Some(Err(error)) = &given {
            self.has_failed = !is_decoding && error.status() != Status::NoMemory;
        }
        given
    }

    #[inline]
    fn step(&mut self, backwards: bool) -> Result<Option<(&[u8], &[u8])>> {
        // Fast path: the record was read ahead, and nothing was written since.
        if let Source::Own(own) = &self.source
            && own.seen == own.commits.load(Ordering::Acquire)
            && self.backwards == backwards
            && self.given < self.ahead.len()
        {
            self.given += 1;
            return Ok(Some(self.ahead.record(self.given - 1)));
        }
        if self.backwards == backwards && matches!(self.source, Source::Kept(_)) {
            self.collection.shared().check_open()?;
            let Source::Kept(kept) = &mut self.source else { return Ok(None) };
            return if backwards { kept.prev() } else { kept.next() };
        }
        self.step_further(backwards)
    }

    fn step_further(&mut self, backwards: bool) -> Result<Option<(&[u8], &[u8])>> {
        self.turn(backwards)?;
        if self.keeps()? {
            let Source::Kept(kept) = &mut self.source else { return Ok(None) };
            return if backwards { kept.prev() } else { kept.next() };
        }
        if self.is_stale()? {
            self.forget()?;
        }
        if self.given == self.ahead.len() {
            let limit = Limit { items: self.batch, bytes: LARGEST_BYTES };
            self.fetch(limit)?;
            self.batch = (self.batch * GROWTH).min(LARGEST_BATCH);
        }
        if self.given == self.ahead.len() {
            self.place = if backwards { Position::Start } else { Position::End };
            return Ok(None);
        }
        self.given += 1;
        Ok(Some(self.ahead.record(self.given - 1)))
    }

    /// Returns the next records as columns, which are empty at the end. 0 leaves the limit to the library.
    pub(crate) fn next_batch(&mut self, max_items: usize, max_bytes: usize) -> Result<&Columns> {
        self.turn(false)?;
        let choose = |asked: usize, default: usize| if asked == 0 { default } else { asked };
        let limit =
            Limit { items: choose(max_items, LARGEST_BATCH), bytes: choose(max_bytes, LARGEST_BYTES) };
        if self.keeps()? {
            let Source::Kept(kept) = &mut self.source else { return Ok(&self.ahead) };
            return kept.next_batch(limit);
        }
        if self.has_first() && self.ahead.fits(limit) {
            self.fetch_behind_first(limit)?;
        } else {
            // Records that were read ahead but not returned are read again with the rest.
            self.forget()?;
            self.fetch(limit)?;
        }
        self.given = self.ahead.len();
        if self.given == 0 {
            self.place = Position::End;
        }
        Ok(&self.ahead)
    }

    /// Returns true if the first records of the range were read when the iterator was opened, and none was returned.
    fn has_first(&self) -> bool {
        matches!((&self.source, &self.place), (Source::Own(_), Position::Start))
            && self.given == 0
            && self.ahead.len() > 0
    }

    /// Appends the records behind the first ones to them.
    fn fetch_behind_first(&mut self, limit: Limit) -> Result<()> {
        let bytes = self.ahead.keys.len() + self.ahead.values.len();
        let rest = Limit { items: limit.items - self.ahead.len(), bytes: limit.bytes.saturating_sub(bytes) };
        if rest.items == 0 || rest.bytes == 0 {
            return Ok(());
        }
        let last = self.ahead.record(self.ahead.len() - 1).0;
        self.place = Position::After(memory::copy(last)?, Vec::new());
        let mut ahead = std::mem::replace(&mut *self.ahead, Columns::without_memory());
        let read = self.read_on(rest, &mut ahead);
        *self.ahead = ahead;
        self.place = Position::Start;
        read.map(drop)
    }

    /// Moves before the first key at or beyond `key` in the range's direction.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.has_failed = false;
        if let Source::Kept(kept) = &mut self.source {
            kept.seek(key);
            return Ok(());
        }
        let place = Position::At(memory::copy(key)?);
        self.ahead.clear();
        self.given = 0;
        self.backwards = false;
        self.place = place;
        Ok(())
    }

    /// Makes the read-ahead follow the given direction.
    fn turn(&mut self, backwards: bool) -> Result<()> {
        if self.backwards != backwards {
            self.forget()?;
            self.backwards = backwards;
            self.batch = FIRST_BATCH;
        }
        Ok(())
    }

    /// Drops the records that were read ahead, and stores the position of the walk.
    fn forget(&mut self) -> Result<()> {
        if self.given > 0 {
            let (key, value) = self.ahead.record(self.given - 1);
            // The value matters only among several values of one key.
            let value = if self.collection.has_duplicates() { value } else { &[] };
            let (key, value) = (memory::copy(key)?, memory::copy(value)?);
            self.place =
                if self.backwards { Position::Before(key, value) } else { Position::After(key, value) };
        }
        self.ahead.clear();
        self.given = 0;
        Ok(())
    }

    /// Returns true if the walk continues in memory. Releases the snapshot if this process has committed and the rest
    /// is small.
    #[inline]
    fn keeps(&mut self) -> Result<bool> {
        match &mut self.source {
            Source::Transaction { .. } => Ok(false),
            Source::Own(own) => {
                let commits = own.commits.load(Ordering::Acquire);
                if commits == own.seen || own.pause > 0 {
                    return Ok(false);
                }
                own.seen = commits;
                self.keep()
            }
            Source::Kept(_) => {
                self.collection.shared().check_open()?;
                Ok(true)
            }
        }
    }

    /// Reads the range, or the rest of it, to replace the snapshot. Returns `Ok(false)` if it is too large.
    #[cold]
    fn keep(&mut self) -> Result<bool> {
        if !can_be_kept(&self.collection) {
            return Ok(false);
        }
        self.forget()?;
        let limit = Limit { items: usize::MAX, bytes: KEPT_BYTES };
        let mut records = Columns::default();
        let is_large = matches!(&self.source, Source::Own(own) if own.is_large);
        if !is_large && is_all(self.read(ScanStart::Range, limit, &mut records))? {
            let (at, given) = match &self.place {
                Position::Start | Position::End => (None, false),
                Position::At(key) => (Some(&key[..]), false),
                Position::After(key, _) | Position::Before(key, _) => (Some(&key[..]), true),
            };
            let end = matches!(self.place, Position::End);
            let kept = Kept::of_range(records.into(), self.range.reverse, at, given, end);
            return Ok(self.let_go(kept));
        }
        records.clear();
        if is_all(self.read_on(limit, &mut records))? {
            let kept = if matches!(self.place, Position::Start) && !self.backwards {
                Kept::of_range(records.into(), self.range.reverse, None, false, false)
            } else {
                Kept::of_rest(records.into(), self.range.reverse, self.backwards)
            };
            return Ok(self.let_go(kept));
        }
        if let Source::Own(own) = &mut self.source {
            own.is_large = true;
            own.pause = KEPT_BYTES;
        }
        Ok(false)
    }

    fn let_go(&mut self, kept: Kept) -> bool {
        self.source = Source::Kept(Box::new(kept));
        self.back = None;
        true
    }

    /// Returns true if the transaction has written since.
    fn is_stale(&mut self) -> Result<bool> {
        if !matches!(self.source, Source::Transaction { .. }) {
            return Ok(false);
        }
        let writes = self.writes;
        self.with_session(|session| Ok(session.writes() != writes))
    }

    fn with_session<R>(&self, look: impl FnOnce(&mut Session<'_, '_>) -> Result<R>) -> Result<R> {
        match &self.source {
            Source::Own(own) => own.seat.read(look),
            Source::Kept(_) => Err(Error::new(Status::Conflict, "the iterator has released its snapshot")),
            Source::Transaction { seat, level } => {
                let own = self.collection.shared().seat()?;
                if !own.is(seat) {
                    return Err(Error::new(
                        Status::WrongThread,
                        "the iterator was begun in another thread's transaction",
                    ));
                }
                own.read_in(*level, look)
            }
        }
    }

    /// Reads on from the position of the walk.
    fn fetch(&mut self, limit: Limit) -> Result<()> {
        self.forget()?;
        let mut ahead = std::mem::replace(&mut *self.ahead, Columns::without_memory());
        let read = self.read_on(limit, &mut ahead);
        if let Source::Own(own) = &mut self.source {
            own.pause = own.pause.saturating_sub(ahead.keys.len() + ahead.values.len());
        }
        *self.ahead = ahead;
        self.given = 0;
        self.writes = read?.writes;
        Ok(())
    }

    /// Reads the records ahead of the walk, and drops those that were read ahead before.
    fn read_on(&mut self, limit: Limit, out: &mut Columns) -> Result<Read> {
        // A backward walk is a forward walk over the reversed range.
        self.range.reverse ^= self.backwards;
        let outcome = self.read_ahead(limit, out);
        self.range.reverse ^= self.backwards;
        outcome
    }

    fn read_ahead(&self, limit: Limit, out: &mut Columns) -> Result<Read> {
        let from = match (&self.place, self.backwards) {
            (Position::Start, false) | (Position::End, true) => ScanStart::Range,
            (Position::Start, true) | (Position::End, false) => {
                return Ok(Read { writes: self.writes, is_all: true });
            }
            (Position::At(key), false) => ScanStart::At(key),
            // Reads the records before the sought key.
            (Position::At(key), true) => ScanStart::Beyond(key),
            // After a turn, the next record is the neighbour of the last returned record, not that record again.
            (Position::After(key, value) | Position::Before(key, value), _) => ScanStart::After(key, value),
        };
        self.read(from, limit, out)
    }

    fn read(&self, from: ScanStart<'_>, limit: Limit, out: &mut Columns) -> Result<Read> {
        self.with_session(|session| {
            let writes = session.writes();
            match session.scan(self.collection.opened(), &self.range, from, limit, out) {
                Ok(is_all) => Ok(Read { writes, is_all }),
                Err(Leave::Failed(error)) => Err(error),
                // The collection was opened with the iterator; only a drop by another program can undo that.
                Err(Leave::Outside) => Err(self.collection.no_longer_exists()),
            }
        })
    }
}

/// Returns true if records of a collection can be found in memory: in others, only LMDB knows the order.
fn can_be_kept(collection: &Collection) -> bool {
    collection.is_bytewise() && !collection.has_duplicates()
}

/// The outcome of a read.
struct Read {
    /// The transaction's count of writes.
    writes: u64,
    /// True if the range was read to its end.
    is_all: bool,
}

/// Returns true if a range was read to its end. A range that does not fit into memory is too large.
fn is_all(read: Result<Read>) -> Result<bool> {
    match read {
        Err(error) if error.status() == Status::NoMemory => Ok(false),
        read => read.map(|read| read.is_all),
    }
}

#[cfg(test)]
mod tests;
