//! What the catalog has of each collection: its name, kind and types, as records that every engine keeps.
//!
//! A record is a CBOR map; `docs/format.md` describes it. The number under [`SEQUENCE`] rises with every creation and drop,
//! which distinguishes a name that was created again from the old one, and lets open collections detect it.

use minicbor::data::Type as CborType;
use minicbor::{Decoder, Encoder};

use crate::codec::{self, Type};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short, TryGrow};

/// The longest name of a collection, in bytes.
pub const MAX_NAME: usize = 255;

/// The prefix of the names reserved for the library.
const RESERVED: &str = "pc:";

/// Where the collection of the empty name is stored, unless the unnamed space holds plain records.
pub(crate) const UNNAMED: &str = "pc:unnamed";

/// The catalog's key of the number that rises with every creation and drop of a collection.
pub(crate) const SEQUENCE: &str = "pc:seq";

/// Version of the records.
const VERSION: u64 = 1;

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
    /// Its schema; `None` for a raw collection, made by another LMDB program, or one whose schema this version cannot
    /// read.
    pub schema: Option<Schema>,
    /// The number of its items.
    pub len: u64,
}

/// The record of a name in the catalog.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Live(Schema),
    Dropped,
}

/// Checks a name from a user.
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

/// The error of an open collection that was dropped.
#[cold]
pub(crate) fn gone(name: &str) -> Error {
    Error::new(Status::NoCollection, format!("collection {name:?} no longer exists; open it again"))
}

/// The error of an open collection that was dropped, where another one has its name now.
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

/// The name that users have for a stored name; `None` for the library's own.
pub(crate) fn user_name(stored: &str) -> Option<&str> {
    if stored == UNNAMED {
        return Some("");
    }
    (!stored.starts_with(RESERVED)).then_some(stored)
}

/// CBOR into memory, which cannot fail.
fn encode(f: impl FnOnce(&mut Encoder<Growing>) -> Written) -> Result<Vec<u8>> {
    let mut encoder = Encoder::new(Growing::default());
    let written = f(&mut encoder);
    let Growing { bytes, failed } = encoder.into_writer();
    match (written, failed) {
        (_, Some(none)) => Err(none.into()),
        (written, None) => {
            debug_assert!(written.is_ok(), "writing to memory");
            Ok(bytes)
        }
    }
}

/// Bytes that grow when they are written to.
#[derive(Default)]
struct Growing {
    bytes: Vec<u8>,
    failed: Option<NoMemory>,
}

impl minicbor::encode::Write for Growing {
    type Error = NoMemory;

    fn write_all(&mut self, more: &[u8]) -> Result<(), NoMemory> {
        self.bytes.try_extend(more).inspect_err(|none| self.failed = Some(*none))
    }
}

type Written = Result<(), minicbor::encode::Error<NoMemory>>;

/// The record of the sequence number.
pub(crate) fn encode_sequence(sequence: u64) -> Result<Vec<u8>> {
    encode(|e| e.u64(sequence).map(drop))
}

/// The record of a collection that was created under a sequence number.
pub(crate) fn encode_live(id: u64, schema: &Schema) -> Result<Vec<u8>> {
    let (key, value) = (memory::written(&schema.key)?, memory::written(&schema.value)?);
    encode(|e| {
        e.map(5)?.str("v")?.u64(VERSION)?.str("id")?.u64(id)?;
        e.str("kind")?.str(schema.kind.name())?;
        e.str("key")?.str(&key)?;
        e.str("value")?.str(&value)?;
        Ok(())
    })
}

/// The record of a collection that was dropped under a sequence number.
pub(crate) fn encode_dropped(id: u64) -> Result<Vec<u8>> {
    encode(|e| {
        e.map(3)?.str("v")?.u64(VERSION)?.str("id")?.u64(id)?.str("dropped")?.bool(true)?;
        Ok(())
    })
}

/// Returns true if a record marks a dropped collection.
pub(crate) fn is_dropped(record: &[u8]) -> bool {
    let mut fields = Fields::default();
    fields.read(record).is_ok() && fields.version == Some(VERSION) && fields.dropped
}

/// Reads the record of a name.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Record> {
    let damaged = |what: &str| {
        Error::new(Status::Corrupted, format!("the catalog's record of {name:?} is damaged: {what}"))
    };
    let mut fields = Fields::default();
    fields.read(bytes).map_err(|error| damaged(&error.to_string()))?;
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
        return Ok(Record::Dropped);
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
    Ok(Record::Live(Schema { kind, key: read_type(fields.key)?, value: read_type(fields.value)? }))
}

/// The fields of a record; unknown ones are ignored.
#[derive(Default)]
struct Fields<'b> {
    version: Option<u64>,
    kind: Option<&'b str>,
    key: Option<&'b str>,
    value: Option<&'b str>,
    dropped: bool,
    /// The first of the list.
    requires: Option<&'b str>,
}

impl<'b> Fields<'b> {
    fn read(&mut self, bytes: &'b [u8]) -> std::result::Result<(), minicbor::decode::Error> {
        let mut d = Decoder::new(bytes);
        let Some(count) = d.map()? else {
            return Err(minicbor::decode::Error::message("its map has no definite length"));
        };
        for _ in 0..count {
            if d.datatype()? != CborType::String {
                skip(&mut d)?;
                skip(&mut d)?;
                continue;
            }
            match d.str()? {
                "v" => self.version = Some(d.u64()?),
                "kind" => self.kind = Some(d.str()?),
                "key" => self.key = Some(d.str()?),
                "value" => self.value = Some(d.str()?),
                "dropped" => self.dropped = d.bool()?,
                "requires" => {
                    for required in d.array_iter::<&str>()? {
                        let required = required?;
                        self.requires.get_or_insert(required);
                    }
                }
                _ => skip(&mut d)?,
            }
        }
        Ok(())
    }
}

/// Skips an item without using memory for its depth, which a damaged file decides.
fn skip(d: &mut Decoder<'_>) -> std::result::Result<(), minicbor::decode::Error> {
    let end = codec::end_of_item(d.input(), d.position());
    d.set_position(end.ok_or_else(|| minicbor::decode::Error::message("it holds no well-formed item"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn schema() -> Schema {
        Schema { kind: Kind::Dict, key: Type::Str, value: Type::Any }
    }

    #[test]
    fn a_record_comes_back() {
        assert_eq!(decode("x", &encode_live(7, &schema()).unwrap()).unwrap(), Record::Live(schema()));
        assert_eq!(decode("x", &encode_dropped(8).unwrap()).unwrap(), Record::Dropped);
    }

    #[test]
    fn unknown_fields_are_left_alone() {
        let bytes = encode(|e| {
            e.map(7)?.str("v")?.u64(1)?.str("note")?.array(2)?.u8(1)?.str("x")?.u8(9)?.null()?;
            e.str("id")?
                .u64(3)?
                .str("kind")?
                .str("set")?
                .str("key")?
                .str("i64")?
                .str("value")?
                .str("unit")?;
            Ok(())
        })
        .unwrap();
        let set = Schema { kind: Kind::Set, key: Type::parse("i64").unwrap(), value: Type::Unit };
        assert_eq!(decode("x", &bytes).unwrap(), Record::Live(set));
    }

    #[test]
    fn unknown_requirements_and_versions_are_refused() {
        let requires = encode(|e| {
            e.map(2)?.str("v")?.u64(1)?.str("requires")?.array(1)?.str("compression")?;
            Ok(())
        })
        .unwrap();
        let error = decode("x", &requires).unwrap_err();
        assert_eq!(error.status(), Status::Requires);
        assert!(error.message().contains("compression"));
        let version = encode(|e| e.map(1)?.str("v")?.u64(2).map(drop)).unwrap();
        assert_eq!(decode("x", &version).unwrap_err().status(), Status::Requires);
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
