//! Encodes floating-point numbers as bytes that sort as the numbers do.

use crate::error::{Error, Result, Status};

/// Encodes a number: a negative one with all bits flipped, others with the sign bit flipped. −0.0 is encoded as 0.0. Fails
/// for NaN, which has no place in the order.
pub fn encode_f64(number: f64) -> Result<[u8; 8]> {
    if number.is_nan() {
        return Err(nan());
    }
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    Ok((if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) }).to_be_bytes())
}

/// Encodes an `f32` in the same way.
pub fn encode_f32(number: f32) -> Result<[u8; 4]> {
    if number.is_nan() {
        return Err(nan());
    }
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    Ok((if bits >> 31 == 1 { !bits } else { bits ^ (1 << 31) }).to_be_bytes())
}

/// Decodes a number. Returns `None` for NaN and −0.0, which are never written.
pub fn decode_f64(bytes: [u8; 8]) -> Option<f64> {
    let bits = u64::from_be_bytes(bytes);
    let number = f64::from_bits(if bits >> 63 == 1 { bits ^ (1 << 63) } else { !bits });
    (!number.is_nan() && (number != 0.0 || number.is_sign_positive())).then_some(number)
}

/// Decodes an `f32` in the same way.
pub fn decode_f32(bytes: [u8; 4]) -> Option<f32> {
    let bits = u32::from_be_bytes(bytes);
    let number = f32::from_bits(if bits >> 31 == 1 { bits ^ (1 << 31) } else { !bits });
    (!number.is_nan() && (number != 0.0 || number.is_sign_positive())).then_some(number)
}

/// Converts a key to `f32`. Fails if it is not exact: rounding would turn two keys into one.
pub fn exact_f32(number: f64) -> Result<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with the original below")]
    let narrow = number as f32;
    if f64::from(narrow).to_bits() == number.to_bits() || number.is_nan() {
        return Ok(narrow);
    }
    Err(Error::new(
        Status::BadKey,
        format!("{number} is not exact as f32, so it cannot be a key of that type"),
    ))
}

#[cold]
fn nan() -> Error {
    Error::new(Status::BadKey, "NaN cannot be a key: it has no place in the order")
}
