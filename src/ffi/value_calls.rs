//! Calls that take and return `pc_value`, which the library encodes and decodes.

use std::ffi::{c_char, c_void};

use super::argument::{Out, bytes, text};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::handle::{self, pc_dict, pc_set};
use super::status::{PC_EXISTS, PC_NOT_FOUND, PC_OK, pc_status};
use super::value::pc_value;
use super::value_convert::{Role, encode_key_of, give, read};
use crate::codec::{
    Type, Value, decode_key, decode_value, encode_key, encode_key_bound, encode_key_prefix, encode_value,
};
use crate::error::Result;

/// Encodes a key as a collection of this key type stores it.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `value`: the key; a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded key, replacing its content. Not `NULL`.
///
/// Raw collections store numbers as keys in the layout of memory instead. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_encode_key(
    r#type: *const c_char,
    value: *const pc_value,
    out: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract.
        unsafe { encode_by(encode_key, r#type, ("value", value), out) }
    })
}

/// Encodes a bound of a range (`pc_range`) of keys of this type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `bound`: a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded bound, replacing its content. Not `NULL`.
///
/// A bound is encoded as `pc_encode_key` encodes a key, but need not be a key that can be stored. It may be empty. If it
/// is longer than a key can be, `out` receives its first 1,979 bytes, one more than a key can have; they have the same
/// place among the keys. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_encode_key_bound(
    r#type: *const c_char,
    bound: *const pc_value,
    out: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract.
        unsafe { encode_by(encode_key_bound, r#type, ("bound", bound), out) }
    })
}

/// Encodes a prefix of keys of this type: the bytes that all keys beginning with it begin with.
///
/// - `type`: a type string, NUL-terminated: `str`, `bytes`, `opaque[n]`, a tuple or `any`. Only read during the call.
/// - `prefix`: for `str` a text, for `bytes` and `opaque[n]` bytes, for a tuple type a tuple of leading elements, for
///   `any` a text, bytes or a tuple. Only read during the call.
/// - `out`: receives the encoded prefix for a `pc_range`, replacing its content. Not `NULL`.
///
/// The prefix may be empty: all keys begin with it; for `any`, all keys of its kind. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`: also of a type whose keys have no prefix;
/// `PC_ERR_BAD_KEY`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_encode_key_prefix(
    r#type: *const c_char,
    prefix: *const pc_value,
    out: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract.
        unsafe { encode_by(encode_key_prefix, r#type, ("prefix", prefix), out) }
    })
}

/// Decodes a key of a collection of this key type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `key`, `len`: the encoded key. Only read during the call.
/// - `out`: receives the key. Not `NULL`.
/// - `storage`: receives the memory that `out` points to, replacing its content; valid until its next use. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_decode_key(
    r#type: *const c_char,
    key: *const c_void,
    len: usize,
    out: *mut pc_value,
    storage: *mut pc_buffer,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        // SAFETY: the header's contract for texts, inputs and buffers.
        let (ty, key, storage) =
            unsafe { (key_type(r#type)?, bytes("key", key, len)?, pc_buffer::required("storage", storage)?) };
        let given = give(Role::Key, &decode_key(&ty, key)?, storage)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(given) };
        Ok(PC_OK)
    })
}

/// Encodes a value as a dict of this value type stores it.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `value`: a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded value, replacing its content. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_VALUE`; `PC_ERR_VALUE_SIZE`;
/// `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_encode_value(
    r#type: *const c_char,
    value: *const pc_value,
    out: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for texts, values and buffers.
        let (ty, value, out) = unsafe {
            (value_type(r#type)?, read("value", Role::Value, value)?, pc_buffer::required("out", out)?)
        };
        let mut encoded = Vec::new();
        encode_value(&ty, &value, &mut encoded)?;
        out.store(&encoded)?;
        Ok(PC_OK)
    })
}

/// Decodes a value of a dict of this value type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `bytes`, `len`: the encoded value. Only read during the call.
/// - `out`: receives the value. Not `NULL`.
/// - `storage`: receives the memory that `out` points to, replacing its content; valid until its next use. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_VALUE`; `PC_ERR_VALUE_SIZE`;
/// `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_decode_value(
    r#type: *const c_char,
    bytes: *const c_void,
    len: usize,
    out: *mut pc_value,
    storage: *mut pc_buffer,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        // SAFETY: the header's contract for texts, inputs and buffers.
        let (ty, value, storage) = unsafe {
            (value_type(r#type)?, self::bytes("bytes", bytes, len)?, pc_buffer::required("storage", storage)?)
        };
        let given = give(Role::Value, &decode_value(&ty, value)?, storage)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(given) };
        Ok(PC_OK)
    })
}

/// Stores a value under a key, replacing an existing value: `pc_dict_put` with encoding.
///
/// - `key`, `value`: of kinds that fit the dict's types. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_put_value(
    dict: pc_dict,
    key: *const pc_value,
    value: *const pc_value,
) -> pc_status {
    boundary!({
        let dict = handle::dict(dict)?;
        // SAFETY: the header's contract for values.
        let (key, value) = unsafe { (read("key", Role::Key, key)?, read("value", Role::Value, value)?) };
        let key = encode_key_of(&dict, &key)?;
        let mut encoded = Vec::new();
        encode_value(dict.value_type(), &value, &mut encoded)?;
        dict.put(&key, &encoded)?;
        Ok(PC_OK)
    })
}

/// Reads a key's value, decoded.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
/// - `value`: receives the value. Not `NULL`.
/// - `storage`: receives the memory that `value` points to, replacing its content; valid until its next use. Not
///   `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_BAD_VALUE`: the stored value is not of the type that the dict was opened with; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_get_value(
    dict: pc_dict,
    key: *const pc_value,
    value: *mut pc_value,
    storage: *mut pc_buffer,
) -> pc_status {
    boundary!({
        let out = Out::required("value", value)?;
        let dict = handle::dict(dict)?;
        // SAFETY: the header's contract for values and buffers.
        let (key, storage) =
            unsafe { (read("key", Role::Key, key)?, pc_buffer::required("storage", storage)?) };
        let key = encode_key_of(&dict, &key)?;
        let Some(found) = dict.get(&key, |value| decode_value(dict.value_type(), value))? else {
            return Ok(PC_NOT_FOUND);
        };
        let given = give(Role::Value, &found?, storage)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(given) };
        Ok(PC_OK)
    })
}

/// Checks whether a key exists: `pc_dict_contains` with encoding.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_contains_value(dict: pc_dict, key: *const pc_value) -> pc_status {
    boundary!({
        let dict = handle::dict(dict)?;
        // SAFETY: the header's contract for values.
        let key = encode_key_of(&dict, &unsafe { read("key", Role::Key, key)? })?;
        Ok(if dict.contains(&key)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Removes a key and its value: `pc_dict_remove` with encoding.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_remove_value(dict: pc_dict, key: *const pc_value) -> pc_status {
    boundary!({
        let dict = handle::dict(dict)?;
        // SAFETY: the header's contract for values.
        let key = encode_key_of(&dict, &unsafe { read("key", Role::Key, key)? })?;
        Ok(if dict.remove(&key)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Adds an element: `pc_set_add` with encoding.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: it existed already; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_add_value(set: pc_set, element: *const pc_value) -> pc_status {
    boundary!({
        let set = handle::set(set)?;
        // SAFETY: the header's contract for values.
        let element = encode_key_of(&set, &unsafe { read("element", Role::Key, element)? })?;
        Ok(if set.put_new(&element, &[])? { PC_OK } else { PC_EXISTS })
    })
}

/// Removes an element: `pc_set_remove` with encoding.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_remove_value(set: pc_set, element: *const pc_value) -> pc_status {
    boundary!({
        let set = handle::set(set)?;
        // SAFETY: the header's contract for values.
        let element = encode_key_of(&set, &unsafe { read("element", Role::Key, element)? })?;
        Ok(if set.remove(&element)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Checks whether an element exists: `pc_set_contains` with encoding.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_contains_value(set: pc_set, element: *const pc_value) -> pc_status {
    boundary!({
        let set = handle::set(set)?;
        // SAFETY: the header's contract for values.
        let element = encode_key_of(&set, &unsafe { read("element", Role::Key, element)? })?;
        Ok(if set.contains(&element)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Encodes a key, or a part of one, into a buffer.
///
/// # Safety
/// The header's contract for texts, values and buffers.
unsafe fn encode_by(
    encode: fn(&Type, &Value, &mut Vec<u8>) -> Result<()>,
    r#type: *const c_char,
    (name, value): (&str, *const pc_value),
    out: *mut pc_buffer,
) -> Result<pc_status> {
    // SAFETY: this function has the same contract.
    let (ty, value, out) =
        unsafe { (key_type(r#type)?, read(name, Role::Key, value)?, pc_buffer::required("out", out)?) };
    let mut encoded = Vec::new();
    encode(&ty, &value, &mut encoded)?;
    out.store(&encoded)?;
    Ok(PC_OK)
}

/// # Safety
/// As for [`text`].
unsafe fn key_type(r#type: *const c_char) -> Result<Type> {
    // SAFETY: this function has the same contract.
    let ty = Type::parse(unsafe { text("type", r#type)? })?;
    ty.check_as_key()?;
    Ok(ty)
}

/// # Safety
/// As for [`text`].
unsafe fn value_type(r#type: *const c_char) -> Result<Type> {
    // SAFETY: this function has the same contract.
    let ty = Type::parse(unsafe { text("type", r#type)? })?;
    ty.check_as_value()?;
    Ok(ty)
}
