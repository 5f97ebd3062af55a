//! Reads the trees of a snapshot directly from the map.
//!
//! LMDB reads a named database by a number, which the process must have opened, and looks its name up once in every
//! transaction. This library keeps the name's record as long as it reads the same commit, and walks down the pages
//! itself. It does so only in the plain case: it leaves everything that differs from a sound file to LMDB, which
//! reports the error.
//!
//! - `page`: a page of a tree; `cursor`: a walk over a tree
//! - `known`: cached records, kept as long as they are valid
//!
//! Layout of records: `layout.rs`.

mod cursor;
mod known;
mod page;
#[cfg(all(test, target_os = "linux", not(any(feature = "memory-engine", feature = "no-mapping"))))]
mod tests;

pub(crate) use cursor::TreeCursor;
pub(crate) use known::{KnownTree, Trees};

use crate::engine::lmdb::layout::page::{BRANCH, LEAF};
use crate::engine::lmdb::layout::{NO_PAGE, record, short, word};
use crate::engine::lmdb::sys::Pages;
use page::Page;

/// Deeper trees are left to LMDB, which supports twice the depth. Trees with keys of eight bytes do not fill seven
/// levels, and those with keys of the greatest length do so only with thousands of millions of bytes.
const DEEPEST: u16 = 16;

/// The root of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    root: u64,
    depth: u16,
    entries: u64,
}

/// The tree, or the part of it that was visited, has a form that this library does not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotPlain;

impl Tree {
    /// Decodes the record of a named database. Returns `None` unless the database has one value for each key, in
    /// bytewise key order.
    pub(crate) fn of_record(bytes: &[u8]) -> Option<Tree> {
        let (flags, depth) = (short(bytes, record::AT_TREE_FLAGS)?, short(bytes, record::AT_DEPTH)?);
        let (root, entries) = (word(bytes, record::AT_ROOT)?, word(bytes, record::AT_ENTRIES)?);
        let is_plain = bytes.len() == record::SIZE && flags == 0 && depth <= DEEPEST;
        (is_plain && (root == NO_PAGE) == (depth == 0)).then_some(Tree { root, depth, entries })
    }

    /// Returns the number of records.
    pub(crate) fn entries(self) -> u64 {
        self.entries
    }

    /// Returns the value of a key, or `None` if the key is absent.
    #[inline]
    pub(crate) fn get<'t>(self, pages: &Pages<'t>, key: &[u8]) -> Result<Option<&'t [u8]>, NotPlain> {
        if self.depth == 0 {
            return Ok(None);
        }
        let mut number = self.root;
        for _ in 1..self.depth {
            let branch = Page::new(pages, number, BRANCH).ok_or(NotPlain)?;
            number = branch.child(key).and_then(|index| branch.number(index)).ok_or(NotPlain)?;
        }
        let leaf = Page::new(pages, number, LEAF).ok_or(NotPlain)?;
        let found = leaf.search(0, key).ok_or(NotPlain)?;
        match found {
            Ok(index) => leaf.record(pages, index).map(|(_, value)| Some(value)).ok_or(NotPlain),
            Err(_) => Ok(None),
        }
    }
}
