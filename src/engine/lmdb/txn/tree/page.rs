//! Reads a page of a tree in the map. It does not trust the page's offsets beyond the page's end.
//!
//! Layout of pages and nodes: `layout.rs`.

use crate::engine::lmdb::layout::page::{
    AT_FLAGS, AT_LOWER, BRANCH, FIXED, HEADER, INNER, LEAF, META, OVERFLOW,
};
use crate::engine::lmdb::layout::{WORD, node, short, word};
use crate::engine::lmdb::sys::Pages;

/// The flags that determine the kind of a page.
const KINDS: u16 = BRANCH | LEAF | OVERFLOW | META | FIXED | INNER;

/// Returns true if a page has the given kind.
#[inline]
fn is(page: &[u8], kind: u16) -> bool {
    short(page, AT_FLAGS).is_some_and(|flags| flags & KINDS == kind)
}

/// A page of a tree.
#[derive(Clone, Copy, Default)]
pub(crate) struct Page<'t> {
    bytes: &'t [u8],
    /// The offsets of its nodes.
    places: &'t [[u8; 2]],
}

impl<'t> Page<'t> {
    #[inline]
    pub(crate) fn new(pages: &Pages<'t>, number: u64, kind: u16) -> Option<Page<'t>> {
        let bytes = pages.page(number).filter(|page| is(page, kind))?;
        let (places, _) = bytes.get(HEADER..usize::from(short(bytes, AT_LOWER)?))?.as_chunks();
        Some(Page { bytes, places })
    }

    /// Returns the number of nodes.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// Returns the header of a node and the bytes after it.
    #[inline]
    fn node(&self, index: usize) -> Option<(&'t [u8; node::HEADER], &'t [u8])> {
        self.bytes.get(usize::from(u16::from_ne_bytes(*self.places.get(index)?))..)?.split_first_chunk()
    }

    #[inline]
    pub(crate) fn key(&self, index: usize) -> Option<&'t [u8]> {
        let (header, content) = self.node(index)?;
        content.get(..usize::from(short(header, node::AT_KEY_SIZE)?))
    }

    /// Searches for a key among the nodes from `first` on. Returns its index, or that of the first greater node.
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

    /// Returns the node of a branch whose subtree contains a key, if the tree contains it.
    #[inline]
    pub(crate) fn child(&self, key: &[u8]) -> Option<usize> {
        // The first node stands for all keys that are less than the second node's.
        match self.search(1, key)? {
            Ok(index) => Some(index),
            Err(behind) => behind.checked_sub(1),
        }
    }

    /// Returns the number of the child page of a branch's node.
    #[inline]
    pub(crate) fn number(&self, index: usize) -> Option<u64> {
        let (header, _) = self.node(index)?;
        let high = if WORD == size_of::<u64>() { short(header, node::AT_FLAGS)? } else { 0 };
        Some(u64::from(u32::from_ne_bytes(*header.first_chunk()?)) | u64::from(high) << 32)
    }

    /// Returns the key and the value of a node.
    #[inline]
    pub(crate) fn record(&self, pages: &Pages<'t>, index: usize) -> Option<(&'t [u8], &'t [u8])> {
        let (header, content) = self.node(index)?;
        // The halves of the size are in the machine's byte order.
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
