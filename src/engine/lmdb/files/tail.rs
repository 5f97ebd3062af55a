//! Decides whether a data file that is shorter than its last page number implies is complete nevertheless.
//!
//! LMDB allocates pages at the end of the file and writes only those that are still used at the commit, so the last
//! pages may never have been written; then all missing pages are listed as free. The check reads the file, not the map,
//! where access to a missing page raises a signal.
//!
//! Source: `MDB_page`, `MDB_node` and the free list's records in LMDB 0.9's `mdb.c` (data format 1).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;

use crate::engine::lmdb::files::meta::Meta;
use crate::engine::lmdb::layout::node;
use crate::engine::lmdb::layout::node::BIG;
use crate::engine::lmdb::layout::page;
use crate::engine::lmdb::layout::page::{BRANCH, LEAF};
use crate::engine::lmdb::layout::{NO_PAGE, WORD, number, short, word};
use crate::memory::{self, TryGrow};

/// Returns the first used page that is missing in a file of `pages` whole pages, or `None` if all missing pages are
/// free.
pub(crate) fn first_missing(file: &File, meta: &Meta, pages: u64, page_size: usize) -> Result<Option<u64>> {
    let mut walk = FreeList { file, pages, page_size, last_page: meta.last_page, free: BTreeSet::new() };
    if meta.free_root != NO_PAGE
        && let Some(page) = walk.tree(meta.free_root)?
    {
        return Ok(Some(page));
    }
    // In ascending order, so the first gap is the first page that is not free.
    let mut expected = pages;
    for page in walk.free {
        if page != expected {
            break;
        }
        expected += 1;
    }
    Ok((expected <= meta.last_page).then_some(expected))
}

struct FreeList<'f> {
    file: &'f File,
    pages: u64,
    page_size: usize,
    last_page: u64,
    /// The pages beyond the end of the file that are listed as free.
    free: BTreeSet<u64>,
}

impl FreeList<'_> {
    /// Walks over the free list. Returns one of its pages that is missing or invalid, or `None` if all are valid.
    fn tree(&mut self, root: u64) -> Result<Option<u64>> {
        let mut ahead = vec![root];
        // The pages of a damaged file may form a cycle.
        let mut left = self.pages;
        while let Some(page) = ahead.pop() {
            if left == 0 {
                return Ok(Some(page));
            }
            left -= 1;
            let Some(bytes) = self.read(page, self.page_size)? else { return Ok(Some(page)) };
            let Some(children) = self.nodes(&bytes)? else { return Ok(Some(page)) };
            ahead.try_extend(&children)?;
        }
        Ok(None)
    }

    /// Reads bytes from a page on. Returns `None` if the file ends before.
    fn read(&self, page: u64, length: usize) -> Result<Option<Vec<u8>>> {
        let end = page.checked_mul(self.page_size as u64).and_then(|start| start.checked_add(length as u64));
        if page < 2 || end.is_none_or(|end| end > self.pages * self.page_size as u64) {
            return Ok(None);
        }
        let mut bytes = memory::zeros(length)?;
        self.file.read_exact_at(&mut bytes, page * self.page_size as u64)?;
        Ok(Some(bytes))
    }

    /// Reads a page's lists of free pages, or returns its children. Returns `None` if it is not a page of a tree.
    fn nodes(&mut self, page: &[u8]) -> Result<Option<Vec<u64>>> {
        let (Some(flags), Some(lower)) = (short(page, page::AT_FLAGS), short(page, page::AT_LOWER)) else {
            return Ok(None);
        };
        let count = usize::from(lower).saturating_sub(page::HEADER) / 2;
        let mut children = Vec::new();
        for index in 0..count {
            let Some(at) = short(page, page::HEADER + 2 * index).map(usize::from) else { return Ok(None) };
            let (Some(low), Some(node_flags), Some(key)) = (
                number(page, at + node::AT_SIZE),
                short(page, at + node::AT_FLAGS),
                short(page, at + node::AT_KEY_SIZE),
            ) else {
                return Ok(None);
            };
            if flags & BRANCH != 0 {
                children.try_push(u64::from(low) | u64::from(node_flags) << 32)?;
                continue;
            }
            let (data, size) = (at + node::HEADER + usize::from(key), low as usize);
            let taken = if flags & LEAF == 0 {
                false
            } else if node_flags & BIG == 0 {
                page.get(data..data + size).is_some_and(|list| self.take(list))
            } else {
                self.take_big(page, data, size)?
            };
            if !taken {
                return Ok(None);
            }
        }
        Ok(Some(children))
    }

    fn take_big(&mut self, page: &[u8], data: usize, size: usize) -> Result<bool> {
        let Some(first) = word(page, data) else { return Ok(false) };
        let length = size.saturating_add(page::HEADER).next_multiple_of(self.page_size);
        let Some(bytes) = self.read(first, length)? else { return Ok(false) };
        Ok(self.take(&bytes[page::HEADER..page::HEADER + size]))
    }

    /// Adds one list: a count, and as many page numbers. Returns `false` if it is invalid.
    fn take(&mut self, list: &[u8]) -> bool {
        let Some(count) = word(list, 0).and_then(|count| usize::try_from(count).ok()) else { return false };
        let Some(numbers) = list.get(WORD..).and_then(|rest| rest.get(..count.checked_mul(WORD)?)) else {
            return false;
        };
        let missing = self.pages..=self.last_page;
        self.free
            .extend(numbers.chunks_exact(WORD).filter_map(|n| word(n, 0)).filter(|n| missing.contains(n)));
        true
    }
}
