//! Text, integers and bytes of Python.

use std::ffi::c_char;

use pyo3::conversion::IntoPyObject;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

unsafe extern "C" {
    // Part of the stable ABI from 3.10 on; 3.9 exports it too, with the same meaning.
    fn PyUnicode_AsUTF8AndSize(text: *mut ffi::PyObject, size: *mut ffi::Py_ssize_t) -> *const c_char;
}

/// Returns the UTF-8 of a text, which lives as long as the text, or `None` if it is not Unicode text.
#[inline]
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a [u8]> {
    let mut size = 0;
    // SAFETY: it is a str; the interpreter keeps the UTF-8 with the object, which is borrowed for as long.
    unsafe {
        let data = PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size);
        if data.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(std::slice::from_raw_parts(data.cast(), usize::try_from(size).ok()?))
    }
}

/// Returns the text of UTF-8 that Python returned.
#[inline]
pub(crate) fn as_str(utf8: &[u8]) -> &str {
    // SAFETY: callers pass the result of `utf8`, which the interpreter has encoded.
    unsafe { std::str::from_utf8_unchecked(utf8) }
}

/// Makes a Python int of a number of at most 64 bits.
#[inline]
pub(crate) fn whole(py: Python<'_>, number: Option<i128>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(number) = number else { return Ok(None) };
    if let Ok(number) = i64::try_from(number) {
        return Ok(Some(number.into_pyobject(py)?.into_any()));
    }
    let Ok(number) = u64::try_from(number) else { return Ok(None) };
    Ok(Some(number.into_pyobject(py)?.into_any()))
}

/// Makes Python bytes; fails without memory.
#[inline]
pub(crate) fn bytes<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // A slice cannot be longer.
    let size = ffi::Py_ssize_t::try_from(data.len())?;
    // SAFETY: the interpreter copies `size` bytes, and returns an object or sets an exception.
    unsafe {
        let made = ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), size);
        Bound::from_owned_ptr_or_err(py, made).map(|made| made.cast_into_unchecked())
    }
}

/// Bytes for Python that can be written to; fails where there is no memory.
pub(crate) fn byte_array<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // No slice is longer.
    let size = ffi::Py_ssize_t::try_from(data.len())?;
    // SAFETY: the interpreter copies `size` bytes, and gives an object or has set an exception.
    unsafe {
        let made = ffi::PyByteArray_FromStringAndSize(data.as_ptr().cast(), size);
        Bound::from_owned_ptr_or_err(py, made)
    }
}

/// A list for Python; fails where there is no memory.
pub(crate) fn list<'py>(py: Python<'py>, items: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    // No vector is longer.
    let size = ffi::Py_ssize_t::try_from(items.len())?;
    // SAFETY: the interpreter gives a list of so many empty places, or has set an exception; each place is filled once, by an
    // object that it takes over, before anything else sees the list.
    unsafe {
        let made = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(size))?;
        for (at, item) in (0..size).zip(items) {
            ffi::PyList_SetItem(made.as_ptr(), at, item.into_ptr());
        }
        Ok(made)
    }
}
