//! Encodes the catalog's entry for each collection: its name, kind and types, as records that every engine stores.
//!
//! A record is a CBOR map; `docs/format.md` describes it. The number under [`SEQUENCE`] increases with every creation
//! and drop. It distinguishes a recreated collection from the old one of the same name, and lets open collections
//! detect the change.

use crate::codec::Type;
use crate::codec::cbor::{MAP, Parsed, Reader, SIMPLE, UNSIGNED, put_head, put_text};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short};

/// The longest name of a collection, in bytes.
pub const MAX_NAME: usize = 255;

/// The prefix of the names reserved for the library.
const RESERVED: &str = "pc:";

/// The name under which the collection with the empty name is stored, unless the unnamed space contains plain records.
pub(crate) const UNNAMED: &str = "pc:unnamed";

/// The catalog key of the number that increases with every creation and drop of a collection.
pub(crate) const SEQUENCE: &str = "pc:seq";

/// The version of the records.
const VERSION: u64 = 1;

/// CBOR's number of `true` among the simple values.
const TRUE: u64 = 21;

/// The kind of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Keys with values.
    Dict,
    /// Elements.
    Set,
}

impl Kind {
    /// `dict` or `set`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::Set => "set",
        }
    }
}

/// Kind and types of a collection, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// Dict or set.
    pub kind: Kind,
    /// The type of the keys, or of a set's elements.
    pub key: Type,
    /// The type of the values; `unit` in a set.
    pub value: Type,
}

impl Schema {
    pub(crate) fn try_clone(&self) -> Result<Schema, NoMemory> {
        Ok(Schema { kind: self.kind, key: self.key.try_clone()?, value: self.value.try_clone()? })
    }
}

/// A collection in a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// Its schema. `None` for a raw collection, which another LMDB program made, or if this version cannot read the
    /// schema.
    pub schema: Option<Schema>,
    /// The number of its items.
    pub len: u64,
}

/// The catalog record of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CatalogRecord {
    Live(Schema),
    Dropped,
}

/// Checks a name that a user passes.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.len() > MAX_NAME {
        return Err(Error::new(
            Status::BadName,
            format!("the name of a collection has at most {MAX_NAME} bytes, this one has {}", name.len()),
        ));
    }
    if name.starts_with(RESERVED) {
        return Err(Error::new(
            Status::BadName,
            format!("the name {name:?} is reserved, since it begins with {RESERVED:?}"),
        ));
    }
    if name.contains('\0') {
        return Err(Error::new(Status::BadName, "the name of a collection cannot contain a NUL character"));
    }
    Ok(())
}

/// Returns the error for an open collection that was dropped.
#[cold]
pub(crate) fn gone(name: &str) -> Error {
    Error::new(Status::NoCollection, format!("collection {name:?} no longer exists; open it again"))
}

/// Returns the error for an open collection that was dropped and replaced by another one of the same name.
#[cold]
pub(crate) fn recreated(name: &str, schema: &Schema) -> Error {
    let (kind, key, value) = (schema.kind.name(), Short(&schema.key), Short(&schema.value));
    Error::new(
        Status::TypeMismatch,
        format!(
            "collection {name:?} was dropped and created again as a {kind} of {key} to {value}; open it again"
        ),
    )
}

/// Returns the user's name for a stored name, or `None` if the name is the library's own.
pub(crate) fn user_name(stored: &str) -> Option<&str> {
    if stored == UNNAMED {
        return Some("");
    }
    (!stored.starts_with(RESERVED)).then_some(stored)
}

/// Encodes the record of the sequence number.
pub(crate) fn encode_sequence(sequence: u64) -> Result<Vec<u8>> {
    let mut record = Vec::new();
    put_head(UNSIGNED, sequence, &mut record)?;
    Ok(record)
}

/// Encodes the record of a collection that was created under a sequence number.
pub(crate) fn encode_live(id: u64, schema: &Schema) -> Result<Vec<u8>> {
    let (key, value) = (memory::written(&schema.key)?, memory::written(&schema.value)?);
    let mut record = begin(5, id)?;
    for (field, text) in [("kind", schema.kind.name()), ("key", &key), ("value", &value)] {
        put_text(field, &mut record)?;
        put_text(text, &mut record)?;
    }
    Ok(record)
}

/// Encodes the record of a collection that was dropped under a sequence number.
pub(crate) fn encode_dropped(id: u64) -> Result<Vec<u8>> {
    let mut record = begin(3, id)?;
    put_text("dropped", &mut record)?;
    put_head(SIMPLE, TRUE, &mut record)?;
    Ok(record)
}

/// Begins a record of `fields` fields with the two that all records have.
fn begin(fields: u64, id: u64) -> Result<Vec<u8>> {
    let mut record = Vec::new();
    put_head(MAP, fields, &mut record)?;
    for (field, number) in [("v", VERSION), ("id", id)] {
        put_text(field, &mut record)?;
        put_head(UNSIGNED, number, &mut record)?;
    }
    Ok(record)
}

/// Returns true if a record marks a dropped collection.
pub(crate) fn is_dropped(record: &[u8]) -> bool {
    let mut fields = Fields::default();
    fields.read(record).is_ok() && fields.version == Some(VERSION) && fields.dropped
}

/// Reads the record of a name.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<CatalogRecord> {
    let damaged = |what: &str| {
        Error::new(Status::Corrupted, format!("the catalog's record of {name:?} is damaged: {what}"))
    };
    let mut fields = Fields::default();
    fields.read(bytes).map_err(|fault| damaged(&fault.to_string()))?;
    if fields.version != Some(VERSION) {
        return Err(Error::new(
            Status::Requires,
            format!(
                "collection {name:?} has a schema of version {}, but this library knows {VERSION}: use a newer library",
                fields.version.map_or_else(|| "none".to_owned(), |version| version.to_string())
            ),
        ));
    }
    if let Some(unknown) = fields.requires {
        return Err(Error::new(
            Status::Requires,
            format!(
                "collection {name:?} requires {:?}, which this library does not know: use a newer library",
                Short(unknown)
            ),
        ));
    }
    if fields.dropped {
        return Ok(CatalogRecord::Dropped);
    }
    let kind = match fields.kind {
        Some("dict") => Kind::Dict,
        Some("set") => Kind::Set,
        _ => return Err(damaged("its kind is neither dict nor set")),
    };
    let read_type = |text: Option<&str>| -> Result<Type> {
        let text = text.ok_or_else(|| damaged("it lacks a type"))?;
        Type::parse(text).map_err(|error| {
            if error.status() == Status::NoMemory {
                return error;
            }
            Error::new(
                Status::Requires,
                format!(
                    "collection {name:?} has the type {:?}, which this library does not know: use a newer library",
                    Short(text)
                ),
            )
        })
    };
    Ok(CatalogRecord::Live(Schema { kind, key: read_type(fields.key)?, value: read_type(fields.value)? }))
}

/// The fields of a record; unknown fields are ignored.
#[derive(Default)]
struct Fields<'b> {
    version: Option<u64>,
    kind: Option<&'b str>,
    key: Option<&'b str>,
    value: Option<&'b str>,
    dropped: bool,
    /// The first item of the list.
    requires: Option<&'b str>,
}

impl<'b> Fields<'b> {
    fn read(&mut self, bytes: &'b [u8]) -> Parsed<()> {
        let mut items = Reader::new(bytes);
        for _ in 0..items.map()? {
            match items.text_or_skip()? {
                Some("v") => self.version = Some(items.unsigned()?),
                Some("kind") => self.kind = Some(items.text()?),
                Some("key") => self.key = Some(items.text()?),
                Some("value") => self.value = Some(items.text()?),
                Some("dropped") => self.dropped = items.truth()?,
                Some("requires") => {
                    for _ in 0..items.array()? {
                        let required = items.text()?;
                        self.requires.get_or_insert(required);
                    }
                }
                _ => items.skip()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::codec::{self, Value};

    fn schema() -> Schema {
        Schema { kind: Kind::Dict, key: Type::Str, value: Type::Any }
    }

    #[test]
    fn a_record_comes_back() {
        assert_eq!(decode("x", &encode_live(7, &schema()).unwrap()).unwrap(), CatalogRecord::Live(schema()));
        assert_eq!(decode("x", &encode_dropped(8).unwrap()).unwrap(), CatalogRecord::Dropped);
    }

    fn record<const N: usize>(fields: [(&'static str, Value); N]) -> Vec<u8> {
        let map = Value::Map(fields.map(|(field, value)| (Value::from(field), value)).into());
        let mut record = Vec::new();
        codec::encode_value(&Type::Any, &map, &mut record).unwrap();
        record
    }

    #[test]
    fn records_have_the_bytes_of_the_format() {
        let mut bytes = b"\xa5\x61v\x01\x62id\x18\x20\x64kind\x64dict\x63key\x63str\x65value\x63any".to_vec();
        assert_eq!(encode_live(32, &schema()).unwrap(), bytes);
        bytes = b"\xa3\x61v\x01\x62id\x1b\0\0\x01\0\0\0\0\0\x67dropped\xf5".to_vec();
        assert_eq!(encode_dropped(1 << 40).unwrap(), bytes);
        assert_eq!(encode_sequence(256).unwrap(), b"\x19\x01\0");
    }

    #[test]
    fn unknown_fields_are_left_alone() {
        let note = Value::List(vec![Value::from(1), Value::from("x")]);
        let mut bytes = record([
            ("v", Value::from(1)),
            ("note", note),
            ("id", Value::from(3)),
            ("kind", Value::from("set")),
            ("key", Value::from("i64")),
            ("value", Value::from("unit")),
        ]);
        // Another field, whose name is not a text: 9 with null.
        bytes[0] += 1;
        bytes.extend(b"\x09\xf6");
        let set = Schema { kind: Kind::Set, key: Type::parse("i64").unwrap(), value: Type::Unit };
        assert_eq!(decode("x", &bytes).unwrap(), CatalogRecord::Live(set));
    }

    #[test]
    fn unknown_requirements_and_versions_are_refused() {
        let features = Value::List(vec![Value::from("compression"), Value::from("other")]);
        let requires = record([("v", Value::from(1)), ("requires", features)]);
        let error = decode("x", &requires).unwrap_err();
        assert_eq!(error.status(), Status::Requires);
        assert!(error.message().contains("compression"));
        let version = record([("v", Value::from(2))]);
        assert_eq!(decode("x", &version).unwrap_err().status(), Status::Requires);
    }

    /// Each known field of a record has a type. If a field has another type, the record is damaged, and not read as one
    /// without the field.
    #[test]
    fn fields_of_other_types_are_damage() {
        let whole = |name, value| {
            let mut fields = [
                ("v", Value::from(1)),
                ("kind", Value::from("set")),
                ("key", Value::from("i64")),
                ("value", Value::from("unit")),
                ("dropped", Value::from(false)),
                ("requires", Value::List(vec![])),
            ];
            for field in &mut fields {
                if field.0 == name {
                    field.1 = Value::clone(&value);
                }
            }
            decode("x", &record(fields))
        };
        assert!(matches!(whole("none", Value::Null), Ok(CatalogRecord::Live(_))));
        for name in ["v", "kind", "key", "value", "dropped", "requires"] {
            for wrong in [Value::from(-1), Value::Null, Value::from(1.0), Value::List(vec![Value::from(1)])] {
                let error = whole(name, wrong).unwrap_err();
                assert_eq!(error.status(), Status::Corrupted, "{name}: {error}");
            }
        }
    }

    #[test]
    fn damaged_records_are_named() {
        for bytes in [&b""[..], b"\x01", b"\xa1\x61v", b"\xbf\xff"] {
            let error = decode("x", bytes).unwrap_err();
            assert!(matches!(error.status(), Status::Corrupted | Status::Requires), "{error}");
            assert!(error.message().contains("\"x\""));
        }
    }

    #[test]
    fn names_are_bounded_and_some_reserved() {
        assert!(check_name(&"n".repeat(255)).is_ok());
        for name in ["n".repeat(256), "pc:x".into(), "a\0b".into()] {
            assert_eq!(check_name(&name).unwrap_err().status(), Status::BadName);
        }
    }
}
