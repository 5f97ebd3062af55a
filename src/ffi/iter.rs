//! Iterators.

use std::ffi::c_void;

use super::argument::{Out, bytes};
use super::boundary::boundary;
use super::buffer::OwnBuffer;
use super::handle::object::{IterPlace, IterState};
use super::handle::{self, CollectionRef, IterRef, pc_dict, pc_iter, pc_set};
use super::range::{pc_range, range_from};
use super::status::{PC_END, PC_OK, pc_status};
use super::value::pc_value;
use super::value_convert::{Role, decode_key_of, give};
use crate::codec::{Value, decode_value};
use crate::error::{Error, Result, Status};
use crate::store::collection::Collection;
use crate::store::iter::Iter;

/// Entries as columns: all keys one after the other, all values likewise, and where each begins and ends. The key of
/// entry `i` begins at `keys[key_offsets[i]]` and ends before `keys[key_offsets[i + 1]]`. The memory belongs to the
/// iterator and is valid until the next call on it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_batch {
    /// The number of entries.
    pub count: usize,
    /// The encoded keys.
    pub keys: *const u8,
    /// `count + 1` offsets into `keys`.
    pub key_offsets: *const u64,
    /// The encoded values; a set has none.
    pub values: *const u8,
    /// `count + 1` offsets into `values`; for a set, all are zero.
    pub value_offsets: *const u64,
}

/// Opens an iterator over a dict's entries, before the first of them.
///
/// - `range`: the keys and the direction; `NULL` means all, ascending. Only read during the call.
/// - `out`: receives the handle, which `pc_iter_close` closes. Not `NULL`.
///
/// May be called from any thread. Closing the dict's handle closes the iterator.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_open_dict(
    dict: pc_dict,
    range: *const pc_range,
    out: *mut pc_iter,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for ranges and outputs.
        unsafe { open(&handle::dict(dict)?, dict.id, range, true, out) }
    })
}

/// Opens an iterator over a set's elements, before the first of them. They are its keys; its values are empty.
///
/// - `range`: the elements and the direction; `NULL` means all, ascending. Only read during the call.
/// - `out`: receives the handle, which `pc_iter_close` closes. Not `NULL`.
///
/// May be called from any thread. Closing the set's handle closes the iterator.
///
/// Statuses: as for `pc_iter_open_dict`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_open_set(
    set: pc_set,
    range: *const pc_range,
    out: *mut pc_iter,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for ranges and outputs.
        unsafe { open(&handle::set(set)?, set.id, range, false, out) }
    })
}

/// Steps to the next entry in the iterator's direction and returns it, encoded: a fixed-width key is not the number in
/// memory; `pc_decode_key` converts it.
///
/// - `key`, `key_len`: receive the address of the key and its length. Not `NULL`.
/// - `value`, `value_len`: receive the address of the value and its length; either may be `NULL`.
///
/// The memory belongs to the iterator: it is valid until the next call on it, not aligned, and must not be written.
///
/// Statuses: `PC_OK`; `PC_END`: no entry is left; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`;
/// `PC_ERR_WRONG_THREAD`: it belongs to another thread's transaction; `PC_ERR_NO_COLLECTION`; `PC_ERR_TXN_FAILED`;
/// `PC_ERR_ENV_FAILED`; `PC_ERR_CONFLICT`: this process has committed, and the iterator has kept only the entries ahead
/// of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_next(
    iter: pc_iter,
    key: *mut *const c_void,
    key_len: *mut usize,
    value: *mut *const c_void,
    value_len: *mut usize,
) -> pc_status {
    boundary!({
        let key = (Out::required("key", key)?, Out::required("key_len", key_len)?);
        // SAFETY: the header's contract for outputs.
        unsafe { step(iter, Iter::next, key, (Out::optional(value), Out::optional(value_len))) }
    })
}

/// Steps to the previous entry, against the iterator's direction, and returns it as `pc_iter_next` does. After
/// `pc_iter_next` returned an entry, this returns the one before it.
///
/// - `key`, `key_len`: receive the address of the key and its length. Not `NULL`.
/// - `value`, `value_len`: receive the address of the value and its length; either may be `NULL`.
///
/// The memory belongs to the iterator: it is valid until the next call on it, not aligned, and must not be written.
///
/// Statuses: as for `pc_iter_next`; `PC_END`: no entry is before it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_prev(
    iter: pc_iter,
    key: *mut *const c_void,
    key_len: *mut usize,
    value: *mut *const c_void,
    value_len: *mut usize,
) -> pc_status {
    boundary!({
        let key = (Out::required("key", key)?, Out::required("key_len", key_len)?);
        // SAFETY: the header's contract for outputs.
        unsafe { step(iter, Iter::prev, key, (Out::optional(value), Out::optional(value_len))) }
    })
}

/// Returns the next entries as columns: the fastest way to read many of them. Keys and values are encoded: a
/// fixed-width key is not the number in memory.
///
/// - `max_items`: the maximal number of entries; 0 leaves it to the library.
/// - `max_bytes`: the approximate size of keys and values; 0 leaves it to the library. At least one entry is returned,
///   whatever its size.
/// - `out`: receives the columns; the memory belongs to the iterator and is valid until the next call on it. Not
///   `NULL`.
///
/// Statuses: as for `pc_iter_next`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_next_batch(
    iter: pc_iter,
    max_items: usize,
    max_bytes: usize,
    out: *mut pc_batch,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        with_state(&handle::iter(iter)?, iter, |state| {
            let columns = state.scan.next_batch(max_items, max_bytes)?;
            let count = columns.len();
            if count == 0 {
                return Ok(PC_END);
            }
            let batch = pc_batch {
                count,
                keys: columns.keys.as_ptr(),
                key_offsets: columns.key_offsets.as_ptr(),
                values: columns.values.as_ptr(),
                value_offsets: columns.value_offsets.as_ptr(),
            };
            // SAFETY: the header's contract for outputs.
            unsafe { out.write(batch) };
            Ok(PC_OK)
        })
    })
}

/// Goes to a key: the next `pc_iter_next` returns the first entry at or beyond it in the iterator's direction, within
/// the iterator's range.
///
/// - `key`, `key_len`: an encoded key, or the beginning of one; for a fixed-width type, this is not the number in
///   memory. Only read during the call.
///
/// Statuses: `PC_OK`, whether or not such an entry exists; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_seek(iter: pc_iter, key: *const c_void, key_len: usize) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let key = unsafe { bytes("key", key, key_len)? };
        with_state(&handle::iter(iter)?, iter, |state| {
            state.scan.seek(key)?;
            Ok(PC_OK)
        })
    })
}

/// Closes an iterator. Its memory becomes invalid; its snapshot, if it owned one, ends.
///
/// May be called from any thread, also after its transaction ended, which closed it.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_iter_close(iter: pc_iter) -> pc_status {
    boundary!({
        handle::close_iter(iter)?;
        Ok(PC_OK)
    })
}

/// Steps to the next entry, as `pc_iter_next` does, and returns it decoded.
///
/// - `key`: receives the key, or the element. Not `NULL`.
/// - `value`: receives the value, or `PC_VALUE_NULL` for a set; may be `NULL`.
///
/// Strings and items in them belong to the iterator, and are valid until the next call on it.
///
/// Statuses: as for `pc_iter_next`; `PC_ERR_BAD_KEY`, `PC_ERR_BAD_VALUE`: the stored item is not of its type (the
/// iterator has stepped over it); `PC_ERR_NO_MEMORY` (it has not).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_iter_next_value(
    iter: pc_iter,
    key: *mut pc_value,
    value: *mut pc_value,
) -> pc_status {
    boundary!({
        let key_out = Out::required("key", key)?;
        let value_out = Out::optional(value);
        with_state(&handle::iter(iter)?, iter, |state| {
            let collection = &state.collection;
            let given = state.scan.give(false, |key, value| {
                let key = give(Role::Key, &decode_key_of(collection, key)?, &mut state.key.0)?;
                if !value_out.is_wanted() {
                    return Ok((key, None));
                }
                let value = if state.with_values {
                    decode_value(collection.value_type(), value)?
                } else {
                    Value::Null
                };
                Ok((key, Some(give(Role::Value, &value, &mut state.value.0)?)))
            });
            let Some(given) = given else { return Ok(PC_END) };
            let (key, value) = given?;
            // SAFETY: the header's contract for outputs.
            unsafe {
                if let Some(value) = value {
                    value_out.write(value);
                }
                key_out.write(key);
            }
            Ok(PC_OK)
        })
    })
}

/// # Safety
/// `range` is as `range_from` needs it, `out` as `Out::write` does.
unsafe fn open(
    collection: &CollectionRef,
    handle: u64,
    range: *const pc_range,
    with_values: bool,
    out: *mut pc_iter,
) -> Result<pc_status> {
    let out = Out::required("out", out)?;
    // SAFETY: this function has the same contract.
    let range = unsafe { range_from(range)? };
    let scan = Iter::open(collection, range)?;
    let txn = scan.level();
    let state = IterState {
        scan,
        collection: Collection::clone(collection),
        with_values,
        key: OwnBuffer::new(),
        value: OwnBuffer::new(),
    };
    let iter = handle::insert_iter(handle, txn, state)?;
    // SAFETY: as above.
    unsafe { out.write(iter) };
    Ok(PC_OK)
}

/// The outputs for a pointer and its length.
type Bytes = (Out<*const c_void>, Out<usize>);

/// # Safety
/// The outputs keep the contract of [`Out::write`].
unsafe fn step(
    iter: pc_iter,
    go: impl FnOnce(&mut Iter) -> Result<Option<(&[u8], &[u8])>>,
    key_out: Bytes,
    value_out: Bytes,
) -> Result<pc_status> {
    with_state(&handle::iter(iter)?, iter, |state| {
        let Some((key, value)) = go(&mut state.scan)? else { return Ok(PC_END) };
        // SAFETY: this function has the same contract.
        unsafe {
            key_out.0.write(key.as_ptr().cast());
            key_out.1.write(key.len());
            value_out.0.write(value.as_ptr().cast());
            value_out.1.write(value.len());
        }
        Ok(PC_OK)
    })
}

/// Runs `call` with exclusive use of the iterator.
fn with_state(
    slot: &IterRef,
    iter: pc_iter,
    call: impl FnOnce(&mut IterState) -> Result<pc_status>,
) -> Result<pc_status> {
    match &mut *slot.lock() {
        IterPlace::Open(state) => call(state),
        // Another thread has retired it since the look-up.
        IterPlace::Retired(_) | IterPlace::Closed => {
            Err(Error::new(Status::BadHandle, format!("the iterator is closed (handle {:#x})", iter.id)))
        }
    }
}
