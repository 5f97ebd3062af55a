//! Opening a collection: from the catalog, from another program's database, or by creating it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{Collection, Inner};
use crate::codec::Type;
use crate::engine::{Db, Wait, place};
use crate::error::{Error, Result, Status};
use crate::memory::Short;
use crate::store::catalog::{self, Creation, Found, Kind, Schema, check_name};
use crate::store::registry::Shared;
use crate::store::stack::TxnRef;

/// How a collection is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenFlags {
    /// Does not create it.
    pub existing: bool,
    /// `i64` accepts any integer type, `f64` any floating-point type.
    pub any_width: bool,
}

/// The collection to open, and its requested kind and types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub name: &'a str,
    pub kind: Kind,
    /// `None` means the stored type, or `any` for a new collection; the same for `value`.
    pub key: Option<&'a Type>,
    pub value: Option<&'a Type>,
    pub flags: OpenFlags,
}

/// How often to create a collection while other processes remove names.
const AT_MOST: u32 = 16;

impl Collection {
    /// Opens a collection, or creates it.
    pub(crate) fn open(shared: &Arc<Shared>, asked: Asked<'_>) -> Result<Collection> {
        let Asked { name, kind, key, value, flags } = asked;
        check_name(name)?;
        let copied = |ty: Option<&Type>, otherwise| ty.map_or(Ok(otherwise), Type::try_clone);
        let key_type = copied(key, Type::Any)?;
        key_type.check_as_key()?;
        let value_type = match kind {
            Kind::Set => Type::Unit,
            Kind::Dict => copied(value, Type::Any)?,
        };
        if kind == Kind::Dict {
            value_type.check_as_value()?;
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (found, stored) = shared.read(|engine, reader| catalog::look_up(engine, reader, name))?;
            let engine = shared.engine()?;
            let space = engine.space(&stored)?;
            let make = |schema, raw, unsettled| {
                Collection(Arc::new(Inner {
                    number: next_number(),
                    shared: Arc::clone(shared),
                    name: name.to_owned(),
                    schema,
                    space: Arc::clone(&space),
                    raw,
                    found_at: AtomicU64::new(0),
                    unsettled: AtomicBool::new(unsettled),
                }))
            };
            match found {
                Found::Live(schema) => {
                    check_types(asked, &schema)?;
                    // Opens the name for the process, so that snapshots which begin from now on can use it.
                    let db = shared.read(|_, reader| place(reader, &space))?;
                    check_plain(name, db)?;
                    return Ok(make(schema, None, false));
                }
                Found::Raw => {
                    let db = shared.read(|_, reader| place(reader, &space))?;
                    let Some(db) = db else { continue };
                    let key = copied(key, Type::Bytes)?;
                    let value = match kind {
                        Kind::Set => Type::Unit,
                        Kind::Dict => copied(value, Type::Bytes)?,
                    };
                    return Ok(make(Schema { kind, key, value }, Some(db), false));
                }
                Found::Absent(sequence) => {
                    let settings = engine.settings();
                    if flags.existing || settings.read_only {
                        return Err(Error::new(
                            Status::NoCollection,
                            format!("collection {name:?} does not exist, and this call does not create it"),
                        ));
                    }
                    let schema = Schema { kind, key: key_type.try_clone()?, value: value_type.try_clone()? };
                    let creation = Creation::new(sequence, &schema)?;
                    let in_transaction = TxnRef::current(shared)?.is_some();
                    if engine.has_dropped_many() && !in_transaction {
                        engine.reclaim(Wait::Default, catalog::is_dropped)?;
                        continue;
                    }
                    match shared.write(sequence, &creation.ops(engine.catalog(), &space)) {
                        Ok(Some(_)) => return Ok(make(schema, None, in_transaction)),
                        Ok(None) => {}
                        // Another process has removed the name from the file. Its number is closed before the next attempt,
                        // unless a live snapshot has used it.
                        Err(error)
                            if error.status() == Status::Conflict
                                && !in_transaction
                                && attempts < AT_MOST => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Refuses databases that this library does not create: a typed collection with several values for a key, or with keys
/// in an order other than that of their bytes.
pub(super) fn check_plain(name: &str, db: Option<Db>) -> Result<()> {
    if db.is_none_or(Db::is_plain) {
        return Ok(());
    }
    Err(Error::new(
        Status::Corrupted,
        format!(
            "the database of collection {name:?} has flags of LMDB that no typed collection has; another program has \
             created it again, or the data file is damaged"
        ),
    ))
}

/// Compares the requested types with the stored ones.
fn check_types(asked: Asked<'_>, stored: &Schema) -> Result<()> {
    let Asked { name, kind, key, value, flags } = asked;
    if stored.kind != kind {
        return Err(Error::new(
            Status::WrongKind,
            format!("collection {name:?} is a {}, not a {}", stored.kind.name(), kind.name()),
        ));
    }
    let fits = |asked: Option<&Type>, stored: &Type| match asked {
        None => true,
        Some(asked) if asked == stored || *stored == Type::Any => true,
        Some(Type::I64) if flags.any_width => stored.is_integer(),
        Some(Type::F64) if flags.any_width => matches!(stored, Type::F32 | Type::F64),
        Some(_) => false,
    };
    let differs = |what: &str, asked: Option<&Type>, stored: &Type| {
        let asked = asked.map_or_else(String::new, |asked| Short(asked).to_string());
        let stored = Short(stored);
        Err(Error::new(
            Status::TypeMismatch,
            format!(
                "the {what} of collection {name:?} are stored as {stored}, but were requested as {asked}"
            ),
        ))
    };
    let keys = if kind == Kind::Set { "elements" } else { "keys" };
    if !fits(key, &stored.key) {
        return differs(keys, key, &stored.key);
    }
    if kind == Kind::Dict && !fits(value, &stored.value) {
        return differs("values", value, &stored.value);
    }
    Ok(())
}
