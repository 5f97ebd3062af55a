//! What an engine is: ordered bytes in named spaces, with snapshots and transactions.
//!
//! All that the nouns stand on: nothing above this room names LMDB, maps, pages or reader slots. [`contract`] has the plain
//! data that crosses the seam. The engine in use is [`lmdb`]; another one would stand beside it.

pub(crate) mod contract;
pub(crate) mod interrupt;
pub(crate) mod lmdb;
pub(crate) mod schema;
pub(crate) mod threads;

pub(crate) use contract::{
    Column, Columns, Figures, Limit, Outcome, Range, ReaderFigures, ScanStart, Settings,
};
pub use contract::{Durability, Wait};
pub(crate) use lmdb::{
    Call, Engine, Leave, Level, Op, Opened, Opening, Origin, OwnSeat, Reader, Root, RootKind, Seat, State,
    Structure, begin_write, leave_closed_seats, open, open_inherited, seat_of_thread, set_reads_wait,
    version, wait_until_closed,
};
