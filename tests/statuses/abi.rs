//! An environment with a dict through the C ABI, as far as the producers need it.

use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::ptr;

use persistent_collections::ffi::{
    PC_OK, PC_TXN_READ, PC_TXN_WRITE, pc_dict, pc_dict_get, pc_dict_get_ref, pc_dict_open, pc_dict_put,
    pc_env, pc_env_close, pc_env_open, pc_env_options, pc_env_options_init, pc_set, pc_set_open, pc_txn,
    pc_txn_begin,
};

pub const DEFAULTS: fn(&mut pc_env_options) = |_| ();

/// Opens an environment with options; returns the status and the handle.
pub fn open(path: &Path, set: impl FnOnce(&mut pc_env_options)) -> (i32, pc_env) {
    let path = CString::new(path.to_str().unwrap()).unwrap();
    let mut env = pc_env { id: 0 };
    // SAFETY: options are plain numbers, and every pointer is valid for its call.
    unsafe {
        let mut options = std::mem::zeroed::<pc_env_options>();
        assert_eq!(pc_env_options_init(&raw mut options, size_of::<pc_env_options>()), PC_OK);
        set(&mut options);
        (pc_env_open(path.as_ptr(), &raw const options, &raw mut env), env)
    }
}

pub fn open_dict(env: pc_env, name: &str, key: &str, value: &str, flags: u32) -> (i32, pc_dict) {
    let [name, key, value] = [name, key, value].map(|text| CString::new(text).unwrap());
    let mut dict = pc_dict { id: 0 };
    // SAFETY: every pointer is valid for the call.
    let status =
        unsafe { pc_dict_open(env, name.as_ptr(), key.as_ptr(), value.as_ptr(), flags, &raw mut dict) };
    (status, dict)
}

pub fn open_set(env: pc_env, name: &str, element: &str) -> (i32, pc_set) {
    let [name, element] = [name, element].map(|text| CString::new(text).unwrap());
    let mut set = pc_set { id: 0 };
    // SAFETY: every pointer is valid for the call.
    let status = unsafe { pc_set_open(env, name.as_ptr(), element.as_ptr(), 0, &raw mut set) };
    (status, set)
}

pub fn put(dict: pc_dict, key: &[u8], value: &[u8]) -> i32 {
    // SAFETY: every pointer is valid for the call.
    unsafe { pc_dict_put(dict, key.as_ptr().cast(), key.len(), value.as_ptr().cast(), value.len()) }
}

/// Reads into a buffer of `cap` bytes.
pub fn get(dict: pc_dict, key: &[u8], cap: usize) -> i32 {
    let (mut buffer, mut len) = (vec![0_u8; cap], 0);
    // SAFETY: every pointer is valid for the call.
    unsafe {
        pc_dict_get(dict, key.as_ptr().cast(), key.len(), buffer.as_mut_ptr().cast(), cap, &raw mut len)
    }
}

/// Reads by borrowing.
pub fn borrow(dict: pc_dict, key: &[u8]) -> i32 {
    let (mut value, mut len) = (ptr::null::<c_void>(), 0);
    // SAFETY: every pointer is valid for the call; the lent memory is not read.
    unsafe { pc_dict_get_ref(dict, key.as_ptr().cast(), key.len(), &raw mut value, &raw mut len) }
}

fn begin(env: pc_env, kind: i32, timeout_ms: i64) -> (i32, pc_txn) {
    let mut txn = pc_txn { id: 0 };
    // SAFETY: the place is valid for the call.
    let status = unsafe { pc_txn_begin(env, kind, timeout_ms, &raw mut txn) };
    (status, txn)
}

pub fn begin_write(env: pc_env, timeout_ms: i64) -> (i32, pc_txn) {
    begin(env, PC_TXN_WRITE, timeout_ms)
}

pub fn begin_read(env: pc_env) -> pc_txn {
    let (status, txn) = begin(env, PC_TXN_READ, 0);
    assert_eq!(status, PC_OK);
    txn
}

/// An environment with a dict of bytes, and `key` in it; closed when it is dropped.
pub struct World {
    pub env: pc_env,
    pub dict: pc_dict,
    pub path: PathBuf,
}

impl World {
    pub fn new(directory: &Path) -> World {
        World::with(directory, DEFAULTS)
    }

    pub fn with(directory: &Path, set: impl FnOnce(&mut pc_env_options)) -> World {
        let path = directory.join("env");
        let (status, env) = open(&path, set);
        assert_eq!(status, PC_OK);
        let (status, dict) = open_dict(env, "dict", "bytes", "bytes", 0);
        assert_eq!((status, put(dict, b"key", &[7; 5000])), (PC_OK, PC_OK));
        World { env, dict, path }
    }

    pub fn data(&self) -> PathBuf {
        self.path.join("data.mdb")
    }

    /// Closes it, and returns its path.
    pub fn closed(self) -> PathBuf {
        self.path.clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert_eq!(pc_env_close(self.env), PC_OK);
    }
}
