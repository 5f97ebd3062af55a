//! The cost of a call in allocations, and of a record on disk.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{CString, c_void};

use common::scratch;
use persistent_collections::Dict;
use persistent_collections::ffi::{
    PC_OK, pc_dict, pc_dict_get, pc_dict_open, pc_dict_put, pc_env, pc_env_close, pc_env_open,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_get_allocates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = CString::new(dir.path().join("data").to_str().unwrap()).unwrap();
    let (mut env, mut dict) = (pc_env { id: 0 }, pc_dict { id: 0 });
    let mut buffer = [0_u8; 128];
    let mut len = 0;
    // SAFETY: every pointer is valid for its call.
    unsafe {
        assert_eq!(pc_env_open(path.as_ptr(), std::ptr::null(), &raw mut env), PC_OK);
        let types = [c"str".as_ptr(), c"bytes".as_ptr()];
        assert_eq!(pc_dict_open(env, c"dict".as_ptr(), types[0], types[1], 0, &raw mut dict), PC_OK);
        let value = [7_u8; 100];
        assert_eq!(pc_dict_put(dict, c"key".as_ptr().cast(), 3, value.as_ptr().cast(), 100), PC_OK);
        let mut get = || {
            let key = c"key".as_ptr().cast::<c_void>();
            let status = pc_dict_get(dict, key, 3, buffer.as_mut_ptr().cast(), 128, &raw mut len);
            assert_eq!((status, len), (PC_OK, 100));
        };
        get();
        let before = ALLOCATIONS.get();
        for _ in 0..1000 {
            get();
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
        assert_eq!(pc_env_close(env), PC_OK);
    }
}

/// LMDB itself needs as many pages for the same records.
#[test]
fn a_record_has_no_header_on_disk() {
    let s = scratch();
    let dict = Dict::<i64, Vec<u8>>::open(&s.env, "dict").unwrap();
    let records: Vec<(i64, Vec<u8>)> = (0..20_000).map(|n| (n, vec![7; 60])).collect();
    dict.put_many(records.iter().map(|(k, v)| (k, v.as_slice()))).unwrap();
    let ours = s.env.info().unwrap();

    let path = s.dir.path().join("bare");
    std::fs::create_dir(&path).unwrap();
    let path = CString::new(path.to_str().unwrap()).unwrap();
    let (mut env, mut txn, mut dbi) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: calls LMDB in the order that its manual requires; every pointer is valid for its call.
    let bare = unsafe {
        assert_eq!(lmdb_sys::mdb_env_create(&raw mut env), 0);
        assert_eq!(lmdb_sys::mdb_env_set_mapsize(env, 1 << 30), 0);
        assert_eq!(lmdb_sys::mdb_env_set_maxdbs(env, 1), 0);
        assert_eq!(lmdb_sys::mdb_env_open(env, path.as_ptr(), lmdb_sys::MDB_NOSYNC, 0o644), 0);
        assert_eq!(lmdb_sys::mdb_txn_begin(env, std::ptr::null_mut(), 0, &raw mut txn), 0);
        assert_eq!(lmdb_sys::mdb_dbi_open(txn, c"dict".as_ptr(), lmdb_sys::MDB_CREATE, &raw mut dbi), 0);
        for (key, value) in &records {
            let key = (key ^ i64::MIN).to_be_bytes();
            let mut k = lmdb_sys::MDB_val { mv_size: 8, mv_data: key.as_ptr().cast_mut().cast() };
            let mut v = lmdb_sys::MDB_val { mv_size: value.len(), mv_data: value.as_ptr().cast_mut().cast() };
            assert_eq!(lmdb_sys::mdb_put(txn, dbi, &raw mut k, &raw mut v, 0), 0);
        }
        assert_eq!(lmdb_sys::mdb_txn_commit(txn), 0);
        let mut info = std::mem::zeroed::<lmdb_sys::MDB_envinfo>();
        assert_eq!(lmdb_sys::mdb_env_info(env, &raw mut info), 0);
        lmdb_sys::mdb_env_close(env);
        info.me_last_pgno as u64 + 1
    };
    // The catalog has a page, and the creation of it and of the dict left a few free ones.
    assert!(ours.pages_used <= bare + 2, "{} pages beside LMDB's {bare}", ours.pages_used);
}
