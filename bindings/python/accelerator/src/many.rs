//! Looking up many keys.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::columns::Column;
use crate::errors::is_error;
use crate::library::{BAD_HANDLE, BAD_KEY, FORKED, Handle, OK, VALUE_SIZE, library};
use crate::objects::list;
use crate::values::Values;

/// Looks up a column of keys in a dict, and gives a list of the values, with `default` for absent keys; without a default
/// the index of the first absent key. None where the package must do it, since it cannot be done so or fails.
#[pyfunction]
#[pyo3(signature = (dict, keys, values, failure, *default))]
pub(crate) fn get_many<'py>(
    dict: u64,
    keys: &Bound<'py, Column>,
    values: &Bound<'py, Values>,
    failure: &Bound<'py, PyAny>,
    default: &Bound<'py, PyTuple>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (py, keys, values, library) = (keys.py(), keys.get(), values.get(), library()?);
    let default = default.get_item(0).ok();
    let width = values.width();
    let (status, found) = py.detach(|| {
        library.dict_get_many(Handle { id: dict }, keys.count(), keys.bytes(), keys.places(), width)
    });
    match status {
        OK => {}
        BAD_HANDLE | FORKED | VALUE_SIZE..=BAD_KEY => return Ok(None),
        _ if status < 0 => return Err(PyErr::from_value(failure.call1((status,))?)),
        _ => return Ok(None),
    }
    let Some(found) = found else { return Ok(None) };
    let mut found_values = Vec::new();
    if found_values.try_reserve_exact(keys.count()).is_err() {
        return Ok(None);
    }
    for index in 0..keys.count() {
        let item = match (found.value(index), &default) {
            (Some(data), _) => match values.decode(py, data) {
                Ok(value) => value,
                Err(error) if is_error(py, &error) => return Ok(None),
                Err(error) => return Err(error),
            },
            (None, Some(default)) => default.clone(),
            (None, None) => return Ok(Some(index.into_pyobject(py)?.into_any())),
        };
        found_values.push(item);
    }
    Ok(Some(list(py, found_values)?))
}
