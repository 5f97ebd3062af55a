//! Keys: bytes that sort as their meanings do.

use super::dynamic::{Value, integer_of, wrong_kind};
use super::fault::Fault;
use super::limits::MAX_KEY;
use super::types::Type;
use super::{integer, order, tuple};
use crate::error::{Error, Result, Status};
use crate::memory::{self, TryGrow};

/// Checks that bytes are what [`encode_key`] makes of a key of this type.
///
/// Fails with [`Status::KeySize`] for an empty `bytes` key and for more than [`MAX_KEY`] bytes, else with
/// [`Status::BadKey`].
#[inline]
pub fn check_key(ty: &Type, key: &[u8]) -> Result<()> {
    if key.len() > MAX_KEY {
        return Err(too_long(key.len()));
    }
    match ty {
        Type::Bytes if key.is_empty() => return Err(empty()),
        Type::Bytes => return Ok(()),
        Type::Str => check_str(key),
        Type::F32 => key.try_into().is_ok_and(|bytes| order::decode_f32(bytes).is_some()),
        Type::F64 => key.try_into().is_ok_and(|bytes| order::decode_f64(bytes).is_some()),
        Type::Bool => matches!(key, [0 | 1]),
        Type::Any => return tuple::check_one(key).map_err(|fault| fault.into_error(Status::BadKey, ty)),
        Type::Tuple(types) => {
            return tuple::check_row(types, key).map_err(|fault| fault.into_error(Status::BadKey, ty));
        }
        _ => ty.key_width() == Some(key.len()),
    }
    .then_some(())
    .ok_or_else(|| fault(ty, key))
}

/// Returns true if the key is text: an empty one, and one that begins with a NUL, stands behind one more NUL.
#[inline]
fn check_str(key: &[u8]) -> bool {
    match key {
        [] | [0, 1..=255, ..] => false,
        _ => simdutf8::basic::from_utf8(key).is_ok(),
    }
}

/// Appends the encoded key. A failure leaves `out` unchanged.
///
/// Fails with [`Status::BadKey`] if the value is not of the type, and with [`Status::KeySize`] as [`check_key`] does.
pub fn encode_key(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    append(out, |out| put(ty, value, out))
}

/// Runs `put` on `out`, and removes what it appended if it fails or the key is empty or too long.
pub(super) fn append(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let start = out.len();
    let outcome = put(out).and_then(|()| match out.len() - start {
        0 => Err(empty()),
        1..=MAX_KEY => Ok(()),
        length => Err(too_long(length)),
    });
    if outcome.is_err() {
        out.truncate(start);
    }
    outcome
}

fn put(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::Bytes, Value::Bytes(bytes)) => out.try_extend(bytes)?,
        (Type::Str, Value::Str(text)) => put_str(text, out)?,
        (Type::F32, Value::F64(number)) => {
            out.try_extend(&order::encode_f32(order::exact_f32(*number)?)?)?;
        }
        (Type::F64, Value::F64(number)) => out.try_extend(&order::encode_f64(*number)?)?,
        (Type::Bool, Value::Bool(truth)) => out.try_push(u8::from(*truth))?,
        (Type::Uuid, Value::Uuid(uuid)) => out.try_extend(uuid)?,
        (Type::Date, Value::Date(days)) => put_integer(&Type::I32, i128::from(*days), out)?,
        (Type::DateTime, Value::DateTime(micros)) => put_integer(&Type::I64, i128::from(*micros), out)?,
        (Type::Opaque(width), Value::Bytes(bytes)) if bytes.len() == *width => out.try_extend(bytes)?,
        (Type::Opaque(_), Value::Bytes(bytes)) => return Err(fault(ty, bytes)),
        (Type::Any, _) => tuple::encode_one(value, out)?,
        (Type::Tuple(types), _) => tuple::encode_row((ty, types), value, out, true)?,
        _ if ty.is_integer() => put_integer(ty, integer_of(ty, value, Status::BadKey)?, out)?,
        _ => return Err(wrong_kind(Status::BadKey, ty, value)),
    }
    Ok(())
}

pub(super) fn put_str(text: &str, out: &mut Vec<u8>) -> Result<()> {
    if !is_its_key(text.as_bytes()) {
        out.try_push(0)?;
    }
    Ok(out.try_extend(text.as_bytes())?)
}

/// Returns true if a text is its own key. Otherwise its key has a NUL before it.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn is_its_key(text: &[u8]) -> bool {
    text.first().is_some_and(|first| *first != 0)
}

/// Returns the text of a key. It may not be valid UTF-8.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn text_of(key: &[u8]) -> &[u8] {
    key.strip_prefix(&[0]).unwrap_or(key)
}

/// Appends an integer that is in the type's range: big-endian in the type's width, with the sign bit flipped.
fn put_integer(ty: &Type, number: i128, out: &mut Vec<u8>) -> Result<()> {
    let kind = ty.integer().expect("the type is an integer's");
    let bytes = integer::to_key(number, kind).expect("the number is in the type's range");
    Ok(out.try_extend(&bytes[8 - kind.0..])?)
}

/// Appends the bytes that all keys with this prefix begin with. A failure leaves `out` unchanged.
///
/// The prefix is text for `str`, bytes for `bytes` and `opaque`, and the leading elements for a tuple type; for `any`, it is
/// text, bytes or a tuple of leading elements. It may be empty. Other types have no prefixes: [`Status::BadType`].
pub fn encode_key_prefix(ty: &Type, prefix: &Value, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let outcome = match (ty, prefix) {
        (Type::Str, Value::Str(text)) if text.is_empty() => Ok(()),
        (Type::Str, Value::Str(text)) => put_str(text, out),
        (Type::Bytes | Type::Opaque(_), Value::Bytes(bytes)) => out.try_extend(bytes).map_err(Error::from),
        (Type::Any, _) => tuple::encode_prefix(prefix, out),
        (Type::Tuple(types), _) => tuple::encode_row((ty, types), prefix, out, false),
        (Type::Str | Type::Bytes | Type::Opaque(_), _) => Err(wrong_kind(Status::BadKey, ty, prefix)),
        _ => Err(Error::new(
            Status::BadType,
            format!("keys of type {ty} have no prefix; those of str, bytes, opaque, tuples and any do"),
        )),
    };
    if outcome.is_err() {
        out.truncate(start);
    }
    outcome
}

/// Appends the bytes of a bound of a range of keys. A failure leaves `out` unchanged.
///
/// A bound is encoded as a key is, but need not be a key that can be stored. It may be empty. If it is longer than
/// [`MAX_KEY`], only its first bytes are appended, one more than a key can have: they sort among all keys as the whole
/// bound would.
///
/// Fails with [`Status::BadKey`] if the bound is not of the type.
pub fn encode_key_bound(ty: &Type, bound: &Value, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    match put(ty, bound, out) {
        Ok(()) => out.truncate(start + MAX_KEY + 1),
        Err(error) => {
            out.truncate(start);
            return Err(error);
        }
    }
    Ok(())
}

/// Reads an encoded key. Fails as [`check_key`] does.
pub fn decode_key(ty: &Type, key: &[u8]) -> Result<Value> {
    check_key(ty, key)?;
    let bad = |fault: Fault| fault.into_error(Status::BadKey, ty);
    Ok(match ty {
        Type::Bytes | Type::Opaque(_) => Value::Bytes(memory::copy(key)?),
        Type::Str => Value::Str(memory::text(get_str(key)?)?),
        Type::F32 => Value::F64(f64::from(number(ty, key, order::decode_f32)?)),
        Type::F64 => Value::F64(number(ty, key, order::decode_f64)?),
        Type::Bool => Value::Bool(key == [1]),
        Type::Uuid => Value::Uuid(number(ty, key, Some)?),
        Type::Date => Value::Date(number(ty, key, |bytes| Some(i32::from_be_bytes(bytes) ^ i32::MIN))?),
        Type::DateTime => {
            Value::DateTime(number(ty, key, |bytes| Some(i64::from_be_bytes(bytes) ^ i64::MIN))?)
        }
        Type::U64 => Value::U64(number(ty, key, |bytes| Some(u64::from_be_bytes(bytes)))?),
        Type::Any => tuple::decode_one(key).map_err(bad)?,
        Type::Tuple(types) => tuple::decode_row(types, key).map_err(bad)?,
        _ => get_integer(ty, key)?,
    })
}

/// Returns the text of a checked key.
pub(super) fn get_str(key: &[u8]) -> Result<&str> {
    simdutf8::basic::from_utf8(text_of(key)).map_err(|_| fault(&Type::Str, key))
}

/// Decodes a key of a fixed width.
pub(super) fn number<const N: usize, T>(
    ty: &Type,
    key: &[u8],
    decode: impl FnOnce([u8; N]) -> Option<T>,
) -> Result<T> {
    key.try_into().ok().and_then(decode).ok_or_else(|| fault(ty, key))
}

fn get_integer(ty: &Type, key: &[u8]) -> Result<Value> {
    let number = ty.integer().and_then(|kind| integer::of_key(key, kind));
    number.and_then(|number| i64::try_from(number).ok()).map(Value::I64).ok_or_else(|| fault(ty, key))
}

#[cold]
pub(super) fn empty() -> Error {
    Error::new(Status::KeySize, "a key cannot be empty")
}

#[cold]
pub(super) fn too_long(length: usize) -> Error {
    Error::new(
        Status::KeySize,
        format!("a key of {length} bytes encoded is too long; the limit is {MAX_KEY}"),
    )
}

/// Makes the error of bytes that are not a key of this type.
#[cold]
pub(super) fn fault(ty: &Type, key: &[u8]) -> Error {
    let message = match (ty, ty.key_width()) {
        (Type::Array { .. } | Type::Unit, _) => return ty.check_as_key().err().unwrap_or_else(empty),
        (_, Some(width)) if width != key.len() => {
            format!("a key of type {ty} is {width} bytes, not {}", key.len())
        }
        (Type::Str, _) if key.is_empty() => "the key of an empty str is one NUL byte, not none".to_owned(),
        (Type::Str, _) if simdutf8::basic::from_utf8(key).is_err() => {
            "a key of type str must be UTF-8".to_owned()
        }
        (Type::Str, _) => "a key of type str that begins with NUL needs one more NUL before it".to_owned(),
        (Type::Bool, _) => format!("a key of type bool is 0 or 1, not {}", key[0]),
        (Type::F32 | Type::F64, _) => format!("a key of type {ty} cannot be NaN, and −0.0 is encoded as 0.0"),
        _ => format!("a key of {} bytes is not an encoded {ty}", key.len()),
    };
    Error::new(Status::BadKey, message)
}
