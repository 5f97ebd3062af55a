//! The vectors that the tests of every language share: each value is encoded to its bytes, and the bytes are decoded to it.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use persistent_collections::codec::{
    check_key, check_value, decode_key, decode_value, encode_key, encode_value,
};
use persistent_collections::{Element, Type, Value};
use serde_json::Value as Json;

fn vectors() -> Vec<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Returns the value of a description.
fn value(description: &Json) -> Value {
    let (kind, content) = description.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "null" => Value::Null,
        "undefined" => Value::Undefined,
        "bool" => Value::Bool(content.as_bool().unwrap()),
        "int" => integer(text(content)),
        "float" => Value::F64(float(content)),
        "str" => Value::from(text(content)),
        "bytes" => Value::Bytes(hex(text(content))),
        "uuid" => Value::Uuid(hex(text(content)).try_into().unwrap()),
        "date" => Value::Date(i32::try_from(content.as_i64().unwrap()).unwrap()),
        "datetime" => Value::DateTime(text(content).parse().unwrap()),
        "array" => array(content),
        "tuple" => Value::Tuple(values(content)),
        "list" => Value::List(values(content)),
        "set" => Value::Set(values(content)),
        "map" => Value::Map(
            content.as_array().unwrap().iter().map(|entry| pair(value(&entry[0]), entry)).collect(),
        ),
        "instant" => tagged(0, &Value::from(text(content))),
        "time" => tagged(27, &Value::List(vec![Value::from("time"), Value::from(text(content))])),
        "decimal" => tagged(4, &integers(&[&content["exponent"], &content["mantissa"]])),
        "rational" => tagged(30, &integers(&[&content[0], &content[1]])),
        "complex" => {
            let parts = content.as_array().unwrap().iter().map(|part| Value::F64(float(part)));
            tagged(43_000, &Value::List(parts.collect()))
        }
        "symbol" => tagged(39, &Value::from(text(content))),
        "char" => tagged(27, &Value::List(vec![Value::from("char"), Value::from(text(content))])),
        "struct" => {
            let fields = content["fields"].as_array().unwrap().iter();
            let fields = fields.map(|field| pair(Value::from(text(&field[0])), field)).collect();
            tagged(27, &Value::List(vec![Value::from(text(&content["name"])), Value::Map(fields)]))
        }
        "tag" => tagged(content["number"].as_u64().unwrap(), &value(&content["content"])),
        "simple" => match u8::try_from(content.as_u64().unwrap()).unwrap() {
            short @ 0..24 => Value::Cbor(vec![0xe0 | short]),
            long => Value::Cbor(vec![0xf8, long]),
        },
        _ => panic!("no such kind of value: {kind}"),
    }
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

fn values(json: &Json) -> Vec<Value> {
    json.as_array().unwrap().iter().map(value).collect()
}

fn pair(key: Value, entry: &Json) -> (Value, Value) {
    (key, value(&entry[1]))
}

fn float(bits: &Json) -> f64 {
    f64::from_bits(u64::from_str_radix(text(bits), 16).unwrap())
}

fn integer(decimal: &str) -> Value {
    let number: i128 = decimal.parse().unwrap();
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Value::I64(number),
        (_, Ok(number)) => Value::U64(number),
        _ => {
            let digits = number.unsigned_abs().to_be_bytes();
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            Value::BigInt { negative: number < 0, magnitude: digits[zeros..].to_vec() }
        }
    }
}

fn integers(numbers: &[&Json]) -> Value {
    Value::List(numbers.iter().map(|number| integer(text(number))).collect())
}

/// Returns a CBOR item that has no variant of [`Value`].
fn tagged(tag: u64, content: &Value) -> Value {
    let mut item = minicbor::Encoder::new(Vec::new());
    item.tag(minicbor::data::Tag::new(tag)).unwrap();
    let mut item = item.into_writer();
    encode_value(&Type::Any, content, &mut item).unwrap();
    Value::Cbor(item)
}

fn array(json: &Json) -> Value {
    let element = Element::ALL.into_iter().find(|element| element.name() == text(&json["element"])).unwrap();
    let bytes = json["numbers"].as_array().unwrap().iter().flat_map(|number| number_bytes(element, number));
    Value::Array { element, bytes: bytes.collect() }
}

fn number_bytes(element: Element, number: &Json) -> Vec<u8> {
    match element {
        #[expect(clippy::cast_possible_truncation, reason = "the vectors hold numbers that are exact as f32")]
        Element::F32 => (float(number) as f32).to_le_bytes().to_vec(),
        Element::F64 => float(number).to_le_bytes().to_vec(),
        _ => text(number).parse::<i128>().unwrap().to_le_bytes()[..element.width()].to_vec(),
    }
}

/// In `any`, only an array of one dimension has a variant of [`Value`]; others are tag 40 over dimensions and numbers.
fn value_of_any(description: &Json) -> Value {
    let shape = description.get("array").map(|array| array["shape"].as_array().unwrap());
    match shape {
        Some(shape) if shape.len() != 1 => {
            let dimensions = shape.iter().map(|size| Value::I64(size.as_i64().unwrap())).collect();
            tagged(40, &Value::List(vec![Value::List(dimensions), value(description)]))
        }
        _ => value(description),
    }
}

#[test]
fn every_vector_reads_and_writes() {
    let mut seen = HashSet::new();
    for vector in vectors() {
        let (type_name, name) = (text(&vector["type"]), text(&vector["name"]));
        let is_key = text(&vector["role"]) == "key";
        seen.insert((is_key, type_name.to_owned()));
        let ty = Type::parse(type_name).unwrap();
        let expected = if ty == Type::Any { value_of_any(&vector["value"]) } else { value(&vector["value"]) };
        let bytes = hex(text(&vector["hex"]));

        let (checked, read) = if is_key {
            (check_key(&ty, &bytes), decode_key(&ty, &bytes))
        } else {
            (check_value(&ty, &bytes), decode_value(&ty, &bytes))
        };
        assert_eq!(checked, Ok(()), "{type_name} {name}");
        assert_eq!(read.as_ref(), Ok(&expected), "{type_name} {name}");

        let mut written = Vec::new();
        let encode = if is_key { encode_key } else { encode_value };
        encode(&ty, &expected, &mut written).unwrap();
        let is_other_form = vector.get("read_only").is_some();
        assert_eq!(written == bytes, !is_other_form, "{type_name} {name}: wrote {written:02x?}");
    }

    let scalars = "bytes str i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 bool uuid date datetime opaque[4] any";
    for type_name in scalars.split(' ') {
        for is_key in [false, true] {
            assert!(seen.contains(&(is_key, type_name.to_owned())), "no vector of {type_name}");
        }
    }
}
