//! From CBOR to [`Value`].

use std::borrow::Cow;

use super::head::{
    ARRAY, BYTES, Head, MAP, NEGATIVE, TAG, TEXT, UNSIGNED, content, deeper, finish, head, skip, text,
};
use super::{DATETIME, TUPLE, encode, tag};
use crate::calendar::{Date, DateTime};
use crate::dynamic::Value;
use crate::error::Status;
use crate::fault::Parsed;
use crate::limits::MAX_DEPTH;
use crate::memory::{self, NoMemory, TryGrow};
use crate::types::Element;

/// Reads exactly one item.
pub fn decode(bytes: &[u8]) -> Parsed<Value> {
    let (value, end) = item(bytes, 0, MAX_DEPTH)?;
    finish(bytes, end)?;
    Ok(value)
}

/// Reads the item at a place and returns it with the place after it.
fn item(bytes: &[u8], at: usize, depth: usize) -> Parsed<(Value, usize)> {
    let head = head(bytes, at)?;
    match head.major {
        UNSIGNED => Ok((Value::from_parts(false, head.argument), head.next)),
        NEGATIVE => Ok((negative(head.argument), head.next)),
        BYTES => {
            let content = content(bytes, &head)?;
            Ok((Value::Bytes(memory::copy(content)?), head.next + content.len()))
        }
        TEXT => {
            let text = text(bytes, &head)?;
            Ok((Value::Str(memory::text(text)?), head.next + text.len()))
        }
        ARRAY => {
            let (items, end) = items(bytes, head.next, head.argument, deeper(depth, at)?)?;
            Ok((Value::List(items), end))
        }
        MAP => map(bytes, at, &head, depth),
        TAG => tagged(bytes, at, &head, depth),
        _ => Ok((simple(&bytes[at..head.next], &head), head.next)),
    }
}

/// Makes the integer −1 − n.
fn negative(argument: u64) -> Value {
    match argument.checked_add(1) {
        Some(magnitude) => Value::from_parts(true, magnitude),
        // The magnitude is 2⁶⁴.
        None => Value::BigInt { negative: true, magnitude: vec![1, 0, 0, 0, 0, 0, 0, 0, 0] },
    }
}

/// Reads booleans, null, undefined and floats. Keeps simple values without a meaning encoded.
fn simple(encoded: &[u8], head: &Head) -> Value {
    match head.info {
        20 => Value::Bool(false),
        21 => Value::Bool(true),
        22 => Value::Null,
        23 => Value::Undefined,
        25 => Value::F64(half(head.argument)),
        26 => match u32::try_from(head.argument) {
            Ok(bits) => Value::F64(f64::from(f32::from_bits(bits))),
            Err(_) => Value::Cbor(encoded.to_vec()),
        },
        27 => Value::F64(f64::from_bits(head.argument)),
        _ => Value::Cbor(encoded.to_vec()),
    }
}

/// Converts a float of 16 bits.
fn half(bits: u64) -> f64 {
    let negative = bits >> 15 == 1;
    let (exponent, fraction) = ((bits >> 10) & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        0 => f64::from(u16::try_from(fraction).unwrap_or_default()) / f64::from(1 << 24),
        0x1f if fraction == 0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => f64::from_bits((exponent + 1023 - 15) << 52 | fraction << 42),
    };
    if negative { -magnitude } else { magnitude }
}

fn items(bytes: &[u8], at: usize, count: u64, depth: usize) -> Parsed<(Vec<Value>, usize)> {
    let mut items = memory::room_for(capacity(bytes, at, count))?;
    let mut end = at;
    for _ in 0..count {
        let (value, next) = item(bytes, end, depth)?;
        items.try_push(value)?;
        end = next;
    }
    Ok((items, end))
}

/// Returns how much room to make for items whose count may be wrong.
fn capacity(bytes: &[u8], at: usize, count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len().saturating_sub(at)).min(4096)
}

/// Reads a map. Keeps it encoded if it has a key twice.
fn map(bytes: &[u8], at: usize, head: &Head, depth: usize) -> Parsed<(Value, usize)> {
    let depth = deeper(depth, at)?;
    let mut entries = memory::room_for(capacity(bytes, head.next, head.argument))?;
    let mut keys = Once::with_capacity(entries.capacity())?;
    let mut end = head.next;
    for _ in 0..head.argument {
        let (key, middle) = item(bytes, end, depth)?;
        keys.push(&key, &bytes[end..middle])?;
        let (value, next) = item(bytes, middle, depth)?;
        entries.try_push((key, value))?;
        end = next;
    }
    if keys.repeat() {
        return Ok((Value::Cbor(memory::copy(&bytes[at..end])?), end));
    }
    Ok((Value::Map(entries), end))
}

/// Finds duplicates. It compares the bytes that writing makes, since one value can have several encodings.
struct Once<'a> {
    encoded: Vec<Cow<'a, [u8]>>,
    scratch: Vec<u8>,
}

impl<'a> Once<'a> {
    fn with_capacity(capacity: usize) -> Parsed<Self> {
        Ok(Self { encoded: memory::room_for(capacity)?, scratch: Vec::new() })
    }

    fn push(&mut self, value: &Value, read: &'a [u8]) -> Parsed<()> {
        self.scratch.clear();
        let is_other = match encode(value, &mut self.scratch) {
            Ok(()) => self.scratch != read,
            Err(error) if error.status() == Status::NoMemory => {
                return Err(NoMemory { bytes: read.len() }.into());
            }
            Err(_) => false,
        };
        let encoded = if is_other { Cow::Owned(memory::copy(&self.scratch)?) } else { Cow::Borrowed(read) };
        self.encoded.try_push(encoded)?;
        Ok(())
    }

    fn repeat(mut self) -> bool {
        if self.encoded.is_sorted_by(|a, b| a < b) {
            return false;
        }
        self.encoded.sort_unstable();
        self.encoded.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// Reads a tagged item. Keeps it encoded if `Value` has no variant for it.
fn tagged(bytes: &[u8], at: usize, head: &Head, depth: usize) -> Parsed<(Value, usize)> {
    let depth = deeper(depth, at)?;
    let known = match head.argument {
        tag::BIGNUM | tag::NEGATIVE_BIGNUM => bignum(bytes, head)?,
        tag::OBJECT => object(bytes, head.next, depth)?,
        tag::UUID => uuid(bytes, head)?,
        tag::SET => set(bytes, head.next, depth)?,
        tag::DATE => date(bytes, head)?,
        64..=87 => array(bytes, head)?,
        _ => None,
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let end = skip(bytes, head.next, depth)?;
    Ok((Value::Cbor(memory::copy(&bytes[at..end])?), end))
}

/// Returns a tag's content and the place after it, or `None` if the content is not bytes.
fn tagged_bytes<'a>(bytes: &'a [u8], tag: &Head) -> Parsed<Option<(&'a [u8], usize)>> {
    let inner = head(bytes, tag.next)?;
    if inner.major != BYTES {
        return Ok(None);
    }
    let content = content(bytes, &inner)?;
    Ok(Some((content, inner.next + content.len())))
}

fn bignum(bytes: &[u8], tag: &Head) -> Parsed<Option<(Value, usize)>> {
    let Some((digits, end)) = tagged_bytes(bytes, tag)? else { return Ok(None) };
    if tag.argument == tag::BIGNUM {
        return Ok(Some((Value::from_digits(false, digits)?, end)));
    }
    // −1 − n: the magnitude is one more.
    let mut magnitude = memory::room_for(digits.len() + 1)?;
    magnitude.push(0);
    magnitude.extend_from_slice(digits);
    for digit in magnitude.iter_mut().rev() {
        let (sum, overflowed) = digit.overflowing_add(1);
        *digit = sum;
        if !overflowed {
            break;
        }
    }
    Ok(Some((Value::from_digits(true, &magnitude)?, end)))
}

/// Reads a tuple or a local time. Returns `None` for other objects, which have no variant.
fn object(bytes: &[u8], at: usize, depth: usize) -> Parsed<Option<(Value, usize)>> {
    let array = head(bytes, at)?;
    if array.major != ARRAY || array.argument == 0 {
        return Ok(None);
    }
    let depth = deeper(depth, at)?;
    let first = head(bytes, array.next)?;
    if first.major != TEXT {
        return Ok(None);
    }
    let name = text(bytes, &first)?;
    let after_name = first.next + name.len();
    if name == TUPLE {
        let (elements, end) = items(bytes, after_name, array.argument - 1, depth)?;
        return Ok(Some((Value::Tuple(elements), end)));
    }
    if name != DATETIME || array.argument != 2 {
        return Ok(None);
    }
    let second = head(bytes, after_name)?;
    if second.major != TEXT {
        return Ok(None);
    }
    let iso = text(bytes, &second)?;
    Ok(DateTime::from_iso(iso).map(|time| (Value::DateTime(time.0), second.next + iso.len())))
}

fn uuid(bytes: &[u8], tag: &Head) -> Parsed<Option<(Value, usize)>> {
    let content = tagged_bytes(bytes, tag)?;
    Ok(content.and_then(|(content, end)| Some((Value::Uuid(content.try_into().ok()?), end))))
}

fn date(bytes: &[u8], tag: &Head) -> Parsed<Option<(Value, usize)>> {
    let inner = head(bytes, tag.next)?;
    if inner.major != TEXT {
        return Ok(None);
    }
    let full_date = text(bytes, &inner)?;
    Ok(Date::from_full_date(full_date).map(|date| (Value::Date(date.0), inner.next + full_date.len())))
}

/// Reads a set. Returns `None` if it has an element twice, for which there is no variant.
fn set(bytes: &[u8], at: usize, depth: usize) -> Parsed<Option<(Value, usize)>> {
    let array = head(bytes, at)?;
    if array.major != ARRAY {
        return Ok(None);
    }
    let depth = deeper(depth, at)?;
    let mut elements = memory::room_for(capacity(bytes, array.next, array.argument))?;
    let mut once = Once::with_capacity(elements.capacity())?;
    let mut end = array.next;
    for _ in 0..array.argument {
        let (element, next) = item(bytes, end, depth)?;
        once.push(&element, &bytes[end..next])?;
        elements.try_push(element)?;
        end = next;
    }
    Ok((!once.repeat()).then_some((Value::Set(elements), end)))
}

/// Reads an array of numbers of RFC 8746. Big-endian numbers become little-endian.
fn array(bytes: &[u8], tag: &Head) -> Parsed<Option<(Value, usize)>> {
    let (element, big_endian) = match tag.argument {
        64 => (Element::U8, false),
        65 => (Element::U16, true),
        66 => (Element::U32, true),
        67 => (Element::U64, true),
        69 => (Element::U16, false),
        70 => (Element::U32, false),
        71 => (Element::U64, false),
        72 => (Element::I8, false),
        73 => (Element::I16, true),
        74 => (Element::I32, true),
        75 => (Element::I64, true),
        77 => (Element::I16, false),
        78 => (Element::I32, false),
        79 => (Element::I64, false),
        81 => (Element::F32, true),
        82 => (Element::F64, true),
        85 => (Element::F32, false),
        86 => (Element::F64, false),
        // Clamped bytes and floats of 16 and 128 bits are not element types.
        _ => return Ok(None),
    };
    let Some((content, end)) = tagged_bytes(bytes, tag)? else { return Ok(None) };
    if content.len() % element.width() != 0 {
        return Ok(None);
    }
    let mut numbers = memory::copy(content)?;
    if big_endian {
        numbers.chunks_exact_mut(element.width()).for_each(<[u8]>::reverse);
    }
    Ok(Some((Value::Array { element, bytes: numbers }, end)))
}
