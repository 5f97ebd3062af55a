//! An environment with large data for each call.
#![allow(missing_docs, clippy::unwrap_used)]

use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr;

use persistent_collections::ffi::*;

pub const COUNT: usize = 10_000;
pub const LARGE: usize = 2 << 20;

/// Items one after the other, and the end of each.
pub struct Items {
    pub bytes: Vec<u8>,
    pub offsets: Vec<u64>,
}

impl Items {
    pub fn new(items: impl Iterator<Item = Vec<u8>>) -> Items {
        let mut made = Items { bytes: Vec::new(), offsets: vec![0] };
        for item in items {
            made.bytes.extend_from_slice(&item);
            made.offsets.push(made.bytes.len() as u64);
        }
        made
    }

    pub fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn data(&self) -> *const c_void {
        self.bytes.as_ptr().cast()
    }

    pub fn offsets(&self) -> *const u64 {
        self.offsets.as_ptr()
    }
}

/// The arguments of the calls, and their results.
pub struct World {
    pub path: CString,
    pub env: pc_env,
    /// Of bytes to bytes, of `any` to `any`, and of `i64` to `i64`.
    pub dict: pc_dict,
    pub any: pc_dict,
    pub numbers: pc_dict,
    pub sets: [pc_set; 3],
    pub large: Vec<u8>,
    pub keys: Items,
    pub values: Items,
    pub element: Vec<u8>,
    pub buffer: pc_buffer,
    pub second: pc_buffer,
    pub taken: Vec<u8>,
    pub offsets: Vec<u64>,
    pub present: Vec<u8>,
    pub size: usize,
    pub count: u64,
    pub truth: bool,
    pub pointer: *const c_void,
    pub value: pc_value,
    pub other: pc_value,
    /// The parts of a value.
    pub items: Vec<Vec<pc_value>>,
    pub texts: Vec<CString>,
    pub encoded: Vec<u8>,
    pub opened_env: pc_env,
    pub opened: Vec<pc_dict>,
    pub iters: Vec<pc_iter>,
    pub txns: Vec<pc_txn>,
    /// The path of the last copy.
    pub copy: CString,
    pub next: u64,
}

pub fn ok(status: pc_status) {
    assert!(status == PC_OK, "{status}: {}", last_error());
}

pub fn last_error() -> String {
    // SAFETY: NUL-terminated text.
    unsafe { CStr::from_ptr(pc_last_error()) }.to_string_lossy().into_owned()
}

pub fn options() -> pc_env_options {
    let mut options = pc_env_options {
        struct_size: 0,
        map_size: 0,
        mode: 0,
        max_collections: 0,
        max_readers: 0,
        durability: 0,
        flush_interval_ms: 0,
        write_timeout_ms: 0,
        flags: 0,
        reserved: 0,
    };
    // SAFETY: a place of the given size.
    ok(unsafe { pc_env_options_init(&raw mut options, size_of::<pc_env_options>()) });
    options.durability = PC_DURABILITY_NONE;
    options.write_timeout_ms = 10_000;
    options.map_size = 256 << 20;
    options
}

/// The key of the large value, of five bytes.
pub fn large_key() -> *const c_void {
    c"large".as_ptr().cast()
}

pub fn key(number: usize) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub fn range(flags: u32, bound: &[u8]) -> pc_range {
    let (at, len) = (bound.as_ptr().cast(), bound.len());
    pc_range {
        lower: at,
        lower_len: len,
        upper: at,
        upper_len: len,
        prefix: at,
        prefix_len: len,
        flags,
        reserved: 0,
    }
}

fn text(kind: u32, bytes: &[u8]) -> pc_value {
    let mut value = pc_value_bytes(bytes.as_ptr().cast(), bytes.len());
    value.kind = kind;
    value
}

impl World {
    /// Opens a world, in a directory that may contain one already.
    pub fn open(directory: &Path) -> World {
        let path = CString::new(directory.join("env").to_str().unwrap()).unwrap();
        let options = options();
        let mut env = pc_env { id: 0 };
        let null = pc_value_null();
        let dicts = [pc_dict { id: 0 }; 3];
        // SAFETY: texts, options and places for results.
        unsafe { ok(pc_env_open(path.as_ptr(), &raw const options, &raw mut env)) };
        let mut world = World {
            path,
            env,
            dict: dicts[0],
            any: dicts[1],
            numbers: dicts[2],
            sets: [pc_set { id: 0 }; 3],
            large: vec![7; LARGE],
            keys: Items::new((0..COUNT).map(key)),
            values: Items::new((0..COUNT).map(|number| vec![number.to_le_bytes()[0]; 100])),
            element: vec![b'k'; 1900],
            buffer: pc_buffer { data: ptr::null_mut(), len: 0, cap: 0 },
            second: pc_buffer { data: ptr::null_mut(), len: 0, cap: 0 },
            taken: vec![0; LARGE],
            offsets: vec![0; COUNT + 1],
            present: vec![0; COUNT],
            size: 0,
            count: 0,
            truth: false,
            pointer: ptr::null(),
            value: null,
            other: null,
            items: Vec::new(),
            texts: Vec::new(),
            encoded: Vec::new(),
            opened_env: pc_env { id: 0 },
            opened: Vec::new(),
            iters: Vec::new(),
            txns: Vec::new(),
            copy: CString::default(),
            next: 0,
        };
        world.dict = world.open_dict(c"dict", c"bytes", c"bytes");
        world.any = world.open_dict(c"any", c"any", c"any");
        world.numbers = world.open_dict(c"numbers", c"i64", c"i64");
        for (at, name) in [c"a", c"b", c"into"].into_iter().enumerate() {
            let set = &raw mut world.sets[at];
            // SAFETY: texts and a place.
            ok(unsafe { pc_set_open(env, name.as_ptr(), c"bytes".as_ptr(), 0, set) });
        }
        world
    }

    pub fn open_dict(&self, name: &CStr, key: &CStr, value: &CStr) -> pc_dict {
        let mut dict = pc_dict { id: 0 };
        // SAFETY: texts and a place.
        ok(unsafe { pc_dict_open(self.env, name.as_ptr(), key.as_ptr(), value.as_ptr(), 0, &raw mut dict) });
        dict
    }

    /// Fills its collections, once, since tests put back the entries that they take.
    pub fn fill(&self) {
        let (keys, values) = (&self.keys, &self.values);
        let mut failed = 0;
        // SAFETY: columns with the given number of items.
        unsafe {
            ok(pc_dict_put_many(
                self.dict,
                COUNT,
                keys.data(),
                keys.offsets(),
                values.data(),
                values.offsets(),
                &raw mut failed,
            ));
            for (at, every) in [2, 3].into_iter().enumerate() {
                let some = Items::new((0..COUNT).filter(|number| number % every == 0).map(key));
                ok(pc_set_add_many(
                    self.sets[at],
                    some.count(),
                    some.data(),
                    some.offsets(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                ));
            }
            let numbers = Items::new((0..COUNT).map(|number| (number ^ (1 << 63)).to_be_bytes().to_vec()));
            ok(pc_dict_put_many(
                self.numbers,
                COUNT,
                numbers.data(),
                ptr::null(),
                numbers.data(),
                ptr::null(),
                ptr::null_mut(),
            ));
        }
    }

    /// Stores the large value under a short key.
    pub fn put_large(&self) {
        // SAFETY: bytes of the given length.
        ok(unsafe { pc_dict_put(self.dict, large_key(), 5, self.large.as_ptr().cast(), LARGE) });
    }

    pub fn set_text(&mut self) {
        self.value = text(PC_VALUE_STR, &self.large);
    }

    /// A value that nests lists, maps, sets, tuples and an integer of many digits, each of thousands of items.
    pub fn set_nested(&mut self) {
        self.items.clear();
        self.texts = (0..3_000).map(|number| CString::new(format!("text {number}")).unwrap()).collect();
        let texts: Vec<pc_value> =
            // SAFETY: NUL-terminated texts, which are kept.
            self.texts.iter().map(|text| unsafe { pc_value_str(text.as_ptr()) }).collect();
        let entries = texts.iter().flat_map(|text| [*text, pc_value_i64(-7)]).collect();
        // A tag of a large integer, and its digits.
        let mut digits = vec![0xc3, 0x5a];
        digits.extend((1_u32 << 20).to_be_bytes());
        digits.resize(6 + (1 << 20), 0xff);
        self.encoded = digits;
        let mut row = |kind, items: Vec<pc_value>, len| {
            let mut value = pc_value_null();
            value.kind = kind;
            value.r#as.items = pc_value_items { items: items.as_ptr(), len };
            self.items.push(items);
            value
        };
        let list = row(PC_VALUE_LIST, texts.clone(), texts.len());
        let tuple = row(PC_VALUE_TUPLE, texts.clone(), texts.len());
        let set = row(PC_VALUE_SET, texts.clone(), texts.len());
        let map = row(PC_VALUE_MAP, entries, texts.len());
        let large = text(PC_VALUE_BYTES, &self.large);
        let number = text(PC_VALUE_ENCODED, &self.encoded);
        let mut array = text(PC_VALUE_ARRAY, &self.large);
        array.subtype = PC_ELEMENT_F64;
        let all = vec![list, tuple, set, map, large, number, array];
        self.value = row(PC_VALUE_LIST, all, 7);
    }

    /// A key that is a tuple of many elements, of the greatest length.
    pub fn set_key(&mut self, elements: usize) {
        let items = vec![pc_value_i64(0); elements];
        self.value = pc_value_null();
        self.value.kind = PC_VALUE_TUPLE;
        self.value.r#as.items = pc_value_items { items: items.as_ptr(), len: elements };
        self.items = vec![items];
    }

    /// Encodes the value, without a shortage.
    pub fn encode(&mut self, as_key: bool) {
        let encode = if as_key { pc_encode_key } else { pc_encode_value };
        // SAFETY: a text, a value and a buffer.
        unsafe {
            ok(encode(c"any".as_ptr(), &raw const self.value, &raw mut self.buffer));
            self.encoded = std::slice::from_raw_parts(self.buffer.data, self.buffer.len).to_vec();
        }
        self.free_buffers();
    }

    pub fn free_buffers(&mut self) {
        // SAFETY: buffers of this test.
        unsafe {
            pc_buffer_free(&raw mut self.buffer);
            pc_buffer_free(&raw mut self.second);
        }
    }

    pub fn begin(&mut self, kind: i32) -> pc_status {
        let mut txn = pc_txn { id: 0 };
        // SAFETY: a place.
        let status = unsafe { pc_txn_begin(self.env, kind, -1, &raw mut txn) };
        if status == PC_OK {
            self.txns.push(txn);
        }
        status
    }

    pub fn info(&self) -> pc_env_stat {
        // SAFETY: numbers, and a place.
        unsafe {
            let mut stat = std::mem::zeroed::<pc_env_stat>();
            stat.struct_size = size_of::<pc_env_stat>();
            ok(pc_env_info(self.env, &raw mut stat));
            stat
        }
    }

    /// Ends and closes everything that a call or its preparation has begun and opened.
    pub fn clean(&mut self) {
        for iter in self.iters.drain(..) {
            // It may be closed, or have ended with its transaction.
            pc_iter_close(iter);
        }
        while let Some(txn) = self.txns.pop() {
            pc_txn_abort(txn);
        }
        for dict in self.opened.drain(..) {
            pc_dict_close(dict);
        }
        if self.opened_env.id != 0 {
            pc_env_close(self.opened_env);
            self.opened_env.id = 0;
        }
        let copy = std::mem::take(&mut self.copy);
        if !copy.is_empty() {
            // It may not have been created.
            drop(std::fs::remove_dir_all(copy.to_str().unwrap()));
        }
        self.free_buffers();
    }

    /// Checks that nothing is begun, and that the file is undamaged, and can be read and written.
    pub fn check(&mut self) {
        self.check_idle();
        // SAFETY: a handle.
        ok(unsafe { pc_env_check(self.env, ptr::null_mut()) });
    }

    /// Checks that nothing is begun, and that the file can be read and written.
    pub fn check_idle(&mut self) {
        let mut current = pc_txn { id: 1 };
        // SAFETY: a place.
        ok(unsafe { pc_txn_current(self.env, &raw mut current) });
        assert_eq!(current.id, 0, "a transaction is left");
        self.put_number();
    }

    /// Stores a new value and reads it.
    pub fn put_number(&mut self) {
        self.next += 1;
        let number = self.next.to_be_bytes();
        let key: *const c_void = c"number".as_ptr().cast();
        let mut read = [0_u8; 8];
        // SAFETY: bytes and places.
        unsafe {
            ok(pc_dict_put(self.dict, key, 6, number.as_ptr().cast(), 8));
            ok(pc_dict_get(self.dict, key, 6, read.as_mut_ptr().cast(), 8, &raw mut self.size));
        }
        assert_eq!(read, number);
    }
}
