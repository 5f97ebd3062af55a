//! What crosses the seam between the nouns and an engine: plain data, which knows of no engine.
//!
//! A write that commits by itself is data ([`Op`], an
//! [`Outcome`] for each), so that an engine may group writes or send them over a network; reads borrow from a transaction.

use std::ops::Bound;
use std::time::{Duration, Instant};

use crate::codec::Type;
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, TryGrow};

/// When a commit is on stable storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// A commit that returned survives a crash of the system.
    #[default]
    Full,
    /// A crash of the system may undo the last commits; what is left is consistent.
    NoMetaSync,
    /// Commits are on stable storage after a flush. A crash of the system may lose *or damage* what was
    /// written since the last one; a crash of the process loses nothing.
    None,
}

/// What an engine is opened with; see [`crate::Options`] for the meaning of each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // as there
pub(crate) struct Settings {
    pub read_only: bool,
    pub immutable: bool,
    pub no_subdir: bool,
    pub max_collections: u32,
    pub max_readers: u32,
    pub map_size: Option<u64>,
    pub durability: Durability,
    pub flush_interval: Option<Duration>,
    pub write_timeout: Option<Duration>,
    /// Not a setting of what is open already: that is checked by who opens it again.
    pub verify_on_open: bool,
}

/// What an engine tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub map_size: u64,
    pub file_size: u64,
    pub page_size: u64,
    pub pages_used: u64,
    pub pages_free: u64,
    pub last_txn: u64,
    pub max_readers: u32,
    pub readers: u32,
    pub oldest_reader_txn: u64,
    pub pages_held: u64,
    pub data_format: u32,
    pub lock_format: u32,
}

/// What a check has found in storage that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Structure {
    pub pages: u64,
    pub used: u64,
    pub free: u64,
    pub lost: u64,
    pub collections: u64,
}

/// A reader slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderFigures {
    pub process: u32,
    pub thread: u64,
    pub txn: Option<u64>,
    pub behind: u64,
}

/// How long to wait for the write lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// As long as the environment's `write_timeout` says.
    #[default]
    Default,
    /// At most this long; zero does not wait.
    For(Duration),
    /// Until it is free.
    Forever,
}

impl Wait {
    /// When a wait that begins now ends, where the environment's `write_timeout` is the default; `None`: never.
    pub(crate) fn deadline(self, default: Option<Duration>) -> Option<Instant> {
        let patience = match self {
            Wait::Default => default,
            Wait::For(duration) => Some(duration),
            Wait::Forever => None,
        };
        // A timeout too long for the clock is none.
        patience.and_then(|patience| Instant::now().checked_add(patience))
    }
}

/// The access of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
    /// The same, but its commit does not wait for stable storage, whatever the environment's durability is.
    WriteUnsynced,
}

/// A column of byte strings: one after the other in `bytes`, cut by offsets or by a fixed width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    bytes: &'a [u8],
    cut: Cut<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Cut<'a> {
    Width { width: usize, count: usize },
    Offsets(&'a [u64]),
}

impl<'a> Column<'a> {
    /// `count` items of one width.
    pub(crate) fn fixed(bytes: &'a [u8], width: usize, count: usize) -> Result<Self> {
        if width.checked_mul(count) != Some(bytes.len()) {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("{} bytes are not {count} items of {width} bytes", bytes.len()),
            ));
        }
        Ok(Self { bytes, cut: Cut::Width { width, count } })
    }

    /// Items between each offset and the next; there is one offset more than items.
    pub(crate) fn variable(bytes: &'a [u8], offsets: &'a [u64]) -> Result<Self> {
        let ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if offsets.is_empty() || !ascending || offsets.last().is_some_and(|end| *end > bytes.len() as u64) {
            return Err(Error::new(
                Status::InvalidArgument,
                "offsets must ascend, end within the bytes, and be one more than the items",
            ));
        }
        Ok(Self { bytes, cut: Cut::Offsets(offsets) })
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        match self.cut {
            Cut::Width { count, .. } => count,
            Cut::Offsets(offsets) => offsets.len() - 1,
        }
    }

    /// Bytes of all items.
    fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Item `index`, which must be below the length.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // offsets were checked to lie within the bytes
    pub(crate) fn item(&self, index: usize) -> &'a [u8] {
        match self.cut {
            Cut::Width { width, .. } => &self.bytes[index * width..(index + 1) * width],
            Cut::Offsets(offsets) => &self.bytes[offsets[index] as usize..offsets[index + 1] as usize],
        }
    }

    /// All items in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|index| self.item(index))
    }
}

/// Which keys, and in which direction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub lower: Bound<Vec<u8>>,
    pub upper: Bound<Vec<u8>>,
    pub reverse: bool,
    /// Whether a prefix is among what made the bounds: that is for the order of bytes alone.
    pub by_prefix: bool,
}

impl Range {
    /// Every key, ascending.
    pub(crate) const fn all() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false, by_prefix: false }
    }

    /// The keys between two bounds that begin with a prefix.
    pub(crate) fn new(
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        prefix: Option<&[u8]>,
        reverse: bool,
    ) -> Result<Self, NoMemory> {
        let mut range = Self { lower: copied(lower)?, upper: copied(upper)?, reverse, by_prefix: false };
        let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) else { return Ok(range) };
        range.by_prefix = true;
        let tighter = match &range.lower {
            Bound::Unbounded => true,
            Bound::Included(key) | Bound::Excluded(key) => key.as_slice() < prefix,
        };
        if tighter {
            range.lower = Bound::Included(memory::copy(prefix)?);
        }
        if let Some(end) = successor(prefix)? {
            let tighter = match &range.upper {
                Bound::Unbounded => true,
                Bound::Included(key) | Bound::Excluded(key) => *key >= end,
            };
            if tighter {
                range.upper = Bound::Excluded(end);
            }
        }
        Ok(range)
    }

    /// The same keys in a direction.
    pub(crate) fn turned(&self, reverse: bool) -> Result<Self, NoMemory> {
        let bound = |bound: &Bound<Vec<u8>>| copied(bound.as_ref().map(Vec::as_slice));
        Ok(Self {
            lower: bound(&self.lower)?,
            upper: bound(&self.upper)?,
            reverse,
            by_prefix: self.by_prefix,
        })
    }

    pub(crate) fn is_all(&self) -> bool {
        self.lower == Bound::Unbounded && self.upper == Bound::Unbounded
    }
}

/// The first key behind all keys that begin with `prefix`; `None`: there is none.
fn successor(prefix: &[u8]) -> Result<Option<Vec<u8>>, NoMemory> {
    let Some(last) = prefix.iter().rposition(|byte| *byte != 0xff) else { return Ok(None) };
    let mut end = memory::copy(&prefix[..=last])?;
    end[last] += 1;
    Ok(Some(end))
}

fn copied(bound: Bound<&[u8]>) -> Result<Bound<Vec<u8>>, NoMemory> {
    Ok(match bound {
        Bound::Included(key) => Bound::Included(memory::copy(key)?),
        Bound::Excluded(key) => Bound::Excluded(memory::copy(key)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// Where a scan begins, in its own direction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScanStart<'a> {
    /// At the range's own beginning.
    Range,
    /// At this key, or the next one.
    At(&'a [u8]),
    /// Behind this key, with all its values.
    Beyond(&'a [u8]),
    /// Behind this record (the value counts only where a key has several).
    After(&'a [u8], &'a [u8]),
}

/// How much a scan may give: it stops at whichever is reached first, but gives one record at least.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub items: usize,
    pub bytes: usize,
}

/// Records as columns: bytes one after the other, and one offset more than there are records.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub keys: Vec<u8>,
    pub key_offsets: Vec<u64>,
    pub values: Vec<u8>,
    pub value_offsets: Vec<u64>,
}

impl Default for Columns {
    fn default() -> Self {
        Self { keys: Vec::new(), key_offsets: vec![0], values: Vec::new(), value_offsets: vec![0] }
    }
}

impl Columns {
    pub(crate) fn len(&self) -> usize {
        self.key_offsets.len() - 1
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
        self.key_offsets.truncate(1);
        self.value_offsets.truncate(1);
    }

    /// Makes room at once for the first of some records, which are about as large as this one: growing step by step takes as
    /// long as reading a few.
    #[cold]
    pub(crate) fn expect(&mut self, records: usize, key: &[u8], value: &[u8]) {
        const FIRST: usize = 64;
        const BYTES: usize = 4096;
        let records = records.min(FIRST);
        // Without that room, each record looks for its own, and its failure is reported.
        let _ = self
            .keys
            .try_room((records * key.len()).min(BYTES))
            .and_then(|()| self.values.try_room((records * value.len()).min(BYTES)))
            .and_then(|()| self.key_offsets.try_room(records))
            .and_then(|()| self.value_offsets.try_room(records));
    }

    /// Appends a record. On failure all are as they were.
    #[inline]
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), NoMemory> {
        // One after the other, so that each looks once whether there is room.
        if self.keys.try_extend(key).is_ok()
            && self.values.try_extend(value).is_ok()
            && self.key_offsets.try_push(self.keys.len() as u64).is_ok()
            && self.value_offsets.try_push(self.values.len() as u64).is_ok()
        {
            return Ok(());
        }
        Err(self.cut_back(key.len() + value.len()))
    }

    /// Takes back what a record has left that found no room.
    #[cold]
    #[allow(clippy::cast_possible_truncation)] // offsets are lengths of vectors in memory
    fn cut_back(&mut self, more: usize) -> NoMemory {
        self.key_offsets.truncate(self.value_offsets.len());
        self.keys.truncate(self.key_offsets[self.len()] as usize);
        self.values.truncate(self.value_offsets[self.len()] as usize);
        NoMemory { bytes: self.keys.len() + self.values.len() + more }
    }

    /// Record `index`, which must be below the length.
    #[allow(clippy::cast_possible_truncation)] // offsets are lengths of vectors in memory
    pub(crate) fn record(&self, index: usize) -> (&[u8], &[u8]) {
        let cut = |offsets: &[u64]| offsets[index] as usize..offsets[index + 1] as usize;
        (&self.keys[cut(&self.key_offsets)], &self.values[cut(&self.value_offsets)])
    }
}

/// One write, as data. Keys and values were checked before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op<'a> {
    /// Stores a value; `fresh`: only where the key is absent.
    Put {
        key: &'a [u8],
        value: &'a [u8],
        fresh: bool,
    },
    Remove {
        key: &'a [u8],
    },
    /// Removes and gives a value of at most `cap` bytes.
    Take {
        key: &'a [u8],
        cap: usize,
    },
    /// Stores `desired` (`None`: removes) where the value is `expected` (`None`: absent).
    CompareExchange {
        key: &'a [u8],
        expected: Option<&'a [u8]>,
        desired: Option<&'a [u8]>,
    },
    /// Adds to a stored integer of type `kind`; an absent one counts as 0.
    Add {
        key: &'a [u8],
        kind: &'a Type,
        by: i64,
    },
    PutMany {
        keys: &'a Column<'a>,
        values: &'a Column<'a>,
    },
    /// Stores elements with empty values.
    AddMany {
        keys: &'a Column<'a>,
    },
    RemoveMany {
        keys: &'a Column<'a>,
    },
    RemoveRange {
        range: &'a Range,
    },
}

impl Op<'_> {
    /// About how many bytes it stores.
    pub(crate) fn size(&self) -> u64 {
        let size = match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::CompareExchange { key, desired, .. } => key.len() + desired.map_or(0, <[u8]>::len),
            Self::PutMany { keys, values, .. } => keys.size() + values.size(),
            Self::AddMany { keys, .. } => keys.size(),
            _ => 0,
        };
        size as u64
    }
}

/// Why a look into a snapshot or transaction ended without a result.
#[derive(Debug)]
pub(crate) enum Leave {
    Failed(Error),
    /// The engine must do something outside of the call first; then the look runs again.
    Outside,
}

impl From<Error> for Leave {
    #[cold]
    fn from(error: Error) -> Leave {
        Leave::Failed(error)
    }
}

impl From<NoMemory> for Leave {
    #[cold]
    fn from(none: NoMemory) -> Leave {
        Leave::Failed(none.into())
    }
}

/// The error of a reference that no transaction would keep in place.
#[cold]
pub(crate) fn nothing_keeps_it() -> Error {
    Error::new(
        Status::NoTransaction,
        "a reference to a stored value needs a transaction that keeps it in place; begin one",
    )
}

/// What became of an [`Op`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The key was there already.
    Exists,
    /// The key was not there.
    Missing,
    /// The value needs this many bytes; it was left.
    TooSmall(usize),
    /// The value that was taken.
    Value(Vec<u8>),
    /// The value that was there instead of the expected one.
    Differs(Option<Vec<u8>>),
    /// The new number.
    Sum(i64),
    /// How many records were made or removed.
    Count(u64),
}

impl Outcome {
    /// Whether the operation wrote anything.
    pub(crate) fn changed(&self) -> bool {
        matches!(self, Self::Done | Self::Value(_) | Self::Sum(_) | Self::Count(_))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_becomes_bounds() {
        let range = Range::new(Bound::Unbounded, Bound::Unbounded, Some(b"ab"), false).unwrap();
        assert_eq!(range.lower, Bound::Included(b"ab".to_vec()));
        assert_eq!(range.upper, Bound::Excluded(b"ac".to_vec()));
    }

    #[test]
    fn a_prefix_of_ff_has_no_upper_bound() {
        let range = Range::new(Bound::Unbounded, Bound::Unbounded, Some(&[1, 0xff]), false).unwrap();
        assert_eq!(range.upper, Bound::Excluded(vec![2]));
        let range = Range::new(Bound::Unbounded, Bound::Unbounded, Some(&[0xff, 0xff]), false).unwrap();
        assert_eq!(range.upper, Bound::Unbounded);
    }

    #[test]
    fn a_tighter_bound_wins_over_the_prefix() {
        let range = Range::new(Bound::Excluded(b"abc"), Bound::Included(b"abd"), Some(b"ab"), true).unwrap();
        assert_eq!(range.lower, Bound::Excluded(b"abc".to_vec()));
        assert_eq!(range.upper, Bound::Included(b"abd".to_vec()));
        let range = Range::new(Bound::Included(b"aa"), Bound::Included(b"b"), Some(b"ab"), false).unwrap();
        assert_eq!(range.lower, Bound::Included(b"ab".to_vec()));
        assert_eq!(range.upper, Bound::Excluded(b"ac".to_vec()));
    }

    #[test]
    fn offsets_that_descend_or_leave_the_bytes_are_refused() {
        assert!(Column::variable(b"abc", &[0, 1, 3]).is_ok());
        assert!(Column::variable(b"abc", &[0, 2, 1]).is_err());
        assert!(Column::variable(b"abc", &[0, 4]).is_err());
        assert!(Column::variable(b"abc", &[]).is_err());
        assert!(Column::fixed(b"abcd", 2, 2).is_ok());
        assert!(Column::fixed(b"abcd", 2, 3).is_err());
    }
}
