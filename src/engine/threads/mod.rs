//! What each thread has in an environment.
//!
//! - `opening`: one opening of an environment, from open to close
//! - `seat`: a thread's pooled snapshot and its stacks of transactions; `seats`: all of them
//! - `pin`: snapshots that have lent addresses in the map

pub(crate) mod opening;
pub(crate) mod pin;
pub(crate) mod root;
pub(crate) mod seat;
pub(crate) mod seats;
