//! Uses a file that passed: LMDB itself reads it, writes to it and empties it; then the library does.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use lmdb_sys::{self as ffi, MDB_val};
use persistent_collections::ffi::{
    PC_OK, pc_batch, pc_dict, pc_dict_open, pc_dict_put, pc_env, pc_env_check, pc_env_close, pc_env_open,
    pc_iter, pc_iter_close, pc_iter_next_batch, pc_iter_open_dict, pc_range,
};
use persistent_collections::{Environment, Options, Status};

/// The greatest number of keys and values that are read from a database to write them again.
const SOME: usize = 40;

fn val(bytes: &[u8]) -> MDB_val {
    MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() }
}

fn done(code: i32) {
    // SAFETY: LMDB's own texts are static, others are copied at once.
    let text = || unsafe { std::ffi::CStr::from_ptr(ffi::mdb_strerror(code)) }.to_string_lossy().into_owned();
    assert_eq!(code, 0, "{}", text());
}

fn found(code: i32) -> bool {
    if code != ffi::MDB_NOTFOUND {
        done(code);
    }
    code == 0
}

/// An environment that only LMDB has open.
struct Raw(*mut ffi::MDB_env);

/// One transaction; nested if it has a parent.
struct Txn(*mut ffi::MDB_txn);

impl Raw {
    fn open(path: &Path) -> Raw {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        let mut env = ptr::null_mut();
        // SAFETY: calls LMDB in the order that its manual requires; the environment is not open elsewhere.
        unsafe {
            done(ffi::mdb_env_create(&raw mut env));
            done(ffi::mdb_env_set_maxdbs(env, 32));
            done(ffi::mdb_env_set_mapsize(env, 1 << 26));
            done(ffi::mdb_env_open(env, path.as_ptr(), ffi::MDB_NOSYNC | ffi::MDB_NOTLS, 0o644));
        }
        Raw(env)
    }

    fn begin(&self, parent: Option<&Txn>) -> Txn {
        let mut txn = ptr::null_mut();
        let parent = parent.map_or(ptr::null_mut(), |parent| parent.0);
        // SAFETY: the environment is open; a parent is not used before its child has ended.
        done(unsafe { ffi::mdb_txn_begin(self.0, parent, 0, &raw mut txn) });
        Txn(txn)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: every transaction has ended, or the process is about to.
        unsafe { ffi::mdb_env_close(self.0) }
    }
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

impl Txn {
    fn commit(self) {
        // SAFETY: the transaction is live, and not used afterwards.
        done(unsafe { ffi::mdb_txn_commit(self.0) });
    }

    fn abort(self) {
        // SAFETY: as above.
        unsafe { ffi::mdb_txn_abort(self.0) }
    }

    fn database(&self, name: Option<&[u8]>) -> Option<ffi::MDB_dbi> {
        let name = name.map(|name| CString::new(name).unwrap());
        let name = name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        let mut dbi = 0;
        // SAFETY: the transaction is live, the name null or terminated.
        match unsafe { ffi::mdb_dbi_open(self.0, name, 0, &raw mut dbi) } {
            // A record that is not a database, or one that the main database's order hides.
            ffi::MDB_INCOMPATIBLE | ffi::MDB_NOTFOUND => None,
            code => {
                done(code);
                Some(dbi)
            }
        }
    }

    fn flags(&self, dbi: ffi::MDB_dbi) -> u32 {
        let mut flags = 0;
        // SAFETY: the transaction is live and the database open.
        done(unsafe { ffi::mdb_dbi_flags(self.0, dbi, &raw mut flags) });
        flags
    }

    fn cursor(&self, dbi: ffi::MDB_dbi) -> *mut ffi::MDB_cursor {
        let mut cursor = ptr::null_mut();
        // SAFETY: the transaction is live and the database open.
        done(unsafe { ffi::mdb_cursor_open(self.0, dbi, &raw mut cursor) });
        cursor
    }

    /// Reads all records, every byte of them, in one direction.
    fn read(&self, dbi: ffi::MDB_dbi, step: u32) -> Records {
        let cursor = self.cursor(dbi);
        let (mut k, mut v) = (val(&[]), val(&[]));
        let mut records = Vec::new();
        // SAFETY: the cursor is live; its results are copied before the next call.
        unsafe {
            let bytes = |val: &MDB_val| match val.mv_size {
                0 => Vec::new(),
                size => std::slice::from_raw_parts(val.mv_data.cast::<u8>(), size).to_vec(),
            };
            while found(ffi::mdb_cursor_get(cursor, &raw mut k, &raw mut v, step)) {
                records.push((bytes(&k), bytes(&v)));
            }
            ffi::mdb_cursor_close(cursor);
        }
        records
    }

    fn put(&self, dbi: ffi::MDB_dbi, key: &[u8], value: &[u8]) {
        let (mut k, mut v) = (val(key), val(value));
        // SAFETY: the transaction is live; key and value outlive the call, which copies them.
        done(unsafe { ffi::mdb_put(self.0, dbi, &raw mut k, &raw mut v, 0) });
    }

    /// Removes a key, or one of its values.
    fn remove(&self, dbi: ffi::MDB_dbi, key: &[u8], value: Option<&[u8]>) {
        let (mut k, mut v) = (val(key), val(value.unwrap_or_default()));
        let v = if value.is_some() { &raw mut v } else { ptr::null_mut() };
        // SAFETY: as above.
        found(unsafe { ffi::mdb_del(self.0, dbi, &raw mut k, v) });
    }

    /// Removes a part of the records, evenly spread.
    fn thin(&self, dbi: ffi::MDB_dbi, every: usize) {
        if self.flags(dbi) & ffi::MDB_DUPSORT != 0 {
            // Not by a cursor: if a cursor visits keys with several values and with one, LMDB loses values.
            for (key, value) in self.read(dbi, ffi::MDB_NEXT).iter().skip(every - 1).step_by(every) {
                self.remove(dbi, key, (!value.is_empty()).then_some(value));
            }
            return;
        }
        let cursor = self.cursor(dbi);
        let (mut k, mut v) = (val(&[]), val(&[]));
        let mut index = 0;
        // SAFETY: the cursor is live.
        unsafe {
            while found(ffi::mdb_cursor_get(cursor, &raw mut k, &raw mut v, ffi::MDB_NEXT)) {
                index += 1;
                if index % every == 0 {
                    done(ffi::mdb_cursor_del(cursor, 0));
                }
            }
            ffi::mdb_cursor_close(cursor);
        }
    }
}

/// Returns the same key or value with another last byte.
fn changed(bytes: &[u8], by: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = last.wrapping_add(by);
    }
    bytes
}

/// Reads, writes, empties and drops everything in it through LMDB alone.
pub fn with_lmdb(path: &Path) {
    let env = Raw::open(path);
    let txn = env.begin(None);
    let main = txn.database(None).unwrap();
    let main_flags = txn.flags(main);
    let names: Vec<Vec<u8>> = txn.read(main, ffi::MDB_NEXT).into_iter().map(|(key, _)| key).collect();
    let mut databases = vec![];
    for name in &names {
        if !name.contains(&0) && main_flags & (ffi::MDB_DUPSORT | ffi::MDB_INTEGERKEY) == 0 {
            databases.extend(txn.database(Some(name)));
        }
    }
    databases.sort_unstable();
    databases.dedup();
    let mut records = Vec::new();
    for &dbi in &databases {
        let forwards = txn.read(dbi, ffi::MDB_NEXT);
        let mut backwards = txn.read(dbi, ffi::MDB_PREV);
        backwards.reverse();
        assert!(forwards == backwards, "other records backwards than forwards");
        records.push(forwards);
    }
    let few = |records: &Records, from: usize| -> Records {
        let every = (records.len() / SOME).max(1);
        records.iter().skip(from).step_by(every).cloned().collect()
    };
    // Changes around the existing records: other sizes, other values, neighbours of keys.
    for (&dbi, records) in databases.iter().zip(&records) {
        let is_single = txn.flags(dbi) & ffi::MDB_DUPSORT == 0;
        for (index, (key, value)) in few(records, 0).iter().enumerate() {
            if is_single {
                txn.put(dbi, key, &vec![7; [0, 9, 100, 1500, 3000, 9000][index % 6]]);
                txn.put(dbi, &changed(key, 3), value);
            } else {
                txn.put(dbi, key, &changed(value, 1));
                txn.put(dbi, key, &changed(value, 2));
                txn.put(dbi, &changed(key, 3), value);
            }
        }
    }
    txn.commit();
    // Nested, one undone and one kept; then a part is removed.
    let txn = env.begin(None);
    for (&dbi, records) in databases.iter().zip(&records) {
        for keep in [false, true] {
            let nested = env.begin(Some(&txn));
            for (key, value) in few(records, 1).iter().step_by(2) {
                nested.put(dbi, key, &changed(value, 5));
            }
            nested.thin(dbi, 5);
            if keep { nested.commit() } else { nested.abort() }
        }
        txn.thin(dbi, 2);
    }
    txn.commit();
    let txn = env.begin(None);
    for (&dbi, records) in databases.iter().zip(&records) {
        for (key, _) in records.iter().step_by(3) {
            txn.remove(dbi, key, None);
        }
        txn.thin(dbi, 3);
    }
    txn.commit();
    // Reuses pages that the transactions before have freed, including several in a row.
    let txn = env.begin(None);
    for (&dbi, records) in databases.iter().zip(&records) {
        let is_single = txn.flags(dbi) & ffi::MDB_DUPSORT == 0;
        for (index, (key, value)) in few(records, 0).iter().enumerate() {
            let large = vec![3; 5000 * (index % 3)];
            txn.put(dbi, key, if is_single { &large } else { value });
        }
    }
    txn.commit();
    // Removes everything: by removing records, by emptying, by dropping.
    for (index, &dbi) in databases.iter().enumerate() {
        let txn = env.begin(None);
        if index % 3 == 0 {
            txn.thin(dbi, 1);
            assert!(txn.read(dbi, ffi::MDB_NEXT).is_empty());
        } else {
            // SAFETY: the transaction is live and the database open.
            done(unsafe { ffi::mdb_drop(txn.0, dbi, i32::from(index % 3 == 1)) });
        }
        txn.commit();
    }
}

/// The options of an opening that first checks the whole environment.
pub fn verifying() -> Options {
    Options::new().durability(persistent_collections::Durability::None).map_size(1 << 26).check_on_open(true)
}

/// Copies it, plainly and compacting, and checks the copies; returns their number.
pub fn copies(env: &Environment, directory: &Path) -> usize {
    let mut made = 0;
    for (name, compact) in [("plain", false), ("compact", true)] {
        let path = directory.join(name);
        match env.copy_to(&path, compact) {
            Ok(is_new) => assert!(is_new),
            Err(error) => {
                assert_eq!(error.status(), Status::Corrupted, "{error}");
                // LMDB does not compact this one.
                assert!(compact && env.check().unwrap().lost > 0, "{error}");
                continue;
            }
        }
        let copy = Environment::open(&path, &verifying()).unwrap();
        copy.collections().unwrap();
        drop(copy);
        std::fs::remove_dir_all(&path).unwrap();
        made += 1;
    }
    made
}

/// Walks over records of other programs, in both directions and in small steps, and writes to them.
pub fn with_raw_collections(path: &Path, names: &[String]) {
    const REVERSE: u32 = 0x20;
    /// The errors for a record at a valid place that is not of its collection's types.
    const REFUSALS: [i32; 2] = [Status::ReadOnly as i32, Status::BadKey as i32];
    const STEP: usize = 7;
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let (mut env, mut dict, mut iter) = (pc_env { id: 0 }, pc_dict { id: 0 }, pc_iter { id: 0 });
    // SAFETY: each call as the header says: valid places, and bytes that outlive it.
    unsafe {
        assert_eq!(pc_env_open(path.as_ptr(), ptr::null(), &raw mut env), PC_OK);
        for name in names {
            let Ok(name) = CString::new(name.as_str()) else { continue };
            if pc_dict_open(env, name.as_ptr(), ptr::null(), ptr::null(), 0, &raw mut dict) != PC_OK {
                continue;
            }
            let mut both = Vec::new();
            for flags in [0, REVERSE] {
                let mut range: pc_range = std::mem::zeroed();
                range.flags = flags;
                assert_eq!(pc_iter_open_dict(dict, &raw const range, &raw mut iter), PC_OK);
                let mut batch: pc_batch = std::mem::zeroed();
                let mut keys = Vec::new();
                while pc_iter_next_batch(iter, STEP, 0, &raw mut batch) == PC_OK {
                    for index in 0..batch.count {
                        let at = |index| usize::try_from(*batch.key_offsets.add(index)).unwrap();
                        let (from, to) = (at(index), at(index + 1));
                        keys.push(std::slice::from_raw_parts(batch.keys.add(from), to - from).to_vec());
                    }
                }
                assert_eq!(pc_iter_close(iter), PC_OK);
                both.push(keys);
            }
            both[1].reverse();
            assert_eq!(both[0], both[1]);
            if !name.is_empty() {
                for key in both[0].iter().step_by(STEP) {
                    let value = [1; 700];
                    let put =
                        pc_dict_put(dict, key.as_ptr().cast(), key.len(), value.as_ptr().cast(), value.len());
                    assert!(put == PC_OK || REFUSALS.contains(&put), "{put}");
                }
            }
        }
        assert_eq!(pc_env_check(env, ptr::null_mut()), PC_OK);
        assert_eq!(pc_env_close(env), PC_OK);
    }
}
