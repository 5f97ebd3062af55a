//! Defines the plain data that crosses the seam between the nouns and an engine. It does not depend on any engine.
//!
//! An autocommitted write is data ([`Op`], each with an [`Outcome`]), so that an engine may group writes or send them
//! over a network. Reads borrow from a transaction.

use std::ops::Bound;
use std::time::Duration;

use crate::codec::Type;
use crate::engine::deadline::Deadline;
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory};

/// The moment when a commit reaches stable storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// A commit that returned survives a crash of the system.
    #[default]
    Full,
    /// A system crash may undo the last commits; the remaining data is consistent.
    NoMetaSync,
    /// Commits reach stable storage with a flush. A system crash may lose *or damage* data written since the last
    /// flush; a process crash loses nothing.
    None,
}

/// The settings of an engine; see [`crate::Options`] for their meanings.
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
    /// Does not apply to an environment that is already open: the second opener checks it.
    pub verify_on_open: bool,
}

/// The abilities of an environment's engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // one for each ability
#[non_exhaustive]
pub struct Traits {
    /// The data is on another machine, or in another process: each call may be a round trip.
    pub remote: bool,
    /// A transaction can lend the addresses of stored values.
    pub lends: bool,
    /// Collections that other programs made, without a schema, can be used.
    pub raw: bool,
    /// [`Environment::copy_to`](crate::Environment::copy_to) works.
    pub copy: bool,
    /// [`Environment::check`](crate::Environment::check) reads the stored data.
    pub check: bool,
    /// The length of a collection is stored, and not counted record by record.
    pub len_is_cheap: bool,
    /// A commit can fail with [`Status::Conflict`], after which the transaction is repeated.
    pub conflicts: bool,
}

/// The figures that an engine reports about itself.
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

/// The results of a check that found no damage.
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
    /// The environment's `write_timeout`.
    #[default]
    Default,
    /// At most this long; zero means no wait.
    For(Duration),
    /// Until the lock is free.
    Forever,
}

impl Wait {
    /// Returns the deadline of the wait. `default` is the environment's `write_timeout`.
    pub(crate) fn deadline(self, default: Option<Duration>) -> Deadline {
        Deadline::after(match self {
            Wait::Default => default,
            Wait::For(duration) => Some(duration),
            Wait::Forever => None,
        })
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
    /// Reading and writing, but the commit does not wait for stable storage, whatever the environment's durability.
    WriteUnsynced,
}

/// A column of byte strings, concatenated in `bytes` and separated by offsets or by a fixed width.
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
    /// Makes a column of `count` items of the same width.
    pub(crate) fn fixed(bytes: &'a [u8], width: usize, count: usize) -> Result<Self> {
        if width.checked_mul(count) != Some(bytes.len()) {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("{} bytes are not {count} items of {width} bytes", bytes.len()),
            ));
        }
        Ok(Self { bytes, cut: Cut::Width { width, count } })
    }

    /// Makes a column of items between consecutive offsets; there is one more offset than items.
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

    /// Returns the number of items.
    pub(crate) fn len(&self) -> usize {
        match self.cut {
            Cut::Width { count, .. } => count,
            Cut::Offsets(offsets) => offsets.len() - 1,
        }
    }

    /// Returns the number of bytes of all items.
    fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Returns item `index`, which must be less than the length.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // offsets were checked to lie within the bytes
    pub(crate) fn item(&self, index: usize) -> &'a [u8] {
        match self.cut {
            Cut::Width { width, .. } => &self.bytes[index * width..(index + 1) * width],
            Cut::Offsets(offsets) => &self.bytes[offsets[index] as usize..offsets[index + 1] as usize],
        }
    }

    /// Returns all items in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|index| self.item(index))
    }
}

/// A range of keys, and its direction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub lower: Bound<Vec<u8>>,
    pub upper: Bound<Vec<u8>>,
    pub reverse: bool,
    /// True if a prefix contributed to the bounds, which only works in bytewise order.
    pub by_prefix: bool,
}

impl Range {
    /// Returns the range of all keys, ascending.
    pub(crate) const fn all() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false, by_prefix: false }
    }

    /// Returns the range of keys between two bounds that begin with a prefix.
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

    /// Returns the range of the same keys in the given direction.
    pub(crate) fn turned(&self, reverse: bool) -> Result<Self, NoMemory> {
        let bound = |bound: &Bound<Vec<u8>>| copied(bound.as_ref().map(Vec::as_slice));
        Ok(Self {
            lower: bound(&self.lower)?,
            upper: bound(&self.upper)?,
            reverse,
            by_prefix: self.by_prefix,
        })
    }

    /// Returns true if it has a beginning and an end.
    pub(crate) fn is_bounded(&self) -> bool {
        self.lower != Bound::Unbounded && self.upper != Bound::Unbounded
    }

    pub(crate) fn is_all(&self) -> bool {
        self.lower == Bound::Unbounded && self.upper == Bound::Unbounded
    }
}

/// Returns the first key after all keys that begin with `prefix`, or `None` if no key can follow them.
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

/// The start of a scan, in its own direction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScanStart<'a> {
    /// At the beginning of the range.
    Range,
    /// At this key, or at the next one if it is absent.
    At(&'a [u8]),
    /// After this key and all its values.
    Beyond(&'a [u8]),
    /// After this record (the value matters only if a key has several).
    After(&'a [u8], &'a [u8]),
}

/// The limits of a scan: it stops at whichever is reached first, but returns at least one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub items: usize,
    pub bytes: usize,
}

/// One write, as data. The layer above has checked keys and values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op<'a> {
    /// Stores a value; if `fresh`, only if the key is absent.
    Put {
        key: &'a [u8],
        value: &'a [u8],
        fresh: bool,
    },
    Remove {
        key: &'a [u8],
    },
    /// Removes and returns a value of at most `cap` bytes.
    Take {
        key: &'a [u8],
        cap: usize,
    },
    /// Stores `desired` (`None` removes the key) if the value is `expected` (`None` means absent).
    CompareExchange {
        key: &'a [u8],
        expected: Option<&'a [u8]>,
        desired: Option<&'a [u8]>,
    },
    /// Adds to a stored integer of type `kind`; an absent integer counts as 0.
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
    /// Returns an estimate of the number of bytes that it stores.
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

/// The reason why a read in a snapshot or transaction ended without a result.
#[derive(Debug)]
pub(crate) enum Leave {
    Failed(Error),
    /// The engine must first do something outside of the call; then the read runs again.
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

/// Returns the error for a reference that no transaction would keep valid.
#[cold]
pub(crate) fn nothing_keeps_it() -> Error {
    Error::new(
        Status::NoTransaction,
        "a reference to a stored value needs a transaction that keeps it in place; begin one",
    )
}

/// The outcome of an [`Op`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The key already existed.
    Exists,
    /// The key did not exist.
    Missing,
    /// The value has this many bytes and was not removed.
    TooSmall(usize),
    /// The value that was removed.
    Value(Vec<u8>),
    /// The actual value, which differs from the expected one.
    Differs(Option<Vec<u8>>),
    /// The new number.
    Sum(i64),
    /// The number of records that were created or removed.
    Count(u64),
}

impl Outcome {
    /// Returns true if the operation wrote anything.
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
