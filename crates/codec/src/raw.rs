//! Keys of raw collections, which another LMDB program wrote. Numbers are native-endian, and nothing is escaped.
//!
//! Values are those of other collections: [`check_value`](super::check_value), [`encode_value`](super::encode_value) and
//! [`decode_value`](super::decode_value).

use super::dynamic::{Value, integer_of};
use super::key;
use super::limits::MAX_KEY;
use super::types::Type;
use crate::error::{Result, Status};
use crate::memory::{self, TryGrow};

/// Checks a key of a raw collection that was opened with keys of type `ty`: its width, its length, and that text is UTF-8.
///
/// Numbers may have any bits, also those of NaN. Keys of tuples and of `any` are those of [`check_key`](super::check_key).
/// Fails with [`Status::KeySize`] or [`Status::BadKey`].
pub fn check_raw_key(ty: &Type, key: &[u8]) -> Result<()> {
    if key.is_empty() {
        return Err(key::empty());
    }
    if key.len() > MAX_KEY {
        return Err(key::too_long(key.len()));
    }
    let is_valid = match ty {
        Type::Str => simdutf8::basic::from_utf8(key).is_ok(),
        Type::F32 | Type::F64 => ty.key_width() == Some(key.len()),
        _ => return key::check_key(ty, key),
    };
    if is_valid { Ok(()) } else { Err(key::fault(ty, key)) }
}

/// Appends a key of a raw collection. A failure leaves `out` unchanged.
///
/// Fails with [`Status::BadKey`] if the value is not of the type, and with [`Status::KeySize`].
pub fn encode_raw_key(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::Str, Value::Str(text)) => append(text.as_bytes(), out),
        (Type::F32, Value::F64(number)) => append(&super::order::exact_f32(*number)?.to_ne_bytes(), out),
        (Type::F64, Value::F64(number)) => append(&number.to_ne_bytes(), out),
        (Type::Date, Value::Date(days)) => append(&days.to_ne_bytes(), out),
        (Type::DateTime, Value::DateTime(micros)) => append(&micros.to_ne_bytes(), out),
        _ => match ty.integer() {
            None => super::encode_key(ty, value, out),
            Some((width, _)) => {
                let mut bytes = integer_of(ty, value, Status::BadKey)?.to_le_bytes();
                native(&mut bytes[..width]);
                append(&bytes[..width], out)
            }
        },
    }
}

fn append(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    key::append(out, |out| Ok(out.try_extend(bytes)?))
}

/// Converts little-endian to native and back.
fn native(bytes: &mut [u8]) {
    if cfg!(target_endian = "big") {
        bytes.reverse();
    }
}

/// Reads a key of a raw collection. Fails as [`check_raw_key`] does.
pub fn decode_raw_key(ty: &Type, key: &[u8]) -> Result<Value> {
    check_raw_key(ty, key)?;
    match ty {
        Type::Str => Ok(Value::Str(memory::text(super::value::get_str(key)?)?)),
        Type::F32 | Type::F64 | Type::Date | Type::DateTime => number(ty, key),
        _ if ty.is_integer() => number(ty, key),
        _ => super::decode_key(ty, key),
    }
}

/// Decodes a number as a value, which is little-endian, after converting it from native.
fn number(ty: &Type, key: &[u8]) -> Result<Value> {
    let mut bytes = key.to_vec();
    native(&mut bytes);
    super::decode_value(ty, &bytes)
}
