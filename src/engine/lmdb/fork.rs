//! Forks: what a child process must leave alone.
//!
//! A child inherits its parent's map, reader slots and locks, and must touch none of them, not even to let go.
//! It is noticed once, by `pthread_atfork`; objects remember in which process they were made, and in another
//! one they are left as they are.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::error::{Error, Result, Status};

/// How many times this process came out of a `fork` as the child.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::SeqCst);
}

/// A number that differs in a child from that in its parent.
#[inline]
pub(crate) fn process() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Sees to it that forks are noticed from now on.
pub(super) fn watch() -> Result<()> {
    static WATCHED: OnceLock<i32> = OnceLock::new();
    // SAFETY: the handler only adds to an atomic, which is allowed in a child of a process with many threads.
    let rc = *WATCHED.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(in_child)) });
    if rc == 0 {
        return Ok(());
    }
    Err(Error::new(Status::NoMemory, "there is no memory to watch for forks"))
}

#[cold]
pub(crate) fn forked() -> Error {
    Error::new(
        Status::Forked,
        "the environment was opened before a fork and belongs to the parent process; open it again in this one",
    )
}

/// A value of each process: a child begins with a new one. What it inherits may be locked by a thread that it
/// does not have, and stays as it is.
pub(crate) struct PerProcess<T> {
    value: AtomicPtr<Made<T>>,
}

struct Made<T> {
    process: u64,
    value: T,
}

impl<T: Default + Sync + 'static> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { value: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// The process's value, made at its first use. It is never freed.
    pub(crate) fn get(&self) -> &'static T {
        loop {
            let found = self.value.load(Ordering::Acquire);
            // SAFETY: null, or a box that was leaked below and never freed.
            if let Some(made) = unsafe { found.as_ref() }
                && made.process == process()
            {
                return &made.value;
            }
            let new = Box::into_raw(Box::new(Made { process: process(), value: T::default() }));
            if self.value.compare_exchange(found, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // SAFETY: made just now and given to nobody.
                drop(unsafe { Box::from_raw(new) });
            }
        }
    }
}

/// The system's number of this process, asked for once.
pub(super) fn process_id() -> u32 {
    static ID: PerProcess<Id> = PerProcess::new();
    ID.get().0
}

struct Id(u32);

impl Default for Id {
    fn default() -> Id {
        Id(std::process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    #[test]
    fn a_process_keeps_its_value() {
        static VALUE: PerProcess<Mutex<u32>> = PerProcess::new();
        *VALUE.get().lock() += 1;
        assert_eq!(*VALUE.get().lock(), 1);
    }
}
