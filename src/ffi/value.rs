//! `pc_value`: a key or value of any type, for C.

use std::ffi::{CStr, c_char, c_void};

use super::argument::{Out, invalid, items, text};
use super::boundary::boundary;
use super::status::{PC_NOT_FOUND, PC_OK, pc_status};
use crate::codec::Element;

/// Nothing.
pub const PC_VALUE_NULL: u32 = 0;
/// Undefined: Julia's `missing`.
pub const PC_VALUE_UNDEFINED: u32 = 1;
/// A truth value, in `as.boolean`.
pub const PC_VALUE_BOOL: u32 = 2;
/// An integer, in `as.i64`.
pub const PC_VALUE_I64: u32 = 3;
/// An integer, in `as.u64`. Decoding returns it only above `INT64_MAX`, or if the type is `u64`.
pub const PC_VALUE_U64: u32 = 4;
/// A floating-point number, in `as.f64`.
pub const PC_VALUE_F64: u32 = 5;
/// Text, in `as.bytes`: UTF-8. Decoded text is followed by a NUL that `len` does not count.
pub const PC_VALUE_STR: u32 = 6;
/// Bytes, in `as.bytes`; also of the types `opaque[n]`.
pub const PC_VALUE_BYTES: u32 = 7;
/// A UUID, in `as.uuid`.
pub const PC_VALUE_UUID: u32 = 8;
/// A date, in `as.i64`: days since 1970-01-01.
pub const PC_VALUE_DATE: u32 = 9;
/// A date and time without a zone, in `as.i64`: microseconds since 1970-01-01T00:00:00.
pub const PC_VALUE_DATETIME: u32 = 10;
/// An array of numbers, in `as.bytes`: little-endian, in C order; `subtype` is one of `PC_ELEMENT_*`. The dimensions
/// are those of the type; in `any` there is one. Decoded arrays are aligned to 8 bytes.
pub const PC_VALUE_ARRAY: u32 = 11;
/// A tuple, in `as.items`.
pub const PC_VALUE_TUPLE: u32 = 12;
/// A list, in `as.items`.
pub const PC_VALUE_LIST: u32 = 13;
/// A map, in `as.items`: `2 * len` items, a key, its value, the next key, its value.
pub const PC_VALUE_MAP: u32 = 14;
/// A set, in `as.items`.
pub const PC_VALUE_SET: u32 = 15;
/// Any other item, encoded, in `as.bytes`: in a value, one CBOR item; in a key, one element of the tuple layer. It is
/// written back unchanged.
pub const PC_VALUE_ENCODED: u32 = 16;

/// Elements of an array: `int8_t`.
pub const PC_ELEMENT_I8: u32 = 1;
/// Elements of an array: `int16_t`.
pub const PC_ELEMENT_I16: u32 = 2;
/// Elements of an array: `int32_t`.
pub const PC_ELEMENT_I32: u32 = 3;
/// Elements of an array: `int64_t`.
pub const PC_ELEMENT_I64: u32 = 4;
/// Elements of an array: `uint8_t`.
pub const PC_ELEMENT_U8: u32 = 5;
/// Elements of an array: `uint16_t`.
pub const PC_ELEMENT_U16: u32 = 6;
/// Elements of an array: `uint32_t`.
pub const PC_ELEMENT_U32: u32 = 7;
/// Elements of an array: `uint64_t`.
pub const PC_ELEMENT_U64: u32 = 8;
/// Elements of an array: `float`.
pub const PC_ELEMENT_F32: u32 = 9;
/// Elements of an array: `double`.
pub const PC_ELEMENT_F64: u32 = 10;

/// The bytes of a `pc_value`, and their number.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_value_data {
    /// The bytes; may be `NULL` if there are none.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// The items of a `pc_value`, and their number.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_value_items {
    /// The items; may be `NULL` if there are none.
    pub items: *const pc_value,
    /// Their number; for a map, the number of pairs.
    pub len: usize,
}

/// The content of a `pc_value`; its `kind` says which field is valid.
#[repr(C)]
#[derive(Clone, Copy)]
pub union pc_value_as {
    /// `PC_VALUE_BOOL`.
    pub boolean: bool,
    /// `PC_VALUE_I64`, `PC_VALUE_DATE`, `PC_VALUE_DATETIME`.
    pub i64: i64,
    /// `PC_VALUE_U64`.
    pub u64: u64,
    /// `PC_VALUE_F64`.
    pub f64: f64,
    /// `PC_VALUE_STR`, `PC_VALUE_BYTES`, `PC_VALUE_ARRAY`, `PC_VALUE_ENCODED`.
    pub bytes: pc_value_data,
    /// `PC_VALUE_TUPLE`, `PC_VALUE_LIST`, `PC_VALUE_MAP`, `PC_VALUE_SET`.
    pub items: pc_value_items,
    /// `PC_VALUE_UUID`.
    pub uuid: [u8; 16],
    /// Reserved for future kinds: the size will always be 32 bytes.
    pub reserved: [u8; 24],
}

/// A key or value of any type. The caller makes one for the library to encode, or the library makes one when it
/// decodes. It owns no memory: its pointers lead to the caller's memory, or into the `pc_buffer` that was passed for
/// it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_value {
    /// One of `PC_VALUE_*`.
    pub kind: u32,
    /// For an array, one of `PC_ELEMENT_*`; else 0.
    pub subtype: u32,
    /// Its content.
    pub r#as: pc_value_as,
}

const _: () = assert!(size_of::<pc_value>() == 32);
const _: () = assert!(PC_ELEMENT_I8 == Element::I8 as u32);
const _: () = assert!(PC_ELEMENT_I16 == Element::I16 as u32);
const _: () = assert!(PC_ELEMENT_I32 == Element::I32 as u32);
const _: () = assert!(PC_ELEMENT_I64 == Element::I64 as u32);
const _: () = assert!(PC_ELEMENT_U8 == Element::U8 as u32);
const _: () = assert!(PC_ELEMENT_U16 == Element::U16 as u32);
const _: () = assert!(PC_ELEMENT_U32 == Element::U32 as u32);
const _: () = assert!(PC_ELEMENT_U64 == Element::U64 as u32);
const _: () = assert!(PC_ELEMENT_F32 == Element::F32 as u32);
const _: () = assert!(PC_ELEMENT_F64 == Element::F64 as u32);

impl pc_value {
    pub(super) const fn new(kind: u32, content: pc_value_as) -> Self {
        Self { kind, subtype: 0, r#as: content }
    }

    const NULL: Self = Self::new(PC_VALUE_NULL, pc_value_as { reserved: [0; 24] });
}

impl pc_value_as {
    /// Makes a value whose bytes are zero, except for those that `fill` sets.
    pub(super) fn zeroed_then(fill: impl FnOnce(&mut Self)) -> Self {
        let mut content = Self { reserved: [0; 24] };
        fill(&mut content);
        content
    }

    pub(super) fn of_bytes(data: *const u8, len: usize) -> Self {
        Self::zeroed_then(|content| content.bytes = pc_value_data { data, len })
    }

    pub(super) fn of_items(items: *const pc_value, len: usize) -> Self {
        Self::zeroed_then(|content| content.items = pc_value_items { items, len })
    }

    pub(super) fn of_bool(boolean: bool) -> Self {
        Self::zeroed_then(|content| content.boolean = boolean)
    }

    pub(super) fn of_i64(number: i64) -> Self {
        Self::zeroed_then(|content| content.i64 = number)
    }

    pub(super) fn of_u64(number: u64) -> Self {
        Self::zeroed_then(|content| content.u64 = number)
    }

    pub(super) fn of_f64(number: f64) -> Self {
        Self::zeroed_then(|content| content.f64 = number)
    }

    pub(super) fn of_uuid(uuid: [u8; 16]) -> Self {
        Self::zeroed_then(|content| content.uuid = uuid)
    }
}

/// Makes a null.
///
/// Returns: a value of the kind `PC_VALUE_NULL`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_value_null() -> pc_value {
    boundary!(pc_value::NULL, { pc_value::NULL })
}

/// Makes a truth value.
///
/// - `boolean`: its content.
///
/// Returns: a value of the kind `PC_VALUE_BOOL`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_value_bool(boolean: bool) -> pc_value {
    boundary!(pc_value::NULL, { pc_value::new(PC_VALUE_BOOL, pc_value_as::of_bool(boolean)) })
}

/// Makes an integer.
///
/// - `number`: its content.
///
/// Returns: a value of the kind `PC_VALUE_I64`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_value_i64(number: i64) -> pc_value {
    boundary!(pc_value::NULL, { pc_value::new(PC_VALUE_I64, pc_value_as::of_i64(number)) })
}

/// Makes an unsigned integer.
///
/// - `number`: its content.
///
/// Returns: a value of the kind `PC_VALUE_U64`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_value_u64(number: u64) -> pc_value {
    boundary!(pc_value::NULL, { pc_value::new(PC_VALUE_U64, pc_value_as::of_u64(number)) })
}

/// Makes a floating-point number.
///
/// - `number`: its content.
///
/// Returns: a value of the kind `PC_VALUE_F64`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_value_f64(number: f64) -> pc_value {
    boundary!(pc_value::NULL, { pc_value::new(PC_VALUE_F64, pc_value_as::of_f64(number)) })
}

/// Makes a text.
///
/// - `utf8`: NUL-terminated UTF-8 of the caller, to which the value points. `NULL` is an empty text.
///
/// The library checks that it is UTF-8 when the value is used.
///
/// Returns: a value of the kind `PC_VALUE_STR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_value_str(utf8: *const c_char) -> pc_value {
    boundary!(pc_value::NULL, {
        // SAFETY: not NULL, so NUL-terminated by the header's contract.
        let len = if utf8.is_null() { 0 } else { unsafe { CStr::from_ptr(utf8) }.count_bytes() };
        pc_value::new(PC_VALUE_STR, pc_value_as::of_bytes(utf8.cast(), len))
    })
}

/// Makes bytes.
///
/// - `data`, `len`: bytes of the caller, to which the value points. `NULL` with length 0 is empty.
///
/// Returns: a value of the kind `PC_VALUE_BYTES`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_value_bytes(data: *const c_void, len: usize) -> pc_value {
    boundary!(pc_value::NULL, { pc_value::new(PC_VALUE_BYTES, pc_value_as::of_bytes(data.cast(), len)) })
}

/// Looks up a text key in a map.
///
/// - `map`: of the kind `PC_VALUE_MAP`. Not `NULL`.
/// - `key`: NUL-terminated UTF-8. Only read during the call.
/// - `out`: receives its value, which points to the same memory as the map's items. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`: `NULL`, or not a map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_value_map_get(
    map: *const pc_value,
    key: *const c_char,
    out: *mut pc_value,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        if map.is_null() {
            return Err(invalid("map is NULL"));
        }
        // SAFETY: not NULL and, by the header's contract, good for reading; alignment is not asked for.
        let (map, key) = unsafe { (map.read_unaligned(), text("key", key)?) };
        if map.kind != PC_VALUE_MAP {
            return Err(invalid(format!("map is a pc_value of kind {}; PC_VALUE_MAP is needed", map.kind)));
        }
        // SAFETY: the kind says which field counts.
        let entries = unsafe { map.r#as.items };
        let count = entries.len.checked_mul(2).ok_or_else(|| invalid("map: a length beyond any memory"))?;
        // SAFETY: the items of a map are twice its length, by the header's contract.
        let entries = unsafe { items("the items of map", entries.items, count)? };
        for entry in entries.chunks_exact(2) {
            if entry[0].kind != PC_VALUE_STR {
                continue;
            }
            // SAFETY: the kind says which field counts, and the bytes are good for their length.
            let found = unsafe { items("a key of map", entry[0].r#as.bytes.data, entry[0].r#as.bytes.len)? };
            if found == key.as_bytes() {
                // SAFETY: the header's contract for outputs.
                unsafe { out.write(entry[1]) };
                return Ok(PC_OK);
            }
        }
        Ok(PC_NOT_FOUND)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::status::PC_ERR_INVALID_ARGUMENT;
    use super::*;

    #[test]
    fn maps_are_looked_up_by_text() {
        // SAFETY: literals, and items that outlive the map.
        unsafe {
            let entries =
                [pc_value_i64(1), pc_value_i64(2), pc_value_str(c"a".as_ptr()), pc_value_bool(true)];
            let map = pc_value::new(PC_VALUE_MAP, pc_value_as::of_items(entries.as_ptr(), 2));
            let mut out = pc_value_null();
            assert_eq!(pc_value_map_get(&raw const map, c"a".as_ptr(), &raw mut out), PC_OK);
            assert_eq!(out.kind, PC_VALUE_BOOL);
            assert_eq!(pc_value_map_get(&raw const map, c"b".as_ptr(), &raw mut out), PC_NOT_FOUND);
            assert_eq!(
                pc_value_map_get(&raw const out, c"b".as_ptr(), &raw mut out),
                PC_ERR_INVALID_ARGUMENT
            );
            let broken = pc_value::new(PC_VALUE_MAP, pc_value_as::of_items(std::ptr::null(), 2));
            assert_eq!(
                pc_value_map_get(&raw const broken, c"b".as_ptr(), &raw mut out),
                PC_ERR_INVALID_ARGUMENT
            );
        }
    }
}
