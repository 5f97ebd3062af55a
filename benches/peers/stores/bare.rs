//! LMDB without a wrapper, as a careful C program uses it: a thread keeps its read transaction and renews it.

#[path = "../../lmdb/bare.rs"]
#[allow(dead_code, unreachable_pub, clippy::pedantic)]
mod calls;

use std::ffi::CString;
use std::path::Path;

use lmdb_sys::{MDB_APPEND, MDB_CP_COMPACT, MDB_NEXT, MDB_NORDAHEAD, MDB_NOSYNC, MDB_SET_RANGE};

use self::calls::{Bare, Cursor, Txn};
use super::{Reader, Store, seen};

pub struct Lmdb(Bare);

// SAFETY: threads may share an environment; each transaction stays in its thread.
unsafe impl Sync for Lmdb {}

struct Kept<'s> {
    of: &'s Bare,
    // Before its transaction, which is dropped last.
    cursor: Cursor,
    txn: Txn,
}

impl Lmdb {
    pub fn open(path: &Path, durable: bool, read_ahead: bool) -> Lmdb {
        std::fs::create_dir_all(path).unwrap();
        let sync = if durable { 0 } else { MDB_NOSYNC };
        Lmdb(Bare::reopen(path, sync | if read_ahead { 0 } else { MDB_NORDAHEAD }))
    }
}

impl Store for Lmdb {
    fn reader(&self) -> Box<dyn Reader + '_> {
        let txn = self.0.read();
        let cursor = txn.cursor(self.0.dbi);
        txn.reset();
        Box::new(Kept { of: &self.0, cursor, txn })
    }

    fn put(&self, key: u64, value: &[u8]) {
        let txn = self.0.begin(0);
        txn.put(self.0.dbi, &key.to_be_bytes(), value, 0);
        txn.commit();
    }

    fn load(&self, keys: &[u64], value: &dyn Fn(u64) -> &'static [u8], sorted: bool) {
        let txn = self.0.begin(0);
        for key in keys {
            txn.put(self.0.dbi, &key.to_be_bytes(), value(*key), if sorted { MDB_APPEND } else { 0 });
        }
        txn.commit();
    }

    fn compact(&mut self, to: &Path) -> bool {
        std::fs::create_dir(to).unwrap();
        let to = CString::new(to.to_str().unwrap()).unwrap();
        // SAFETY: the environment is open and the path ends with NUL.
        assert_eq!(unsafe { lmdb_sys::mdb_env_copy2(self.0.env, to.as_ptr(), MDB_CP_COMPACT) }, 0);
        true
    }

    fn check(&mut self) -> bool {
        false
    }
}

impl Reader for Kept<'_> {
    fn get(&mut self, key: u64) -> Vec<u8> {
        self.txn.renew();
        let value = self.txn.get(self.of.dbi, &key.to_be_bytes()).to_vec();
        self.txn.reset();
        value
    }

    fn get_many(&mut self, keys: &[u64]) -> usize {
        self.txn.renew();
        let values: Vec<_> =
            keys.iter().map(|key| self.txn.get(self.of.dbi, &key.to_be_bytes()).to_vec()).collect();
        self.txn.reset();
        values.iter().map(|value| seen(value)).sum()
    }

    fn range(&mut self, from: u64, to: u64) -> usize {
        self.txn.renew();
        // SAFETY: the cursor of a read transaction that was reset and renewed.
        assert_eq!(unsafe { lmdb_sys::mdb_cursor_renew(self.txn.0, self.cursor.0) }, 0);
        let (mut sum, end) = (0, to.to_be_bytes());
        let mut record = self.cursor.go(MDB_SET_RANGE, &from.to_be_bytes());
        while let Some((_, value)) = record.filter(|(key, _)| **key < end[..]) {
            sum += seen(value);
            record = self.cursor.go(MDB_NEXT, &[]);
        }
        self.txn.reset();
        sum
    }
}
