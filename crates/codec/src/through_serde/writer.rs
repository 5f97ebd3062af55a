//! Serializes a type to a [`Value`].

use ::serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::Failure;
use crate::dynamic::Value;
use crate::limits::MAX_DEPTH;

type Written<T = Value> = std::result::Result<T, Failure>;

/// Writes one value, which may nest `depth` deep.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    depth: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { depth: MAX_DEPTH }
    }

    /// Returns the writer of values inside this one. Refuses a type that nests without end before it fills the stack.
    fn inside(self) -> Written<Self> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth }),
            None => Err(Failure::new(format!("a value nests lists and maps at most {MAX_DEPTH} deep"))),
        }
    }

    fn list(self, variant: Option<&'static str>) -> Written<List> {
        let around = if variant.is_some() { self.inside()? } else { self };
        Ok(List { items: Vec::new(), inside: around.inside()?, variant })
    }

    fn entries(self, variant: Option<&'static str>) -> Written<Map> {
        let around = if variant.is_some() { self.inside()? } else { self };
        Ok(Map { entries: Vec::new(), key: None, inside: around.inside()?, variant })
    }
}

/// The elements so far, and the name of the variant if it is one.
pub(super) struct List {
    items: Vec<Value>,
    inside: Writer,
    variant: Option<&'static str>,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Written<()> {
        self.items.push(item.serialize(self.inside)?);
        Ok(())
    }

    fn finish(self) -> Value {
        within(self.variant, Value::List(self.items))
    }
}

/// The entries so far, and the name of the variant if it is one.
pub(super) struct Map {
    entries: Vec<(Value, Value)>,
    /// A key whose value has not been written yet.
    key: Option<Value>,
    inside: Writer,
    variant: Option<&'static str>,
}

impl Map {
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written<()> {
        self.entries.push((Value::from(name), value.serialize(self.inside)?));
        Ok(())
    }

    fn finish(self) -> Value {
        within(self.variant, Value::Map(self.entries))
    }
}

/// Wraps the content of a variant in a map of the variant's name.
fn within(variant: Option<&'static str>, content: Value) -> Value {
    match variant {
        None => content,
        Some(name) => Value::Map(vec![(Value::from(name), content)]),
    }
}

fn integer(number: i128) -> Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Value::I64(number),
        (_, Ok(number)) => Value::U64(number),
        _ => big(number < 0, number.unsigned_abs()),
    }
}

fn big(negative: bool, magnitude: u128) -> Value {
    let digits = magnitude.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    Value::BigInt { negative, magnitude: digits[zeros..].to_vec() }
}

macro_rules! integers {
    ($($method:ident $rust:ident;)*) => {
        $(fn $method(self, number: $rust) -> Written {
            Ok(integer(i128::from(number)))
        })*
    };
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = Failure;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Map;
    type SerializeStruct = Map;
    type SerializeStructVariant = Map;

    integers! {
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_i128 i128;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
    }

    fn serialize_u128(self, number: u128) -> Written {
        Ok(i128::try_from(number).map_or_else(|_| big(false, number), integer))
    }

    fn serialize_bool(self, truth: bool) -> Written {
        Ok(Value::Bool(truth))
    }

    fn serialize_f32(self, number: f32) -> Written {
        Ok(Value::F64(f64::from(number)))
    }

    fn serialize_f64(self, number: f64) -> Written {
        Ok(Value::F64(number))
    }

    fn serialize_char(self, letter: char) -> Written {
        Ok(Value::Str(letter.to_string()))
    }

    fn serialize_str(self, text: &str) -> Written {
        Ok(Value::from(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn serialize_none(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        Ok(within(Some(variant), value.serialize(self.inside()?)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Written<List> {
        self.list(None)
    }

    fn serialize_tuple(self, _: usize) -> Written<List> {
        self.list(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Written<List> {
        self.list(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Written<List> {
        self.list(Some(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Written<Map> {
        self.entries(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Written<Map> {
        self.entries(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Written<Map> {
        self.entries(Some(variant))
    }
}

macro_rules! lists {
    ($($of:ident $push:ident;)*) => {
        $(impl $of for List {
            type Ok = Value;
            type Error = Failure;

            fn $push<T: Serialize + ?Sized>(&mut self, item: &T) -> Written<()> {
                self.push(item)
            }

            fn end(self) -> Written {
                Ok(self.finish())
            }
        })*
    };
}

lists! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! structs {
    ($($of:ident)*) => {
        $(impl $of for Map {
            type Ok = Value;
            type Error = Failure;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written<()> {
                self.field(name, value)
            }

            fn end(self) -> Written {
                Ok(self.finish())
            }
        })*
    };
}

structs! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Map {
    type Ok = Value;
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written<()> {
        self.key = Some(key.serialize(self.inside)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written<()> {
        let Some(key) = self.key.take() else {
            return Err(Failure::new("a map's value came before its key"));
        };
        self.entries.push((key, value.serialize(self.inside)?));
        Ok(())
    }

    fn end(self) -> Written {
        Ok(self.finish())
    }
}
