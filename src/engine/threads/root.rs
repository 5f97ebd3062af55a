//! Stacks of transactions: what a stack stands on, and its levels.

use crate::engine::lmdb::txn::{Snapshot, WriteTxn};

/// One stack of transactions: an engine's transaction, and the levels begun in it.
pub(crate) struct Root {
    pub(crate) id: u64,
    pub(crate) kind: RootKind,
    /// From the outermost to the innermost, never empty.
    pub(crate) levels: Vec<Level>,
}

pub(crate) enum RootKind {
    Snapshot(Snapshot),
    /// Boxed, since it is moved several times between its begin and its end.
    Write(Box<WriteTxn>),
}

/// One begun transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) id: u64,
    /// Whether it was begun for writing.
    pub(crate) write: bool,
}
