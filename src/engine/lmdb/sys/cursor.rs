//! Wraps cursors: positions in a named database, used during a call.

use std::ffi::c_uint;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use lmdb_sys as ffi;

use crate::engine::lmdb::layout::node;
use crate::engine::lmdb::sys::{Code, Dbi, NOTHING, RwTxn, Txn, slice, val};

/// The target of a cursor's move.
#[derive(Clone, Copy)]
pub(crate) enum Go<'k> {
    First,
    Last,
    Next,
    Prev,
    /// To the current record.
    Current,
    /// To the first key not less than this.
    AtOrAfter(&'k [u8]),
    /// Within the values of the key (`MDB_DUPSORT`), to the first not less than this one.
    WithinDuplicates(&'k [u8], &'k [u8]),
}

/// A cursor's current key and value; `None` if it is not at a record.
pub(crate) type Record<'t> = Option<(&'t [u8], &'t [u8])>;

/// A cursor, closed when dropped.
pub(crate) struct Cursor<'t> {
    cursor: NonNull<ffi::MDB_cursor>,
    txn: PhantomData<&'t Txn>,
}

impl Txn {
    /// Opens a cursor on a database of the transaction, without a position.
    pub(crate) fn cursor(&self, dbi: Dbi) -> Result<Cursor<'_>, Code> {
        Cursor::open(self, dbi)
    }
}

impl RwTxn {
    /// Opens a cursor that can remove its current record.
    pub(crate) fn write_cursor(&mut self, dbi: Dbi) -> Result<WriteCursor<'_>, Code> {
        self.cursor(dbi).map(WriteCursor)
    }
}

impl<'t> Cursor<'t> {
    fn open(txn: &'t Txn, dbi: Dbi) -> Result<Self, Code> {
        let mut cursor = ptr::null_mut();
        // SAFETY: the transaction is live, and the cursor borrows it.
        Code::check(unsafe { ffi::mdb_cursor_open(txn.0.as_ptr(), dbi, &raw mut cursor) })?;
        let cursor = NonNull::new(cursor).ok_or(Code(libc::ENOMEM))?;
        Ok(Cursor { cursor, txn: PhantomData })
    }

    /// Moves, and returns the new current record, or `None` if there is no record in that direction.
    #[inline]
    pub(crate) fn go(&mut self, to: Go<'_>) -> Result<Record<'t>, Code> {
        let (mut key, mut data) = (NOTHING, NOTHING);
        let op = match to {
            Go::First => ffi::MDB_FIRST,
            Go::Last => ffi::MDB_LAST,
            Go::Next => ffi::MDB_NEXT,
            Go::Prev => ffi::MDB_PREV,
            Go::Current => ffi::MDB_GET_CURRENT,
            Go::AtOrAfter(k) => {
                key = val(k);
                ffi::MDB_SET_RANGE
            }
            Go::WithinDuplicates(k, v) => {
                (key, data) = (val(k), val(v));
                ffi::MDB_GET_BOTH_RANGE
            }
        };
        // SAFETY: the cursor and its transaction are live; the given key and value outlive the call.
        match unsafe { ffi::mdb_cursor_get(self.cursor.as_ptr(), &raw mut key, &raw mut data, op) } {
            ffi::MDB_SUCCESS => {
                // SAFETY: LMDB has just filled it (GET_BOTH_RANGE leaves the key as given, which is not returned as
                // `'t`); the record stays while the transaction that `'t` borrows is not written.
                let found = unsafe { slice(data) };
                let key = match to {
                    Go::WithinDuplicates(..) => &[],
                    // SAFETY: as above.
                    _ => unsafe { slice(key) },
                };
                Ok(Some((key, found)))
            }
            ffi::MDB_NOTFOUND => Ok(None),
            // An empty or too long key is never found; LMDB cannot determine its position.
            rc => Err(Code(rc)),
        }
    }
}

impl<'t> Cursor<'t> {
    /// Moves to a record by the key that a page of its database lent. Fails if the cursor arrives at another position:
    /// then keys are out of order, and a walk that continues from there could return to this key forever.
    #[inline]
    pub(crate) fn go_to(&mut self, key: &'t [u8]) -> Result<(), Code> {
        let (mut found, mut data) = (val(key), NOTHING);
        // SAFETY: as for `go`; only the address of the result is compared.
        match unsafe {
            ffi::mdb_cursor_get(self.cursor.as_ptr(), &raw mut found, &raw mut data, ffi::MDB_SET_RANGE)
        } {
            ffi::MDB_SUCCESS if found.mv_data.cast_const().cast() == key.as_ptr() => Ok(()),
            ffi::MDB_SUCCESS | ffi::MDB_NOTFOUND => Err(Code(ffi::MDB_CORRUPTED)),
            rc => Err(Code(rc)),
        }
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        // SAFETY: the cursor is live: the transaction that it borrows has not ended.
        unsafe { ffi::mdb_cursor_close(self.cursor.as_ptr()) }
    }
}

/// A cursor of a write transaction, which it borrows exclusively.
pub(crate) struct WriteCursor<'t>(Cursor<'t>);

impl WriteCursor<'_> {
    /// Moves, and lends the record until the next call.
    pub(crate) fn go(&mut self, to: Go<'_>) -> Result<Record<'_>, Code> {
        self.0.go(to)
    }

    /// Stores a record, and moves to it: neighbours are then stored without a search from the root.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Code> {
        self.put_with(key, value, 0)
    }

    /// Stores a record after all others; fails with `MDB_KEYEXIST` if it does not belong there.
    pub(crate) fn append(&mut self, key: &[u8], value: &[u8]) -> Result<(), Code> {
        self.put_with(key, value, ffi::MDB_APPEND)
    }

    fn put_with(&mut self, key: &[u8], value: &[u8], flags: c_uint) -> Result<(), Code> {
        let (mut key, mut data) = (val(key), val(value));
        // SAFETY: the cursor is live, and no borrow of its last record is, since `self` is exclusive; LMDB copies key
        // and value, and writes through neither without MDB_RESERVE, which no caller passes.
        Code::check(unsafe {
            ffi::mdb_cursor_put(self.0.cursor.as_ptr(), &raw mut key, &raw mut data, flags)
        })
    }

    /// Removes the current record; `Next` then moves to the one after it.
    pub(crate) fn remove(&mut self) -> Result<(), Code> {
        // SAFETY: the cursor is live, and no borrow of its last record is, since `self` is exclusive.
        Code::check(unsafe { ffi::mdb_cursor_del(self.0.cursor.as_ptr(), 0) })
    }
}

/// Returns true if a key of the main database, as a cursor returned it, is the name of a named database.
///
/// LMDB's interface does not report it; the header of the key's node does, which ends where the key begins.
pub(crate) fn is_named_database(key: &[u8]) -> bool {
    // Only damage creates an empty key, and `slice` gives it no address.
    if key.is_empty() {
        return false;
    }
    // SAFETY: the key was returned by a cursor on the main database and is not empty, so it lies in a leaf page
    // right behind the header of its node, whose fields may be unaligned.
    let (flags, size) = unsafe {
        let header = key.as_ptr().sub(node::HEADER);
        (
            header.add(node::AT_FLAGS).cast::<u16>().read_unaligned(),
            header.add(node::AT_KEY_SIZE).cast::<u16>().read_unaligned(),
        )
    };
    debug_assert_eq!(usize::from(size), key.len());
    // With both flags, it is a key with many values, in a main database with DUPSORT.
    flags & (node::VALUES | node::TREE) == node::TREE
}
