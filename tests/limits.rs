//! Every limit, at its value and one beyond it: a value beyond is refused before anything is written.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::fmt::Debug;

use common::{options, scratch, status};
use persistent_collections::{Dict, Environment, Key, MAX_NAME, Set, Status, Value};

const MAX_KEY: usize = 1978;
const MAX_VALUE: usize = 2_147_418_096;

/// Checks that a key with 1,978 encoded bytes is stored and found by every call, and that a key with one more byte is
/// refused by those that store, and not found by the others.
fn longest_key<K: Key + Debug>(longest: &K::Borrowed, too_long: &K::Borrowed) {
    let s = scratch();
    let dict = Dict::<K, i64>::open(&s.env, "dict").unwrap();
    let set = Set::<K>::open(&s.env, "set").unwrap();
    dict.put(longest, &1).unwrap();
    assert_eq!(dict.increment(longest, 1).unwrap(), 2);
    assert_eq!(dict.get(longest).unwrap(), Some(2));
    assert!(set.add(longest).unwrap());
    assert!(set.contains(longest).unwrap());
    let stored: Vec<_> = dict.iter().unwrap().map(Result::unwrap).collect();
    let info = s.env.info().unwrap();

    assert_eq!(status(dict.put(too_long, &1)), Status::KeySize);
    assert_eq!(status(dict.put_new(too_long, &1)), Status::KeySize);
    assert_eq!(status(dict.increment(too_long, 1)), Status::KeySize);
    assert_eq!(status(dict.put_many([(longest, &7), (too_long, &1)])), Status::KeySize);
    assert_eq!(status(set.add(too_long)), Status::KeySize);
    assert_eq!(status(set.add_many([longest, too_long])), Status::KeySize);
    let txn = s.env.begin_write().unwrap();
    assert_eq!(status(dict.put(too_long, &1)), Status::KeySize);
    txn.commit().unwrap();

    assert_eq!(s.env.info().unwrap().last_commit, info.last_commit, "something was written");
    assert_eq!(dict.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>().len(), stored.len());
    assert_eq!(dict.get(longest).unwrap(), Some(2));
    assert!(dict.remove(longest).unwrap());
    assert!(dict.is_empty().unwrap());
}

#[test]
fn keys_of_bytes() {
    longest_key::<Vec<u8>>(&[0xff; MAX_KEY], &[0xff; MAX_KEY + 1]);
}

#[test]
fn keys_of_text() {
    longest_key::<String>(&"k".repeat(MAX_KEY), &"k".repeat(MAX_KEY + 1));
    // A text that begins with U+0000 has one more byte.
    let led_by_nul = |length: usize| format!("\0{}", "k".repeat(length - 2));
    longest_key::<String>(&led_by_nul(MAX_KEY), &led_by_nul(MAX_KEY + 1));
}

#[test]
fn keys_of_tuples() {
    // One byte before the text and one after it, and one for the integer 0.
    let tuple = |length: usize| ("k".repeat(length - 3), 0_i64);
    longest_key::<(String, i64)>(&tuple(MAX_KEY), &tuple(MAX_KEY + 1));
    // Each NUL in the text takes two bytes.
    let nuls = |length: usize| ("\0".repeat((length - 3) / 2) + &"k".repeat((length - 3) % 2), 0_i64);
    longest_key::<(String, i64)>(&nuls(MAX_KEY), &nuls(MAX_KEY + 1));
}

#[test]
fn keys_of_any_type() {
    let text = |length: usize| Value::Str("k".repeat(length - 2));
    longest_key::<Value>(&text(MAX_KEY), &text(MAX_KEY + 1));
    let bytes = |length: usize| Value::Bytes(vec![1; length - 2]);
    longest_key::<Value>(&bytes(MAX_KEY), &bytes(MAX_KEY + 1));
}

#[test]
fn only_bytes_refuse_an_empty_key() {
    let s = scratch();
    let bytes = Dict::<Vec<u8>, i64>::open(&s.env, "bytes").unwrap();
    assert_eq!(status(bytes.put(&[], &1)), Status::KeySize);
    assert!(bytes.is_empty().unwrap());
    bytes.put(&[0], &1).unwrap();
    let text = Dict::<String, i64>::open(&s.env, "text").unwrap();
    text.put("", &1).unwrap();
    text.put("\0", &2).unwrap();
    assert_eq!((text.get("").unwrap(), text.get("\0").unwrap()), (Some(1), Some(2)));
    let any = Dict::<Value, i64>::open(&s.env, "any").unwrap();
    any.put(&Value::Bytes(Vec::new()), &1).unwrap();
    any.put(&Value::Str(String::new()), &2).unwrap();
    assert_eq!(any.get(&Value::Bytes(Vec::new())).unwrap(), Some(1));
}

/// A value of the greatest length takes some seconds and twice its size of memory.
#[test]
fn the_longest_value() {
    let s = scratch();
    let dict = Dict::<i64, Vec<u8>>::open(&s.env, "dict").unwrap();
    dict.put(&1, &[1]).unwrap();
    // Zeros that are never read: a value that is refused for its length is not examined.
    let mut value = vec![0; MAX_VALUE + 1];
    let before = s.env.info().unwrap();
    assert_eq!(status(dict.put(&1, &value)), Status::ValueSize);
    assert_eq!(status(dict.put_many([(&2, &[2][..]), (&1, &value)])), Status::ValueSize);
    let after = s.env.info().unwrap();
    assert_eq!((before.last_commit, before.file_size), (after.last_commit, after.file_size));
    assert_eq!(dict.get(&1).unwrap(), Some(vec![1]));

    value.pop();
    value[MAX_VALUE - 1] = 7;
    dict.put(&1, &value).unwrap();
    drop(value);
    let found = dict.get(&1).unwrap().unwrap();
    assert_eq!(found.len(), MAX_VALUE);
    assert_eq!((found[0], found[MAX_VALUE - 1]), (0, 7));
}

#[test]
fn nan_cannot_be_a_key() {
    let s = scratch();
    let doubles = Dict::<f64, i64>::open(&s.env, "f64").unwrap();
    let singles = Set::<f32>::open(&s.env, "f32").unwrap();
    let any = Dict::<Value, i64>::open(&s.env, "any").unwrap();
    let tuples = Set::<(String, f64)>::open(&s.env, "tuples").unwrap();
    let before = s.env.info().unwrap().last_commit;
    for nan in [f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)] {
        assert_eq!(status(doubles.put(&nan, &1)), Status::BadKey);
        assert_eq!(status(any.put(&Value::F64(nan), &1)), Status::BadKey);
        assert_eq!(status(any.put(&Value::Tuple(vec![Value::F64(nan)]), &1)), Status::BadKey);
        assert_eq!(status(tuples.add(&(String::new(), nan))), Status::BadKey);
    }
    assert_eq!(status(singles.add(&f32::NAN)), Status::BadKey);
    assert_eq!(s.env.info().unwrap().last_commit, before);
    for number in [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0] {
        doubles.put(&number, &1).unwrap();
        any.put(&Value::F64(number), &1).unwrap();
    }
    assert_eq!(doubles.get(&0.0).unwrap(), Some(1));
    // As a value, it is like other numbers.
    let values = Dict::<i64, f64>::open(&s.env, "values").unwrap();
    values.put(&1, &f64::NAN).unwrap();
    assert!(values.get(&1).unwrap().unwrap().is_nan());
}

#[test]
fn the_longest_name() {
    let s = scratch();
    // Counted in bytes, not in characters.
    for longest in ["n".repeat(MAX_NAME), "é".repeat(127) + "n"] {
        assert_eq!(longest.len(), 255);
        Set::<i64>::open(&s.env, &longest).unwrap().add(&1).unwrap();
        assert_eq!(s.env.schema(&longest).unwrap().unwrap().name, longest);
        let before = s.env.info().unwrap().last_commit;
        assert_eq!(status(Set::<i64>::open(&s.env, &(longest + "n"))), Status::BadName);
        assert_eq!(s.env.info().unwrap().last_commit, before);
    }
    for reserved in ["pc:", "pc:x", "pc:catalog"] {
        assert_eq!(status(Dict::<i64, i64>::open(&s.env, reserved)), Status::BadName);
    }
    for near in ["pc", "PC:", "apc:"] {
        Set::<i64>::open(&s.env, near).unwrap();
    }
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "numbers of databases")]
fn max_collections_limits_the_collections_of_a_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_collections(20);
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    let txn = env.begin_write().unwrap();
    let open: Vec<_> = (0..20).map(|n| Set::<i64>::open(&env, &format!("s{n}")).unwrap()).collect();
    for (n, set) in (0..).zip(&open) {
        set.add(&n).unwrap();
    }
    let error = Set::<i64>::open(&env, "beyond").unwrap_err();
    assert_eq!(error.status(), Status::CollectionsFull);
    assert!(error.message().contains("max_collections"), "{error}");
    txn.commit().unwrap();
    for n in 0..20 {
        assert_eq!(Set::<i64>::open(&env, &format!("s{n}")).unwrap().first().unwrap(), Some(n));
    }
    Set::<i64>::open(&env, "beyond").unwrap();
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "reader slots")]
fn max_readers_limits_the_readers() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_readers(20);
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    let set = Set::<i64>::open(&env, "set").unwrap();
    set.add_many(&(0..10_000).collect::<Vec<_>>()).unwrap();
    let mut all: Vec<_> = (0..20).map(|_| set.iter().unwrap()).collect();
    let error = set.iter().map(drop).unwrap_err();
    assert_eq!(error.status(), Status::ReadersFull);
    assert!(error.message().contains("20"), "{error}");
    all.pop();
    assert_eq!(set.iter().unwrap().count(), 10_000);
    assert!(all.iter_mut().all(|elements| elements.next().unwrap().unwrap() == 0));
}
