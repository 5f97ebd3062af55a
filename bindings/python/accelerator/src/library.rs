//! The library's functions, at the addresses that the package passes.

use std::collections::HashMap;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::errors::error;
use crate::found::{Buffer, Found};
use crate::writes::interrupt_by;

pub(crate) const OK: i32 = 0;
pub(crate) const NOT_FOUND: i32 = 1;
pub(crate) const EXISTS: i32 = 2;
pub(crate) const END: i32 = 3;
pub(crate) const TOO_SMALL: i32 = 4;
pub(crate) const BAD_HANDLE: i32 = -2;
pub(crate) const FORKED: i32 = -6;
/// The first and the last of the statuses of a refused key or value.
pub(crate) const BAD_KEY: i32 = -40;
pub(crate) const VALUE_SIZE: i32 = -43;
pub(crate) const WRONG_THREAD: i32 = -53;
pub(crate) const NOT_INNERMOST: i32 = -54;

/// The kind of a snapshot.
pub(crate) const READ: i32 = 1;

/// Kinds of collections.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Dict,
    Set,
}

/// A dict's, set's or iterator's handle, which C passes as a struct.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Handle {
    pub(crate) id: u64,
}

/// Columns, as `pc_iter_next_batch` gives them.
#[repr(C)]
pub(crate) struct Batch {
    pub(crate) count: usize,
    pub(crate) keys: *const u8,
    pub(crate) key_offsets: *const u64,
    pub(crate) values: *const u8,
    pub(crate) value_offsets: *const u64,
}

/// A part of a collection, as `pc_iter_open_dict` takes it.
#[repr(C)]
pub(crate) struct Range<'a> {
    lower: *const u8,
    lower_len: usize,
    upper: *const u8,
    upper_len: usize,
    prefix: *const u8,
    prefix_len: usize,
    flags: u32,
    reserved: u32,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Range<'a> {
    pub(crate) fn new(
        flags: u32,
        lower: Option<&'a [u8]>,
        upper: Option<&'a [u8]>,
        prefix: Option<&'a [u8]>,
    ) -> Range<'a> {
        let parts = |bytes: Option<&[u8]>| bytes.map_or((ptr::null(), 0), |it| (it.as_ptr(), it.len()));
        let ((lower, lower_len), (upper, upper_len), (prefix, prefix_len)) =
            (parts(lower), parts(upper), parts(prefix));
        Range {
            lower,
            lower_len,
            upper,
            upper_len,
            prefix,
            prefix_len,
            flags,
            reserved: 0,
            bytes: PhantomData,
        }
    }
}

// SAFETY: the memory behind it is borrowed, like a shared slice, and only read.
unsafe impl Send for Range<'_> {}
// SAFETY: as above.
unsafe impl Sync for Range<'_> {}

type Get = unsafe extern "C" fn(Handle, *const c_void, usize, *mut c_void, usize, *mut usize) -> i32;
type Contains = unsafe extern "C" fn(Handle, *const c_void, usize) -> i32;
type Add = unsafe extern "C" fn(Handle, *const c_void, usize) -> i32;
type Put = unsafe extern "C" fn(Handle, *const c_void, usize, *const c_void, usize) -> i32;
type GetMany = unsafe extern "C" fn(
    Handle,
    usize,
    *const c_void,
    *const u64,
    *mut u8,
    *mut c_void,
    usize,
    *mut Buffer,
    *mut u64,
    *mut usize,
) -> i32;
type BufferFree = unsafe extern "C" fn(*mut Buffer);
type Current = unsafe extern "C" fn(Handle, *mut Handle) -> i32;
type Begin = unsafe extern "C" fn(Handle, i32, i64, *mut Handle) -> i32;
type IterOpen = unsafe extern "C" fn(Handle, *const Range<'_>, *mut Handle) -> i32;
type NextBatch = unsafe extern "C" fn(Handle, usize, usize, *mut Batch) -> i32;
type Seek = unsafe extern "C" fn(Handle, *const c_void, usize) -> i32;
type SetReadsWait = extern "C" fn(bool) -> bool;
type Len = unsafe extern "C" fn(Handle, *mut u64) -> i32;
type Close = unsafe extern "C" fn(Handle) -> i32;

macro_rules! functions {
    ($($field:ident: $kind:ty = $name:literal;)*) => {
        /// The functions used here.
        pub(crate) struct Library {
            $($field: $kind,)*
        }

        impl Library {
            fn at(addresses: &HashMap<String, usize>) -> PyResult<Library> {
                $(
                    let $field = match addresses.get($name) {
                        Some(&address) if address != 0 => address as *const (),
                        _ => return Err(error("LibraryError", concat!("the library has no ", $name))),
                    };
                    // SAFETY: the package took the address of this very function from a library of the ABI version
                    // that it was written for, and never unloads it; the type is the header's.
                    let $field = unsafe { std::mem::transmute::<*const (), $kind>($field) };
                )*
                Ok(Library { $($field,)* })
            }
        }
    };
}

functions! {
    dict_get: Get = "pc_dict_get";
    dict_contains: Contains = "pc_dict_contains";
    dict_put: Put = "pc_dict_put";
    dict_get_many: GetMany = "pc_dict_get_many";
    buffer_free: BufferFree = "pc_buffer_free";
    set_contains: Contains = "pc_set_contains";
    set_add: Add = "pc_set_add";
    dict_len: Len = "pc_dict_len";
    set_len: Len = "pc_set_len";
    set_reads_wait: SetReadsWait = "pc_set_reads_wait";
    txn_current: Current = "pc_txn_current";
    txn_begin: Begin = "pc_txn_begin";
    txn_commit: Close = "pc_txn_commit";
    txn_abort: Close = "pc_txn_abort";
    iter_open_dict: IterOpen = "pc_iter_open_dict";
    iter_open_set: IterOpen = "pc_iter_open_set";
    iter_next_batch: NextBatch = "pc_iter_next_batch";
    iter_seek: Seek = "pc_iter_seek";
    iter_close: Close = "pc_iter_close";
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

/// Takes the addresses of the library's functions, by their names, and the function that lets asynchronous exceptions end
/// the calling thread's waits. A second call changes nothing.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // so it comes from Python
pub(crate) fn connect(addresses: HashMap<String, usize>, make_interruptible: Py<PyAny>) -> PyResult<()> {
    let library = Library::at(&addresses)?;
    interrupt_by(make_interruptible);
    // Threads may come here at the same time, all with the same library.
    let _ = LIBRARY.set(library);
    Ok(())
}

/// Returns the library; fails before [`connect`].
pub(crate) fn library() -> PyResult<&'static Library> {
    LIBRARY.get().ok_or_else(|| error("PanicError", "the library is not connected"))
}

impl Library {
    /// Makes reads that would wait for the write lock fail until the result is dropped: the lock's holder may wait for the
    /// interpreter's lock, which a short read does not release. The package then reads again without that lock.
    #[inline]
    fn impatient(&self) -> impl Drop {
        struct Patient(SetReadsWait);
        impl Drop for Patient {
            fn drop(&mut self) {
                (self.0)(true);
            }
        }
        (self.set_reads_wait)(false);
        Patient(self.set_reads_wait)
    }

    /// Calls `pc_dict_get` into `space`, without waiting; returns the status and the value's length.
    #[inline]
    pub(crate) fn dict_get(&self, dict: Handle, key: &[u8], space: &mut [MaybeUninit<u8>]) -> (i32, usize) {
        let mut length = 0;
        let (at, size) = (space.as_mut_ptr().cast(), space.len());
        let _patience = self.impatient();
        // SAFETY: the key is only read, and at most `size` bytes are written to the space.
        let status =
            unsafe { (self.dict_get)(dict, key.as_ptr().cast(), key.len(), at, size, &raw mut length) };
        (status, length)
    }

    /// Calls `pc_dict_contains` or `pc_set_contains`, without waiting.
    #[inline]
    pub(crate) fn contains(&self, of: Of, collection: Handle, key: &[u8]) -> i32 {
        let function = match of {
            Of::Dict => self.dict_contains,
            Of::Set => self.set_contains,
        };
        let _patience = self.impatient();
        // SAFETY: the key is only read.
        unsafe { function(collection, key.as_ptr().cast(), key.len()) }
    }

    /// Calls `pc_dict_len` or `pc_set_len`, without waiting; returns the status and the number of items.
    pub(crate) fn len(&self, of: Of, collection: Handle) -> (i32, u64) {
        let function = match of {
            Of::Dict => self.dict_len,
            Of::Set => self.set_len,
        };
        let mut count = 0;
        let _patience = self.impatient();
        // SAFETY: the number is written to.
        let status = unsafe { function(collection, &raw mut count) };
        (status, count)
    }

    /// `pc_dict_get_many`: the status, and what was found; `None`: there is no memory for it.
    pub(crate) fn dict_get_many(
        &'static self,
        dict: Handle,
        count: usize,
        keys: &[u8],
        offsets: Option<&[u64]>,
        width: Option<usize>,
    ) -> (i32, Option<Found>) {
        let Some(mut found) = Found::for_many(count, width, self.buffer_free) else {
            return (OK, None);
        };
        let offsets = offsets.map_or(ptr::null(), <[u64]>::as_ptr);
        let (present, space, room, buffer, places) = found.space();
        // SAFETY: the keys and their offsets are only read. There is room for a byte of each key, and for a value of the
        // type's width of each, or else for an offset more than keys; the buffer was zeros or the library's.
        let status = unsafe {
            (self.dict_get_many)(
                dict,
                count,
                keys.as_ptr().cast(),
                offsets,
                present,
                space,
                room,
                buffer,
                places,
                ptr::null_mut(),
            )
        };
        (status, Some(found))
    }

    /// `pc_dict_put`.
    pub(crate) fn dict_put(&self, dict: Handle, key: &[u8], value: &[u8]) -> i32 {
        // SAFETY: key and value are only read.
        unsafe { (self.dict_put)(dict, key.as_ptr().cast(), key.len(), value.as_ptr().cast(), value.len()) }
    }

    /// Calls `pc_set_add`.
    pub(crate) fn set_add(&self, set: Handle, element: &[u8]) -> i32 {
        // SAFETY: the element is only read.
        unsafe { (self.set_add)(set, element.as_ptr().cast(), element.len()) }
    }

    /// Calls `pc_txn_current`; returns the status, and the handle or zero.
    pub(crate) fn txn_current(&self, environment: Handle) -> (i32, u64) {
        let mut current = Handle { id: 0 };
        // SAFETY: the handle is written to.
        let status = unsafe { (self.txn_current)(environment, &raw mut current) };
        (status, current.id)
    }

    /// Calls `pc_txn_begin`; returns the status and the transaction.
    pub(crate) fn txn_begin(&self, environment: Handle, kind: i32, timeout: i64) -> (i32, u64) {
        let mut begun = Handle { id: 0 };
        // SAFETY: the handle is written to.
        let status = unsafe { (self.txn_begin)(environment, kind, timeout, &raw mut begun) };
        (status, begun.id)
    }

    /// Calls `pc_txn_commit`.
    pub(crate) fn txn_commit(&self, transaction: u64) -> i32 {
        // SAFETY: no memory is passed.
        unsafe { (self.txn_commit)(Handle { id: transaction }) }
    }

    /// Calls `pc_txn_abort`.
    pub(crate) fn txn_abort(&self, transaction: u64) -> i32 {
        // SAFETY: no memory is passed.
        unsafe { (self.txn_abort)(Handle { id: transaction }) }
    }

    /// Calls `pc_iter_open_dict` or `pc_iter_open_set`; returns the status and the iterator.
    pub(crate) fn iter_open(&self, of: Of, collection: Handle, range: &Range<'_>) -> (i32, Handle) {
        let function = match of {
            Of::Dict => self.iter_open_dict,
            Of::Set => self.iter_open_set,
        };
        let mut iterator = Handle { id: 0 };
        // SAFETY: the range is only read, its bytes are alive, and the handle is written to.
        let status = unsafe { function(collection, range, &raw mut iterator) };
        (status, iterator)
    }

    /// Does the same without waiting; returns the failure's status instead of an iterator.
    pub(crate) fn iter_open_now(&self, of: Of, collection: Handle, range: &Range<'_>) -> Result<Handle, i32> {
        let _patience = self.impatient();
        match self.iter_open(of, collection, range) {
            (OK, iterator) => Ok(iterator),
            (status, _) => Err(status),
        }
    }

    /// Calls `pc_iter_next_batch`, and on success `f` with the batch; returns the status and the number of items.
    pub(crate) fn iter_next_batch(
        &self,
        iterator: Handle,
        items: usize,
        bytes: usize,
        f: impl FnOnce(&Batch),
    ) -> (i32, usize) {
        let mut batch = Batch {
            count: 0,
            keys: ptr::null(),
            key_offsets: ptr::null(),
            values: ptr::null(),
            value_offsets: ptr::null(),
        };
        // SAFETY: the batch is written to.
        let status = unsafe { (self.iter_next_batch)(iterator, items, bytes, &raw mut batch) };
        if status == OK {
            f(&batch);
        }
        (status, batch.count)
    }

    /// Does the same without waiting.
    pub(crate) fn iter_next_batch_now(
        &self,
        iterator: Handle,
        items: usize,
        bytes: usize,
        f: impl FnOnce(&Batch),
    ) -> (i32, usize) {
        let _patience = self.impatient();
        self.iter_next_batch(iterator, items, bytes, f)
    }

    /// Calls `pc_iter_seek`.
    pub(crate) fn iter_seek(&self, iterator: Handle, key: &[u8]) -> i32 {
        // SAFETY: the key is only read.
        unsafe { (self.iter_seek)(iterator, key.as_ptr().cast(), key.len()) }
    }

    /// Calls `pc_iter_close`.
    pub(crate) fn iter_close(&self, iterator: Handle) -> i32 {
        // SAFETY: no memory is passed.
        unsafe { (self.iter_close)(iterator) }
    }
}
