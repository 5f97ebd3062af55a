//! Ranges of keys, as iterating and removing take them.

use std::ffi::c_void;
use std::ops::Bound;

use super::argument::{bytes, check_flags, invalid};
use crate::engine::Range;
use crate::error::Result;

/// The range has a lower bound: keys from `lower` on, including it.
pub const PC_RANGE_LOWER: u32 = 0x01;
/// The lower bound itself is excluded.
pub const PC_RANGE_LOWER_EXCLUSIVE: u32 = 0x02;
/// The range has an upper bound: keys below `upper`, excluding it.
pub const PC_RANGE_UPPER: u32 = 0x04;
/// The upper bound itself is included.
pub const PC_RANGE_UPPER_INCLUSIVE: u32 = 0x08;
/// Only keys that begin with `prefix`.
pub const PC_RANGE_PREFIX: u32 = 0x10;
/// From the last key to the first.
pub const PC_RANGE_REVERSE: u32 = 0x20;

const RANGE_FLAGS: u32 = PC_RANGE_LOWER
    | PC_RANGE_LOWER_EXCLUSIVE
    | PC_RANGE_UPPER
    | PC_RANGE_UPPER_INCLUSIVE
    | PC_RANGE_PREFIX
    | PC_RANGE_REVERSE;

/// A range of keys. All zeros mean every key, in ascending order; so does `NULL` as an argument.
///
/// Bounds are encoded (`pc_encode_key_bound`): for a fixed-width type, they are not the number in memory. A prefix is
/// bytes that encoded keys begin with (`pc_encode_key_prefix`): for `str` and `bytes` the text or bytes themselves, for
/// tuples the encoded leading elements. A prefix and bounds may be combined. Only the flags say which of them are
/// present: `NULL` with length 0 is an empty bound or prefix. The memory belongs to the caller, and is only read during
/// the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_range {
    /// The lower bound; used if `flags` has `PC_RANGE_LOWER`.
    pub lower: *const c_void,
    /// Its length in bytes.
    pub lower_len: usize,
    /// The upper bound; used if `flags` has `PC_RANGE_UPPER`.
    pub upper: *const c_void,
    /// Its length in bytes.
    pub upper_len: usize,
    /// The prefix; used if `flags` has `PC_RANGE_PREFIX`.
    pub prefix: *const c_void,
    /// Its length in bytes.
    pub prefix_len: usize,
    /// Any of `PC_RANGE_*`.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// Returns the range of an argument. NULL is the whole collection.
///
/// # Safety
/// `range` is NULL or a range whose pointers are good for their lengths during the call.
pub(super) unsafe fn range_from(range: *const pc_range) -> Result<Range> {
    if range.is_null() {
        return Ok(Range::all());
    }
    // SAFETY: not NULL, so good for reading by this function's contract; alignment is not asked for.
    let given = unsafe { range.read_unaligned() };
    check_flags("pc_range", given.flags, RANGE_FLAGS)?;
    if given.reserved != 0 {
        return Err(invalid("pc_range: reserved is not zero"));
    }
    let has = |flag: u32| given.flags & flag != 0;
    if has(PC_RANGE_LOWER_EXCLUSIVE) && !has(PC_RANGE_LOWER) {
        return Err(invalid("pc_range: PC_RANGE_LOWER_EXCLUSIVE without PC_RANGE_LOWER; set both"));
    }
    if has(PC_RANGE_UPPER_INCLUSIVE) && !has(PC_RANGE_UPPER) {
        return Err(invalid("pc_range: PC_RANGE_UPPER_INCLUSIVE without PC_RANGE_UPPER; set both"));
    }
    let part = |flag: u32, name: &str, pointer, len| {
        // SAFETY: a part that the flags announce is good for its length by this function's contract.
        if has(flag) { unsafe { bytes(name, pointer, len) }.map(Some) } else { Ok(None) }
    };
    let lower = match part(PC_RANGE_LOWER, "lower", given.lower, given.lower_len)? {
        None => Bound::Unbounded,
        Some(key) if has(PC_RANGE_LOWER_EXCLUSIVE) => Bound::Excluded(key),
        Some(key) => Bound::Included(key),
    };
    let upper = match part(PC_RANGE_UPPER, "upper", given.upper, given.upper_len)? {
        None => Bound::Unbounded,
        Some(key) if has(PC_RANGE_UPPER_INCLUSIVE) => Bound::Included(key),
        Some(key) => Bound::Excluded(key),
    };
    let prefix = part(PC_RANGE_PREFIX, "prefix", given.prefix, given.prefix_len)?;
    Ok(Range::new(lower, upper, prefix, has(PC_RANGE_REVERSE))?)
}
