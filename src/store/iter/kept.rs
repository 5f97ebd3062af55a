//! Stores the part of its range that an iterator keeps after it has released its snapshot.

use std::cmp::Ordering;
use std::ops::Range;

use super::pooled::PooledColumns;
use crate::engine::{Columns, Limit};
use crate::error::{Error, Result, Status};

/// Records of a range in memory, and the walk's position among them.
pub(super) struct Kept {
    records: PooledColumns,
    /// The records that were not yet taken off the end of the range.
    left: Range<usize>,
    /// True if the records are stored against the range's direction.
    is_turned: bool,
    /// The last result of `next_batch`.
    batch: Columns,
    given: Given,
    reverse: bool,
    part: Part,
    place: KeptPosition,
}

/// The part of the range that was kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    WithoutBeginning,
    WithoutEnd,
}

/// The records that a thread may still be reading.
enum Given {
    Nothing,
    Record,
    Batch,
}

enum KeptPosition {
    /// The record that was returned last. If empty, the position between two records, before the one at its start.
    At(Range<usize>),
    /// The last returned record is among those that were not kept.
    Gone,
}

impl Kept {
    /// Keeps all records of a range, in its direction. The walk is at the first record at or beyond a key, which it has
    /// already returned if `given`. Without a key, the walk is at the beginning, or at the end if `end`.
    pub(super) fn of_range(
        records: PooledColumns,
        reverse: bool,
        at: Option<&[u8]>,
        given: bool,
        end: bool,
    ) -> Kept {
        let mut kept = Kept {
            left: 0..records.len(),
            records,
            is_turned: false,
            batch: Columns::without_memory(),
            given: Given::Nothing,
            reverse,
            part: Part::All,
            place: KeptPosition::At(0..0),
        };
        match at {
            Some(key) => kept.seek(key),
            None if end => kept.end(),
            None => {}
        }
        if let KeptPosition::At(at) = &mut kept.place
            && given
        {
            at.end += 1;
        }
        kept
    }

    /// Keeps the records ahead of the walk, in its direction. `reverse` is the range's direction; `backwards` means
    /// that the walk goes against it.
    pub(super) fn of_rest(records: PooledColumns, reverse: bool, backwards: bool) -> Kept {
        let place = if backwards { records.len()..records.len() } else { 0..0 };
        Kept {
            left: 0..records.len(),
            records,
            is_turned: backwards,
            batch: Columns::without_memory(),
            given: Given::Nothing,
            reverse,
            part: if backwards { Part::WithoutEnd } else { Part::WithoutBeginning },
            place: KeptPosition::At(place),
        }
    }

    /// Returns true if the kept records include the beginning of the range.
    fn is_begun(&self) -> bool {
        self.part != Part::WithoutBeginning
    }

    /// Returns true if the kept records include the end of the range.
    fn is_ended(&self) -> bool {
        self.part != Part::WithoutEnd
    }

    fn len(&self) -> usize {
        self.left.len()
    }

    fn record(&self, index: usize) -> (&[u8], &[u8]) {
        self.records.record(if self.is_turned { self.left.end - 1 - index } else { self.left.start + index })
    }

    /// Returns the memory of the records that were returned last, or `None` if no record was returned.
    pub(super) fn into_given(self) -> Option<Columns> {
        match self.given {
            Given::Nothing => None,
            Given::Record => Some(self.records.into_inner()),
            Given::Batch => Some(self.batch),
        }
    }

    /// Restarts at the beginning of the range in the other direction.
    pub(super) fn reverse(&mut self) {
        self.is_turned = !self.is_turned;
        self.reverse = !self.reverse;
        self.part = match self.part {
            Part::All => Part::All,
            Part::WithoutBeginning => Part::WithoutEnd,
            Part::WithoutEnd => Part::WithoutBeginning,
        };
        self.place = if self.is_begun() { KeptPosition::At(0..0) } else { KeptPosition::Gone };
    }

    /// Returns the index of the record after the position, in the range's direction, or `None` at the end.
    fn ahead(&self) -> Result<Option<usize>> {
        match &self.place {
            KeptPosition::At(at) if at.end < self.len() => Ok(Some(at.end)),
            KeptPosition::At(_) if self.is_ended() => Ok(None),
            KeptPosition::At(_) | KeptPosition::Gone => Err(gone()),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let next = self.ahead()?;
        let len = self.len();
        Ok(self.give(next, len))
    }

    pub(super) fn prev(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let before = match &self.place {
            KeptPosition::At(at) if at.start > 0 => Some(at.start - 1),
            KeptPosition::At(_) if self.is_begun() => None,
            KeptPosition::At(_) | KeptPosition::Gone => return Err(gone()),
        };
        Ok(self.give(before, 0))
    }

    fn give(&mut self, index: Option<usize>, end: usize) -> Option<(&[u8], &[u8])> {
        self.given = Given::Record;
        self.place = KeptPosition::At(index.map_or(end..end, |index| index..index + 1));
        index.map(|index| self.record(index))
    }

    /// Steps back before the record that was returned last; `backwards` means that `prev` returned it.
    pub(super) fn unread(&mut self, backwards: bool) {
        if let KeptPosition::At(at) = &mut self.place {
            let before = if backwards { at.end } else { at.start };
            *at = before..before;
        }
    }

    /// Returns true if a record is left between the position and the end of the range.
    pub(super) fn has_last(&self) -> Result<bool> {
        if !self.is_ended() {
            return Err(gone());
        }
        Ok(self.ahead()?.is_some())
    }

    /// Returns the last record, which must exist.
    pub(super) fn last(&self) -> (&[u8], &[u8]) {
        self.record(self.len() - 1)
    }

    /// Removes the last record from the range.
    pub(super) fn take_last(&mut self) {
        if self.is_turned { self.left.start += 1 } else { self.left.end -= 1 }
    }

    /// Moves to the end of the range.
    pub(super) fn end(&mut self) {
        self.place = KeptPosition::At(self.len()..self.len());
    }

    /// Returns the next records as columns, which are empty at the end.
    pub(super) fn next_batch(&mut self, limit: Limit) -> Result<&Columns> {
        let first = self.ahead()?;
        let is_whole = first == Some(0) && !self.is_turned && self.len() == self.records.len();
        if is_whole && self.records.fits(limit) {
            self.given = Given::Record;
            self.place = KeptPosition::At(self.len() - 1..self.len());
            return Ok(&self.records);
        }
        let mut batch = std::mem::replace(&mut self.batch, Columns::without_memory());
        batch.clear();
        let mut end = first.unwrap_or(self.len());
        let mut bytes = 0;
        while end < self.len() {
            let (key, value) = self.record(end);
            bytes += key.len() + value.len();
            let count = batch.len();
            if count > 0 && (count >= limit.items || bytes > limit.bytes) {
                break;
            }
            batch.push(key, value)?;
            end += 1;
        }
        self.batch = batch;
        self.given = Given::Batch;
        self.place = KeptPosition::At(if first.is_some() { end - 1..end } else { end..end });
        Ok(&self.batch)
    }

    /// Moves before the first key at or beyond `key` in the range's direction. The keys are in bytewise order.
    pub(super) fn seek(&mut self, key: &[u8]) {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let order = self.record(middle).0.cmp(key);
            let is_before = if self.reverse { order == Ordering::Greater } else { order == Ordering::Less };
            if is_before { low = middle + 1 } else { high = middle }
        }
        let is_first = low == 0 && !self.is_begun() && self.key(0) != Some(key);
        let is_beyond = low == self.len() && !self.is_ended();
        self.place = if is_first || is_beyond { KeptPosition::Gone } else { KeptPosition::At(low..low) };
    }

    fn key(&self, index: usize) -> Option<&[u8]> {
        (index < self.len()).then(|| self.record(index).0)
    }
}

#[cold]
fn gone() -> Error {
    Error::new(
        Status::Conflict,
        "the iterator released its snapshot when this process committed, and kept only the entries ahead of it; \
         open another iterator to read others",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn records(keys: &[u8]) -> Columns {
        let mut records = Columns::default();
        for key in keys {
            records.push(&[*key], &[*key; 3]).unwrap();
        }
        records
    }

    fn key(record: Result<Option<(&[u8], &[u8])>>) -> Option<u8> {
        record.unwrap().map(|(key, _)| key[0])
    }

    #[test]
    fn a_walk_goes_on_both_ways_from_the_record_given_last() {
        let mut kept = Kept::of_range(records(&[1, 3, 5]).into(), false, Some(&[3]), true, false);
        assert_eq!(key(kept.next()), Some(5));
        assert_eq!(key(kept.prev()), Some(3));
        assert_eq!(key(kept.prev()), Some(1));
        assert_eq!(key(kept.prev()), None);
        assert_eq!(key(kept.next()), Some(1));
        assert_eq!((key(kept.next()), key(kept.next()), key(kept.next())), (Some(3), Some(5), None));
        assert_eq!(key(kept.prev()), Some(5));
    }

    #[test]
    fn a_seek_goes_before_the_key_or_the_next_one() {
        for (reverse, keys, found) in [(false, [1, 3, 5], Some(5)), (true, [5, 3, 1], Some(3))] {
            let mut kept = Kept::of_range(records(&keys).into(), reverse, None, false, false);
            kept.seek(&[4]);
            assert_eq!(key(kept.next()), found);
            kept.seek(&[3]);
            assert_eq!(key(kept.prev()), Some(keys[0]));
            kept.seek(&[3]);
            assert_eq!(key(kept.next()), Some(3));
        }
    }

    #[test]
    fn what_was_not_kept_is_not_made_up() {
        // From the middle of a range to its end.
        let mut kept = Kept::of_rest(records(&[3, 5]).into(), false, false);
        assert_eq!(kept.prev().unwrap_err().status(), Status::Conflict);
        assert_eq!((key(kept.next()), key(kept.next()), key(kept.prev())), (Some(3), Some(5), Some(3)));
        assert_eq!(kept.prev().unwrap_err().status(), Status::Conflict);
        kept.seek(&[2]);
        assert_eq!(kept.next().unwrap_err().status(), Status::Conflict);
        kept.seek(&[3]);
        assert_eq!(key(kept.next()), Some(3));
        kept.seek(&[9]);
        assert_eq!(key(kept.next()), None);
        kept.reverse();
        assert_eq!((key(kept.next()), key(kept.next())), (Some(5), Some(3)));
        assert_eq!(kept.next().unwrap_err().status(), Status::Conflict);
        // From the middle to the beginning, as a walk backwards reads it.
        let mut kept = Kept::of_rest(records(&[3, 1]).into(), false, true);
        assert_eq!(kept.next().unwrap_err().status(), Status::Conflict);
        assert_eq!((key(kept.prev()), key(kept.prev()), key(kept.prev())), (Some(3), Some(1), None));
        assert_eq!((key(kept.next()), key(kept.next())), (Some(1), Some(3)));
        assert_eq!(kept.next().unwrap_err().status(), Status::Conflict);
    }

    #[test]
    fn batches_have_the_sizes_that_were_asked_for() {
        let mut kept = Kept::of_range(records(&[1, 2, 3, 4, 5]).into(), false, None, false, false);
        let sizes: Vec<usize> = [(2, 100), (9, 4), (9, 9)]
            .map(|(items, bytes)| kept.next_batch(Limit { items, bytes }).unwrap().len())
            .to_vec();
        assert_eq!(sizes, [2, 1, 2]);
        assert_eq!(kept.next_batch(Limit { items: 1, bytes: 1 }).unwrap().len(), 0);
        assert_eq!(key(kept.prev()), Some(5));
    }
}
