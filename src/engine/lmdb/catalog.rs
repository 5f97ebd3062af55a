//! Implements the catalog: the schema of each collection, in the space `pc:catalog`, and the list of collections.

use std::sync::Arc;

use crate::engine::lmdb::txn::Lookup;
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::{Seat, SpaceOp};
use crate::engine::schema::{
    CatalogRecord, CollectionInfo, SEQUENCE, Schema, UNNAMED, check_name, decode, encode_dropped,
    encode_live, encode_sequence, user_name,
};
use crate::engine::{Leave, Op, Range};
use crate::error::{Error, Result, Status};
use crate::memory::TryGrow;

/// The meaning of a name.
pub(crate) enum Meaning {
    Live(Schema),
    /// A space without a schema.
    Raw,
    /// The name does not exist under this sequence number.
    Absent(u64),
}

/// Reads the record of a stored name.
fn record(reader: &mut Reader<'_>, stored: &str) -> Result<Option<CatalogRecord>, Leave> {
    let catalog = reader.engine().catalog();
    let decode = |bytes: &[u8]| decode(stored, bytes);
    Ok(reader.get(catalog, stored.as_bytes(), |bytes| bytes.map(decode))?.transpose()?)
}

/// Returns the schema of a stored name in the newest state, or `None` if it was dropped or never existed.
pub(crate) fn live(reader: &mut Reader<'_>, stored: &str) -> Result<Option<Schema>, Leave> {
    Ok(match record(reader, stored)? {
        Some(CatalogRecord::Live(schema)) => Some(schema),
        Some(CatalogRecord::Dropped) | None => None,
    })
}

/// Returns the meaning of a name, and the name under which it is stored.
pub(crate) fn look_up(reader: &mut Reader<'_>, name: &str) -> Result<(Meaning, String), Leave> {
    if !name.is_empty() {
        return Ok((look_up_stored(reader, name)?, name.to_owned()));
    }
    if plain_records(reader)?.is_some() {
        return Ok((Meaning::Raw, String::new()));
    }
    Ok((look_up_stored(reader, UNNAMED)?, UNNAMED.to_owned()))
}

fn look_up_stored(reader: &mut Reader<'_>, stored: &str) -> Result<Meaning, Leave> {
    let sequence = reader.sequence_or_leave()?;
    Ok(match record(reader, stored)? {
        Some(CatalogRecord::Live(schema)) => Meaning::Live(schema),
        Some(CatalogRecord::Dropped) => match len(reader, stored)? {
            // Another program has filled it again.
            Some(1..) => Meaning::Raw,
            _ => Meaning::Absent(sequence),
        },
        None => match len(reader, stored)? {
            Some(_) => Meaning::Raw,
            None => Meaning::Absent(sequence),
        },
    })
}

/// Counts the records of a stored collection. Returns `None` if the space does not exist. Opens nothing in a snapshot.
fn len(reader: &mut Reader<'_>, stored: &str) -> Result<Option<u64>> {
    if reader.is_write() {
        // The main database contains new counts only after the commit.
        let space = reader.engine().space(stored)?;
        return match reader.resolve(&space)? {
            Lookup::Open(db) => reader.len_by_number(db).map(Some),
            _ => Ok(None),
        };
    }
    reader.named(stored)
}

fn info(reader: &mut Reader<'_>, name: &str, stored: &str) -> Result<Option<CollectionInfo>, Leave> {
    let schema = match look_up_stored(reader, stored)? {
        Meaning::Live(schema) => Some(schema),
        Meaning::Raw => None,
        Meaning::Absent(_) => return Ok(None),
    };
    let len = len(reader, stored)?.unwrap_or(0);
    Ok(Some(CollectionInfo { name: name.to_owned(), schema, len }))
}

/// Finds the unnamed database, if another program has plain records in it.
fn plain_records(reader: &mut Reader<'_>) -> Result<Option<Db>, Leave> {
    let engine = reader.engine();
    let Some(db) = reader.place(engine.main())? else { return Ok(None) };
    reader.first(engine.main(), &Range::all(), |_, _| db)
}

fn info_of_plain_records(reader: &mut Reader<'_>) -> Result<Option<CollectionInfo>, Leave> {
    let Some(db) = plain_records(reader)? else { return Ok(None) };
    Ok(Some(CollectionInfo { name: String::new(), schema: None, len: reader.len_by_number(db)? }))
}

impl Seat {
    /// Lists all collections by name.
    pub(crate) fn collections(&self) -> Result<Vec<CollectionInfo>> {
        self.read(|reader| {
            let mut collections = Vec::new();
            for (stored, _) in reader.names()? {
                // Names of other programs need not be text; such collections cannot be named here.
                let Ok(stored) = String::from_utf8(stored) else { continue };
                let Some(name) = user_name(&stored) else { continue };
                match info(reader, name, &stored) {
                    Ok(Some(found)) => collections.try_push(found)?,
                    Ok(None) => {}
                    // A collection with an unreadable schema is refused when it is opened; the others are still listed.
                    Err(Leave::Failed(error))
                        if matches!(error.status(), Status::Requires | Status::Corrupted) =>
                    {
                        let len = len(reader, &stored)?.unwrap_or(0);
                        collections.try_push(CollectionInfo { name: name.to_owned(), schema: None, len })?;
                    }
                    Err(leave) => return Err(leave),
                }
            }
            if let Some(plain) = info_of_plain_records(reader)? {
                collections.retain(|collection| !collection.name.is_empty());
                collections.try_push(plain)?;
            }
            // Each name occurs once; a stable sort would allocate memory.
            collections.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            Ok(collections)
        })
    }

    /// Returns the information about one collection.
    pub(crate) fn collection(&self, name: &str) -> Result<Option<CollectionInfo>> {
        check_name(name)?;
        self.read(|reader| match look_up(reader, name)? {
            (Meaning::Absent(_), _) => Ok(None),
            (Meaning::Raw, stored) if stored.is_empty() => info_of_plain_records(reader),
            (_, stored) => info(reader, name, &stored),
        })
    }

    /// Empties a collection and marks it as dropped.
    pub(crate) fn drop_collection(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        loop {
            let found = self.read(|reader| {
                let sequence = reader.sequence_or_leave()?;
                let (found, stored) = look_up(reader, name)?;
                Ok((found, stored, sequence))
            })?;
            let (sequence, stored) = match found {
                (Meaning::Absent(_), ..) => return Ok(false),
                (_, stored, _) if stored.is_empty() => {
                    return Err(Error::new(
                        Status::BadName,
                        "the unnamed collection holds another program's plain records and cannot be dropped; \
                         clear it instead",
                    ));
                }
                (_, stored, sequence) => (sequence, stored),
            };
            let engine = self.engine()?;
            let space = engine.space(&stored)?;
            let is_plain = self.read(|reader| reader.prepare(&space))?.is_none_or(Db::is_plain);
            let (mark, next) = (encode_dropped(sequence + 1)?, encode_sequence(sequence + 1)?);
            let range = Range::all();
            let ops = [
                SpaceOp::Create(&space),
                SpaceOp::In(&space, Op::RemoveRange { range: &range }),
                SpaceOp::Create(engine.catalog()),
                SpaceOp::In(engine.catalog(), Op::Put { key: stored.as_bytes(), value: &mark, fresh: false }),
                SpaceOp::In(
                    engine.catalog(),
                    Op::Put { key: SEQUENCE.as_bytes(), value: &next, fresh: false },
                ),
            ];
            // A database with an order that this library does not create already exists, and cannot be created.
            let ops = if is_plain { &ops[..] } else { &ops[1..] };
            if self.write_under(sequence, ops)?.is_some() {
                engine.has_dropped_one();
                return Ok(true);
            }
        }
    }
}

/// The records that create a collection.
pub(crate) struct Creation {
    record: Vec<u8>,
    sequence: Vec<u8>,
}

impl Creation {
    /// Encodes the records of a collection that is created while the catalog has this sequence number.
    pub(crate) fn new(sequence: u64, schema: &Schema) -> Result<Creation> {
        let id = sequence + 1;
        Ok(Creation { record: encode_live(id, schema)?, sequence: encode_sequence(id)? })
    }

    /// Returns the writes that create it.
    pub(crate) fn ops<'a>(&'a self, catalog: &'a Arc<Space>, space: &'a Arc<Space>) -> [SpaceOp<'a>; 4] {
        let name = space.as_str().as_bytes();
        [
            SpaceOp::Create(catalog),
            SpaceOp::In(catalog, Op::Put { key: name, value: &self.record, fresh: false }),
            SpaceOp::In(catalog, Op::Put { key: SEQUENCE.as_bytes(), value: &self.sequence, fresh: false }),
            SpaceOp::Create(space),
        ]
    }
}
