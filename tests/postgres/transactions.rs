//! Who waits for whom, and what conflicts.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use persistent_collections::{Access, Dict, Environment, Status, Wait};

use crate::common::status;
use crate::server::{SERVER, open, open_with, options, schema};

/// Opens the same schema twice, as two processes would: the URLs differ, so the pools do, too.
fn two(parameters: &str) -> [Environment; 2] {
    let schema = schema();
    ["a", "b"].map(|name| {
        let url = SERVER.with(&format!("schema={schema}&application_name={name}{parameters}"));
        Environment::open(url, &options()).unwrap()
    })
}

/// A body that reads, is overtaken by a write without a transaction and then writes failed with SQLSTATE 40001.
#[test]
fn a_write_outside_waits_for_a_transaction_that_has_read() {
    let [env, other] = two("");
    let (dict, same) =
        (Dict::<i64, i64>::open(&env, "d").unwrap(), Dict::<i64, i64>::open(&other, "d").unwrap());
    dict.put(&1, &1).unwrap();
    let txn = env.begin_write().unwrap();
    let read = dict.get(&1).unwrap().unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| same.increment(&1, 100).unwrap());
        wait_until_blocked();
        dict.put(&1, &(read + 1)).unwrap();
        txn.commit().unwrap();
        assert_eq!(writer.join().unwrap(), 102);
    });
    assert_eq!(dict.get(&1).unwrap(), Some(102));
}

#[test]
fn a_transaction_waits_for_a_write_outside_that_came_first() {
    let [env, other] = two("");
    let (dict, same) =
        (Dict::<i64, i64>::open(&env, "d").unwrap(), Dict::<i64, i64>::open(&other, "d").unwrap());
    dict.put(&1, &1).unwrap();
    for n in 0..50 {
        thread::scope(|scope| {
            scope.spawn(|| same.put(&2, &n).unwrap());
            let txn = env.begin_write().unwrap();
            let read = dict.get(&2).unwrap();
            dict.put(&1, &read.unwrap_or(-1)).unwrap();
            txn.commit().unwrap();
        });
    }
    assert_eq!(dict.get(&2).unwrap(), Some(49));
}

/// Waits until a session of the server waits for a lock.
fn wait_until_blocked() {
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while SERVER.sql(waits) == "0" {
        thread::yield_now();
    }
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let [env, other] = two("");
    let _txn = env.begin_write().unwrap();
    let dict = Dict::<i64, i64>::open_existing(&other, "none");
    assert_eq!(status(dict.map(drop)), Status::NoCollection);
    for wait in [Wait::For(Duration::ZERO), Wait::For(Duration::from_millis(50))] {
        let error = other.begin(Access::Write, wait).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::Busy);
        assert!(error.message().contains("(a) has held it since"), "{error}");
    }
}

#[test]
fn a_snapshot_sees_the_moment_of_its_begin() {
    let [env, other] = two("");
    let (dict, same) =
        (Dict::<i64, i64>::open(&env, "d").unwrap(), Dict::<i64, i64>::open(&other, "d").unwrap());
    dict.put(&1, &1).unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    same.put(&1, &2).unwrap();
    same.clear().unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    assert_eq!(dict.iter().unwrap().count(), 1);
    drop(snapshot);
    assert_eq!(dict.get(&1).unwrap(), None);
}

#[test]
fn an_iterator_sees_the_moment_of_its_begin() {
    let env = open();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    let records: Vec<(i64, i64)> = (0..20_000).map(|n| (n, n)).collect();
    dict.put_many(records.iter().map(|(k, v)| (k, v))).unwrap();
    let mut walk = dict.iter().unwrap();
    assert_eq!(walk.next().unwrap().unwrap(), (0, 0));
    dict.clear().unwrap();
    assert_eq!(walk.count(), 19_999);
    assert!(dict.is_empty().unwrap());
}

/// An error of the server ends a transaction, and the library promises that an overflow does not.
#[test]
fn bad_input_leaves_a_transaction_usable() {
    let env = open();
    let small = Dict::<i8, i8>::open(&env, "small").unwrap();
    let any = Dict::<String, persistent_collections::Value>::open(&env, "any").unwrap();
    let txn = env.begin_write().unwrap();
    small.put(&1, &127).unwrap();
    assert_eq!(status(small.increment(&1, 1)), Status::Overflow);
    assert_eq!(status(small.increment(&1, i64::MIN)), Status::Overflow);
    assert_eq!(status(small.increment(&2, 128)), Status::Overflow);
    any.put("text", &persistent_collections::Value::Str("no number".into())).unwrap();
    assert_eq!(status(any.increment("text", 1)), Status::TypeMismatch);
    assert_eq!(small.increment(&1, -300 + 45).unwrap(), -128);
    txn.commit().unwrap();
    assert_eq!(small.get(&1).unwrap(), Some(-128));
}

#[test]
fn integers_of_every_type_are_added_on_the_server() {
    let env = open();
    macro_rules! check {
        ($($ty:ident),*) => {$(
            let dict = Dict::<i64, $ty>::open(&env, stringify!($ty)).unwrap();
            for (key, start) in [(1, $ty::MIN), (2, $ty::MAX), (3, 0), (4, 1), (5, $ty::MAX / 3)] {
                dict.put(&key, &start).unwrap();
                for by in [0, 1, -1, 2, -3, 100, -128, 127, i64::MIN, i64::MAX] {
                    let expected = (i128::from(start)).checked_add(i128::from(by))
                        .and_then(|sum| i64::try_from(sum).ok())
                        .filter(|sum| $ty::try_from(*sum).is_ok());
                    match expected {
                        Some(sum) => {
                            assert_eq!(dict.increment(&key, by).unwrap(), sum, "{start} + {by}");
                            assert_eq!(dict.get(&key).unwrap(), $ty::try_from(sum).ok());
                            dict.put(&key, &start).unwrap();
                        }
                        None => assert_eq!(status(dict.increment(&key, by)), Status::Overflow, "{start} + {by}"),
                    }
                }
            }
        )*};
    }
    check!(i8, i16, i32, i64, u8, u16, u32, u64);
}

/// Two sums that read each other's collection: without serializable transactions both would succeed.
#[test]
fn with_many_writers_a_conflict_is_reported_and_the_function_runs_again() {
    let [env, other] = two("&writers=many");
    let (dict, same) =
        (Dict::<i64, i64>::open(&env, "d").unwrap(), Dict::<i64, i64>::open(&other, "d").unwrap());
    dict.put(&1, &1).unwrap();
    dict.put(&2, &1).unwrap();
    let barrier = Barrier::new(2);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = |env: &Environment, dict: &Dict<i64, i64>, from: i64, to: i64| {
            let txn = env.begin_write()?;
            let read = dict.get(&from)?.unwrap();
            barrier.wait();
            dict.put(&to, &(read + 1))?;
            txn.commit()
        };
        let one = scope.spawn(move || run(&env, &dict, 1, 2));
        let two = scope.spawn(move || run(&other, &same, 2, 1));
        [one.join().unwrap(), two.join().unwrap()].into()
    });
    let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(!failed.is_empty(), "both transactions succeeded");
    assert!(failed.iter().all(|error| error.status() == Status::Conflict), "{failed:?}");
}

#[test]
fn with_many_writers_functions_that_conflict_all_succeed_in_the_end() {
    let [env, other] = two("&writers=many");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &0).unwrap();
    thread::scope(|scope| {
        for env in [&env, &env, &other, &other] {
            scope.spawn(move || {
                let dict = Dict::<i64, i64>::open(env, "d").unwrap();
                for _ in 0..25 {
                    env.transaction(|| {
                        let read = dict.get(&1)?.unwrap();
                        dict.put(&1, &(read + 1))
                    })
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(dict.get(&1).unwrap(), Some(100));
}

#[test]
fn a_collection_that_is_dropped_and_made_again_is_found() {
    let [env, other] = two("");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    assert!(other.drop_collection("d").unwrap());
    assert_eq!(status(dict.get(&1)), Status::NoCollection);
    assert_eq!(status(dict.put(&1, &1)), Status::NoCollection);
    let txn = env.begin_write().unwrap();
    assert_eq!(status(dict.get(&1)), Status::NoCollection);
    let made = Dict::<i64, i64>::open(&env, "other").unwrap();
    made.put(&1, &5).unwrap();
    txn.commit().unwrap();
    assert_eq!(made.get(&1).unwrap(), Some(5));
    Dict::<i64, i64>::open(&other, "d").unwrap().put(&1, &2).unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(2));
    other.drop_collection("d").unwrap();
    Dict::<i64, String>::open(&other, "d").unwrap();
    assert_eq!(status(dict.get(&1)), Status::TypeMismatch);
}

#[test]
fn pool_and_server_wait_no_longer_than_the_write_timeout() {
    let env = open_with("");
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    let url = SERVER.with(&format!("schema={}&application_name=c", schema_of(&env)));
    let patient = options().write_timeout(Duration::from_millis(300));
    let other = Environment::open(url, &patient).unwrap();
    let same = Dict::<i64, i64>::open(&other, "d").unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&1, &1).unwrap();
    let begun = Instant::now();
    assert_eq!(status(same.put(&2, &2)), Status::Busy);
    assert_eq!(status(other.begin_write().map(drop)), Status::Busy);
    assert!(begun.elapsed() < Duration::from_secs(20));
    txn.commit().unwrap();
    same.put(&2, &2).unwrap();
}

fn schema_of(env: &Environment) -> String {
    let path = env.path().to_str().unwrap();
    path.split("schema=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}
