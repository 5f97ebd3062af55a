//! Implements an open collection of this engine.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::engine::schema::Schema;

/// An open collection: a name and its schema.
pub(crate) struct Opened {
    pub(super) name: String,
    pub(super) schema: Arc<Schema>,
    /// True if it was created in a transaction that may still be aborted; the next write then creates it again.
    pub(super) unsettled: AtomicBool,
}

#[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as the other engine's
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
