//! Addresses of stored values, lent by the C ABI: when a call lends them, and what they keep in place.
#![allow(missing_docs, clippy::unwrap_used)]

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::{Arc, Barrier};

use persistent_collections::ffi::{
    PC_DURABILITY_NONE, PC_ERR_MAP_BUSY, PC_ERR_NO_TRANSACTION, PC_OK, PC_TXN_READ, PC_TXN_WRITE, pc_dict,
    pc_dict_get_ref, pc_dict_open, pc_dict_put, pc_env, pc_env_close, pc_env_open, pc_env_options,
    pc_env_options_init, pc_txn, pc_txn_abort, pc_txn_begin, pc_txn_commit, pc_txn_set_current,
};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// An environment with a map of 1 MiB and a dict in it, which has one value.
struct Small {
    dir: TempDir,
    env: pc_env,
    dict: pc_dict,
}

impl Small {
    fn open(write_timeout_ms: i64) -> Small {
        let dir = tempfile::tempdir().unwrap();
        let path = CString::new(dir.path().join("env").to_str().unwrap()).unwrap();
        let (mut env, mut dict) = (pc_env { id: 0 }, pc_dict { id: 0 });
        // SAFETY: options are plain numbers, and every pointer is valid for its call.
        unsafe {
            let mut options = std::mem::zeroed::<pc_env_options>();
            assert_eq!(pc_env_options_init(&raw mut options, size_of::<pc_env_options>()), PC_OK);
            options.map_size = MIB as u64;
            options.durability = PC_DURABILITY_NONE;
            options.write_timeout_ms = write_timeout_ms;
            assert_eq!(pc_env_open(path.as_ptr(), &raw const options, &raw mut env), PC_OK);
            let ty = c"bytes".as_ptr();
            assert_eq!(pc_dict_open(env, c"dict".as_ptr(), ty, ty, 0, &raw mut dict), PC_OK);
        }
        let small = Small { dir, env, dict };
        assert_eq!(small.put(b"key", &[7; 5000]), PC_OK);
        small
    }

    fn put(&self, key: &[u8], value: &[u8]) -> i32 {
        // SAFETY: every pointer is valid for the call.
        unsafe { pc_dict_put(self.dict, key.as_ptr().cast(), key.len(), value.as_ptr().cast(), value.len()) }
    }

    fn begin(&self, kind: i32) -> pc_txn {
        let mut txn = pc_txn { id: 0 };
        // SAFETY: the place is valid.
        assert_eq!(unsafe { pc_txn_begin(self.env, kind, -1, &raw mut txn) }, PC_OK);
        txn
    }

    /// Returns the value in the map. The caller has a transaction, and does not use the value after it.
    fn lent(&self) -> Result<&'static [u8], i32> {
        let (mut value, mut len) = (ptr::null::<c_void>(), 0);
        // SAFETY: every pointer is valid for the call, and the value as the caller says.
        unsafe {
            match pc_dict_get_ref(self.dict, c"key".as_ptr().cast(), 3, &raw mut value, &raw mut len) {
                PC_OK => Ok(std::slice::from_raw_parts(value.cast(), len)),
                status => Err(status),
            }
        }
    }

    fn close(self) {
        assert_eq!(pc_env_close(self.env), PC_OK);
        drop(self.dir);
    }
}

#[test]
fn a_reference_needs_a_transaction() {
    let small = Small::open(-1);
    assert_eq!(small.lent(), Err(PC_ERR_NO_TRANSACTION));
    for kind in [PC_TXN_READ, PC_TXN_WRITE] {
        let txn = small.begin(kind);
        assert_eq!(small.lent(), Ok(&[7; 5000][..]));
        assert_eq!(pc_txn_abort(txn), PC_OK);
        assert_eq!(small.lent(), Err(PC_ERR_NO_TRANSACTION));
    }
    small.close();
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn growth_waits_for_references_as_long_as_a_write_does() {
    let small = Small::open(100);
    let (lent, tried) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let txn = small.begin(PC_TXN_READ);
            let value = small.lent().unwrap();
            lent.wait();
            tried.wait();
            assert!(value == [7; 5000], "the value is still where it was");
            assert_eq!(pc_txn_commit(txn), PC_OK);
            lent.wait();
        });
        lent.wait();
        assert_eq!(small.put(b"large", &vec![8; 2 * MIB]), PC_ERR_MAP_BUSY);
        assert_eq!(small.put(b"small", &[9; 10]), PC_OK, "a write that fits still works");
        tried.wait();
        lent.wait();
    });
    assert_eq!(small.put(b"large", &vec![8; 2 * MIB]), PC_OK);
    small.close();
}

#[test]
fn growth_goes_on_when_the_last_reference_ends() {
    let small = Small::open(-1);
    let lent = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let txn = small.begin(PC_TXN_READ);
            assert!(small.lent().unwrap() == [7; 5000]);
            lent.wait();
            assert_eq!(pc_txn_commit(txn), PC_OK);
        });
        lent.wait();
        assert_eq!(small.put(b"large", &vec![8; 2 * MIB]), PC_OK);
    });
    small.close();
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn growth_does_not_wait_for_references_of_its_own_thread() {
    // If it waited, it would wait for ever.
    let small = Small::open(-1);
    let txn = small.begin(PC_TXN_READ);
    let value = small.lent().unwrap();
    // The snapshot stays open, but the thread's writes are not part of it.
    let none = pc_txn { id: 0 };
    // SAFETY: the place may be null.
    assert_eq!(unsafe { pc_txn_set_current(small.env, none, ptr::null_mut()) }, PC_OK);
    assert_eq!(small.put(b"large", &vec![8; 2 * MIB]), PC_ERR_MAP_BUSY);
    assert!(value == [7; 5000]);
    // SAFETY: as above.
    assert_eq!(unsafe { pc_txn_set_current(small.env, txn, ptr::null_mut()) }, PC_OK);
    assert_eq!(pc_txn_commit(txn), PC_OK);
    assert_eq!(small.put(b"large", &vec![8; 2 * MIB]), PC_OK);
    small.close();
}

#[test]
fn nothing_stays_open_where_a_thread_ends_as_its_environment_is_closed() {
    for _ in 0..100 {
        let small = Small::open(0);
        let path = CString::new(small.dir.path().join("env").to_str().unwrap()).unwrap();
        let (env, dict) = (small.env, small.dict);
        let lent = Arc::new(Barrier::new(2));
        let thread = std::thread::spawn({
            let lent = Arc::clone(&lent);
            move || {
                let mut txn = pc_txn { id: 0 };
                let (mut value, mut len) = (ptr::null::<c_void>(), 0);
                // SAFETY: every pointer is valid for its call.
                unsafe {
                    assert_eq!(pc_txn_begin(env, PC_TXN_READ, -1, &raw mut txn), PC_OK);
                    let found =
                        pc_dict_get_ref(dict, b"key".as_ptr().cast(), 3, &raw mut value, &raw mut len);
                    assert_eq!(found, PC_OK);
                }
                lent.wait();
            }
        });
        lent.wait();
        assert_eq!(pc_env_close(env), PC_OK);
        thread.join().unwrap();
        // If it were still open, other options would be refused.
        let mut reopened = pc_env { id: 0 };
        // SAFETY: options are plain numbers, and every pointer is valid for its call.
        unsafe {
            let mut options = std::mem::zeroed::<pc_env_options>();
            assert_eq!(pc_env_options_init(&raw mut options, size_of::<pc_env_options>()), PC_OK);
            options.max_readers = 7;
            assert_eq!(pc_env_open(path.as_ptr(), &raw const options, &raw mut reopened), PC_OK);
        }
        assert_eq!(pc_env_close(reopened), PC_OK);
    }
}
