//! Group commit: writes of several threads that arrive together share a transaction and its syncs.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Barrier;

use common::{scratch, status};
use persistent_collections::{Dict, Environment, Options, Set, Status, Value};

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "group commit")]
fn writes_that_arrive_together_share_transactions() {
    let dir = tempfile::tempdir().unwrap();
    // Durable, so that others arrive while one waits for the disk.
    let env = Environment::open(dir.path().join("data"), &Options::default()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    let (threads, writes) = (16_i64, 40);
    let before = env.info().unwrap().last_commit;
    let begin = Barrier::new(16);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (dict, begin) = (&dict, &begin);
            scope.spawn(move || {
                begin.wait();
                for n in 0..writes {
                    let key = thread * writes + n;
                    dict.put(&key, &-key).unwrap();
                    assert_eq!(dict.get(&key).unwrap(), Some(-key), "it is there when the call returns");
                }
            });
        }
    });
    let all = u64::try_from(threads * writes).unwrap();
    assert_eq!(dict.len().unwrap(), all);
    let transactions = env.info().unwrap().last_commit - before;
    assert!(transactions < all / 2, "{transactions} transactions for {all} writes");
}

#[test]
fn a_bad_write_fails_alone() {
    let s = scratch();
    let numbers = Dict::<String, i64>::open(&s.env, "numbers").unwrap();
    let anything = Dict::<String, Value>::open(&s.env, "anything").unwrap();
    numbers.put("full", &i64::MAX).unwrap();
    anything.put("text", &Value::from("no number")).unwrap();
    let begin = Barrier::new(9);
    std::thread::scope(|scope| {
        for thread in 0..9 {
            let (numbers, anything, begin) = (&numbers, &anything, &begin);
            scope.spawn(move || {
                begin.wait();
                for _ in 0..300 {
                    match thread % 3 {
                        0 => assert!(numbers.increment("n", 1).unwrap() > 0),
                        1 => assert_eq!(status(numbers.increment("full", 1)), Status::Overflow),
                        _ => assert_eq!(status(anything.increment("text", 1)), Status::TypeMismatch),
                    }
                }
            });
        }
    });
    assert_eq!(numbers.get("n").unwrap(), Some(900));
    assert_eq!(numbers.get("full").unwrap(), Some(i64::MAX));
}

#[test]
fn collections_made_by_many_threads_at_once_do_not_mix() {
    let s = scratch();
    let begin = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let (env, begin) = (&s.env, &begin);
            scope.spawn(move || {
                begin.wait();
                for n in 0..20 {
                    // Two threads create every name at the same time.
                    let set = Set::<i64>::open(env, &format!("s{}", n * 4 + thread % 4)).unwrap();
                    set.add(&(n * 8 + thread)).unwrap();
                }
            });
        }
    });
    assert_eq!(s.env.collections().unwrap().len(), 80);
    for n in 0..20 {
        for name in 0..4 {
            let set = Set::<i64>::open_existing(&s.env, &format!("s{}", n * 4 + name)).unwrap();
            let elements: Vec<i64> = set.iter().unwrap().map(Result::unwrap).collect();
            assert_eq!(elements, [n * 8 + name, n * 8 + name + 4]);
        }
    }
}

#[test]
fn a_thread_with_a_suspended_transaction_gets_an_error_and_does_not_wait() {
    use persistent_collections::ffi::{
        PC_ERR_BUSY, PC_OK, PC_TXN_WRITE, pc_env, pc_env_close, pc_env_open, pc_set, pc_set_add, pc_set_open,
        pc_txn, pc_txn_begin, pc_txn_commit, pc_txn_set_current,
    };
    let dir = tempfile::tempdir().unwrap();
    let path = std::ffi::CString::new(dir.path().join("data").to_str().unwrap()).unwrap();
    let (mut env, mut set, mut txn) = (pc_env { id: 0 }, pc_set { id: 0 }, pc_txn { id: 0 });
    // SAFETY: every pointer is valid for its call.
    unsafe {
        assert_eq!(pc_env_open(path.as_ptr(), std::ptr::null(), &raw mut env), PC_OK);
        assert_eq!(pc_set_open(env, c"s".as_ptr(), c"str".as_ptr(), 0, &raw mut set), PC_OK);
        assert_eq!(pc_txn_begin(env, PC_TXN_WRITE, 0, &raw mut txn), PC_OK);
        let none = std::ptr::null_mut();
        assert_eq!(pc_txn_set_current(env, pc_txn { id: 0 }, none), PC_OK);
        assert_eq!(pc_set_add(set, c"a".as_ptr().cast(), 1), PC_ERR_BUSY);
        assert_eq!(pc_txn_set_current(env, txn, none), PC_OK);
        assert_eq!(pc_set_add(set, c"a".as_ptr().cast(), 1), PC_OK);
    }
    assert_eq!(pc_txn_commit(txn), PC_OK);
    assert_eq!(pc_env_close(env), PC_OK);
}
