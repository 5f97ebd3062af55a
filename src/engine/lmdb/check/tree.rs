//! Walks through a tree: its pages, their content, and the trees that it contains.

use std::borrow::Cow;

use super::page::{self, Counts, Node, Order, TreeRecord, flags, nodes, overflow_pages, width};
use super::{Check, damaged};
use crate::engine::lmdb::layout::node::{BIG, HEADER as NODE_HEADER, TREE, VALUES};
use crate::engine::lmdb::layout::page::{BRANCH, DIRTY, FIXED, HEADER as PAGE_HEADER, INNER, LEAF, OVERFLOW};
use crate::engine::lmdb::layout::record::{
    DUPLICATES, ENVIRONMENT_FLAGS, FIXED_VALUES, INTEGER_KEY, INTEGER_VALUES, SIZE as RECORD,
};
use crate::engine::lmdb::layout::{NO_PAGE, word};
use crate::engine::lmdb::txn::spaces::CATALOG;
use crate::error::Result;
use crate::memory;

/// The maximum depth. LMDB's cursors support one level more (`CURSOR_STACK`), which a new root needs. It also bounds
/// the recursion here.
const DEEPEST: u16 = 31;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TreeKind {
    Free,
    /// The unnamed database, which also contains the records of the named ones.
    Main,
    Named,
    /// The values of one key that has many.
    Values {
        /// The required flags of its record.
        flags: u16,
    },
}

/// A tree, and the information about it that is known before the walk.
pub(super) struct Tree<'n> {
    name: Cow<'n, str>,
    record: TreeRecord,
    kind: TreeKind,
    order: Order,
}

impl<'n> Tree<'n> {
    pub(super) fn new(name: impl Into<Cow<'n, str>>, record: TreeRecord, kind: TreeKind) -> Self {
        // The flags in its record belong to the environment.
        let order = if kind == TreeKind::Free { Order::Integer } else { Order::of_keys(record.flags) };
        Tree { name: name.into(), record, kind, order }
    }

    fn has_duplicates(&self) -> bool {
        matches!(self.kind, TreeKind::Main | TreeKind::Named) && self.record.flags & DUPLICATES != 0
    }
}

/// The bounds of a page's keys: from the first on, and before the second.
#[derive(Clone, Copy, Default)]
struct Bounds<'k> {
    from: Option<&'k [u8]>,
    before: Option<&'k [u8]>,
}

impl Check<'_> {
    /// Walks through a tree; `at` is the page that contains its record.
    pub(super) fn tree(&mut self, tree: &Tree<'_>, at: u64) -> Result<()> {
        let TreeRecord { flags, depth, counts, root, .. } = tree.record;
        let wrong = |page: u64, what: String| Err(damaged(page, &tree.name, what));
        let are_possible = match tree.kind {
            TreeKind::Free => flags & !ENVIRONMENT_FLAGS == 0,
            TreeKind::Main | TreeKind::Named => page::are_possible(flags),
            TreeKind::Values { flags: expected } => flags == expected,
        };
        if !are_possible {
            return wrong(at, format!("the flags in its record, {flags:#x}, cannot be"));
        }
        let mut visit = Visit { walk: self, tree, counts: Counts::default(), integers: None };
        if root == NO_PAGE {
            if depth != 0 {
                return wrong(at, format!("it is empty, and its record says a depth of {depth}"));
            }
            if matches!(tree.kind, TreeKind::Values { .. }) {
                return wrong(at, "a key has no values".to_owned());
            }
        } else {
            if depth == 0 || depth > DEEPEST {
                return wrong(at, format!("its record says a depth of {depth}; there are 1 to {DEEPEST}"));
            }
            visit.page(root, at, 1, Bounds::default())?;
        }
        let found = visit.counts;
        let is_right = if tree.has_duplicates() {
            // Some releases of LMDB, such as 0.9.36, include the pages of the values' trees in this count, and others
            // do not: after several of them have written a file, it may be any number. All of them still count an empty
            // value that they lost when its key got a second one. None relies on these numbers.
            found.overflow == counts.overflow
                && counts.entries.checked_sub(found.entries).is_some_and(|lost| u32::try_from(lost).is_ok())
        } else {
            found == counts
        };
        if is_right {
            return Ok(());
        }
        let parts = |counts: Counts| {
            let Counts { branch, leaf, overflow, entries } = counts;
            format!("{entries} entries, {branch} branch, {leaf} leaf and {overflow} overflow pages")
        };
        wrong(at, format!("its record counts {}; there are {}", parts(counts), parts(found)))
    }
}

/// The walk through a single tree.
struct Visit<'v, 'f> {
    walk: &'v mut Check<'f>,
    tree: &'v Tree<'v>,
    counts: Counts,
    /// The length of the values, if they are integers.
    integers: Option<usize>,
}

impl Visit<'_, '_> {
    fn page(&mut self, number: u64, from: u64, level: u16, bounds: Bounds<'_>) -> Result<()> {
        let tree = self.tree;
        let bytes = self.take(number, 1, from)?;
        let wrong = |what: String| damaged(number, &tree.name, what);
        let is_leaf = level == tree.record.depth;
        let is_fixed = matches!(tree.kind, TreeKind::Values { flags } if flags & FIXED_VALUES != 0);
        let expected = match (is_leaf, is_fixed) {
            (false, _) => BRANCH,
            (true, false) => LEAF,
            (true, true) => LEAF | FIXED,
        };
        if flags(&bytes) != expected {
            return Err(wrong(format!(
                "its flags are {:#x}, not {expected:#x}, at depth {level} of {}",
                flags(&bytes),
                tree.record.depth
            )));
        }
        if is_leaf && is_fixed && u32::from(width(&bytes)) != tree.record.width {
            return Err(wrong("its keys have another width than its tree's".to_owned()));
        }
        let nodes = nodes(&bytes).map_err(|refused| refused.into_error(wrong))?;
        // LMDB aborts the process on a branch with only one child.
        let fewest = if is_leaf { 1 } else { 2 };
        if nodes.len() < fewest {
            return Err(wrong(format!("it has {} entries, less than {fewest}", nodes.len())));
        }
        // The first key of a branch is ignored.
        let keys = nodes.iter().skip(usize::from(!is_leaf)).map(|node| node.key);
        self.check_keys(tree.order, keys.clone()).map_err(wrong)?;
        check_order(tree.order, keys, bounds).map_err(wrong)?;
        if is_leaf {
            self.counts.leaf += 1;
            return nodes.iter().try_for_each(|node| self.entry(number, node));
        }
        self.counts.branch += 1;
        for (index, node) in nodes.iter().enumerate() {
            let from = if index == 0 { bounds.from } else { Some(node.key) };
            let before = nodes.get(index + 1).map(|next| next.key).or(bounds.before);
            self.page(node.child, number, level + 1, Bounds { from, before })?;
        }
        Ok(())
    }

    /// Checks the lengths of keys, or of values that LMDB handles as keys.
    fn check_keys<'k>(&self, order: Order, mut keys: impl Iterator<Item = &'k [u8]>) -> Result<(), String> {
        let longest = page::longest_key(self.walk.pages.page_size);
        match keys.position(|key| !order.fits(key.len()) || key.len() > longest) {
            Some(index) => Err(format!("key {index} has a length that no key has")),
            None => Ok(()),
        }
    }

    /// Records pages of this tree, and returns the first of them.
    fn take(&mut self, first: u64, count: u64, from: u64) -> Result<Vec<u8>> {
        let Visit { walk, tree, .. } = self;
        walk.pages.take(first, count, &tree.name, from)?;
        let mut bytes = memory::zeros(walk.pages.page_size)?;
        walk.pages.read(first, 0, &mut bytes)?;
        if word(&bytes, 0) != Some(first) {
            let found = word(&bytes, 0).unwrap_or(0);
            return Err(damaged(first, &tree.name, format!("its number is {found}")));
        }
        Ok(bytes)
    }

    /// Checks an entry of a leaf.
    fn entry(&mut self, page: u64, node: &Node<'_>) -> Result<()> {
        let tree = self.tree;
        let wrong = |what: String| damaged(page, &tree.name, what);
        // The oldest releases of LMDB allowed this much; longer data is in overflow pages.
        let length = NODE_HEADER + node.key.len() + node.data.len();
        if length > self.walk.pages.page_size / 2 {
            return Err(wrong(format!("an entry takes {length} bytes of it")));
        }
        match (node.flags, tree.kind) {
            (0, TreeKind::Values { .. }) if node.size != 0 => {
                return Err(wrong("a value has data of its own".to_owned()));
            }
            (0, TreeKind::Free) => self.walk.take_free(page, node, None)?,
            (0, TreeKind::Main | TreeKind::Named) if tree.has_duplicates() => {
                self.check_value(node).map_err(wrong)?;
            }
            (0, _) => {}
            (BIG, TreeKind::Free) => {
                let first = self.big(page, node)?;
                self.walk.take_free(page, node, Some(first))?;
            }
            (BIG, TreeKind::Main | TreeKind::Named) if !tree.has_duplicates() => {
                self.big(page, node)?;
            }
            (TREE, TreeKind::Main) if !tree.has_duplicates() => self.named(page, node)?,
            (VALUES, TreeKind::Main | TreeKind::Named) if tree.has_duplicates() => {
                self.counts.entries += self.values_inside(page, node)?;
                return Ok(());
            }
            (flags, TreeKind::Main | TreeKind::Named) if flags == VALUES | TREE && tree.has_duplicates() => {
                self.counts.entries += self.values_in_tree(page, node)?;
                return Ok(());
            }
            (flags, _) => return Err(wrong(format!("an entry's flags, {flags:#x}, do not belong there"))),
        }
        self.counts.entries += 1;
        Ok(())
    }

    /// Checks data in overflow pages, and returns the first page.
    fn big(&mut self, page: u64, node: &Node<'_>) -> Result<u64> {
        let first = word(node.data, 0).unwrap_or(0);
        let page_size = self.walk.pages.page_size as u64;
        let needed = (u64::from(node.size) + PAGE_HEADER as u64).div_ceil(page_size);
        let bytes = self.take(first, 1, page)?;
        let tree = self.tree;
        if flags(&bytes) != OVERFLOW {
            return Err(damaged(first, &tree.name, "it is not marked as an overflow page"));
        }
        // A smaller value may have replaced a larger one.
        let count = u64::from(overflow_pages(&bytes));
        if count < needed {
            let size = node.size;
            return Err(damaged(
                first,
                &tree.name,
                format!("{count} overflow pages cannot hold the {size} bytes that page {page} says"),
            ));
        }
        if count > 1 {
            self.walk.pages.take(first + 1, count - 1, &tree.name, first)?;
        }
        self.counts.overflow += count;
        Ok(first)
    }

    fn named(&mut self, page: u64, node: &Node<'_>) -> Result<()> {
        let name = String::from_utf8_lossy(node.key);
        let record = self.record(page, node)?;
        if name != CATALOG {
            self.walk.collections += 1;
        }
        self.walk.tree(&Tree::new(format!("{name:?}"), record, TreeKind::Named), page)
    }

    fn record(&self, page: u64, node: &Node<'_>) -> Result<TreeRecord> {
        TreeRecord::read(Some(node.data))
            .filter(|_| node.data.len() == RECORD)
            .ok_or_else(|| damaged(page, &self.tree.name, "a tree's record has another length"))
    }

    /// Checks the only value of a key, which LMDB handles as a key as soon as there are two.
    fn check_value(&mut self, node: &Node<'_>) -> Result<(), String> {
        // An empty value may be the only one.
        if node.data.is_empty() && self.tree.record.flags & INTEGER_VALUES == 0 {
            return Ok(());
        }
        self.check_keys(Order::of_values(self.tree.record.flags), std::iter::once(node.data))
            .map_err(|_| "a value has a length that no value has".to_owned())?;
        self.check_integers(node.data.len())
    }

    /// Checks that integers are as long as those of the other keys: LMDB's cursor keeps comparing that many bytes.
    fn check_integers(&mut self, length: usize) -> Result<(), String> {
        if self.tree.record.flags & INTEGER_VALUES == 0 || *self.integers.get_or_insert(length) == length {
            return Ok(());
        }
        Err(format!("integers of {length} bytes stand among others"))
    }

    /// Checks the values of one key in a page inside of its node, and returns their number.
    fn values_inside(&mut self, page: u64, node: &Node<'_>) -> Result<u64> {
        let tree = self.tree;
        let wrong = |what: String| damaged(page, &tree.name, format!("in a page inside of it: {what}"));
        let own = tree.record.flags;
        let fixed = if own & FIXED_VALUES == 0 { 0 } else { FIXED };
        let found = flags(node.data);
        // Without the mark of a page that is being written, LMDB would copy it to a new page.
        if found != LEAF | INNER | DIRTY | fixed {
            return Err(wrong(format!("its flags are {found:#x}")));
        }
        // The number of a page that contained it once: LMDB treats it as a root's, and these numbers are never a root.
        if word(node.data, 0).is_none_or(|number| number < 2 || number == NO_PAGE) {
            return Err(wrong("its number is that of no page".to_owned()));
        }
        let length = NODE_HEADER + node.key.len() + node.data.len();
        // LMDB moves longer pages to other pages, and shrinks them by half of an odd byte.
        if length > page::longest_node(self.walk.pages.page_size) || !node.data.len().is_multiple_of(2) {
            return Err(wrong(format!("it is {} bytes long", node.data.len())));
        }
        let values = nodes(node.data).map_err(|refused| refused.into_error(wrong))?;
        if values.is_empty() || values.iter().any(|value| value.flags != 0 || value.size != 0) {
            return Err(wrong("it holds something other than values".to_owned()));
        }
        let (order, keys) = (Order::of_values(own), values.iter().map(|value| value.key));
        self.check_keys(order, keys.clone()).map_err(wrong)?;
        check_order(order, keys, Bounds::default()).map_err(wrong)?;
        self.check_integers(values[0].key.len()).map_err(wrong)?;
        Ok(values.len() as u64)
    }

    /// Checks the values of one key in their own tree, and returns their number.
    fn values_in_tree(&mut self, page: u64, node: &Node<'_>) -> Result<u64> {
        let record = self.record(page, node)?;
        let own = self.tree.record.flags;
        let flags = match own & (FIXED_VALUES | INTEGER_VALUES) {
            0 | INTEGER_VALUES => 0,
            FIXED_VALUES => FIXED_VALUES,
            _ => FIXED_VALUES | INTEGER_KEY,
        };
        let tree = Tree {
            name: Cow::Borrowed(&self.tree.name),
            record,
            kind: TreeKind::Values { flags },
            order: Order::of_values(own),
        };
        if flags & FIXED_VALUES != 0 {
            let width = usize::try_from(record.width).unwrap_or(usize::MAX);
            self.check_integers(width).map_err(|what| damaged(page, &self.tree.name, what))?;
        }
        self.walk.tree(&tree, page)?;
        Ok(record.counts.entries)
    }
}

fn check_order<'k>(
    order: Order,
    keys: impl Iterator<Item = &'k [u8]>,
    bounds: Bounds<'k>,
) -> Result<(), String> {
    let misplaced = |index: usize| format!("key {index} does not stand in order");
    let mut last = bounds.from;
    let mut count = 0;
    for (index, key) in keys.enumerate() {
        if let Some(last) = last {
            let found = order.compare(last, key).ok_or_else(|| misplaced(index))?;
            // The first may be the one that refers to this page.
            if found.is_gt() || (found.is_eq() && index > 0) {
                return Err(misplaced(index));
            }
        }
        (last, count) = (Some(key), index);
    }
    match (last, bounds.before) {
        (Some(last), Some(before)) if order.compare(last, before).is_none_or(|found| found.is_ge()) => {
            Err(misplaced(count))
        }
        _ => Ok(()),
    }
}
