//! What each call costs: one round trip, unless it says otherwise.

use std::time::{Duration, Instant};

use persistent_collections::{Dict, Environment, Set};

use crate::proxy::Proxy;
use crate::server::{SERVER, options, schema};

/// An environment behind a proxy, with a dict and a set.
struct Counted {
    proxy: Proxy,
    env: Environment,
    dict: Dict<i64, i64>,
    set: Set<i64>,
}

fn counted(parameters: &str) -> Counted {
    let proxy = SERVER.proxy();
    let env = Environment::open(proxy.url(&format!("schema={}{parameters}", schema())), &options()).unwrap();
    let dict = Dict::open(&env, "dict").unwrap();
    let set = Set::open(&env, "set").unwrap();
    dict.put(&0, &0).unwrap();
    Counted { proxy, env, dict, set }
}

/// Fails unless `call` takes `expected` round trips.
#[track_caller]
fn takes<R>(proxy: &Proxy, expected: u64, what: &str, call: impl FnOnce() -> R) -> R {
    let (trips, result) = proxy.trips(call);
    assert_eq!(trips, expected, "round trips of {what}");
    result
}

#[test]
fn a_call_on_one_record_is_one_round_trip() {
    let Counted { proxy, env, dict, set } = counted("");
    takes(&proxy, 1, "get", || dict.get(&0).unwrap());
    takes(&proxy, 1, "get of an absent key", || dict.get(&-1).unwrap());
    takes(&proxy, 1, "contains", || dict.contains(&0).unwrap());
    takes(&proxy, 1, "put", || dict.put(&1, &1).unwrap());
    takes(&proxy, 1, "put_new", || dict.put_new(&2, &2).unwrap());
    takes(&proxy, 1, "put_new of a present key", || dict.put_new(&2, &2).unwrap());
    takes(&proxy, 1, "increment", || dict.increment(&3, 1).unwrap());
    takes(&proxy, 1, "take", || dict.take(&3).unwrap());
    takes(&proxy, 1, "take of an absent key", || dict.take(&3).unwrap());
    takes(&proxy, 1, "remove", || dict.remove(&2).unwrap());
    takes(&proxy, 1, "compare_exchange", || dict.compare_exchange(&1, Some(&1), Some(&5)).unwrap().is_done());
    takes(&proxy, 1, "compare_exchange that differs", || {
        dict.compare_exchange(&1, Some(&1), Some(&6)).unwrap().is_done()
    });
    takes(&proxy, 1, "compare_exchange of an absent key", || {
        dict.compare_exchange(&9, None, Some(&5)).unwrap().is_done()
    });
    takes(&proxy, 1, "first", || dict.first().unwrap());
    takes(&proxy, 1, "last", || dict.last().unwrap());
    takes(&proxy, 1, "len", || dict.len().unwrap());
    takes(&proxy, 1, "is_empty", || dict.is_empty().unwrap());
    takes(&proxy, 1, "add", || set.add(&1).unwrap());
    takes(&proxy, 1, "add of a present element", || set.add(&1).unwrap());
    takes(&proxy, 1, "clear", || set.clear().unwrap());
    takes(&proxy, 1, "list", || env.collections().unwrap());
    takes(&proxy, 1, "opening what exists", || Dict::<i64, i64>::open(&env, "dict").unwrap());
    takes(&proxy, 1, "drop", || env.drop_collection("set").unwrap());
    let (trips, ()) = proxy.trips(|| drop(Dict::<i64, i64>::open(&env, "new").unwrap()));
    assert!(trips <= 3, "creating took {trips} round trips");
}

#[test]
fn a_batch_is_one_round_trip() {
    let Counted { proxy, dict, .. } = counted("");
    let records: Vec<(i64, i64)> = (0..4096).map(|n| (n, n)).collect();
    let keys: Vec<i64> = (0..4096).collect();
    takes(&proxy, 1, "put_many", || dict.put_many(records.iter().map(|(k, v)| (k, v))).unwrap());
    let found = takes(&proxy, 1, "get_many", || dict.get_many(&keys).unwrap());
    assert!(found.iter().zip(&keys).all(|(found, key)| *found == Some(*key)));
    takes(&proxy, 1, "remove_many", || dict.remove_many(&keys).unwrap());
    let large: Vec<(i64, i64)> = (0..10_000).map(|n| (n, n)).collect();
    let (trips, ()) = proxy.trips(|| dict.put_many(large.iter().map(|(k, v)| (k, v))).unwrap());
    assert!(trips <= 3, "put_many of 10,000 took {trips} round trips");
    let keys: Vec<i64> = (0..10_000).collect();
    let (trips, found) = proxy.trips(|| dict.get_many(&keys).unwrap());
    assert!(trips <= 3, "get_many of 10,000 took {trips} round trips");
    assert_eq!(found.iter().flatten().count(), 10_000);
}

/// The end of a snapshot goes without an answer, so it is sent as a round trip that nobody waits for.
#[test]
fn a_range_of_one_page_is_one_round_trip_to_wait_for() {
    let Counted { proxy, dict, .. } = counted("");
    let records: Vec<(i64, i64)> = (0..500).map(|n| (n, n)).collect();
    dict.put_many(records.iter().map(|(k, v)| (k, v))).unwrap();
    let delay = Duration::from_millis(50);
    proxy.delay(delay);
    let begun = Instant::now();
    assert_eq!(dict.range(&100..&200).unwrap().count(), 100);
    assert_eq!(dict.iter().unwrap().count(), 500);
    let elapsed = begun.elapsed();
    assert!(elapsed >= 4 * delay && elapsed < 6 * delay, "two calls took {elapsed:?}");
}

#[test]
fn transactions_begin_and_end_in_one_round_trip_each() {
    let Counted { proxy, env, dict, .. } = counted("");
    let snapshot = takes(&proxy, 1, "begin of a snapshot", || env.begin_snapshot().unwrap());
    takes(&proxy, 1, "the first get in a snapshot", || dict.get(&0).unwrap());
    takes(&proxy, 1, "a get in a snapshot", || dict.get(&0).unwrap());
    drop(snapshot);
    // Its end needs no answer, and comes before this on the same connection.
    dict.get(&0).unwrap();
    let txn = takes(&proxy, 1, "begin of a write", || env.begin_write().unwrap());
    takes(&proxy, 1, "the first put in a transaction", || dict.put(&1, &1).unwrap());
    takes(&proxy, 1, "a put in a transaction", || dict.put(&1, &2).unwrap());
    let inner = takes(&proxy, 0, "begin of a nested transaction", || env.begin_write().unwrap());
    takes(&proxy, 1, "a put in a nested transaction", || dict.put(&1, &3).unwrap());
    takes(&proxy, 0, "commit of a nested transaction", || inner.commit().unwrap());
    takes(&proxy, 1, "commit", || txn.commit().unwrap());
    assert_eq!(dict.get(&1).unwrap(), Some(3));
}

/// A pooler may give each transaction another connection, so nothing is prepared, and each call brings its settings.
#[test]
fn behind_a_pooler_a_call_is_one_round_trip_too() {
    let Counted { proxy, env, dict, .. } = counted("&prepare=no");
    takes(&proxy, 1, "get", || dict.get(&0).unwrap());
    takes(&proxy, 1, "put", || dict.put(&1, &1).unwrap());
    assert_eq!(takes(&proxy, 1, "increment", || dict.increment(&1, 1).unwrap()), 2);
    let records: Vec<(i64, i64)> = (0..10_000).map(|n| (n, n)).collect();
    dict.put_many(records.iter().map(|(k, v)| (k, v))).unwrap();
    assert_eq!(dict.len().unwrap(), 10_000);
    let txn = env.begin_write().unwrap();
    dict.clear().unwrap();
    txn.abort().unwrap();
    assert_eq!(dict.iter().unwrap().count(), 10_000);
}
