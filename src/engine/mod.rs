//! What an engine is: collections of ordered bytes, with snapshots and transactions.
//!
//! All that the nouns stand on: nothing above this folder names LMDB, maps, pages or reader slots. [`contract`] has the plain
//! data that crosses the seam, [`schema`] what is stored of each collection, [`threads`] what every engine needs of the
//! threads that call it. [`dispatch`] passes each call to [`lmdb`] or to another engine beside it; `memory` is one for
//! tests, which run on it to show that the seam holds.

pub(crate) mod contract;
mod dispatch;
pub(crate) mod interrupt;
pub(crate) mod lmdb;
#[cfg(feature = "memory-engine")]
mod memory;
pub(crate) mod schema;
pub(crate) mod threads;

pub use contract::{Access, Durability, Wait};
pub(crate) use contract::{
    Column, Columns, Figures, Leave, Limit, Op, Outcome, Range, ReaderFigures, ScanStart, Settings,
    Structure, nothing_keeps_it,
};
pub(crate) use dispatch::{
    Engine, Opened, Origin, Seat, Session, SnapshotSeat, WeakEngine, WeakSeat, leave_closed_seats, open,
};
pub(crate) use lmdb::{set_reads_wait, version, wait_until_closed};
pub(crate) use threads::opening::{Opening, State};
pub(crate) use threads::stack::{NotEnded, Switched};
