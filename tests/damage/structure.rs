//! The bytes of structure in an undamaged data file: headers, records of trees, offsets and headers of nodes, the free list.

use std::collections::BTreeSet;

pub const PAGE: usize = 4096;
const PAGE_HEADER: usize = 16;
const NODE_HEADER: usize = 8;
const RECORD: usize = 48;
/// The offset in a header page of the records of the free list and the main database.
const RECORDS: usize = 40;
const LAST_PAGE: usize = RECORDS + 2 * RECORD;
const HEADER_END: usize = LAST_PAGE + 16;

const BRANCH: u16 = 1;
const FIXED: u16 = 0x20;
const BIG: u16 = 1;
const TREE: u16 = 2;
const VALUES: u16 = 4;

/// Places of some kinds of structure.
#[derive(Default)]
pub struct Places {
    /// All bytes of structure.
    pub bytes: BTreeSet<usize>,
    /// The valid header page.
    pub newest: usize,
    /// Records of the trees of values of one key.
    pub values_records: Vec<usize>,
    /// Pages inside nodes.
    pub inner_pages: Vec<usize>,
    /// Keys of the free list, in their order.
    pub free_keys: Vec<usize>,
}

struct Structure<'f> {
    file: &'f [u8],
    found: Places,
}

/// Finds them.
pub fn places(file: &[u8]) -> Places {
    let mut this = Structure { file, found: Places::default() };
    for page in 0..2 {
        this.add(page * PAGE, HEADER_END);
    }
    let newest = if this.word(PAGE + LAST_PAGE + 8) > this.word(LAST_PAGE + 8) { PAGE } else { 0 };
    this.tree(newest + RECORDS, true);
    this.tree(newest + RECORDS + RECORD, false);
    this.found.newest = newest;
    this.found
}

impl Structure<'_> {
    fn add(&mut self, at: usize, length: usize) {
        self.found.bytes.extend(at..at + length);
    }

    fn short(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.file[at..at + 2].try_into().unwrap())
    }

    fn word(&self, at: usize) -> usize {
        usize::from_ne_bytes(self.file[at..at + 8].try_into().unwrap())
    }

    fn tree(&mut self, record: usize, is_free_list: bool) {
        self.add(record, RECORD);
        let root = self.word(record + RECORD - 8);
        if root != usize::MAX {
            self.page(root * PAGE, is_free_list);
        }
    }

    /// A page, or one inside a node.
    fn page(&mut self, page: usize, is_free_list: bool) {
        let flags = self.short(page + 10);
        let count = (usize::from(self.short(page + 12)) - PAGE_HEADER) / 2;
        self.add(page, PAGE_HEADER);
        if flags & FIXED != 0 {
            return;
        }
        self.add(page + PAGE_HEADER, 2 * count);
        for index in 0..count {
            let node = page + usize::from(self.short(page + PAGE_HEADER + 2 * index));
            self.add(node, NODE_HEADER);
            if flags & BRANCH == 0 {
                self.entry(node, is_free_list);
            } else {
                let child = self.word(node) & 0xffff_ffff_ffff;
                self.page(child * PAGE, is_free_list);
            }
        }
    }

    fn entry(&mut self, node: usize, is_free_list: bool) {
        let size = self.word(node) & 0xffff_ffff;
        let flags = self.short(node + 4);
        let key = node + NODE_HEADER;
        let data = key + usize::from(self.short(node + 6));
        if is_free_list {
            self.add(key, 8);
            self.found.free_keys.push(key);
        }
        let mut list = data;
        if flags & BIG != 0 {
            self.add(data, 8);
            let first = self.word(data) * PAGE;
            self.add(first, PAGE_HEADER);
            list = first + PAGE_HEADER;
        } else if flags & TREE != 0 {
            if flags & VALUES != 0 {
                self.found.values_records.push(data);
            }
            self.tree(data, false);
        } else if flags & VALUES != 0 {
            self.found.inner_pages.push(data);
            self.page(data, false);
        }
        if is_free_list {
            self.add(list, size);
        }
    }
}
