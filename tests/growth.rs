//! The memory map grows by itself.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Barrier;

use common::{options, status};
use persistent_collections::{Dict, Environment, Status};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

fn small() -> (TempDir, Environment) {
    let dir = tempfile::tempdir().unwrap();
    let options = options().map_size(MIB as u64);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    assert_eq!(env.info().unwrap().map_size, MIB as u64);
    (dir, env)
}

#[test]
fn single_writes_outgrow_any_map() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    for key in 0..2000 {
        dict.put(&key, &vec![key.to_le_bytes()[0]; 10_000]).unwrap();
    }
    assert!(env.info().unwrap().map_size >= 20 << 20);
    for key in 0..2000 {
        assert_eq!(dict.get(&key).unwrap().unwrap(), vec![key.to_le_bytes()[0]; 10_000]);
    }
}

#[test]
fn one_value_larger_than_the_map_fits() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    dict.put(&1, &vec![7; 30 * MIB]).unwrap();
    assert_eq!(dict.get(&1).unwrap().unwrap().len(), 30 * MIB);
}

#[test]
fn a_batch_larger_than_the_map_fits() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let value = vec![7; 1000];
    let keys: Vec<i64> = (0..20_000).collect();
    dict.put_many(keys.iter().map(|key| (key, value.as_slice()))).unwrap();
    assert_eq!(dict.len().unwrap(), 20_000);
}

#[test]
fn the_map_grows_before_a_write_where_less_than_a_quarter_is_free() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let sizes = || {
        let info = env.info().unwrap();
        (info.map_size, (info.pages_used + info.pages_free) * info.page_size)
    };
    for key in 0.. {
        let (map, used) = sizes();
        if used > map - map / 4 {
            break;
        }
        dict.put(&key, &[7; 10_000]).unwrap();
    }
    assert_eq!(sizes().0, MIB as u64, "nothing has outgrown it yet");
    let txn = env.begin_write().unwrap();
    assert_eq!(sizes().0, 2 * MIB as u64);
    dict.put(&-1, &vec![7; MIB / 2]).unwrap();
    txn.commit().unwrap();
}

#[test]
fn a_transaction_that_outgrows_the_map_is_doomed_and_fits_when_retried() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let fill = |count: i64| (0..count).try_for_each(|key| dict.put(&key, &[7; 10_000]));
    let txn = env.begin_write().unwrap();
    assert_eq!(status(fill(200)), Status::MapFull);
    assert_eq!(status(dict.get(&0)), Status::TxnFailed);
    assert_eq!(status(txn.commit()), Status::TxnFailed);
    assert!(dict.is_empty().unwrap());
    assert!(env.info().unwrap().map_size >= 2 * MIB as u64, "it has grown at once");

    let mut runs = 0;
    env.transaction(|| {
        runs += 1;
        fill(2000)
    })
    .unwrap();
    assert!(runs > 1);
    assert_eq!(dict.len().unwrap(), 2000);
}

#[test]
fn an_iterator_and_a_snapshot_survive_growth() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    for key in 0..500 {
        dict.put(&key, &[1; 500]).unwrap();
    }
    let mut entries = dict.iter().unwrap();
    assert_eq!(entries.next().unwrap().unwrap().0, 0);
    let (begun, grown) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let snapshot = env.begin_snapshot().unwrap();
            assert_eq!(dict.len().unwrap(), 500);
            begun.wait();
            grown.wait();
            assert_eq!(dict.len().unwrap(), 500);
            assert!(dict.iter().unwrap().all(|entry| entry.unwrap().1 == [1; 500]));
            snapshot.commit().unwrap();
        });
        begun.wait();
        for key in 0..3000 {
            dict.put(&key, &[2; 5000]).unwrap();
        }
        assert!(env.info().unwrap().map_size > 10 * MIB as u64);
        grown.wait();
    });
    let rest: Vec<(i64, Vec<u8>)> = entries.map(Result::unwrap).collect();
    assert_eq!(rest.len(), 499);
    assert!(rest.iter().all(|(_, value)| *value == [1; 500]));
}

#[test]
fn readers_continue_while_the_map_grows() {
    let (_dir, env) = small();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let steps = 300;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < steps {
                    let len = i64::try_from(dict.len().unwrap()).unwrap();
                    assert!(len >= seen);
                    seen = len;
                    if seen > 0 {
                        assert_eq!(dict.get(&(seen - 1)).unwrap().unwrap().len(), 40_000);
                    }
                    let first = dict.iter().unwrap().take(5).map(Result::unwrap).count();
                    assert!(first >= usize::try_from(seen.min(5)).unwrap());
                }
            });
        }
        for key in 0..steps {
            dict.put(&key, &vec![3; 40_000]).unwrap();
        }
    });
}
