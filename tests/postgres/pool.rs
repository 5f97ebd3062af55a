//! Connections, threads and forks.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use persistent_collections::{Dict, Environment, Status};

use crate::common::{in_child, status};
use crate::server::{SERVER, open, open_with, options, schema};

#[test]
fn a_hundred_threads_share_two_connections() {
    let env = open_with("&pool=2");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    thread::scope(|scope| {
        for thread in 0..100 {
            let (env, dict) = (&env, &dict);
            scope.spawn(move || {
                for n in 0..5 {
                    dict.put(&(thread * 10 + n), &n).unwrap();
                    assert_eq!(dict.get(&(thread * 10 + n)).unwrap(), Some(n));
                }
                env.transaction(|| dict.increment(&-1, 1)).unwrap();
            });
        }
    });
    assert_eq!(dict.get(&-1).unwrap(), Some(100));
    assert_eq!(dict.len().unwrap(), 501);
}

#[test]
fn an_exhausted_pool_names_what_is_held() {
    let patient = options().write_timeout(Duration::from_millis(100));
    let env = Environment::open(SERVER.with(&format!("schema={}&pool=2", schema())), &patient).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    let records: Vec<(i64, i64)> = (0..10_000).map(|n| (n, n)).collect();
    dict.put_many(records.iter().map(|(k, v)| (k, v))).unwrap();
    let walk = dict.iter().unwrap();
    let _snapshot = env.begin_snapshot().unwrap();
    let error = thread::scope(|scope| scope.spawn(|| dict.get(&1).unwrap_err()).join().unwrap());
    assert_eq!(error.status(), Status::Busy);
    for part in ["2 connections", "1 snapshot", "1 iterator", "pool="] {
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(walk.count(), 10_000);
}

#[test]
fn a_range_of_one_page_holds_no_connection() {
    let env = open_with("&pool=1");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    dict.put(&2, &2).unwrap();
    for entry in dict.iter().unwrap() {
        let (key, value) = entry.unwrap();
        dict.put(&key, &(value + 1)).unwrap();
    }
    assert_eq!(dict.get(&2).unwrap(), Some(3));
}

#[test]
fn many_first_openings_at_once_make_one_environment() {
    let schema = schema();
    let barrier = Barrier::new(48);
    thread::scope(|scope| {
        for n in 0..48_i64 {
            let (schema, barrier) = (&schema, &barrier);
            scope.spawn(move || {
                // Each as a process of its own would: the name makes the URL another one.
                let url = SERVER.with(&format!("schema={schema}&pool=2&application_name=n{n}"));
                barrier.wait();
                let env = Environment::open(url, &options()).unwrap();
                let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
                dict.put(&n, &n).unwrap();
            });
        }
    });
    let env = Environment::open(SERVER.with(&format!("schema={schema}")), &options()).unwrap();
    assert_eq!(Dict::<i64, i64>::open(&env, "d").unwrap().len().unwrap(), 48);
    assert_eq!(env.collections().unwrap().len(), 1);
}

#[test]
fn a_child_of_a_fork_opens_its_own_connections() {
    let env = open();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&2, &2).unwrap();
    let is_good = in_child(|| {
        assert_eq!(status(dict.get(&1)), Status::Forked);
        let own = env.reopen().unwrap();
        let same = Dict::<i64, i64>::open(&own, "d").unwrap();
        assert_eq!(same.get(&1).unwrap(), Some(1));
        assert_eq!(same.get(&2).unwrap(), None);
    });
    assert!(is_good);
    // The child's end has not ended the parent's session.
    dict.put(&3, &3).unwrap();
    txn.commit().unwrap();
    assert_eq!(dict.len().unwrap(), 3);
}

#[test]
fn forks_at_any_moment_leave_the_parent_alone() {
    let env = open_with("&pool=4");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    thread::scope(|scope| {
        for thread in 0..3 {
            let dict = &dict;
            scope.spawn(move || {
                for n in 0..200 {
                    dict.put(&(thread * 1000 + n), &n).unwrap();
                }
            });
        }
        for _ in 0..10 {
            assert!(in_child(|| {
                let own = env.reopen().unwrap();
                assert!(Dict::<i64, i64>::open(&own, "d").unwrap().len().unwrap() <= 600);
            }));
        }
    });
    assert_eq!(dict.len().unwrap(), 600);
}

#[test]
fn a_second_opening_of_the_same_url_is_the_same_environment() {
    let url = SERVER.with(&format!("schema={}", schema()));
    let env = Environment::open(&url, &options()).unwrap();
    let again = Environment::open(&url, &options()).unwrap();
    let differs = Environment::open(&url, &options().read_only(true));
    assert_eq!(status(differs), Status::OptionsDiffer);
    drop(env);
    Dict::<i64, i64>::open(&again, "d").unwrap().put(&1, &1).unwrap();
}

#[test]
fn a_thread_that_ends_in_a_transaction_gives_its_connection_back() {
    let env = open_with("&pool=1");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let txn = env.begin_write().unwrap();
            dict.put(&1, &1).unwrap();
            std::mem::forget(txn);
        });
    });
    assert_eq!(dict.get(&1).unwrap(), None);
    dict.put(&1, &2).unwrap();
}
