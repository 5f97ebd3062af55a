//! Adds to encoded integers.

use super::cbor;
use super::dynamic::Value;
use super::types::Type;
use super::value;
use crate::error::{Error, Result, Status};

/// Adds `delta` to an encoded integer, or to 0 if there is none. Returns the encoded sum, and the sum.
///
/// Works on every integer type and on integers in `any`. Fails with [`Status::TypeMismatch`] if the type or, in `any`, the
/// current value is not an integer, with [`Status::Overflow`] if the sum is outside the range of the type or of an `i64`, and
/// with [`Status::BadValue`] if `current` is not an encoded value of the type.
pub fn add_integer(ty: &Type, current: Option<&[u8]>, delta: i64) -> Result<(Vec<u8>, i64)> {
    let current = match (ty, current) {
        (Type::Any, Some(encoded)) => integer_in_any(encoded, delta)?,
        (_, Some(encoded)) if ty.is_integer() => {
            value::read_integer(ty, encoded).ok_or_else(|| value::fault(ty, encoded))?
        }
        (_, None) if *ty == Type::Any || ty.is_integer() => 0,
        _ => {
            return Err(Error::new(Status::TypeMismatch, format!("a value of type {ty} cannot be added to")));
        }
    };
    let in_type = |sum: &i64| {
        ty.integer_range().is_none_or(|(least, greatest)| (least..=greatest).contains(&i128::from(*sum)))
    };
    let sum = current.checked_add(i128::from(delta)).and_then(|sum| i64::try_from(sum).ok()).filter(in_type);
    let sum = sum.ok_or_else(|| overflow(ty, &current.to_string(), delta))?;
    let mut encoded = Vec::with_capacity(9);
    value::encode_value(ty, &Value::I64(sum), &mut encoded)?;
    Ok((encoded, sum))
}

fn integer_in_any(encoded: &[u8], delta: i64) -> Result<i128> {
    let current = cbor::decode(encoded).map_err(|fault| fault.into_error(Status::BadValue, "CBOR item"))?;
    match (&current, current.as_i128()) {
        (_, Some(number)) => Ok(number),
        (Value::BigInt { .. }, None) => Err(overflow(&Type::Any, "an integer beyond 64 bits", delta)),
        _ => {
            let message = format!("the value is {}, not an integer, and cannot be added to", current.kind());
            Err(Error::new(Status::TypeMismatch, message))
        }
    }
}

#[cold]
fn overflow(ty: &Type, current: &str, delta: i64) -> Error {
    let range = match ty.integer_range() {
        Some((least, greatest)) if greatest <= i128::from(i64::MAX) => format!("{least} to {greatest}"),
        Some((least, _)) => format!("{least} to {}, the greatest that a call can return", i64::MAX),
        None => format!("{} to {}", i64::MIN, i64::MAX),
    };
    Error::new(Status::Overflow, format!("adding {delta} to {current} (type {ty}) leaves the range {range}"))
}
