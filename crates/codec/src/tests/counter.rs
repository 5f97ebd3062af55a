use super::{big, hex, ty, value_bytes};
use crate::error::Status;
use crate::{Type, Value, add_integer, decode_value};
use proptest::prelude::*;

fn add(type_name: &str, current: &Value, delta: i64) -> Result<i64, Status> {
    let ty = ty(type_name);
    let encoded = value_bytes(&ty, current);
    match add_integer(&ty, Some(&encoded), delta) {
        Ok((bytes, sum)) => {
            assert_eq!(decode_value(&ty, &bytes).unwrap(), Value::I64(sum));
            Ok(sum)
        }
        Err(error) => Err(error.status()),
    }
}

#[test]
fn sums_at_the_limits_of_types() {
    for (type_name, current, delta, sum) in [
        ("i8", Value::from(126), 1, Ok(127)),
        ("i8", Value::from(127), 1, Err(Status::Overflow)),
        ("i8", Value::from(-128), -1, Err(Status::Overflow)),
        ("i8", Value::from(-128), 255, Ok(127)),
        ("u8", Value::from(0), -1, Err(Status::Overflow)),
        ("u8", Value::from(255), i64::MIN, Err(Status::Overflow)),
        ("i64", Value::from(i64::MAX), 1, Err(Status::Overflow)),
        ("i64", Value::from(i64::MAX), i64::MIN, Ok(-1)),
        ("u64", Value::U64(i64::MAX as u64), 0, Ok(i64::MAX)),
        ("u64", Value::U64(i64::MAX as u64), 1, Err(Status::Overflow)),
        ("u64", Value::U64(u64::MAX), i64::MIN, Ok(i64::MAX)),
        ("u64", Value::U64(u64::MAX), -1, Err(Status::Overflow)),
        ("any", Value::from(41), 1, Ok(42)),
        ("any", Value::U64(1 << 63), -1, Ok(i64::MAX)),
        ("any", Value::U64(u64::MAX), 0, Err(Status::Overflow)),
        ("any", Value::from(i64::MIN), -1, Err(Status::Overflow)),
        ("any", big(true, &[0x80, 0, 0, 0, 0, 0, 0, 1]), 1, Ok(i64::MIN)),
        ("any", big(false, &[1; 40]), 1, Err(Status::Overflow)),
        ("any", Value::F64(1.0), 1, Err(Status::TypeMismatch)),
        ("any", Value::from("1"), 1, Err(Status::TypeMismatch)),
        ("any", Value::Null, 1, Err(Status::TypeMismatch)),
        ("f64", Value::F64(1.0), 1, Err(Status::TypeMismatch)),
        ("date", Value::Date(1), 1, Err(Status::TypeMismatch)),
        ("str", Value::from("1"), 1, Err(Status::TypeMismatch)),
    ] {
        assert_eq!(add(type_name, &current, delta), sum, "{type_name} {current:?} + {delta}");
    }
}

#[test]
fn missing_counts_as_zero() {
    assert_eq!(add_integer(&Type::I16, None, -3).unwrap(), (hex("fdff"), -3));
    assert_eq!(add_integer(&Type::Any, None, 500).unwrap(), (hex("1901f4"), 500));
    assert_eq!(add_integer(&Type::U8, None, -1).unwrap_err().status(), Status::Overflow);
    assert_eq!(add_integer(&Type::Str, None, 1).unwrap_err().status(), Status::TypeMismatch);
}

#[test]
fn damaged_values_are_refused() {
    assert_eq!(add_integer(&Type::I64, Some(&[0; 7]), 1).unwrap_err().status(), Status::BadValue);
    assert_eq!(add_integer(&Type::Any, Some(&[0, 0]), 1).unwrap_err().status(), Status::BadValue);
}

#[test]
fn messages_name_the_numbers() {
    let error = add_integer(&Type::I8, Some(&[100]), 50).unwrap_err();
    for part in ["i8", "100", "50", "127"] {
        assert!(error.message().contains(part), "{error}");
    }
}

proptest! {
    #[test]
    fn sums_match_wide_arithmetic(current: i64, delta: i64, small: i8, step: i8) {
        for type_name in ["i64", "any"] {
            let expected = current.checked_add(delta).ok_or(Status::Overflow);
            prop_assert_eq!(add(type_name, &Value::I64(current), delta), expected);
        }
        let expected = small.checked_add(step).map(i64::from).ok_or(Status::Overflow);
        prop_assert_eq!(add("i8", &Value::I64(small.into()), step.into()), expected);
    }
}
