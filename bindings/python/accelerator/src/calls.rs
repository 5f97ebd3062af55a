//! Look-ups and single writes.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use pyo3::prelude::*;

use crate::blocks::HotEnvironment;
use crate::errors::{is_error, no_memory};
use crate::keys::Keys;
use crate::library::{
    BAD_HANDLE, BAD_KEY, EXISTS, FORKED, Handle, Library, NOT_FOUND, OK, Of, TOO_SMALL, VALUE_SIZE, library,
};
use crate::ranges::Bounds;
use crate::values::Values;
use crate::walk::{Places, Walk, What};
use crate::writes::{count_write, make_interruptible};

/// Values up to this size are fetched without an allocation.
const SMALL: usize = 2048;

type Any<'py> = Bound<'py, PyAny>;

/// The state that the hot calls of an open collection need.
pub(crate) struct Calls {
    library: &'static Library,
    /// Zero if it must not be used directly.
    handle: AtomicU64,
    keys: Py<Keys>,
    /// The codec of the values; only for a dict.
    values: Option<Py<Values>>,
    /// Makes the exception for a status.
    failure: Py<PyAny>,
    environment: Py<HotEnvironment>,
    /// Whether snapshots lend its values.
    lends: bool,
    /// Whether an element that a set has is not added: nothing else would be written, or made durable.
    skips: bool,
    /// Whether the set had the last element that was added.
    repeats: AtomicBool,
    /// The length of the last value that was not small.
    last_size: AtomicUsize,
}

pub(crate) enum Lookup<'py> {
    Value(Bound<'py, PyAny>),
    Missing,
    NotPlain,
}

impl Calls {
    pub(crate) fn new(
        keys: Py<Keys>,
        values: Option<Py<Values>>,
        failure: Py<PyAny>,
        environment: Py<HotEnvironment>,
        (lends, skips): (bool, bool),
    ) -> PyResult<Calls> {
        let (library, last_size, repeats) = (library()?, AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Calls {
            library,
            handle: AtomicU64::new(0),
            keys,
            values,
            failure,
            environment,
            lends,
            skips,
            repeats,
            last_size,
        })
    }

    /// The environment.
    pub(crate) fn environment(&self) -> &Py<HotEnvironment> {
        &self.environment
    }

    #[inline]
    fn handle(&self) -> Option<Handle> {
        // Written and read under the interpreter's lock, so that no stronger order is needed.
        let id = self.handle.load(Ordering::Relaxed);
        (id != 0).then_some(Handle { id })
    }

    /// Sets the handle for direct use; zero if there is none.
    pub(crate) fn set_handle(&self, handle: u64) {
        self.handle.store(handle, Ordering::Relaxed);
    }

    /// Looks up the value of a key.
    #[inline]
    pub(crate) fn look_up<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Lookup<'py>> {
        let Some(handle) = self.handle() else { return Ok(Lookup::NotPlain) };
        if self.lends && !self.environment.get().is_outside() {
            return Ok(Lookup::NotPlain);
        }
        self.keys.get().with(key, |key| self.fetch(py, handle, key)).unwrap_or(Ok(Lookup::NotPlain))
    }

    #[inline]
    fn fetch<'py>(&self, py: Python<'py>, dict: Handle, key: &[u8]) -> PyResult<Lookup<'py>> {
        if self.last_size.load(Ordering::Relaxed) > SMALL {
            return self.fetch_large(py, dict, key);
        }
        let mut space = [MaybeUninit::<u8>::uninit(); SMALL];
        let (status, length) = self.library.dict_get(dict, key, &mut space);
        match status {
            OK => {
                // SAFETY: the library has written `length` bytes, at most the size of the space.
                let data = unsafe { std::slice::from_raw_parts(space.as_ptr().cast(), length) };
                self.found(py, data)
            }
            NOT_FOUND => Ok(Lookup::Missing),
            TOO_SMALL => {
                self.last_size.store(length, Ordering::Relaxed);
                self.fetch_large(py, dict, key)
            }
            // The package's call waits if it must, or fails in the same way and reports why.
            _ => Ok(Lookup::NotPlain),
        }
    }

    /// Decodes a value; the package reports one that cannot be decoded, with its place.
    #[inline]
    fn found<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Lookup<'py>> {
        let Some(values) = &self.values else { return Ok(Lookup::NotPlain) };
        match values.get().decode(py, data) {
            Ok(value) => Ok(Lookup::Value(value)),
            Err(error) if is_error(py, &error) => Ok(Lookup::NotPlain),
            Err(error) => Err(error),
        }
    }

    #[cold]
    fn fetch_large<'py>(&self, py: Python<'py>, dict: Handle, key: &[u8]) -> PyResult<Lookup<'py>> {
        let mut space: Vec<u8> = Vec::new();
        let mut size = self.last_size.load(Ordering::Relaxed);
        loop {
            space.try_reserve(size).map_err(|_| no_memory(size))?;
            let (status, length) = self.library.dict_get(dict, key, space.spare_capacity_mut());
            match status {
                OK => {
                    self.last_size.store(length, Ordering::Relaxed);
                    // SAFETY: the library has written `length` bytes, at most the capacity.
                    unsafe { space.set_len(length) };
                    return self.found(py, &space);
                }
                NOT_FOUND => return Ok(Lookup::Missing),
                // Another writer has made it longer since.
                TOO_SMALL => size = length,
                _ => return Ok(Lookup::NotPlain),
            }
        }
    }

    /// Whether a key exists. Returns `None` if the case is not plain.
    #[inline]
    pub(crate) fn contains(&self, key: &Bound<'_, PyAny>, of: Of) -> Option<bool> {
        let handle = self.handle()?;
        match self.keys.get().with(key, |key| self.library.contains(of, handle, key))? {
            OK => Some(true),
            NOT_FOUND => Some(false),
            _ => None,
        }
    }

    /// Whether a set certainly has an element, outside of transactions.
    #[inline]
    fn has(&self, set: Handle, element: &[u8]) -> bool {
        self.environment.get().is_outside() && self.library.contains(Of::Set, set, element) == OK
    }

    /// Stores a value, or an element if `value` is `None`. Returns `false`, without an effect, if the case is not plain.
    pub(crate) fn put(&self, key: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let py = key.py();
        let Some(handle) = self.handle() else { return Ok(false) };
        make_interruptible(py)?;
        let status = self.keys.get().with(key, |key| match value {
            None => {
                if self.repeats.load(Ordering::Relaxed) && self.has(handle, key) {
                    return Some(EXISTS);
                }
                count_write();
                // It may wait for the write lock, whose holder may wait for the interpreter's.
                let status = py.detach(|| self.library.set_add(handle, key));
                self.repeats.store(self.skips && status == EXISTS, Ordering::Relaxed);
                Some(status)
            }
            Some(value) => self.values.as_ref()?.get().with(value, |value| {
                count_write();
                py.detach(|| self.library.dict_put(handle, key, value))
            }),
        });
        match status.flatten() {
            // Without an effect so far; the package reports an invalid handle, and names a refused key or value.
            None | Some(BAD_HANDLE | FORKED | VALUE_SIZE..=BAD_KEY) => Ok(false),
            Some(status) if status < 0 => Err(PyErr::from_value(self.failure.bind(py).call1((status,))?)),
            Some(_) => Ok(true),
        }
    }

    /// Encodes the arguments of `range`. Returns `None` if they are not plain.
    pub(crate) fn between(
        &self,
        low: &Any<'_>,
        high: &Any<'_>,
        more: (&Any<'_>, &Any<'_>),
    ) -> Option<Bounds> {
        Bounds::between(self.keys.get(), low, high, more.0, more.1)
    }

    /// Begins a walk over a part, which keeps `owner` alive. Returns `None` if the case is not plain.
    pub(crate) fn walk(
        &self,
        of: Of,
        bounds: &Bounds,
        what: What,
        owner: &Any<'_>,
    ) -> PyResult<Option<Walk>> {
        let py = owner.py();
        let (Some(collection), Some(environment)) = (self.handle(), self.environment.get().handle()) else {
            return Ok(None);
        };
        let places = Places { environment, collection, of };
        let values = self.values.as_ref().filter(|_| what != What::Keys).map(|values| values.clone_ref(py));
        let codecs = (self.keys.clone_ref(py), values);
        Walk::begin(py, &places, bounds, what, codecs, self.failure.clone_ref(py), owner.clone().unbind())
            .map(Some)
    }

    /// Counts all items. Returns `None` if the case is not plain.
    pub(crate) fn len(&self, of: Of) -> Option<usize> {
        match self.library.len(of, self.handle()?) {
            (OK, count) => count.try_into().ok(),
            _ => None,
        }
    }

    /// Counts the items of a part. Returns `None` if the case is not plain.
    pub(crate) fn count(&self, py: Python<'_>, of: Of, bounds: &Bounds) -> Option<usize> {
        bounds.count(py, self.library, of, self.handle()?)
    }
}
