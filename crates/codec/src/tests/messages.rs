//! The messages of errors about bytes or values that do not fit a type.

use super::{hex, ty};
use crate::error::Status;
use crate::{Value, check_key, check_value, encode_key, encode_value};

/// All faults of a type have the same status, so only the message says which one it is. No test failed when two messages
/// were exchanged, or when all of them became "not an encoded str".
#[test]
fn bytes_that_do_not_fit_are_described() {
    for (type_name, bytes, message) in [
        ("str", "", "the key of an empty str is one NUL byte, not none"),
        ("str", "ff", "a key of type str must be UTF-8"),
        ("str", "0061", "a key of type str that begins with NUL needs one more NUL before it"),
        ("i16", "000000", "a key of type i16 is 2 bytes, not 3"),
        ("bool", "02", "a key of type bool is 0 or 1, not 2"),
        ("bool", "", "a key of type bool is 1 bytes, not 0"),
        ("f32", "ffffffff", "a key of type f32 cannot be NaN, and −0.0 is encoded as 0.0"),
        ("f64", "7fffffffffffffff", "a key of type f64 cannot be NaN, and −0.0 is encoded as 0.0"),
        ("opaque[3]", "0000", "a key of type opaque[3] is 3 bytes, not 2"),
        (
            "(i64,str)",
            "15011501",
            "key is not an encoded (i64,str): an element that is not of the tuple's type at byte 2",
        ),
        ("(i64,i64)", "1501", "key is not an encoded (i64,i64): an element that is cut short at byte 2"),
        (
            "(i64,i64)",
            "150115011501",
            "key is not an encoded (i64,i64): bytes after the last element at byte 4",
        ),
    ] {
        let error = check_key(&ty(type_name), &hex(bytes)).unwrap_err();
        assert_eq!((error.status(), error.message()), (Status::BadKey, message), "{type_name} {bytes}");
    }
    for (type_name, bytes, message) in [
        ("str", "ff", "a value of type str must be UTF-8"),
        ("i16", "000000", "a value of type i16 is 2 bytes, not 3"),
        ("bool", "02", "a value of type bool is 0 or 1, not 2"),
        ("i16[]", "000000", "3 bytes are not a whole number of i16"),
        ("i16[2]", "0000", "a value of type i16[2] is 4 bytes, not 2"),
        ("any", "", "value is not an encoded CBOR item: an item that is cut short at byte 0"),
    ] {
        let error = check_value(&ty(type_name), &hex(bytes)).unwrap_err();
        assert_eq!((error.status(), error.message()), (Status::BadValue, message), "{type_name} {bytes}");
    }
}

/// The same for values that are to be encoded: bytes of another length are not "bytes instead of an opaque".
#[test]
fn values_that_do_not_fit_are_described() {
    let mut out = Vec::new();
    let bytes = Value::from(&[1u8, 2][..]);
    for (type_name, value, message) in [
        ("opaque[3]", &bytes, "a key of type opaque[3] is 3 bytes, not 2"),
        ("i64", &bytes, "a key of type i64 cannot be made from bytes"),
        ("str", &Value::from(1), "a key of type str cannot be made from an integer"),
        ("uuid", &Value::from(1), "a key of type uuid cannot be made from an integer"),
    ] {
        let error = encode_key(&ty(type_name), value, &mut out).unwrap_err();
        assert_eq!((error.status(), error.message()), (Status::BadKey, message), "{type_name}");
    }
    for (type_name, value, message) in [
        ("opaque[3]", &bytes, "a value of type opaque[3] is 3 bytes, not 2"),
        ("i64", &bytes, "a value of type i64 cannot be made from bytes"),
        ("str", &Value::from(1), "a value of type str cannot be made from an integer"),
        ("uuid", &Value::from(1), "a value of type uuid cannot be made from an integer"),
        ("i64", &Value::Uuid([0; 16]), "a value of type i64 cannot be made from a uuid"),
        ("i64", &Value::List(vec![]), "a value of type i64 cannot be made from a list"),
        ("i64", &Value::Cbor(vec![]), "a value of type i64 cannot be made from another CBOR item"),
        ("i64", &Value::Null, "a value of type i64 cannot be made from null"),
        (
            "i64",
            &Value::Array { element: crate::Element::F32, bytes: vec![] },
            "a value of type i64 cannot be made from an array of f32",
        ),
    ] {
        let error = encode_value(&ty(type_name), value, &mut out).unwrap_err();
        assert_eq!((error.status(), error.message()), (Status::BadValue, message), "{type_name}");
    }
}
