//! The golden environment: files of version 1 stay readable, with the bytes of the vectors.
//!
//! `tests/vectors/README.md` describes its content. `PC_BLESS=1` writes it again.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_void};
use std::path::{Path, PathBuf};
use std::{env, fs, ptr, slice};

use persistent_collections::ffi::{
    PC_END, PC_ENV_IMMUTABLE, PC_ENV_NO_CREATE, PC_ENV_READ_ONLY, PC_NOT_FOUND, PC_OK, PC_OPEN_EXISTING,
    PC_TXN_WRITE, pc_buffer, pc_buffer_free, pc_collection_drop, pc_collection_schema, pc_dict, pc_dict_open,
    pc_dict_put, pc_env, pc_env_close, pc_env_list, pc_env_open, pc_env_options, pc_env_options_init,
    pc_iter, pc_iter_close, pc_iter_next, pc_iter_open_dict, pc_iter_open_set, pc_last_error, pc_set,
    pc_set_add, pc_set_open, pc_status, pc_txn, pc_txn_begin, pc_txn_commit,
};
use serde_json::Value as Json;
use tempfile::TempDir;

/// Encoded keys and values in their order; for a set, the values are empty.
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The expected content of a collection.
#[derive(Debug, PartialEq)]
struct Collection {
    kind: &'static str,
    key: String,
    value: String,
    entries: Entries,
}

impl Collection {
    fn set(key: &str) -> Self {
        Self { kind: "set", key: key.to_owned(), value: "unit".to_owned(), entries: Entries::new() }
    }

    fn dict(key: &str, value: &str) -> Self {
        Self { kind: "dict", key: key.to_owned(), value: value.to_owned(), entries: Entries::new() }
    }

    fn with(mut self, entries: &[(&[u8], &[u8])]) -> Self {
        self.entries.extend(entries.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
        self
    }
}

/// A collection that existed, and was dropped.
const DROPPED: &str = "dropped";

fn vectors_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Returns all collections by name, with the content of the vectors.
fn expected() -> BTreeMap<String, Collection> {
    let text = fs::read_to_string(vectors_dir().join("vectors.json")).unwrap();
    let vectors: Vec<Json> = serde_json::from_str(&text).unwrap();
    let mut all = BTreeMap::new();
    for vector in &vectors {
        let field = |name: &str| vector[name].as_str().unwrap();
        let (ty, bytes) = (field("type"), hex(field("hex")));
        if field("role") == "key" {
            let set = all.entry(format!("key {ty}")).or_insert_with(|| Collection::set(ty));
            set.entries.insert(bytes, Vec::new());
        } else if ty != "unit" {
            // A dict cannot have values of type unit, which the sets have.
            let dict = all.entry(format!("value {ty}")).or_insert_with(|| Collection::dict("str", ty));
            let name = field("name").as_bytes().to_vec();
            assert_eq!(dict.entries.insert(name, bytes), None, "{ty}: two vectors of one name");
        }
    }
    all.insert(
        "tuple keys".to_owned(),
        Collection::dict("(str,i64)", "str").with(&[
            (b"\x02year\0\x14", b"zero"),
            (b"\x02year\0\x16\x07\xea", "2026, größer".as_bytes()),
            (b"\x02year\0\x13\xfe", b"minus one"),
        ]),
    );
    all.insert(
        String::new(),
        Collection::dict("str", "i64").with(&[
            (b"\0", &7_i64.to_le_bytes()),
            (b"\0\0nul", &(-1_i64).to_le_bytes()),
            (b"answer", &42_i64.to_le_bytes()),
        ]),
    );
    all
}

#[track_caller]
fn ok(status: pc_status) {
    // SAFETY: it is never NULL, and valid until this thread's next failing call.
    let message = || unsafe { CStr::from_ptr(pc_last_error()) }.to_string_lossy().into_owned();
    assert!(status == PC_OK, "status {status}: {}", if status < 0 { message() } else { String::new() });
}

fn c_text(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn open(dir: &Path, flags: u32) -> pc_env {
    let mut handle = pc_env { id: 0 };
    let path = c_text(dir.to_str().unwrap());
    // SAFETY: the options are a local of the given size; the texts and outputs outlive the calls.
    unsafe {
        let mut options = std::mem::zeroed::<pc_env_options>();
        ok(pc_env_options_init(&raw mut options, size_of::<pc_env_options>()));
        // The file stores its map's size, and the default depends on the limits of the process.
        options.map_size = 1 << 26;
        options.flags = flags;
        ok(pc_env_open(path.as_ptr(), &raw const options, &raw mut handle));
    }
    handle
}

/// A dict, or a set.
enum Opened {
    Dict(pc_dict),
    Set(pc_set),
}

impl Opened {
    fn open(env: pc_env, name: &str, as_what: &Collection, flags: u32) -> Self {
        let (name, key, value) = (c_text(name), c_text(&as_what.key), c_text(&as_what.value));
        // SAFETY: texts and outputs outlive the calls.
        unsafe {
            if as_what.kind == "set" {
                let mut set = pc_set { id: 0 };
                ok(pc_set_open(env, name.as_ptr(), key.as_ptr(), flags, &raw mut set));
                Opened::Set(set)
            } else {
                let mut dict = pc_dict { id: 0 };
                ok(pc_dict_open(env, name.as_ptr(), key.as_ptr(), value.as_ptr(), flags, &raw mut dict));
                Opened::Dict(dict)
            }
        }
    }

    fn put(&self, key: &[u8], value: &[u8]) {
        let bytes = |slice: &[u8]| slice.as_ptr().cast::<c_void>();
        // SAFETY: both slices outlive the call.
        ok(unsafe {
            match *self {
                Opened::Set(set) => pc_set_add(set, bytes(key), key.len()),
                Opened::Dict(dict) => pc_dict_put(dict, bytes(key), key.len(), bytes(value), value.len()),
            }
        });
    }

    fn entries(&self) -> Entries {
        let mut iter = pc_iter { id: 0 };
        let mut found = Entries::new();
        let mut last = None;
        // SAFETY: outputs outlive the calls; the iterator's items are copied before its next call.
        unsafe {
            ok(match *self {
                Opened::Set(set) => pc_iter_open_set(set, ptr::null(), &raw mut iter),
                Opened::Dict(dict) => pc_iter_open_dict(dict, ptr::null(), &raw mut iter),
            });
            loop {
                let (mut key, mut value) = (ptr::null(), ptr::null());
                let (mut key_len, mut value_len) = (0, 0);
                let status =
                    pc_iter_next(iter, &raw mut key, &raw mut key_len, &raw mut value, &raw mut value_len);
                if status == PC_END {
                    break;
                }
                ok(status);
                let copy = |at: *const c_void, len| {
                    if len == 0 { Vec::new() } else { slice::from_raw_parts(at.cast::<u8>(), len).to_vec() }
                };
                let key = copy(key, key_len);
                assert!(last.as_ref() < Some(&key), "out of order: {last:02x?} before {key:02x?}");
                last = Some(key.clone());
                found.insert(key, copy(value, value_len));
            }
        }
        ok(pc_iter_close(iter));
        found
    }
}

/// Returns the list of `pc_env_list`: kind, key type, value type and count by name.
fn listing(env: pc_env) -> BTreeMap<String, Vec<String>> {
    // SAFETY: a buffer of zeros is an empty one; its text is copied before it is freed.
    let text = unsafe {
        let mut buffer = std::mem::zeroed::<pc_buffer>();
        ok(pc_env_list(env, &raw mut buffer));
        let text = String::from_utf8(slice::from_raw_parts(buffer.data, buffer.len).to_vec()).unwrap();
        pc_buffer_free(&raw mut buffer);
        text
    };
    let rows = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    rows.map(|mut row| (row.remove(0), row)).collect()
}

fn write(dir: &Path) {
    let env = open(dir, 0);
    let mut txn = pc_txn { id: 0 };
    // SAFETY: the output outlives the call.
    ok(unsafe { pc_txn_begin(env, PC_TXN_WRITE, 0, &raw mut txn) });
    let dropped = Collection::dict("str", "str").with(&[(b"is", b"gone")]);
    for (name, collection) in [(DROPPED.to_owned(), dropped)].into_iter().chain(expected()) {
        let opened = Opened::open(env, &name, &collection, 0);
        for (key, value) in &collection.entries {
            opened.put(key, value);
        }
    }
    // SAFETY: the text outlives the call.
    ok(unsafe { pc_collection_drop(env, c_text(DROPPED).as_ptr()) });
    ok(pc_txn_commit(txn));
    ok(pc_env_close(env));
}

fn golden() -> PathBuf {
    vectors_dir().join("golden/data.mdb")
}

/// Copies the golden environment, since opening it creates lock files.
fn copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(golden(), dir.path().join("data.mdb")).unwrap();
    dir
}

fn check(env: pc_env) {
    let expected = expected();
    let rows = expected.iter().map(|(name, collection)| {
        let Collection { kind, key, value, entries } = collection;
        (name.clone(), vec![(*kind).to_owned(), key.clone(), value.clone(), entries.len().to_string()])
    });
    assert_eq!(listing(env), rows.collect());
    for (name, collection) in &expected {
        let opened = Opened::open(env, name, collection, PC_OPEN_EXISTING);
        assert_eq!(opened.entries(), collection.entries, "{name}");
    }
    let mut kind = 0;
    // SAFETY: text and outputs outlive the call; the buffer is an empty one and is freed.
    unsafe {
        let mut types = std::mem::zeroed::<pc_buffer>();
        let name = c_text(DROPPED);
        let status = pc_collection_schema(env, name.as_ptr(), &raw mut kind, &raw mut types);
        assert_eq!(status, PC_NOT_FOUND, "what was dropped is gone");
        pc_buffer_free(&raw mut types);
    }
}

/// One test, so that blessing comes before reading.
#[test]
fn the_golden_environment_opens_in_every_way_and_is_what_the_vectors_say() {
    if env::var_os("PC_BLESS").is_some() {
        let made = tempfile::tempdir().unwrap();
        write(made.path());
        fs::create_dir_all(golden().parent().unwrap()).unwrap();
        fs::copy(made.path().join("data.mdb"), golden()).unwrap();
    }
    for flags in [0, PC_ENV_NO_CREATE, PC_ENV_READ_ONLY, PC_ENV_IMMUTABLE] {
        let dir = copy();
        let file = dir.path().join("data.mdb");
        let before = fs::read(&file).unwrap();
        let env = open(dir.path(), flags);
        check(env);
        ok(pc_env_close(env));
        assert!(fs::read(&file).unwrap() == before, "reading with the flags {flags} changed the file");
    }

    // It is also writable, and the dropped name is free.
    let dir = copy();
    let env = open(dir.path(), 0);
    let again = Collection::dict("i64", "any").with(&[(&[0x80, 0, 0, 0, 0, 0, 0, 1], b"\xf6")]);
    for (key, value) in &again.entries {
        Opened::open(env, DROPPED, &again, 0).put(key, value);
    }
    ok(pc_env_close(env));
    let env = open(dir.path(), PC_ENV_READ_ONLY);
    assert_eq!(Opened::open(env, DROPPED, &again, PC_OPEN_EXISTING).entries(), again.entries);
    ok(pc_env_close(env));
}

#[test]
fn writing_it_twice_gives_the_same_bytes() {
    let written = || {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let env = open(dir.path(), PC_ENV_READ_ONLY);
        check(env);
        ok(pc_env_close(env));
        fs::read(dir.path().join("data.mdb")).unwrap()
    };
    assert!(written() == written());
}
