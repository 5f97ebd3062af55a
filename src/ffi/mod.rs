//! The C ABI: the only `extern "C"` of the crate.
//!
//! One thin file for each section of the header. Each export checks its arguments, looks up its handles, calls the
//! safe API and converts the outcome. Its doc comment is written for C programmers: cbindgen copies it to
//! `include/persistent_collections.h`.
//!
//! | section of the header | file | exports |
//! |---|---|---|
//! | Versions | `version.rs` | `pc_version`, `pc_*_version` |
//! | Statuses | `status.rs` | `pc_strerror`, `pc_last_error` |
//! | Buffers | `buffer.rs` | `pc_buffer_free` |
//! | Environments | `env.rs` | `pc_env_*`, `pc_flush` |
//! | Environments: copies, checks and readers | `env_upkeep.rs` | `pc_env_copy`, `pc_env_check`, `pc_env_*readers` |
//! | Environments: commits and traits | `env_wait.rs` | `pc_env_wait`, `pc_env_traits` |
//! | Collections: common to dicts and sets | `collection.rs` | `pc_collection_*` |
//! | Ranges | `range.rs` | no call: `pc_range` |
//! | Dicts | `dict.rs` | `pc_dict_*` |
//! | Sets | `set.rs` | `pc_set_*` |
//! | Sets: algebra | `set_algebra.rs` | `pc_set_union`, `pc_set_intersection`, `pc_set_*difference`, `pc_set_is_*` |
//! | Batches | `batch.rs` | `pc_*_many`, `pc_dict_values` |
//! | Transactions | `txn.rs` | `pc_txn_*`, `pc_set_reads_wait`, `pc_set_interrupt` |
//! | Values | `value.rs` | `pc_value_*` |
//! | Iterators | `iter.rs` | `pc_iter_*` |
//! | Calls that take values | `value_calls.rs` | `pc_*_value`, `pc_encode_*`, `pc_decode_*` |
//!
//! | other file | what it does |
//! |---|---|
//! | `boundary.rs` | the macro that every export goes through, which catches panics and errors |
//! | `argument.rs` | checks pointers, lengths, texts and flags |
//! | `last_error.rs` | the thread's last error |
//! | `value_convert.rs` | converts `pc_value` to the codec's values, and back |
//! | `handle/` | looks handles up, and retires them with their children |
//! | `handle/structs.rs` `object.rs` | the five handles, and the objects that they stand for |
//! | `handle/table.rs` `cache.rs` | the table of open handles, and the handles that a thread remembers |
//! | `handle/global.rs` | the table of this process, and its lock during a fork |

// The names and the layout are those of C.
#![allow(non_camel_case_types)]
// The comments are the header's, which say in the words of C what is unsafe about each call.
#![allow(clippy::missing_safety_doc)]

mod argument;
mod batch;
mod boundary;
mod buffer;
mod collection;
mod dict;
mod env;
mod env_upkeep;
mod env_wait;
mod handle;
mod iter;
mod last_error;
mod range;
mod set;
mod set_algebra;
mod status;
mod txn;
mod value;
mod value_calls;
mod value_convert;
mod version;

// For Rust programs that call the C ABI: the benchmarks, and tests of features that only the C ABI has.
pub use self::{
    batch::*, buffer::*, collection::*, dict::*, env::*, env_upkeep::*, env_wait::*, handle::structs::*,
    iter::*, range::*, set::*, set_algebra::*, status::*, txn::*, value::*, value_calls::*, version::*,
};
