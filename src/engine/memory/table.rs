//! The catalog and the records of all collections, with their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::memory::versions::Versions;
use crate::engine::schema::Schema;

/// A value, which stays in place while a snapshot has lent it.
pub(super) type Value = Arc<[u8]>;

/// The records of a collection.
pub(super) type Records = Versions<Vec<u8>, Value>;

/// A collection in the catalog.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// Distinguishes it from others that had its name before.
    pub(super) id: u64,
    pub(super) schema: Arc<Schema>,
}

/// All that is stored in an environment.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The newest commit.
    pub(super) last: u64,
    /// How many collections were ever created.
    pub(super) created: u64,
    pub(super) catalog: Versions<String, Live>,
    pub(super) records: BTreeMap<u64, Records>,
    /// How many snapshots see each commit.
    pub(super) snapshots: BTreeMap<u64, usize>,
}

impl Table {
    /// The oldest commit that a snapshot sees, or else the newest one.
    pub(super) fn oldest(&self) -> u64 {
        self.snapshots.keys().next().copied().unwrap_or(self.last)
    }

    /// Begins to keep the newest commit for a snapshot.
    pub(super) fn keep(&mut self) -> u64 {
        *self.snapshots.entry(self.last).or_default() += 1;
        self.last
    }

    /// Ends what [`Table::keep`] began.
    pub(super) fn release(&mut self, commit: u64) {
        if let Some(count) = self.snapshots.get_mut(&commit) {
            *count -= 1;
            if *count == 0 {
                self.snapshots.remove(&commit);
            }
        }
    }
}
