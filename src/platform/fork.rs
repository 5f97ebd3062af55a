//! Forks: what a child process must leave alone.
//!
//! A child inherits its parent's map, reader slots and locks, and must touch none of them, not even to let go.
//! It is noticed once, by `pthread_atfork`; objects remember in which process they were made, and in another
//! one they are left as they are.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

use crate::error::{Error, Result, Status};

/// How many times this process came out of a `fork` as the child.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    let mut next = DESCRIPTORS.load(Ordering::Acquire);
    // SAFETY: null, or a box that was leaked by `OwnFile::new` and never freed.
    while let Some(node) = unsafe { next.as_ref() } {
        let fd = node.fd.swap(NONE, Ordering::AcqRel);
        if fd != NONE {
            // SAFETY: the parent's, open since the fork; in a child nobody uses it.
            unsafe { libc::close(fd) };
        }
        next = node.next;
    }
}

/// No descriptor.
const NONE: RawFd = -1;

/// A list of descriptors that only grows; its places are used again.
struct Node {
    fd: AtomicI32,
    next: *mut Node,
}

static DESCRIPTORS: AtomicPtr<Node> = AtomicPtr::new(std::ptr::null_mut());

/// A file that is closed in every child of a fork: locks of an open file description would stay as long as a child
/// shares it.
pub(crate) struct OwnFile {
    file: ManuallyDrop<File>,
    node: &'static Node,
    process: u64,
}

// SAFETY: a node is made of an atomic, and of an address that does not change once others can see it.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

impl OwnFile {
    pub(crate) fn new(file: File) -> OwnFile {
        OwnFile { node: Self::place(file.as_raw_fd()), file: ManuallyDrop::new(file), process: process() }
    }

    fn place(fd: RawFd) -> &'static Node {
        let mut head = DESCRIPTORS.load(Ordering::Acquire);
        let mut next = head;
        // SAFETY: as in the handler.
        while let Some(node) = unsafe { next.as_ref() } {
            if node.fd.compare_exchange(NONE, fd, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return node;
            }
            next = node.next;
        }
        let node = Box::leak(Box::new(Node { fd: AtomicI32::new(fd), next: head }));
        while let Err(found) =
            DESCRIPTORS.compare_exchange_weak(head, node, Ordering::AcqRel, Ordering::Acquire)
        {
            head = found;
            node.next = head;
        }
        node
    }

    /// Whether this process opened it; in a child it is closed, and its number may be another file's.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process()
    }
}

impl std::ops::Deref for OwnFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if self.is_ours() {
            // Before the file: its number may be given to another at once.
            self.node.fd.store(NONE, Ordering::Release);
            // SAFETY: dropped here alone, and not used after.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

/// A number that differs in a child from that in its parent.
#[inline]
pub(crate) fn process() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Sees to it that forks are noticed from now on.
pub(crate) fn watch() -> Result<()> {
    static WATCHED: OnceLock<i32> = OnceLock::new();
    // SAFETY: the handler only changes atomics and closes descriptors, which is allowed in a child of a process with many threads.
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
pub(crate) fn process_id() -> u32 {
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
    use crate::platform::sync::Mutex;

    #[test]
    fn a_process_keeps_its_value() {
        static VALUE: PerProcess<Mutex<u32>> = PerProcess::new();
        *VALUE.get().lock() += 1;
        assert_eq!(*VALUE.get().lock(), 1);
    }
}
