//! Exceptions of the package's own classes, so that each is an `Error`.

use pyo3::intern;
use pyo3::prelude::*;

/// Makes an exception of one of the classes in the package's `errors`.
#[cold]
pub(crate) fn error(class: &str, message: &str) -> PyErr {
    Python::attach(|py| {
        let made = py
            .import(intern!(py, "persistent_collections.errors"))
            .and_then(|errors| errors.getattr(class))
            .and_then(|class| class.call1((message,)));
        match made {
            Ok(error) => PyErr::from_value(error),
            // The reason why it cannot be made, such as missing memory, is a failure to report as well.
            Err(error) => error,
        }
    })
}

/// Whether an exception is one of the package's.
#[cold]
pub(crate) fn is_error(py: Python<'_>, error: &PyErr) -> bool {
    py.import(intern!(py, "persistent_collections.errors"))
        .and_then(|errors| errors.getattr(intern!(py, "Error")))
        .is_ok_and(|kind| error.is_instance(py, &kind))
}

/// Makes the exception for memory that cannot be allocated.
#[cold]
pub(crate) fn no_memory(size: usize) -> PyErr {
    error("NoMemoryError", &format!("there is no memory for {size} bytes"))
}
