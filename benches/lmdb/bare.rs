//! Bare LMDB: its calls as a careful C program makes them, through the same library.

use std::ffi::CString;
use std::path::Path;
use std::ptr;

use lmdb_sys::{
    MDB_NOSYNC, MDB_NOTLS, MDB_RDONLY, MDB_cursor, MDB_cursor_op, MDB_dbi, MDB_env, MDB_txn, MDB_val,
};

/// An environment with one named database.
pub struct Bare {
    pub env: *mut MDB_env,
    pub dbi: MDB_dbi,
}

/// A transaction that is aborted unless it is committed.
pub struct Txn(pub *mut MDB_txn);

pub fn val(bytes: &[u8]) -> MDB_val {
    MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() }
}

pub const NOTHING: MDB_val = MDB_val { mv_size: 0, mv_data: ptr::null_mut() };

impl Bare {
    /// Opens one in a new folder, with as much room for databases as the library makes.
    pub fn open(path: &Path, synced: bool) -> Bare {
        std::fs::create_dir(path).unwrap();
        Bare::reopen(path, if synced { 0 } else { MDB_NOSYNC })
    }

    /// Opens one in a folder that is there, with these flags of LMDB besides `MDB_NOTLS`.
    pub fn reopen(path: &Path, flags: u32) -> Bare {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let mut bare = Bare { env: ptr::null_mut(), dbi: 0 };
        // SAFETY: LMDB's calls in the order that its manual gives; every pointer is valid for its call.
        unsafe {
            assert_eq!(lmdb_sys::mdb_env_create(&raw mut bare.env), 0);
            assert_eq!(lmdb_sys::mdb_env_set_mapsize(bare.env, 1 << 36), 0);
            assert_eq!(lmdb_sys::mdb_env_set_maxdbs(bare.env, 1169), 0);
            assert_eq!(lmdb_sys::mdb_env_open(bare.env, path.as_ptr(), MDB_NOTLS | flags, 0o644), 0);
        }
        bare.dbi = bare.database("data");
        bare
    }

    /// Another named database.
    pub fn database(&self, name: &str) -> MDB_dbi {
        let name = CString::new(name).unwrap();
        let txn = self.begin(0);
        let mut dbi = 0;
        let flags = lmdb_sys::MDB_CREATE;
        // SAFETY: the transaction is live and the name ends with NUL.
        let rc = unsafe { lmdb_sys::mdb_dbi_open(txn.0, name.as_ptr(), flags, &raw mut dbi) };
        assert_eq!(rc, 0);
        txn.commit();
        dbi
    }

    pub fn begin(&self, flags: u32) -> Txn {
        let mut txn = ptr::null_mut();
        // SAFETY: the environment is open.
        assert_eq!(unsafe { lmdb_sys::mdb_txn_begin(self.env, ptr::null_mut(), flags, &raw mut txn) }, 0);
        Txn(txn)
    }

    pub fn read(&self) -> Txn {
        self.begin(MDB_RDONLY)
    }

    /// Drops all records of a database.
    pub fn clear(&self, dbi: MDB_dbi) {
        let txn = self.begin(0);
        // SAFETY: the transaction is live and the database open.
        assert_eq!(unsafe { lmdb_sys::mdb_drop(txn.0, dbi, 0) }, 0);
        txn.commit();
    }

    /// Bytes of the pages that a database has.
    pub fn bytes(&self, dbi: MDB_dbi) -> usize {
        let txn = self.read();
        // SAFETY: plain numbers; the transaction is live, and `stat` a valid place.
        unsafe {
            let mut stat: lmdb_sys::MDB_stat = std::mem::zeroed();
            assert_eq!(lmdb_sys::mdb_stat(txn.0, dbi, &raw mut stat), 0);
            (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize as usize
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: open, and every transaction has ended.
        unsafe { lmdb_sys::mdb_env_close(self.env) }
    }
}

impl Txn {
    pub fn commit(self) {
        // SAFETY: the transaction is live; it is not ended again.
        assert_eq!(unsafe { lmdb_sys::mdb_txn_commit(self.0) }, 0);
        std::mem::forget(self);
    }

    pub fn reset(&self) {
        // SAFETY: a read transaction that is live.
        unsafe { lmdb_sys::mdb_txn_reset(self.0) }
    }

    pub fn renew(&self) {
        // SAFETY: a read transaction that was reset.
        assert_eq!(unsafe { lmdb_sys::mdb_txn_renew(self.0) }, 0);
    }

    /// The value of a key, which must be there.
    pub fn get(&self, dbi: MDB_dbi, key: &[u8]) -> &[u8] {
        let (mut key, mut value) = (val(key), NOTHING);
        // SAFETY: the transaction is live, and what LMDB lends stays until it ends.
        unsafe {
            assert_eq!(lmdb_sys::mdb_get(self.0, dbi, &raw mut key, &raw mut value), 0);
            std::slice::from_raw_parts(value.mv_data.cast(), value.mv_size)
        }
    }

    pub fn put(&self, dbi: MDB_dbi, key: &[u8], value: &[u8], flags: u32) {
        let (mut key, mut value) = (val(key), val(value));
        // SAFETY: the transaction is live; LMDB copies both.
        assert_eq!(unsafe { lmdb_sys::mdb_put(self.0, dbi, &raw mut key, &raw mut value, flags) }, 0);
    }

    pub fn cursor(&self, dbi: MDB_dbi) -> Cursor {
        let mut cursor = ptr::null_mut();
        // SAFETY: the transaction is live; the caller closes the cursor before it ends.
        assert_eq!(unsafe { lmdb_sys::mdb_cursor_open(self.0, dbi, &raw mut cursor) }, 0);
        Cursor(cursor)
    }
}

impl Drop for Txn {
    fn drop(&mut self) {
        // SAFETY: the transaction is live.
        unsafe { lmdb_sys::mdb_txn_abort(self.0) }
    }
}

/// A cursor, closed when dropped, before its transaction ends.
pub struct Cursor(pub *mut MDB_cursor);

impl Cursor {
    /// Moves; `None` at the end.
    #[inline]
    pub fn go(&self, op: MDB_cursor_op, key: &[u8]) -> Option<(&[u8], &[u8])> {
        let (mut key, mut value) = (val(key), NOTHING);
        // SAFETY: the cursor is live, and what LMDB lends stays until its transaction ends or writes.
        unsafe {
            let rc = lmdb_sys::mdb_cursor_get(self.0, &raw mut key, &raw mut value, op);
            (rc == 0).then(|| {
                (
                    std::slice::from_raw_parts(key.mv_data.cast(), key.mv_size),
                    std::slice::from_raw_parts(value.mv_data.cast(), value.mv_size),
                )
            })
        }
    }

    pub fn put(&self, key: &[u8], value: &[u8], flags: u32) {
        let (mut key, mut value) = (val(key), val(value));
        // SAFETY: the cursor of a live write transaction; LMDB copies both.
        assert_eq!(unsafe { lmdb_sys::mdb_cursor_put(self.0, &raw mut key, &raw mut value, flags) }, 0);
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: the cursor is live, and so is its transaction.
        unsafe { lmdb_sys::mdb_cursor_close(self.0) }
    }
}
