//! Checks keys in databases of other programs, which LMDB leaves to its caller.
//!
//! - Integer keys (`MDB_INTEGERKEY`): LMDB compares as many bytes as the given key has, so a key whose length differs
//!   from the stored ones would cause reads beyond an end.
//! - The records of the main database include names of databases. They do not belong to a collection.

use crate::engine::lmdb::Op;
use crate::engine::lmdb::sys::{Go, MAIN, Txn, is_named_database, reading};
use crate::engine::lmdb::txn::spaces::Db;
use crate::engine::{Column, Range, ScanStart};
use crate::error::{Error, Result, Status};

/// Refuses a key whose length differs from that of the existing integer keys.
#[inline]
pub(crate) fn check_width(txn: &Txn, db: Db, key: &[u8]) -> Result<()> {
    if db.has_integer_keys() { compare_width(width(txn, db)?, key) } else { Ok(()) }
}

/// Does the same for the bounds of a range, and for the start of a scan.
pub(crate) fn check_widths(txn: &Txn, db: Db, range: &Range, from: ScanStart<'_>) -> Result<()> {
    if !db.has_integer_keys() {
        return Ok(());
    }
    let width = width(txn, db)?;
    let bounds = [&range.lower, &range.upper].into_iter().filter_map(|bound| match bound {
        std::ops::Bound::Included(key) | std::ops::Bound::Excluded(key) => Some(key.as_slice()),
        std::ops::Bound::Unbounded => None,
    });
    let from = match from {
        ScanStart::At(key) | ScanStart::Beyond(key) | ScanStart::After(key, _) => Some(key),
        ScanStart::Range => None,
    };
    bounds.chain(from).try_for_each(|key| compare_width(width, key))
}

/// Returns the length of the integer keys, or `None` if there are no keys yet.
fn width(txn: &Txn, db: Db) -> Result<Option<usize>> {
    let mut cursor = txn.cursor(db.dbi).map_err(reading)?;
    Ok(cursor.go(Go::First).map_err(reading)?.map(|(key, _)| key.len()))
}

fn compare_width(width: Option<usize>, key: &[u8]) -> Result<()> {
    match width {
        Some(width) if key.len() != width => Err(Error::new(
            Status::BadKey,
            format!("the collection has integer keys (INTEGERKEY) of {width} bytes, not {}", key.len()),
        )),
        None if !matches!(key.len(), 4 | 8) => Err(Error::new(
            Status::BadKey,
            format!("integer keys (INTEGERKEY) have 4 or 8 bytes, not {}", key.len()),
        )),
        _ => Ok(()),
    }
}

/// Returns true if the main database may contain named ones: LMDB puts none into a database with several values for a
/// key, nor among integer keys, where it could not even search for a name.
pub(crate) fn has_names(txn: &Txn) -> Result<bool> {
    Ok(txn.flags(MAIN).map_err(reading)? & (lmdb_sys::MDB_DUPSORT | lmdb_sys::MDB_INTEGERKEY) == 0)
}

/// Returns the main database's record of a named database, or `None` if it does not exist.
pub(crate) fn record_of<'t>(txn: &'t Txn, name: &[u8]) -> Result<Option<&'t [u8]>> {
    if name.is_empty() || !has_names(txn)? {
        return Ok(None);
    }
    let mut cursor = txn.cursor(MAIN).map_err(reading)?;
    let found = cursor.go(Go::AtOrAfter(name)).map_err(reading)?;
    Ok(found.filter(|(key, _)| *key == name && is_named_database(key)).map(|(_, record)| record))
}

/// Returns true if a key of the main database is the name of a database.
pub(crate) fn is_name(txn: &Txn, key: &[u8]) -> Result<bool> {
    Ok(record_of(txn, key)?.is_some())
}

/// Refuses a write with invalid keys before any part of it is done.
pub(crate) fn check_write(txn: &Txn, db: Db, op: &Op<'_>) -> Result<()> {
    if !db.has_integer_keys() && !db.is_main() {
        return Ok(());
    }
    let check = |key: &[u8], stores: bool| {
        check_width(txn, db, key)?;
        if stores && db.is_main() && is_name(txn, key)? {
            return Err(Error::new(
                Status::BadKey,
                "that key of the unnamed collection is the name of another collection; choose another key",
            ));
        }
        Ok(())
    };
    let check_all = |keys: &Column<'_>, stores: bool| {
        let first = keys.iter().next().map(<[u8]>::len);
        for (index, key) in keys.iter().enumerate() {
            // If there are no keys yet, the first one determines the length.
            if db.has_integer_keys() {
                compare_width(first, key).map_err(|error| error.at(index))?;
            }
            check(key, stores).map_err(|error| error.at(index))?;
        }
        Ok(())
    };
    match op {
        Op::Put { key, .. } | Op::CompareExchange { key, .. } | Op::Add { key, .. } => check(key, true),
        Op::Remove { key, .. } | Op::Take { key, .. } => check(key, false),
        Op::PutMany { keys, .. } | Op::AddMany { keys, .. } => check_all(keys, true),
        Op::RemoveMany { keys, .. } => check_all(keys, false),
        Op::RemoveRange { range, .. } => check_widths(txn, db, range, ScanStart::Range),
    }
}
