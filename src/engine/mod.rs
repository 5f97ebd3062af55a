//! Defines an engine: collections of ordered bytes, with snapshots and transactions.
//!
//! The nouns stand on this module: no code above it names LMDB, maps, pages or reader slots. [`contract`] contains the
//! plain data that crosses the seam, [`schema`] the stored description of each collection, and [`threads`] the code
//! that every engine needs for its calling threads. [`dispatch`] passes each call to [`lmdb`] or to another engine
//! beside it. The tests also run on `memory`, an engine that exists only to show that the seam holds.

#[cfg(any(feature = "memory-engine", feature = "postgres"))]
mod bounds;
mod columns;
pub(crate) mod contract;
pub(crate) mod deadline;
mod dispatch;
pub(crate) mod interrupt;
pub(crate) mod lmdb;
#[cfg(feature = "memory-engine")]
mod memory;
pub(crate) mod notice;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod schema;
pub(crate) mod threads;

pub(crate) use columns::Columns;
pub use contract::{Access, Durability, Traits, Wait};
pub(crate) use contract::{
    Column, Figures, Leave, Limit, Op, Outcome, Range, ReaderFigures, ScanStart, Settings, Structure,
    nothing_keeps_it,
};
pub(crate) use dispatch::{
    Engine, Opened, Origin, Seat, Session, SnapshotSeat, WeakEngine, WeakSeat, is_url, leave_closed_seats,
    open, shown,
};
pub(crate) use lmdb::{set_reads_wait, version, wait_until_closed};
pub(crate) use threads::opening::{Opening, State};
pub(crate) use threads::stack::{NotEnded, Switched};
