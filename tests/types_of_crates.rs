//! Types of other crates as keys and values: of any type that serde can serialize, and of `uuid`, `chrono` and `jiff`.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use common::{Scratch, scratch, status};
use jiff::civil;
use persistent_collections::codec::Element;
use persistent_collections::{Date, DateTime, Dict, Key, Serde, Set, Status, Stored, Uuid, Value};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line((i32, i32), (i32, i32)),
    Rectangle { width: u16, height: Option<u16> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i8, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Drawing {
    name: String,
    initial: char,
    shapes: Vec<Shape>,
    by_id: BTreeMap<i64, Shape>,
    scale: Meters,
    origin: Pair,
    nothing: Unit,
    parent: Option<Box<Drawing>>,
    #[serde(with = "bytes")]
    preview: Vec<u8>,
}

/// Does the same as `serde_bytes`.
mod bytes {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

fn drawing() -> Drawing {
    let inner = Drawing {
        name: "inner".to_owned(),
        initial: 'ß',
        shapes: Vec::new(),
        by_id: BTreeMap::new(),
        scale: Meters(0.1),
        origin: Pair(-1, String::new()),
        nothing: Unit,
        parent: None,
        preview: vec![0, 255],
    };
    let shapes = vec![
        Shape::Empty,
        Shape::Circle(f64::INFINITY),
        Shape::Line((1, -2), (3, 4)),
        Shape::Rectangle { width: 9, height: None },
        Shape::Rectangle { width: 9, height: Some(1) },
    ];
    let by_id = [(-1, Shape::Empty), (i64::MAX, Shape::Circle(-0.0))].into();
    Drawing { name: "outer".to_owned(), shapes, by_id, parent: Some(Box::new(inner.clone())), ..inner }
}

fn encoded<T: Serialize + DeserializeOwned>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    Serde::<T>::encode(value, &mut out).unwrap();
    out
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    assert_eq!(&Serde::<T>::decode(&encoded(value)).unwrap().0, value);
}

/// Stores a value as another language would, and reads it as `T`.
fn written<T: DeserializeOwned + Serialize>(value: &Value) -> Result<T, persistent_collections::Error> {
    let mut bytes = Vec::new();
    <Value as Stored>::encode(value, &mut bytes).unwrap();
    Serde::<T>::decode(&bytes).map(|value| value.0)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn a_struct_is_stored_as_a_map_that_other_languages_read() {
    let Scratch { env, .. } = &scratch();
    let drawings = Dict::<String, Serde<Drawing>>::open(env, "drawings").unwrap();
    drawings.put("a", &drawing()).unwrap();
    assert_eq!(drawings.get("a").unwrap(), Some(Serde(drawing())));
    drawings.entry("a").and_modify(|Serde(drawing)| drawing.name.push('!')).or_none().unwrap();
    drawings.extend([("b".to_owned(), Serde(drawing()))]).unwrap();
    assert_eq!(env.schema("drawings").unwrap().unwrap().schema.unwrap().value.to_string(), "any");
    // The same collection, read like a language without the struct.
    let values = Dict::<String, Value>::open(env, "drawings").unwrap();
    let stored = values.get("a").unwrap().unwrap();
    assert_eq!(stored.get("name"), Some(&text("outer!")));
    assert_eq!(stored.get("initial"), Some(&text("ß")));
    assert_eq!(stored.get("nothing"), Some(&Value::Null));
    assert_eq!(stored.get("scale"), Some(&Value::F64(f64::from(0.1_f32))));
    assert_eq!(stored.get("origin"), Some(&Value::List(vec![Value::I64(-1), text("")])));
    assert_eq!(stored.get("preview"), Some(&Value::Bytes(vec![0, 255])));
    let rectangle = Value::Map(vec![(text("width"), Value::I64(9)), (text("height"), Value::Null)]);
    let pair = |x, y| Value::List(vec![Value::I64(x), Value::I64(y)]);
    let shapes = Value::List(vec![
        text("Empty"),
        Value::Map(vec![(text("Circle"), Value::F64(f64::INFINITY))]),
        Value::Map(vec![(text("Line"), Value::List(vec![pair(1, -2), pair(3, 4)]))]),
        Value::Map(vec![(text("Rectangle"), rectangle)]),
        Value::Map(vec![(
            text("Rectangle"),
            Value::Map(vec![(text("width"), Value::I64(9)), (text("height"), Value::I64(1))]),
        )]),
    ]);
    assert_eq!(stored.get("shapes"), Some(&shapes));
    let Some(Value::Map(by_id)) = stored.get("by_id") else { panic!("{stored:?}") };
    assert_eq!(by_id[0], (Value::I64(-1), text("Empty")));
    // And written like such a language.
    values.put("a", &values.get("b").unwrap().unwrap()).unwrap();
    assert_eq!(drawings.get("a").unwrap(), Some(Serde(drawing())));
}

#[test]
fn every_shape_of_serde_comes_back() {
    comes_back(&());
    comes_back(&(true, 'x', "text".to_owned(), 1.5_f32, f64::MIN_POSITIVE));
    comes_back(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, u8::MAX, u16::MAX, u32::MAX, u64::MAX));
    for number in [0, 1, -1, i128::from(u64::MAX), -i128::from(u64::MAX), i128::MAX, i128::MIN, 1 << 64] {
        comes_back(&number);
    }
    for number in [0, u128::from(u64::MAX) + 1, u128::MAX] {
        comes_back(&number);
    }
    comes_back(&vec![Some(1), None]);
    comes_back(&HashMap::from([((1, true), vec![()]), ((2, false), vec![])]));
    comes_back(&Cow::<str>::Owned("cow".to_owned()).into_owned());
    comes_back(&std::net::IpAddr::from([127, 0, 0, 1]));
    comes_back(&std::time::Duration::from_nanos(1_000_000_001));
    comes_back(&Ok::<i32, String>(3));
    comes_back(&[drawing(), drawing()]);
}

#[test]
fn values_of_other_languages_are_read_with_their_meaning() {
    assert_eq!(
        written::<(i64, String)>(&Value::Tuple(vec![Value::I64(1), text("a")])).unwrap(),
        (1, "a".to_owned())
    );
    let set = Value::Set(vec![Value::I64(2), Value::I64(1)]);
    assert_eq!(written::<std::collections::BTreeSet<u8>>(&set).unwrap(), [1, 2].into());
    let uuid = uuid::Uuid::from_u128(0x1234_5678);
    assert_eq!(written::<String>(&Value::Uuid(uuid.into_bytes())).unwrap(), uuid.to_string());
    assert_eq!(written::<String>(&Value::Date(0)).unwrap(), "1970-01-01");
    assert_eq!(written::<String>(&Value::DateTime(1_500_000)).unwrap(), "1970-01-01T00:00:01.500000");
    assert_eq!(written::<f64>(&Value::I64(3)).unwrap().to_bits(), 3_f64.to_bits());
    assert_eq!(written::<Option<u8>>(&Value::Undefined).unwrap(), None);
    let extra = Value::Map(vec![(text("unknown"), Value::Null), (text("Circle"), Value::F64(1.0))]);
    assert_eq!(written::<HashMap<String, Option<f64>>>(&extra).unwrap()["Circle"], Some(1.0));
    // Columns of numbers, of every type.
    for element in [
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
    ] {
        let two = match element {
            Element::F32 => 2_f32.to_le_bytes().to_vec(),
            Element::F64 => 2_f64.to_le_bytes().to_vec(),
            _ => 2_u64.to_le_bytes()[..element.width()].to_vec(),
        };
        let array = Value::Array { element, bytes: [two.clone(), two].concat() };
        assert_eq!(written::<Vec<f64>>(&array).unwrap(), [2.0, 2.0], "{element:?}");
    }
    let negative = Value::Array { element: Element::I16, bytes: (-3_i16).to_le_bytes().to_vec() };
    assert_eq!(written::<[i64; 1]>(&negative).unwrap(), [-3]);
}

#[test]
fn a_value_of_another_type_is_an_error_and_not_a_panic() {
    let bad = |outcome: Result<Shape, persistent_collections::Error>| {
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), Status::BadValue);
        error.message().to_owned()
    };
    assert!(bad(written(&text("Triangle"))).contains("Triangle"));
    bad(written(&Value::Null));
    bad(written(&Value::Map(vec![])));
    bad(written(&text("Circle")));
    bad(written(&Value::Map(vec![(text("Empty"), Value::I64(1))])));
    bad(written(&Value::Map(vec![(text("Circle"), text("round"))])));
    bad(written(&Value::Map(vec![(text("Line"), Value::List(vec![]))])));
    bad(written(&Value::Map(vec![(text("Circle"), Value::F64(1.0)), (text("Empty"), Value::Null)])));
    bad(written(&Value::Map(vec![(Value::F64(1.0), Value::Null)])));
    assert_eq!(status(written::<u8>(&Value::I64(256))), Status::BadValue);
    assert_eq!(status(written::<i64>(&Value::F64(1.0))), Status::BadValue);
    assert_eq!(status(written::<(u8, u8)>(&Value::List(vec![Value::I64(1); 3]))), Status::BadValue);
    let huge = Value::BigInt { negative: false, magnitude: vec![1; 17] };
    assert_eq!(status(written::<u128>(&huge)), Status::BadValue);
    // A CBOR item, but not one of this type: a part of a float.
    assert_eq!(status(Serde::<String>::decode(&[0xf9, 0, 0]).map(drop)), Status::BadValue);
    assert_eq!(status(Serde::<String>::decode(&[0x61]).map(drop)), Status::BadValue);
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
enum Number {
    Small(u8),
    Large(i64),
}

#[derive(Serialize, Deserialize)]
struct Nested(Vec<Nested>);

#[test]
fn a_value_that_cannot_be_stored_is_refused_and_leaves_nothing() {
    let mut nested = Nested(Vec::new());
    for _ in 0..5000 {
        nested = Nested(vec![nested]);
    }
    let mut out = vec![7];
    assert_eq!(status(Serde::<Nested>::encode(&nested, &mut out)), Status::BadValue);
    // A map with a repeated key: 1 as i64 and as u8 are the same integer.
    let twice = BTreeMap::from([(Number::Small(1), 'a'), (Number::Large(1), 'b')]);
    assert_eq!(status(Serde::encode(&twice, &mut out)), Status::BadValue);
    assert_eq!(out, [7]);
    // Freed level by level, since dropping such a long chain recurses.
    while let Some(inner) = nested.0.pop() {
        nested = inner;
    }
}

#[test]
fn uuids_are_those_of_the_library() {
    let Scratch { env, .. } = &scratch();
    let uuids = Set::<uuid::Uuid>::open(env, "uuids").unwrap();
    let uuid = uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    uuids.add_many([&uuid, &uuid::Uuid::nil(), &uuid::Uuid::max()]).unwrap();
    let own = Set::<Uuid>::open_existing(env, "uuids").unwrap();
    assert!(own.contains(&Uuid(uuid.into_bytes())).unwrap());
    assert_eq!(uuids.last().unwrap(), Some(uuid::Uuid::max()));
    let pairs = Dict::<(uuid::Uuid, i64), uuid::Uuid>::open(env, "pairs").unwrap();
    pairs.put(&(uuid, 1), &uuid).unwrap();
    assert_eq!(
        Dict::<(Uuid, i64), Uuid>::open(env, "pairs").unwrap().get(&(Uuid(uuid.into_bytes()), 1)).unwrap(),
        Some(Uuid(uuid.into_bytes()))
    );
}

/// Checks that a value of a foreign type has the bytes of the library's own, as key, value and element of a tuple, and comes
/// back.
fn is_as<F, O>(foreign: &F, own: &O)
where
    F: Key<Borrowed = F>
        + Stored<Borrowed = F>
        + persistent_collections::KeyElement
        + Clone
        + PartialEq
        + Debug,
    O: Key<Borrowed = O>
        + Stored<Borrowed = O>
        + persistent_collections::KeyElement
        + Clone
        + PartialEq
        + Debug,
{
    fn key<T: Key<Borrowed = T>>(key: &T) -> Vec<u8> {
        let mut out = Vec::new();
        T::encode(key, &mut out).unwrap();
        out
    }
    fn value<T: Stored<Borrowed = T>>(value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        T::encode(value, &mut out).unwrap();
        out
    }
    assert_eq!(<F as Key>::type_of(), <O as Key>::type_of());
    assert_eq!(<F as Stored>::type_of(), <O as Stored>::type_of());
    assert_eq!((key(foreign), value(foreign)), (key(own), value(own)));
    let pair = key(&(foreign.clone(), true));
    assert_eq!(pair, key(&(own.clone(), true)));
    assert_eq!(&<F as Key>::decode(&key(own)).unwrap(), foreign);
    assert_eq!(&<F as Stored>::decode(&value(own)).unwrap(), foreign);
    assert_eq!(<(F, bool)>::decode(&pair).unwrap(), (foreign.clone(), true));
}

proptest! {
    #[test]
    fn days_and_times_are_those_of_the_library(days in -95_000_000_i32..95_000_000, micros in any::<i64>()) {
        let (date, time) = (Date(days), DateTime(micros));
        let (year, month, day) = date.ymd();
        if let Some(foreign) = NaiveDate::from_ymd_opt(year, month, day) {
            is_as(&foreign, &date);
        }
        if let Some(foreign) = chrono::DateTime::from_timestamp_micros(micros) {
            is_as(&foreign.naive_utc(), &time);
        }
    }

    #[test]
    fn days_and_times_of_jiff_are_those_of_the_library(
        year in -9999_i16..=9999, month in 1_i8..=12, day in 1_i8..=28, second in 0_i64..86_400, micro in 0_i64..1_000_000,
    ) {
        let date = civil::date(year, month, day);
        let own = Date::from_ymd(year.into(), month.unsigned_abs().into(), day.unsigned_abs().into()).unwrap();
        is_as(&date, &own);
        let time = date.to_datetime(civil::Time::midnight()) + jiff::SignedDuration::from_micros(second * 1_000_000 + micro);
        is_as(&time, &DateTime(i64::from(own.0) * 86_400_000_000 + second * 1_000_000 + micro));
    }
}

#[test]
fn a_day_and_a_time_are_what_the_calendar_says() {
    let (own_day, own_time) = (Date::from_ymd(2024, 2, 29).unwrap(), DateTime(1_709_208_000_500_000));
    assert_eq!(own_time.to_string(), "2024-02-29T12:00:00.500000");
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    is_as(&day, &own_day);
    is_as(&day.and_hms_milli_opt(12, 0, 0, 500).unwrap(), &own_time);
    is_as(&civil::date(2024, 2, 29), &own_day);
    is_as(&civil::date(2024, 2, 29).at(12, 0, 0, 500_000_000), &own_time);
}

#[test]
fn the_first_and_last_days_and_times_of_each_crate_come_back() {
    for date in [NaiveDate::MIN, NaiveDate::MAX] {
        let mut out = Vec::new();
        <NaiveDate as Key>::encode(&date, &mut out).unwrap();
        assert_eq!(<NaiveDate as Key>::decode(&out).unwrap(), date);
    }
    for date in [civil::Date::MIN, civil::Date::MAX] {
        let mut out = Vec::new();
        <civil::Date as Stored>::encode(&date, &mut out).unwrap();
        assert_eq!(<civil::Date as Stored>::decode(&out).unwrap(), date);
    }
    let last = civil::DateTime::MAX.round(jiff::Unit::Hour).unwrap_or(civil::date(9999, 12, 31).at(
        23,
        59,
        59,
        999_999_000,
    ));
    let mut out = Vec::new();
    <civil::DateTime as Key>::encode(&last, &mut out).unwrap();
    assert_eq!(<civil::DateTime as Key>::decode(&out).unwrap(), last);
}

#[test]
fn times_that_would_not_come_back_equal_are_refused() {
    let Scratch { env, .. } = &scratch();
    let chrono_times = Dict::<NaiveDateTime, NaiveDateTime>::open(env, "times").unwrap();
    let jiff_times = Dict::<civil::DateTime, civil::DateTime>::open(env, "times").unwrap();
    let pairs = Set::<(NaiveDateTime, bool)>::open(env, "pairs").unwrap();
    let noon = NaiveDate::from_ymd_opt(1969, 12, 31).unwrap().and_hms_opt(12, 0, 0).unwrap();
    let leap_second = NaiveDate::from_ymd_opt(2016, 12, 31)
        .unwrap()
        .and_time(NaiveTime::from_hms_milli_opt(23, 59, 59, 1500).unwrap());
    for bad in [noon + TimeDelta::nanoseconds(1), noon - TimeDelta::nanoseconds(1), leap_second] {
        assert_eq!(status(chrono_times.put(&bad, &noon)), Status::BadKey);
        assert_eq!(status(chrono_times.put(&noon, &bad)), Status::BadValue);
        assert_eq!(status(pairs.add(&(bad, true))), Status::BadKey);
    }
    let noon = civil::date(1969, 12, 31).at(12, 0, 0, 0);
    let bad = civil::date(1969, 12, 31).at(12, 0, 0, 1);
    assert_eq!(status(jiff_times.put(&bad, &noon)), Status::BadKey);
    assert_eq!(status(jiff_times.put(&noon, &bad)), Status::BadValue);
    assert!(jiff_times.is_empty().unwrap() && pairs.is_empty().unwrap());
}

#[test]
fn days_and_times_beyond_a_crates_own_are_errors() {
    let Scratch { env, .. } = &scratch();
    let own = Dict::<Date, DateTime>::open(env, "times").unwrap();
    let pairs = Set::<(Date, bool)>::open(env, "pairs").unwrap();
    for (day, time) in [(Date(i32::MAX), DateTime(i64::MAX)), (Date(i32::MIN), DateTime(i64::MIN))] {
        own.clear().unwrap();
        pairs.clear().unwrap();
        own.put(&day, &DateTime(0)).unwrap();
        own.put(&Date(0), &time).unwrap();
        pairs.add(&(day, true)).unwrap();
        let of_chrono = Dict::<NaiveDate, NaiveDateTime>::open(env, "times").unwrap();
        let of_jiff = Dict::<civil::Date, civil::DateTime>::open(env, "times").unwrap();
        let keys: Vec<_> =
            of_chrono.keys().unwrap().filter_map(Result::err).map(|error| error.status()).collect();
        assert_eq!(keys, [Status::BadKey]);
        let values: Vec<_> =
            of_jiff.values().unwrap().filter_map(Result::err).map(|error| error.status()).collect();
        assert_eq!(values, [Status::BadValue]);
        let zero = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        assert_eq!(status(of_chrono.get(&zero)), Status::BadValue);
        let pairs = Set::<(NaiveDate, bool)>::open(env, "pairs").unwrap();
        assert_eq!(status(pairs.first()), Status::BadKey);
    }
}
