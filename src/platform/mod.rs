//! Isolates the differences between operating systems.
//!
//! - `sync`: mutexes and condition variables that work in the child of a fork
//! - `fork`: detects forks, so that a child process leaves its parent's resources alone
//! - `futex`: lets threads sleep on a word of memory
//! - `clock`: clocks that are cheap to read
//! - `byte_lock`: locks on bytes of files; `descriptors`: keeps files away from the standard streams' descriptors
//! - `mapping`: finds the address where a file's memory map begins
//! - `filesystem`: network file systems, which are refused
//! - `ram`: how much memory there is
//! - `ending`: keeps the data that a thread needs while it ends
//! - `system`: page size, limits, and messages for system errors

pub(crate) mod byte_lock;
pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod ending;
pub(crate) mod filesystem;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod mapping;
pub(crate) mod ram;
pub(crate) mod sync;
pub(crate) mod system;
