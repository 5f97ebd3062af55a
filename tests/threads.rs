//! Many threads on one environment.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{options, scratch, status};
use persistent_collections::{Dict, Environment, Error, Set, Status};

#[test]
fn increments_by_many_threads_lose_none() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "counts").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..250).for_each(|_| assert!(dict.increment("n", 1).unwrap() > 0)));
        }
    });
    assert_eq!(dict.get("n").unwrap(), Some(2000));
}

#[test]
fn readers_see_transactions_whole() {
    let s = scratch();
    let left = Dict::<i64, i64>::open(&s.env, "left").unwrap();
    let right = Dict::<i64, i64>::open(&s.env, "right").unwrap();
    s.env.transaction(|| left.put(&0, &100).and_then(|()| right.put(&0, &0))).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let sum = s
                        .env
                        .snapshot(|| Ok::<_, Error>(left.get(&0)?.unwrap() + right.get(&0)?.unwrap()))
                        .unwrap();
                    assert_eq!(sum, 100);
                }
            });
        }
        for n in 0..500 {
            s.env
                .transaction(|| left.increment(&0, -n % 7).and_then(|_| right.increment(&0, n % 7)))
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn an_iterator_may_move_to_another_thread() {
    let s = scratch();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    set.add_many(&(0..1000).collect::<Vec<_>>()).unwrap();
    let mut elements = set.iter().unwrap();
    assert_eq!(elements.next().unwrap().unwrap(), 0);
    let rest = std::thread::spawn(move || elements.map(Result::unwrap).sum::<i64>()).join().unwrap();
    assert_eq!(rest, (1..1000).sum());
}

#[test]
fn an_iterator_of_a_transaction_stays_with_its_thread() {
    let s = scratch();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    set.add(&1).unwrap();
    let txn = s.env.begin_write().unwrap();
    let mut elements = set.iter().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(status(elements.next().unwrap()), Status::WrongThread));
    });
    txn.commit().unwrap();
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "reader slots")]
fn reader_slots_of_idle_threads_are_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("data"), &options().max_readers(4)).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    let (read, end) = (Barrier::new(17), Barrier::new(17));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                // Checked last: a thread that failed here would keep the others waiting.
                let found = dict.get(&1);
                read.wait();
                end.wait();
                assert_eq!(found.unwrap(), Some(1));
            });
        }
        read.wait();
        assert_eq!(dict.get(&1).unwrap(), Some(1));
        end.wait();
    });
    let iterators: Vec<_> = (0..4).map(|_| dict.iter()).collect();
    assert!(iterators.iter().all(Result::is_ok));
    let error = dict.iter().err().unwrap();
    assert_eq!(error.status(), Status::ReadersFull);
    assert!(error.message().contains("max_readers"), "{error}");
    drop(iterators);
    assert_eq!(dict.iter().unwrap().count(), 1);
}

/// With more threads than reader slots, a read failed with "all 4 reader slots are taken by open snapshots and iterators"
/// whenever the threads that had the slots were in the middle of a read.
#[test]
fn more_threads_than_reader_slots_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("data"), &options().max_readers(2)).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    let snapshot = dict.iter().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (env, dict) = (&env, &dict);
            scope.spawn(move || {
                for i in 0..100 {
                    assert_eq!(dict.get(&1).unwrap(), Some(1));
                    let own = Dict::<i64, i64>::open(env, &format!("dict {thread} {}", i % 10)).unwrap();
                    own.put(&1, &i).unwrap();
                    assert_eq!(own.get(&1).unwrap(), Some(i));
                }
            });
        }
    });
    assert_eq!(snapshot.count(), 1);
}

#[test]
fn threads_that_end_give_their_slots_back() {
    let dir = tempfile::tempdir().unwrap();
    // More slots than threads, so that no thread lacks a slot, which would reclaim those of idle threads.
    let env = Environment::open(dir.path().join("data"), &options().max_readers(200)).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    for _ in 0..100 {
        std::thread::scope(|scope| {
            // Joined explicitly: the scope's end does not wait for the destructors of a thread.
            scope.spawn(|| assert_eq!(dict.get(&1).unwrap(), Some(1))).join().unwrap();
        });
    }
    assert!(env.info().unwrap().readers <= 2);
}
