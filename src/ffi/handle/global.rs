//! Holds the table of this process, and locks it while the process forks.
//!
//! The forking thread holds the lock, so that the child does not get a copy of a table that another thread was
//! changing. In the child, every inherited handle returns `PC_ERR_FORKED`. The table keeps their objects, so that the
//! child does not release its parent's resources.

use std::cell::Cell;
use std::sync::OnceLock;

use super::object::Object;
use super::table::{CHUNKS, Locked, Slots, Table};
use crate::error::{Error, Result, Status};
use crate::platform::fork;
use crate::platform::sync::Mutex;

/// The table of all open handles.
pub(super) static TABLE: Table<Object> =
    Table::over([const { OnceLock::new() }; CHUNKS], Mutex::new(Slots::new()));

thread_local! {
    /// The guard of the table's lock in the thread that is forking.
    static HELD: Cell<Option<Locked<'static, Object>>> = const { Cell::new(None) };
}

extern "C" fn before_fork() {
    // A thread that is ending has no storage for the guard, and forks without the lock.
    let _ = HELD.try_with(|held| held.set(Some(TABLE.lock())));
}

/// Unlocks the table, in the parent and in the child.
extern "C" fn after_fork() {
    let _ = HELD.try_with(Cell::take);
}

/// Registers the fork handlers once.
pub(super) fn watch_forks() -> Result<()> {
    static OUTCOME: OnceLock<i32> = OnceLock::new();
    fork::watch()?;
    let outcome = *OUTCOME.get_or_init(|| {
        // SAFETY: the handlers are functions of this library; libc unregisters them when the library is unloaded.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) }
    });
    if outcome == 0 { Ok(()) } else { Err(Error::new(Status::NoMemory, "no memory for the fork handlers")) }
}
