//! Encodes, decodes and checks values of every type.

use crate::cbor;
use crate::dynamic::{Value, integer_of};
use crate::error::{Error, Result, Status};
use crate::integer;
use crate::limits::MAX_VALUE;
use crate::memory::{self, TryGrow};
use crate::types::Type;

/// Checks that bytes are an encoded value of this type. `any` must be one well-formed CBOR item of definite
/// lengths, with valid UTF-8, at most [`MAX_DEPTH`](crate::MAX_DEPTH) deep.
///
/// Fails with [`Status::ValueSize`] over [`MAX_VALUE`], else with [`Status::BadValue`].
#[inline]
pub fn check_value(ty: &Type, value: &[u8]) -> Result<()> {
    if value.len() > MAX_VALUE {
        return Err(too_large(value.len()));
    }
    let is_valid = match ty {
        Type::Bytes => true,
        Type::Str => simdutf8::basic::from_utf8(value).is_ok(),
        Type::Bool => matches!(value, [0 | 1]),
        Type::Any => {
            return cbor::check(value).map_err(|fault| fault.into_error(Status::BadValue, "CBOR item"));
        }
        Type::Array { element, shape: None } => value.len().is_multiple_of(element.width()),
        _ => ty.value_width() == Some(value.len()),
    };
    if is_valid { Ok(()) } else { Err(fault(ty, value)) }
}

/// Appends the encoded value. A failure leaves `out` unchanged.
///
/// For the type `f32`, a float is rounded to the nearest. Fails with [`Status::BadValue`] if the value is
/// not of the type, and with [`Status::ValueSize`] over [`MAX_VALUE`].
pub fn encode_value(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    append(out, |out| put(ty, value, out))
}

/// Runs `put` on `out`, and removes what it appended if it fails or the value is too large.
pub(super) fn append(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let start = out.len();
    let outcome = put(out).and_then(|()| match out.len() - start {
        0..=MAX_VALUE => Ok(()),
        length => Err(too_large(length)),
    });
    if outcome.is_err() {
        out.truncate(start);
    }
    outcome
}

fn put(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::Bytes, Value::Bytes(bytes)) => out.try_extend(bytes)?,
        (Type::Str, Value::Str(text)) => out.try_extend(text.as_bytes())?,
        (Type::F32, Value::F64(number)) => out.try_extend(&round_to_f32(*number)?.to_le_bytes())?,
        (Type::F64, Value::F64(number)) => out.try_extend(&number.to_le_bytes())?,
        (Type::Bool, Value::Bool(truth)) => out.try_push(u8::from(*truth))?,
        (Type::Uuid, Value::Uuid(uuid)) => out.try_extend(uuid)?,
        (Type::Date, Value::Date(days)) => out.try_extend(&days.to_le_bytes())?,
        (Type::DateTime, Value::DateTime(micros)) => out.try_extend(&micros.to_le_bytes())?,
        (Type::Array { element: wanted, .. }, Value::Array { element, bytes }) if wanted == element => {
            check_value(ty, bytes)?;
            out.try_extend(bytes)?;
        }
        (Type::Opaque(_), Value::Bytes(bytes)) => {
            check_value(ty, bytes)?;
            out.try_extend(bytes)?;
        }
        (Type::Unit, Value::Null) => {}
        (Type::Any, _) => cbor::encode(value, out)?,
        _ => {
            let number = integer_of(ty, value, Status::BadValue)?;
            let kind = ty.integer().expect("other types have no integers");
            let bytes = integer::to_value(number, kind).expect("the number is in the type's range");
            out.try_extend(&bytes[..kind.0])?;
        }
    }
    Ok(())
}

fn round_to_f32(number: f64) -> Result<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "the type asks for rounding")]
    let narrow = number as f32;
    if narrow.is_infinite() && number.is_finite() {
        return Err(Error::new(Status::BadValue, format!("{number} is out of range of f32")));
    }
    Ok(narrow)
}

/// Reads an encoded value. Fails as [`check_value`] does.
pub fn decode_value(ty: &Type, value: &[u8]) -> Result<Value> {
    check_value(ty, value)?;
    Ok(match ty {
        Type::Bytes | Type::Opaque(_) => Value::Bytes(memory::copy(value)?),
        Type::Str => Value::Str(memory::text(get_str(value)?)?),
        Type::F32 => Value::F64(f64::from(f32::from_le_bytes(fixed(ty, value)?))),
        Type::F64 => Value::F64(f64::from_le_bytes(fixed(ty, value)?)),
        Type::Bool => Value::Bool(value == [1]),
        Type::Uuid => Value::Uuid(fixed(ty, value)?),
        Type::Date => Value::Date(i32::from_le_bytes(fixed(ty, value)?)),
        Type::DateTime => Value::DateTime(i64::from_le_bytes(fixed(ty, value)?)),
        Type::U64 => Value::U64(u64::from_le_bytes(fixed(ty, value)?)),
        Type::Array { element, .. } => Value::Array { element: *element, bytes: memory::copy(value)? },
        Type::Unit => Value::Null,
        Type::Any => cbor::decode(value).map_err(|fault| fault.into_error(Status::BadValue, "CBOR item"))?,
        _ => Value::I64(get_integer(ty, value)?),
    })
}

/// Decodes an integer of an integer type. Fails if an `i64` cannot hold it.
fn get_integer(ty: &Type, value: &[u8]) -> Result<i64> {
    read_integer(ty, value).and_then(|number| i64::try_from(number).ok()).ok_or_else(|| fault(ty, value))
}

/// Decodes an integer of an integer type.
pub(super) fn read_integer(ty: &Type, value: &[u8]) -> Option<i128> {
    integer::of_value(value, ty.integer()?)
}

/// Returns the text of a value of type `str`.
pub(super) fn get_str(value: &[u8]) -> Result<&str> {
    simdutf8::basic::from_utf8(value).map_err(|_| fault(&Type::Str, value))
}

/// Returns the bytes of a value of a fixed width.
pub(super) fn fixed<const N: usize>(ty: &Type, value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| fault(ty, value))
}

#[cold]
fn too_large(length: usize) -> Error {
    Error::new(Status::ValueSize, format!("a value of {length} bytes is too large; the limit is {MAX_VALUE}"))
}

/// Makes the error of bytes that are not a value of this type.
#[cold]
pub(super) fn fault(ty: &Type, value: &[u8]) -> Error {
    let message = match (ty, ty.value_width()) {
        (_, Some(width)) if width != value.len() => {
            format!("a value of type {ty} is {width} bytes, not {}", value.len())
        }
        (Type::Str, _) => "a value of type str must be UTF-8".to_owned(),
        (Type::Bool, _) => format!("a value of type bool is 0 or 1, not {}", value[0]),
        (Type::Array { element, .. }, _) => {
            format!("{} bytes are not a whole number of {}", value.len(), element.name())
        }
        _ => return ty.check_as_value().err().unwrap_or_else(|| bad_encoding(ty)),
    };
    Error::new(Status::BadValue, message)
}

#[cold]
fn bad_encoding(ty: &Type) -> Error {
    Error::new(Status::BadValue, format!("the bytes are not an encoded {ty}"))
}
