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
use crate::ranges::Bounds;
use crate::values::Values;
use crate::walk::What;

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
        self.calls.get().map_or(Ok(()), |calls| visit.call(calls.environment()))
    }

    /// Takes its environment, whether snapshots lend its values, the encoders of its keys and values, and the function that
    /// makes the exception for a status.
    fn _prepare(
        &self,
        environment: Py<HotEnvironment>,
        lends: bool,
        failure: Py<PyAny>,
        keys: Py<Keys>,
        values: Py<Values>,
    ) -> PyResult<()> {
        prepare(&self.calls, Calls::new(keys, Some(values), failure, environment, (lends, false))?);
        Ok(())
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

    /// Encodes the arguments of `range`.
    fn _between<'py>(
        slf: &Bound<'py, Self>,
        low: &Any<'py>,
        high: &Any<'py>,
        inclusive: &Any<'py>,
        reverse: &Any<'py>,
    ) -> PyResult<Any<'py>> {
        let calls = slf.get().calls.get();
        match calls.and_then(|calls| calls.between(low, high, (inclusive, reverse))) {
            Some(bounds) => Ok(Bound::new(slf.py(), bounds)?.into_any()),
            None => {
                package(slf)?.call_method1(intern!(slf.py(), "_between"), (low, high, inclusive, reverse))
            }
        }
    }

    fn _keys_in<'py>(slf: This<'_, 'py>, bounds: &Bound<'py, Bounds>) -> PyResult<Any<'py>> {
        match walk(slf, bounds.get(), What::Keys)? {
            Some(walk) => Ok(walk),
            None => package(slf)?.call_method1(intern!(slf.py(), "_keys_in"), (bounds,)),
        }
    }

    fn _values_in<'py>(slf: This<'_, 'py>, bounds: &Bound<'py, Bounds>) -> PyResult<Any<'py>> {
        match walk(slf, bounds.get(), What::Values)? {
            Some(walk) => Ok(walk),
            None => package(slf)?.call_method1(intern!(slf.py(), "_values_in"), (bounds,)),
        }
    }

    fn _items_in<'py>(slf: This<'_, 'py>, bounds: &Bound<'py, Bounds>) -> PyResult<Any<'py>> {
        match walk(slf, bounds.get(), What::Items)? {
            Some(walk) => Ok(walk),
            None => package(slf)?.call_method1(intern!(slf.py(), "_items_in"), (bounds,)),
        }
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        match slf.get().calls.get().and_then(|calls| calls.len(Of::Dict)) {
            Some(count) => Ok(count),
            None => package(slf)?.call_method0(intern!(slf.py(), "__len__"))?.extract(),
        }
    }

    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().calls.get().and_then(|calls| calls.len(Of::Dict)) {
            Some(count) => Ok(count != 0),
            None => package(slf)?.call_method0(intern!(slf.py(), "__bool__"))?.extract(),
        }
    }

    /// Counts the entries in a part.
    fn _count(slf: This<'_, '_>, bounds: &Bound<'_, Bounds>) -> PyResult<usize> {
        let calls = slf.get().calls.get();
        match calls.and_then(|calls| calls.count(slf.py(), Of::Dict, bounds.get())) {
            Some(count) => Ok(count),
            None => package(slf)?.call_method1(intern!(slf.py(), "_count"), (bounds,))?.extract(),
        }
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

/// Begins a walk over a part of a dict. Returns `None` if the case is not plain.
fn walk<'py>(dict: This<'_, 'py>, bounds: &Bounds, what: What) -> PyResult<Option<Any<'py>>> {
    let Some(calls) = dict.get().calls.get() else { return Ok(None) };
    let Some(walk) = calls.walk(Of::Dict, bounds, what, dict.as_any())? else { return Ok(None) };
    Ok(Some(Bound::new(dict.py(), walk)?.into_any()))
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

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.calls.get().map_or(Ok(()), |calls| visit.call(calls.environment()))
    }

    /// Takes its environment, whether elements that it has need not be added, the encoder of its elements, and the function
    /// that makes the exception for a status.
    fn _prepare(
        &self,
        environment: Py<HotEnvironment>,
        skips: bool,
        failure: Py<PyAny>,
        elements: Py<Keys>,
    ) -> PyResult<()> {
        prepare(&self.calls, Calls::new(elements, None, failure, environment, (false, skips))?);
        Ok(())
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

    /// Encodes the arguments of `range`.
    fn _between<'py>(
        slf: &Bound<'py, Self>,
        low: &Any<'py>,
        high: &Any<'py>,
        inclusive: &Any<'py>,
        reverse: &Any<'py>,
    ) -> PyResult<Any<'py>> {
        let calls = slf.get().calls.get();
        match calls.and_then(|calls| calls.between(low, high, (inclusive, reverse))) {
            Some(bounds) => Ok(Bound::new(slf.py(), bounds)?.into_any()),
            None => {
                package(slf)?.call_method1(intern!(slf.py(), "_between"), (low, high, inclusive, reverse))
            }
        }
    }

    fn _elements_in<'py>(slf: &Bound<'py, Self>, bounds: &Bound<'py, Bounds>) -> PyResult<Any<'py>> {
        let walk = match slf.get().calls.get() {
            Some(calls) => calls.walk(Of::Set, bounds.get(), What::Keys, slf.as_any())?,
            None => None,
        };
        match walk {
            Some(walk) => Ok(Bound::new(slf.py(), walk)?.into_any()),
            None => package(slf)?.call_method1(intern!(slf.py(), "_elements_in"), (bounds,)),
        }
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        match slf.get().calls.get().and_then(|calls| calls.len(Of::Set)) {
            Some(count) => Ok(count),
            None => package(slf)?.call_method0(intern!(slf.py(), "__len__"))?.extract(),
        }
    }

    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().calls.get().and_then(|calls| calls.len(Of::Set)) {
            Some(count) => Ok(count != 0),
            None => package(slf)?.call_method0(intern!(slf.py(), "__bool__"))?.extract(),
        }
    }

    /// Counts the elements in a part.
    fn _count(slf: &Bound<'_, Self>, bounds: &Bound<'_, Bounds>) -> PyResult<usize> {
        let calls = slf.get().calls.get();
        match calls.and_then(|calls| calls.count(slf.py(), Of::Set, bounds.get())) {
            Some(count) => Ok(count),
            None => package(slf)?.call_method1(intern!(slf.py(), "_count"), (bounds,))?.extract(),
        }
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

fn prepare(calls: &OnceLock<Calls>, made: Calls) {
    // Once an object; again changes nothing.
    let _ = calls.set(made);
}

fn heat(calls: &OnceLock<Calls>, handle: u64) {
    if let Some(calls) = calls.get() {
        calls.set_handle(handle);
    }
}
