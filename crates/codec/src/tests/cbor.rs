//! Values of `any`: writing makes one form, reading accepts every form, and hostile bytes are refused.

use super::{big, hex, integer, text, value_bytes, value_error};
use crate::error::Status;
use crate::{Element, MAX_DEPTH, Type, Value, check_value, decode_value, encode_value};
use proptest::collection::vec;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Value {
    decode_value(&Type::Any, bytes).unwrap()
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        Just(Value::Undefined),
        any::<bool>().prop_map(Value::Bool),
        integer(),
        any::<f64>().prop_map(Value::F64),
        Just(Value::F64(f64::from_bits(0xfff8_0000_0000_0001))),
        text().prop_map(Value::Str),
        super::blob().prop_map(Value::Bytes),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        (-719_528i32..2_932_897).prop_map(Value::Date),
        (-62_167_219_200_000_000i64..253_402_300_800_000_000).prop_map(Value::DateTime),
        (proptest::sample::select(&Element::ALL[..]), vec(any::<u8>(), 0..5)).prop_map(
            |(element, numbers)| {
                let bytes = numbers.iter().flat_map(|number| vec![*number; element.width()]).collect();
                Value::Array { element, bytes }
            }
        ),
        proptest::sample::select(
            &["c482211904d2", "d81e820103", "d8276161", "f0", "f8ff", "d81b82636162630a"][..]
        )
        .prop_map(|item| Value::Cbor(hex(item))),
    ];
    scalar.prop_recursive(4, 48, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::List),
            vec(inner.clone(), 0..5).prop_map(Value::Tuple),
            vec(inner.clone(), 0..5).prop_map(|elements| Value::Set(distinct(elements))),
            vec((inner.clone(), inner), 0..5).prop_map(|entries| {
                let (keys, values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
                Value::Map(distinct(keys).into_iter().zip(values).collect())
            }),
        ]
    })
}

fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// Checks that the check and reading agree on bytes. Those that they accept come back equal, in a form that is stable.
fn check_bytes(bytes: &[u8]) -> std::result::Result<(), TestCaseError> {
    match decode_value(&Type::Any, bytes) {
        Err(error) => {
            prop_assert_eq!(error.status(), Status::BadValue);
            prop_assert_eq!(check_value(&Type::Any, bytes).unwrap_err(), error);
        }
        Ok(value) => {
            check_value(&Type::Any, bytes).unwrap();
            let written = value_bytes(&Type::Any, &value);
            prop_assert_eq!(&read(&written), &value);
            prop_assert_eq!(value_bytes(&Type::Any, &read(&written)), written);
            let mut other = minicbor::Decoder::new(bytes);
            prop_assert!(other.skip().is_ok(), "another reader refuses {:02x?}", bytes);
            prop_assert_eq!(other.position(), bytes.len());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn values_come_back(value in value()) {
        let bytes = value_bytes(&Type::Any, &value);
        check_value(&Type::Any, &bytes).unwrap();
        prop_assert_eq!(read(&bytes), value);
        check_bytes(&bytes)?;
    }

    #[test]
    fn changed_items_are_refused_or_come_back(value in value(), place: proptest::sample::Index, byte: u8, how in 0..3) {
        let mut bytes = value_bytes(&Type::Any, &value);
        let at = place.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        check_bytes(&bytes)?;
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_come_back(bytes in vec(any::<u8>(), 0..48)) {
        check_bytes(&bytes)?;
    }

    #[test]
    fn bytes_like_items_are_refused_or_come_back(bytes in vec(proptest::sample::select(&[
        0x00u8, 0x01, 0x17, 0x18, 0x20, 0x38, 0x40, 0x41, 0x48, 0x60, 0x61, 0x80, 0x81, 0x82, 0x83, 0xa0, 0xa1, 0xa2,
        0xc0, 0xc2, 0xc3, 0xd8, 0xd9, 0x1b, 0x25, 0x40, 0x4d, 0x56, 0xf4, 0xf6, 0xf9, 0xfa, 0xfb, 0x7c, 0xff, 0x9f,
    ][..]), 0..16)) {
        check_bytes(&bytes)?;
    }

    #[test]
    fn simple_values_match_another_implementation(a: i64, b: u64, c: f64, d in text(), e in super::blob()) {
        prop_assume!(!c.is_nan());
        let value = Value::List(vec![
            Value::I64(a),
            Value::U64(b),
            Value::F64(c),
            Value::Str(d.clone()),
            Value::Bytes(e.clone()),
            Value::Map(vec![(Value::from(d.as_str()), Value::Null)]),
        ]);
        let mut other = minicbor::Encoder::new(Vec::new());
        other.array(6).unwrap().i64(a).unwrap().u64(b).unwrap().f64(c).unwrap().str(&d).unwrap().bytes(&e).unwrap();
        other.map(1).unwrap().str(&d).unwrap().null().unwrap();
        prop_assert_eq!(value_bytes(&Type::Any, &value), other.into_writer());
    }
}

#[test]
fn each_value_has_one_encoding() {
    let numbers = |element, bytes: &[u8]| Value::Array { element, bytes: bytes.to_vec() };
    for (value, encoded) in [
        (Value::Null, "f6"),
        (Value::Undefined, "f7"),
        (Value::from(false), "f4"),
        (Value::from(23), "17"),
        (Value::from(24), "1818"),
        (Value::from(-1), "20"),
        (Value::from(i64::MIN), "3b7fffffffffffffff"),
        (Value::U64(u64::MAX), "1bffffffffffffffff"),
        (big(true, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), "3bffffffffffffffff"),
        (big(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), "c249010000000000000000"),
        (big(true, &[1, 0, 0, 0, 0, 0, 0, 0, 1]), "c349010000000000000000"),
        (Value::F64(f64::NAN), "fb7ff8000000000000"),
        (Value::F64(-0.0), "fb8000000000000000"),
        (Value::Tuple(vec![Value::from(1)]), "d81b82657475706c6501"),
        (Value::Set(vec![Value::from("b"), Value::from(1)]), "d90102820161 62"),
        (Value::Uuid([1; 16]), "d8255001010101010101010101010101010101"),
        (Value::Date(19_782), "d903ec6a323032342d30322d3239"),
        (
            Value::DateTime(1_500_000),
            "d81b82686461746574696d65781a313937302d30312d30315430303a30303a30312e353030303030",
        ),
        (numbers(Element::I16, &[1, 0, 2, 0]), "d84d4401000200"),
        (Value::Cbor(hex("d8276161")), "d8276161"),
    ] {
        assert_eq!(value_bytes(&Type::Any, &value), hex(encoded), "{value:?}");
        assert_eq!(read(&hex(encoded)), value);
    }
}

#[test]
fn other_forms_are_read() {
    for (encoded, value) in [
        ("1800", Value::from(0)),
        ("1b0000000000000001", Value::from(1)),
        ("f97c00", Value::F64(f64::INFINITY)),
        ("f90001", Value::F64(2f64.powi(-24))),
        ("f98400", Value::F64(-(2f64.powi(-14)))),
        ("f97bff", Value::F64(65504.0)),
        ("f97e01", Value::F64(f64::NAN)),
        ("fa3fc00000", Value::F64(1.5)),
        ("7800", Value::from("")),
        ("c240", Value::from(0)),
        ("c2420001", Value::from(1)),
        ("c340", Value::from(-1)),
        ("c348ffffffffffffffff", big(true, &[1, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("d84944 0001 0002", Value::Array { element: Element::I16, bytes: vec![1, 0, 2, 0] }),
        ("d90102820201", Value::Set(vec![Value::from(1), Value::from(2)])),
        ("d81b827800f6", Value::Cbor(hex("d81b827800f6"))),
        ("d81b82686461746574696d6575313937302d30312d30315430303a30303a30302e35", Value::DateTime(500_000)),
    ] {
        assert_eq!(read(&hex(encoded)), value, "{encoded}");
    }
}

/// Other writers choose the byte order of an array. Only one of the tags for the order that this library does not write
/// was tested, and a reader that lacked another would have returned raw CBOR in place of numbers.
#[test]
fn arrays_of_every_element_and_order_are_read() {
    for (element, little, big) in [
        (Element::U8, 64, None),
        (Element::U16, 69, Some(65)),
        (Element::U32, 70, Some(66)),
        (Element::U64, 71, Some(67)),
        (Element::I8, 72, None),
        (Element::I16, 77, Some(73)),
        (Element::I32, 78, Some(74)),
        (Element::I64, 79, Some(75)),
        (Element::F32, 85, Some(81)),
        (Element::F64, 86, Some(82)),
    ] {
        let width = u8::try_from(element.width()).unwrap();
        let bytes: Vec<u8> = (1..=2 * width).collect();
        let encoded = |tag: u8, content: &[u8]| [&[0xd8, tag, 0x58, 2 * width], content].concat();
        let value = Value::Array { element, bytes: bytes.clone() };
        assert_eq!(read(&encoded(little, &bytes)), value);
        if let Some(big) = big {
            let turned: Vec<u8> =
                bytes.chunks(element.width()).flat_map(|number| number.iter().rev().copied()).collect();
            assert_eq!(read(&encoded(big, &turned)), value, "tag {big}");
        }
    }
    // Clamped bytes, and floats of 16 and 128 bits.
    for tag in [68, 76, 80, 83, 84, 87] {
        let encoded = [&[0xd8, tag, 0x50][..], &[0; 16]].concat();
        assert_eq!(read(&encoded), Value::Cbor(encoded.clone()));
    }
}

/// Items without a variant, and items whose tag does not allow their content, stay encoded.
#[test]
fn items_without_a_variant_stay_encoded() {
    for encoded in [
        "c074323031332d30332d32315432303a30343a30305a",
        "c48221196ab3",
        "d81e820103",
        "d9a7f882fb3ff0000000000000fb4000000000000000",
        "d82763616263",
        "d81b826463686172616 1",
        "d8288282 0202 d84044 01020304",
        "d904108182f6f6",
        "d81b8265506f696e74a16178 01",
        "d81b8168 6461746574696d65",
        "d81b80",
        "d81b01",
        "d81b82686461746574696d65 6161",
        "d81b82686461746574696d65 01",
        "d8254101",
        "d825f6",
        "d903ec6a323032332d30322d3239",
        "d903ec01",
        "d90102820101",
        "d90102a0",
        "d9010282011801",
        "a201020103",
        "a2010218010 3",
        "c201",
        "d84d4101",
        "d84d80",
        "d8444101",
        "d8504200 3c",
        "e0",
        "f820",
        "d9d9f700",
    ] {
        let bytes = hex(encoded);
        assert_eq!(read(&bytes), Value::Cbor(bytes.clone()), "{encoded}");
        assert_eq!(value_bytes(&Type::Any, &read(&bytes)), bytes);
    }
}

#[test]
fn malformed_items_are_refused() {
    for encoded in [
        "",
        "18",
        "1900",
        "1b00000000000000",
        "1c",
        "1d",
        "1e",
        "1f",
        "3f",
        "41",
        "5f4100ff",
        "7f6100ff",
        "9fff",
        "bfff",
        "df00",
        "ff",
        "61ff",
        "62c328",
        "81",
        "8201",
        "a1",
        "a101",
        "c0",
        "d8",
        "f800",
        "f814",
        "f81f",
        "f97c",
        "fc",
        "0000",
        "f6f6",
        "9bffffffffffffffff",
        "bb7fffffffffffffff00",
        "5bffffffffffffffff",
        "7bffffffffffffffff",
        "c2",
        "c241",
        "d81b82657475706c65",
        "d81b",
        "d825",
        "d90102",
        "d84d4401",
        "d903ec6a32",
    ] {
        let error = check_value(&Type::Any, &hex(encoded)).unwrap_err();
        assert_eq!(error.status(), Status::BadValue, "{encoded}");
        assert_eq!(decode_value(&Type::Any, &hex(encoded)).unwrap_err(), error, "{encoded}");
        let wrapped = Value::Cbor(hex(encoded));
        assert_eq!(value_error(&Type::Any, &wrapped), Status::BadValue);
    }
}

#[test]
fn values_without_an_encoding_are_refused() {
    for value in [
        Value::Set(vec![Value::from(1), Value::U64(1)]),
        Value::Map(vec![(Value::from(1), Value::Null), (Value::from(1), Value::from(2))]),
        Value::Date(2_932_897),
        Value::Date(-719_529),
        Value::DateTime(i64::MAX),
        Value::Array { element: Element::F64, bytes: vec![0; 7] },
        Value::Cbor(hex("0000")),
        Value::List(vec![Value::Cbor(vec![])]),
    ] {
        assert_eq!(value_error(&Type::Any, &value), Status::BadValue, "{value:?}");
    }
}

#[test]
fn depth_is_bounded() {
    for head in [hex("81"), hex("c6"), hex("a100"), hex("d81b82657475706c65"), hex("d9010281")] {
        let item = |heads: usize| [head.repeat(heads), vec![0xf6]].concat();
        let levels = if head[0] == 0xd8 || head[0] == 0xd9 { 2 } else { 1 };
        check_value(&Type::Any, &item(MAX_DEPTH / levels)).unwrap();
        let deepest = read(&item(MAX_DEPTH / levels));
        assert_eq!(value_bytes(&Type::Any, &deepest), item(MAX_DEPTH / levels));
        let list = Value::List(vec![deepest]);
        assert_eq!(value_error(&Type::Any, &list), Status::BadValue);
        for heads in [MAX_DEPTH / levels + 1, 1_000_000] {
            let refused = check_value(&Type::Any, &item(heads)).unwrap_err();
            assert_eq!(decode_value(&Type::Any, &item(heads)).unwrap_err(), refused);
        }
    }
    // The depth of an item that stays encoded counts towards that of the items around it.
    let kept = Value::Cbor([vec![0xc6; MAX_DEPTH], vec![0]].concat());
    assert_eq!(value_bytes(&Type::Any, &kept).len(), MAX_DEPTH + 1);
    assert!(encode_value(&Type::Any, &Value::List(vec![kept]), &mut Vec::new()).is_err());
}

#[test]
fn values_are_equal_if_they_are_stored_alike() {
    assert_eq!(Value::F64(f64::NAN), Value::F64(-f64::NAN));
    assert_ne!(Value::F64(0.0), Value::F64(-0.0));
    assert_eq!(Value::I64(5), Value::U64(5));
    assert_eq!(big(false, &[0, 5]), Value::I64(5));
    assert_ne!(Value::I64(1), Value::F64(1.0));
    assert_ne!(Value::I64(1), Value::Bool(true));
    let (one, two) = (Value::from(1), Value::from(2));
    assert_eq!(Value::Set(vec![one.clone(), two.clone()]), Value::Set(vec![two.clone(), one.clone()]));
    assert_ne!(Value::List(vec![one.clone(), two.clone()]), Value::List(vec![two, one]));
    assert_ne!(big(false, &[1; 20]), big(true, &[1; 20]));
    assert_eq!(big(false, &[1; 20]), big(false, &[1; 20]));
}
