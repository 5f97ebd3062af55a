//! Writes a [`Value`] as CBOR, in the one form that each value has.

use super::head::{ARRAY, BYTES, MAP, NEGATIVE, TAG, TEXT, UNSIGNED, finish, skip};
use super::{DATETIME, TUPLE, tag};
use crate::calendar::{Date, DateTime};
use crate::dynamic::Value;
use crate::error::{Error, Result, Status};
use crate::limits::MAX_DEPTH;
use crate::memory::{self, TryGrow};
use crate::types::Element;

/// Appends one item. After a failure, `out` may hold a part of it.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    item(value, out, MAX_DEPTH)
}

fn item(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    match value {
        Value::Null => out.try_push(0xf6)?,
        Value::Undefined => out.try_push(0xf7)?,
        Value::Bool(truth) => out.try_push(if *truth { 0xf5 } else { 0xf4 })?,
        Value::I64(_) | Value::U64(_) | Value::BigInt { .. } => integer(value, out, depth)?,
        Value::F64(number) => float(*number, out)?,
        Value::Str(content) => text(content, out)?,
        Value::Bytes(content) => bytes(content, out)?,
        Value::Uuid(uuid) => {
            deeper(depth, 1)?;
            head(TAG, tag::UUID, out)?;
            bytes(uuid, out)?;
        }
        Value::Date(days) => {
            deeper(depth, 1)?;
            head(TAG, tag::DATE, out)?;
            text(&Date(*days).to_full_date().ok_or_else(|| no_year("date"))?, out)?;
        }
        Value::DateTime(micros) => {
            deeper(depth, 2)?;
            object(DATETIME, 1, out)?;
            text(&DateTime(*micros).to_iso().ok_or_else(|| no_year("datetime"))?, out)?;
        }
        Value::Array { element, bytes: numbers } => {
            deeper(depth, 1)?;
            if numbers.len() % element.width() != 0 {
                let message = format!("{} bytes are not a whole number of {}", numbers.len(), element.name());
                return Err(Error::new(Status::BadValue, message));
            }
            head(TAG, array_tag(*element), out)?;
            bytes(numbers, out)?;
        }
        Value::Tuple(elements) => {
            object(TUPLE, elements.len(), out)?;
            let depth = deeper(depth, 2)?;
            elements.iter().try_for_each(|element| item(element, out, depth))?;
        }
        Value::List(elements) => {
            head(ARRAY, length(elements), out)?;
            let depth = deeper(depth, 1)?;
            elements.iter().try_for_each(|element| item(element, out, depth))?;
        }
        Value::Map(entries) => map(entries, out, deeper(depth, 1)?)?,
        Value::Set(elements) => set(elements, out, deeper(depth, 2)?)?,
        Value::Cbor(encoded) => {
            let checked = skip(encoded, 0, depth).and_then(|end| finish(encoded, end));
            checked.map_err(|fault| fault.into_error(Status::BadValue, "CBOR item"))?;
            out.try_extend(encoded)?;
        }
    }
    Ok(())
}

fn integer(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    // The argument of a negative item is −1 − n: the bits of n, inverted.
    let (major, argument) = match value.as_i128() {
        Some(number) if number < 0 => (NEGATIVE, u64::try_from(!number)),
        Some(number) => (UNSIGNED, u64::try_from(number)),
        None => return bignum(value, out, depth),
    };
    match argument {
        Ok(argument) => head(major, argument, out)?,
        Err(_) => return bignum(value, out, depth),
    }
    Ok(())
}

fn bignum(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    deeper(depth, 1)?;
    let (negative, magnitude) = value.big_parts();
    if !negative {
        head(TAG, tag::BIGNUM, out)?;
        bytes(magnitude, out)?;
        return Ok(());
    }
    let mut argument = memory::copy(magnitude)?;
    for digit in argument.iter_mut().rev() {
        let (difference, overflowed) = digit.overflowing_sub(1);
        *digit = difference;
        if !overflowed {
            break;
        }
    }
    head(TAG, tag::NEGATIVE_BIGNUM, out)?;
    bytes(&argument[usize::from(argument[0] == 0)..], out)?;
    Ok(())
}

/// Appends a float of 64 bits. Every NaN is written alike.
#[inline]
pub fn float(number: f64, out: &mut Vec<u8>) -> Result<()> {
    let bits = if number.is_nan() { 0x7ff8_0000_0000_0000 } else { number.to_bits() };
    out.try_push(0xfb)?;
    out.try_extend(&bits.to_be_bytes())?;
    Ok(())
}

fn map(entries: &[(Value, Value)], out: &mut Vec<u8>, depth: usize) -> Result<()> {
    head(MAP, length(entries), out)?;
    let mut keys = memory::room_for(entries.len())?;
    for (key, value) in entries {
        let start = out.len();
        item(key, out, depth)?;
        keys.push(start..out.len());
        item(value, out, depth)?;
    }
    keys.sort_unstable_by(|a, b| out[a.clone()].cmp(&out[b.clone()]));
    if keys.windows(2).any(|pair| out[pair[0].clone()] == out[pair[1].clone()]) {
        return Err(Error::new(Status::BadValue, "a map cannot have a key twice"));
    }
    Ok(())
}

fn set(elements: &[Value], out: &mut Vec<u8>, depth: usize) -> Result<()> {
    let mut encoded = memory::room_for(elements.len())?;
    for element in elements {
        let mut bytes = Vec::new();
        item(element, &mut bytes, depth)?;
        encoded.push(bytes);
    }
    encoded.sort_unstable();
    if encoded.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::new(Status::BadValue, "a set cannot have an element twice"));
    }
    head(TAG, tag::SET, out)?;
    head(ARRAY, length(elements), out)?;
    for element in &encoded {
        out.try_extend(element)?;
    }
    Ok(())
}

/// Appends the beginning of an object of so many arguments.
fn object(name: &str, arguments: usize, out: &mut Vec<u8>) -> Result<()> {
    head(TAG, tag::OBJECT, out)?;
    head(ARRAY, arguments as u64 + 1, out)?;
    text(name, out)
}

/// Appends a text.
pub fn text(content: &str, out: &mut Vec<u8>) -> Result<()> {
    head(TEXT, content.len() as u64, out)?;
    out.try_extend(content.as_bytes())?;
    Ok(())
}

fn bytes(content: &[u8], out: &mut Vec<u8>) -> Result<()> {
    head(BYTES, content.len() as u64, out)?;
    out.try_extend(content)?;
    Ok(())
}

fn length<T>(items: &[T]) -> u64 {
    items.len() as u64
}

/// Appends a major type and its argument in the fewest bytes.
#[inline]
pub fn head(major: u8, argument: u64, out: &mut Vec<u8>) -> Result<()> {
    let digits = argument.to_be_bytes();
    let (info, width) = match argument {
        0..24 => (digits[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.try_push(major << 5 | info)?;
    out.try_extend(&digits[8 - width..])?;
    Ok(())
}

/// Returns the tag of RFC 8746 for little-endian numbers.
fn array_tag(element: Element) -> u64 {
    match element {
        Element::U8 => 64,
        Element::U16 => 69,
        Element::U32 => 70,
        Element::U64 => 71,
        Element::I8 => 72,
        Element::I16 => 77,
        Element::I32 => 78,
        Element::I64 => 79,
        Element::F32 => 85,
        Element::F64 => 86,
    }
}

fn deeper(depth: usize, levels: usize) -> Result<usize> {
    depth.checked_sub(levels).ok_or_else(|| {
        Error::new(Status::BadValue, format!("a value nests arrays, maps and tags at most {MAX_DEPTH} deep"))
    })
}

#[cold]
fn no_year(what: &str) -> Error {
    Error::new(Status::BadValue, format!("a {what} in a value of type any is of the years 0000 to 9999"))
}
