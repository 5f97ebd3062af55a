//! Checks the free list: under the number of each commit, the pages that it freed, in descending order.

use super::page::Node;
use super::{Check, Pages, damaged};
use crate::engine::lmdb::layout::page::HEADER as PAGE_HEADER;
use crate::engine::lmdb::layout::{WORD, word};
use crate::error::Result;
use crate::memory;

const NAME: &str = "the free list";

/// The number of bytes of a long list to read at a time.
const CHUNK: usize = 1 << 16;

impl Check<'_> {
    /// Reads the list of a node in a page; `big` is its first overflow page, if it has one.
    pub(super) fn take_free(&mut self, page: u64, node: &Node<'_>, big: Option<u64>) -> Result<()> {
        let wrong = |what: &str| Err(damaged(page, NAME, what));
        // LMDB looks for lists from 1 on, and would allocate the pages of a list under 0 again and again.
        if node.key.len() != WORD || word(node.key, 0).is_none_or(|txn| txn == 0 || txn > self.txn) {
            return wrong("a list is not that of a commit until now");
        }
        let size = node.size as usize;
        if !size.is_multiple_of(WORD) || size == 0 {
            return wrong("a list is not one of page numbers");
        }
        let mut count = [0; WORD];
        match big {
            None => count.copy_from_slice(&node.data[..WORD]),
            Some(first) => self.pages.read(first, PAGE_HEADER, &mut count)?,
        }
        let count = word(&count, 0).unwrap_or(0);
        // LMDB may reserve space after the pages that it lists.
        if count > (size / WORD - 1) as u64 {
            return wrong("a list is longer than its room");
        }
        self.free += count;
        let mut list = List { page, above: None };
        let mut left = usize::try_from(count).unwrap_or(0) * WORD;
        let Some(first) = big else { return list.take(&mut self.pages, &node.data[WORD..WORD + left]) };
        let mut chunk = memory::zeros(CHUNK.min(left))?;
        let mut at = PAGE_HEADER + WORD;
        while left > 0 {
            let part = &mut chunk[..CHUNK.min(left)];
            self.pages.read(first, at, part)?;
            list.take(&mut self.pages, part)?;
            at += part.len();
            left -= part.len();
        }
        Ok(())
    }
}

/// The state of reading a list.
struct List {
    page: u64,
    above: Option<u64>,
}

impl List {
    fn take(&mut self, pages: &mut Pages<'_>, numbers: &[u8]) -> Result<()> {
        for free in numbers.chunks_exact(WORD).filter_map(|number| word(number, 0)) {
            if free < 2 || free > pages.last {
                let last = pages.last;
                return Err(damaged(
                    self.page,
                    NAME,
                    format!("it lists page {free} as free; there are 2 to {last}"),
                ));
            }
            if self.above.is_some_and(|above| above <= free) {
                return Err(damaged(
                    self.page,
                    NAME,
                    format!("page {free} does not stand in order in its list"),
                ));
            }
            if !pages.mark(free) {
                let from = self.page;
                return Err(damaged(
                    free,
                    NAME,
                    format!("page {from} lists it as free, but it is used or listed twice"),
                ));
            }
            self.above = Some(free);
        }
        Ok(())
    }
}
