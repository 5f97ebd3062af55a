//! Parts of collections: their bounds, and how many items are in them.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyTuple, PyType};

use crate::keys::Keys;
use crate::library::{END, Handle, Library, OK, Of, Range};
use crate::objects::bytes;

/// The flags of a `pc_range`.
const LOWER: u32 = 1;
const LOWER_EXCLUSIVE: u32 = 2;
const UPPER: u32 = 4;
const UPPER_INCLUSIVE: u32 = 8;
const PREFIX: u32 = 16;
const REVERSE: u32 = 32;

/// A part of a collection, with encoded bounds; without bounds, all of it.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Bounds {
    lower: Option<Box<[u8]>>,
    upper: Option<Box<[u8]>>,
    #[pyo3(get)]
    include_lower: bool,
    #[pyo3(get)]
    include_upper: bool,
    prefix: Option<Box<[u8]>>,
    #[pyo3(get)]
    reverse: bool,
}

#[pymethods]
impl Bounds {
    #[new]
    #[pyo3(signature = (lower=None, upper=None, include_lower=true, include_upper=false, prefix=None, reverse=false))]
    fn new(
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
        include_lower: bool,
        include_upper: bool,
        prefix: Option<&[u8]>,
        reverse: bool,
    ) -> Bounds {
        let [lower, upper, prefix] = [lower, upper, prefix].map(|part| part.map(Box::from));
        Bounds { lower, upper, include_lower, include_upper, prefix, reverse }
    }

    #[getter(lower)]
    fn lower_bytes<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.lower.as_deref().map(|lower| bytes(py, lower)).transpose()
    }

    #[getter(upper)]
    fn upper_bytes<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.upper.as_deref().map(|upper| bytes(py, upper)).transpose()
    }

    #[getter(prefix)]
    fn prefix_bytes<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.prefix.as_deref().map(|prefix| bytes(py, prefix)).transpose()
    }

    /// The flags of a `pc_range`.
    #[getter]
    fn flags(&self) -> u32 {
        let mut flags = if self.reverse { REVERSE } else { 0 };
        if self.lower.is_some() {
            flags |= if self.include_lower { LOWER } else { LOWER | LOWER_EXCLUSIVE };
        }
        if self.upper.is_some() {
            flags |= if self.include_upper { UPPER | UPPER_INCLUSIVE } else { UPPER };
        }
        if self.prefix.is_some() { flags | PREFIX } else { flags }
    }

    /// Returns the `pc_range` for ctypes, which keeps its bytes alive.
    #[pyo3(name = "struct")]
    fn as_struct<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("persistent_collections.iteration")?.call_method1("c_range", (slf,))
    }

    /// Returns the same part, in the opposite direction.
    fn reversed(&self) -> Bounds {
        Bounds {
            lower: self.lower.clone(),
            upper: self.upper.clone(),
            prefix: self.prefix.clone(),
            reverse: !self.reverse,
            ..*self
        }
    }

    /// Whether an encoded key is inside; bytes are compared as LMDB does.
    fn holds(&self, key: &[u8]) -> bool {
        let above = |lower: &[u8]| key > lower || (key == lower && self.include_lower);
        let below = |upper: &[u8]| key < upper || (key == upper && self.include_upper);
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
            && self.lower.as_deref().is_none_or(above)
            && self.upper.as_deref().is_none_or(below)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        let (py, bounds) = (slf.py(), slf.get());
        let arguments = (
            bounds.lower_bytes(py)?,
            bounds.upper_bytes(py)?,
            bounds.include_lower,
            bounds.include_upper,
            bounds.prefix_bytes(py)?,
            bounds.reverse,
        );
        Ok((slf.get_type(), arguments.into_pyobject(py)?))
    }
}

impl Bounds {
    /// Encodes the arguments of `range`. Returns `None` if they are not plain.
    pub(crate) fn between(
        keys: &Keys,
        low: &Bound<'_, PyAny>,
        high: &Bound<'_, PyAny>,
        inclusive: &Bound<'_, PyAny>,
        reverse: &Bound<'_, PyAny>,
    ) -> Option<Bounds> {
        let inclusive = inclusive.cast_exact::<PyTuple>().ok().filter(|pair| pair.len() == 2)?;
        let is_included = |at| -> Option<bool> {
            let item = inclusive.get_borrowed_item(at).ok()?;
            Some(item.cast_exact::<PyBool>().ok()?.is_true())
        };
        let encoded = |bound: &Bound<'_, PyAny>| -> Option<Option<Box<[u8]>>> {
            if bound.is_none() { Some(None) } else { keys.plain(bound, |bytes| bytes.into()).map(Some) }
        };
        Some(Bounds {
            lower: encoded(low)?,
            upper: encoded(high)?,
            include_lower: is_included(0)?,
            include_upper: is_included(1)?,
            prefix: None,
            reverse: reverse.cast_exact::<PyBool>().ok()?.is_true(),
        })
    }

    /// Whether it has both bounds.
    pub(crate) fn is_between(&self) -> bool {
        self.lower.is_some() && self.upper.is_some()
    }

    /// Returns the `pc_range`.
    pub(crate) fn range(&self) -> Range<'_> {
        Range::new(self.flags(), self.lower.as_deref(), self.upper.as_deref(), self.prefix.as_deref())
    }

    /// Counts the items in it. Returns `None` if the package has to do it, which waits or reports the failure.
    pub(crate) fn count(
        &self,
        py: Python<'_>,
        library: &'static Library,
        of: Of,
        within: Handle,
    ) -> Option<usize> {
        let iterator = Closed { library, iterator: library.iter_open_now(of, within, &self.range()).ok()? };
        let (mut total, mut size) = (0, FIRST);
        loop {
            let fetch = || library.iter_next_batch_now(iterator.iterator, size, 0, |_| ());
            // A short part is counted without releasing the interpreter's lock.
            let (status, count) = if total == 0 { fetch() } else { py.detach(fetch) };
            match status {
                OK => total += count,
                END => return Some(total),
                _ => return None,
            }
            size = MOST;
        }
    }
}

/// The items that a count reads at first, and then at a time.
const FIRST: usize = 128;
const MOST: usize = 4096;

/// Closes an iterator when it is dropped.
struct Closed {
    library: &'static Library,
    iterator: Handle,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.library.iter_close(self.iterator);
    }
}
