//! Reads the elements of a set in order.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::engine::{Columns, Leave, Limit, Range, ScanStart, SnapshotSeat};
use crate::error::Result;
use crate::memory;
use crate::store::collection::Collection;

/// The size of the first batch: small, since many walks end early or skip ahead.
const FIRST_BATCH: usize = 16;
const LARGEST_BATCH: usize = 4096;
const LARGEST_BYTES: usize = 256 << 10;

/// The elements of a set in order, read ahead in batches.
pub(super) struct Stream<'c> {
    set: &'c Collection,
    /// Where it is read from; `None` means the thread's current transaction.
    snapshot: Option<SnapshotSeat>,
    /// A raw set can contain an element several times.
    has_duplicates: bool,
    ahead: Columns,
    /// The number of elements of `ahead` that were consumed.
    passed: usize,
    /// The first bytes of the next element, followed by zeros, which order most elements; and its length.
    prefix: u64,
    len: usize,
    batch: usize,
    /// The range that starts with the next batch.
    rest: Range,
    /// True if `ahead` contains the set's last elements.
    at_end: bool,
}

impl<'c> Stream<'c> {
    pub(super) fn new(set: &'c Collection, snapshot: Option<SnapshotSeat>) -> Self {
        Self {
            set,
            snapshot,
            has_duplicates: set.has_duplicates(),
            ahead: Columns::default(),
            passed: 0,
            prefix: 0,
            len: 0,
            batch: FIRST_BATCH,
            rest: Range::all(),
            at_end: false,
        }
    }

    pub(super) fn set(&self) -> &'c Collection {
        self.set
    }

    /// Returns true after `fill` if no element is left.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.passed == self.ahead.len()
    }

    /// Returns the next element; there must be one.
    #[inline]
    pub(super) fn head(&self) -> &[u8] {
        self.ahead.record(self.passed).0
    }

    /// Compares the next elements. The end comes after all elements.
    #[inline]
    fn order(&self, other: &Stream<'_>) -> Ordering {
        match (self.has_ended(), other.has_ended()) {
            (false, false) => self.prefix.cmp(&other.prefix).then_with(|| {
                if self.len.max(other.len) <= size_of::<u64>() {
                    self.len.cmp(&other.len)
                } else {
                    self.head().cmp(other.head())
                }
            }),
            (ended, other_ended) => ended.cmp(&other_ended),
        }
    }

    #[inline]
    pub(super) fn is_before(&self, other: &Stream<'_>) -> bool {
        self.order(other) == Ordering::Less
    }

    /// Returns true if the next elements of both are the same.
    #[inline]
    pub(super) fn is_at(&self, other: &Stream<'_>) -> bool {
        !self.has_ended() && self.order(other) == Ordering::Equal
    }

    /// Reads the next batch if `ahead` is used up. Returns `Ok(false)` at the end.
    #[inline]
    pub(super) fn fill(&mut self) -> Result<bool> {
        if self.has_ended() && !self.at_end {
            self.read()?;
        }
        Ok(!self.has_ended())
    }

    #[cold]
    fn read(&mut self) -> Result<()> {
        let limit = Limit { items: self.batch, bytes: LARGEST_BYTES };
        let Self { set, ahead, rest, .. } = self;
        self.at_end = match &self.snapshot {
            None => set.scan(rest, limit, ahead)?,
            Some(snapshot) => snapshot.read(|session| {
                ahead.clear();
                session.scan(set.opened(), rest, ScanStart::Range, limit, ahead).map_err(
                    |leave| match leave {
                        Leave::Failed(error) => error,
                        Leave::Outside => set.no_longer_exists(),
                    },
                )
            })?,
        };
        self.passed = 0;
        self.batch = (self.batch * 8).min(LARGEST_BATCH);
        if let Some(last) = self.ahead.len().checked_sub(1) {
            self.rest.lower = Bound::Excluded(memory::copy(self.ahead.record(last).0)?);
        }
        self.settle();
        Ok(())
    }

    /// Stores the prefix of the next element.
    #[inline]
    fn settle(&mut self) {
        if !self.has_ended() {
            let head = self.head();
            let first = head.first_chunk().copied().unwrap_or_else(|| {
                let mut padded = [0; 8];
                padded[..head.len()].copy_from_slice(head);
                padded
            });
            (self.prefix, self.len) = (u64::from_be_bytes(first), head.len());
        }
    }

    /// Skips the next element.
    #[inline]
    pub(super) fn pass(&mut self) {
        let passed = self.passed;
        self.passed += 1;
        while self.has_duplicates && !self.has_ended() && self.head() == self.ahead.record(passed).0 {
            self.passed += 1;
        }
        self.settle();
    }

    /// Skips the elements before the next one of another stream, which must have one.
    #[inline]
    pub(super) fn seek(&mut self, other: &Stream<'_>) -> Result<()> {
        self.fill()?;
        while self.is_before(other) {
            self.passed += 1;
            self.settle();
        }
        if self.has_ended() && !self.at_end {
            self.rest.lower = Bound::Included(memory::copy(other.head())?);
            self.batch = FIRST_BATCH;
        }
        self.fill().map(drop)
    }
}
