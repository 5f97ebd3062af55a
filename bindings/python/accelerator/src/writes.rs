//! The state of a thread: the count of its writes, and whether its waits can be interrupted.

use std::cell::Cell;
use std::sync::OnceLock;

use pyo3::prelude::*;

thread_local! {
    static WRITES: Cell<u64> = const { Cell::new(0) };
    static INTERRUPTIBLE: Cell<bool> = const { Cell::new(false) };
}

/// The number of the calling thread's writes and ends of transactions.
pub(crate) fn writes() -> u64 {
    WRITES.get()
}

/// Counts a write of the calling thread, which is about to begin.
pub(crate) fn count_write() {
    WRITES.set(WRITES.get().wrapping_add(1));
}

static MAKE_INTERRUPTIBLE: OnceLock<Py<PyAny>> = OnceLock::new();

/// The function that a thread calls before its first wait.
pub(crate) fn interrupt_by(make_interruptible: Py<PyAny>) {
    // Set once; a second call changes nothing.
    let _ = MAKE_INTERRUPTIBLE.set(make_interruptible);
}

/// Lets asynchronous exceptions end the waits of the calling thread, which may be about to wait for the first time.
#[inline]
pub(crate) fn make_interruptible(py: Python<'_>) -> PyResult<()> {
    if INTERRUPTIBLE.get() { Ok(()) } else { make_interruptible_now(py) }
}

#[cold]
fn make_interruptible_now(py: Python<'_>) -> PyResult<()> {
    match MAKE_INTERRUPTIBLE.get() {
        Some(make) => make.bind(py).call0().map(|_| ()),
        None => Ok(()),
    }
}

/// The state of the calling thread.
///
/// `count` is the number of its writes and ends of transactions, after which its walks inside transactions fetch again.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Writes;

// Python needs an object to have attributes.
#[allow(clippy::unused_self)]
#[pymethods]
impl Writes {
    #[new]
    fn new() -> Self {
        Self
    }

    #[getter]
    fn count(&self) -> u64 {
        writes()
    }

    #[setter]
    fn set_count(&self, count: u64) {
        WRITES.set(count);
    }

    /// Whether asynchronous exceptions end its waits.
    #[getter]
    fn interruptible(&self) -> bool {
        INTERRUPTIBLE.get()
    }

    #[setter]
    fn set_interruptible(&self, interruptible: bool) {
        INTERRUPTIBLE.set(interruptible);
    }
}
