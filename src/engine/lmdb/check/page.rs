//! What stands in a page: its header, its nodes, records of trees; and the orders that keys stand in.

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

/// What is kept of a tree besides its pages.
#[derive(Clone, Copy)]
pub(super) struct TreeRecord {
    /// Bytes of a key, in a tree of values of one width.
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

/// How a tree's keys, or the values of a key, stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Bytes,
    /// By the bytes from the last to the first.
    Reverse,
    /// As numbers of the machine: `unsigned int` or `size_t`.
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

    /// Whether LMDB reads no more of a key of this length than there is.
    pub(super) fn fits(self, length: usize) -> bool {
        match self {
            Order::Bytes | Order::Reverse => length > 0,
            Order::Integer => length == 4 || length == WORD,
        }
    }

    /// `None`: LMDB cannot compare them.
    pub(super) fn compare(self, a: &[u8], b: &[u8]) -> Option<Ordering> {
        match self {
            Order::Reverse => Some(a.iter().rev().cmp(b.iter().rev())),
            Order::Integer if a.len() != b.len() => None,
            // Their first byte counts most, or their last.
            Order::Integer if cfg!(target_endian = "little") => Order::Reverse.compare(a, b),
            Order::Bytes | Order::Integer => Some(a.cmp(b)),
        }
    }
}

/// An entry of a page.
pub(super) struct Node<'p> {
    pub key: &'p [u8],
    /// What is in the page itself; of a branch, nothing.
    pub data: &'p [u8],
    pub flags: u16,
    /// Bytes of the data, wherever they are.
    pub size: u32,
    /// In a branch.
    pub child: u64,
}

/// Whether the flags of a named or the unnamed tree are those of one that LMDB can write to: with values of one width,
/// but one for each key, it would make leaves of keys of no width.
pub(super) fn are_possible(flags: u16) -> bool {
    flags & !ALL_FLAGS == 0 && (flags & DUPLICATES != 0 || flags & FIXED_VALUES == 0)
}

/// The flags of a page, also of one inside of a node.
pub(super) fn flags(page: &[u8]) -> u16 {
    short(page, WORD + 2).unwrap_or(0)
}

/// The width of the keys of a leaf of fixed ones.
pub(super) fn width(page: &[u8]) -> u16 {
    short(page, WORD).unwrap_or(0)
}

/// How many pages the data in pages of their own take.
pub(super) fn overflow_pages(page: &[u8]) -> u32 {
    number(page, WORD + 4).unwrap_or(0)
}

/// Why the entries of a page cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// What is wrong with the page.
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

/// Returns all entries of a page, which fill it from the end of its free space on. Fails with what is wrong.
///
/// LMDB moves bytes and offsets by what it calculates from the entries' sizes: between them there must be nothing.
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
        // The entries count as two bytes each in one bound, and as two bytes less than their width in the other.
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
        // One number, which is sorted faster than two.
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

/// The bytes that a page's node may have beyond its place in the list of nodes: two fit into a page (`me_nodemax`).
/// LMDB moves longer ones to pages of their own when it copies them.
pub(super) fn longest_node(page_size: usize) -> usize {
    (((page_size - PAGE_HEADER) / 2) & !1) - 2
}

/// The longest key that any build of LMDB accepts: its node has room for a tree's record.
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

/// The node at a place, and where it ends.
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
