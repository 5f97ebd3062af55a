//! Transactions over spaces: snapshots, and write transactions with savepoints and what is written in them.

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

/// Where a space is, as a transaction sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// Open: it can be used.
    Open(Db),
    /// There is none of that name.
    Absent,
    /// It is not open in this process, or was opened after the snapshot began: leave the call and let
    /// [`Engine::open_space`] see to it.
    Unopened,
}

#[cfg(all(test, not(feature = "memory-engine")))]
mod tests;
