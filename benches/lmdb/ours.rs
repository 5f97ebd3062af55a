//! The library, by its C ABI.

use std::ffi::{CString, c_void};
use std::hint::black_box;
use std::path::Path;
use std::ptr;

use persistent_collections::ffi::*;

pub struct Ours {
    pub env: pc_env,
    pub dict: pc_dict,
}

/// Batches of keys of eight bytes and values of one length.
pub struct Batch {
    pub keys: Vec<[u8; 8]>,
    pub value: usize,
    pub values: Vec<u8>,
    offsets: Vec<u64>,
}

impl Batch {
    pub fn new(keys: Vec<[u8; 8]>, value: usize) -> Batch {
        let values = (0..keys.len() * value).map(|n| n.to_le_bytes()[0]).collect();
        let offsets = (0..=keys.len() as u64).map(|n| n * value as u64).collect();
        Batch { keys, value, values, offsets }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn value(&self, index: usize) -> &[u8] {
        &self.values[index * self.value..(index + 1) * self.value]
    }
}

pub const fn no_range() -> *const pc_range {
    ptr::null()
}

impl Ours {
    pub fn open(path: &Path, durability: i32) -> Ours {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let mut ours = Ours { env: pc_env { id: 0 }, dict: pc_dict { id: 0 } };
        // SAFETY: all zeros are the defaults; every pointer is valid for its call.
        unsafe {
            let mut options: pc_env_options = std::mem::zeroed();
            options.struct_size = size_of::<pc_env_options>();
            options.durability = durability;
            assert_eq!(pc_env_open(path.as_ptr(), &raw const options, &raw mut ours.env), PC_OK);
        }
        ours.dict = ours.dict("data");
        ours
    }

    pub fn dict(&self, name: &str) -> pc_dict {
        let (name, mut dict) = (CString::new(name).unwrap(), pc_dict { id: 0 });
        let (key, value) = (c"u64".as_ptr(), c"bytes".as_ptr());
        // SAFETY: every pointer is valid for the call.
        let status = unsafe { pc_dict_open(self.env, name.as_ptr(), key, value, 0, &raw mut dict) };
        assert_eq!(status, PC_OK);
        dict
    }

    pub fn set(&self, name: &str) -> pc_set {
        let (name, mut set) = (CString::new(name).unwrap(), pc_set { id: 0 });
        // SAFETY: every pointer is valid for the call.
        let status = unsafe { pc_set_open(self.env, name.as_ptr(), c"u64".as_ptr(), 0, &raw mut set) };
        assert_eq!(status, PC_OK);
        set
    }

    pub fn begin(&self, kind: i32) -> pc_txn {
        let mut txn = pc_txn { id: 0 };
        // SAFETY: a valid place for the handle.
        assert_eq!(unsafe { pc_txn_begin(self.env, kind, -1, &raw mut txn) }, PC_OK);
        txn
    }

    pub fn put_many(&self, batch: &Batch) {
        // SAFETY: the columns are as long as they say.
        let status = unsafe {
            pc_dict_put_many(
                self.dict,
                batch.len(),
                batch.keys.as_ptr().cast(),
                ptr::null(),
                batch.values.as_ptr().cast(),
                batch.offsets.as_ptr(),
                ptr::null_mut(),
            )
        };
        assert_eq!(status, PC_OK);
    }

    pub fn clear(&self) {
        // SAFETY: no range, no count.
        assert_eq!(unsafe { pc_dict_remove_range(self.dict, ptr::null(), ptr::null_mut()) }, PC_OK);
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        assert_eq!(pc_env_close(self.env), PC_OK);
    }
}

/// Gets a value into a buffer, which must be large enough.
#[inline]
pub fn get(dict: pc_dict, key: &[u8; 8], buffer: &mut [u8]) -> usize {
    let mut len = 0;
    // SAFETY: key and buffer are valid for the lengths given.
    let status = unsafe {
        black_box(
            pc_dict_get
                as unsafe extern "C" fn(pc_dict, *const c_void, usize, *mut c_void, usize, *mut usize) -> i32,
        )(dict, key.as_ptr().cast(), 8, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut len)
    };
    assert_eq!(status, PC_OK);
    len
}

#[inline]
pub fn put(dict: pc_dict, key: &[u8; 8], value: &[u8]) {
    // SAFETY: both are valid for their lengths.
    let status = unsafe { pc_dict_put(dict, key.as_ptr().cast(), 8, value.as_ptr().cast(), value.len()) };
    assert_eq!(status, PC_OK);
}
