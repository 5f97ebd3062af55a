//! Sets, by encoded elements.

use std::ffi::{c_char, c_void};

use super::argument::{Out, bytes, text};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::collection::{open_flags, optional_type, store_types};
use super::handle::{self, pc_env, pc_set};
use super::range::{pc_range, range_from};
use super::status::{PC_EXISTS, PC_NOT_FOUND, PC_OK, pc_status};
use crate::engine::schema::Kind;
use crate::error::Result;
use crate::store::collection::{Asked, Collection};

/// Opens a set; by default, creates it if it does not exist.
///
/// - `name`: NUL-terminated UTF-8, at most 255 bytes, not beginning with `pc:`.
/// - `type`: the elements' type string, one that keys can have; `NULL` means the stored type, or `any` if the set is
///   new. A type that differs from the stored one is refused, except that a stored `any` may be opened as any type.
/// - `flags`: 0, or any of `PC_OPEN_EXISTING`, `PC_OPEN_ANY_INT`.
/// - `out`: receives the handle, which `pc_set_close` closes. Not `NULL`.
///
/// The texts are only read during the call. May be called from any thread. If a transaction that created the set is
/// aborted, the next write to the set creates it again.
///
/// Statuses: those of reads and, if it is created, of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_NAME`;
/// `PC_ERR_BAD_TYPE`; `PC_ERR_NO_COLLECTION`; `PC_ERR_WRONG_KIND`: the name is a dict's; `PC_ERR_TYPE_MISMATCH`: the
/// message names both types; `PC_ERR_REQUIRES`; `PC_ERR_COLLECTIONS_FULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_open(
    env: pc_env,
    name: *const c_char,
    r#type: *const c_char,
    flags: u32,
    out: *mut pc_set,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let flags = open_flags("pc_set_open", flags)?;
        // SAFETY: the header's contract for texts.
        let (name, element) = unsafe { (text("name", name)?, optional_type("type", r#type)?) };
        let environment = handle::env(env)?;
        handle::forget_closed();
        let set = Collection::open(
            environment.shared(),
            Asked { name, kind: Kind::Set, key: element.as_ref(), value: None, flags },
        )?;
        let set = handle::insert_set(env, set)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(set) };
        Ok(PC_OK)
    })
}

/// Closes a set's handle and those of its iterators. Written data stays.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_close(set: pc_set) -> pc_status {
    boundary!({
        handle::close_set(set)?;
        Ok(PC_OK)
    })
}

/// Returns the type of an open set's elements: the stored one; for a raw collection, the one passed when it was opened.
///
/// - `types`: receives the type, NUL-terminated. Not `NULL`.
/// - `raw`: receives true if the set has no schema because another LMDB program wrote it; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_schema(set: pc_set, types: *mut pc_buffer, raw: *mut bool) -> pc_status {
    boundary!({
        let set = handle::set(set)?;
        // SAFETY: the header's contract for buffers and outputs.
        unsafe { store_types(&set, false, pc_buffer::required("types", types)?, Out::optional(raw))? };
        Ok(PC_OK)
    })
}

/// Adds an element.
///
/// - `element`: encoded; a fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during
///   the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: it existed already; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_add(set: pc_set, element: *const c_void, len: usize) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let element = unsafe { bytes("element", element, len)? };
        Ok(if handle::set(set)?.put_new(element, &[])? { PC_OK } else { PC_EXISTS })
    })
}

/// Removes an element.
///
/// - `element`: encoded; a fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during
///   the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_remove(set: pc_set, element: *const c_void, len: usize) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let element = unsafe { bytes("element", element, len)? };
        Ok(if handle::set(set)?.remove(element)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Checks whether an element exists.
///
/// - `element`: encoded; a fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during
///   the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_contains(set: pc_set, element: *const c_void, len: usize) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let element = unsafe { bytes("element", element, len)? };
        Ok(if handle::set(set)?.contains(element)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Counts the elements. Takes constant time.
///
/// - `len`: receives the number. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_len(set: pc_set, len: *mut u64) -> pc_status {
    boundary!({
        let len = Out::required("len", len)?;
        let count = handle::set(set)?.len()?;
        // SAFETY: the header's contract for outputs.
        unsafe { len.write(count) };
        Ok(PC_OK)
    })
}

/// Removes every element; the set and its type stay.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_clear(set: pc_set) -> pc_status {
    boundary!({
        handle::set(set)?.clear()?;
        Ok(PC_OK)
    })
}

/// Copies the lowest element.
///
/// - `element`: receives it, encoded; a fixed-width element is not the number in memory; `pc_decode_key` converts it.
///   Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the set is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_first(set: pc_set, element: *mut pc_buffer) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        unsafe { edge(set, false, element) }
    })
}

/// Copies the highest element.
///
/// - `element`: receives it, encoded; a fixed-width element is not the number in memory; `pc_decode_key` converts it.
///   Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the set is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_last(set: pc_set, element: *mut pc_buffer) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        unsafe { edge(set, true, element) }
    })
}

/// Removes the elements of a range, all of them, or none on a failure.
///
/// - `range`: the elements to remove; its direction does not matter; `NULL` means all. Its bounds are encoded: a
///   fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during the call.
/// - `removed`: receives their number; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_remove_range(
    set: pc_set,
    range: *const pc_range,
    removed: *mut u64,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for ranges.
        let range = unsafe { range_from(range)? };
        let count = handle::set(set)?.remove_range(&range)?;
        // SAFETY: the header's contract for outputs.
        unsafe { Out::optional(removed).write(count) };
        Ok(PC_OK)
    })
}

/// # Safety
/// The buffer is NULL or used by this call alone.
unsafe fn edge(set: pc_set, last: bool, element: *mut pc_buffer) -> Result<pc_status> {
    // SAFETY: this function has the same contract.
    let out = unsafe { pc_buffer::required("element", element)? };
    match handle::set(set)?.edge(last, |element, _| out.store(element))? {
        Some(stored) => stored.map(|()| PC_OK),
        None => Ok(PC_NOT_FOUND),
    }
}
