//! Environments that another LMDB program has made, in forms that this library does not make.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr;

use common::{options, status};
use lmdb_sys as ffi;
use persistent_collections::ffi::{
    PC_OK, pc_dict, pc_dict_open, pc_env, pc_env_close, pc_env_open, pc_iter, pc_iter_open_dict,
    pc_iter_prev, pc_iter_seek,
};
use persistent_collections::{Dict, Environment, Status};
use tempfile::TempDir;

/// An environment with one database, made by LMDB alone.
fn made(name: Option<&str>, flags: u32, records: &[(Vec<u8>, Vec<u8>)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    std::fs::create_dir(&path).unwrap();
    let c_path = CString::new(path.to_str().unwrap()).unwrap();
    let name = name.map(|name| CString::new(name).unwrap());
    let name = name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
    let val =
        |bytes: &Vec<u8>| ffi::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() };
    // SAFETY: calls LMDB in the order that its manual requires; every pointer is valid for its call.
    unsafe {
        let (mut env, mut txn, mut dbi) = (ptr::null_mut(), ptr::null_mut(), 0);
        assert_eq!(ffi::mdb_env_create(&raw mut env), 0);
        assert_eq!(ffi::mdb_env_set_maxdbs(env, 8), 0);
        assert_eq!(ffi::mdb_env_set_mapsize(env, 1 << 24), 0);
        assert_eq!(ffi::mdb_env_open(env, c_path.as_ptr(), ffi::MDB_NOSYNC, 0o644), 0);
        assert_eq!(ffi::mdb_txn_begin(env, ptr::null_mut(), 0, &raw mut txn), 0);
        assert_eq!(ffi::mdb_dbi_open(txn, name, flags | ffi::MDB_CREATE, &raw mut dbi), 0);
        for (key, value) in records {
            let (mut key, mut value) = (val(key), val(value));
            assert_eq!(ffi::mdb_put(txn, dbi, &raw mut key, &raw mut value, 0), 0);
        }
        assert_eq!(ffi::mdb_txn_commit(txn), 0);
        ffi::mdb_env_close(env);
    }
    (dir, path)
}

fn open(path: &Path) -> Environment {
    Environment::open(path, &options()).unwrap()
}

/// A key with many values looks like a named database, except for a flag.
#[test]
fn an_unnamed_database_with_several_values_for_a_key_holds_no_names() {
    let mut records: Vec<_> = (0..3000_u32).map(|n| (b"many".to_vec(), n.to_be_bytes().to_vec())).collect();
    records.push((b"one".to_vec(), b"1".to_vec()));
    let (_dir, path) = made(None, ffi::MDB_DUPSORT, &records);
    let env = open(&path);
    let list = env.collections().unwrap();
    assert_eq!(list.iter().map(|c| (c.name.as_str(), c.len)).collect::<Vec<_>>(), [("", 3001)]);
    assert_eq!(env.schema("many").unwrap(), None);
    assert_eq!(status(Dict::<String, String>::open_existing(&env, "many")), Status::NoCollection);
}

/// A hundred databases with flags of LMDB's, and their names.
fn many_with_flags() -> (TempDir, CString, Vec<CString>) {
    let (dir, path) = made(Some("raw"), ffi::MDB_DUPSORT, &[(b"key".to_vec(), b"value".to_vec())]);
    let path = CString::new(path.to_str().unwrap()).unwrap();
    let names: Vec<CString> = (0..100).map(|n| CString::new(format!("raw {n:02}")).unwrap()).collect();
    // SAFETY: calls LMDB in the order that its manual requires; every pointer is valid for its call.
    unsafe {
        let (mut env, mut txn, mut dbi) = (ptr::null_mut(), ptr::null_mut(), 0);
        assert_eq!(ffi::mdb_env_create(&raw mut env), 0);
        assert_eq!(ffi::mdb_env_set_maxdbs(env, 128), 0);
        assert_eq!(ffi::mdb_env_open(env, path.as_ptr(), ffi::MDB_NOSYNC, 0o644), 0);
        assert_eq!(ffi::mdb_txn_begin(env, ptr::null_mut(), 0, &raw mut txn), 0);
        for name in &names {
            let flags = ffi::MDB_DUPSORT | ffi::MDB_CREATE;
            assert_eq!(ffi::mdb_dbi_open(txn, name.as_ptr(), flags, &raw mut dbi), 0);
        }
        assert_eq!(ffi::mdb_txn_commit(txn), 0);
        ffi::mdb_env_close(env);
    }
    (dir, path, names)
}

fn open_as(env: pc_env, name: &std::ffi::CStr, ty: *const std::ffi::c_char) -> (i32, pc_dict) {
    let mut dict = pc_dict { id: 0 };
    // SAFETY: every pointer is valid for the call.
    (unsafe { pc_dict_open(env, name.as_ptr(), ty, ty, 0, &raw mut dict) }, dict)
}

/// A database with flags is opened in the process's turn to write, which another thread may have for long.
#[test]
fn a_read_that_would_wait_for_the_write_lock_can_fail_instead() {
    use persistent_collections::ffi::{
        PC_ERR_BUSY, PC_TXN_WRITE, pc_set_reads_wait, pc_txn, pc_txn_abort, pc_txn_begin,
    };
    let (_dir, path, names) = many_with_flags();
    let mut env = pc_env { id: 0 };
    // SAFETY: every pointer is valid for its call.
    assert_eq!(unsafe { pc_env_open(path.as_ptr(), ptr::null(), &raw mut env) }, PC_OK);
    let step = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut txn = pc_txn { id: 0 };
            // SAFETY: a valid place.
            assert_eq!(unsafe { pc_txn_begin(env, PC_TXN_WRITE, -1, &raw mut txn) }, PC_OK);
            step.wait();
            step.wait();
            assert_eq!(pc_txn_abort(txn), PC_OK);
        });
        step.wait();
        assert!(pc_set_reads_wait(false));
        // Opened ahead of the transaction, and not.
        assert_eq!(open_as(env, &names[0], ptr::null()).0, PC_OK);
        assert_eq!(open_as(env, &names[99], ptr::null()).0, PC_ERR_BUSY);
        assert!(!pc_set_reads_wait(true));
        step.wait();
        assert_eq!(open_as(env, &names[99], ptr::null()).0, PC_OK);
    });
    assert_eq!(pc_env_close(env), PC_OK);
}

/// The library reads its own collections in any snapshot. Databases with flags are read by LMDB, by numbers that must be
/// older than the snapshot, and one number is never used for two of them.
#[test]
fn a_snapshot_reads_as_many_databases_with_flags_as_were_open_when_it_began() {
    use persistent_collections::ffi::{
        PC_ERR_CONFLICT, PC_TXN_READ, PC_TXN_WRITE, pc_dict_put, pc_txn, pc_txn_begin, pc_txn_commit,
    };
    let (_dir, path, names) = many_with_flags();
    let mut env = pc_env { id: 0 };
    // SAFETY: valid places, key and value.
    unsafe {
        assert_eq!(pc_env_open(path.as_ptr(), ptr::null(), &raw mut env), PC_OK);
        let (status, own) = open_as(env, c"own", c"str".as_ptr());
        assert_eq!(status, PC_OK);
        let mut txn = pc_txn { id: 0 };
        assert_eq!(pc_txn_begin(env, PC_TXN_READ, -1, &raw mut txn), PC_OK);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let status = pc_dict_put(own, c"a".as_ptr().cast(), 1, c"b".as_ptr().cast(), 1);
                assert_eq!(status, PC_OK);
            });
        });
        let opened =
            names.iter().map(|name| open_as(env, name, ptr::null()).0).take_while(|s| *s == PC_OK).count();
        // Those that were opened before it began, and the number of the dict.
        assert!((50..70).contains(&opened), "{opened}");
        assert_eq!(open_as(env, &names[99], ptr::null()).0, PC_ERR_CONFLICT);
        assert_eq!(pc_txn_commit(txn), PC_OK);
        assert_eq!(pc_txn_begin(env, PC_TXN_WRITE, -1, &raw mut txn), PC_OK);
        assert_eq!(open_as(env, &names[99], ptr::null()).0, PC_OK);
        assert_eq!(pc_txn_commit(txn), PC_OK);
    }
    assert_eq!(pc_env_close(env), PC_OK);
}

/// When a key with an empty value gets a second one, LMDB loses the empty one but still counts it. Such a file was
/// reported as damaged.
#[test]
fn an_empty_value_that_lmdb_lost_is_not_damage() {
    let records = [(b"key".to_vec(), Vec::new()), (b"key".to_vec(), b"value".to_vec())];
    for name in [None, Some("raw")] {
        let (_dir, path) = made(name, ffi::MDB_DUPSORT, &records);
        let env = Environment::open(&path, &options().check_on_open(true)).unwrap();
        let list = env.collections().unwrap();
        assert!(list.iter().any(|c| c.name == name.unwrap_or("") && c.len == 2), "{list:?}");
    }
}

/// A cursor of LMDB that has read integers of 8 bytes still compares 8 bytes where another key has integers of 4: beyond
/// the end of a page, or of the file.
#[test]
fn integers_of_two_lengths_are_damage() {
    let flags = ffi::MDB_DUPSORT | ffi::MDB_DUPFIXED | ffi::MDB_INTEGERDUP;
    let long = |n: u64| (b"long".to_vec(), n.to_ne_bytes().to_vec());
    let short = |n: u32| (b"short".to_vec(), n.to_ne_bytes().to_vec());
    let many = (0..2000).map(short);
    for records in [vec![long(1), short(1)], vec![long(1), long(2), short(1), short(2)]]
        .into_iter()
        .chain([many.chain([long(1), long(2)]).collect()])
    {
        let (_dir, path) = made(Some("raw"), flags, &records);
        let opened = Environment::open(&path, &options().check_on_open(true));
        assert_eq!(status(opened), Status::Corrupted, "{}", records.len());
    }
}

/// LMDB compares as many bytes as an integer key should have: a name would be read beyond the page.
#[test]
fn an_unnamed_database_of_integer_keys_is_not_searched_for_names() {
    let (_dir, path) = made(None, ffi::MDB_INTEGERKEY, &[(1_u64.to_ne_bytes().to_vec(), Vec::new())]);
    let env = open(&path);
    assert_eq!(env.schema(&"n".repeat(200)).unwrap(), None);
    assert_eq!(env.collections().unwrap().len(), 1);
}

#[test]
fn a_dropped_collection_with_orders_of_its_own_is_not_created_again() {
    let (_dir, path) = made(Some("raw"), ffi::MDB_DUPSORT, &[(b"k".to_vec(), b"v".to_vec())]);
    let env = open(&path);
    assert!(env.drop_collection("raw").unwrap());
    let error = Dict::<String, String>::open(&env, "raw").unwrap_err();
    assert_eq!(error.status(), Status::TypeMismatch);
    assert!(error.message().contains("another program"), "{error}");
}

/// Puts a record into a named database of an environment that is not open.
fn put_elsewhere(path: &Path, name: &str, key: &[u8], value: &[u8]) {
    write_elsewhere(path, name, None, key, value);
}

/// Does the same; with `flags`, first drops the database and creates it with these.
fn write_elsewhere(path: &Path, name: &str, flags: Option<u32>, key: &[u8], value: &[u8]) {
    let c_path = CString::new(path.to_str().unwrap()).unwrap();
    let name = CString::new(name).unwrap();
    let val = |bytes: &[u8]| ffi::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() };
    // SAFETY: calls LMDB in the order that its manual requires; every pointer is valid for its call.
    unsafe {
        let (mut env, mut txn, mut dbi) = (ptr::null_mut(), ptr::null_mut(), 0);
        assert_eq!(ffi::mdb_env_create(&raw mut env), 0);
        assert_eq!(ffi::mdb_env_set_maxdbs(env, 8), 0);
        assert_eq!(ffi::mdb_env_open(env, c_path.as_ptr(), ffi::MDB_NOSYNC, 0o644), 0);
        assert_eq!(ffi::mdb_txn_begin(env, ptr::null_mut(), 0, &raw mut txn), 0);
        assert_eq!(ffi::mdb_dbi_open(txn, name.as_ptr(), 0, &raw mut dbi), 0);
        if let Some(flags) = flags {
            assert_eq!(ffi::mdb_drop(txn, dbi, 1), 0);
            assert_eq!(ffi::mdb_dbi_open(txn, name.as_ptr(), flags | ffi::MDB_CREATE, &raw mut dbi), 0);
        }
        let (mut key, mut value) = (val(key), val(value));
        assert_eq!(ffi::mdb_put(txn, dbi, &raw mut key, &raw mut value, 0), 0);
        assert_eq!(ffi::mdb_txn_commit(txn), 0);
        ffi::mdb_env_close(env);
    }
}

/// One changed bit has the same effect: a walk returned the first record again and again.
#[test]
fn a_typed_collection_in_a_database_of_other_flags_is_damage() {
    for flags in [ffi::MDB_DUPSORT, ffi::MDB_REVERSEKEY, ffi::MDB_INTEGERKEY] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        Dict::<i64, String>::open(&open(&path), "dict").unwrap();
        let value = b"value";
        write_elsewhere(&path, "dict", Some(flags), &8_i64.to_be_bytes(), value);
        let env = open(&path);
        assert_eq!(status(Dict::<i64, String>::open(&env, "dict")), Status::Corrupted, "{flags:#x}");
        assert!(env.drop_collection("dict").unwrap(), "what cannot be used can be dropped");
    }
}

#[test]
fn a_catalog_of_other_flags_is_damage() {
    for flags in [ffi::MDB_DUPSORT, ffi::MDB_REVERSEKEY, ffi::MDB_INTEGERKEY] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        Dict::<i64, String>::open(&open(&path), "dict").unwrap();
        write_elsewhere(&path, "pc:catalog", Some(flags), &8_i64.to_be_bytes(), b"value");
        assert_eq!(status(Environment::open(&path, &options())), Status::Corrupted, "{flags:#x}");
    }
}

/// A newer version of this library may write such a schema.
#[test]
fn a_schema_with_unknown_requirements_is_refused_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = open(&path);
        Dict::<String, i64>::open(&env, "x").unwrap().put("a", &1).unwrap();
        Dict::<String, i64>::open(&env, "y").unwrap().put("a", &1).unwrap();
    }
    let text = |text: &str| [&[0x60 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let fields = ["v", "id", "kind", "key", "value", "requires"].map(text);
    let values =
        [vec![1], vec![1], text("dict"), text("str"), text("i64"), [vec![0x81], text("wings")].concat()];
    let record = fields.iter().zip(&values).flat_map(|(field, value)| [&field[..], value].concat());
    let record: Vec<u8> = [0xa6].into_iter().chain(record).collect();
    put_elsewhere(&path, "pc:catalog", b"x", &record);
    let env = open(&path);
    let error = Dict::<String, i64>::open(&env, "x").unwrap_err();
    assert_eq!(error.status(), Status::Requires);
    assert!(error.message().contains("wings"), "{error}");
    assert_eq!(Dict::<String, i64>::open(&env, "y").unwrap().get("a").unwrap(), Some(1));
    assert_eq!(
        env.collections().unwrap().iter().map(|c| c.schema.is_some()).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn records_of_another_program_in_a_dropped_collection_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = open(&path);
        Dict::<Vec<u8>, Vec<u8>>::open(&env, "x").unwrap().put(b"a", b"1").unwrap();
        env.drop_collection("x").unwrap();
    }
    put_elsewhere(&path, "x", b"theirs", b"2");
    let env = Environment::open(&path, &options().max_collections(8)).unwrap();
    // Opens the existing collections.
    env.begin_snapshot().unwrap().commit().unwrap();
    // Dropped names free their places meanwhile.
    for n in 0..100 {
        Dict::<i64, i64>::open(&env, &format!("n{n}")).unwrap().put(&n, &n).unwrap();
        env.drop_collection(&format!("n{n}")).unwrap();
    }
    let theirs = env.schema("x").unwrap().unwrap();
    assert_eq!((theirs.schema, theirs.len), (None, 1));
}

#[test]
fn turning_round_after_a_seek_in_several_values_for_a_key_goes_to_the_key_before() {
    let number = |n: u64| n.to_ne_bytes().to_vec();
    let one = [(b"a".to_vec(), number(1)), (b"b".to_vec(), number(2))];
    let several = [one[0].clone(), one[1].clone(), (b"b".to_vec(), number(3))];
    let fixed = ffi::MDB_DUPSORT | ffi::MDB_DUPFIXED | ffi::MDB_INTEGERDUP;
    for (flags, records) in [(ffi::MDB_DUPSORT, &several[..]), (fixed, &one[..])] {
        let (_dir, path) = made(Some("raw"), flags, records);
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let (mut env, mut dict, mut iter) = (pc_env { id: 0 }, pc_dict { id: 0 }, pc_iter { id: 0 });
        // SAFETY: every pointer is valid for its call; the returned key is valid until the next.
        unsafe {
            assert_eq!(pc_env_open(path.as_ptr(), ptr::null(), &raw mut env), PC_OK);
            let none = ptr::null();
            assert_eq!(pc_dict_open(env, c"raw".as_ptr(), none, none, 0, &raw mut dict), PC_OK);
            assert_eq!(pc_iter_open_dict(dict, ptr::null(), &raw mut iter), PC_OK);
            assert_eq!(pc_iter_seek(iter, b"b".as_ptr().cast(), 1), PC_OK);
            let (mut key, mut key_len) = (ptr::null(), 0);
            let (no_value, no_len) = (ptr::null_mut(), ptr::null_mut());
            assert_eq!(pc_iter_prev(iter, &raw mut key, &raw mut key_len, no_value, no_len), PC_OK);
            assert_eq!(std::slice::from_raw_parts(key.cast::<u8>(), key_len), b"a");
        }
        assert_eq!(pc_env_close(env), PC_OK);
    }
}

#[test]
fn an_empty_value_is_walked_over_once() {
    // LMDB keeps an empty value of a key only if it is the only value.
    let records =
        [(b"a".to_vec(), b"1".to_vec()), (b"a".to_vec(), b"2".to_vec()), (b"b".to_vec(), Vec::new())];
    let (_dir, path) = made(Some("raw"), ffi::MDB_DUPSORT, &records);
    let path = CString::new(path.to_str().unwrap()).unwrap();
    let (mut env, mut dict, mut iter) = (pc_env { id: 0 }, pc_dict { id: 0 }, pc_iter { id: 0 });
    // SAFETY: every pointer is valid for its call; batches are read before the next call.
    unsafe {
        use persistent_collections::ffi::{pc_batch, pc_iter_next_batch, pc_range};
        assert_eq!(pc_env_open(path.as_ptr(), ptr::null(), &raw mut env), PC_OK);
        assert_eq!(pc_dict_open(env, c"raw".as_ptr(), ptr::null(), ptr::null(), 0, &raw mut dict), PC_OK);
        for reverse in [0, 0x20] {
            let mut range: pc_range = std::mem::zeroed();
            range.flags = reverse;
            assert_eq!(pc_iter_open_dict(dict, &raw const range, &raw mut iter), PC_OK);
            let mut found = Vec::new();
            let mut batch: pc_batch = std::mem::zeroed();
            while pc_iter_next_batch(iter, 1, 0, &raw mut batch) == PC_OK {
                let key = std::slice::from_raw_parts(batch.keys, 1).to_vec();
                let len = usize::try_from(*batch.value_offsets.add(1)).unwrap();
                found.push((key, std::slice::from_raw_parts(batch.values, len).to_vec()));
                assert!(found.len() <= 4, "a record is given again: {found:?}");
            }
            if reverse != 0 {
                found.reverse();
            }
            assert_eq!(found, records);
        }
    }
    assert_eq!(pc_env_close(env), PC_OK);
}
