//! Takes records from the far end of an iterator's range.
//!
//! A record that was taken is out of the range, so that the walk cannot reach it. Conversely, the walk limits what can
//! still be taken: the records behind the one that it returned last, or those from the key on to which it was moved.

use std::cmp::Ordering;
use std::ops::Bound;

use super::{FIRST_BATCH, Iter, LARGEST_BATCH, LARGEST_BYTES, Position, Source};
use crate::engine::{Columns, Limit, ScanStart};
use crate::error::{Result, Status};
use crate::memory::{self, TryGrow};

/// Records read from the end of the range, against its direction.
pub(super) struct Back {
    ahead: Columns,
    /// The number of records of `ahead` that were taken.
    taken: usize,
    /// The number of records to read next.
    batch: usize,
    /// The transaction's count of writes when `ahead` was read.
    writes: u64,
}

impl Iter {
    /// Takes the last record off the range and returns the result of `decode`. Returns `None` if the walk has already
    /// returned the record or is beyond it. Neither `next` nor `prev` returns a taken record again, in either
    /// direction. Errors are handled as in [`Iter::give_once`].
    pub(crate) fn give_last<T>(
        &mut self,
        decode: impl FnOnce(&[u8], &[u8]) -> Result<T>,
    ) -> Option<Result<T>> {
        if self.has_failed {
            return None;
        }
        match self.find_last() {
            Ok(true) => {}
            Ok(false) => {
                self.end();
                return None;
            }
            Err(error) => {
                self.has_failed = error.status() != Status::NoMemory;
                return Some(Err(error));
            }
        }
        let (key, value) = match (&self.source, &self.back) {
            (Source::Kept(kept), _) => kept.last(),
            (_, Some(back)) => back.ahead.record(back.taken),
            (_, None) => return None,
        };
        let decoded = decode(key, value);
        if decoded.as_ref().is_err_and(|error| error.status() == Status::NoMemory) {
            return Some(decoded);
        }
        Some(self.take_last().and(decoded))
    }

    /// Returns true if there is a record between the walk and the end of the range; reads it if necessary.
    fn find_last(&mut self) -> Result<bool> {
        if self.keeps()? {
            let Source::Kept(kept) = &self.source else { return Ok(false) };
            return kept.has_last();
        }
        if self.must_read_back()? {
            self.read_back()?;
        }
        let Some(back) = self.back.as_ref().filter(|back| back.taken < back.ahead.len()) else {
            return Ok(false);
        };
        Ok(self.is_left(back.ahead.record(back.taken).0))
    }

    fn must_read_back(&self) -> Result<bool> {
        let Some(back) = self.back.as_ref().filter(|back| back.taken < back.ahead.len()) else {
            return Ok(true);
        };
        if !matches!(self.source, Source::Transaction { .. }) {
            return Ok(false);
        }
        self.with_session(|session| Ok(session.writes() != back.writes))
    }

    fn read_back(&mut self) -> Result<()> {
        let (mut ahead, batch) = match self.back.take() {
            Some(back) => (back.ahead, back.batch),
            None => (Columns::default(), FIRST_BATCH),
        };
        ahead.clear();
        self.range.reverse ^= true;
        let read = self.read(ScanStart::Range, Limit { items: batch, bytes: LARGEST_BYTES }, &mut ahead);
        self.range.reverse ^= true;
        let writes = read?.writes;
        if let Source::Own(own) = &mut self.source {
            own.pause = own.pause.saturating_sub(ahead.keys.len() + ahead.values.len());
        }
        let batch = (batch * 2).min(LARGEST_BATCH);
        self.back = Some(Box::new(Back { ahead, taken: 0, batch, writes }));
        Ok(())
    }

    /// Returns true if the walk has not yet reached a key.
    fn is_left(&self, key: &[u8]) -> bool {
        let against = |place: &[u8]| self.order(key, place);
        if self.given > 0 {
            return against(self.ahead.record(self.given - 1).0).is_gt();
        }
        match &self.place {
            Position::Start => true,
            Position::At(sought) => against(sought).is_ge(),
            Position::After(given, _) | Position::Before(given, _) => against(given).is_gt(),
            Position::End => false,
        }
    }

    /// Compares keys bytewise: only typed collections have double-ended iterators, and they are in bytewise order.
    fn order(&self, one: &[u8], other: &[u8]) -> Ordering {
        let order = one.cmp(other);
        if self.range.reverse { order.reverse() } else { order }
    }

    /// Removes the record that was found from the range, and from the records that the walk has read ahead.
    fn take_last(&mut self) -> Result<()> {
        if let Source::Kept(kept) = &mut self.source {
            kept.take_last();
            return Ok(());
        }
        let Some(mut back) = self.back.take() else { return Ok(()) };
        let key = back.ahead.record(back.taken).0;
        let narrowed =
            exclude(if self.range.reverse { &mut self.range.lower } else { &mut self.range.upper }, key);
        if narrowed.is_ok() {
            if !self.backwards {
                self.trim(key);
            }
            back.taken += 1;
        }
        self.back = Some(back);
        narrowed
    }

    /// Drops the records from `key` on that were read ahead.
    fn trim(&mut self, key: &[u8]) {
        let mut len = self.ahead.len();
        while len > self.given && self.order(self.ahead.record(len - 1).0, key).is_ge() {
            len -= 1;
        }
        truncate(&mut self.ahead, len);
    }

    /// Ends the walk too, since both ends have met, even if records are written between them later.
    fn end(&mut self) {
        self.back = None;
        if let Source::Kept(kept) = &mut self.source {
            kept.end();
            return;
        }
        self.ahead.clear();
        self.given = 0;
        self.backwards = false;
        self.place = Position::End;
    }
}

/// Makes `key` the first key beyond a bound. On failure, the bound is unchanged.
fn exclude(bound: &mut Bound<Vec<u8>>, key: &[u8]) -> Result<()> {
    if let Bound::Excluded(end) = bound {
        end.try_room(key.len())?;
        end.clear();
        end.extend_from_slice(key);
    } else {
        *bound = Bound::Excluded(memory::copy(key)?);
    }
    Ok(())
}

#[allow(clippy::cast_possible_truncation)] // offsets are lengths of vectors in memory
fn truncate(records: &mut Columns, len: usize) {
    if len >= records.len() {
        return;
    }
    records.key_offsets.truncate(len + 1);
    records.value_offsets.truncate(len + 1);
    records.keys.truncate(records.key_offsets[len] as usize);
    records.values.truncate(records.value_offsets[len] as usize);
}
