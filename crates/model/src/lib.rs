//! Files of the core under a model checker: compiled again with its locks, and run through every order of steps.
//!
//! Of a file in this crate `crate::platform::sync` is the checker's, so the core needs no switch for it. A file that is
//! to be checked takes its locks and atomics from there, and nothing else from the core but `platform::fork::process` and
//! what the codec has.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

use persistent_collections_codec::memory;

mod platform {
    pub(crate) mod fork;
    pub(crate) mod sync;
}
#[path = "../../../src/ffi/handle/cache.rs"]
mod cache;
#[path = "../../../src/engine/lmdb/write/queue.rs"]
mod queue;
#[path = "../../../src/ffi/handle/table.rs"]
mod table;

mod handle_tests;
mod queue_tests;
