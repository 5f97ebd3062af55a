//! The table of this process, and its lock while the process forks.
//!
//! No other thread may be half-way through a change of the table that the child gets a copy of. In the child, every
//! inherited handle returns `PC_ERR_FORKED`; the table keeps its object and never vacates it, so that nothing of the parent's
//! is released there.

use std::cell::Cell;
use std::sync::OnceLock;

use super::object::Object;
use super::table::{CHUNKS, Locked, Records, Table};
use crate::error::{Error, Result, Status};
use crate::platform::fork;
use crate::platform::sync::Mutex;

/// All open handles.
pub(super) static TABLE: Table<Object> =
    Table::over([const { OnceLock::new() }; CHUNKS], Mutex::new(Records::new()));

thread_local! {
    /// The table's lock, held by the thread that is forking.
    static HELD: Cell<Option<Locked<'static, Object>>> = const { Cell::new(None) };
}

extern "C" fn before_fork() {
    // While the thread ends it has no place to keep the guard: the fork goes on without it.
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
