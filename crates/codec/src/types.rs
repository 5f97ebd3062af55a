//! Types of keys and values, and the strings that name them.

use std::fmt;

use super::limits::{MAX_KEY, MAX_VALUE};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short};

/// The most dimensions of an array. No array library has more.
const MAX_DIMENSIONS: usize = 32;

/// The type of a collection's keys or values.
///
/// It is written as a short string. The catalog stores this string, and every language uses it. Each type has exactly one
/// spelling.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::{Element, Type};
///
/// let vector = Type::parse("f32[768]")?;
/// assert_eq!(vector, Type::Array { element: Element::F32, shape: Some(vec![768]) });
/// assert_eq!(vector.value_width(), Some(3072));
/// assert_eq!(Type::parse("(str,i64)")?, Type::Tuple(vec![Type::Str, Type::I64]));
/// assert_eq!(vector.to_string(), "f32[768]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Type {
    /// `bytes`: any bytes.
    Bytes,
    /// `str`: UTF-8 text.
    Str,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `f32`: IEEE 754 binary32.
    F32,
    /// `f64`: IEEE 754 binary64.
    F64,
    /// `bool`.
    Bool,
    /// `uuid`: 16 bytes.
    Uuid,
    /// `date`: a day of the proleptic Gregorian calendar.
    Date,
    /// `datetime`: a microsecond of the proleptic Gregorian calendar, without a time zone.
    DateTime,
    /// `(T1,T2,…)`: a fixed row of scalars. Only keys can have this type.
    Tuple(Vec<Type>),
    /// `T[]` or `T[n,m,…]`: numbers in C order. Only values can have this type.
    Array {
        /// The type of the numbers.
        element: Element,
        /// The dimensions. `None` stands for `T[]`, which is one dimension of any length.
        shape: Option<Vec<usize>>,
    },
    /// `opaque[n]`: n bytes, whose meaning only the program knows.
    Opaque(usize),
    /// `any`: each key or value has its own type.
    Any,
    /// `unit`: the empty value that a set's elements map to. A dict cannot have it.
    Unit,
}

/// The type of the numbers in an array. The discriminant is the number of the C ABI's `PC_ELEMENT_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Element {
    /// `i8`.
    I8 = 1,
    /// `i16`.
    I16 = 2,
    /// `i32`.
    I32 = 3,
    /// `i64`.
    I64 = 4,
    /// `u8`.
    U8 = 5,
    /// `u16`.
    U16 = 6,
    /// `u32`.
    U32 = 7,
    /// `u64`.
    U64 = 8,
    /// `f32`.
    F32 = 9,
    /// `f64`.
    F64 = 10,
}

impl Element {
    /// All element types.
    pub const ALL: [Element; 10] = [
        Element::I8,
        Element::I16,
        Element::I32,
        Element::I64,
        Element::U8,
        Element::U16,
        Element::U32,
        Element::U64,
        Element::F32,
        Element::F64,
    ];

    /// Returns how many bytes one number takes.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Element::I8 | Element::U8 => 1,
            Element::I16 | Element::U16 => 2,
            Element::I32 | Element::U32 | Element::F32 => 4,
            Element::I64 | Element::U64 | Element::F64 => 8,
        }
    }

    /// Returns its name in a type string, for example `f32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Element::I8 => "i8",
            Element::I16 => "i16",
            Element::I32 => "i32",
            Element::I64 => "i64",
            Element::U8 => "u8",
            Element::U16 => "u16",
            Element::U32 => "u32",
            Element::U64 => "u64",
            Element::F32 => "f32",
            Element::F64 => "f64",
        }
    }

    /// Returns the element type of a number of the C ABI's `PC_ELEMENT_*`.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|element| *element as u32 == number)
    }
}

impl Type {
    /// Reads a type string. There is one spelling of each type, without spaces.
    ///
    /// Fails with [`Status::BadType`].
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(scalar) = Self::scalar(text) {
            return Ok(scalar);
        }
        match text {
            "any" => return Ok(Type::Any),
            "unit" => return Ok(Type::Unit),
            _ => {}
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            return Self::parse_tuple(text, inner);
        }
        if let Some((name, dimensions)) = text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            return Self::parse_brackets(text, name, dimensions);
        }
        Err(bad(
            text,
            "a type is bytes, str, i8 to i64, u8 to u64, f32, f64, bool, uuid, date, datetime, any, \
             a tuple like (str,i64), an array like f32[] or f32[3,4], or opaque[n]",
        ))
    }

    fn scalar(name: &str) -> Option<Self> {
        Some(match name {
            "bytes" => Type::Bytes,
            "str" => Type::Str,
            "i8" => Type::I8,
            "i16" => Type::I16,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "u8" => Type::U8,
            "u16" => Type::U16,
            "u32" => Type::U32,
            "u64" => Type::U64,
            "f32" => Type::F32,
            "f64" => Type::F64,
            "bool" => Type::Bool,
            "uuid" => Type::Uuid,
            "date" => Type::Date,
            "datetime" => Type::DateTime,
            _ => return None,
        })
    }

    fn parse_tuple(text: &str, inner: &str) -> Result<Self> {
        let scalar = |name| {
            Self::scalar(name).ok_or_else(|| {
                bad(text, "a tuple is scalar types between commas, without spaces, as in (str,i64)")
            })
        };
        memory::gather(inner.split(',').map(scalar)).map(Type::Tuple)
    }

    fn parse_brackets(text: &str, name: &str, dimensions: &str) -> Result<Self> {
        if name == "opaque" {
            let width = parse_number(dimensions).filter(|width| *width <= MAX_VALUE);
            return width
                .map(Type::Opaque)
                .ok_or_else(|| bad(text, "opaque[n] needs a width in bytes from 1 to 2147418096"));
        }
        let element = Element::ALL.into_iter().find(|element| element.name() == name).ok_or_else(|| {
            bad(text, "arrays are of i8 to i64, u8 to u64, f32 or f64, for example f32[] or f32[3,4]")
        })?;
        if dimensions.is_empty() {
            return Ok(Type::Array { element, shape: None });
        }
        // One more than is allowed is enough to refuse a longer list.
        let shape: Option<Vec<usize>> =
            dimensions.split(',').take(MAX_DIMENSIONS + 1).map(parse_number).collect();
        let shape = shape.filter(|shape| shape.len() <= MAX_DIMENSIONS).ok_or_else(|| {
            bad(text, "dimensions are 1 to 32 whole numbers above 0 between commas, as in f32[3,4]")
        })?;
        if array_width(element, &shape).is_none() {
            return Err(bad(text, "an array of these dimensions is over 2147418096 bytes"));
        }
        Ok(Type::Array { element, shape: Some(shape) })
    }

    /// Returns true if the keys of a dict or the elements of a set can be of this type.
    #[must_use]
    pub fn can_be_key(&self) -> bool {
        match self {
            Type::Array { .. } | Type::Unit => false,
            Type::Tuple(elements) => !elements.is_empty() && elements.iter().all(Type::is_scalar),
            Type::Opaque(width) => (1..=MAX_KEY).contains(width),
            _ => true,
        }
    }

    /// Returns true if the values of a dict can be of this type.
    #[must_use]
    pub fn can_be_value(&self) -> bool {
        match self {
            Type::Tuple(_) | Type::Unit => false,
            Type::Array { element, shape: Some(shape) } => {
                (1..=MAX_DIMENSIONS).contains(&shape.len()) && array_width(*element, shape).is_some()
            }
            Type::Opaque(width) => (1..=MAX_VALUE).contains(width),
            _ => true,
        }
    }

    /// Fails with [`Status::BadType`] if keys cannot be of this type.
    pub fn check_as_key(&self) -> Result<()> {
        if self.can_be_key() {
            return Ok(());
        }
        Err(bad(
            &self.short(),
            "a key is bytes, str, a number, bool, uuid, date, datetime, any, a tuple of these as in (str,i64), \
             or opaque[n] of at most 1978 bytes",
        ))
    }

    /// Fails with [`Status::BadType`] if a dict's values cannot be of this type.
    pub fn check_as_value(&self) -> Result<()> {
        if self.can_be_value() {
            return Ok(());
        }
        let hint = match self {
            Type::Tuple(_) => "only keys are typed tuples; values that are tuples have the type any",
            Type::Unit => "only a set's elements map to unit; open a set",
            _ => "a value is of a positive size of at most 2147418096 bytes",
        };
        Err(bad(&self.short(), hint))
    }

    /// Returns how many bytes each encoded key of this type takes, or `None` if they differ in length.
    #[must_use]
    #[inline]
    pub fn key_width(&self) -> Option<usize> {
        match self {
            Type::Array { .. } | Type::Unit => None,
            _ => self.value_width(),
        }
    }

    /// Returns how many bytes each encoded value of this type takes, or `None` if they differ in length.
    #[must_use]
    #[inline]
    pub fn value_width(&self) -> Option<usize> {
        match self {
            Type::I8 | Type::U8 | Type::Bool => Some(1),
            Type::I16 | Type::U16 => Some(2),
            Type::I32 | Type::U32 | Type::F32 | Type::Date => Some(4),
            Type::I64 | Type::U64 | Type::F64 | Type::DateTime => Some(8),
            Type::Uuid => Some(16),
            Type::Opaque(width) => Some(*width),
            Type::Array { element, shape: Some(shape) } => array_width(*element, shape),
            Type::Unit => Some(0),
            Type::Bytes | Type::Str | Type::Tuple(_) | Type::Array { shape: None, .. } | Type::Any => None,
        }
    }

    /// Returns true if it is one of `i8` to `i64` and `u8` to `u64`.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.integer().is_some()
    }

    /// Returns the width in bytes of an integer type, and whether it is signed.
    #[must_use]
    #[inline]
    pub fn integer(&self) -> Option<(usize, bool)> {
        Some(match self {
            Type::I8 => (1, true),
            Type::I16 => (2, true),
            Type::I32 => (4, true),
            Type::I64 => (8, true),
            Type::U8 => (1, false),
            Type::U16 => (2, false),
            Type::U32 => (4, false),
            Type::U64 => (8, false),
            _ => return None,
        })
    }

    /// Returns the least and the greatest number of an integer type.
    #[must_use]
    pub fn integer_range(&self) -> Option<(i128, i128)> {
        self.integer().map(|(width, signed)| {
            let bits = 8 * width;
            if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
        })
    }

    /// Copies the type. This is fallible, since a tuple can have many elements.
    #[doc(hidden)]
    pub fn try_clone(&self) -> Result<Self, NoMemory> {
        match self {
            Type::Tuple(elements) => memory::gather(elements.iter().map(Type::try_clone)).map(Type::Tuple),
            other => Ok(other.clone()),
        }
    }

    fn short(&self) -> String {
        Short(self).to_string()
    }

    fn is_scalar(&self) -> bool {
        !matches!(self, Type::Tuple(_) | Type::Array { .. } | Type::Opaque(_) | Type::Any | Type::Unit)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bytes => f.write_str("bytes"),
            Type::Str => f.write_str("str"),
            Type::I8 => f.write_str("i8"),
            Type::I16 => f.write_str("i16"),
            Type::I32 => f.write_str("i32"),
            Type::I64 => f.write_str("i64"),
            Type::U8 => f.write_str("u8"),
            Type::U16 => f.write_str("u16"),
            Type::U32 => f.write_str("u32"),
            Type::U64 => f.write_str("u64"),
            Type::F32 => f.write_str("f32"),
            Type::F64 => f.write_str("f64"),
            Type::Bool => f.write_str("bool"),
            Type::Uuid => f.write_str("uuid"),
            Type::Date => f.write_str("date"),
            Type::DateTime => f.write_str("datetime"),
            Type::Any => f.write_str("any"),
            Type::Unit => f.write_str("unit"),
            Type::Opaque(width) => write!(f, "opaque[{width}]"),
            Type::Tuple(elements) => {
                f.write_str("(")?;
                write_list(f, elements)?;
                f.write_str(")")
            }
            Type::Array { element, shape } => {
                write!(f, "{}[", element.name())?;
                write_list(f, shape.as_deref().unwrap_or_default())?;
                f.write_str("]")
            }
        }
    }
}

impl std::str::FromStr for Type {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// Reads a whole number above 0 in its one spelling.
fn parse_number(text: &str) -> Option<usize> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Returns how many bytes an array of these dimensions takes, or `None` if a value cannot hold them.
fn array_width(element: Element, shape: &[usize]) -> Option<usize> {
    let mut width = element.width();
    for dimension in shape {
        width = width.checked_mul(*dimension)?;
    }
    (1..=MAX_VALUE).contains(&width).then_some(width)
}

#[cold]
fn bad(text: &str, hint: &str) -> Error {
    Error::new(Status::BadType, format!("type {:?} is not valid here: {hint}", Short(text)))
}
