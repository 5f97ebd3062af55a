//! Iterates over a collection, a batch at a time.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::{error, no_memory};
use crate::keys::Keys;
use crate::library::{BAD_HANDLE, Batch, END, Handle, Library, OK, Of, library};
use crate::ranges::Bounds;
use crate::values::Values;
use crate::writes::{make_interruptible, writes};

// Few at first, since many callers read only the first items; then about the size of the processor's cache.
const FIRST: usize = 32;
/// A part with both bounds is short, and read to its end; the library reads so many of its items at once.
const BETWEEN: usize = 128;
const MOST: usize = 4096;
const MOST_BYTES: usize = 1 << 16;

/// The items that a walk returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Keys,
    Values,
    Items,
}

/// A walk over an iterator of the library. It opens the iterator, and closes it at its end or when it is dropped, without
/// a step of Python in between at which an asynchronous exception could lose it.
#[pyclass(module = "persistent_collections_python")]
pub(crate) struct Walk {
    library: &'static Library,
    /// `None` if closed.
    iterator: Option<Handle>,
    what: What,
    keys: Py<Keys>,
    /// `None` if the walk does not return values.
    values: Option<Py<Values>>,
    /// Makes the exception for a status.
    failure: Py<PyAny>,
    /// The collection, which stays alive until the walk ends: closing its handle would close the iterator's.
    owner: Option<Py<PyAny>>,
    /// Whether it is part of a transaction, whose writes it sees.
    inside: bool,
    /// The thread's count of writes when the batch was fetched.
    seen: u64,
    keys_read: BatchColumn,
    values_read: BatchColumn,
    count: usize,
    /// The index of the next item in the batch.
    at: usize,
    size: usize,
}

/// A copy of one column of a batch: the iterator's memory is valid only until the next call, from any thread.
#[derive(Default)]
struct BatchColumn {
    data: Vec<u8>,
    offsets: Vec<u64>,
    /// The width of an item, if there are no offsets.
    width: usize,
}

impl BatchColumn {
    /// # Safety
    ///
    /// The pointers are those of a batch of `count` items that is still valid.
    unsafe fn copy(&mut self, data: *const u8, offsets: *const u64, count: usize) -> PyResult<()> {
        self.data.clear();
        self.offsets.clear();
        let size = if offsets.is_null() {
            count * self.width
        } else {
            self.offsets.try_reserve(count + 1).map_err(|_| no_memory(8 * (count + 1)))?;
            // SAFETY: a batch has one offset more than items.
            self.offsets.extend_from_slice(unsafe { std::slice::from_raw_parts(offsets, count + 1) });
            self.offsets[count].try_into().unwrap_or(usize::MAX)
        };
        self.data.try_reserve(size).map_err(|_| no_memory(size))?;
        if size > 0 {
            // SAFETY: the last offset, or the width, gives the number of bytes.
            self.data.extend_from_slice(unsafe { std::slice::from_raw_parts(data, size) });
        }
        Ok(())
    }

    #[inline]
    fn get(&self, at: usize) -> &[u8] {
        // The offsets were made for this data, on a machine with as many bits.
        #[allow(clippy::cast_possible_truncation)]
        match self.offsets.get(at..at + 2) {
            Some(&[start, end]) => &self.data[start as usize..end as usize],
            _ => &self.data[at * self.width..(at + 1) * self.width],
        }
    }
}

#[pymethods]
impl Walk {
    /// Makes a walk over a part of a dict or a set, which returns "keys", "values" or "items"; `environment` and
    /// `collection` are handles.
    #[new]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        environment: u64,
        collection: u64,
        is_set: bool,
        bounds: &Bound<'_, Bounds>,
        what: &str,
        keys: Py<Keys>,
        values: Option<Py<Values>>,
        failure: Py<PyAny>,
        owner: Py<PyAny>,
    ) -> PyResult<Walk> {
        let what = match what {
            "keys" => What::Keys,
            "values" => What::Values,
            "items" => What::Items,
            _ => return Err(error("PanicError", "a walk gives out keys, values or items")),
        };
        let of = if is_set { Of::Set } else { Of::Dict };
        let (environment, collection) = (Handle { id: environment }, Handle { id: collection });
        let places = Places { environment, collection, of };
        Walk::begin(py, &places, bounds.get(), what, (keys, values), failure, owner)
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        // A thread that fetches releases the interpreter's lock.
        let mut walk = slf.try_borrow_mut().map_err(|_| busy())?;
        let item = walk.next(py);
        let owner = if matches!(item, Ok(Some(_))) { None } else { walk.end() };
        // This may be the last reference to the collection, whose finalizer may use this walk.
        drop(walk);
        drop(owner);
        item
    }

    /// Ends it. Can be called twice.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let mut walk = slf.try_borrow_mut().map_err(|_| busy())?;
        let owner = walk.end();
        drop(walk);
        drop(owner);
        Ok(())
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if let Some(iterator) = self.iterator.take() {
            self.library.iter_close(iterator);
        }
    }
}

/// Where a walk leads.
pub(crate) struct Places {
    pub(crate) environment: Handle,
    pub(crate) collection: Handle,
    pub(crate) of: Of,
}

impl Walk {
    /// Begins a walk over a part of a collection.
    pub(crate) fn begin(
        py: Python<'_>,
        places: &Places,
        bounds: &Bounds,
        what: What,
        codecs: (Py<Keys>, Option<Py<Values>>),
        failure: Py<PyAny>,
        owner: Py<PyAny>,
    ) -> PyResult<Walk> {
        let (keys, values) = codecs;
        let column =
            |width: Option<usize>| BatchColumn { width: width.unwrap_or(0), ..BatchColumn::default() };
        let mut walk = Walk {
            library: library()?,
            iterator: None,
            what,
            keys_read: column(keys.get().width()),
            values_read: column(values.as_ref().and_then(|values| values.get().width())),
            keys,
            values,
            failure,
            owner: Some(owner),
            inside: false,
            seen: 0,
            count: 0,
            at: 0,
            size: if bounds.is_between() { BETWEEN } else { FIRST },
        };
        let library = walk.library;
        let (status, current) = library.txn_current(places.environment);
        walk.check(py, status)?;
        walk.inside = current != 0;
        let range = bounds.range();
        if let Ok(iterator) = library.iter_open_now(places.of, places.collection, &range) {
            walk.iterator = Some(iterator);
            return Ok(walk);
        }
        make_interruptible(py)?;
        // It may wait for the write lock, whose holder may wait for the interpreter's.
        let (status, iterator) = py.detach(|| library.iter_open(places.of, places.collection, &range));
        walk.check(py, status)?;
        walk.iterator = Some(iterator);
        Ok(walk)
    }

    /// Closes the iterator, and returns the collection, which no longer has to stay alive.
    fn end(&mut self) -> Option<Py<PyAny>> {
        if let Some(iterator) = self.iterator.take() {
            // The end of a transaction or of the environment may have closed it already.
            self.library.iter_close(iterator);
        }
        self.owner.take()
    }

    #[inline]
    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(iterator) = self.iterator else { return Ok(None) };
        if (self.at == self.count || (self.inside && self.seen != writes())) && !self.fetch(py, iterator)? {
            return Ok(None);
        }
        let at = self.at;
        let item = match self.what {
            What::Keys => self.key(py, at)?,
            What::Values => self.value(py, at)?,
            What::Items => PyTuple::new(py, [self.key(py, at)?, self.value(py, at)?])?.into_any(),
        };
        self.at = at + 1;
        Ok(Some(item))
    }

    #[inline]
    fn key<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, PyAny>> {
        self.keys.get().decode(py, self.keys_read.get(at))
    }

    #[inline]
    fn value<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, PyAny>> {
        match &self.values {
            Some(values) => values.get().decode(py, self.values_read.get(at)),
            None => Err(no_values()),
        }
    }

    /// Fetches the next batch; returns `false` at the end.
    #[cold]
    fn fetch(&mut self, py: Python<'_>, iterator: Handle) -> PyResult<bool> {
        // After a write, it drops the items fetched ahead, and continues after the last item that it returned.
        let mut skip = None;
        if self.inside && self.at > 0 && self.seen != writes() {
            let key = self.keys_read.get(self.at - 1).to_vec();
            let status = py.detach(|| self.library.iter_seek(iterator, &key));
            self.check(py, status)?;
            skip = Some(key);
            self.size = FIRST;
        }
        loop {
            self.seen = writes();
            let (size, library) = (self.size, self.library);
            let (keys, values) = (&mut self.keys_read, &mut self.values_read);
            let with_values = self.what != What::Keys;
            let mut copied = Ok(());
            let mut copy = |batch: &Batch| {
                // SAFETY: the batch was just fetched.
                copied = unsafe {
                    keys.copy(batch.keys, batch.key_offsets, batch.count).and_then(|()| {
                        if with_values {
                            values.copy(batch.values, batch.value_offsets, batch.count)
                        } else {
                            Ok(())
                        }
                    })
                };
            };
            let mut fetched = (BAD_HANDLE, 0);
            if size <= BETWEEN {
                // A few items take less time than to release the interpreter's lock.
                fetched = library.iter_next_batch_now(iterator, size, MOST_BYTES, &mut copy);
            }
            if fetched.0 < OK {
                make_interruptible(py)?;
                // It may wait for the write lock, whose holder may wait for the interpreter's.
                fetched = py.detach(|| library.iter_next_batch(iterator, size, MOST_BYTES, &mut copy));
            }
            let (status, count) = fetched;
            self.check(py, status)?;
            copied?;
            (self.at, self.count) = (0, count);
            self.size = (4 * size).min(MOST);
            if status == END {
                return Ok(false);
            }
            if let Some(skip) = skip.take()
                && count > 0
                && self.keys_read.get(0) == skip
            {
                self.at = 1;
            }
            if self.at < count {
                return Ok(true);
            }
        }
    }

    fn check(&self, py: Python<'_>, status: i32) -> PyResult<()> {
        if status >= OK {
            return Ok(());
        }
        Err(PyErr::from_value(self.failure.bind(py).call1((status,))?))
    }
}

/// Makes the exception for values that are requested and were not fetched.
#[cold]
fn no_values() -> PyErr {
    error("PanicError", "the values are not given out")
}

/// Makes the exception for a walk that another thread is using.
#[cold]
fn busy() -> PyErr {
    error("IteratorBusyError", "another thread is taking an item of this iterator")
}
