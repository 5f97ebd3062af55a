//! Cursors: places in a named database, for as long as a call takes.

use std::ffi::c_uint;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use lmdb_sys as ffi;

use crate::engine::lmdb::layout::node;
use crate::engine::lmdb::sys::{Code, Dbi, NOTHING, RwTxn, Txn, slice, val};

/// Where a cursor is to go.
#[derive(Clone, Copy)]
pub(crate) enum Go<'k> {
    First,
    Last,
    Next,
    Prev,
    /// Nowhere.
    Current,
    /// To the first key not less than this.
    AtOrAfter(&'k [u8]),
    /// Within the values of the key (`MDB_DUPSORT`), to the first not less than this one.
    WithinDuplicates(&'k [u8], &'k [u8]),
}

/// What a cursor stands on: key and value; `None`: nothing.
pub(crate) type Record<'t> = Option<(&'t [u8], &'t [u8])>;

/// A cursor, closed when dropped.
pub(crate) struct Cursor<'t> {
    cursor: NonNull<ffi::MDB_cursor>,
    txn: PhantomData<&'t Txn>,
}

impl Txn {
    /// A cursor on a database of the transaction, which stands nowhere yet.
    pub(crate) fn cursor(&self, dbi: Dbi) -> Result<Cursor<'_>, Code> {
        Cursor::open(self, dbi)
    }
}

impl RwTxn {
    /// A cursor that may remove what it stands on.
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

    /// Moves, and gives the record it stands on then; `None`: there is none that way.
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
        // SAFETY: the cursor and its transaction are live; key and value given outlive the call.
        match unsafe { ffi::mdb_cursor_get(self.cursor.as_ptr(), &raw mut key, &raw mut data, op) } {
            ffi::MDB_SUCCESS => {
                // SAFETY: filled by LMDB just now (GET_BOTH_RANGE leaves the key as given, which is not
                // returned as `'t`); the record stays while the transaction that `'t` borrows is not written.
                let found = unsafe { slice(data) };
                let key = match to {
                    Go::WithinDuplicates(..) => &[],
                    // SAFETY: as above.
                    _ => unsafe { slice(key) },
                };
                Ok(Some((key, found)))
            }
            ffi::MDB_NOTFOUND => Ok(None),
            // An empty or too long key is found nowhere; where it would stand is unknown to LMDB.
            rc => Err(Code(rc)),
        }
    }
}

impl<'t> Cursor<'t> {
    /// Moves to a record by the key that a page of its database lent. Fails if the cursor comes to another place:
    /// keys are out of order then, and a walk that goes on from there could come to this key for ever.
    #[inline]
    pub(crate) fn go_to(&mut self, key: &'t [u8]) -> Result<(), Code> {
        let (mut found, mut data) = (val(key), NOTHING);
        // SAFETY: as for `go`; only the address of what was found is looked at.
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

/// A cursor of a write transaction, which is borrowed for writing: nobody else uses it meanwhile.
pub(crate) struct WriteCursor<'t>(Cursor<'t>);

impl WriteCursor<'_> {
    /// Moves, and lends the record until the next call.
    pub(crate) fn go(&mut self, to: Go<'_>) -> Result<Record<'_>, Code> {
        self.0.go(to)
    }

    /// Stores a record, and stands on it: those near it are stored without looking for their place from the root.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Code> {
        self.put_with(key, value, 0)
    }

    /// Stores a record behind all others; fails with `MDB_KEYEXIST` if it does not belong there.
    pub(crate) fn append(&mut self, key: &[u8], value: &[u8]) -> Result<(), Code> {
        self.put_with(key, value, ffi::MDB_APPEND)
    }

    fn put_with(&mut self, key: &[u8], value: &[u8], flags: c_uint) -> Result<(), Code> {
        let (mut key, mut data) = (val(key), val(value));
        // SAFETY: the cursor is live, and no borrow of its last record is, since `self` is exclusive; LMDB copies key
        // and value, and writes through neither without MDB_RESERVE, which nobody passes.
        Code::check(unsafe {
            ffi::mdb_cursor_put(self.0.cursor.as_ptr(), &raw mut key, &raw mut data, flags)
        })
    }

    /// Removes the record that the cursor stands on; `Next` then goes to the one behind it.
    pub(crate) fn remove(&mut self) -> Result<(), Code> {
        // SAFETY: the cursor is live, and no borrow of its last record is, since `self` is exclusive.
        Code::check(unsafe { ffi::mdb_cursor_del(self.0.cursor.as_ptr(), 0) })
    }
}

/// Whether a key of the main database, as a cursor gave it, is the name of a named database.
///
/// LMDB's interface does not tell; the header of its node does, which ends where the key begins.
pub(crate) fn is_named_database(key: &[u8]) -> bool {
    // Only damage makes an empty one, and `slice` gives it no address.
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
    // With both, it is a key with many values, of a main database with DUPSORT.
    flags & (node::VALUES | node::TREE) == node::TREE
}
