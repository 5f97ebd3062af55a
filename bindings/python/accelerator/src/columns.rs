//! Columns for bulk writes.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::keys::Keys;
use crate::values::Values;

/// Encoded keys or values one after another, for the library to read.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Column {
    bytes: Vec<u8>,
    /// `None` if all have the type's width.
    offsets: Option<Vec<u64>>,
    count: usize,
}

impl Column {
    /// The bytes of all.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One offset more than items, if these differ in length.
    pub(crate) fn places(&self) -> Option<&[u64]> {
        self.offsets.as_deref()
    }

    /// How many items there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

#[pymethods]
impl Column {
    /// The number of items.
    fn __len__(&self) -> usize {
        self.count
    }

    /// The address of the bytes, valid while this lives.
    #[getter]
    fn data(&self) -> usize {
        self.bytes.as_ptr() as usize
    }

    /// The address of the offsets; None if all items have the type's width.
    #[getter]
    fn offsets(&self) -> Option<usize> {
        self.offsets.as_ref().map(|offsets| offsets.as_ptr() as usize)
    }
}

/// A column that is being made.
pub(crate) struct Growing {
    bytes: Vec<u8>,
    offsets: Option<Vec<u64>>,
    width: usize,
    count: usize,
    /// How many items are expected.
    expected: usize,
}

/// The most bytes of an item that room is made for ahead.
const AHEAD: usize = 1024;

impl Growing {
    /// `None`: there is no memory for so many.
    pub(crate) fn new(count: usize, width: Option<usize>) -> Option<Growing> {
        let (mut bytes, mut offsets) = (Vec::new(), None);
        if let Some(width) = width {
            bytes.try_reserve_exact(count.saturating_mul(width)).ok()?;
        }
        if width.is_none() {
            let mut places = Vec::new();
            places.try_reserve_exact(count + 1).ok()?;
            places.push(0);
            offsets = Some(places);
        }
        Some(Growing { bytes, offsets, width: width.unwrap_or(0), count: 0, expected: count })
    }

    /// Adds an item. Returns `false` without memory for it.
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8]) -> bool {
        if self.count == 0 && self.offsets.is_some() {
            self.make_room(data.len());
        }
        if self.bytes.try_reserve(data.len()).is_err() {
            return false;
        }
        self.bytes.extend_from_slice(data);
        self.count += 1;
        match &mut self.offsets {
            None => true,
            Some(offsets) => {
                let fits = offsets.try_reserve(1).is_ok();
                if fits {
                    offsets.push(self.bytes.len() as u64);
                }
                fits
            }
        }
    }

    /// Makes room for as many items as the first, so that their bytes are not moved again and again.
    #[cold]
    fn make_room(&mut self, length: usize) {
        // Without memory for that much, there may still be enough for the items that follow.
        let _ = self.bytes.try_reserve(self.expected.saturating_mul(length.min(AHEAD)));
    }

    /// Adds an item by the package's encoder. Returns `false` if that refuses it or returns bytes of another width.
    #[cold]
    fn push_by(&mut self, encode: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> bool {
        let Ok(encoded) = encode.call1((item,)) else { return false };
        let Ok(data) = encoded.cast_exact::<PyBytes>() else { return false };
        (self.offsets.is_some() || data.as_bytes().len() == self.width) && self.push(data.as_bytes())
    }

    pub(crate) fn done(self) -> Column {
        Column { bytes: self.bytes, offsets: self.offsets, count: self.count }
    }
}

/// Encodes a list of pairs to columns. Returns None if a pair or its content is not plain, or without memory; the package
/// then reports the cause.
#[pyfunction]
pub(crate) fn pair_columns(
    pairs: &Bound<'_, PyList>,
    keys: &Bound<'_, Keys>,
    values: &Bound<'_, Values>,
) -> Option<(Column, Column)> {
    let (py, keys, values) = (pairs.py(), keys.get(), values.get());
    let mut key_column = Growing::new(pairs.len(), keys.width())?;
    let mut value_column = Growing::new(pairs.len(), values.width())?;
    for pair in pairs {
        let pair = pair.cast_exact::<PyTuple>().ok().filter(|pair| pair.len() == 2)?;
        let (key, value) = (pair.get_borrowed_item(0).ok()?, pair.get_borrowed_item(1).ok()?);
        let pushed = keys.with(&key, |key| key_column.push(key));
        if !pushed.unwrap_or_else(|| key_column.push_by(keys.package_encode().bind(py), &key)) {
            return None;
        }
        let pushed = values.with(&value, |value| value_column.push(value));
        if !pushed.unwrap_or_else(|| value_column.push_by(values.package_encode().bind(py), &value)) {
            return None;
        }
    }
    Some((key_column.done(), value_column.done()))
}

/// Encodes a list of keys to a column. Returns None if one is not plain; the package then reports the cause.
#[pyfunction]
pub(crate) fn key_column(items: &Bound<'_, PyList>, keys: &Bound<'_, Keys>) -> Option<Column> {
    let (py, keys) = (items.py(), keys.get());
    let mut column = Growing::new(items.len(), keys.width())?;
    for item in items {
        let pushed = keys.with(&item, |key| column.push(key));
        if !pushed.unwrap_or_else(|| column.push_by(keys.package_encode().bind(py), &item)) {
            return None;
        }
    }
    Some(column.done())
}

/// The column of a list of values. None as in [`key_column`].
#[pyfunction]
pub(crate) fn value_column(items: &Bound<'_, PyList>, values: &Bound<'_, Values>) -> Option<Column> {
    let (py, values) = (items.py(), values.get());
    let mut column = Growing::new(items.len(), values.width())?;
    for item in items {
        let pushed = values.with(&item, |value| column.push(value));
        if !pushed.unwrap_or_else(|| column.push_by(values.package_encode().bind(py), &item)) {
            return None;
        }
    }
    Some(column.done())
}
