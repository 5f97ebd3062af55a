//! Operations that read and write atomically: pop, retain, entries, compare and exchange.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Scratch, options, scratch, status};
use persistent_collections::{Dict, Environment, Exchange, Set, Status, Value};

/// The variable that gives the second process the environment's path.
const DIRECTORY: &str = "PC_WHOLE_OPERATIONS";
const ROUNDS: i64 = 200;

#[test]
fn pops_go_through_a_collection_from_either_end() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<i64, String>::open(env, "dict").unwrap();
    let set = Set::<String>::open(env, "set").unwrap();
    assert_eq!(
        (dict.pop_first(), dict.pop_last(), set.pop_first(), set.pop_last()),
        (Ok(None), Ok(None), Ok(None), Ok(None))
    );
    dict.extend([(-1, "a".to_owned()), (5, "b".to_owned()), (2, "c".to_owned())]).unwrap();
    set.add_many(["x", "y", "z"]).unwrap();
    assert_eq!(dict.pop_last().unwrap(), Some((5, "b".to_owned())));
    assert_eq!(dict.pop_first().unwrap(), Some((-1, "a".to_owned())));
    assert_eq!(set.pop_last().unwrap().as_deref(), Some("z"));
    assert_eq!(set.pop_first().unwrap().as_deref(), Some("x"));
    assert_eq!((dict.len().unwrap(), set.len().unwrap()), (1, 1));
    let txn = env.begin_write().unwrap();
    assert!(dict.pop_first().unwrap().is_some() && set.pop_first().unwrap().is_some());
    assert!(dict.is_empty().unwrap() && set.is_empty().unwrap());
    txn.abort().unwrap();
    assert_eq!((dict.len().unwrap(), set.len().unwrap()), (1, 1));
}

#[test]
fn threads_that_pop_get_each_record_once() {
    let Scratch { env, .. } = &scratch();
    let set = Set::<u32>::open(env, "set").unwrap();
    set.extend(0..400).unwrap();
    let popped = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (set, popped) = (&set, &popped);
            scope.spawn(move || {
                loop {
                    let element = if thread % 2 == 0 { set.pop_first() } else { set.pop_last() };
                    let Some(element) = element.unwrap() else { break };
                    popped.lock().unwrap().push(element);
                }
            });
        }
    });
    let popped = popped.into_inner().unwrap();
    assert_eq!(popped.len(), 400);
    assert_eq!(popped.into_iter().collect::<BTreeSet<_>>().len(), 400);
}

#[test]
fn retain_works_across_any_number_of_batches() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<String, u64>::open(env, "dict").unwrap();
    let set = Set::<String>::open(env, "set").unwrap();
    // 6 MB of keys: many batches of reading and of removing.
    let key = |n: u64| format!("{n:0200}");
    dict.extend((0..30_000).map(|n| (key(n), n))).unwrap();
    set.extend((0..1000).map(key)).unwrap();
    assert_eq!(dict.retain(|key, value| key.ends_with('7') || *value > 29_000).unwrap(), 29_001 - 2900);
    let left: Vec<u64> = dict.values().unwrap().collect::<Result<_, _>>().unwrap();
    let expected: Vec<u64> = (0..30_000).filter(|n| n % 10 == 7 || *n > 29_000).collect();
    assert_eq!(left, expected);
    assert_eq!(dict.retain(|_, _| true).unwrap(), 0);
    assert_eq!(set.retain(|element| element.ends_with("00")).unwrap(), 990);
    assert_eq!(set.retain(|_| false).unwrap(), 10);
    assert!(set.is_empty().unwrap());
}

#[test]
fn a_predicate_that_panics_removes_nothing() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<String, i64>::open(env, "dict").unwrap();
    dict.extend((0..10_000).map(|n| (format!("{n:0200}"), n))).unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        dict.retain(|_, value| {
            assert!(*value < 9000, "as wanted");
            false
        })
    }));
    assert!(outcome.is_err());
    assert_eq!(dict.len().unwrap(), 10_000);
    dict.put("after", &1).unwrap();
}

#[test]
fn an_entry_changes_a_present_value_and_inserts_an_absent_one() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<String, Vec<i64>>::open(env, "dict").unwrap();
    assert_eq!(dict.entry("a").and_modify(|list| list.push(1)).or_none().unwrap(), None);
    assert!(!dict.contains("a").unwrap());
    assert_eq!(dict.entry("a").or_default().unwrap(), Vec::<i64>::new());
    let more = 2;
    let both = dict.entry("a").and_modify(|list| list.push(1)).and_modify(|list| list.push(more));
    assert_eq!(both.or_insert(vec![9]).unwrap(), [1, 2]);
    assert_eq!(dict.get("a").unwrap().unwrap(), [1, 2]);
    assert_eq!(dict.entry("b").or_insert(vec![9]).unwrap(), [9]);
    assert_eq!(dict.entry("b").or_insert_with(|| panic!("it is there")).unwrap(), [9]);
    assert_eq!(dict.entry("b").or_none().unwrap(), Some(vec![9]));
    // Faults of keys and values are reported by the last call.
    let long = "x".repeat(2000);
    assert_eq!(status(dict.entry(&long).or_default()), Status::KeySize);
    let any = Dict::<String, Value>::open(env, "any").unwrap();
    any.put("k", &Value::from(1)).unwrap();
    let mut deep = Value::Null;
    for _ in 0..2000 {
        deep = Value::List(vec![deep]);
    }
    let failed = any.entry("k").and_modify(move |value| *value = std::mem::replace(&mut deep, Value::Null));
    assert_eq!(status(failed.or_none()), Status::BadValue);
    assert_eq!(any.get("k").unwrap(), Some(Value::from(1)));
    // A snapshot refuses writes, but allows reads.
    let snapshot = env.begin_snapshot().unwrap();
    assert_eq!(dict.entry("b").or_default().unwrap(), [9]);
    assert_eq!(status(dict.entry("c").or_default()), Status::InSnapshot);
    assert_eq!(status(dict.pop_first()), Status::InSnapshot);
    assert_eq!(status(dict.retain(|_, _| true)), Status::InSnapshot);
    snapshot.abort().unwrap();
}

/// A transaction that outgrows the map is retried, but the function of `or_insert_with` is called only once.
#[test]
#[cfg_attr(feature = "postgres-engine", ignore = "the memory map")]
fn an_entry_makes_its_value_once_though_the_map_grows_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().map_size(1 << 20);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let made = AtomicUsize::new(0);
    for key in 0..8 {
        let value = dict.entry(&key).or_insert_with(|| {
            made.fetch_add(1, Ordering::Relaxed);
            vec![1; 3 << 20]
        });
        assert_eq!(value.unwrap().len(), 3 << 20);
        let grown = dict.entry(&key).and_modify(|value| value.push(2)).or_none().unwrap().unwrap();
        assert_eq!((grown.len(), grown[3 << 20]), ((3 << 20) + 1, 2));
    }
    assert_eq!(made.load(Ordering::Relaxed), 8);
    assert_eq!(dict.len().unwrap(), 8);
}

#[test]
fn extending_is_all_or_nothing() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<String, i64>::open(env, "dict").unwrap();
    dict.extend(HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)])).unwrap();
    dict.extend(BTreeMap::from([("b".to_owned(), 3)])).unwrap();
    assert_eq!((dict.get("a").unwrap(), dict.get("b").unwrap()), (Some(1), Some(3)));
    assert_eq!(status(dict.extend([("c".to_owned(), 1), ("x".repeat(2000), 1)])), Status::KeySize);
    assert_eq!(dict.len().unwrap(), 2);
    let set = Set::<Vec<u8>>::open(env, "set").unwrap();
    assert_eq!(set.extend([vec![1], vec![2], vec![1]]).unwrap(), 2);
    assert_eq!(status(set.extend([vec![3], vec![0; 2000]])), Status::KeySize);
    assert_eq!(set.len().unwrap(), 2);
}

#[test]
fn a_compare_exchange_reports_the_current_value() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<String, i64>::open(env, "dict").unwrap();
    assert_eq!(dict.compare_exchange("a", Some(&1), Some(&2)).unwrap(), Exchange::Absent);
    assert_eq!(dict.compare_exchange("a", None, Some(&2)).unwrap(), Exchange::Done);
    assert_eq!(dict.compare_exchange("a", None, Some(&3)).unwrap(), Exchange::Differs(2));
    assert_eq!(dict.compare_exchange("a", Some(&3), None).unwrap().into_result(), Err(Some(2)));
    assert!(!dict.compare_exchange("b", Some(&3), None).unwrap().is_done());
    assert_eq!(dict.compare_exchange("a", Some(&2), None).unwrap().into_result(), Ok(()));
    assert!(dict.is_empty().unwrap());
}

/// Does the work of one thread in either process. Every addition counts once if reading and writing are atomic.
fn take_part(env: &Environment) {
    let counts = Dict::<String, u64>::open(env, "counts").unwrap();
    let queue = Set::<i64>::open(env, "queue").unwrap();
    let done = Dict::<i64, u64>::open(env, "done").unwrap();
    for round in 0..ROUNDS {
        counts.entry("all").and_modify(|count| *count += 1).or_insert(1).unwrap();
        if round % 2 == 0 {
            let taken = queue.pop_first().unwrap().unwrap();
            done.entry(&taken).and_modify(|times| *times += 1).or_insert(1).unwrap();
        }
    }
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "processes")]
fn threads_and_processes_lose_no_update_and_share_no_element() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        take_part(&Environment::open(directory, &options()).unwrap());
        return;
    }
    let Scratch { env, dir } = &scratch();
    let queue = Set::<i64>::open(env, "queue").unwrap();
    queue.extend(0..3 * ROUNDS).unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "threads_and_processes_lose_no_update_and_share_no_element"])
        .env(DIRECTORY, dir.path().join("data"))
        .spawn()
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| take_part(env));
        }
    });
    assert!(other.wait().unwrap().success());
    let counts = Dict::<String, i64>::open_existing(env, "counts");
    assert_eq!(status(counts), Status::TypeMismatch, "it is one of u64");
    let counts = Dict::<String, u64>::open_existing(env, "counts").unwrap();
    assert_eq!(counts.get("all").unwrap(), Some(3 * ROUNDS.unsigned_abs()));
    let done = Dict::<i64, u64>::open_existing(env, "done").unwrap();
    let times: Vec<u64> = done.values().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(times, vec![1; usize::try_from(3 * ROUNDS / 2).unwrap()]);
    assert_eq!(queue.first().unwrap(), Some(3 * ROUNDS / 2));
}
