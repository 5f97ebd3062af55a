//! Deserializes a type from a [`Value`].

use ::serde::de::value::{MapDeserializer, SeqDeserializer};
use ::serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, Unexpected, VariantAccess, Visitor,
};
use ::serde::forward_to_deserialize_any;

use super::Failure;
use crate::calendar::{Date, DateTime};
use crate::dynamic::Value;
use crate::native::Uuid;
use crate::types::Element;

type Read<T> = std::result::Result<T, Failure>;

/// Reads one value.
pub(super) struct Reader(pub(super) Value);

impl IntoDeserializer<'_, Failure> for Reader {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.0 {
            Value::Null | Value::Undefined => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(truth),
            Value::I64(number) => visitor.visit_i64(number),
            Value::U64(number) => visitor.visit_u64(number),
            Value::BigInt { negative, magnitude } => big(negative, &magnitude, visitor),
            Value::F64(number) => visitor.visit_f64(number),
            Value::Str(text) => visitor.visit_string(text),
            Value::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Value::Uuid(uuid) => visitor.visit_string(Uuid(uuid).to_string()),
            Value::Date(days) => visitor.visit_string(Date(days).to_string()),
            Value::DateTime(micros) => visitor.visit_string(DateTime(micros).to_string()),
            Value::Array { element, bytes } => sequence(numbers(element, &bytes), visitor),
            Value::Tuple(elements) | Value::List(elements) | Value::Set(elements) => {
                sequence(elements, visitor)
            }
            Value::Map(entries) => {
                let mut map = MapDeserializer::new(
                    entries.into_iter().map(|(key, value)| (Reader(key), Reader(value))),
                );
                let read = visitor.visit_map(&mut map)?;
                map.end().map(|()| read)
            }
            Value::Cbor(_) => Err(Failure::new("the value is a CBOR item that serde has no type for")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.0 {
            Value::Null | Value::Undefined => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let other = match self.0 {
            Value::Str(_) => return visitor.visit_enum(Variant { name: self.0, content: None }),
            Value::Map(mut entries) if entries.len() == 1 => match entries.pop() {
                Some((name, content)) => {
                    return visitor.visit_enum(Variant { name, content: Some(content) });
                }
                None => "map",
            },
            other => other.kind(),
        };
        let expected = "a variant's name, or a map of it to its content";
        Err(::serde::de::Error::invalid_type(Unexpected::Other(other), &expected))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn sequence<'de, V: Visitor<'de>>(elements: Vec<Value>, visitor: V) -> Read<V::Value> {
    let mut elements = SeqDeserializer::new(elements.into_iter().map(Reader));
    let read = visitor.visit_seq(&mut elements)?;
    elements.end().map(|()| read)
}

fn big<'de, V: Visitor<'de>>(negative: bool, magnitude: &[u8], visitor: V) -> Read<V::Value> {
    let too_large = || Failure::new("the integer has more than 128 bits");
    let mut digits = [0; 16];
    let start = digits.len().checked_sub(magnitude.len()).ok_or_else(too_large)?;
    digits[start..].copy_from_slice(magnitude);
    let number = u128::from_be_bytes(digits);
    if !negative {
        return visitor.visit_u128(number);
    }
    visitor.visit_i128(0_i128.checked_sub_unsigned(number).ok_or_else(too_large)?)
}

/// Returns the numbers of an array, one value each.
fn numbers(element: Element, bytes: &[u8]) -> Vec<Value> {
    macro_rules! each {
        ($rust:ident, $make:expr) => {
            bytes.as_chunks().0.iter().map(|bytes| $make($rust::from_le_bytes(*bytes))).collect()
        };
    }
    match element {
        Element::I8 => each!(i8, |number| Value::I64(i64::from(number))),
        Element::I16 => each!(i16, |number| Value::I64(i64::from(number))),
        Element::I32 => each!(i32, |number| Value::I64(i64::from(number))),
        Element::I64 => each!(i64, Value::I64),
        Element::U8 => each!(u8, |number| Value::I64(i64::from(number))),
        Element::U16 => each!(u16, |number| Value::I64(i64::from(number))),
        Element::U32 => each!(u32, |number| Value::I64(i64::from(number))),
        Element::U64 => each!(u64, Value::U64),
        Element::F32 => each!(f32, |number| Value::F64(f64::from(number))),
        Element::F64 => each!(f64, Value::F64),
    }
}

/// A variant: its name, and its content if it has any.
struct Variant {
    name: Value,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Failure;
    type Variant = Content;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Read<(S::Value, Content)> {
        Ok((seed.deserialize(Reader(self.name))?, Content(self.content)))
    }
}

struct Content(Option<Value>);

impl Content {
    fn required(self, expected: &str) -> Read<Reader> {
        match self.0 {
            Some(content) => Ok(Reader(content)),
            None => Err(::serde::de::Error::invalid_type(Unexpected::UnitVariant, &expected)),
        }
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Failure;

    fn unit_variant(self) -> Read<()> {
        match self.0 {
            None | Some(Value::Null) => Ok(()),
            Some(content) => Err(::serde::de::Error::invalid_type(
                Unexpected::Other(content.kind()),
                &"a variant without content",
            )),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Read<S::Value> {
        seed.deserialize(self.required("a variant with a content")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.required("a variant with a list")?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        self.required("a variant with a map")?.deserialize_any(visitor)
    }
}
