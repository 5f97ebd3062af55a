//! Copies of all collections into another environment, and going on with them after an interruption.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Scratch, options, scratch, status};
use persistent_collections::{CollectionInfo, Dict, Environment, Set, Status};

/// Everything in an environment: each collection's name, schema and length, and the records of those that `fill` makes.
type Content = (Vec<CollectionInfo>, Vec<(i64, Vec<u8>)>, Vec<(Vec<u8>, Vec<u8>)>, Vec<String>);

fn content(env: &Environment) -> Content {
    let numbers = Dict::<i64, Vec<u8>>::open_existing(env, "numbers").unwrap();
    let bytes = Dict::<Vec<u8>, Vec<u8>>::open_existing(env, "").unwrap();
    let set = Set::<String>::open_existing(env, "set").unwrap();
    (
        env.collections().unwrap(),
        numbers.iter().unwrap().map(Result::unwrap).collect(),
        bytes.iter().unwrap().map(Result::unwrap).collect(),
        set.iter().unwrap().map(Result::unwrap).collect(),
    )
}

/// Makes collections of several pages, without a name, with the largest key, with large and empty values, and empty ones.
fn fill(env: &Environment) {
    let numbers = Dict::<i64, Vec<u8>>::open(env, "numbers").unwrap();
    let records: Vec<(i64, Vec<u8>)> =
        (-10_000..10_000).map(|n: i64| (n, n.to_le_bytes().to_vec())).collect();
    numbers.put_many(records.iter().map(|(key, value)| (key, value.as_slice()))).unwrap();
    let bytes = Dict::<Vec<u8>, Vec<u8>>::open(env, "").unwrap();
    bytes.put(&vec![255; 1978], &[]).unwrap();
    bytes.put(&[0; 3][..], &vec![9; 1 << 20]).unwrap();
    let set = Set::<String>::open(env, "set").unwrap();
    set.add("x").unwrap();
    set.add("y").unwrap();
    Dict::<(String, i64), f64>::open(env, "empty dict").unwrap();
    Set::<u8>::open(env, "empty set").unwrap();
}

fn other(scratch: &Scratch, name: &str) -> Environment {
    Environment::open(scratch.dir.path().join(name), &options()).unwrap()
}

#[test]
fn a_copy_has_all_collections_with_their_types() {
    let source = scratch();
    fill(&source.env);
    let target = other(&source, "target");
    let mut seen = Vec::new();
    source
        .env
        .copy_into(&target, false, |progress| {
            seen.push((progress.records, progress.total_records));
            false
        })
        .unwrap();
    assert_eq!(content(&target), content(&source.env));
    assert_eq!(seen.last(), Some(&(20_004, 20_004)));
    assert!(seen.is_sorted() && seen.len() > 5, "{seen:?}");
}

#[test]
fn an_interrupted_copy_goes_on_although_the_source_has_changed() {
    let source = scratch();
    fill(&source.env);
    // After each possible number of pages.
    for pages in 1.. {
        let target = other(&source, &format!("target{pages}"));
        let mut calls = 0;
        let outcome = source.env.copy_into(&target, false, |_| {
            calls += 1;
            calls == pages
        });
        if outcome.is_ok() {
            assert!(pages > 5);
            break;
        }
        assert_eq!(status(outcome), Status::Interrupted);
        let numbers = Dict::<i64, Vec<u8>>::open(&source.env, "numbers").unwrap();
        numbers.put(&-9_999, &[pages]).unwrap();
        numbers.put(&(20_000 + i64::from(pages)), b"new").unwrap();
        numbers.remove(&(-5_000 + i64::from(pages))).unwrap();
        numbers.remove(&(9_999 - i64::from(pages))).unwrap();
        numbers.remove(&(20_000 + i64::from(pages) - 1)).unwrap();
        Set::<String>::open(&source.env, "set").unwrap().add(&pages.to_string()).unwrap();
        source.env.copy_into(&target, true, |_| false).unwrap();
        assert_eq!(content(&target), content(&source.env));
    }
}

#[test]
fn the_snapshot_is_one_and_later_writes_are_left_out() {
    let source = scratch();
    fill(&source.env);
    let before = content(&source.env);
    let target = other(&source, "target");
    let env = &source.env;
    env.copy_into(&target, false, |_| {
        std::thread::scope(|scope| {
            scope.spawn(|| Set::<String>::open(env, "set").unwrap().add("later").unwrap());
        });
        false
    })
    .unwrap();
    assert_eq!(content(&target), before);
    assert_ne!(content(env), before);
}

#[test]
fn what_would_be_overwritten_is_refused() {
    let source = scratch();
    fill(&source.env);
    let target = other(&source, "target");
    let copy = |goes_on| source.env.copy_into(&target, goes_on, |_| false);
    let own = Dict::<String, i64>::open(&target, "own").unwrap();
    own.put("x", &1).unwrap();
    assert_eq!(status(copy(false)), Status::InvalidArgument);
    assert_eq!(status(copy(true)), Status::InvalidArgument);
    target.drop_collection("own").unwrap();
    Dict::<String, i64>::open(&target, "numbers").unwrap().put("x", &1).unwrap();
    assert_eq!(status(copy(true)), Status::InvalidArgument);
    assert_eq!(target.collections().unwrap().len(), 1);
    assert_eq!(status(source.env.copy_into(&source.env, true, |_| false)), Status::InvalidArgument);
    let txn = source.env.begin_write().unwrap();
    assert_eq!(status(copy(true)), Status::InTransaction);
    txn.abort().unwrap();
    let txn = target.begin_snapshot().unwrap();
    assert_eq!(status(copy(true)), Status::InTransaction);
    txn.abort().unwrap();
}
