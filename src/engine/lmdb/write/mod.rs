//! Implements writing: the right to write, and the consequences of a failed write.
//!
//! - `turn`: the process's turn to write; `lock`: the write lock between processes
//! - `begin`: begins write transactions; `group`: the path of autocommitted writes, which share transactions; `queue`:
//!   its waiting threads
//! - `flusher`: the background flush
//! - `working_set`: decides which numbers of named databases are open; `reclaim`: frees the resources of dropped names
//! - `failure`: the consequences of a failed write or sync, and a failed environment

pub(crate) mod begin;
pub(crate) mod failure;
pub(crate) mod flusher;
pub(crate) mod group;
pub(crate) mod lock;
pub(crate) mod queue;
pub(crate) mod reclaim;
pub(crate) mod turn;
pub(crate) mod working_set;
