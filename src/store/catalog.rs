//! The catalog: the name, kind and types of each collection, kept in the space `pc:catalog`.
//!
//! A record is a CBOR map; `docs/format.md` describes it. The number under `pc:seq` rises with every creation and drop,
//! which distinguishes a name that was created again from the old one, and lets open collections detect it.

use std::sync::Arc;

use minicbor::data::Type as CborType;
use minicbor::{Decoder, Encoder};

use crate::codec::{self, Type};
use crate::engine::{Db, Engine, Looked, Op, Place, Range, Reader, SEQUENCE, Space, place};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short, TryGrow};
use crate::store::registry::Shared;

/// The longest name of a collection, in bytes.
pub const MAX_NAME: usize = 255;

/// The prefix of the names reserved for the library.
const RESERVED: &str = "pc:";

/// Where the collection of the empty name is stored, unless the unnamed space holds plain records.
const UNNAMED: &str = "pc:unnamed";

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
enum Record {
    Live(Schema),
    Dropped,
}

/// The meaning of a name.
pub(crate) enum Found {
    Live(Schema),
    /// A space without a schema.
    Raw,
    /// No collection, under this sequence number.
    Absent(u64),
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

/// Reads the record of a stored name.
fn record(engine: &Engine, reader: &mut Reader<'_>, stored: &str) -> Result<Looked<Option<Record>>> {
    let db = match place(reader, engine.catalog())? {
        Looked::Open(space) => return Ok(Looked::Open(space)),
        Looked::Is(None) => return Ok(Looked::Is(None)),
        Looked::Is(Some(db)) => db,
    };
    let Some(bytes) = reader.get(db, stored.as_bytes())? else { return Ok(Looked::Is(None)) };
    decode(stored, bytes).map(Some).map(Looked::Is)
}

/// Returns the schema of a stored name in the newest state; `None` if it was dropped or never existed.
pub(crate) fn live(engine: &Engine, reader: &mut Reader<'_>, stored: &str) -> Result<Looked<Option<Schema>>> {
    Ok(match record(engine, reader, stored)? {
        Looked::Open(space) => Looked::Open(space),
        Looked::Is(Some(Record::Live(schema))) => Looked::Is(Some(schema)),
        Looked::Is(_) => Looked::Is(None),
    })
}

/// Returns the meaning of a name, and the name under which it is stored.
pub(crate) fn look_up(
    engine: &Engine,
    reader: &mut Reader<'_>,
    name: &str,
) -> Result<Looked<(Found, String)>> {
    if name.is_empty() {
        if let Looked::Is(Some(db)) = place(reader, engine.main())?
            && reader.first(db, &Range::all(), |_, _| ())?.is_some()
        {
            return Ok(Looked::Is((Found::Raw, String::new())));
        }
        return Ok(match look_up_stored(engine, reader, UNNAMED)? {
            Looked::Open(space) => Looked::Open(space),
            Looked::Is(found) => Looked::Is((found, UNNAMED.to_owned())),
        });
    }
    Ok(match look_up_stored(engine, reader, name)? {
        Looked::Open(space) => Looked::Open(space),
        Looked::Is(found) => Looked::Is((found, name.to_owned())),
    })
}

fn look_up_stored(engine: &Engine, reader: &mut Reader<'_>, stored: &str) -> Result<Looked<Found>> {
    let Some(sequence) = reader.sequence()? else {
        return Ok(Looked::Open(Arc::clone(engine.catalog())));
    };
    let record = match record(engine, reader, stored)? {
        Looked::Open(space) => return Ok(Looked::Open(space)),
        Looked::Is(record) => record,
    };
    Ok(Looked::Is(match record {
        Some(Record::Live(schema)) => Found::Live(schema),
        Some(Record::Dropped) => match len(engine, reader, stored)? {
            // Another program has filled it again.
            Some(1..) => Found::Raw,
            _ => Found::Absent(sequence),
        },
        None => match len(engine, reader, stored)? {
            Some(_) => Found::Raw,
            None => Found::Absent(sequence),
        },
    }))
}

/// Counts the records of a stored collection. Returns `None` if the space does not exist. Opens nothing in a snapshot.
fn len(engine: &Engine, reader: &mut Reader<'_>, stored: &str) -> Result<Option<u64>> {
    if reader.is_write() {
        // The main database learns of new counts at the commit.
        return match reader.resolve(&engine.space(stored)?)? {
            Place::Open(db) => reader.len(db).map(Some),
            _ => Ok(None),
        };
    }
    reader.named(stored)
}

fn user_name(stored: &str) -> Option<&str> {
    if stored == UNNAMED {
        return Some("");
    }
    (!stored.starts_with(RESERVED)).then_some(stored)
}

/// Lists all collections by name.
pub(crate) fn list(shared: &Shared) -> Result<Vec<CollectionInfo>> {
    shared.read(|engine, reader| {
        let mut collections = Vec::new();
        for (stored, _) in reader.names()? {
            // Names of other programs need not be text; such collections have no name here.
            let Ok(stored) = String::from_utf8(stored) else { continue };
            let Some(name) = user_name(&stored) else { continue };
            match info(engine, reader, name, &stored) {
                Ok(Looked::Open(space)) => return Ok(Looked::Open(space)),
                Ok(Looked::Is(Some(found))) => collections.try_push(found)?,
                Ok(Looked::Is(None)) => {}
                // One whose schema cannot be read is refused when it is opened; the others are still listed.
                Err(error) if matches!(error.status(), Status::Requires | Status::Corrupted) => {
                    let len = len(engine, reader, &stored)?.unwrap_or(0);
                    collections.try_push(CollectionInfo { name: name.to_owned(), schema: None, len })?;
                }
                Err(error) => return Err(error),
            }
        }
        if let Looked::Is((Found::Raw, stored)) = look_up(engine, reader, "")?
            && stored.is_empty()
            && let Looked::Is(Some(db)) = place(reader, engine.main())?
        {
            let len = reader.len(db)?;
            collections.retain(|collection| !collection.name.is_empty());
            collections.try_push(CollectionInfo { name: String::new(), schema: None, len })?;
        }
        // Each name is there once; a stable sort would take memory.
        collections.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Looked::Is(collections))
    })
}

/// Returns the information about one collection.
pub(crate) fn find(shared: &Shared, name: &str) -> Result<Option<CollectionInfo>> {
    check_name(name)?;
    shared.read(|engine, reader| match look_up(engine, reader, name)? {
        Looked::Open(space) => Ok(Looked::Open(space)),
        Looked::Is((Found::Absent(_), _)) => Ok(Looked::Is(None)),
        Looked::Is((Found::Raw, stored)) if stored.is_empty() => match place(reader, engine.main())? {
            Looked::Is(Some(db)) => {
                let len = reader.len(db)?;
                Ok(Looked::Is(Some(CollectionInfo { name: String::new(), schema: None, len })))
            }
            _ => Ok(Looked::Is(None)),
        },
        Looked::Is((_, stored)) => info(engine, reader, name, &stored),
    })
}

fn info(
    engine: &Engine,
    reader: &mut Reader<'_>,
    name: &str,
    stored: &str,
) -> Result<Looked<Option<CollectionInfo>>> {
    let found = match look_up_stored(engine, reader, stored)? {
        Looked::Open(space) => return Ok(Looked::Open(space)),
        Looked::Is(found) => found,
    };
    let schema = match found {
        Found::Live(schema) => Some(schema),
        Found::Raw => None,
        Found::Absent(_) => return Ok(Looked::Is(None)),
    };
    let len = len(engine, reader, stored)?.unwrap_or(0);
    Ok(Looked::Is(Some(CollectionInfo { name: name.to_owned(), schema, len })))
}

/// Empties a collection and marks it as dropped.
pub(crate) fn drop_collection(shared: &Shared, name: &str) -> Result<bool> {
    check_name(name)?;
    loop {
        let (sequence, stored) = match shared.read(|engine, reader| {
            let Some(sequence) = reader.sequence()? else {
                return Ok(Looked::Open(Arc::clone(engine.catalog())));
            };
            Ok(match look_up(engine, reader, name)? {
                Looked::Open(space) => Looked::Open(space),
                Looked::Is((found, stored)) => Looked::Is((found, stored, sequence)),
            })
        })? {
            (Found::Absent(_), ..) => return Ok(false),
            (_, stored, _) if stored.is_empty() => {
                return Err(Error::new(
                    Status::BadName,
                    "the unnamed collection holds another program's plain records and cannot be dropped; \
                     clear it instead",
                ));
            }
            (_, stored, sequence) => (sequence, stored),
        };
        let engine = shared.engine()?;
        let space = engine.space(&stored)?;
        let is_plain = shared.read(|_, reader| place(reader, &space))?.is_none_or(Db::is_plain);
        let (mark, next) = (encode_dropped(sequence + 1)?, encode_sequence(sequence + 1)?);
        let range = Range::all();
        let ops = [
            Op::Create { space: &space },
            Op::RemoveRange { space: &space, range: &range },
            Op::Create { space: engine.catalog() },
            Op::Put { space: engine.catalog(), key: stored.as_bytes(), value: &mark, fresh: false },
            Op::Put { space: engine.catalog(), key: SEQUENCE.as_bytes(), value: &next, fresh: false },
        ];
        // One with an order that this library does not make is there, and cannot be made.
        let ops = if is_plain { &ops[..] } else { &ops[1..] };
        if shared.write(sequence, ops)?.is_some() {
            engine.has_dropped_one();
            return Ok(true);
        }
    }
}

/// The records that create a collection.
pub(crate) struct Creation {
    record: Vec<u8>,
    sequence: Vec<u8>,
}

impl Creation {
    /// Makes the records of a collection that is created while the catalog has this sequence number.
    pub(crate) fn new(sequence: u64, schema: &Schema) -> Result<Creation> {
        let id = sequence + 1;
        Ok(Creation { record: encode_live(id, schema)?, sequence: encode_sequence(id)? })
    }

    /// Returns the writes that create it.
    pub(crate) fn ops<'a>(&'a self, catalog: &'a Arc<Space>, space: &'a Arc<Space>) -> [Op<'a>; 4] {
        let name = space.as_str().as_bytes();
        [
            Op::Create { space: catalog },
            Op::Put { space: catalog, key: name, value: &self.record, fresh: false },
            Op::Put { space: catalog, key: SEQUENCE.as_bytes(), value: &self.sequence, fresh: false },
            Op::Create { space },
        ]
    }
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

fn encode_sequence(sequence: u64) -> Result<Vec<u8>> {
    encode(|e| e.u64(sequence).map(drop))
}

fn encode_live(id: u64, schema: &Schema) -> Result<Vec<u8>> {
    let (key, value) = (memory::written(&schema.key)?, memory::written(&schema.value)?);
    encode(|e| {
        e.map(5)?.str("v")?.u64(VERSION)?.str("id")?.u64(id)?;
        e.str("kind")?.str(schema.kind.name())?;
        e.str("key")?.str(&key)?;
        e.str("value")?.str(&value)?;
        Ok(())
    })
}

fn encode_dropped(id: u64) -> Result<Vec<u8>> {
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

fn decode(name: &str, bytes: &[u8]) -> Result<Record> {
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
