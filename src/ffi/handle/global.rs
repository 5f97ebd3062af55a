//! The table of this process, and its lock while the process forks.
//!
//! The forking thread holds the lock, so that the child does not get a copy of a table that another thread was changing. In
//! the child, every inherited handle returns `PC_ERR_FORKED`. The table keeps their objects, so that the child does not
//! release what belongs to the parent.

use std::cell::Cell;
use std::sync::OnceLock;

use super::object::Object;
use super::table::{CHUNKS, Locked, Slots, Table};
use crate::error::{Error, Result, Status};
use crate::platform::fork;
use crate::platform::sync::Mutex;

/// All open handles.
pub(super) static TABLE: Table<Object> =
    Table::over([const { OnceLock::new() }; CHUNKS], Mutex::new(Slots::new()));

thread_local! {
    /// The table's lock, held by the thread that is forking.
    static HELD: Cell<Option<Locked<'static, Object>>> = const { Cell::new(None) };
}

extern "C" fn before_fork() {
    // A thread that is ending has no place for the guard, and forks without the lock.
    let _ = HELD.try_with(|held| held.set(Some(TABLE.lock())));
}

/// In the parent and in the child.
extern "C" fn after_fork() {
    let _ = HELD.try_with(Cell::take);
}

/// Registers what to do at a fork, once.
pub(super) fn watch_forks() -> Result<()> {
    static OUTCOME: OnceLock<i32> = OnceLock::new();
    fork::watch()?;
    let outcome = *OUTCOME.get_or_init(|| {
        // SAFETY: the handlers are functions of this library; libc drops them when it is unloaded.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) }
    });
    if outcome == 0 { Ok(()) } else { Err(Error::new(Status::NoMemory, "no memory for the fork handlers")) }
}
