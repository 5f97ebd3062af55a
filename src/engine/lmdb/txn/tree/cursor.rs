//! Implements a cursor in a tree of a snapshot.

use std::ops::ControlFlow;

use crate::engine::lmdb::layout::page::{BRANCH, LEAF};
use crate::engine::lmdb::sys::{Code, Go, Pages, Record};
use crate::engine::lmdb::txn::tree::page::Page;
use crate::engine::lmdb::txn::tree::{DEEPEST, Tree};

/// A page on the path to the position, and the node that the path follows.
#[derive(Clone, Copy, Default)]
struct Level<'t> {
    page: Page<'t>,
    index: usize,
}

/// A cursor in a tree of a snapshot.
pub(crate) struct TreeCursor<'t> {
    pages: Pages<'t>,
    tree: Tree,
    /// The path from the root to a leaf.
    levels: [Level<'t>; DEEPEST as usize],
    /// True if the cursor is at a record.
    stands: bool,
    ahead: Ahead,
}

/// The leaves that a walk has asked the system for.
#[derive(Default)]
struct Ahead {
    /// How many leaves it asks for at a time: more with each time, since many walks end early.
    window: usize,
    /// The number of leaves that it visits before it asks again.
    left: usize,
}

/// The most leaves that a walk asks for at a time.
const LARGEST_WINDOW: usize = 64;

/// LMDB's code for a page that does not belong to the tree.
const DAMAGED: Code = Code(lmdb_sys::MDB_CORRUPTED);

/// The end of the nodes towards which to descend.
#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

impl<'t> TreeCursor<'t> {
    /// Makes a cursor without a position.
    pub(crate) fn new(pages: Pages<'t>, tree: Tree) -> TreeCursor<'t> {
        TreeCursor {
            pages,
            tree,
            levels: [Level::default(); DEEPEST as usize],
            stands: false,
            ahead: Ahead::default(),
        }
    }

    /// Returns the level of the leaf.
    fn leaf(&self) -> usize {
        usize::from(self.tree.depth).saturating_sub(1)
    }

    /// Adds a page to the path at a level, by the node that the path follows on the level above.
    fn enter(&mut self, level: usize) -> Result<&mut Level<'t>, Code> {
        let number = match level.checked_sub(1) {
            None => Some(self.tree.root),
            Some(above) => {
                let Level { page, index } = self.levels[above];
                page.number(index)
            }
        };
        let kind = if level == self.leaf() { LEAF } else { BRANCH };
        let page = number.and_then(|number| Page::new(&self.pages, number, kind)).ok_or(DAMAGED)?;
        self.levels[level] = Level { page, index: 0 };
        Ok(&mut self.levels[level])
    }

    /// Descends from a level to a leaf, along one end.
    fn descend(&mut self, from: usize, end: End) -> Result<(), Code> {
        for level in from..=self.leaf() {
            let entered = self.enter(level)?;
            let last = entered.page.count().checked_sub(1).ok_or(DAMAGED)?;
            entered.index = if matches!(end, End::First) { 0 } else { last };
        }
        self.stands = true;
        Ok(())
    }

    /// Moves to a key, or to the first greater one.
    fn seek(&mut self, key: &[u8]) -> Result<(), Code> {
        let leaf = self.leaf();
        for level in 0..leaf {
            let entered = self.enter(level)?;
            entered.index = entered.page.child(key).ok_or(DAMAGED)?;
        }
        let entered = self.enter(leaf)?;
        let found = entered.page.search(0, key).ok_or(DAMAGED)?;
        let (Ok(index) | Err(index)) = found;
        entered.index = index;
        if index < entered.page.count() {
            self.stands = true;
            return Ok(());
        }
        // The key would be after the last record of its page.
        self.next_leaf()
    }

    /// Returns the value of a key, or `None` if the key is absent. Looks first in the leaf of the previous key.
    pub(crate) fn find(&mut self, key: &[u8]) -> Result<Option<&'t [u8]>, Code> {
        if self.tree.depth == 0 {
            return Ok(None);
        }
        let leaf = self.leaf();
        let found = if self.has_near(key) {
            let level = &mut self.levels[leaf];
            let found = level.page.search(0, key).ok_or(DAMAGED)?;
            let (Ok(index) | Err(index)) = found;
            level.index = index;
            found.is_ok()
        } else {
            self.seek(key)?;
            self.stands && self.levels[leaf].page.key(self.levels[leaf].index) == Some(key)
        };
        if !found {
            return Ok(None);
        }
        let Level { page, index } = &self.levels[leaf];
        let (_, value) = page.record(&self.pages, *index).ok_or(DAMAGED)?;
        Ok(Some(value))
    }

    /// Returns true if a key lies between the first and the last key of the current leaf.
    fn has_near(&self, key: &[u8]) -> bool {
        let Level { page, .. } = &self.levels[self.leaf()];
        let last = page.count().checked_sub(1).and_then(|last| page.key(last));
        self.stands && page.key(0).is_some_and(|first| first <= key) && last.is_some_and(|last| key <= last)
    }

    /// Asks the system for the leaves that a walk visits next, below the current branch.
    #[cold]
    fn ask_for_leaves(&mut self, reverse: bool) {
        if self.ahead.left > 0 {
            self.ahead.left -= 1;
            return;
        }
        let Some(above) = self.leaf().checked_sub(1) else { return };
        let Level { page, index } = self.levels[above];
        self.ahead.window = (self.ahead.window * 2).clamp(4, LARGEST_WINDOW);
        // Asks again when half of them are left.
        self.ahead.left = self.ahead.window / 2;
        let leaves = if reverse {
            index.saturating_sub(self.ahead.window)..index
        } else {
            index + 1..page.count().min(index + 1 + self.ahead.window)
        };
        // Leaves that follow each other in the file are asked for together.
        let (mut first, mut count) = (0, 0);
        for number in leaves.filter_map(|at| page.number(at)) {
            if number == first + count as u64 {
                count += 1;
                continue;
            }
            if count > 0 {
                self.pages.will_need(first, count);
            }
            (first, count) = (number, 1);
        }
        if count > 0 {
            self.pages.will_need(first, count);
        }
    }

    /// Moves to the first record of the next leaf.
    fn next_leaf(&mut self) -> Result<(), Code> {
        if self.pages.reads_single_pages() {
            self.ask_for_leaves(false);
        }
        for level in (0..self.leaf()).rev() {
            let Level { page, index } = &mut self.levels[level];
            if *index + 1 < page.count() {
                *index += 1;
                return self.descend(level + 1, End::First);
            }
        }
        self.stands = false;
        Ok(())
    }

    /// Moves to the last record of the previous leaf.
    fn previous_leaf(&mut self) -> Result<(), Code> {
        if self.pages.reads_single_pages() {
            self.ask_for_leaves(true);
        }
        for level in (0..self.leaf()).rev() {
            let Level { index, .. } = &mut self.levels[level];
            if *index > 0 {
                *index -= 1;
                return self.descend(level + 1, End::Last);
            }
        }
        self.stands = false;
        Ok(())
    }

    #[inline]
    fn next(&mut self) -> Result<(), Code> {
        let leaf = self.leaf();
        let Level { page, index } = &mut self.levels[leaf];
        if *index + 1 < page.count() {
            *index += 1;
            return Ok(());
        }
        self.next_leaf()
    }

    #[inline]
    fn previous(&mut self) -> Result<(), Code> {
        let leaf = self.leaf();
        let Level { index, .. } = &mut self.levels[leaf];
        if *index > 0 {
            *index -= 1;
            return Ok(());
        }
        self.previous_leaf()
    }

    /// Returns the last key that a walk through the current leaf visits.
    pub(crate) fn last_key(&self, reverse: bool) -> Result<Option<&'t [u8]>, Code> {
        let Level { page, .. } = &self.levels[self.leaf()];
        let last = if reverse { Some(0) } else { page.count().checked_sub(1) };
        last.map(|last| page.key(last).ok_or(DAMAGED)).transpose()
    }

    /// Passes the records of the current leaf to `f`, from the current one on, and moves to the last one passed.
    #[inline]
    pub(crate) fn each_in_leaf<R>(
        &mut self,
        reverse: bool,
        mut f: impl FnMut(&'t [u8], &'t [u8]) -> ControlFlow<R>,
    ) -> Result<ControlFlow<R>, Code> {
        let leaf = self.leaf();
        let Level { page, mut index } = self.levels[leaf];
        let last = if reverse { 0 } else { page.count().saturating_sub(1) };
        loop {
            let (key, value) = page.record(&self.pages, index).ok_or(DAMAGED)?;
            if let ControlFlow::Break(done) = f(key, value) {
                return Ok(ControlFlow::Break(done));
            }
            if index == last {
                break;
            }
            index = if reverse { index - 1 } else { index + 1 };
        }
        self.levels[leaf].index = last;
        Ok(ControlFlow::Continue(()))
    }

    /// Moves, and returns the new current record, like [`Cursor::go`](crate::engine::lmdb::sys::Cursor::go).
    #[inline]
    pub(crate) fn go(&mut self, to: Go<'_>) -> Result<Record<'t>, Code> {
        if self.tree.depth == 0 {
            return Ok(None);
        }
        match to {
            Go::Next if self.stands => self.next()?,
            Go::Prev if self.stands => self.previous()?,
            Go::Current => {}
            Go::First | Go::Next => self.descend(0, End::First)?,
            Go::Last | Go::Prev => self.descend(0, End::Last)?,
            Go::AtOrAfter(key) => self.seek(key)?,
            // A plain tree has one value for each key.
            Go::WithinDuplicates(..) => return Err(Code(libc::EINVAL)),
        }
        if !self.stands {
            return Ok(None);
        }
        let Level { page, index } = &self.levels[self.leaf()];
        page.record(&self.pages, *index).map(Some).ok_or(DAMAGED)
    }
}
