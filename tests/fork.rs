//! Inherited objects in a child of `fork`, through the Rust API: their use is refused, and does not affect the parent's,
//! not even when the child drops them.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{in_child, options, scratch, status};
use persistent_collections::{Dict, Environment, Status};

#[test]
fn inherited_objects_are_refused_and_the_child_opens_its_own() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    let good = in_child(|| {
        assert_eq!(status(dict.get(&1)), Status::Forked);
        assert_eq!(status(dict.put(&1, &2)), Status::Forked);
        assert_eq!(status(s.env.begin_write()), Status::Forked);
        assert_eq!(status(s.env.info()), Status::Forked);
        let env = Environment::open(s.env.path(), &options()).unwrap();
        let own = Dict::<i64, i64>::open(&env, "dict").unwrap();
        own.put(&2, &own.get(&1).unwrap().unwrap()).unwrap();
    });
    assert!(good);
    assert_eq!(dict.get(&2).unwrap(), Some(1));
}

/// The environment was not used yet, so the child has the last reference to it, and would close it.
#[test]
fn an_environment_that_a_child_drops_stays_the_parents() {
    let dir = tempfile::tempdir().unwrap();
    let flushing = options().flush_interval(Duration::from_secs(3600));
    let mut env = Some(Environment::open(dir.path().join("data"), &flushing).unwrap());
    assert!(in_child(|| drop(env.take())));
    let env = env.unwrap();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
}

#[test]
fn a_snapshot_that_a_child_drops_stays_the_parents() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "dict").unwrap();
    for key in 0..1000 {
        dict.put(&key, &key).unwrap();
    }
    let mut entries = Some(dict.iter().unwrap());
    let held = |env: &Environment| {
        env.readers()
            .unwrap()
            .iter()
            .filter(|reader| reader.commit.is_some())
            .map(|reader| reader.commit)
            .collect()
    };
    let before: Vec<_> = held(&s.env);
    assert_eq!(before.len(), 1);
    assert!(in_child(|| drop(entries.take())));
    assert_eq!(held(&s.env), before, "its slot is still taken");
    dict.clear().unwrap();
    assert_eq!(entries.unwrap().map(Result::unwrap).count(), 1000);
}

#[test]
fn a_write_transaction_that_a_child_ends_stays_the_parents() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "dict").unwrap();
    let mut txn = Some(s.env.begin_write().unwrap());
    dict.put(&1, &1).unwrap();
    let good = in_child(|| {
        assert_eq!(status(txn.take().unwrap().commit()), Status::Forked);
        let at_once = options().write_timeout(Duration::ZERO);
        let env = Environment::open(s.env.path(), &at_once).unwrap();
        let error = env.begin_write().unwrap_err();
        assert_eq!(error.status(), Status::Busy);
        // SAFETY: it has no preconditions.
        let parent = format!("process {} ", unsafe { libc::getppid() });
        assert!(error.message().contains(&parent), "{error}");
    });
    assert!(good);
    dict.put(&2, &2).unwrap();
    txn.unwrap().commit().unwrap();
    assert_eq!(dict.len().unwrap(), 2);
}

/// At the moment of the fork, a thread of the parent holds a lock of the whole process.
#[test]
fn an_opening_in_a_child_does_not_wait_for_the_parents_threads() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..2 {
            let (s, done) = (&s, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    drop(Environment::open(s.dir.path().join(format!("other{n}")), &options()).unwrap());
                }
            });
        }
        for _ in 0..20 {
            assert!(in_child(|| {
                let env = Environment::open(s.env.path(), &options()).unwrap();
                assert_eq!(Dict::<i64, i64>::open(&env, "dict").unwrap().get(&1).unwrap(), Some(1));
            }));
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// The library's locks kept the waiting threads of the whole process in one table. A child inherited it, with the
/// parent's threads, and crashed or hung at its own first wait.
#[test]
fn a_child_of_a_process_whose_threads_wait() {
    let (busy, mine) = ([(); 4].map(|()| scratch()), scratch());
    let dicts: Vec<_> = busy.iter().map(|s| Dict::<i64, i64>::open(&s.env, "dict").unwrap()).collect();
    let txns: Vec<_> = busy.iter().map(|s| s.env.begin_write().unwrap()).collect();
    std::thread::scope(|scope| {
        for dict in &dicts {
            scope.spawn(|| dict.put(&1, &1).unwrap());
        }
        for _ in 0..20 {
            assert!(in_child(|| {
                let env = mine.env.reopen().unwrap();
                let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
                std::thread::scope(|scope| {
                    for n in 1..=8 {
                        let (env, dict) = (&env, &dict);
                        scope.spawn(move || {
                            for _ in 0..20 {
                                env.transaction(|| dict.increment(&0, 1)).unwrap();
                                dict.put(&n, &n).unwrap();
                            }
                        });
                    }
                });
            }));
        }
        for txn in txns {
            txn.commit().unwrap();
        }
    });
    assert!(dicts.iter().all(|dict| dict.get(&1).unwrap() == Some(1)));
    let own = Dict::<i64, i64>::open(&mine.env, "dict").unwrap();
    assert_eq!((own.get(&0).unwrap(), own.len().unwrap()), (Some(20 * 8 * 20), 9));
}
