//! The seats of a thread that is ending.
//!
//! Destructors of static objects and of thread-local ones, and exit handlers, may run after the thread's own seats were
//! dropped, and a program may save its data in them. Their calls get seats that POSIX's thread-specific data keeps: its
//! destructors run after those of thread-local objects, and again where a later one has set a value. The main thread of
//! a process that exits has none of them run; what it leaves begun ends with the process.

use std::ptr;
use std::sync::OnceLock;

use libc::{c_int, c_void, pthread_key_t};

use super::seats::Mine;
use crate::error::{Error, Result, Status};

/// The key, or what the system answered.
static KEY: OnceLock<std::result::Result<pthread_key_t, c_int>> = OnceLock::new();

/// Drops what the key held in a thread.
unsafe extern "C" fn drop_seats(seats: *mut c_void) {
    // SAFETY: `with` alone sets the key's value, to a box that it leaked; the system has unset it before this call.
    drop(unsafe { Box::from_raw(seats.cast::<Mine>()) });
}

fn make_key() -> std::result::Result<pthread_key_t, c_int> {
    let mut key = 0;
    // SAFETY: `key` is a valid place for the number.
    match unsafe { libc::pthread_key_create(&raw mut key, Some(drop_seats)) } {
        0 => Ok(key),
        rc => Err(rc),
    }
}

/// Runs `f` with the seats of the calling thread, whose thread-local ones are gone.
#[cold]
pub(super) fn with<R>(f: impl FnOnce(&Mine) -> R) -> Result<R> {
    let failed = |rc: c_int| {
        Error::new(
            Status::NoMemory,
            format!(
                "the calling thread is ending, and its place in the environment cannot be kept: {}",
                std::io::Error::from_raw_os_error(rc)
            ),
        )
    };
    let key = (*KEY.get_or_init(make_key)).map_err(failed)?;
    // SAFETY: the key was made and is never deleted.
    let mut seats = unsafe { libc::pthread_getspecific(key) }.cast::<Mine>();
    if seats.is_null() {
        seats = Box::into_raw(Box::default());
        // SAFETY: as above; the value is what `drop_seats` takes.
        let rc = unsafe { libc::pthread_setspecific(key, seats.cast::<c_void>()) };
        if rc != 0 {
            // SAFETY: made above, and kept nowhere.
            drop(unsafe { Box::from_raw(seats) });
            return Err(failed(rc));
        }
    }
    // SAFETY: the thread's own box, which only its destructor drops, when no call of the thread is under way; others
    // hold shared references to it alone.
    let seats = unsafe { ptr::NonNull::new_unchecked(seats).as_ref() };
    Ok(f(seats))
}
