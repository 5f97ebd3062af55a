//! Implements transactions over spaces: snapshots, and write transactions with savepoints and their writes.

pub(crate) mod foreign;
pub(crate) mod numbers;
mod order;
pub(crate) mod reader;
pub(crate) mod scan;
pub(crate) mod slots;
mod snapshot;
pub(crate) mod spaces;
mod tree;
mod write_txn;

pub(crate) use snapshot::Snapshot;
pub(crate) use write_txn::WriteTxn;

use crate::engine::lmdb::txn::spaces::Db;

/// The location of a space, as a transaction sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// Open and usable.
    Open(Db),
    /// The space does not exist.
    Absent,
    /// Not open in this process, or opened after the snapshot began: leave the call and let `Engine::open_space` open
    /// it.
    Unopened,
}

#[cfg(all(test, not(feature = "memory-engine")))]
mod tests;
