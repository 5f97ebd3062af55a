use super::ty;
use crate::error::Status;
use crate::{Element, Type};

#[test]
fn every_type_has_one_spelling() {
    for text in [
        "bytes",
        "str",
        "i8",
        "i16",
        "i32",
        "i64",
        "u8",
        "u16",
        "u32",
        "u64",
        "f32",
        "f64",
        "bool",
        "uuid",
        "date",
        "datetime",
        "any",
        "unit",
        "(str)",
        "(str,i64)",
        "(bytes,f32,uuid,date,datetime)",
        "i8[]",
        "f32[768]",
        "u64[2,3,4]",
        "opaque[1]",
        "opaque[2147418096]",
        "u8[2147418096]",
    ] {
        assert_eq!(ty(text).to_string(), text);
        assert_eq!(text.parse::<Type>().unwrap(), ty(text));
    }
}

#[test]
fn invalid_type_strings_are_refused() {
    for text in [
        "",
        "string",
        "Str",
        " str",
        "str ",
        "(str, i64)",
        "()",
        "(str,)",
        "(,str)",
        "((str),i64)",
        "(any)",
        "(unit)",
        "(f32[])",
        "(opaque[4])",
        "(str",
        "str)",
        "[]",
        "str[]",
        "bool[]",
        "any[]",
        "f32[",
        "f32]",
        "f32[0]",
        "f32[01]",
        "f32[+1]",
        "f32[-1]",
        "f32[1,]",
        "f32[,]",
        "f32[1 ]",
        "f32[][]",
        "f32[1][2]",
        "f32[536870913]",
        "f64[4294967296,4294967296,4294967296]",
        "f32[99999999999999999999999]",
        "opaque",
        "opaque[]",
        "opaque[0]",
        "opaque[08]",
        "opaque[2147418097]",
        "opaque[1,2]",
        "i128",
        "str\0",
        "ｉ64",
    ] {
        let error = Type::parse(text).unwrap_err();
        assert_eq!(error.status(), Status::BadType, "{text}");
        assert!(error.message().contains(&format!("{text:?}")), "{error}");
    }
    let many = format!("i8[{}]", vec!["1"; 33].join(","));
    assert!(Type::parse(&many).is_err());
}

#[test]
fn keys_and_values_have_types_of_their_own() {
    for (text, key, value) in [
        ("str", true, true),
        ("any", true, true),
        ("(str,i64)", true, false),
        ("f32[]", false, true),
        ("f32[3]", false, true),
        ("opaque[1978]", true, true),
        ("opaque[1979]", false, true),
        ("unit", false, false),
    ] {
        let ty = ty(text);
        assert_eq!((ty.can_be_key(), ty.can_be_value()), (key, value), "{text}");
        assert_eq!((ty.check_as_key().is_ok(), ty.check_as_value().is_ok()), (key, value));
        for error in [ty.check_as_key().err(), ty.check_as_value().err()].into_iter().flatten() {
            assert_eq!(error.status(), Status::BadType);
            assert!(error.message().contains(text), "{error}");
        }
    }
    assert!(!Type::Tuple(vec![]).can_be_key());
    assert!(!Type::Tuple(vec![Type::Any]).can_be_key());
    assert!(!Type::Opaque(0).can_be_value());
    assert!(!Type::Array { element: Element::I8, shape: Some(vec![usize::MAX, 2]) }.can_be_value());
}

#[test]
fn widths() {
    for (text, key, value) in [
        ("i8", Some(1), Some(1)),
        ("u16", Some(2), Some(2)),
        ("date", Some(4), Some(4)),
        ("datetime", Some(8), Some(8)),
        ("uuid", Some(16), Some(16)),
        ("opaque[24]", Some(24), Some(24)),
        ("f32[768]", None, Some(3072)),
        ("f64[2,3]", None, Some(48)),
        ("f64[]", None, None),
        ("unit", None, Some(0)),
        ("(i64)", None, None),
        ("any", None, None),
    ] {
        assert_eq!((ty(text).key_width(), ty(text).value_width()), (key, value), "{text}");
    }
    assert_eq!(ty("u64").integer_range(), Some((0, i128::from(u64::MAX))));
    assert_eq!(ty("i8").integer_range(), Some((-128, 127)));
    assert_eq!(ty("f64").integer(), None);
}

#[test]
fn elements_have_the_numbers_of_the_c_abi() {
    for (number, element) in (1..=10).zip(Element::ALL) {
        assert_eq!(Element::from_number(number), Some(element));
    }
    assert_eq!(Element::from_number(0), None);
    assert_eq!(Element::from_number(11), None);
}

#[test]
fn a_type_that_values_cannot_have_is_refused_with_what_to_use() {
    for (ty, hint) in [
        (Type::Tuple(vec![Type::Str, Type::I64]), "values that are tuples have the type any"),
        (Type::Unit, "open a set"),
        (Type::Opaque(0), "a positive size of at most 2147418096 bytes"),
    ] {
        let error = ty.check_as_value().unwrap_err();
        assert!(error.message().contains(hint), "{ty}: {error}");
    }
}
