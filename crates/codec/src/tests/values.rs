use super::{hex, ty, value_bytes, value_error};
use crate::error::Status;
use crate::{Element, Type, Value, check_value, decode_value};

#[test]
fn encodings() {
    let array = |element, bytes: &[u8]| Value::Array { element, bytes: bytes.to_vec() };
    for (type_name, value, encoded) in [
        ("bytes", Value::from(&[][..]), ""),
        ("str", Value::from("é"), "c3a9"),
        ("str", Value::from(""), ""),
        ("str", Value::from("\0"), "00"),
        ("i8", Value::from(-1), "ff"),
        ("i16", Value::from(-2), "feff"),
        ("i32", Value::from(1), "01000000"),
        ("i64", Value::from(i64::MIN), "0000000000000080"),
        ("u8", Value::from(200), "c8"),
        ("u32", Value::from(4_294_967_295i64), "ffffffff"),
        ("u64", Value::U64(u64::MAX), "ffffffffffffffff"),
        ("u64", Value::U64(1), "0100000000000000"),
        ("f32", Value::F64(1.5), "0000c03f"),
        ("f64", Value::F64(-0.0), "0000000000000080"),
        ("f64", Value::F64(f64::NAN), "000000000000f87f"),
        ("bool", Value::from(true), "01"),
        ("uuid", Value::Uuid([3; 16]), "03030303030303030303030303030303"),
        ("date", Value::Date(-1), "ffffffff"),
        ("datetime", Value::DateTime(1), "0100000000000000"),
        ("i16[]", array(Element::I16, &[1, 0, 2, 0]), "01000200"),
        ("i16[]", array(Element::I16, &[]), ""),
        ("u8[2,2]", array(Element::U8, &[1, 2, 3, 4]), "01020304"),
        ("opaque[3]", Value::from(&[1u8, 2, 3][..]), "010203"),
        ("unit", Value::Null, ""),
        ("any", Value::from(1), "01"),
    ] {
        assert_eq!(value_bytes(&ty(type_name), &value), hex(encoded), "{type_name} {value:?}");
        check_value(&ty(type_name), &hex(encoded)).unwrap();
        assert_eq!(decode_value(&ty(type_name), &hex(encoded)).unwrap(), value, "{type_name}");
    }
    assert_eq!(value_bytes(&Type::F32, &Value::F64(0.1)), 0.1f32.to_le_bytes(), "rounded to the nearest");
    assert!(matches!(decode_value(&Type::U64, &[0; 8]), Ok(Value::U64(0))));
    assert!(matches!(decode_value(&Type::U32, &[0; 4]), Ok(Value::I64(0))));
}

#[test]
fn values_of_other_types_are_refused() {
    for (type_name, value) in [
        ("i8", Value::from(128)),
        ("u16", Value::from(-1)),
        ("i64", Value::F64(1.0)),
        ("f64", Value::from(1)),
        ("f32", Value::F64(1e39)),
        ("str", Value::from(&b""[..])),
        ("bytes", Value::from("")),
        ("f32[2]", Value::Array { element: Element::F32, bytes: vec![0; 4] }),
        ("f32[2]", Value::Array { element: Element::I32, bytes: vec![0; 8] }),
        ("opaque[3]", Value::from(&[0u8; 4][..])),
        ("date", Value::from(1)),
        ("unit", Value::from(1)),
        ("(str)", Value::Tuple(vec![Value::from("a")])),
    ] {
        assert_eq!(value_error(&ty(type_name), &value), Status::BadValue, "{type_name} {value:?}");
    }
}

#[test]
fn malformed_values_are_refused() {
    for (type_name, bytes) in [
        ("str", "ff"),
        ("i64", "00"),
        ("f32", "0000000000"),
        ("bool", "02"),
        ("bool", ""),
        ("uuid", "00"),
        ("date", "0000000000000000"),
        ("i16[]", "00"),
        ("i16[2]", "0000"),
        ("opaque[3]", "0000"),
        ("unit", "00"),
        ("any", ""),
    ] {
        let error = check_value(&ty(type_name), &hex(bytes)).unwrap_err();
        assert_eq!(error.status(), Status::BadValue, "{type_name} {bytes}");
        assert_eq!(decode_value(&ty(type_name), &hex(bytes)).unwrap_err(), error);
    }
}

#[test]
fn a_map_is_searched_by_a_text_key() {
    let map = Value::Map(vec![(Value::from(1), Value::from(2)), (Value::from("a"), Value::from(3))]);
    assert_eq!(map.get("a"), Some(&Value::from(3)));
    assert_eq!(map.get("b"), None);
    assert_eq!(Value::from(1).get("a"), None);
}
