//! Keeps the data that a thread needs while it ends.
//!
//! Destructors of static and thread-local objects, and exit handlers, may run after the thread's own local variables
//! were dropped, and a program may save its data in them. The data that their calls need is kept in POSIX
//! thread-specific data: its destructors run after those of thread-local objects, and run again if a later destructor
//! has set a value. The main thread of an exiting process runs no such destructors; its unfinished work ends with the
//! process.

use std::marker::PhantomData;
use std::sync::OnceLock;

use libc::{c_int, c_void, pthread_key_t};

use crate::error::{Error, Result, Status};

/// A value that each ending thread has for itself, made at its first use.
pub(crate) struct WhileEnding<T> {
    /// The key, or the system's error.
    key: OnceLock<std::result::Result<pthread_key_t, c_int>>,
    value: PhantomData<fn() -> T>,
}

/// Drops a thread's value of a key.
unsafe extern "C" fn drop_value<T>(value: *mut c_void) {
    // SAFETY: only `with` sets a key's value, to a box of this type that it leaked; the system has cleared the value
    // before this call.
    drop(unsafe { Box::from_raw(value.cast::<T>()) });
}

impl<T: Default + 'static> WhileEnding<T> {
    pub(crate) const fn new() -> Self {
        Self { key: OnceLock::new(), value: PhantomData }
    }

    fn make_key() -> std::result::Result<pthread_key_t, c_int> {
        let mut key = 0;
        // SAFETY: `key` is a valid place for the number.
        match unsafe { libc::pthread_key_create(&raw mut key, Some(drop_value::<T>)) } {
            0 => Ok(key),
            rc => Err(rc),
        }
    }

    /// Runs `f` with the calling thread's value.
    #[cold]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R> {
        let failed = |rc: c_int| {
            Error::new(
                Status::NoMemory,
                format!(
                    "the calling thread is ending, and its place in the environment cannot be kept: {}",
                    std::io::Error::from_raw_os_error(rc)
                ),
            )
        };
        let key = (*self.key.get_or_init(Self::make_key)).map_err(failed)?;
        // SAFETY: the key was made and is never deleted.
        let mut value = unsafe { libc::pthread_getspecific(key) }.cast::<T>();
        if value.is_null() {
            value = Box::into_raw(Box::default());
            // SAFETY: as above; the value has the type that `drop_value` frees.
            let rc = unsafe { libc::pthread_setspecific(key, value.cast::<c_void>()) };
            if rc != 0 {
                // SAFETY: made above, and not stored anywhere.
                drop(unsafe { Box::from_raw(value) });
                return Err(failed(rc));
            }
        }
        // SAFETY: the box belongs to the thread. Only the destructor drops it, when the thread has no call in progress;
        // all other code holds shared references.
        Ok(f(unsafe { &*value }))
    }
}
