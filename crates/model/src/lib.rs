//! Files of the core under a model checker: compiled again with its locks, and run through every order of steps.
//!
//! Of a file in this crate `crate::platform::sync` is the checker's, so the core needs no switch for it. A file that is
//! to be checked takes its locks from there, and nothing else from the core.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

mod platform {
    pub(crate) mod sync;
}
#[path = "../../../src/engine/lmdb/write/queue.rs"]
mod queue;

mod queue_tests;
