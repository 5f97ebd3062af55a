//! A page of a tree, as it lies in the map. What it says is believed no further than its end.
//!
//! Layout of pages and nodes: `layout.rs`.

use crate::engine::lmdb::layout::page::{
    AT_FLAGS, AT_LOWER, BRANCH, FIXED, HEADER, INNER, LEAF, META, OVERFLOW,
};
use crate::engine::lmdb::layout::{WORD, node, short, word};
use crate::engine::lmdb::sys::Pages;

/// What a page is.
const KINDS: u16 = BRANCH | LEAF | OVERFLOW | META | FIXED | INNER;

/// Whether a page is of a kind.
#[inline]
fn is(page: &[u8], kind: u16) -> bool {
    short(page, AT_FLAGS).is_some_and(|flags| flags & KINDS == kind)
}

/// A page of a tree.
#[derive(Clone, Copy, Default)]
pub(crate) struct Page<'t> {
    bytes: &'t [u8],
    /// The places of its nodes.
    places: &'t [[u8; 2]],
}

impl<'t> Page<'t> {
    #[inline]
    pub(crate) fn new(pages: &Pages<'t>, number: u64, kind: u16) -> Option<Page<'t>> {
        let bytes = pages.page(number).filter(|page| is(page, kind))?;
        let (places, _) = bytes.get(HEADER..usize::from(short(bytes, AT_LOWER)?))?.as_chunks();
        Some(Page { bytes, places })
    }

    /// How many nodes it has.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// The header and what follows of a node.
    #[inline]
    fn node(&self, index: usize) -> Option<(&'t [u8; node::HEADER], &'t [u8])> {
        self.bytes.get(usize::from(u16::from_ne_bytes(*self.places.get(index)?))..)?.split_first_chunk()
    }

    #[inline]
    pub(crate) fn key(&self, index: usize) -> Option<&'t [u8]> {
        let (header, content) = self.node(index)?;
        content.get(..usize::from(short(header, node::AT_KEY_SIZE)?))
    }

    /// Looks for a key among the nodes from `first` on: its index, or that of the first node behind it.
    #[inline]
    pub(crate) fn search(&self, first: usize, key: &[u8]) -> Option<Result<usize, usize>> {
        let (mut low, mut high) = (first, self.places.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle)?.cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(Ok(middle)),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Some(Err(low))
    }

    /// The node of a branch whose page has a key, if the tree has it.
    #[inline]
    pub(crate) fn child(&self, key: &[u8]) -> Option<usize> {
        // The first node's key stands for all that are less than the second's.
        match self.search(1, key)? {
            Ok(index) => Some(index),
            Err(behind) => behind.checked_sub(1),
        }
    }

    /// The page below a node of a branch.
    #[inline]
    pub(crate) fn number(&self, index: usize) -> Option<u64> {
        let (header, _) = self.node(index)?;
        let high = if WORD == size_of::<u64>() { short(header, node::AT_FLAGS)? } else { 0 };
        Some(u64::from(u32::from_ne_bytes(*header.first_chunk()?)) | u64::from(high) << 32)
    }

    /// The key and the value of a node.
    #[inline]
    pub(crate) fn record(&self, pages: &Pages<'t>, index: usize) -> Option<(&'t [u8], &'t [u8])> {
        let (header, content) = self.node(index)?;
        // The halves of the size stand in the machine's order.
        let size = u32::from_ne_bytes(*header.first_chunk()?) as usize;
        let (key, content) = content.split_at_checked(usize::from(short(header, node::AT_KEY_SIZE)?))?;
        let value = match short(header, node::AT_FLAGS)? {
            0 => content.get(..size)?,
            node::BIG => {
                let number = word(content, 0)?;
                pages.page(number).filter(|page| is(page, OVERFLOW))?;
                pages.content(number, size)?
            }
            _ => return None,
        };
        Some((key, value))
    }
}
