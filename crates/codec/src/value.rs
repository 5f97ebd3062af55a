//! Values: what one can be ([`Value`]), and its bytes by type.

use super::cbor;
use super::types::{Element, Type};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short, TryGrow};

/// The largest encoded value, in bytes: 2 GiB, less what makes it one write with whole pages on every page size.
///
/// LMDB writes a value with a header of 16 bytes in pages of its own, by one call; Linux writes at most 2 GiB less
/// a page of the system, which has up to 64 KiB, in one call.
pub const MAX_VALUE: usize = (1 << 31) - (1 << 16) - 16;

/// A key or value of any type, owned.
///
/// Equality is that of what is stored: NaN equals NaN, 0.0 and −0.0 differ, and integers compare as numbers
/// whichever variant holds them. 1, 1.0 and true are three values.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::Value;
///
/// let entry = Value::Map(vec![(Value::from("name"), Value::from("DIGIT ONE")), (Value::from("digit"), Value::from(1))]);
/// assert_eq!(entry.get("digit"), Some(&Value::I64(1)));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    Null,
    /// Undefined; Julia's `missing`.
    Undefined,
    /// A truth value.
    Bool(bool),
    /// An integer.
    I64(i64),
    /// An integer; reading gives it only above `i64::MAX` or where the type is `u64`.
    U64(u64),
    /// An integer; reading gives it only where the others do not reach.
    BigInt {
        /// Whether it is below zero.
        negative: bool,
        /// The absolute value, big-endian, without leading zeros.
        magnitude: Vec<u8>,
    },
    /// A floating-point number; of the type `f32`, one of its numbers.
    F64(f64),
    /// Text.
    Str(String),
    /// Bytes; also what an `opaque[n]` holds.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid([u8; 16]),
    /// Days since 1970-01-01, see [`Date`](super::Date).
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00, see [`DateTime`](super::DateTime).
    DateTime(i64),
    /// Numbers, little-endian and in C order. In `any` the array has one dimension, else the type's.
    Array {
        /// The type of the numbers.
        element: Element,
        /// The numbers.
        bytes: Vec<u8>,
    },
    /// A tuple.
    Tuple(Vec<Value>),
    /// A list.
    List(Vec<Value>),
    /// A map, in the order in which it is stored.
    Map(Vec<(Value, Value)>),
    /// A set; writing sorts it.
    Set(Vec<Value>),
    /// One CBOR item as encoded: what has no variant here, such as a decimal or an array of two dimensions. It is
    /// written back unchanged.
    Cbor(Vec<u8>),
}

impl Value {
    /// The value of a text key in a map; none if there is no such key or this is no map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(entries) = self else { return None };
        entries
            .iter()
            .find(|(name, _)| matches!(name, Value::Str(name) if name == key))
            .map(|(_, value)| value)
    }

    /// What this is, in a word or two, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Undefined => "undefined",
            Value::Bool(_) => "bool",
            Value::I64(_) | Value::U64(_) | Value::BigInt { .. } => "integer",
            Value::F64(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::Uuid(_) => "uuid",
            Value::Date(_) => "date",
            Value::DateTime(_) => "datetime",
            Value::Array { .. } => "array",
            Value::Tuple(_) => "tuple",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Set(_) => "set",
            Value::Cbor(_) => "other CBOR item",
        }
    }

    /// The integer, if it is one and an `i128` can hold it.
    #[must_use]
    pub fn as_i128(&self) -> Option<i128> {
        match self {
            Value::I64(number) => Some(i128::from(*number)),
            Value::U64(number) => Some(i128::from(*number)),
            Value::BigInt { negative, magnitude } => {
                let digits = without_leading_zeros(magnitude);
                if digits.len() > 15 {
                    return None;
                }
                let number = digits.iter().fold(0, |sum: i128, byte| (sum << 8) | i128::from(*byte));
                Some(if *negative { -number } else { number })
            }
            _ => None,
        }
    }

    /// The integer of a sign and a magnitude, in the first variant that holds it.
    pub(super) fn from_parts(negative: bool, magnitude: u64) -> Self {
        let number = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        match (i64::try_from(number), negative) {
            (Ok(number), _) => Value::I64(number),
            (Err(_), false) => Value::U64(magnitude),
            (Err(_), true) => Value::BigInt { negative, magnitude: magnitude.to_be_bytes().to_vec() },
        }
    }

    /// The integer of a sign and big-endian digits, in the first variant that holds it.
    pub(super) fn from_digits(negative: bool, digits: &[u8]) -> std::result::Result<Self, NoMemory> {
        let digits = without_leading_zeros(digits);
        if digits.len() > 8 {
            return Ok(Value::BigInt { negative, magnitude: memory::copy(digits)? });
        }
        Ok(Self::from_parts(negative, digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))))
    }

    /// Sign and magnitude of a [`Value::BigInt`], without leading zeros.
    pub(super) fn big_parts(&self) -> (bool, &[u8]) {
        match self {
            Value::BigInt { negative, magnitude } => (*negative, without_leading_zeros(magnitude)),
            _ => (false, &[]),
        }
    }
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    &digits[zeros..]
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) | (Value::Undefined, Value::Undefined) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) | (Value::Cbor(a), Value::Cbor(b)) => a == b,
            (Value::Uuid(a), Value::Uuid(b)) => a == b,
            (Value::Date(a), Value::Date(b)) => a == b,
            (Value::DateTime(a), Value::DateTime(b)) => a == b,
            (Value::Array { element: a, bytes: c }, Value::Array { element: b, bytes: d }) => {
                a == b && c == d
            }
            (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Set(a), Value::Set(b)) => a == b || same_encoding(self, other),
            (
                Value::I64(_) | Value::U64(_) | Value::BigInt { .. },
                Value::I64(_) | Value::U64(_) | Value::BigInt { .. },
            ) => match (self.as_i128(), other.as_i128()) {
                (None, None) => self.big_parts() == other.big_parts(),
                (a, b) => a == b,
            },
            _ => false,
        }
    }
}

impl Eq for Value {}

/// Sets are equal whatever the order of their elements, and writing sorts them.
fn same_encoding(a: &Value, b: &Value) -> bool {
    let encoded = |value| {
        let mut bytes = Vec::new();
        cbor::encode(value, &mut bytes).map(|()| bytes)
    };
    match (a, b, encoded(a), encoded(b)) {
        (_, _, Ok(a), Ok(b)) => a == b,
        // Slowly, but without memory.
        (Value::Set(a), Value::Set(b), left, right)
            if [&left, &right]
                .iter()
                .any(|encoded| encoded.as_ref().is_err_and(|error| error.status() == Status::NoMemory)) =>
        {
            let holds = |set: &[Value], other: &[Value]| other.iter().all(|element| set.contains(element));
            a.len() == b.len() && holds(a, b) && holds(b, a)
        }
        _ => false,
    }
}

macro_rules! conversions {
    ($($from:ty => $make:expr;)*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let make: fn($from) -> Value = $make;
                make(value)
            }
        })*
    };
}

conversions! {
    bool => Value::Bool;
    i32 => |number| Value::I64(i64::from(number));
    i64 => Value::I64;
    u64 => |number| Value::from_parts(false, number);
    f64 => Value::F64;
    &str => |text| Value::Str(text.to_owned());
    String => Value::Str;
    &[u8] => |bytes| Value::Bytes(bytes.to_vec());
    Vec<u8> => Value::Bytes;
    super::Uuid => |uuid| Value::Uuid(uuid.0);
    super::Date => |date| Value::Date(date.0);
    super::DateTime => |time| Value::DateTime(time.0);
}

/// Checks that bytes are an encoded value of this type. `any` must be one well-formed CBOR item of definite
/// lengths, with valid UTF-8, at most [`MAX_DEPTH`](super::MAX_DEPTH) deep.
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

/// Appends the encoded value. On failure `out` is as it was.
///
/// A float is rounded to the nearest `f32` where the type is that. Fails with [`Status::BadValue`] if the value is
/// not of the type, and with [`Status::ValueSize`] over [`MAX_VALUE`].
pub fn encode_value(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    append(out, |out| put(ty, value, out))
}

/// Runs `put` on `out`, and undoes it if it fails or the value that it appended is too large.
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
        _ => match ty.integer() {
            Some((width, _)) => {
                out.try_extend(&integer_of(ty, value, Status::BadValue)?.to_le_bytes()[..width])?;
            }
            None => return Err(wrong_kind(Status::BadValue, ty, value)),
        },
    }
    Ok(())
}

fn round_to_f32(number: f64) -> Result<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
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

/// An integer of a type that an `i64` holds, or of a `u64` that it happens to hold.
fn get_integer(ty: &Type, value: &[u8]) -> Result<i64> {
    read_integer(ty, value).and_then(|number| i64::try_from(number).ok()).ok_or_else(|| fault(ty, value))
}

/// An encoded integer of an integer type.
pub(super) fn read_integer(ty: &Type, value: &[u8]) -> Option<i128> {
    let (width, signed) = ty.integer().filter(|(width, _)| *width == value.len())?;
    let fill = if signed && value[width - 1] >> 7 == 1 { 0xff } else { 0 };
    let mut bytes = [fill; 16];
    bytes[..width].copy_from_slice(value);
    Some(i128::from_le_bytes(bytes))
}

/// The text of a value of type `str`.
pub(super) fn get_str(value: &[u8]) -> Result<&str> {
    simdutf8::basic::from_utf8(value).map_err(|_| fault(&Type::Str, value))
}

/// The bytes of a value of a fixed width.
pub(super) fn fixed<const N: usize>(ty: &Type, value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| fault(ty, value))
}

/// The integer, if it is one in the type's range.
pub(super) fn integer_of(ty: &Type, value: &Value, status: Status) -> Result<i128> {
    let (least, greatest) = ty.integer_range().ok_or_else(|| wrong_kind(status, ty, value))?;
    if !matches!(value, Value::I64(_) | Value::U64(_) | Value::BigInt { .. }) {
        return Err(wrong_kind(status, ty, value));
    }
    let number = value.as_i128();
    number.filter(|number| (least..=greatest).contains(number)).ok_or_else(|| {
        let shown = number.map_or_else(|| "the integer".to_owned(), |number| number.to_string());
        Error::new(status, format!("{shown} is out of range of {ty} ({least} to {greatest})"))
    })
}

/// The error of a value that is of another kind than the type wants.
#[cold]
pub(super) fn wrong_kind(status: Status, ty: &Type, value: &Value) -> Error {
    let noun = if status == Status::BadKey { "key" } else { "value" };
    let article =
        |kind: &str| if kind.starts_with(['a', 'i', 'o', 'u']) && kind != "uuid" { "an" } else { "a" };
    let what = match value {
        Value::Array { element, .. } => format!("an array of {}", element.name()),
        Value::Null | Value::Undefined | Value::Bytes(_) => value.kind().to_owned(),
        _ => format!("{} {}", article(value.kind()), value.kind()),
    };
    Error::new(status, format!("a {noun} of type {} cannot be made from {what}", Short(ty)))
}

#[cold]
fn too_large(length: usize) -> Error {
    Error::new(Status::ValueSize, format!("a value of {length} bytes is too large; the limit is {MAX_VALUE}"))
}

/// Why bytes are not a value of this type.
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
