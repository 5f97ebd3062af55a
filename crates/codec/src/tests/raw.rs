use super::{blob, ty, typed_keys};
use crate::error::Status;
use crate::raw::{check_raw_key, decode_raw_key, encode_raw_key};
use crate::{Type, Value};
use proptest::prelude::*;

fn raw(type_name: &str, value: &Value) -> Result<Vec<u8>, Status> {
    let mut out = vec![];
    encode_raw_key(&ty(type_name), value, &mut out).map(|()| out).map_err(|error| error.status())
}

#[test]
fn numbers_are_native() {
    assert_eq!(raw("i64", &Value::from(-2)), Ok((-2i64).to_ne_bytes().to_vec()));
    assert_eq!(raw("u16", &Value::from(258)), Ok(258u16.to_ne_bytes().to_vec()));
    assert_eq!(raw("f64", &Value::F64(-0.0)), Ok((-0.0f64).to_ne_bytes().to_vec()));
    assert_eq!(raw("f32", &Value::F64(1.5)), Ok(1.5f32.to_ne_bytes().to_vec()));
    assert_eq!(raw("date", &Value::Date(3)), Ok(3i32.to_ne_bytes().to_vec()));
    assert_eq!(raw("bool", &Value::from(true)), Ok(vec![1]));
    assert_eq!(raw("str", &Value::from("\0a")), Ok(vec![0, b'a']), "nothing is escaped");
    assert_eq!(decode_raw_key(&Type::Str, b"\0a"), Ok(Value::from("\0a")));
    assert_eq!(check_raw_key(&Type::Str, b"\0a"), Ok(()));
    assert!(decode_raw_key(&Type::F64, &f64::NAN.to_ne_bytes()).is_ok(), "another program may have it");
}

#[test]
fn invalid_raw_keys_are_refused() {
    assert_eq!(raw("str", &Value::from("")), Err(Status::KeySize));
    assert_eq!(raw("bytes", &Value::from(&[][..])), Err(Status::KeySize));
    assert_eq!(raw("str", &Value::from("a".repeat(1979).as_str())), Err(Status::KeySize));
    assert_eq!(raw("u8", &Value::from(256)), Err(Status::BadKey));
    assert_eq!(raw("i64", &Value::from("1")), Err(Status::BadKey));
    for (type_name, bytes, status) in [
        ("str", &[][..], Status::KeySize),
        ("str", &[0xff], Status::BadKey),
        ("i64", &[0; 7], Status::BadKey),
        ("f32", &[0; 8], Status::BadKey),
        ("bool", &[2], Status::BadKey),
        ("bytes", &[0; 1979], Status::KeySize),
    ] {
        assert_eq!(check_raw_key(&ty(type_name), bytes).unwrap_err().status(), status, "{type_name}");
    }
}

proptest! {
    #[test]
    fn raw_keys_come_back((ty, keys) in typed_keys(1)) {
        let mut bytes = vec![];
        if encode_raw_key(&ty, &keys[0], &mut bytes).is_ok() {
            check_raw_key(&ty, &bytes).unwrap();
            let read = decode_raw_key(&ty, &bytes).unwrap();
            let mut again = vec![];
            encode_raw_key(&ty, &read, &mut again).unwrap();
            prop_assert_eq!(again, bytes);
        } else {
            prop_assert_eq!(&keys[0], &Value::from(""));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic((ty, _) in typed_keys(0), bytes in blob()) {
        prop_assert_eq!(check_raw_key(&ty, &bytes).is_ok(), decode_raw_key(&ty, &bytes).is_ok());
    }
}
