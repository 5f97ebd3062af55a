//! The count of a thread's writes.

use std::cell::Cell;

use pyo3::prelude::*;

thread_local! {
    static WRITES: Cell<u64> = const { Cell::new(0) };
}

/// How many writes and ends of transactions the calling thread has done.
pub(crate) fn writes() -> u64 {
    WRITES.get()
}

/// The calling thread is about to write.
pub(crate) fn count_write() {
    WRITES.set(WRITES.get().wrapping_add(1));
}

/// The calling thread's count of writes and ends of transactions: its walks inside transactions then look again.
#[pyclass(frozen)]
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
}
