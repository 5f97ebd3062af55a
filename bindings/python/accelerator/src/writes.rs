//! What a thread has for itself: the count of its writes, and whether its waits can be interrupted.

use std::cell::Cell;
use std::sync::OnceLock;

use pyo3::prelude::*;

thread_local! {
    static WRITES: Cell<u64> = const { Cell::new(0) };
    static INTERRUPTIBLE: Cell<bool> = const { Cell::new(false) };
}

/// How many writes and ends of transactions the calling thread has done.
pub(crate) fn writes() -> u64 {
    WRITES.get()
}

/// The calling thread is about to write.
pub(crate) fn count_write() {
    WRITES.set(WRITES.get().wrapping_add(1));
}

static MAKE_INTERRUPTIBLE: OnceLock<Py<PyAny>> = OnceLock::new();

/// What a thread calls before it waits for the first time.
pub(crate) fn interrupt_by(make_interruptible: Py<PyAny>) {
    // Once an object; again changes nothing.
    let _ = MAKE_INTERRUPTIBLE.set(make_interruptible);
}

/// Lets exceptions from outside end the waits of the calling thread, which may be about to wait for the first time.
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

/// What the calling thread has for itself.
///
/// `count` are its writes and ends of transactions: its walks inside transactions then look again.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Writes;

// Python has no attributes that belong to no object.
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

    /// Whether exceptions from outside end its waits.
    #[getter]
    fn interruptible(&self) -> bool {
        INTERRUPTIBLE.get()
    }

    #[setter]
    fn set_interruptible(&self, interruptible: bool) {
        INTERRUPTIBLE.set(interruptible);
    }
}
