//! Interrupting a wait for the write lock.
//!
//! A program waited for the lock in a call of this library, and Ctrl-C took effect only when the lock was granted: the
//! language's runtime handles signals only in its own code.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::{Scratch, in_child, options, pipe, scratch, status};
use persistent_collections::{Dict, Environment, Error, Status, set_interrupt};

/// Runs `call` on a thread whose waits are interrupted at the second check. Returns its outcome.
fn interrupted<R: Send>(call: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let asked = Rc::new(Cell::new(0));
            set_interrupt(Some(Box::new(move || {
                asked.set(asked.get() + 1);
                asked.get() >= 2
            })));
            let begun = Instant::now();
            let outcome = call();
            assert!(begun.elapsed() < Duration::from_secs(30), "it did not wait for the lock");
            set_interrupt(None);
            outcome
        });
        waiting.join().unwrap()
    })
}

type Call<'c> = &'c (dyn Fn() -> Result<(), Error> + Sync);

/// Tries every kind of call that waits for the lock while it is held, and then again when it is free.
fn each_wait_is_interrupted(env: &Environment, dict: &Dict<String, i64>, while_held: impl FnOnce(&dyn Fn())) {
    let begin = || env.begin_write().map(drop);
    let put = || dict.put("waited", &1);
    let take = || dict.take("waited").map(drop);
    let make = || Dict::<String, i64>::open(env, "new").map(drop);
    let remove = || env.drop_collection("dict").map(drop);
    let all: [Call<'_>; 5] = [&begin, &put, &take, &make, &remove];
    while_held(&|| {
        for (index, call) in all.iter().enumerate() {
            assert_eq!(status(interrupted(call)), Status::Interrupted, "call {index}");
        }
    });
    assert_eq!(dict.get("waited").unwrap(), None, "nothing was written");
    put().unwrap();
    begin().unwrap();
    assert_eq!(env.collections().unwrap().len(), 1);
}

#[test]
fn a_wait_for_another_thread_is_interrupted() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    each_wait_is_interrupted(&env, &dict, |try_all| {
        let txn = env.begin_write().unwrap();
        try_all();
        txn.abort().unwrap();
    });
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "processes")]
fn a_wait_for_another_process_is_interrupted() {
    let Scratch { env, dir } = scratch();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    let (mut ready, mut go) = pipe();
    let (mut over, end) = pipe();
    each_wait_is_interrupted(&env, &dict, |try_all| {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                assert!(in_child(|| {
                    let env = Environment::open(dir.path().join("data"), &options()).unwrap();
                    let txn = env.begin_write().unwrap();
                    go.write_all(b"x").unwrap();
                    over.read_exact(&mut [0]).unwrap();
                    txn.abort().unwrap();
                }));
            });
            ready.read_exact(&mut [0]).unwrap();
            try_all();
            (&end).write_all(b"x").unwrap();
            other.join().unwrap();
        });
    });
}

/// Writes that arrive together share a transaction. One that leaves the queue must not remove another one.
#[test]
fn a_write_that_waits_behind_another_is_interrupted_alone() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    let txn = env.begin_write().unwrap();
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| dict.put("leader", &1));
        let followers: Vec<_> = (0..4)
            .map(|number| {
                let dict = &dict;
                scope.spawn(move || {
                    if number % 2 == 0 {
                        interrupted(|| dict.put(&format!("interrupted {number}"), &1))
                    } else {
                        dict.put(&format!("patient {number}"), &1)
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = followers
            .into_iter()
            .enumerate()
            .map(|(number, follower)| {
                // The others wait for the transaction below, which waits for these here.
                if number % 2 == 0 { Ok(status(follower.join().unwrap())) } else { Err(follower) }
            })
            .collect();
        txn.abort().unwrap();
        leader.join().unwrap().unwrap();
        for outcome in outcomes {
            match outcome {
                Ok(interrupted) => assert_eq!(interrupted, Status::Interrupted),
                Err(patient) => patient.join().unwrap().unwrap(),
            }
        }
    });
    let keys: Vec<String> = dict.iter().unwrap().map(|entry| entry.unwrap().0).collect();
    assert_eq!(keys, ["leader", "patient 1", "patient 3"]);
}

#[test]
fn a_call_that_does_not_wait_does_not_call_the_check() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    set_interrupt(Some(Box::new(|| true)));
    dict.put("a", &1).unwrap();
    env.transaction(|| dict.put("b", &2)).unwrap();
    assert_eq!(dict.len().unwrap(), 2);
    set_interrupt(None);
}

/// The check may use the library, as a signal handler does.
#[test]
fn the_check_may_use_the_environment() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    dict.put("a", &1).unwrap();
    let txn = env.begin_write().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let (own, seen) = (dict.clone(), Rc::new(Cell::new(None)));
            let tell = Rc::clone(&seen);
            set_interrupt(Some(Box::new(move || {
                tell.set(own.get("a").unwrap());
                true
            })));
            let refused = status(dict.put("b", &2));
            set_interrupt(None);
            (refused, seen.get())
        });
        assert_eq!(waiting.join().unwrap(), (Status::Interrupted, Some(1)));
    });
    txn.abort().unwrap();
}
