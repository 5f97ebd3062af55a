//! Compares the tuple layer byte for byte with another implementation.
//!
//! The other crate, as it is built here, does not write integers below −(2⁶³) or above 2⁶⁴−1, and other implementations
//! write ±(2⁶⁴−1) in the longer form with a length. `tests/vectors` checks those.

use super::{any_key, key_bytes, ty};
use crate::{Type, Value, decode_key};
use foundationdb_tuple::{Bytes, Element, Uuid, pack, unpack};
use proptest::prelude::*;

fn to_element(value: &Value) -> Option<Element<'static>> {
    Some(match value {
        Value::Null => Element::Nil,
        Value::Bool(truth) => Element::Bool(*truth),
        Value::I64(number) => Element::Int(*number),
        Value::F64(number) => Element::Double(if *number == 0.0 { 0.0 } else { *number }),
        Value::Str(text) => Element::String(text.clone().into()),
        Value::Bytes(bytes) => Element::Bytes(Bytes(bytes.clone().into())),
        Value::Uuid(uuid) => Element::Uuid(Uuid::from_bytes(*uuid)),
        Value::Tuple(elements) => Element::Tuple(elements.iter().map(to_element).collect::<Option<_>>()?),
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn keys_of_any(value in any_key()) {
        if let Some(element) = to_element(&value) {
            let row = vec![element];
            let bytes = pack(&row);
            prop_assert_eq!(&key_bytes(&Type::Any, &value), &bytes);
            prop_assert_eq!(unpack::<Vec<Element<'_>>>(&bytes).unwrap(), row);
        }
    }

    #[test]
    fn rows(a in super::text(), b: i64, c: u64, d in super::blob(), e: bool, f: f32, g: i16, h: u16) {
        prop_assume!(!f.is_nan());
        let f = if f == 0.0 { 0.0 } else { f };
        let value = Value::Tuple(vec![
            Value::from(a.as_str()),
            Value::I64(b),
            Value::U64(c),
            Value::from(d.as_slice()),
            Value::from(e),
            Value::F64(f64::from(f)),
            Value::I64(g.into()),
            Value::I64(h.into()),
        ]);
        let ty = ty("(str,i64,u64,bytes,bool,f32,i16,u16)");
        let bytes = pack(&(a, b, c, Bytes(d.into()), e, f, g, h));
        prop_assert_eq!(&key_bytes(&ty, &value), &bytes);
        prop_assert_eq!(decode_key(&ty, &bytes).unwrap(), value);
    }
}
