//! Reads the heads of items, and checks that bytes are one well-formed item.

use crate::fault::{Fault, Parsed};
use crate::limits::MAX_DEPTH;

/// The major type of integers from 0 on.
pub const UNSIGNED: u8 = 0;
/// The major type of negative integers.
pub const NEGATIVE: u8 = 1;
/// The major type of bytes.
pub const BYTES: u8 = 2;
/// The major type of text.
pub const TEXT: u8 = 3;
/// The major type of arrays.
pub const ARRAY: u8 = 4;
/// The major type of maps.
pub const MAP: u8 = 5;
/// The major type of tags.
pub const TAG: u8 = 6;
/// The major type of floats and simple values.
pub const SIMPLE: u8 = 7;

/// The beginning of an item.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The major type.
    pub major: u8,
    /// The low five bits of the first byte. Those of a float say how wide it is.
    pub info: u8,
    /// The number, length or tag, or the bits of a float.
    pub argument: u64,
    /// The place after the head.
    pub next: usize,
}

/// Reads the head at a place.
#[inline]
pub fn head(bytes: &[u8], at: usize) -> Parsed<Head> {
    let Some((first, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else {
        return Err(Fault::new(at, "an item that is cut short"));
    };
    let (major, info) = (first >> 5, first & 0x1f);
    let width = match info {
        0..24 => return Ok(Head { major, info, argument: u64::from(info), next: at + 1 }),
        24..28 => 1 << (info - 24),
        31 => return Err(Fault::new(at, "an indefinite length")),
        _ => return Err(Fault::new(at, "a reserved head")),
    };
    let Some(digits) = rest.get(..width) else {
        return Err(Fault::new(bytes.len(), "an item that is cut short"));
    };
    let argument = digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    if major == SIMPLE && info == 24 && argument < 32 {
        return Err(Fault::new(at, "a simple value that is not in its shortest form"));
    }
    Ok(Head { major, info, argument, next: at + 1 + width })
}

/// Returns the content of text or bytes.
#[inline]
pub fn content<'a>(bytes: &'a [u8], head: &Head) -> Parsed<&'a [u8]> {
    let length = usize::try_from(head.argument).ok();
    length
        .and_then(|length| bytes.get(head.next..)?.get(..length))
        .ok_or(Fault::new(bytes.len(), "text or bytes that are cut short"))
}

/// Returns the content of text.
pub fn text<'a>(bytes: &'a [u8], head: &Head) -> Parsed<&'a str> {
    simdutf8::basic::from_utf8(content(bytes, head)?)
        .map_err(|_| Fault::new(head.next, "text that is not UTF-8"))
}

/// Returns how deep items inside this one may nest.
pub fn deeper(depth: usize, at: usize) -> Parsed<usize> {
    depth.checked_sub(1).ok_or(Fault::new(at, "arrays, maps and tags over 128 deep"))
}

/// Checks that bytes are exactly one item.
pub fn check(bytes: &[u8]) -> Parsed<()> {
    finish(bytes, skip(bytes, 0, MAX_DEPTH)?)
}

/// Fails if bytes follow the item that ended here.
pub fn finish(bytes: &[u8], end: usize) -> Parsed<()> {
    if end == bytes.len() { Ok(()) } else { Err(Fault::new(end, "bytes after the item")) }
}

/// Checks the item at a place and returns the place after it. Recurses at most `depth` deep.
pub fn skip(bytes: &[u8], at: usize, depth: usize) -> Parsed<usize> {
    let head = head(bytes, at)?;
    match head.major {
        BYTES => content(bytes, &head).map(|content| head.next + content.len()),
        TEXT => text(bytes, &head).map(|text| head.next + text.len()),
        ARRAY | TAG | MAP => {
            let depth = deeper(depth, at)?;
            // The count may be wrong. Each item takes at least a byte, so the loop ends with the bytes.
            let mut next = head.next;
            for _ in 0..if head.major == TAG { 1 } else { head.argument } {
                next = skip(bytes, next, depth)?;
                if head.major == MAP {
                    next = skip(bytes, next, depth)?;
                }
            }
            Ok(next)
        }
        _ => Ok(head.next),
    }
}
