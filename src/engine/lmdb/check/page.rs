//! Reads the content of a page: its header, its nodes, records of trees; and compares keys in their orders.

use std::cmp::Ordering;

use crate::engine::lmdb::layout::node::{BIG, HEADER as NODE_HEADER};
use crate::engine::lmdb::layout::page::{BRANCH, FIXED, HEADER as PAGE_HEADER};
use crate::engine::lmdb::layout::record::{
    ALL_FLAGS, DUPLICATES, FIXED_VALUES, INTEGER_KEY, INTEGER_VALUES, REVERSE_KEY, REVERSE_VALUES,
    SIZE as RECORD,
};
use crate::engine::lmdb::layout::{WORD, number, short, word};
use crate::error::Error;
use crate::memory::{self, NoMemory};

/// The parts of a tree's record besides its pages.
#[derive(Clone, Copy)]
pub(super) struct TreeRecord {
    /// The number of bytes of a key, in a tree of fixed-width values.
    pub width: u32,
    pub flags: u16,
    pub depth: u16,
    pub counts: Counts,
    pub root: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub branch: u64,
    pub leaf: u64,
    pub overflow: u64,
    pub entries: u64,
}

impl TreeRecord {
    pub(super) fn read(bytes: Option<&[u8]>) -> Option<TreeRecord> {
        let bytes = bytes?.get(..RECORD)?;
        let field = |index: usize| word(bytes, 8 + index * WORD);
        Some(TreeRecord {
            width: number(bytes, 0)?,
            flags: short(bytes, 4)?,
            depth: short(bytes, 6)?,
            counts: Counts { branch: field(0)?, leaf: field(1)?, overflow: field(2)?, entries: field(3)? },
            root: field(4)?,
        })
    }
}

/// The order of a tree's keys, or of the values of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Bytes,
    /// By the bytes from the last to the first.
    Reverse,
    /// As the machine's numbers: `unsigned int` or `size_t`.
    Integer,
}

impl Order {
    pub(super) fn of_keys(flags: u16) -> Order {
        match flags {
            _ if flags & REVERSE_KEY != 0 => Order::Reverse,
            _ if flags & INTEGER_KEY != 0 => Order::Integer,
            _ => Order::Bytes,
        }
    }

    pub(super) fn of_values(flags: u16) -> Order {
        match flags {
            _ if flags & INTEGER_VALUES != 0 => Order::Integer,
            _ if flags & REVERSE_VALUES != 0 => Order::Reverse,
            _ => Order::Bytes,
        }
    }

    /// Returns true if LMDB reads no bytes beyond a key of this length.
    pub(super) fn fits(self, length: usize) -> bool {
        match self {
            Order::Bytes | Order::Reverse => length > 0,
            Order::Integer => length == 4 || length == WORD,
        }
    }

    /// Compares two keys. Returns `None` if LMDB cannot compare them.
    pub(super) fn compare(self, a: &[u8], b: &[u8]) -> Option<Ordering> {
        match self {
            Order::Reverse => Some(a.iter().rev().cmp(b.iter().rev())),
            Order::Integer if a.len() != b.len() => None,
            // The last byte is the most significant on a little-endian machine, otherwise the first.
            Order::Integer if cfg!(target_endian = "little") => Order::Reverse.compare(a, b),
            Order::Bytes | Order::Integer => Some(a.cmp(b)),
        }
    }
}

/// An entry of a page.
pub(super) struct Node<'p> {
    pub key: &'p [u8],
    /// The data in the page itself; empty in a branch.
    pub data: &'p [u8],
    pub flags: u16,
    /// The number of bytes of the data, wherever it is.
    pub size: u32,
    /// The child page, in a branch.
    pub child: u64,
}

/// Returns true if the flags of a named or the unnamed tree allow LMDB to write to it: with fixed-width values but one
/// value for each key, it would create leaves of keys of no width.
pub(super) fn are_possible(flags: u16) -> bool {
    flags & !ALL_FLAGS == 0 && (flags & DUPLICATES != 0 || flags & FIXED_VALUES == 0)
}

/// Returns the flags of a page, which may be inside of a node.
pub(super) fn flags(page: &[u8]) -> u16 {
    short(page, WORD + 2).unwrap_or(0)
}

/// Returns the width of the keys in a leaf of fixed-width keys.
pub(super) fn width(page: &[u8]) -> u16 {
    short(page, WORD).unwrap_or(0)
}

/// Returns the number of overflow pages of the data.
pub(super) fn overflow_pages(page: &[u8]) -> u32 {
    number(page, WORD + 4).unwrap_or(0)
}

/// The reason why the entries of a page cannot be returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A description of the page's damage.
    Wrong(String),
    Memory(NoMemory),
}

impl From<String> for Refused {
    fn from(what: String) -> Refused {
        Refused::Wrong(what)
    }
}

impl From<NoMemory> for Refused {
    fn from(none: NoMemory) -> Refused {
        Refused::Memory(none)
    }
}

impl Refused {
    pub(super) fn into_error(self, wrong: impl FnOnce(String) -> Error) -> Error {
        match self {
            Refused::Wrong(what) => wrong(what),
            Refused::Memory(none) => none.into(),
        }
    }
}

/// Returns all entries of a page, which fill it from the end of its free space on. Fails with a description of the
/// damage.
///
/// LMDB moves bytes and offsets by amounts that it calculates from the entries' sizes: there must be no gaps between
/// them.
pub(super) fn nodes(page: &[u8]) -> Result<Vec<Node<'_>>, Refused> {
    let (Some(lower), Some(upper)) = (short(page, WORD + 4), short(page, WORD + 6)) else {
        return Err("it is too short for a page".to_owned().into());
    };
    let (lower, upper) = (usize::from(lower), usize::from(upper));
    let bounds = || format!("the bounds of its free space, {lower} and {upper}, cannot be");
    if lower < PAGE_HEADER || lower % 2 != 0 {
        return Err(bounds().into());
    }
    let count = (lower - PAGE_HEADER) / 2;
    if flags(page) & FIXED != 0 {
        let keys = fixed_keys(page, count)?.ok_or_else(bounds)?;
        // One bound counts two bytes for each entry, and the other counts the entry's width minus two.
        let free = page.len() - PAGE_HEADER - count * usize::from(width(page));
        return if upper.checked_sub(lower) == Some(free) { Ok(keys) } else { Err(bounds().into()) };
    }
    if lower > upper || upper > page.len() {
        return Err(bounds().into());
    }
    let is_branch = flags(page) & BRANCH != 0;
    let mut nodes = memory::room_for(count)?;
    let mut places = memory::room_for(count)?;
    for index in 0..count {
        let at = short(page, PAGE_HEADER + 2 * index).map_or(0, usize::from);
        let outside = || format!("node {index}, at {at}, does not lie in the page");
        if at < upper || !at.is_multiple_of(2) {
            return Err(outside().into());
        }
        let (node, end) = node(page, at, is_branch).ok_or_else(outside)?;
        nodes.push(node);
        // A single number, which is sorted faster than a pair.
        places.push((at as u64) << 32 | end as u64);
    }
    places.sort_unstable();
    let (mut filled, mut gap) = (upper, None);
    for place in places {
        #[allow(clippy::cast_possible_truncation)] // the two halves are taken apart
        let (at, end) = ((place >> 32) as usize, place as u32 as usize);
        match at.cmp(&filled) {
            Ordering::Less => return Err(format!("two nodes overlap at {at}").into()),
            Ordering::Equal => {}
            Ordering::Greater => gap = gap.or(Some(filled)),
        }
        filled = end.next_multiple_of(2);
    }
    match gap.or((filled != page.len()).then_some(filled)) {
        None => Ok(nodes),
        Some(at) => Err(format!("what lies at {at} belongs to no node").into()),
    }
}

/// Returns the number of bytes that a page's node may have beyond its offset in the list of nodes: two fit into a page
/// (`me_nodemax`). LMDB moves longer ones to overflow pages when it copies them.
pub(super) fn longest_node(page_size: usize) -> usize {
    (((page_size - PAGE_HEADER) / 2) & !1) - 2
}

/// Returns the length of the longest key that any build of LMDB accepts: its node has room for a tree's record.
pub(super) fn longest_key(page_size: usize) -> usize {
    longest_node(page_size) - NODE_HEADER - RECORD
}

fn fixed_keys(page: &[u8], count: usize) -> Result<Option<Vec<Node<'_>>>, NoMemory> {
    let width = usize::from(width(page));
    let length = count.checked_mul(width).filter(|_| width > 0);
    let Some(keys) = length.and_then(|length| page.get(PAGE_HEADER..)?.get(..length)) else {
        return Ok(None);
    };
    let node = |key| Ok(Node { key, data: &[], flags: 0, size: 0, child: 0 });
    memory::gather(keys.chunks_exact(width).map(node)).map(Some)
}

/// Returns the node at an offset, and its end. Returns `None` if it does not fit into the page.
fn node(page: &[u8], at: usize, is_branch: bool) -> Option<(Node<'_>, usize)> {
    let (low, flags, key) = (number(page, at)?, short(page, at + 4)?, short(page, at + 6)?);
    let data_at = at + NODE_HEADER + usize::from(key);
    let key = page.get(at + NODE_HEADER..data_at)?;
    if is_branch {
        let high = if WORD > 4 { u64::from(flags) << 32 } else { 0 };
        return Some((Node { key, data: &[], flags: 0, size: 0, child: u64::from(low) | high }, data_at));
    }
    let length = if flags & BIG != 0 { WORD } else { usize::try_from(low).ok()? };
    let end = data_at.checked_add(length)?;
    Some((Node { key, data: page.get(data_at..end)?, flags, size: low, child: 0 }, end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn orders_are_those_of_lmdb() {
        let less = Some(Ordering::Less);
        assert_eq!(Order::Bytes.compare(b"ab", b"abc"), less);
        assert_eq!(Order::Reverse.compare(b"zza", b"ab"), less);
        assert_eq!(Order::Reverse.compare(b"a", b"ba"), less);
        assert_eq!(Order::Integer.compare(&255_u32.to_ne_bytes(), &256_u32.to_ne_bytes()), less);
        assert_eq!(Order::Integer.compare(&[0; 4], &[0; 8]), None);
        assert_eq!(Order::Integer.compare(&1_u64.to_ne_bytes(), &(1_u64 << 40).to_ne_bytes()), less);
    }
}
