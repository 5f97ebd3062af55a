//! Stores the catalog and the records of all collections, with their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::memory::versions::Versions;
use crate::engine::schema::Schema;

/// A value, which stays in place while a snapshot lends it.
pub(super) type Value = Arc<[u8]>;

/// The records of a collection.
pub(super) type Records = Versions<Vec<u8>, Value>;

/// A collection in the catalog.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// Distinguishes it from earlier collections of the same name.
    pub(super) id: u64,
    pub(super) schema: Arc<Schema>,
}

/// The data of an environment.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The newest commit.
    pub(super) last: u64,
    /// The number of collections that were ever created.
    pub(super) created: u64,
    pub(super) catalog: Versions<String, Live>,
    pub(super) records: BTreeMap<u64, Records>,
    /// The number of snapshots that see each commit.
    pub(super) snapshots: BTreeMap<u64, usize>,
}

impl Table {
    /// Returns the oldest commit that a snapshot sees, or else the newest commit.
    pub(super) fn oldest(&self) -> u64 {
        self.snapshots.keys().next().copied().unwrap_or(self.last)
    }

    /// Keeps the newest commit for a snapshot, and returns it.
    pub(super) fn keep(&mut self) -> u64 {
        *self.snapshots.entry(self.last).or_default() += 1;
        self.last
    }

    /// Stops keeping a commit that [`Table::keep`] returned.
    pub(super) fn release(&mut self, commit: u64) {
        if let Some(count) = self.snapshots.get_mut(&commit) {
            *count -= 1;
            if *count == 0 {
                self.snapshots.remove(&commit);
            }
        }
    }
}
