//! Calls with arguments that make them take much memory: at least one for each export that takes any.
#![allow(missing_docs, clippy::unwrap_used)]

use std::ffi::CString;
use std::ptr::{null, null_mut};

use persistent_collections::ffi::*;

use super::world::{COUNT, LARGE, World, key, large_key, ok, range};

pub struct Case {
    pub export: &'static str,
    /// The state before the call, prepared without a shortage.
    pub prepare: fn(&mut World),
    pub call: fn(&mut World) -> pc_status,
    /// The result of the call with enough memory.
    pub outcome: pc_status,
}

const fn case(export: &'static str, prepare: fn(&mut World), call: fn(&mut World) -> pc_status) -> Case {
    Case { export, prepare, call, outcome: PC_OK }
}

const fn refused(
    export: &'static str,
    prepare: fn(&mut World),
    call: fn(&mut World) -> pc_status,
    outcome: pc_status,
) -> Case {
    Case { export, prepare, call, outcome }
}

fn nothing(_: &mut World) {}

fn large(w: &mut World) {
    w.put_large();
}

fn absent(w: &mut World) {
    // SAFETY: bytes.
    unsafe { pc_dict_remove(w.dict, large_key(), 5) };
}

/// Enough collections that their list is long.
fn many_collections(w: &mut World) {
    for number in 0..200 {
        let name = CString::new(format!("collection {number}")).unwrap();
        ok(pc_dict_close(w.open_dict(&name, c"str", c"i64")));
    }
}

fn iterator(w: &mut World) {
    let mut iter = pc_iter { id: 0 };
    // SAFETY: a place.
    ok(unsafe { pc_iter_open_dict(w.dict, null(), &raw mut iter) });
    w.iters.push(iter);
}

fn step(w: &mut World, next: bool) -> pc_status {
    let (go, mut other) = (if next { pc_iter_next } else { pc_iter_prev }, null());
    // SAFETY: places.
    unsafe { go(w.iters[0], &raw mut w.pointer, &raw mut w.size, &raw mut other, &raw mut w.size) }
}

/// Goes to the end of a walk, and returns the failure.
fn walk(w: &mut World, next: bool) -> pc_status {
    let mut status = PC_OK;
    for _ in 0..2_000 {
        status = step(w, next);
        if status != PC_OK {
            break;
        }
    }
    status
}

/// Ends at a large value, the last one, after the walk before it.
fn at_the_end(w: &mut World) {
    large(w);
    iterator(w);
    // SAFETY: bytes.
    ok(unsafe { pc_iter_seek(w.iters[0], key(COUNT - 1).as_ptr().cast(), 8) });
}

fn nested(w: &mut World) {
    w.set_nested();
}

fn stored(w: &mut World) {
    w.set_nested();
    // SAFETY: values.
    unsafe {
        let key = pc_value_i64(1);
        ok(pc_dict_put_value(w.any, &raw const key, &raw const w.value));
    }
}

fn writing(w: &mut World) {
    ok(w.begin(PC_TXN_WRITE));
}

fn written(w: &mut World) {
    writing(w);
    large(w);
}

/// Returns a tuple type of `elements` integers.
fn tuple_type(elements: usize) -> CString {
    CString::new(format!("({})", vec!["i64"; elements].join(","))).unwrap()
}

fn copy(w: &mut World, flags: u32) -> pc_status {
    w.copy = CString::new(format!("{}.copy", w.path.to_str().unwrap())).unwrap();
    // SAFETY: a text.
    unsafe { pc_env_copy(w.env, w.copy.as_ptr(), flags) }
}

fn combine(w: &World, f: extern "C" fn(pc_set, pc_set, pc_set) -> pc_status) -> pc_status {
    let [a, b, into] = w.sets;
    f(a, b, into)
}

fn emptied(w: &mut World) {
    ok(pc_set_clear(w.sets[2]));
}

fn with_elements(w: &mut World) {
    emptied(w);
    ok(add_many(w));
}

fn add_many(w: &mut World) -> pc_status {
    let (set, keys) = (w.sets[2], &w.keys);
    // SAFETY: a column.
    unsafe { pc_set_add_many(set, COUNT, keys.data(), keys.offsets(), &raw mut w.count, null_mut()) }
}

fn put_many(w: &mut World) -> pc_status {
    let (keys, values) = (&w.keys, &w.values);
    // SAFETY: columns.
    unsafe {
        pc_dict_put_many(
            w.dict,
            COUNT,
            keys.data(),
            keys.offsets(),
            values.data(),
            values.offsets(),
            &raw mut w.size,
        )
    }
}

/// A transaction in which the dict is emptied, so that calls that destroy can be undone.
fn doomed(w: &mut World) {
    writing(w);
}

fn long_range(w: &mut World, f: impl FnOnce(&mut World, *const pc_range) -> pc_status) -> pc_status {
    let bound = std::mem::take(&mut w.large);
    let given = range(PC_RANGE_PREFIX | PC_RANGE_UPPER | PC_RANGE_LOWER, &bound);
    let status = f(w, &raw const given);
    w.large = bound;
    status
}

fn open_env(w: &mut World) -> pc_status {
    let mut options = super::world::options();
    options.flags = PC_ENV_VERIFY;
    let path = CString::new(format!("{}.other", w.path.to_str().unwrap())).unwrap();
    // SAFETY: a text, options and a place.
    unsafe { pc_env_open(path.as_ptr(), &raw const options, &raw mut w.opened_env) }
}

// SAFETY, for all that follow: the handles, bytes, columns, values and places are those of the world, which outlives
// each call.
#[allow(clippy::undocumented_unsafe_blocks)]
#[rustfmt::skip]
pub static CASES: &[Case] = &[
    case("pc_dict_put", nothing, |w| unsafe { pc_dict_put(w.dict, large_key(), 5, w.large.as_ptr().cast(), LARGE) }),
    case("pc_dict_put", large, |w| unsafe { pc_dict_put(w.dict, large_key(), 5, w.large.as_ptr().cast(), LARGE) }),
    case("pc_dict_put", written, |w| unsafe { pc_dict_put(w.dict, large_key(), 5, w.large.as_ptr().cast(), LARGE / 2) }),
    case("pc_dict_put_new", absent, |w| unsafe { pc_dict_put_new(w.dict, large_key(), 5, w.large.as_ptr().cast(), LARGE) }),
    case("pc_dict_get", large, |w| unsafe { pc_dict_get(w.dict, large_key(), 5, w.taken.as_mut_ptr().cast(), LARGE, &raw mut w.size) }),
    refused("pc_dict_get", nothing, |w| unsafe { pc_dict_get(w.dict, w.large.as_ptr().cast(), LARGE, null_mut(), 0, &raw mut w.size) }, PC_ERR_KEY_SIZE),
    case("pc_dict_get_buffer", large, |w| unsafe { pc_dict_get_buffer(w.dict, large_key(), 5, &raw mut w.buffer) }),
    case("pc_dict_get_ref", written, |w| unsafe { pc_dict_get_ref(w.dict, large_key(), 5, &raw mut w.pointer, &raw mut w.size) }),
    case("pc_dict_contains", large, |w| unsafe { pc_dict_contains(w.dict, large_key(), 5) }),
    case("pc_dict_remove", large, |w| unsafe { pc_dict_remove(w.dict, large_key(), 5) }),
    case("pc_dict_take", large, |w| unsafe { pc_dict_take(w.dict, large_key(), 5, w.taken.as_mut_ptr().cast(), LARGE, &raw mut w.size) }),
    refused("pc_dict_compare_exchange", large, |w| unsafe {
        pc_dict_compare_exchange(w.dict, large_key(), 5, null(), 0, w.large.as_ptr().cast(), 9, 0, &raw mut w.buffer)
    }, PC_EXISTS),
    case("pc_dict_compare_exchange", large, |w| unsafe {
        let large = w.large.as_ptr().cast();
        pc_dict_compare_exchange(w.dict, large_key(), 5, large, LARGE, large, LARGE / 2, 0, &raw mut w.buffer)
    }),
    case("pc_dict_add_i64", nothing, |w| unsafe { let key = [0x80_u8; 8]; pc_dict_add_i64(w.numbers, key.as_ptr().cast(), 8, 1, null_mut()) }),
    case("pc_dict_len", nothing, |w| unsafe { pc_dict_len(w.dict, &raw mut w.count) }),
    case("pc_dict_clear", doomed, |w| pc_dict_clear(w.dict)),
    case("pc_dict_first", nothing, |w| unsafe { pc_dict_first(w.dict, &raw mut w.buffer, &raw mut w.second) }),
    case("pc_dict_last", large, |w| unsafe { pc_dict_last(w.dict, &raw mut w.buffer, &raw mut w.second) }),
    case("pc_dict_remove_range", doomed, |w| unsafe { let all = range(PC_RANGE_LOWER, b"\0"); pc_dict_remove_range(w.dict, &raw const all, &raw mut w.count) }),
    case("pc_dict_remove_range", nothing, |w| long_range(w, |w, range| unsafe { pc_dict_remove_range(w.dict, range, &raw mut w.count) })),
    case("pc_dict_put_many", nothing, put_many),
    case("pc_dict_get_many", large, |w| unsafe {
        pc_dict_get_many(w.dict, COUNT, w.keys.data(), w.keys.offsets(), w.present.as_mut_ptr(), null_mut(), 0,
            &raw mut w.buffer, w.offsets.as_mut_ptr(), null_mut())
    }),
    case("pc_dict_get_many", nothing, |w| unsafe {
        pc_dict_get_many(w.numbers, COUNT, w.keys.data(), null(), w.present.as_mut_ptr(), w.taken.as_mut_ptr().cast(), LARGE,
            null_mut(), null_mut(), null_mut())
    }),
    case("pc_dict_values", nothing, |w| unsafe { pc_dict_values(w.numbers, null(), &raw mut w.buffer) }),
    case("pc_dict_remove_many", doomed, |w| unsafe {
        pc_dict_remove_many(w.dict, COUNT, w.keys.data(), w.keys.offsets(), &raw mut w.count, null_mut())
    }),
    case("pc_set_add", |w| { pc_set_clear(w.sets[2]); }, |w| unsafe { pc_set_add(w.sets[2], w.element.as_ptr().cast(), 1900) }),
    refused("pc_set_add", nothing, |w| unsafe { pc_set_add(w.sets[2], w.large.as_ptr().cast(), LARGE) }, PC_ERR_KEY_SIZE),
    case("pc_set_contains", nothing, |w| unsafe { pc_set_contains(w.sets[0], w.keys.data(), 8) }),
    case("pc_set_remove", with_elements, |w| unsafe { pc_set_remove(w.sets[2], w.keys.data(), 8) }),
    case("pc_set_len", nothing, |w| unsafe { pc_set_len(w.sets[0], &raw mut w.count) }),
    case("pc_set_first", nothing, |w| unsafe { pc_set_first(w.sets[0], &raw mut w.buffer) }),
    case("pc_set_last", nothing, |w| unsafe { pc_set_last(w.sets[0], &raw mut w.buffer) }),
    case("pc_set_clear", with_elements, |w| pc_set_clear(w.sets[2])),
    case("pc_set_remove_range", with_elements, |w| long_range(w, |w, range| unsafe { pc_set_remove_range(w.sets[2], range, &raw mut w.count) })),
    case("pc_set_add_many", emptied, add_many),
    case("pc_set_remove_many", with_elements, |w| unsafe {
        pc_set_remove_many(w.sets[2], COUNT, w.keys.data(), w.keys.offsets(), &raw mut w.count, null_mut())
    }),
    case("pc_set_contains_many", nothing, |w| unsafe {
        pc_set_contains_many(w.sets[0], COUNT, w.keys.data(), w.keys.offsets(), w.present.as_mut_ptr(), null_mut())
    }),
    case("pc_set_union", emptied, |w| combine(w, pc_set_union)),
    case("pc_set_intersection", with_elements, |w| combine(w, pc_set_intersection)),
    case("pc_set_difference", emptied, |w| combine(w, pc_set_difference)),
    case("pc_set_symmetric_difference", with_elements, |w| combine(w, pc_set_symmetric_difference)),
    case("pc_set_is_subset", nothing, |w| unsafe { pc_set_is_subset(w.sets[0], w.sets[0], &raw mut w.truth) }),
    case("pc_set_is_disjoint", nothing, |w| unsafe { pc_set_is_disjoint(w.sets[0], w.sets[1], &raw mut w.truth) }),
    case("pc_encode_key", |w| w.set_key(500), |w| unsafe { pc_encode_key(c"any".as_ptr(), &raw const w.value, &raw mut w.buffer) }),
    refused("pc_encode_key", |w| w.set_key(100_000), |w| unsafe { pc_encode_key(c"any".as_ptr(), &raw const w.value, &raw mut w.buffer) }, PC_ERR_KEY_SIZE),
    refused("pc_encode_key", |w| w.set_text(), |w| unsafe { pc_encode_key(c"str".as_ptr(), &raw const w.value, &raw mut w.buffer) }, PC_ERR_KEY_SIZE),
    refused("pc_encode_key", |w| { w.set_key(500); w.texts = vec![tuple_type(10_000)]; },
        |w| unsafe { pc_encode_key(w.texts[0].as_ptr(), &raw const w.value, &raw mut w.buffer) }, PC_ERR_BAD_KEY),
    refused("pc_encode_key", |w| w.texts = vec![CString::new(vec![b'x'; LARGE]).unwrap()],
        |w| unsafe { pc_encode_key(w.texts[0].as_ptr(), &raw const w.value, &raw mut w.buffer) }, PC_ERR_BAD_TYPE),
    case("pc_encode_key_bound", |w| w.set_text(), |w| unsafe { pc_encode_key_bound(c"str".as_ptr(), &raw const w.value, &raw mut w.buffer) }),
    case("pc_encode_key_bound", |w| w.set_key(500), |w| unsafe { pc_encode_key_bound(c"any".as_ptr(), &raw const w.value, &raw mut w.buffer) }),
    case("pc_encode_key_prefix", |w| w.set_key(500), |w| unsafe { pc_encode_key_prefix(c"any".as_ptr(), &raw const w.value, &raw mut w.buffer) }),
    case("pc_decode_key", |w| { w.set_key(500); w.encode(true); }, |w| unsafe {
        pc_decode_key(c"any".as_ptr(), w.encoded.as_ptr().cast(), w.encoded.len(), &raw mut w.other, &raw mut w.buffer)
    }),
    case("pc_encode_value", nested, |w| unsafe { pc_encode_value(c"any".as_ptr(), &raw const w.value, &raw mut w.buffer) }),
    case("pc_encode_value", |w| w.set_text(), |w| unsafe { pc_encode_value(c"str".as_ptr(), &raw const w.value, &raw mut w.buffer) }),
    case("pc_decode_value", |w| { w.set_nested(); w.encode(false); }, |w| unsafe {
        pc_decode_value(c"any".as_ptr(), w.encoded.as_ptr().cast(), w.encoded.len(), &raw mut w.other, &raw mut w.buffer)
    }),
    case("pc_dict_put_value", nested, |w| unsafe { let key = pc_value_i64(1); pc_dict_put_value(w.any, &raw const key, &raw const w.value) }),
    refused("pc_dict_put_value", |w| w.set_key(100_000), |w| unsafe { pc_dict_put_value(w.any, &raw const w.value, &raw const w.value) }, PC_ERR_KEY_SIZE),
    case("pc_dict_get_value", stored, |w| unsafe { let key = pc_value_i64(1); pc_dict_get_value(w.any, &raw const key, &raw mut w.other, &raw mut w.buffer) }),
    refused("pc_dict_contains_value", |w| w.set_key(500), |w| unsafe { pc_dict_contains_value(w.any, &raw const w.value) }, PC_NOT_FOUND),
    case("pc_dict_remove_value", stored, |w| unsafe { let key = pc_value_i64(1); pc_dict_remove_value(w.any, &raw const key) }),
    refused("pc_set_add_value", |w| w.set_text(), |w| unsafe { pc_set_add_value(w.sets[2], &raw const w.value) }, PC_ERR_BAD_KEY),
    refused("pc_set_remove_value", |w| w.set_text(), |w| unsafe { pc_set_remove_value(w.sets[2], &raw const w.value) }, PC_ERR_BAD_KEY),
    refused("pc_set_contains_value", |w| w.set_text(), |w| unsafe { pc_set_contains_value(w.sets[2], &raw const w.value) }, PC_ERR_BAD_KEY),
    case("pc_iter_open_dict", nothing, |w| {
        for _ in 0..100 {
            let mut iter = pc_iter { id: 0 };
            let status = unsafe { pc_iter_open_dict(w.dict, null(), &raw mut iter) };
            if status != PC_OK {
                return status;
            }
            w.iters.push(iter);
        }
        PC_OK
    }),
    case("pc_iter_open_set", nothing, |w| long_range(w, |w, range| unsafe {
        let mut iter = pc_iter { id: 0 };
        let status = pc_iter_open_set(w.sets[0], range, &raw mut iter);
        w.iters.push(iter);
        status
    })),
    case("pc_iter_next", iterator, |w| walk(w, true)),
    refused("pc_iter_next", at_the_end, |w| walk(w, true), PC_END),
    refused("pc_iter_next", |w| { written(w); iterator(w); step(w, true); }, |w| walk(w, true), PC_OK),
    refused("pc_iter_prev", |w| { at_the_end(w); walk(w, true); }, |w| walk(w, false), PC_OK),
    case("pc_iter_next_batch", iterator, |w| {
        let mut batch = pc_batch { count: 0, keys: null(), key_offsets: null(), values: null(), value_offsets: null() };
        let status = unsafe { pc_iter_next_batch(w.iters[0], COUNT, 64 << 20, &raw mut batch) };
        if status == PC_OK { unsafe { pc_iter_next_batch(w.iters[0], 10, 0, &raw mut batch) }.min(PC_OK) } else { status }
    }),
    case("pc_iter_seek", iterator, |w| unsafe { pc_iter_seek(w.iters[0], w.large.as_ptr().cast(), LARGE) }),
    case("pc_iter_next_value", |w| {
        stored(w);
        let mut iter = pc_iter { id: 0 };
        ok(unsafe { pc_iter_open_dict(w.any, null(), &raw mut iter) });
        w.iters.push(iter);
    }, |w| unsafe { pc_iter_next_value(w.iters[0], &raw mut w.value, &raw mut w.other) }),
    case("pc_iter_close", iterator, |w| pc_iter_close(w.iters[0])),
    case("pc_txn_begin", nothing, |w| w.begin(PC_TXN_WRITE)),
    case("pc_txn_begin", nothing, |w| w.begin(PC_TXN_READ)),
    case("pc_txn_begin", writing, |w| w.begin(PC_TXN_READ)),
    case("pc_txn_begin", writing, |w| w.begin(PC_TXN_WRITE)),
    case("pc_txn_commit", written, |w| pc_txn_commit(w.txns[0])),
    case("pc_txn_commit", |w| { writing(w); writing(w); large(w); ok(put_many(w)); }, |w| pc_txn_commit(w.txns[1])),
    case("pc_txn_abort", |w| { writing(w); ok(put_many(w)); writing(w); large(w); }, |w| pc_txn_abort(w.txns[1])),
    case("pc_txn_current", nothing, |w| unsafe { let mut txn = pc_txn { id: 0 }; pc_txn_current(w.env, &raw mut txn) }),
    case("pc_txn_set_current", writing, |w| unsafe { pc_txn_set_current(w.env, w.txns[0], null_mut()) }),
    case("pc_env_open", nothing, open_env),
    case("pc_env_reopen", nothing, |w| unsafe { pc_env_reopen(w.env, &raw mut w.opened_env) }),
    case("pc_env_close", |w| ok(open_env(w)), |w| pc_env_close(w.opened_env)),
    case("pc_flush", nothing, |w| pc_flush(w.env)),
    case("pc_env_info", many_collections, |w| unsafe {
        let mut stat = std::mem::zeroed::<pc_env_stat>();
        stat.struct_size = size_of::<pc_env_stat>();
        pc_env_info(w.env, &raw mut stat)
    }),
    case("pc_env_path", nothing, |w| unsafe { pc_env_path(w.env, &raw mut w.buffer) }),
    case("pc_env_list", nothing, |w| unsafe { pc_env_list(w.env, &raw mut w.buffer) }),
    case("pc_env_copy", nothing, |w| copy(w, 0)),
    case("pc_env_copy", nothing, |w| copy(w, PC_COPY_COMPACT)),
    refused("pc_env_copy", nothing, |w| unsafe {
        *w.large.last_mut().unwrap() = 0;
        pc_env_copy(w.env, w.large.as_ptr().cast(), 0)
    }, PC_ERR_INVALID_ARGUMENT),
    case("pc_env_check", nothing, |w| unsafe { pc_env_check(w.env, &raw mut w.buffer) }),
    case("pc_env_wait", nothing, |w| unsafe { let mut commit = 0; pc_env_wait(w.env, &raw mut commit, 0) }),
    case("pc_env_traits", nothing, |w| unsafe { let mut traits = 0; pc_env_traits(w.env, &raw mut traits) }),
    case("pc_env_readers", |w| for _ in 0..100 { iterator(w); }, |w| unsafe { pc_env_readers(w.env, &raw mut w.buffer) }),
    case("pc_env_reap_readers", |w| for _ in 0..100 { iterator(w); }, |w| unsafe { pc_env_reap_readers(w.env, null_mut()) }),
    case("pc_dict_open", |w| w.texts = vec![tuple_type(1_500)], |w| {
        w.next += 1;
        let name = CString::new(format!("opened {}", w.next)).unwrap();
        let mut dict = pc_dict { id: 0 };
        let status = unsafe { pc_dict_open(w.env, name.as_ptr(), w.texts[0].as_ptr(), null(), 0, &raw mut dict) };
        w.opened.push(dict);
        status
    }),
    refused("pc_dict_open", |w| w.texts = vec![tuple_type(10_000)], |w| unsafe {
        let mut dict = pc_dict { id: 0 };
        pc_dict_open(w.env, c"dict".as_ptr(), w.texts[0].as_ptr(), null(), 0, &raw mut dict)
    }, PC_ERR_TYPE_MISMATCH),
    refused("pc_set_open", |w| w.texts = vec![CString::new(vec![b'x'; LARGE]).unwrap()], |w| unsafe {
        let mut set = pc_set { id: 0 };
        pc_set_open(w.env, w.texts[0].as_ptr(), null(), 0, &raw mut set)
    }, PC_ERR_BAD_NAME),
    case("pc_dict_close", |w| { let dict = w.open_dict(c"wide", &tuple_type(1_500), c"any"); w.opened.push(dict); }, |w| pc_dict_close(w.opened[0])),
    case("pc_set_close", nothing, |w| unsafe {
        let mut set = pc_set { id: 0 };
        match pc_set_open(w.env, c"a".as_ptr(), null(), 0, &raw mut set) { PC_OK => pc_set_close(set), status => status }
    }),
    case("pc_dict_schema", |w| { let dict = w.open_dict(c"wide", &tuple_type(1_500), c"any"); w.opened.push(dict); },
        |w| unsafe { pc_dict_schema(w.opened[0], &raw mut w.buffer, null_mut()) }),
    case("pc_set_schema", nothing, |w| unsafe { pc_set_schema(w.sets[0], &raw mut w.buffer, null_mut()) }),
    case("pc_collection_schema", nothing, |w| unsafe { let mut kind = 0; pc_collection_schema(w.env, c"wide".as_ptr(), &raw mut kind, &raw mut w.buffer) }),
    case("pc_collection_drop", |w| {
        let dict = w.open_dict(c"dropped", c"bytes", c"bytes");
        ok(unsafe { pc_dict_put(dict, large_key(), 5, w.large.as_ptr().cast(), LARGE) });
        w.opened.push(dict);
    }, |w| unsafe { pc_collection_drop(w.env, c"dropped".as_ptr()) }),
];

/// Exports without an allocation whose size a caller decides: their results are numbers, values and static texts.
#[allow(clippy::undocumented_unsafe_blocks)]
#[rustfmt::skip]
pub static SIMPLE: &[Case] = &[
    case("pc_version", nothing, |_| i32::from(pc_version().is_null())),
    case("pc_abi_version", nothing, |_| i32::from(pc_abi_version() == 0)),
    case("pc_lmdb_version", nothing, |_| i32::from(pc_lmdb_version().is_null())),
    case("pc_strerror", nothing, |_| i32::from(pc_strerror(-4).is_null())),
    case("pc_last_error", nothing, |_| i32::from(pc_last_error().is_null())),
    case("pc_set_reads_wait", nothing, |_| i32::from(!pc_set_reads_wait(true))),
    case("pc_set_interrupt", nothing, |_| unsafe { pc_set_interrupt(None, null_mut()) }),
    case("pc_buffer_free", large, |w| unsafe {
        let status = pc_dict_get_buffer(w.dict, large_key(), 5, &raw mut w.buffer);
        pc_buffer_free(&raw mut w.buffer);
        status
    }),
    case("pc_env_options_init", nothing, |_| i32::from(super::world::options().struct_size == 0)),
    case("pc_value_null", nothing, |w| { w.value = pc_value_null(); PC_OK }),
    case("pc_value_bool", nothing, |w| { w.value = pc_value_bool(true); PC_OK }),
    case("pc_value_i64", nothing, |w| { w.value = pc_value_i64(1); PC_OK }),
    case("pc_value_u64", nothing, |w| { w.value = pc_value_u64(1); PC_OK }),
    case("pc_value_f64", nothing, |w| { w.value = pc_value_f64(1.0); PC_OK }),
    case("pc_value_str", nothing, |w| { w.value = unsafe { pc_value_str(c"x".as_ptr()) }; PC_OK }),
    case("pc_value_bytes", nothing, |w| { w.value = pc_value_bytes(w.large.as_ptr().cast(), LARGE); PC_OK }),
    refused("pc_value_map_get", |w| { w.set_nested(); w.value = w.items.last().unwrap()[3]; },
        |w| unsafe { pc_value_map_get(&raw const w.value, c"absent".as_ptr(), &raw mut w.other) }, PC_NOT_FOUND),
];
