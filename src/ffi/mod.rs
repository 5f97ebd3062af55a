//! The C ABI: the only `extern "C"` of the crate.
//!
//! One thin file per noun of the header. Each export checks its arguments, looks up its handles, calls the
//! safe API and converts the outcome; what it does is said for C readers, in the doc comment that cbindgen
//! carries into `include/persistent_collections.h`.
//!
//! | file | what it does |
//! |---|---|
//! | `boundary.rs` | the macro every export goes through: no panic and no error gets past it |
//! | `handle/` | looking handles up, and retiring them with their children |
//! | `handle/structs.rs` `object.rs` | the five handles, and what they stand for |
//! | `handle/table.rs` | the handle table, its lock, and what `fork` does to it |
//! | `argument.rs` | pointers, lengths, texts and flags as C hands them over, checked |
//! | `error.rs` `last_error.rs` `version.rs` | statuses, the thread's last error, versions |
//! | `buffer.rs` `value.rs` `typed.rs` | memory for answers; `pc_value` and back; calls that take `pc_value` |
//! | `maintenance.rs` `algebra.rs` | copies of environments and who reads in them; set algebra |
//! | `env.rs` `collection.rs` `dict.rs` `set.rs` `batch.rs` `txn.rs` `range.rs` `iter.rs` | the nouns |

// The names and the layout are those of C.
#![allow(non_camel_case_types)]
// The comments are the header's: what is unsafe about each call is said there in the words of C.
#![allow(clippy::missing_safety_doc)]

mod algebra;
mod argument;
mod batch;
mod boundary;
mod buffer;
mod collection;
mod convert;
mod dict;
mod env;
mod error;
mod handle;
mod iter;
mod last_error;
mod maintenance;
mod range;
mod set;
mod txn;
mod typed;
mod value;
mod version;

// For Rust programs that speak to the C ABI: the benchmarks, and tests of what only it has.
pub use self::{
    algebra::*, batch::*, buffer::*, collection::*, dict::*, env::*, error::*, handle::structs::*, iter::*,
    maintenance::*, range::*, set::*, txn::*, typed::*, value::*, version::*,
};
