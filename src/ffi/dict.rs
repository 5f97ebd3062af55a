//! Dicts, by encoded keys and values.

use std::ffi::{c_char, c_void};

use super::argument::{Out, bytes, check_flags, invalid, items_mut, text};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::collection::{open_flags, optional_type, store_types};
use super::handle::{self, pc_dict, pc_env};
use super::range::{pc_range, range_from};
use super::status::{PC_EXISTS, PC_NOT_FOUND, PC_OK, PC_TOO_SMALL, pc_status};
use crate::engine::schema::Kind;
use crate::error::Result;
use crate::store::collection::{Asked, Collection, Exchange, Taken};

/// `pc_dict_compare_exchange`: no value is expected; `expected` and its length are ignored.
pub const PC_EXPECT_ABSENT: u32 = 0x1;
/// `pc_dict_compare_exchange`: on a match, the key is removed; `desired` and its length are ignored.
pub const PC_DESIRE_ABSENT: u32 = 0x2;

/// Opens a dict; by default, creates it if it does not exist.
///
/// - `name`: NUL-terminated UTF-8, at most 255 bytes, not beginning with `pc:`.
/// - `key_type`, `value_type`: type strings such as `str`, `i64`, `f32[768]`, `any`; `NULL` means the stored type, or
///   `any` if the dict is new. Types that differ from the stored ones are refused, except that a stored `any` may be
///   opened as any type.
/// - `flags`: 0, or any of `PC_OPEN_EXISTING`, `PC_OPEN_ANY_INT`.
/// - `out`: receives the handle, which `pc_dict_close` closes. Not `NULL`.
///
/// The texts are only read during the call. May be called from any thread. If a transaction that created the dict is
/// aborted, the next write to the dict creates it again.
///
/// Statuses: those of reads and, if it is created, of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_NAME`;
/// `PC_ERR_BAD_TYPE`; `PC_ERR_NO_COLLECTION`; `PC_ERR_WRONG_KIND`: the name is a set's; `PC_ERR_TYPE_MISMATCH`: the
/// message names both types; `PC_ERR_REQUIRES`; `PC_ERR_COLLECTIONS_FULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_open(
    env: pc_env,
    name: *const c_char,
    key_type: *const c_char,
    value_type: *const c_char,
    flags: u32,
    out: *mut pc_dict,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let flags = open_flags("pc_dict_open", flags)?;
        // SAFETY: the header's contract for texts.
        let (name, key, value) = unsafe {
            (
                text("name", name)?,
                optional_type("key_type", key_type)?,
                optional_type("value_type", value_type)?,
            )
        };
        let environment = handle::env(env)?;
        handle::forget_closed();
        let dict = Collection::open(
            environment.shared(),
            Asked { name, kind: Kind::Dict, key: key.as_ref(), value: value.as_ref(), flags },
        )?;
        let dict = handle::insert_dict(env, dict)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(dict) };
        Ok(PC_OK)
    })
}

/// Closes a dict's handle and those of its iterators. Written data stays.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_dict_close(dict: pc_dict) -> pc_status {
    boundary!({
        handle::close_dict(dict)?;
        Ok(PC_OK)
    })
}

/// Returns the types of an open dict: the stored ones; for a raw collection, those passed when it was opened.
///
/// - `types`: receives key type and value type, each NUL-terminated, one after the other: the value type is at
///   `data + strlen(data) + 1`. Not `NULL`.
/// - `raw`: receives true if the dict has no schema because another LMDB program wrote it; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_schema(dict: pc_dict, types: *mut pc_buffer, raw: *mut bool) -> pc_status {
    boundary!({
        let dict = handle::dict(dict)?;
        // SAFETY: the header's contract for buffers and outputs.
        unsafe { store_types(&dict, true, pc_buffer::required("types", types)?, Out::optional(raw))? };
        Ok(PC_OK)
    })
}

/// Stores a value under a key, replacing an existing value.
///
/// - `key`, `value`: encoded, with their lengths; a fixed-width key is not the number in memory; `pc_encode_key` makes
///   it. Only read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_put(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let (key, value) = unsafe { (bytes("key", key, key_len)?, bytes("value", value, value_len)?) };
        handle::dict(dict)?.put(key, value)?;
        Ok(PC_OK)
    })
}

/// Stores a value under a key if the key does not exist.
///
/// - `key`, `value`: encoded, with their lengths; a fixed-width key is not the number in memory; `pc_encode_key` makes
///   it. Only read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: the key exists, and nothing was changed; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`; `PC_ERR_VALUE_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_put_new(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let (key, value) = unsafe { (bytes("key", key, key_len)?, bytes("value", value, value_len)?) };
        Ok(if handle::dict(dict)?.put_new(key, value)? { PC_OK } else { PC_EXISTS })
    })
}

/// Copies a key's value into the caller's memory. Allocates nothing.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `buf`, `cap`: the memory for the encoded value, and its size. `NULL` with 0 asks only for the length.
/// - `len`: receives the value's length, also if it is more than `cap`; then nothing is copied. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_TOO_SMALL`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_get(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    buf: *mut c_void,
    cap: usize,
    len: *mut usize,
) -> pc_status {
    boundary!({
        let len = Out::required("len", len)?;
        // SAFETY: the header's contract for inputs and outputs.
        let (key, buf) = unsafe { (bytes("key", key, key_len)?, items_mut("buf", buf.cast::<u8>(), cap)?) };
        let found = handle::dict(dict)?.get(key, |value| {
            if let Some(place) = buf.get_mut(..value.len()) {
                place.copy_from_slice(value);
            }
            value.len()
        })?;
        let Some(size) = found else { return Ok(PC_NOT_FOUND) };
        // SAFETY: as above.
        unsafe { len.write(size) };
        Ok(if size <= cap { PC_OK } else { PC_TOO_SMALL })
    })
}

/// Copies a key's value into a buffer, which grows as needed.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `value`: receives the encoded value, replacing its content. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_get_buffer(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    value: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs and buffers.
        let (key, out) = unsafe { (bytes("key", key, key_len)?, pc_buffer::required("value", value)?) };
        match handle::dict(dict)?.get(key, |value| out.store(value))? {
            Some(stored) => stored.map(|()| PC_OK),
            None => Ok(PC_NOT_FOUND),
        }
    })
}

/// Returns the address of a key's value, without copying it. Only inside a transaction.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `value`, `len`: receive the address of the encoded value, and its length. Not `NULL`. The memory belongs to the
///   environment, is not aligned and must not be written. It is valid until the transaction ends; in a write
///   transaction, only until the thread's next write. A snapshot that lent such a pointer delays the growth of the map,
///   and does not end with its thread: `pc_txn_abort` ends it from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_NO_TRANSACTION`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_get_ref(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    value: *mut *const c_void,
    len: *mut usize,
) -> pc_status {
    boundary!({
        let (value, len) = (Out::required("value", value)?, Out::required("len", len)?);
        // SAFETY: the header's contract for inputs.
        let key = unsafe { bytes("key", key, key_len)? };
        let Some((at, size)) = handle::dict(dict)?.get_ref(key)? else { return Ok(PC_NOT_FOUND) };
        // SAFETY: the header's contract for outputs.
        unsafe {
            value.write(at.cast());
            len.write(size);
        }
        Ok(PC_OK)
    })
}

/// Checks whether a key exists.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_contains(dict: pc_dict, key: *const c_void, key_len: usize) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let key = unsafe { bytes("key", key, key_len)? };
        Ok(if handle::dict(dict)?.contains(key)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Removes a key and its value.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_remove(dict: pc_dict, key: *const c_void, key_len: usize) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let key = unsafe { bytes("key", key, key_len)? };
        Ok(if handle::dict(dict)?.remove(key)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Removes a key and copies its value into the caller's memory, as one step: if several threads or processes take the
/// same key, exactly one gets it.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `buf`, `cap`: the memory for the encoded value, and its size.
/// - `len`: receives the value's length, also if it is more than `cap`; then nothing is copied and nothing is removed.
///   Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`; `PC_TOO_SMALL`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_take(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    buf: *mut c_void,
    cap: usize,
    len: *mut usize,
) -> pc_status {
    boundary!({
        let len = Out::required("len", len)?;
        // SAFETY: the header's contract for inputs and outputs.
        let (key, buf) = unsafe { (bytes("key", key, key_len)?, items_mut("buf", buf.cast::<u8>(), cap)?) };
        let (answer, size) = match handle::dict(dict)?.take(key, cap)? {
            Taken::Missing => return Ok(PC_NOT_FOUND),
            Taken::TooSmall(size) => (PC_TOO_SMALL, size),
            Taken::Value(value) => {
                buf[..value.len()].copy_from_slice(&value);
                (PC_OK, value.len())
            }
        };
        // SAFETY: as above.
        unsafe { len.write(size) };
        Ok(answer)
    })
}

/// Replaces a key's value if it is the expected one, as one step. It compares encoded bytes.
///
/// - `key`, `expected`, `desired`: encoded, with their lengths; a fixed-width key is not the number in memory;
///   `pc_encode_key` makes it. Only read during the call.
/// - `flags`: `PC_EXPECT_ABSENT`: the key should not exist; `PC_DESIRE_ABSENT`: it should be removed.
/// - `current`: receives the actual value if another one was expected; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_OK`: exchanged; `PC_EXISTS`: the key has another value; `PC_NOT_FOUND`: the key does
/// not exist, though a value was expected; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`;
/// `PC_ERR_KEY_SIZE`; `PC_ERR_VALUE_SIZE`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_compare_exchange(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    expected: *const c_void,
    expected_len: usize,
    desired: *const c_void,
    desired_len: usize,
    flags: u32,
    current: *mut pc_buffer,
) -> pc_status {
    boundary!({
        check_flags("pc_dict_compare_exchange", flags, PC_EXPECT_ABSENT | PC_DESIRE_ABSENT)?;
        let unless = |flag: u32, name: &str, pointer, len| {
            // SAFETY: the header's contract for inputs, of those that the flags do not make ignored.
            if flags & flag == 0 { unsafe { bytes(name, pointer, len) }.map(Some) } else { Ok(None) }
        };
        let expected = unless(PC_EXPECT_ABSENT, "expected", expected, expected_len)?;
        let desired = unless(PC_DESIRE_ABSENT, "desired", desired, desired_len)?;
        // SAFETY: the header's contract for inputs and buffers.
        let (key, current) =
            unsafe { (bytes("key", key, key_len)?, pc_buffer::optional("current", current)?) };
        match handle::dict(dict)?.compare_exchange(key, expected, desired)? {
            Exchange::Done => Ok(PC_OK),
            Exchange::Absent => Ok(PC_NOT_FOUND),
            Exchange::Differs(value) => {
                if let Some(current) = current {
                    current.store(&value)?;
                }
                Ok(PC_EXISTS)
            }
        }
    })
}

/// Adds to a key's integer, as one step; a missing key counts as 0. For every integer type, and for integers in `any`.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `delta`: the number to add; may be negative.
/// - `result`: receives the sum; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_OVERFLOW`: the sum is outside the range of the value type, or of `int64_t`, and
/// nothing was changed; `PC_ERR_TYPE_MISMATCH`: the value type is not an integer type, or this value of `any` is not an
/// integer; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_add_i64(
    dict: pc_dict,
    key: *const c_void,
    key_len: usize,
    delta: i64,
    result: *mut i64,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for inputs.
        let key = unsafe { bytes("key", key, key_len)? };
        let sum = handle::dict(dict)?.add_i64(key, delta)?;
        // SAFETY: the header's contract for outputs.
        unsafe { Out::optional(result).write(sum) };
        Ok(PC_OK)
    })
}

/// Counts the entries. Takes constant time.
///
/// - `len`: receives the number. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_len(dict: pc_dict, len: *mut u64) -> pc_status {
    boundary!({
        let len = Out::required("len", len)?;
        let count = handle::dict(dict)?.len()?;
        // SAFETY: the header's contract for outputs.
        unsafe { len.write(count) };
        Ok(PC_OK)
    })
}

/// Removes every entry; the dict and its types stay.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes.
#[unsafe(no_mangle)]
pub extern "C" fn pc_dict_clear(dict: pc_dict) -> pc_status {
    boundary!({
        handle::dict(dict)?.clear()?;
        Ok(PC_OK)
    })
}

/// Copies the entry with the lowest key.
///
/// - `key`: receives the encoded key; a fixed-width key is not the number in memory; `pc_decode_key` converts it. Not
///   `NULL`.
/// - `value`: receives the encoded value; may be `NULL`. Must not be the buffer of `key`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the dict is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_first(
    dict: pc_dict,
    key: *mut pc_buffer,
    value: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        unsafe { edge(dict, false, key, value) }
    })
}

/// Copies the entry with the highest key, as `pc_dict_first` does.
///
/// - `key`: receives the encoded key; a fixed-width key is not the number in memory; `pc_decode_key` converts it. Not
///   `NULL`.
/// - `value`: receives the encoded value; may be `NULL`. Must not be the buffer of `key`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the dict is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_last(
    dict: pc_dict,
    key: *mut pc_buffer,
    value: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        unsafe { edge(dict, true, key, value) }
    })
}

/// Removes the entries of a range of keys, all of them, or none on a failure.
///
/// - `range`: the keys to remove; its direction does not matter; `NULL` means all. Its bounds are encoded: a
///   fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the call.
/// - `removed`: receives their number; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_remove_range(
    dict: pc_dict,
    range: *const pc_range,
    removed: *mut u64,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for ranges.
        let range = unsafe { range_from(range)? };
        let count = handle::dict(dict)?.remove_range(&range)?;
        // SAFETY: the header's contract for outputs.
        unsafe { Out::optional(removed).write(count) };
        Ok(PC_OK)
    })
}

/// # Safety
/// The buffers are NULL or used by this call alone.
unsafe fn edge(dict: pc_dict, last: bool, key: *mut pc_buffer, value: *mut pc_buffer) -> Result<pc_status> {
    if key == value && !key.is_null() {
        return Err(invalid("key and value are the same buffer; pass two"));
    }
    // SAFETY: two different buffers, by this function's contract good to use.
    let (key_out, value_out) =
        unsafe { (pc_buffer::required("key", key)?, pc_buffer::optional("value", value)?) };
    let found = handle::dict(dict)?.edge(last, |key, value| {
        if let Some(out) = value_out {
            // Room for both is made first, so that a failure leaves both buffers unchanged.
            key_out.reserve(key.len())?;
            out.store(value)?;
        }
        key_out.store(key)
    })?;
    match found {
        Some(stored) => stored.map(|()| PC_OK),
        None => Ok(PC_NOT_FOUND),
    }
}
