//! What an engine is: ordered bytes in named spaces, with snapshots and transactions.
//!
//! All that the nouns stand on: nothing above this room names LMDB, maps, pages or reader slots. [`contract`] has the plain
//! data that crosses the seam. The engine in use is [`lmdb`]; another one would stand beside it.

use std::sync::Arc;

pub(crate) mod contract;
pub(crate) mod interrupt;
pub(crate) mod lmdb;

pub(crate) use contract::{
    Column, Columns, Figures, Limit, Outcome, Range, ReaderFigures, ScanStart, Settings,
};
pub use contract::{Durability, Wait};
pub(crate) use lmdb::{
    Call, Db, Engine, Level, Looked, Opening, Origin, Place, Reader, Root, RootKind, SEQUENCE, Seat,
    Snapshot, Space, State, Structure, begin_write, leave_closed_seats, open, open_inherited, place,
    seat_of_thread, set_reads_wait, version, wait_until_closed,
};

/// A write to one of the engine's spaces.
pub(crate) type Op<'a> = contract::Op<'a, Arc<Space>>;
