//! Columns for bulk writes.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::keys::Keys;
use crate::values::Values;

/// Encoded keys or values one after another, for the library to read.
#[pyclass(frozen)]
pub(crate) struct Column {
    bytes: Vec<u8>,
    /// `None`: all have the type's width.
    offsets: Option<Vec<u64>>,
    count: usize,
}

#[pymethods]
impl Column {
    /// How many items there are.
    fn __len__(&self) -> usize {
        self.count
    }

    /// Where the bytes are, as long as this lives.
    #[getter]
    fn data(&self) -> usize {
        self.bytes.as_ptr() as usize
    }

    /// Where the offsets are; None if all items have the type's width.
    #[getter]
    fn offsets(&self) -> Option<usize> {
        self.offsets.as_ref().map(|offsets| offsets.as_ptr() as usize)
    }
}

/// A column that is being made.
struct Growing {
    bytes: Vec<u8>,
    offsets: Option<Vec<u64>>,
    width: usize,
    count: usize,
}

impl Growing {
    fn new(count: usize, width: Option<usize>) -> Growing {
        let mut offsets = width.is_none().then(|| Vec::with_capacity(count + 1));
        if let Some(offsets) = &mut offsets {
            offsets.push(0);
        }
        Growing {
            bytes: Vec::with_capacity(count.saturating_mul(width.unwrap_or(16))),
            offsets,
            width: width.unwrap_or(0),
            count: 0,
        }
    }

    #[inline]
    fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        self.count += 1;
        if let Some(offsets) = &mut self.offsets {
            offsets.push(self.bytes.len() as u64);
        }
    }

    /// What the package's encoder gives. `false`: it does not take the item, or the bytes are of another width.
    #[cold]
    fn push_by(&mut self, encode: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> bool {
        let Ok(encoded) = encode.call1((item,)) else { return false };
        let Ok(data) = encoded.cast_exact::<PyBytes>() else { return false };
        let fits = self.offsets.is_some() || data.as_bytes().len() == self.width;
        if fits {
            self.push(data.as_bytes());
        }
        fits
    }

    fn done(self) -> Column {
        Column { bytes: self.bytes, offsets: self.offsets, count: self.count }
    }
}

/// The columns of a list of pairs. None where a pair or what is in it is not plain, so that the package says what
/// is wrong with it.
#[pyfunction]
pub(crate) fn pair_columns(
    pairs: &Bound<'_, PyList>,
    key: &str,
    value: &str,
    encode_key: &Bound<'_, PyAny>,
    encode_value: &Bound<'_, PyAny>,
) -> Option<(Column, Column)> {
    let (of_key, of_value) = (encode_key.clone().unbind(), encode_value.clone().unbind());
    let (keys, values) = (Keys::new(key, of_key)?, Values::new(value, of_value)?);
    let mut key_column = Growing::new(pairs.len(), keys.width());
    let mut value_column = Growing::new(pairs.len(), values.width());
    for pair in pairs {
        let pair = pair.cast_exact::<PyTuple>().ok().filter(|pair| pair.len() == 2)?;
        let (key, value) = (pair.get_borrowed_item(0).ok()?, pair.get_borrowed_item(1).ok()?);
        if keys.with(&key, |key| key_column.push(key)).is_none() && !key_column.push_by(encode_key, &key) {
            return None;
        }
        if values.with(&value, |value| value_column.push(value)).is_none()
            && !value_column.push_by(encode_value, &value)
        {
            return None;
        }
    }
    Some((key_column.done(), value_column.done()))
}

/// The column of a list of keys. None where one is not plain, so that the package says what is wrong with it.
#[pyfunction]
pub(crate) fn key_column(items: &Bound<'_, PyList>, key: &str, encode: &Bound<'_, PyAny>) -> Option<Column> {
    let keys = Keys::new(key, encode.clone().unbind())?;
    let mut column = Growing::new(items.len(), keys.width());
    for item in items {
        if keys.with(&item, |key| column.push(key)).is_none() && !column.push_by(encode, &item) {
            return None;
        }
    }
    Some(column.done())
}
