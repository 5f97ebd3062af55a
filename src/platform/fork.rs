//! Detects forks, so that a child process leaves its parent's resources alone.
//!
//! A child inherits its parent's map, reader slots and locks. It must not touch them, not even to release them. One
//! `pthread_atfork` handler detects the fork. Each object remembers the process that made it, and other processes leave
//! the object as it is.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

use crate::error::{Error, Result, Status};

/// The number of forks from which this process descends: each child adds one.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    let mut next = DESCRIPTORS.load(Ordering::Acquire);
    // SAFETY: null, or a box that was leaked by `OwnFile::new` and never freed.
    while let Some(node) = unsafe { next.as_ref() } {
        let fd = node.fd.swap(NONE, Ordering::AcqRel);
        if fd != NONE {
            // SAFETY: the descriptor is the parent's and has been open since the fork; the child does not use it.
            unsafe { libc::close(fd) };
        }
        next = node.next;
    }
}

/// Marks a node that has no descriptor.
const NONE: RawFd = -1;

/// A node in a list of descriptors. The list only grows; its nodes are reused.
struct Node {
    fd: AtomicI32,
    next: *mut Node,
}

static DESCRIPTORS: AtomicPtr<Node> = AtomicPtr::new(std::ptr::null_mut());

/// A file that every child of a fork closes: otherwise the locks of its open file description would last as long as a
/// child shares it.
pub(crate) struct OwnFile {
    file: ManuallyDrop<File>,
    node: &'static Node,
    process: u64,
}

// SAFETY: a node consists of an atomic and of an address that does not change once other threads can see it.
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

    /// Returns true if this process opened the file. A child has closed it, and the descriptor may be another file's.
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
            // Cleared before the file is closed: the system may reuse the descriptor's number at once.
            self.node.fd.store(NONE, Ordering::Release);
            // SAFETY: only this line drops the file, and nothing uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

/// A descriptor of a foreign library that every child of a fork closes. Drop it before the library closes the descriptor.
#[cfg(feature = "postgres")]
pub(crate) struct ClosedInChild {
    node: &'static Node,
    process: u64,
}

#[cfg(feature = "postgres")]
impl ClosedInChild {
    pub(crate) fn new(fd: RawFd) -> ClosedInChild {
        ClosedInChild { node: OwnFile::place(fd), process: process() }
    }

    /// Returns true if this process opened it.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process()
    }
}

#[cfg(feature = "postgres")]
impl Drop for ClosedInChild {
    fn drop(&mut self) {
        if self.is_ours() {
            self.node.fd.store(NONE, Ordering::Release);
        }
    }
}

/// Returns a number that differs between a child and its parent.
#[inline]
pub(crate) fn process() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Installs the handler that detects forks.
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

/// A value that each process has for itself: a child starts with a new one. The inherited value may be locked by a
/// thread that the child does not have, so the child leaves it as it is.
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

    /// Returns the process's value, and makes it at the first use. It is never freed.
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
                // SAFETY: made just now and not shared with any other thread.
                drop(unsafe { Box::from_raw(new) });
            }
        }
    }
}

/// Returns the process id, which is queried once.
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
