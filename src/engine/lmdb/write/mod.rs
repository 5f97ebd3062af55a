//! Writing: who may write, and what a failed write means.
//!
//! - `turn`: the process's turn to write; `lock`: the write lock between processes
//! - `begin`: beginning write transactions; `group`: the path of autocommitted writes, which share transactions; `queue`: its waiting threads
//! - `flusher`: the flush in the background
//! - `working_set`: which numbers of named databases are open; `reclaim`: dropped names give theirs back
//! - `failure`: what a failed write or sync means, and an environment that can no longer be used

pub(crate) mod begin;
pub(crate) mod failure;
pub(crate) mod flusher;
pub(crate) mod group;
pub(crate) mod lock;
pub(crate) mod queue;
pub(crate) mod reclaim;
pub(crate) mod turn;
pub(crate) mod working_set;
