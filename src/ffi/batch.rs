//! Batches: many entries or elements in one call, as columns.

use std::ffi::c_void;

use super::argument::{Out, bytes, invalid, items, items_mut};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::handle::{self, pc_dict, pc_set};
use super::range::{pc_range, range_from};
use super::status::{PC_OK, pc_status};
use crate::codec::Type;
use crate::engine::Column;
use crate::error::{Error, Result, Status};
use crate::store::collection::Collection;

/// Stores many entries, all of them, or none on a failure. If a key occurs twice, its last value wins.
///
/// - `count`: the number of entries.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` if the key type has a fixed width. Fixed-width keys are not the numbers in memory.
/// - `values`, `value_offsets`: the encoded values, likewise. Values of fixed-width numbers are little-endian, so a
///   column of them is an array of the numbers.
/// - `failed_at`: on a failure, receives the index of the invalid entry, or `SIZE_MAX` if the failure concerns no
///   single entry; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_put_many(
    dict: pc_dict,
    count: usize,
    keys: *const c_void,
    key_offsets: *const u64,
    values: *const c_void,
    value_offsets: *const u64,
    failed_at: *mut usize,
) -> pc_status {
    boundary!({
        let call = || {
            let dict = handle::dict(dict)?;
            // SAFETY: the header's contract for columns.
            let (keys, values) = unsafe {
                (
                    key_column("keys", &dict, count, keys, key_offsets)?,
                    column(
                        "values",
                        dict.value_type(),
                        dict.value_type().value_width(),
                        count,
                        values,
                        value_offsets,
                    )?,
                )
            };
            dict.put_many(&keys, &values)?;
            Ok(PC_OK)
        };
        // SAFETY: the header's contract for outputs.
        unsafe { naming_the_item(failed_at, call()) }
    })
}

/// Reads the values of many keys.
///
/// - `count`: the number of keys.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` if the key type has a fixed width. Fixed-width keys are not the numbers in memory.
/// - `present`: `count` bytes; each receives 1 if its key exists, else 0.
/// - `values_out`, `values_cap`: for value types of a fixed width, the memory for the values and its size; `count`
///   times the width is needed. The value of an absent key is zeros. `values` and `value_offsets` are `NULL` then.
/// - `values`, `value_offsets`: if `values_out` is `NULL`, the buffer receives the values one after the other, and the
///   caller's memory the `count + 1` offsets into it. An absent key's value is empty.
/// - `failed_at`: on a failure, receives the index of the invalid key, or `SIZE_MAX` if the failure concerns no single
///   key; may be `NULL`.
///
/// After a failure, the contents of `present`, the values and the offsets are undefined. All values are from one state
/// of the dict. May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`, also if some are absent; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`; `PC_ERR_BAD_VALUE`: a stored value does not have the width of its type; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_get_many(
    dict: pc_dict,
    count: usize,
    keys: *const c_void,
    key_offsets: *const u64,
    present: *mut u8,
    values_out: *mut c_void,
    values_cap: usize,
    values: *mut pc_buffer,
    value_offsets: *mut u64,
    failed_at: *mut usize,
) -> pc_status {
    boundary!({
        let call = || {
            let dict = handle::dict(dict)?;
            // SAFETY: the header's contract for columns, outputs and buffers.
            let (keys, present, values) = unsafe {
                (
                    key_column("keys", &dict, count, keys, key_offsets)?,
                    items_mut("present", present, count)?,
                    pc_buffer::optional("values", values)?,
                )
            };
            if values_out.is_null() {
                let values = match values {
                    Some(values) => values,
                    None if count == 0 => return Ok(PC_OK),
                    None => {
                        return Err(invalid("values_out and values are both NULL; one must take the values"));
                    }
                };
                // SAFETY: as above.
                let offsets = unsafe { items_mut("value_offsets", value_offsets, offset_count(count)?)? };
                get_variable(&dict, &keys, present, values, offsets)?;
            } else {
                if values.is_some() || !value_offsets.is_null() {
                    return Err(invalid("values_out is given, so values and value_offsets must be NULL"));
                }
                let width = dict
                    .value_type()
                    .value_width()
                    .ok_or_else(|| no_width("values_out", dict.value_type()))?;
                let size = column_size("values_out", count, width)?;
                if values_cap < size {
                    return Err(invalid(format!(
                        "values_cap is {values_cap}; {count} values of {width} bytes take {size}"
                    )));
                }
                // SAFETY: as above; no more than `values_cap` bytes.
                let matrix = unsafe { items_mut("values_out", values_out.cast::<u8>(), size)? };
                get_fixed(&dict, &keys, present, matrix, width)?;
            }
            Ok(PC_OK)
        };
        // SAFETY: the header's contract for outputs.
        unsafe { naming_the_item(failed_at, call()) }
    })
}

/// Copies the values of a range, one after the other in the order of their keys: a column of numbers in one call.
///
/// - `range`: the keys and the direction; `NULL` means all, ascending. Only read during the call.
/// - `values`: receives the values, replacing its content. Not `NULL`.
///
/// Only for value types of a fixed width, so that the buffer's length gives their number. Values of numbers are
/// little-endian. All are from one state of the dict. May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`: also if the type has no fixed width; `PC_ERR_BAD_VALUE`: a
/// stored value does not have the width of its type; `PC_ERR_NO_MEMORY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_values(
    dict: pc_dict,
    range: *const pc_range,
    values: *mut pc_buffer,
) -> pc_status {
    boundary!({
        let dict = handle::dict(dict)?;
        // SAFETY: the header's contract for ranges and buffers.
        let (range, values) = unsafe { (range_from(range)?, pc_buffer::required("values", values)?) };
        let value_type = dict.value_type();
        let width = value_type.value_width().ok_or_else(|| {
            invalid(format!("values of type {value_type} have no fixed width; iterate over them"))
        })?;
        dict.values(
            &range,
            values,
            |values| values.len = 0,
            |values, value| {
                if value.len() != width {
                    return Err(Error::new(
                        Status::BadValue,
                        format!("a value of type {value_type} has {width} bytes, not {}", value.len()),
                    ));
                }
                // The most common width, which takes one instruction.
                match <&[u8; 8]>::try_from(value) {
                    Ok(eight) => values.append(eight),
                    Err(_) => values.append(value),
                }
            },
        )?;
        Ok(PC_OK)
    })
}

/// Removes many keys: all that exist, or none on a failure.
///
/// - `count`: the number of keys.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` if the key type has a fixed width. Fixed-width keys are not the numbers in memory.
/// - `removed`: receives the number of those that existed; may be `NULL`.
/// - `failed_at`: on a failure, receives the index of the invalid key, or `SIZE_MAX` if the failure concerns no single
///   key; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_dict_remove_many(
    dict: pc_dict,
    count: usize,
    keys: *const c_void,
    key_offsets: *const u64,
    removed: *mut u64,
    failed_at: *mut usize,
) -> pc_status {
    boundary!({
        let call = || {
            let dict = handle::dict(dict)?;
            // SAFETY: the header's contract for columns and outputs.
            unsafe {
                let keys = key_column("keys", &dict, count, keys, key_offsets)?;
                Out::optional(removed).write(dict.remove_many(&keys)?);
            }
            Ok(PC_OK)
        };
        // SAFETY: the header's contract for outputs.
        unsafe { naming_the_item(failed_at, call()) }
    })
}

/// Adds many elements, all of them, or none on a failure.
///
/// - `count`: the number of elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets
///   may be `NULL` if the element type has a fixed width. Fixed-width elements are not the numbers in memory.
/// - `added`: receives the number of new elements; may be `NULL`.
/// - `failed_at`: on a failure, receives the index of the invalid element, or `SIZE_MAX` if the failure concerns no
///   single element; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_add_many(
    set: pc_set,
    count: usize,
    elements: *const c_void,
    offsets: *const u64,
    added: *mut u64,
    failed_at: *mut usize,
) -> pc_status {
    boundary!({
        let call = || {
            let set = handle::set(set)?;
            // SAFETY: the header's contract for columns and outputs.
            unsafe {
                let elements = key_column("elements", &set, count, elements, offsets)?;
                Out::optional(added).write(set.add_many(&elements)?);
            }
            Ok(PC_OK)
        };
        // SAFETY: the header's contract for outputs.
        unsafe { naming_the_item(failed_at, call()) }
    })
}

/// Removes many elements: all that exist, or none on a failure.
///
/// - `count`: the number of elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets
///   may be `NULL` if the element type has a fixed width. Fixed-width elements are not the numbers in memory.
/// - `removed`: receives the number of those that existed; may be `NULL`.
/// - `failed_at`: on a failure, receives the index of the invalid element, or `SIZE_MAX` if the failure concerns no
///   single element; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_remove_many(
    set: pc_set,
    count: usize,
    elements: *const c_void,
    offsets: *const u64,
    removed: *mut u64,
    failed_at: *mut usize,
) -> pc_status {
    boundary!({
        let call = || {
            let set = handle::set(set)?;
            // SAFETY: the header's contract for columns and outputs.
            unsafe {
                let elements = key_column("elements", &set, count, elements, offsets)?;
                Out::optional(removed).write(set.remove_many(&elements)?);
            }
            Ok(PC_OK)
        };
        // SAFETY: the header's contract for outputs.
        unsafe { naming_the_item(failed_at, call()) }
    })
}

/// Checks which of many elements exist.
///
/// - `count`: the number of elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets
///   may be `NULL` if the element type has a fixed width. Fixed-width elements are not the numbers in memory.
/// - `present`: `count` bytes; each receives 1 if its element exists, else 0. After a failure, their content is
///   undefined.
/// - `failed_at`: on a failure, receives the index of the invalid element, or `SIZE_MAX` if the failure concerns no
///   single element; may be `NULL`.
///
/// All answers are from one state of the set. May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`, also if some are absent; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_contains_many(
    set: pc_set,
    count: usize,
    elements: *const c_void,
    offsets: *const u64,
    present: *mut u8,
    failed_at: *mut usize,
) -> pc_status {
    boundary!({
        let call = || {
            let set = handle::set(set)?;
            // SAFETY: the header's contract for columns and outputs.
            let (elements, present) = unsafe {
                (
                    key_column("elements", &set, count, elements, offsets)?,
                    items_mut("present", present, count)?,
                )
            };
            set.get_many(&elements, |index, found| {
                present[index] = u8::from(found.is_some());
                Ok(())
            })?;
            Ok(PC_OK)
        };
        // SAFETY: the header's contract for outputs.
        unsafe { naming_the_item(failed_at, call()) }
    })
}

/// After a failure, reports the index of the item.
///
/// # Safety
/// `failed_at` keeps the contract of [`Out::write`].
unsafe fn naming_the_item(failed_at: *mut usize, outcome: Result<pc_status>) -> Result<pc_status> {
    if let Err(error) = &outcome {
        // SAFETY: this function has the same contract.
        unsafe { Out::optional(failed_at).write(error.index().unwrap_or(usize::MAX)) };
    }
    outcome
}

/// # Safety
/// As for `column`.
unsafe fn key_column<'a>(
    name: &str,
    collection: &Collection,
    count: usize,
    pointer: *const c_void,
    offsets: *const u64,
) -> Result<Column<'a>> {
    let ty = collection.key_type();
    // SAFETY: this function has the same contract.
    unsafe { column(name, ty, ty.key_width(), count, pointer, offsets) }
}

/// Returns a column of `count` items, each `width` bytes wide or bounded by offsets.
///
/// # Safety
/// The pointers are NULL or valid during the call that `'a` stands for: the offsets for
/// `count + 1` items, the bytes for the last of the offsets or for `count` widths.
unsafe fn column<'a>(
    name: &str,
    ty: &Type,
    width: Option<usize>,
    count: usize,
    pointer: *const c_void,
    offsets: *const u64,
) -> Result<Column<'a>> {
    if count == 0 {
        return Column::fixed(&[], 0, 0);
    }
    if offsets.is_null() {
        let width = width.ok_or_else(|| no_width(name, ty))?;
        // SAFETY: this function has the same contract.
        let bytes = unsafe { bytes(name, pointer, column_size(name, count, width)?)? };
        return Column::fixed(bytes, width, count);
    }
    // SAFETY: as above.
    let offsets = unsafe { items(&format!("the offsets of {name}"), offsets, offset_count(count)?)? };
    let size = usize::try_from(offsets[count])
        .map_err(|_| invalid(format!("{name}: the last offset, {}, is beyond any memory", offsets[count])))?;
    // SAFETY: as above.
    Column::variable(unsafe { bytes(name, pointer, size)? }, offsets)
}

fn offset_count(count: usize) -> Result<usize> {
    count.checked_add(1).ok_or_else(|| invalid("count is beyond any memory"))
}

fn column_size(name: &str, count: usize, width: usize) -> Result<usize> {
    count
        .checked_mul(width)
        .ok_or_else(|| invalid(format!("{name}: {count} items of {width} bytes are beyond any memory")))
}

fn no_width(name: &str, ty: &Type) -> Error {
    invalid(format!("{name}: the type {ty} has no fixed width, so offsets are needed"))
}

fn get_fixed(
    dict: &Collection,
    keys: &Column,
    present: &mut [u8],
    matrix: &mut [u8],
    width: usize,
) -> Result<()> {
    dict.get_many(keys, |index, found| {
        present[index] = u8::from(found.is_some());
        let row = &mut matrix[index * width..][..width];
        match found {
            None => row.fill(0),
            Some(value) if value.len() == width => row.copy_from_slice(value),
            Some(value) => {
                let message = format!(
                    "the stored value has {} bytes, its type {} has {width}",
                    value.len(),
                    dict.value_type()
                );
                return Err(Error::new(Status::BadValue, message).at(index));
            }
        }
        Ok(())
    })
}

fn get_variable(
    dict: &Collection,
    keys: &Column,
    present: &mut [u8],
    values: &mut pc_buffer,
    offsets: &mut [u64],
) -> Result<()> {
    values.len = 0;
    offsets[0] = 0;
    dict.get_many(keys, |index, found| {
        present[index] = u8::from(found.is_some());
        if let Some(value) = found {
            values.append(value)?;
        }
        offsets[index + 1] = values.len as u64;
        Ok(())
    })
}
