use std::cmp::Ordering;

use super::{any_key, big, hex, key_bytes, key_error, key_of, ty, typed_keys};
use crate::error::Status;
use crate::{
    MAX_DEPTH, MAX_KEY, Type, Value, check_key, decode_key, encode_key, encode_key_bound, encode_key_prefix,
};
use proptest::prelude::*;

/// Compares keys as they should sort: kinds in the tuple layer's order, then by meaning.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bytes(_) => 1,
        Value::Str(_) => 2,
        Value::Tuple(_) => 3,
        Value::I64(_) | Value::U64(_) | Value::BigInt { .. } => 4,
        Value::F64(_) => 5,
        Value::Bool(_) => 6,
        Value::Uuid(_) => 7,
        Value::Date(_) | Value::DateTime(_) => 8,
        _ => panic!("{value:?} is not a key"),
    };
    match (a, b) {
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Str(a), Value::Str(b)) => a.chars().cmp(b.chars()),
        (Value::F64(a), Value::F64(b)) => a.partial_cmp(b).unwrap(),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::Tuple(a), Value::Tuple(b)) => {
            let differing = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| order.is_ne());
            differing.unwrap_or(a.len().cmp(&b.len()))
        }
        _ if rank(a) == 4 && rank(b) == 4 => integer_order(a, b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn integer_order(a: &Value, b: &Value) -> Ordering {
    let parts = |value: &Value| match (value.as_i128(), value) {
        (Some(number), _) => (number < 0, number.unsigned_abs().to_be_bytes().to_vec()),
        (None, Value::BigInt { negative, magnitude }) => (*negative, magnitude.clone()),
        _ => panic!("{value:?} is not an integer"),
    };
    let by_size = |a: &[u8], b: &[u8]| {
        let strip =
            |digits: &[u8]| digits.iter().copied().skip_while(|digit| *digit == 0).collect::<Vec<_>>();
        let (a, b) = (strip(a), strip(b));
        a.len().cmp(&b.len()).then(a.cmp(&b))
    };
    match (parts(a), parts(b)) {
        ((true, a), (true, b)) => by_size(&b, &a),
        ((false, a), (false, b)) => by_size(&a, &b),
        ((a, _), (b, _)) => b.cmp(&a),
    }
}

/// Returns the key that is read after this one was written: 0.0 for −0.0.
fn as_read(value: &Value) -> Value {
    match value {
        Value::F64(number) if *number == 0.0 => Value::F64(0.0),
        Value::Tuple(elements) => Value::Tuple(elements.iter().map(as_read).collect()),
        _ => value.clone(),
    }
}

/// Checks that bytes are refused, or are the one encoding of the key that they decode to.
fn check_one_form(ty: &Type, bytes: &[u8]) -> std::result::Result<(), TestCaseError> {
    match decode_key(ty, bytes) {
        Ok(value) => {
            prop_assert!(check_key(ty, bytes).is_ok());
            prop_assert_eq!(key_bytes(ty, &value), bytes);
        }
        Err(error) => {
            prop_assert_eq!(check_key(ty, bytes).unwrap_err(), error.clone());
            prop_assert!(matches!(error.status(), Status::BadKey | Status::KeySize));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn keys_sort_as_their_meaning((ty, keys) in typed_keys(2)) {
        let (a, b) = (key_bytes(&ty, &keys[0]), key_bytes(&ty, &keys[1]));
        prop_assert_eq!(a.cmp(&b), order(&keys[0], &keys[1]), "{} {:?}", ty, keys);
    }

    #[test]
    fn keys_come_back((ty, keys) in typed_keys(1)) {
        let bytes = key_bytes(&ty, &keys[0]);
        check_key(&ty, &bytes).unwrap();
        prop_assert_eq!(decode_key(&ty, &bytes).unwrap(), as_read(&keys[0]));
        prop_assert!(ty.key_width().is_none_or(|width| width == bytes.len()));
    }

    #[test]
    fn changed_keys_are_refused_or_have_one_form(
        (ty, keys) in typed_keys(1),
        place: proptest::sample::Index,
        byte: u8,
        how in 0..4,
    ) {
        let mut bytes = key_bytes(&ty, &keys[0]);
        let at = place.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => bytes.push(byte),
        }
        check_one_form(&ty, &bytes)?;
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_have_one_form((ty, _) in typed_keys(0), bytes in super::blob()) {
        check_one_form(&ty, &bytes)?;
    }

    #[test]
    fn bytes_like_tuples_are_refused_or_have_one_form(
        codes in proptest::collection::vec(proptest::sample::select(&[
            0u8, 1, 2, 5, 0x0b, 0x0c, 0x13, 0x14, 0x15, 0x1c, 0x1d, 0x20, 0x21, 0x26, 0x27, 0x30, 0x33, 0x61, 0x80,
            0xf6, 0xf7, 0xff,
        ][..]), 0..14),
    ) {
        check_one_form(&Type::Any, &codes)?;
        check_one_form(&ty("(str,i16)"), &codes)?;
        check_one_form(&ty("(bytes,u64,f32)"), &codes)?;
    }

    #[test]
    fn keys_with_a_prefix_begin_with_its_bytes(text in super::text(), rest in super::text(), more in any_key()) {
        let whole = format!("{text}{rest}");
        for (ty, key, prefix) in [
            (Type::Str, Value::from(whole.as_str()), Value::from(text.as_str())),
            (Type::Any, Value::from(whole.as_str()), Value::from(text.as_str())),
            (Type::Any, Value::from(whole.as_bytes()), Value::from(text.as_bytes())),
            (
                Type::Any,
                Value::Tuple(vec![Value::from(text.as_str()), more.clone()]),
                Value::Tuple(vec![Value::from(text.as_str())]),
            ),
            (
                Type::Tuple(vec![Type::Str, Type::Str]),
                Value::Tuple(vec![Value::from(text.as_str()), Value::from(rest.as_str())]),
                Value::Tuple(vec![Value::from(text.as_str())]),
            ),
        ] {
            let mut bytes = Vec::new();
            encode_key_prefix(&ty, &prefix, &mut bytes).unwrap();
            prop_assert!(key_bytes(&ty, &key).starts_with(&bytes), "{:?} {:?}", key, bytes);
        }
    }
}

#[test]
fn encodings() {
    for (type_name, value, encoded) in [
        ("bytes", Value::from(&[0u8, 0xff][..]), "00ff"),
        ("str", Value::from(""), "00"),
        ("str", Value::from("\0"), "0000"),
        ("str", Value::from("\0a"), "000061"),
        ("str", Value::from("a\0"), "6100"),
        ("i8", Value::from(-128), "00"),
        ("i8", Value::from(127), "ff"),
        ("i16", Value::from(-1), "7fff"),
        ("i32", Value::from(0), "80000000"),
        ("i64", Value::from(1), "8000000000000001"),
        ("u8", Value::from(255), "ff"),
        ("u64", Value::U64(u64::MAX), "ffffffffffffffff"),
        ("f64", Value::F64(1.0), "bff0000000000000"),
        ("f64", Value::F64(-1.0), "400fffffffffffff"),
        ("f64", Value::F64(-0.0), "8000000000000000"),
        ("f32", Value::F64(f64::INFINITY), "ff800000"),
        ("bool", Value::from(true), "01"),
        ("date", Value::Date(-1), "7fffffff"),
        ("datetime", Value::DateTime(0), "8000000000000000"),
        ("opaque[2]", Value::from(&[1u8, 2][..]), "0102"),
        ("(str,i64)", Value::Tuple(vec![Value::from("a\0"), Value::from(-1)]), "026100ff00 13fe"),
        ("(bytes)", Value::Tuple(vec![Value::from(&[][..])]), "0100"),
        ("(f32,date)", Value::Tuple(vec![Value::F64(1.0), Value::Date(256)]), "20bf800000 160100"),
        ("any", Value::Null, "00"),
        ("any", Value::Tuple(vec![Value::Null, Value::Tuple(vec![])]), "05 00ff 0500 00"),
        ("any", Value::U64(u64::MAX), "1cffffffffffffffff"),
        ("any", big(true, &[0xff; 8]), "0c0000000000000000"),
        ("any", big(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), "1d09010000000000000000"),
        ("any", big(true, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), "0bf6feffffffffffffffff"),
        ("any", Value::F64(-0.0), "218000000000000000"),
    ] {
        assert_eq!(key_bytes(&ty(type_name), &value), hex(encoded), "{type_name} {value:?}");
        check_key(&ty(type_name), &hex(encoded)).unwrap();
    }
}

#[test]
fn values_that_keys_cannot_have_are_refused() {
    let nan = Value::F64(f64::NAN);
    for (type_name, value) in [
        ("i8", Value::from(128)),
        ("u8", Value::from(-1)),
        ("u64", big(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("i64", Value::U64(1 << 63)),
        ("i64", Value::F64(1.0)),
        ("f64", Value::from(1)),
        ("f64", nan.clone()),
        ("f32", nan.clone()),
        ("f32", Value::F64(0.1)),
        ("f32", Value::F64(1e300)),
        ("any", nan.clone()),
        ("(f64)", Value::Tuple(vec![nan])),
        ("(f32)", Value::Tuple(vec![Value::F64(0.1)])),
        ("(i8)", Value::Tuple(vec![Value::from(128)])),
        ("(date)", Value::Tuple(vec![Value::from(1)])),
        ("(str,i64)", Value::Tuple(vec![Value::from("a")])),
        ("(str)", Value::Tuple(vec![Value::from("a"), Value::from("b")])),
        ("(str)", Value::from("a")),
        ("str", Value::from(&b"a"[..])),
        ("bytes", Value::from("a")),
        ("bool", Value::from(1)),
        ("opaque[2]", Value::from(&[1u8][..])),
        ("any", Value::List(vec![])),
        ("any", Value::Undefined),
        ("any", Value::Date(1)),
        ("any", Value::Tuple(vec![Value::Map(vec![])])),
        ("any", big(false, &[1; 256])),
    ] {
        assert_eq!(key_error(&ty(type_name), &value), Status::BadKey, "{type_name} {value:?}");
    }
    assert_eq!(key_bytes(&Type::Any, &big(false, &[1; 255])).len(), 257);
}

#[test]
fn malformed_keys_are_refused() {
    for (type_name, bytes) in [
        ("str", ""),
        ("str", "0061"),
        ("str", "ff"),
        ("str", "00ff"),
        ("i64", "00000000000000"),
        ("f64", "7fffffffffffffff"),
        ("f32", "7fffffff"),
        ("f64", "fff8000000000000"),
        ("f64", "0007ffffffffffff"),
        ("bool", "02"),
        ("bool", ""),
        ("uuid", "00"),
        ("any", ""),
        ("any", "0000"),
        ("any", "026100ff"),
        ("any", "02ff00"),
        ("any", "1500"),
        ("any", "160001"),
        ("any", "13ff"),
        ("any", "12ff00"),
        ("any", "1d08ffffffffffffffff"),
        ("any", "0bf70000000000000000"),
        ("any", "1d0900ffffffffffffffff"),
        ("any", "20bf800000"),
        ("any", "217fffffffffffffff"),
        ("any", "05"),
        ("any", "0500ff"),
        ("any", "050000"),
        ("any", "33000000000000000000000000"),
        ("(i8)", "160100"),
        ("(u8)", "13fe"),
        ("(i64)", "1cffffffffffffffff"),
        ("(str,i64)", "026100"),
        ("(str)", "0261001501"),
        ("(str)", "050261000000"),
        ("(f64)", "20bf800000"),
        ("(date)", "190100000000"),
    ] {
        let error = check_key(&ty(type_name), &hex(bytes)).unwrap_err();
        assert_eq!(error.status(), Status::BadKey, "{type_name} {bytes}");
        assert_eq!(decode_key(&ty(type_name), &hex(bytes)).unwrap_err(), error);
    }
}

#[test]
fn keys_have_a_least_and_a_greatest_size() {
    for (type_name, make) in [
        ("bytes", (|n| Value::Bytes(vec![b'a'; n])) as fn(usize) -> Value),
        ("str", |n| Value::Str("a".repeat(n))),
        ("any", |n| Value::Str("a".repeat(n - 2))),
        ("(bytes)", |n| Value::Tuple(vec![Value::Bytes(vec![1; n - 2])])),
    ] {
        let ty = ty(type_name);
        let mut longest = key_bytes(&ty, &make(MAX_KEY));
        assert_eq!(longest.len(), MAX_KEY);
        check_key(&ty, &longest).unwrap();
        assert_eq!(key_error(&ty, &make(MAX_KEY + 1)), Status::KeySize);
        longest.push(0);
        let error = check_key(&ty, &longest).unwrap_err();
        assert_eq!(error.status(), Status::KeySize);
        assert!(error.message().contains("1979") && error.message().contains("1978"), "{error}");
    }
    assert_eq!(key_error(&Type::Bytes, &Value::Bytes(vec![])), Status::KeySize);
    assert_eq!(check_key(&Type::Bytes, &[]).unwrap_err().status(), Status::KeySize);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Tuple(vec![inner]));
    let deepest = key_bytes(&Type::Any, &nested(MAX_DEPTH));
    assert_eq!(decode_key(&Type::Any, &deepest).unwrap(), nested(MAX_DEPTH));
    assert_eq!(key_error(&Type::Any, &nested(MAX_DEPTH + 1)), Status::BadKey);
    let mut bytes = vec![5; MAX_DEPTH + 1];
    bytes.extend_from_slice(&[0; MAX_DEPTH + 1]);
    assert_eq!(check_key(&Type::Any, &bytes).unwrap_err().status(), Status::BadKey);
}

#[test]
fn types_that_keys_cannot_have_are_refused() {
    for type_name in ["f32[]", "f32[2]", "unit"] {
        assert_eq!(check_key(&ty(type_name), &[1]).unwrap_err().status(), Status::BadType);
        let failed = encode_key(&ty(type_name), &Value::Null, &mut Vec::new());
        assert_eq!(failed.unwrap_err().status(), Status::BadKey);
    }
}

#[test]
fn prefixes() {
    let prefix = |type_name: &str, value: &Value| {
        let mut out = vec![];
        encode_key_prefix(&ty(type_name), value, &mut out).map(|()| out).map_err(|error| error.status())
    };
    assert_eq!(prefix("str", &Value::from("")), Ok(vec![]));
    assert_eq!(prefix("str", &Value::from("\0a")), Ok(hex("000061")));
    assert_eq!(prefix("bytes", &Value::from(&[1u8][..])), Ok(vec![1]));
    assert_eq!(prefix("opaque[3]", &Value::from(&[1u8][..])), Ok(vec![1]));
    assert_eq!(prefix("any", &Value::from("ab")), Ok(hex("026162")));
    assert_eq!(prefix("any", &Value::Tuple(vec![Value::from(1)])), Ok(hex("051501")));
    assert_eq!(prefix("(str,i64)", &Value::Tuple(vec![])), Ok(vec![]));
    assert_eq!(prefix("(str,i64)", &Value::Tuple(vec![Value::from("a")])), Ok(hex("026100")));
    assert_eq!(prefix("i64", &Value::from(1)), Err(Status::BadType));
    assert_eq!(prefix("str", &Value::from(1)), Err(Status::BadKey));
    assert_eq!(prefix("any", &Value::from(1)), Err(Status::BadKey));
    assert_eq!(prefix("(str)", &Value::Tuple(vec![Value::from("a"), Value::from(1)])), Err(Status::BadKey));
}

#[test]
fn bounds_need_not_be_keys() {
    let bound = |type_name: &str, value: &Value| {
        let mut out = vec![7];
        let done = encode_key_bound(&ty(type_name), value, &mut out).map_err(|error| error.status());
        assert_eq!(out[0], 7);
        assert!(done.is_ok() || out.len() == 1, "a failure must leave the output unchanged");
        done.map(|()| out.split_off(1))
    };
    assert_eq!(bound("i64", &Value::from(1)), Ok(hex("8000000000000001")));
    assert_eq!(bound("bytes", &Value::Bytes(vec![])), Ok(vec![]));
    assert_eq!(bound("u8", &Value::from(300)), Err(Status::BadKey));
    assert_eq!(
        bound("(str,u8)", &Value::Tuple(vec![Value::from("a"), Value::from(-1)])),
        Err(Status::BadKey)
    );
    // The bytes that were cut off make no difference, since keys are shorter.
    let long = "k".repeat(2 * MAX_KEY);
    for (type_name, value) in [
        ("bytes", Value::from(long.as_bytes())),
        ("str", Value::from(long.as_str())),
        ("any", Value::Tuple(vec![Value::from(long.as_str()), Value::from(1)])),
        ("(str,str)", Value::Tuple(vec![Value::from(long.as_str()), Value::from("")])),
    ] {
        let cut = bound(type_name, &value).unwrap();
        assert_eq!(cut.len(), MAX_KEY + 1, "{type_name}");
        assert!(cut.ends_with(b"kkk"), "{type_name}");
        assert_eq!(encode_key(&ty(type_name), &value, &mut vec![]).unwrap_err().status(), Status::KeySize);
    }
}

/// One key or more of each kind, in their order.
#[test]
fn kinds_of_any_in_order() {
    let row = |elements: &[Value]| Value::Tuple(elements.to_vec());
    let sorted = [
        Value::Null,
        Value::from(&[][..]),
        Value::from(&[0u8][..]),
        Value::from(&[0u8, 0][..]),
        Value::from(&[0u8, 1][..]),
        Value::from(&[255u8][..]),
        Value::from(""),
        Value::from("\0"),
        Value::from("\0\0"),
        Value::from("a"),
        Value::from("a\0"),
        Value::from("ab"),
        row(&[]),
        row(&[Value::Null]),
        row(&[Value::Null, Value::Null]),
        row(&[Value::from("a")]),
        row(&[Value::from("a"), Value::from(1)]),
        row(&[Value::from("a\0")]),
        row(&[row(&[])]),
        row(&[Value::from(1)]),
        big(true, &[1; 200]),
        big(true, &[1; 9]),
        big(true, &[0xff; 8]),
        Value::from(i64::MIN),
        Value::from(-256),
        Value::from(-255),
        Value::from(-1),
        Value::from(0),
        Value::from(1),
        Value::from(255),
        Value::from(256),
        Value::U64(u64::MAX),
        big(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0]),
        big(false, &[1; 200]),
        Value::F64(f64::NEG_INFINITY),
        Value::F64(-1.0),
        Value::F64(0.0),
        Value::F64(1.0),
        Value::F64(f64::INFINITY),
        Value::from(false),
        Value::from(true),
        Value::Uuid([0; 16]),
        Value::Uuid([255; 16]),
    ];
    for pair in sorted.windows(2) {
        assert!(key_bytes(&Type::Any, &pair[0]) < key_bytes(&Type::Any, &pair[1]), "{pair:?}");
        assert_eq!(order(&pair[0], &pair[1]), Ordering::Less, "{pair:?}");
    }
}

proptest! {
    /// Sorts a whole collection by bytes, as a tree does.
    #[test]
    fn a_sorted_collection_is_in_the_order_of_meanings(keys in proptest::collection::vec(key_of(&Type::Any), 0..40)) {
        let mut by_bytes = keys.clone();
        by_bytes.sort_by_key(|key| key_bytes(&Type::Any, key));
        let mut by_meaning = keys;
        by_meaning.sort_by(order);
        let read = |keys: &[Value]| keys.iter().map(as_read).collect::<Vec<_>>();
        prop_assert_eq!(read(&by_bytes), read(&by_meaning));
    }
}
