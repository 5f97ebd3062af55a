//! Reads the records of a leaf page after a cursor's current one, without calling LMDB for each.
//!
//! Layout of the page and its nodes: LMDB 0.9's `mdb.c` (data format 1), `MDB_page` and `MDB_node`; `check/page.rs`
//! describes the fields. The page's contents are not trusted beyond the page's end.

use crate::engine::lmdb::layout::page::{AT_FLAGS, AT_LOWER, BRANCH, FIXED, HEADER, INNER, LEAF, OVERFLOW};
use crate::engine::lmdb::layout::{node, short};

/// Branches, overflow pages, leaves without nodes, pages inside of nodes.
const OTHERS: u16 = BRANCH | OVERFLOW | FIXED | INNER;

/// The records of a page from a position on. Ends before a record whose value lies elsewhere, which LMDB must read.
pub(crate) struct Rest<'t> {
    page: &'t [u8],
    /// The offsets of the remaining nodes.
    places: &'t [u8],
}

impl<'t> Rest<'t> {
    /// Returns those behind the record with a key, or `None` if its page is not one to be read here.
    ///
    /// # Safety
    ///
    /// A cursor of a read-only transaction gave the key, for a database without duplicates, and its bytes can be read;
    /// the map begins at a multiple of the page's size, a power of two, and the system's pages are not smaller. So the
    /// first byte of the key, if it has one, lies in a page that starts at a multiple of its size and can be read to
    /// its end, also where a damaged node put the key into another page than its own. In a sound file no process writes
    /// that page as long as the transaction lasts, which `'t` borrows.
    pub(crate) unsafe fn behind(key: &'t [u8], page_size: usize) -> Option<Rest<'t>> {
        // An empty key, which only damage creates, has no address in a page: it may be at the end of the last page.
        if key.is_empty() {
            return None;
        }
        let within = key.as_ptr() as usize & (page_size - 1);
        // SAFETY: the contract of this function; the key has a first byte, in that page.
        let page = unsafe { std::slice::from_raw_parts(key.as_ptr().sub(within), page_size) };
        let flags = short(page, AT_FLAGS)?;
        if flags & LEAF == 0 || flags & OTHERS != 0 {
            return None;
        }
        let places = page.get(HEADER..usize::from(short(page, AT_LOWER)?))?;
        let own = u16::try_from(within.checked_sub(node::HEADER)?).ok()?.to_ne_bytes();
        let index = places.chunks_exact(2).position(|place| place == own)?;
        Some(Rest { page, places: places.get(2 * index + 2..)? })
    }
}

impl<'t> Iterator for Rest<'t> {
    type Item = (&'t [u8], &'t [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (place, rest) = self.places.split_first_chunk::<2>()?;
        let node = self.page.get(usize::from(u16::from_ne_bytes(*place))..)?;
        let (header, content) = node.split_first_chunk::<{ node::HEADER }>()?;
        // Data in overflow pages, a tree, or several values.
        if short(header, node::AT_FLAGS)? != 0 {
            return None;
        }
        // The halves of the size are in the machine's byte order.
        let size = u32::from_ne_bytes(*header.first_chunk()?) as usize;
        let (key, content) = content.split_at_checked(usize::from(short(header, node::AT_KEY_SIZE)?))?;
        let value = content.get(..size)?;
        self.places = rest;
        Some((key, value))
    }
}
