//! Wraps `lmdb_sys` in RAII types: the only calls into LMDB.
//!
//! This module does not know collections or threads. Lifetimes express LMDB's rules: the result of a read borrows the
//! transaction, and a write borrows it exclusively, so bytes of the map cannot outlive the transaction that keeps them
//! in place. A cursor borrows its transaction; [`RwTxn`] ends a savepoint before its parent is used.

mod code;
mod cursor;
mod env;
mod free;
mod map_start;
mod page;
mod pages;
mod read_ahead;
mod txn;

use std::ffi::CStr;
use std::ptr;

use lmdb_sys as ffi;

pub(crate) use code::{Code, reading};
pub(crate) use cursor::{Cursor, Go, Record, WriteCursor, is_named_database};
pub(crate) use env::{Env, OpenParameters};
pub(crate) use free::FreePages;
pub(crate) use page::Rest;
pub(crate) use pages::Pages;
pub(crate) use read_ahead::exceeds_memory;
pub(crate) use txn::{RoTxn, RwTxn, Txn};

use crate::error::{Error, Status};

/// The number of an open named database.
pub(crate) type Dbi = ffi::MDB_dbi;

/// The main database: it stores the records of an unnamed collection, and an entry for each named database.
pub(crate) const MAIN: Dbi = 1;

/// Returns the version string of the linked LMDB.
pub(crate) fn version() -> &'static CStr {
    // SAFETY: LMDB returns a static NUL-terminated string; the outputs may be null.
    unsafe { CStr::from_ptr(ffi::mdb_version(ptr::null_mut(), ptr::null_mut(), ptr::null_mut())) }
}

/// Checks that the program contains the LMDB with which this library was built: a linker that finds another `liblmdb`
/// first silently uses that one.
pub(crate) fn check_version() -> Result<(), Error> {
    let mut found = [0; 3];
    let [major, minor, patch] = &mut found;
    // SAFETY: three valid destinations for numbers.
    unsafe { ffi::mdb_version(major, minor, patch) };
    let built_with = [ffi::MDB_VERSION_MAJOR, ffi::MDB_VERSION_MINOR, ffi::MDB_VERSION_PATCH];
    let same =
        found.iter().zip(built_with).all(|(found, built_with)| u32::try_from(*found) == Ok(built_with));
    if same { Ok(()) } else { Err(other_lmdb(&format!("{}.{}.{}", found[0], found[1], found[2]))) }
}

fn other_lmdb(which: &str) -> Error {
    Error::new(
        Status::Unsupported,
        format!(
            "this program was linked with another LMDB ({which}) in place of the one that this library brings along; put \
             this library before liblmdb on the link line, or link the shared library"
        ),
    )
}

fn val(bytes: &[u8]) -> ffi::MDB_val {
    ffi::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() }
}

const NOTHING: ffi::MDB_val = ffi::MDB_val { mv_size: 0, mv_data: ptr::null_mut() };

/// # Safety
/// `val` must have been filled by LMDB, and its bytes must stay in place during `'t`.
unsafe fn slice<'t>(val: ffi::MDB_val) -> &'t [u8] {
    if val.mv_size == 0 {
        return &[];
    }
    // SAFETY: LMDB filled it with the address and size of a record in the map or in a dirty page; the caller
    // vouches for the lifetime.
    unsafe { std::slice::from_raw_parts(val.mv_data.cast(), val.mv_size) }
}
