//! The bases of `PersistentDict` and `PersistentSet`, with their hot calls.
//!
//! A call that is not plain goes to the method of the same name in the package's class behind these.

use std::sync::OnceLock;

use pyo3::exceptions::PyKeyError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{PyDict, PySuper, PyTuple};

use crate::blocks::HotEnvironment;
use crate::calls::{Calls, Lookup};
use crate::keys::Keys;
use crate::library::Of;
use crate::values::Values;

type This<'a, 'py> = &'a Bound<'py, HotDict>;
type Any<'py> = Bound<'py, PyAny>;

/// The base of `PersistentDict`.
#[pyclass(frozen, subclass, module = "persistent_collections_python")]
pub(crate) struct HotDict {
    /// Set once it is open, unless only the package can encode its types.
    calls: OnceLock<Calls>,
}

#[pymethods]
impl HotDict {
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self { calls: OnceLock::new() }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The environment may be one that refers to this dict.
        self.calls.get().map_or(Ok(()), |calls| visit.call(calls.lender()))
    }

    /// Takes what encodes its keys and values, and what gives the exception for a status; the environment, if its
    /// snapshots lend values.
    #[pyo3(signature = (keys, values, failure, lender=None))]
    fn _prepare(
        &self,
        keys: Py<Keys>,
        values: Py<Values>,
        failure: Py<PyAny>,
        lender: Option<Py<HotEnvironment>>,
    ) -> PyResult<()> {
        prepare(&self.calls, keys, Some(values), failure, lender)
    }

    /// Allows direct use of its handle, until a call with zero.
    fn _heat(&self, handle: u64) {
        heat(&self.calls, handle);
    }

    fn __getitem__<'py>(slf: This<'_, 'py>, key: Any<'py>) -> PyResult<Any<'py>> {
        match slf.get().look_up(slf.py(), &key)? {
            Lookup::Value(value) => Ok(value),
            // In a tuple, since a key that is a tuple would be taken for the arguments.
            Lookup::Missing => Err(PyKeyError::new_err((key.unbind(),))),
            Lookup::NotPlain => package(slf)?.call_method1(intern!(slf.py(), "__getitem__"), (key,)),
        }
    }

    /// Returns the value of a key, or `default`.
    #[pyo3(name = "get", signature = (key, default=None))]
    fn value<'py>(slf: This<'_, 'py>, key: Any<'py>, default: Option<Any<'py>>) -> PyResult<Any<'py>> {
        let py = slf.py();
        match slf.get().look_up(py, &key)? {
            Lookup::Value(value) => Ok(value),
            Lookup::Missing => Ok(default.unwrap_or_else(|| py.None().into_bound(py))),
            Lookup::NotPlain => package(slf)?.call_method1(intern!(py, "get"), (key, default)),
        }
    }

    fn __contains__(slf: This<'_, '_>, key: &Any<'_>) -> PyResult<bool> {
        match slf.get().calls.get() {
            Some(calls) => calls.contains(key, Of::Dict),
            None => None,
        }
        .map_or_else(|| is_in(slf, key), Ok)
    }

    fn __setitem__(slf: This<'_, '_>, key: &Any<'_>, value: &Any<'_>) -> PyResult<()> {
        if let Some(calls) = slf.get().calls.get()
            && calls.put(key, Some(value))?
        {
            return Ok(());
        }
        package(slf)?.call_method1(intern!(slf.py(), "__setitem__"), (key, value)).map(|_| ())
    }

    fn __delitem__(slf: This<'_, '_>, key: &Any<'_>) -> PyResult<()> {
        package(slf)?.call_method1(intern!(slf.py(), "__delitem__"), (key,)).map(|_| ())
    }
}

impl HotDict {
    #[inline]
    fn look_up<'py>(&self, py: Python<'py>, key: &Any<'py>) -> PyResult<Lookup<'py>> {
        match self.calls.get() {
            Some(calls) => calls.look_up(py, key),
            None => Ok(Lookup::NotPlain),
        }
    }
}

/// The base of `PersistentSet`.
#[pyclass(frozen, subclass, module = "persistent_collections_python")]
pub(crate) struct HotSet {
    /// Set once it is open, unless only the package can encode its type.
    calls: OnceLock<Calls>,
}

#[pymethods]
impl HotSet {
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self { calls: OnceLock::new() }
    }

    /// Takes the encoder of its elements, and the function that makes the exception for a status.
    fn _prepare(&self, elements: Py<Keys>, failure: Py<PyAny>) -> PyResult<()> {
        prepare(&self.calls, elements, None, failure, None)
    }

    /// Allows direct use of its handle, until a call with zero.
    fn _heat(&self, handle: u64) {
        heat(&self.calls, handle);
    }

    fn __contains__(slf: &Bound<'_, Self>, value: &Any<'_>) -> PyResult<bool> {
        match slf.get().calls.get() {
            Some(calls) => calls.contains(value, Of::Set),
            None => None,
        }
        .map_or_else(|| is_in(slf, value), Ok)
    }

    /// Adds an element.
    fn add(slf: &Bound<'_, Self>, value: &Any<'_>) -> PyResult<()> {
        if let Some(calls) = slf.get().calls.get()
            && calls.put(value, None)?
        {
            return Ok(());
        }
        package(slf)?.call_method1(intern!(slf.py(), "add"), (value,)).map(|_| ())
    }
}

/// Returns the object with the methods of the classes behind the hot one.
#[cold]
fn package<'py, T: PyTypeInfo>(slf: &Bound<'py, T>) -> PyResult<Bound<'py, PySuper>> {
    PySuper::new(&T::type_object(slf.py()), slf.as_any())
}

#[cold]
fn is_in<T: PyTypeInfo>(slf: &Bound<'_, T>, item: &Any<'_>) -> PyResult<bool> {
    package(slf)?.call_method1(intern!(slf.py(), "__contains__"), (item,))?.is_truthy()
}

fn prepare(
    calls: &OnceLock<Calls>,
    keys: Py<Keys>,
    values: Option<Py<Values>>,
    failure: Py<PyAny>,
    lender: Option<Py<HotEnvironment>>,
) -> PyResult<()> {
    // Once an object; again changes nothing.
    let _ = calls.set(Calls::new(keys, values, failure, lender)?);
    Ok(())
}

fn heat(calls: &OnceLock<Calls>, handle: u64) {
    if let Some(calls) = calls.get() {
        calls.set_handle(handle);
    }
}
