//! The dynamic [`Value`], which holds a key or value of any type.

use std::cmp::Ordering;

use crate::calendar::{Date, DateTime};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short};
use crate::types::{Element, Type};

/// A key or value of any type, owned.
///
/// Two values are equal if they are stored alike: NaN equals NaN, 0.0 and −0.0 differ, and integers compare as numbers
/// in any variant. 1, 1.0 and true are three values.
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
    /// Null.
    Null,
    /// Undefined, which is Julia's `missing`.
    Undefined,
    /// A boolean.
    Bool(bool),
    /// An integer.
    I64(i64),
    /// An integer. Reading returns this variant only above `i64::MAX` or for the type `u64`.
    U64(u64),
    /// An integer. Reading returns this variant only for integers beyond the other two.
    BigInt {
        /// True if the integer is below zero.
        negative: bool,
        /// The absolute value, big-endian, without leading zeros.
        magnitude: Vec<u8>,
    },
    /// A floating-point number. For the type `f32`, one that an `f32` holds exactly.
    F64(f64),
    /// Text.
    Str(String),
    /// Bytes, also those of an `opaque[n]`.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid([u8; 16]),
    /// Days since 1970-01-01, see [`Date`].
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00, see [`DateTime`].
    DateTime(i64),
    /// Numbers, little-endian and in C order. In `any`, the array has one dimension; otherwise it has those of the type.
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
    /// A set, which is sorted when it is written.
    Set(Vec<Value>),
    /// An encoded CBOR item that has no variant here, such as a decimal or an array of two dimensions. It is written
    /// back unchanged.
    Cbor(Vec<u8>),
}

impl Value {
    /// Returns the value of a text key in a map, or `None` if the map does not contain the key or this is not a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(entries) = self else { return None };
        entries
            .iter()
            .find(|(name, _)| matches!(name, Value::Str(name) if name == key))
            .map(|(_, value)| value)
    }

    /// Returns the name of the variant in a word or two, for messages.
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

    /// Returns the integer, or `None` if this is not an integer or an `i128` cannot hold it.
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

    /// Makes the integer of a sign and a magnitude, in the first variant that holds it.
    pub(super) fn from_parts(negative: bool, magnitude: u64) -> Self {
        let number = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        match (i64::try_from(number), negative) {
            (Ok(number), _) => Value::I64(number),
            (Err(_), false) => Value::U64(magnitude),
            (Err(_), true) => Value::BigInt { negative, magnitude: magnitude.to_be_bytes().to_vec() },
        }
    }

    /// Makes the integer of a sign and big-endian digits, in the first variant that holds it.
    pub(super) fn from_digits(negative: bool, digits: &[u8]) -> std::result::Result<Self, NoMemory> {
        let digits = without_leading_zeros(digits);
        if digits.len() > 8 {
            return Ok(Value::BigInt { negative, magnitude: memory::copy(digits)? });
        }
        Ok(Self::from_parts(negative, digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))))
    }

    /// Returns the sign and the magnitude of a [`Value::BigInt`], without leading zeros.
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
        compare(self, other).is_eq()
    }
}

impl Eq for Value {}

/// Compares values in a total order that agrees with equality. It is not the order of keys.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::F64(a), Value::F64(b)) => bits(*a).cmp(&bits(*b)),
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) | (Value::Cbor(a), Value::Cbor(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::Array { element: a, bytes: c }, Value::Array { element: b, bytes: d }) => {
            (*a as u32).cmp(&(*b as u32)).then_with(|| c.cmp(d))
        }
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => rows(a.iter(), b.iter()),
        (Value::Map(a), Value::Map(b)) => {
            let both = |(key, value)| [key, value];
            rows(
                a.iter().map(|(key, value)| (key, value)).flat_map(both),
                b.iter().map(|(key, value)| (key, value)).flat_map(both),
            )
        }
        (Value::Set(a), Value::Set(b)) => a.len().cmp(&b.len()).then_with(|| match (sorted(a), sorted(b)) {
            (Ok(a), Ok(b)) => rows(a.into_iter(), b.into_iter()),
            _ => compare_in_place(a, b),
        }),
        (
            Value::I64(_) | Value::U64(_) | Value::BigInt { .. },
            Value::I64(_) | Value::U64(_) | Value::BigInt { .. },
        ) => integers(a, b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Returns the place of a kind of value among the others.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Undefined => 1,
        Value::Bool(_) => 2,
        Value::I64(_) | Value::U64(_) | Value::BigInt { .. } => 3,
        Value::F64(_) => 4,
        Value::Str(_) => 5,
        Value::Bytes(_) => 6,
        Value::Uuid(_) => 7,
        Value::Date(_) => 8,
        Value::DateTime(_) => 9,
        Value::Array { .. } => 10,
        Value::Tuple(_) => 11,
        Value::List(_) => 12,
        Value::Map(_) => 13,
        Value::Set(_) => 14,
        Value::Cbor(_) => 15,
    }
}

/// Returns the bits of a number, the same for every NaN.
fn bits(number: f64) -> u64 {
    if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() }
}

fn integers(a: &Value, b: &Value) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        // An integer that an `i128` cannot hold is farther from zero.
        (Some(_), None) => {
            if b.big_parts().0 {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (None, Some(_)) => {
            if a.big_parts().0 {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (None, None) => {
            let ((is_negative, a), (is_other_negative, b)) = (a.big_parts(), b.big_parts());
            let by_size = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
            is_other_negative.cmp(&is_negative).then(if is_negative { by_size.reverse() } else { by_size })
        }
    }
}

fn rows<'a>(mut a: impl Iterator<Item = &'a Value>, mut b: impl Iterator<Item = &'a Value>) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match compare(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// Returns the elements of a set in their order.
fn sorted(set: &[Value]) -> std::result::Result<Vec<&Value>, NoMemory> {
    let mut elements = memory::room_for(set.len())?;
    elements.extend(set);
    elements.sort_unstable_by(|a: &&Value, b| compare(a, b));
    Ok(elements)
}

/// Compares sets of one size with the result that sorting them would give. Slow, but does not allocate.
fn compare_in_place(a: &[Value], b: &[Value]) -> Ordering {
    let mut previous = None;
    loop {
        match (next_above(a, previous), next_above(b, previous)) {
            (Some((least, count)), Some((other, other_count))) => {
                // If one set has more copies of an element, the other continues with a greater one.
                let order = compare(least, other).then(other_count.cmp(&count));
                if order.is_ne() {
                    return order;
                }
                previous = Some(least);
            }
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// Returns the least element above the previous one, and how often the set has it.
fn next_above<'a>(set: &'a [Value], previous: Option<&Value>) -> Option<(&'a Value, usize)> {
    let above =
        || set.iter().filter(|element| previous.is_none_or(|previous| compare(element, previous).is_gt()));
    let least = above().min_by(|a, b| compare(a, b))?;
    Some((least, above().filter(|element| compare(element, least).is_eq()).count()))
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
    Date => |date| Value::Date(date.0);
    DateTime => |time| Value::DateTime(time.0);
}

/// Returns the integer. Fails if it is out of the type's range, or the value is not an integer.
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

/// Makes the error of a value that is not of the type's kind.
#[cold]
pub(super) fn wrong_kind(status: Status, ty: &Type, value: &Value) -> Error {
    let noun = if status == Status::BadKey { "key" } else { "value" };
    let article =
        |kind: &str| if kind.starts_with(['a', 'i', 'o', 'u']) && kind != "uuid" { "an" } else { "a" };
    let what = match value {
        Value::Array { element, .. } => format!("an array of {}", element.name()),
        Value::Null | Value::Undefined | Value::Bytes(_) => value.kind().to_owned(),
        Value::Cbor(_) => "another CBOR item".to_owned(),
        _ => format!("{} {}", article(value.kind()), value.kind()),
    };
    Error::new(status, format!("a {noun} of type {} cannot be made from {what}", Short(ty)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few different values, so that equal ones are common.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-1_i64..2).prop_map(Value::I64),
            (0_u64..2).prop_map(Value::U64),
            (any::<bool>(), 0_u8..2, 0_usize..20).prop_map(|(negative, digit, zeros)| Value::BigInt {
                negative,
                magnitude: [vec![digit], vec![0; zeros]].concat(),
            }),
            prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, -f64::NAN]).prop_map(Value::F64),
            "[ab]?".prop_map(Value::Str),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Set),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Tuple),
                prop::collection::vec((inner.clone(), inner), 0..2).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn comparing_is_a_total_order(a in values(), b in values(), c in values()) {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }

        #[test]
        fn sets_of_one_size_compare_the_same_without_memory(
            elements in prop::collection::vec((values(), values()), 0..5),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = elements.into_iter().unzip();
            let (Ok(left), Ok(right)) = (sorted(&a), sorted(&b)) else { unreachable!("they are small") };
            prop_assert_eq!(compare_in_place(&a, &b), rows(left.into_iter(), right.into_iter()));
        }

        #[test]
        fn the_order_of_a_set_does_not_count(elements in prop::collection::vec(values(), 0..5)) {
            let reversed = elements.iter().rev().cloned().collect();
            prop_assert_eq!(Value::Set(elements), Value::Set(reversed));
        }
    }

    #[test]
    fn values_of_one_kind_differ_by_what_they_hold() {
        let array = |element, bytes: &[u8]| Value::Array { element, bytes: bytes.to_vec() };
        let map = |value: i64| Value::Map(vec![(Value::from("key"), Value::from(value))]);
        let different = [
            Value::Null,
            Value::Undefined,
            Value::from(false),
            Value::from(true),
            Value::from(0),
            Value::from(1),
            Value::F64(0.0),
            Value::F64(-0.0),
            Value::F64(1.0),
            Value::F64(f64::NAN),
            Value::from("0"),
            Value::from("1"),
            Value::from(&[0_u8][..]),
            Value::from(&[1_u8][..]),
            Value::Uuid([0; 16]),
            Value::Uuid([1; 16]),
            Value::Date(0),
            Value::Date(1),
            Value::DateTime(0),
            Value::DateTime(1),
            array(Element::U8, &[0]),
            array(Element::U8, &[1]),
            array(Element::I8, &[0]),
            Value::Tuple(vec![Value::from(0)]),
            Value::Tuple(vec![Value::from(1)]),
            Value::List(vec![Value::from(0)]),
            Value::List(vec![Value::from(0), Value::from(0)]),
            map(0),
            map(1),
            Value::Set(vec![Value::from(0)]),
            Value::Set(vec![Value::from(1)]),
            Value::Cbor(vec![0]),
            Value::Cbor(vec![1]),
        ];
        for (at, one) in different.iter().enumerate() {
            for (other_at, other) in different.iter().enumerate() {
                assert_eq!(one == other, at == other_at, "{one:?} {other:?}");
            }
        }
        assert_eq!(Value::F64(f64::NAN), Value::F64(-f64::NAN));
    }

    #[test]
    fn an_integer_has_the_first_variant_that_holds_it() {
        let variant =
            |negative, digits: &[u8]| Value::from_digits(negative, digits).map(|value| format!("{value:?}"));
        assert_eq!(variant(false, &[0, 1, 2]).as_deref(), Ok("I64(258)"));
        assert_eq!(variant(true, &[1, 2]).as_deref(), Ok("I64(-258)"));
        assert_eq!(variant(false, &[0xff; 8]).as_deref(), Ok("U64(18446744073709551615)"));
        let big = "BigInt { negative: true, magnitude: [255, 255, 255, 255, 255, 255, 255, 255] }";
        assert_eq!(variant(true, &[0xff; 8]).as_deref(), Ok(big));
        assert_eq!(variant(false, &[1; 9]).map(|text| text.starts_with("BigInt")), Ok(true));
    }

    #[test]
    fn integers_are_equal_as_numbers_and_to_nothing_else() {
        let big = |negative, magnitude: &[u8]| Value::BigInt { negative, magnitude: magnitude.to_vec() };
        assert_eq!(Value::I64(1), Value::U64(1));
        assert_eq!(Value::I64(-1), big(true, &[0, 1]));
        assert_eq!(big(false, &[0, 1, 0]), Value::U64(256));
        assert_ne!(Value::I64(1), Value::F64(1.0));
        assert_ne!(Value::I64(1), Value::Bool(true));
        let huge = |negative, previous| big(negative, &[vec![1; 20], vec![previous]].concat());
        assert_eq!(huge(true, 1), huge(true, 1));
        assert_eq!(integers(&huge(true, 2), &huge(true, 1)), Ordering::Less);
        assert_eq!(integers(&huge(true, 1), &Value::I64(i64::MIN)), Ordering::Less);
        assert_eq!(integers(&huge(false, 1), &Value::U64(u64::MAX)), Ordering::Greater);
        assert_eq!(integers(&huge(false, 1), &huge(true, 1)), Ordering::Greater);
    }
}
