//! Encodes and decodes integers of every width, as keys and as values.
//!
//! A type is its width in bytes and whether it is signed, as [`Type::integer`](crate::Type::integer) returns them.

/// Encodes a key in the last bytes of the array, as many as the type has. Returns `None` if the type cannot hold the number.
#[inline]
#[must_use]
pub fn to_key(number: i128, (width, signed): (usize, bool)) -> Option<[u8; 8]> {
    let bits = 8 * width;
    // Counting from the least number is the same as flipping the sign bit.
    let shifted = u64::try_from(if signed { number + (1 << (bits - 1)) } else { number }).ok()?;
    (bits == 64 || shifted >> bits == 0).then_some(shifted.to_be_bytes())
}

/// Decodes a key. Returns `None` if its width is not that of the type.
#[inline]
#[must_use]
pub fn of_key(key: &[u8], (width, signed): (usize, bool)) -> Option<i128> {
    if key.len() != width {
        return None;
    }
    let mut bytes = [0; 8];
    bytes[8 - width..].copy_from_slice(key);
    let shifted = i128::from(u64::from_be_bytes(bytes));
    Some(if signed { shifted - (1 << (8 * width - 1)) } else { shifted })
}

/// Encodes a value in the first bytes of the array, as many as the type has. Returns `None` if the type cannot hold the
/// number.
#[inline]
#[must_use]
pub fn to_value(number: i128, (width, signed): (usize, bool)) -> Option<[u8; 8]> {
    let mut bytes = to_key(number, (width, signed))?;
    // From the last byte to the first, and the sign bit as it was.
    bytes.reverse();
    if signed {
        bytes[width - 1] ^= 0x80;
    }
    Some(bytes)
}

/// Decodes a value. Returns `None` if its width is not that of the type.
#[inline]
#[must_use]
pub fn of_value(value: &[u8], (width, signed): (usize, bool)) -> Option<i128> {
    if value.len() != width {
        return None;
    }
    let mut bytes = [0; 8];
    bytes[..width].copy_from_slice(value);
    let number = u64::from_le_bytes(bytes);
    let unused = 64 - 8 * width;
    Some(if signed { i128::from((number << unused).cast_signed() >> unused) } else { i128::from(number) })
}
