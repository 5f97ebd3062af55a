//! Properties that the parts of this crate have together: order, one form, and safety from hostile bytes.
#![allow(clippy::unwrap_used)]

mod cbor;
mod counter;
mod keys;
mod messages;
mod native;
mod raw;
mod reader;
mod tuple_layer;
mod types;
mod values;

use super::{Type, Value, encode_key, encode_value};
use crate::error::Status;
use proptest::collection::vec;
use proptest::prelude::*;

fn ty(text: &str) -> Type {
    Type::parse(text).unwrap()
}

fn key_bytes(ty: &Type, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(ty, value, &mut out).unwrap();
    out
}

fn value_bytes(ty: &Type, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_value(ty, value, &mut out).unwrap();
    out
}

fn key_error(ty: &Type, value: &Value) -> Status {
    let mut out = vec![7];
    let status = encode_key(ty, value, &mut out).unwrap_err().status();
    assert_eq!(out, [7], "a failure must leave the output unchanged");
    status
}

fn value_error(ty: &Type, value: &Value) -> Status {
    let mut out = vec![7];
    let status = encode_value(ty, value, &mut out).unwrap_err().status();
    assert_eq!(out, [7], "a failure must leave the output unchanged");
    status
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn big(negative: bool, magnitude: &[u8]) -> Value {
    Value::BigInt { negative, magnitude: magnitude.to_vec() }
}

/// Short text with NULs, so that texts are often prefixes of each other.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(
            prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('b'), Just('é'), Just('\u{10ffff}')],
            0..6
        )
        .prop_map(|characters| characters.into_iter().collect()),
        any::<String>(),
    ]
}

fn blob() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(prop_oneof![Just(0u8), Just(1), Just(0xfe), Just(0xff)], 0..6), vec(any::<u8>(), 0..40),]
}

/// Integers of every width, more of them near the powers of 256.
fn integer() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::I64),
        (0u32..64, -2i64..3, any::<bool>()).prop_map(|(bits, off, negative)| {
            let near = (1i64 << bits.min(62)).saturating_add(off);
            Value::I64(if negative { near.saturating_neg() } else { near })
        }),
        any::<u64>().prop_map(|number| Value::from_parts(false, number)),
        any::<u64>().prop_map(|number| Value::from_parts(true, number)),
        (any::<bool>(), vec(any::<u8>(), 9..30))
            .prop_map(|(negative, digits)| Value::from_digits(negative, &digits).unwrap()),
        (any::<bool>(), 7usize..30).prop_map(|(negative, width)| Value::from_digits(
            negative,
            &vec![0xff; width]
        )
        .unwrap()),
        (any::<bool>(), 7usize..30).prop_map(|(negative, width)| {
            let mut digits = vec![0; width];
            digits[0] = 1;
            Value::from_digits(negative, &digits).unwrap()
        }),
    ]
}

/// Floats that can be keys.
fn key_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("NaN is not a key", |number| !number.is_nan()),
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
        Just(-5e-324),
    ]
}

/// Keys of `any`.
fn any_key() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integer(),
        key_float().prop_map(Value::F64),
        text().prop_map(Value::Str),
        blob().prop_map(Value::Bytes),
        any::<[u8; 16]>().prop_map(Value::Uuid),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| vec(inner, 0..4).prop_map(Value::Tuple))
}

/// A key type and some of its keys.
fn typed_keys(count: usize) -> impl Strategy<Value = (Type, Vec<Value>)> {
    let names = prop_oneof![
        proptest::sample::select(SCALARS).prop_map(|name| Type::parse(name).unwrap()),
        vec(proptest::sample::select(SCALARS), 1..5).prop_map(|names| Type::parse(&format!(
            "({})",
            names.join(",")
        ))
        .unwrap()),
        Just(Type::Opaque(3)),
        Just(Type::Any),
    ];
    names.prop_flat_map(move |ty| (Just(ty.clone()), vec(key_of(&ty), count)))
}

const SCALARS: &[&str] = &[
    "bytes", "str", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "uuid",
    "date", "datetime",
];

fn key_of(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Bytes => {
            blob().prop_filter("a key is not empty", |bytes| !bytes.is_empty()).prop_map(Value::Bytes).boxed()
        }
        Type::Tuple(types) => types.iter().map(element_of).collect::<Vec<_>>().prop_map(Value::Tuple).boxed(),
        Type::Any => any_key().boxed(),
        Type::Opaque(width) => vec(any::<u8>(), *width).prop_map(Value::Bytes).boxed(),
        _ => element_of(ty),
    }
}

fn element_of(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Bytes => blob().prop_map(Value::Bytes).boxed(),
        Type::Str => text().prop_map(Value::Str).boxed(),
        #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
        Type::F32 => key_float().prop_map(|number| Value::F64(f64::from(number as f32))).boxed(),
        Type::F64 => key_float().prop_map(Value::F64).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Uuid => any::<[u8; 16]>().prop_map(Value::Uuid).boxed(),
        Type::Date => any::<i32>().prop_map(Value::Date).boxed(),
        Type::DateTime => any::<i64>().prop_map(Value::DateTime).boxed(),
        Type::U64 => any::<u64>().prop_map(Value::U64).boxed(),
        _ => {
            let (least, greatest) = ty.integer_range().unwrap();
            let (least, greatest) = (i64::try_from(least).unwrap(), i64::try_from(greatest).unwrap());
            prop_oneof![least..=greatest, Just(least), Just(greatest), Just(0)].prop_map(Value::I64).boxed()
        }
    }
}
