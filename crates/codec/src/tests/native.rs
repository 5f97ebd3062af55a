use super::{key_bytes, value_bytes};
use crate::error::{Result, Status};
use crate::{Date, DateTime, Key, Stored, Type, Uuid, Value, decode_key};
use proptest::prelude::*;

fn key<K: Key>(key: &K::Borrowed) -> Vec<u8> {
    let mut out = Vec::new();
    K::encode(key, &mut out).unwrap();
    out
}

fn stored<V: Stored>(value: &V::Borrowed) -> Vec<u8> {
    let mut out = Vec::new();
    V::encode(value, &mut out).unwrap();
    out
}

/// Checks that a typed key has the bytes of the dynamic one, and that both come back.
fn same_key<K: Key + PartialEq + std::fmt::Debug>(typed: &K::Borrowed, expected: &K, dynamic: &Value) {
    let bytes = key::<K>(typed);
    assert_eq!(bytes, key_bytes(&K::type_of(), dynamic));
    assert_eq!(K::decode(&bytes).unwrap(), *expected);
    assert_eq!(decode_key(&K::type_of(), &bytes).unwrap(), *dynamic);
}

fn same_value<V: Stored + PartialEq + std::fmt::Debug>(typed: &V::Borrowed, expected: &V, dynamic: &Value) {
    let bytes = stored::<V>(typed);
    assert_eq!(bytes, value_bytes(&V::type_of(), dynamic));
    assert_eq!(V::decode(&bytes).unwrap(), *expected);
}

proptest! {
    #[test]
    fn numbers(a: i8, b: i16, c: i32, d: i64, e: u8, f: u16, g: u32, h: u64) {
        same_key(&a, &a, &Value::I64(a.into()));
        same_key(&b, &b, &Value::I64(b.into()));
        same_key(&c, &c, &Value::I64(c.into()));
        same_key(&d, &d, &Value::I64(d));
        same_key(&e, &e, &Value::I64(e.into()));
        same_key(&f, &f, &Value::I64(f.into()));
        same_key(&g, &g, &Value::I64(g.into()));
        same_key(&h, &h, &Value::U64(h));
        same_value(&a, &a, &Value::I64(a.into()));
        same_value(&d, &d, &Value::I64(d));
        same_value(&f, &f, &Value::I64(f.into()));
        same_value(&h, &h, &Value::U64(h));
        same_key(&Date(c), &Date(c), &Value::Date(c));
        same_key(&DateTime(d), &DateTime(d), &Value::DateTime(d));
        same_value(&Date(c), &Date(c), &Value::Date(c));
        same_value(&DateTime(d), &DateTime(d), &Value::DateTime(d));
    }

    #[test]
    fn texts(text in super::text(), bytes in super::blob(), uuid: [u8; 16], truth: bool) {
        same_key::<String>(&text, &text, &Value::from(text.as_str()));
        same_value::<String>(&text, &text, &Value::from(text.as_str()));
        if !bytes.is_empty() {
            same_key::<Vec<u8>>(&bytes, &bytes, &Value::from(bytes.as_slice()));
        }
        same_value::<Vec<u8>>(&bytes, &bytes, &Value::from(bytes.as_slice()));
        same_key(&Uuid(uuid), &Uuid(uuid), &Value::Uuid(uuid));
        same_value(&Uuid(uuid), &Uuid(uuid), &Value::Uuid(uuid));
        same_key(&truth, &truth, &Value::Bool(truth));
        same_value(&truth, &truth, &Value::Bool(truth));
    }

    #[test]
    fn tuples(text in super::text(), number: i64, bytes in super::blob(), truth: bool, days: i32, uuid: [u8; 16]) {
        let typed = (text.clone(), number, bytes.clone(), truth, Date(days), Uuid(uuid));
        let dynamic = Value::Tuple(vec![
            Value::Str(text),
            Value::I64(number),
            Value::Bytes(bytes),
            Value::Bool(truth),
            Value::Date(days),
            Value::Uuid(uuid),
        ]);
        same_key(&typed, &typed, &dynamic);
    }

    #[test]
    fn arrays(numbers: Vec<f32>, four: [i16; 4]) {
        let bytes = stored::<Vec<f32>>(&numbers);
        prop_assert_eq!(bytes.len(), 4 * numbers.len());
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&<Vec<f32>>::decode(&bytes).unwrap()), bits(&numbers));
        prop_assert_eq!(<[i16; 4]>::decode(&stored::<[i16; 4]>(&four)).unwrap(), four);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in super::blob()) {
        fn same<K: Key>(bytes: &[u8]) -> Result<()> {
            let mut again = Vec::new();
            if let Ok(typed) = K::decode(bytes) {
                // A type whose borrowed form differs is covered by the dynamic tests.
                drop(typed);
                again.extend_from_slice(&key_bytes(&K::type_of(), &decode_key(&K::type_of(), bytes)?));
                assert_eq!(again, bytes);
            } else {
                assert!(decode_key(&K::type_of(), bytes).is_err());
            }
            Ok(())
        }
        same::<String>(&bytes).unwrap();
        same::<f32>(&bytes).unwrap();
        same::<Uuid>(&bytes).unwrap();
        same::<(String, i8)>(&bytes).unwrap();
        same::<(Vec<u8>,)>(&bytes).unwrap();
        same::<(f32, bool)>(&bytes).unwrap();
        same::<Value>(&bytes).unwrap();
    }
}

#[test]
fn names_of_types() {
    for (ty, text) in [
        (<String as Key>::type_of(), "str"),
        (<Vec<u8> as Key>::type_of(), "bytes"),
        (<(String, i64) as Key>::type_of(), "(str,i64)"),
        (<(u8,) as Key>::type_of(), "(u8)"),
        (<(f32, f64, bool, Uuid, Date, DateTime) as Key>::type_of(), "(f32,f64,bool,uuid,date,datetime)"),
        (<Vec<f64> as Stored>::type_of(), "f64[]"),
        (<[u8; 3] as Stored>::type_of(), "u8[3]"),
        (<Value as Stored>::type_of(), "any"),
        (<Value as Key>::type_of(), "any"),
    ] {
        assert_eq!(ty.to_string(), text);
        assert_eq!(Type::parse(text).unwrap(), ty);
    }
}

#[test]
fn floats() {
    same_key(&1.5f32, &1.5f32, &Value::F64(1.5));
    same_key(&-0.0f64, &0.0f64, &Value::F64(0.0));
    same_value(&-0.0f64, &-0.0f64, &Value::F64(-0.0));
    same_value(&f32::INFINITY, &f32::INFINITY, &Value::F64(f64::INFINITY));
    let mut out = vec![7];
    assert_eq!(<f64 as Key>::encode(&f64::NAN, &mut out).unwrap_err().status(), Status::BadKey);
    assert_eq!(<(u8, f32) as Key>::encode(&(1, f32::NAN), &mut out).unwrap_err().status(), Status::BadKey);
    assert_eq!(out, [7], "a failure must leave the output unchanged");
    assert_eq!(
        <(String,) as Key>::encode(&("a".repeat(2000),), &mut out).unwrap_err().status(),
        Status::KeySize
    );
    assert_eq!(<Vec<u8> as Key>::encode(&[], &mut out).unwrap_err().status(), Status::KeySize);
    assert_eq!(out, [7], "a failure must leave the output unchanged");
}

#[test]
fn wrong_widths() {
    assert_eq!(<i64 as Key>::decode(&[0; 7]).unwrap_err().status(), Status::BadKey);
    assert_eq!(<i64 as Stored>::decode(&[0; 9]).unwrap_err().status(), Status::BadValue);
    assert_eq!(<Vec<f32>>::decode(&[0; 5]).unwrap_err().status(), Status::BadValue);
    assert_eq!(<[f32; 2]>::decode(&[0; 4]).unwrap_err().status(), Status::BadValue);
    assert_eq!(<String as Stored>::decode(&[0xff]).unwrap_err().status(), Status::BadValue);
    assert_eq!(<(u8,) as Key>::decode(&[0; 2000]).unwrap_err().status(), Status::KeySize);
}

#[test]
fn a_uuid_is_shown_in_groups() {
    let mut bytes = [0; 16];
    (0_u8..).zip(&mut bytes).for_each(|(number, byte)| *byte = number * 17);
    assert_eq!(Uuid(bytes).to_string(), "00112233-4455-6677-8899-aabbccddeeff");
}
