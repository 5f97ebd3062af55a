//! Implements an open collection of this engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::engine::postgres::sql::{self, Verb};
use crate::engine::postgres::statement::Prepared;
use crate::engine::schema::Schema;
use crate::platform::sync::Mutex;

/// An open collection: a name, its schema, and the table that it was found in.
pub(crate) struct Opened {
    pub(super) name: String,
    pub(super) schema: Arc<Schema>,
    target: Mutex<Arc<Target>>,
    /// True if it was created in a transaction that may still be aborted; the next write then creates it again.
    pub(super) unsettled: AtomicBool,
}

/// The table of a collection, with its statements.
pub(super) struct Target {
    pub id: u64,
    table: String,
    gate: String,
    schema: Arc<Schema>,
    statements: Mutex<HashMap<Verb, Arc<Prepared>>>,
    /// An estimate of the size of a record, or 0.
    mean: AtomicU64,
}

impl Target {
    pub(super) fn new(schema_name: &str, id: u64, schema: &Arc<Schema>, mean: u64) -> Arc<Target> {
        Arc::new(Target {
            id,
            table: sql::table(schema_name, id),
            gate: sql::gate(schema_name),
            schema: Arc::clone(schema),
            statements: Mutex::default(),
            mean: AtomicU64::new(mean),
        })
    }

    pub(super) fn statement(&self, verb: Verb) -> Arc<Prepared> {
        let mut statements = self.statements.lock();
        let made = statements.entry(verb).or_insert_with(|| {
            Arc::new(Prepared::new(sql::text(verb, &self.table, &self.gate, &self.schema.value)))
        });
        Arc::clone(made)
    }

    /// Returns how many records probably have at most so many bytes.
    pub(super) fn records_in(&self, bytes: usize) -> usize {
        /// Where nothing is known about the size of the records.
        const UNKNOWN: usize = 64;
        match self.mean.load(Ordering::Relaxed) {
            0 => UNKNOWN,
            mean => usize::try_from(bytes as u64 / mean).unwrap_or(usize::MAX).max(1),
        }
    }

    /// Corrects the estimate by records that were read.
    pub(super) fn learn(&self, records: usize, bytes: usize) {
        if let Some(seen) = bytes.checked_div(records) {
            let seen = seen as u64 + 1;
            let mean = self.mean.load(Ordering::Relaxed);
            // Large records at once, small ones slowly: too many records cost memory, too few only time.
            let next = if mean == 0 || seen > mean { seen } else { mean - (mean - seen) / 4 };
            self.mean.store(next, Ordering::Relaxed);
        }
    }
}

impl Opened {
    pub(super) fn new(name: &str, schema: Arc<Schema>, target: Arc<Target>, unsettled: bool) -> Opened {
        Opened {
            name: name.to_owned(),
            schema,
            target: Mutex::new(target),
            unsettled: AtomicBool::new(unsettled),
        }
    }

    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target.lock())
    }

    /// Continues in another table: the collection was dropped and created again with the same schema.
    pub(super) fn move_to(&self, target: Arc<Target>) {
        *self.target.lock() = target;
    }
}

#[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as the other engines'
impl Opened {
    pub(crate) fn schema(&self) -> Option<&Schema> {
        Some(&self.schema)
    }

    pub(crate) fn is_same(&self, other: &Opened) -> bool {
        self.name == other.name
    }

    pub(crate) fn is_raw(&self) -> bool {
        false
    }

    pub(crate) fn has_duplicates(&self) -> bool {
        false
    }

    pub(crate) fn has_integer_keys(&self) -> bool {
        false
    }

    pub(crate) fn is_bytewise(&self) -> bool {
        true
    }
}
