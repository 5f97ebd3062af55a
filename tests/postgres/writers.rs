//! Several writers at once, beside a model.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use persistent_collections::{Dict, Environment, Exchange, Status};

use crate::proxy::Cut;
use crate::server::{SERVER, options, schema};

/// With plain statements, a compare-exchange answered "it is another value" with the expected value.
#[test]
fn a_compare_exchange_never_answers_with_the_expected_value() {
    for writers in ["one", "many"] {
        let schema = schema();
        let done = AtomicI64::new(0);
        thread::scope(|scope| {
            for n in 0..4 {
                let (schema, done) = (&schema, &done);
                scope.spawn(move || {
                    let url =
                        SERVER.with(&format!("schema={schema}&writers={writers}&application_name=n{n}"));
                    let env = Environment::open(url, &options()).unwrap();
                    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
                    let mut expected = None;
                    for _ in 0..200 {
                        let desired = expected.map_or(0, |n| n + 1);
                        match dict.compare_exchange(&1, expected.as_ref(), Some(&desired)).unwrap() {
                            Exchange::Done => {
                                done.fetch_add(1, Ordering::SeqCst);
                                expected = Some(desired);
                            }
                            Exchange::Differs(found) => {
                                assert_ne!(Some(found), expected);
                                expected = Some(found);
                            }
                            Exchange::Absent => panic!("nobody removes it"),
                        }
                    }
                });
            }
        });
        let env = Environment::open(SERVER.with(&format!("schema={schema}&writers={writers}")), &options())
            .unwrap();
        let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
        assert_eq!(dict.get(&1).unwrap(), Some(done.load(Ordering::SeqCst) - 1));
    }
}

#[test]
fn put_new_and_take_have_one_winner() {
    let schema = schema();
    let (put, taken) = (AtomicI64::new(0), AtomicI64::new(0));
    thread::scope(|scope| {
        for n in 0..4 {
            let (schema, put, taken) = (&schema, &put, &taken);
            scope.spawn(move || {
                let url = SERVER.with(&format!("schema={schema}&application_name=n{n}"));
                let env = Environment::open(url, &options()).unwrap();
                let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
                for n in 0..300_i64 {
                    put.fetch_add(i64::from(dict.put_new(&(n % 7), &n).unwrap()), Ordering::SeqCst);
                    taken.fetch_add(i64::from(dict.take(&(n % 5)).unwrap().is_some()), Ordering::SeqCst);
                }
            });
        }
    });
    let env = Environment::open(SERVER.with(&format!("schema={schema}")), &options()).unwrap();
    let left = Dict::<i64, i64>::open(&env, "d").unwrap().len().unwrap();
    let (put, taken) = (put.into_inner(), taken.into_inner());
    assert_eq!(put - taken, i64::try_from(left).unwrap());
}

/// Additions over connections that are cut: each that succeeded counts once, each of an unknown outcome once or not.
#[test]
fn additions_over_connections_that_are_cut_are_never_repeated() {
    let schema = schema();
    let (sure, unsure) = (AtomicI64::new(0), AtomicI64::new(0));
    thread::scope(|scope| {
        for n in 0..8_u64 {
            let (schema, sure, unsure) = (&schema, &sure, &unsure);
            scope.spawn(move || {
                let proxy = SERVER.proxy();
                let env = Environment::open(proxy.url(&format!("schema={schema}")), &options()).unwrap();
                let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
                for round in 0..40 {
                    if round % 4 == 0 {
                        let how =
                            if (round + n) % 8 < 4 { Cut::BeforeTheServer } else { Cut::AfterTheServer };
                        proxy.cut(round % 3, how);
                    }
                    match dict.increment(&1, 1) {
                        Ok(_) => sure.fetch_add(1, Ordering::SeqCst),
                        Err(error) => {
                            assert_eq!(error.status(), Status::CommitUnknown, "{error}");
                            unsure.fetch_add(1, Ordering::SeqCst)
                        }
                    };
                }
            });
        }
    });
    let env = Environment::open(SERVER.with(&format!("schema={schema}")), &options()).unwrap();
    let sum = Dict::<i64, i64>::open(&env, "d").unwrap().get(&1).unwrap().unwrap();
    let (sure, unsure) = (sure.into_inner(), unsure.into_inner());
    assert!(unsure > 0, "no connection was cut");
    assert!((sure..=sure + unsure).contains(&sum), "{sum} is not between {sure} and {}", sure + unsure);
}

/// Two batches whose keys come in different orders would wait for each other, if they were not sorted.
#[test]
fn batches_in_any_order_do_not_wait_for_each_other() {
    let schema = schema();
    thread::scope(|scope| {
        for n in 0..4_i64 {
            let schema = &schema;
            scope.spawn(move || {
                let url = SERVER.with(&format!("schema={schema}&application_name=n{n}"));
                let env = Environment::open(url, &options()).unwrap();
                let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
                let mut records: Vec<(i64, i64)> = (0..2000).map(|key| (key, n)).collect();
                if n % 2 == 0 {
                    records.reverse();
                }
                // The last of two values of a key is the one that stays.
                records.extend(records.clone());
                for _ in 0..5 {
                    dict.put_many(records.iter().map(|(k, v)| (k, v))).unwrap();
                }
            });
        }
    });
    let env = Environment::open(SERVER.with(&format!("schema={schema}")), &options()).unwrap();
    let values: BTreeSet<i64> =
        Dict::<i64, i64>::open(&env, "d").unwrap().values().unwrap().map(Result::unwrap).collect();
    assert_eq!(values.len(), 1, "batches were mixed: {values:?}");
}
