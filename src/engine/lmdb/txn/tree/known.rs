//! Caches what was read about spaces, so that it is not read again in the same commit.

use crate::engine::lmdb::txn::tree::Tree;

/// The cached information about a space in a commit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownTree {
    /// The serial of the space; 0 if the entry is empty.
    serial: u64,
    commit: u64,
    /// `None` if LMDB must read it.
    pub(crate) tree: Option<Tree>,
    /// The number of pages of the data file.
    pub(crate) pages: usize,
}

impl KnownTree {
    pub(crate) fn new(serial: u64, commit: u64, tree: Option<Tree>, pages: usize) -> KnownTree {
        KnownTree { serial, commit, tree, pages }
    }

    #[inline]
    pub(crate) fn is_of(&self, serial: u64, commit: u64) -> bool {
        self.serial == serial && self.commit == commit
    }

    pub(crate) fn is_newer(&self, other: &KnownTree) -> bool {
        self.commit > other.commit
    }
}

const PLACES: usize = 8;

/// The trees that a thread has read last, each at the index that its space's serial determines.
#[derive(Debug, Default)]
pub(crate) struct Trees([KnownTree; PLACES]);

impl Trees {
    #[inline]
    fn place(serial: u64) -> usize {
        #[allow(clippy::cast_possible_truncation)] // the lowest bits are all that count
        let place = serial as usize % PLACES;
        place
    }

    #[inline]
    pub(crate) fn known(&self, serial: u64, commit: u64) -> Option<KnownTree> {
        let known = self.0[Self::place(serial)];
        known.is_of(serial, commit).then_some(known)
    }

    pub(crate) fn keep(&mut self, known: KnownTree) {
        self.0[Self::place(known.serial)] = known;
    }
}
