//! What differs between operating systems.
//!
//! - `sync`: mutexes and condition variables that work in the child of a fork
//! - `fork`: what a child process must leave alone
//! - `byte_lock`: locks on bytes of files; `descriptors`: no file takes a standard stream's place
//! - `mapping`: where a file's memory map begins
//! - `filesystem`: network file systems, which are refused
//! - `ending`: what a thread has while it ends
//! - `system`: page size, limits, and the words for the system's failures

pub(crate) mod byte_lock;
pub(crate) mod descriptors;
pub(crate) mod ending;
pub(crate) mod filesystem;
pub(crate) mod fork;
pub(crate) mod mapping;
pub(crate) mod sync;
pub(crate) mod system;
