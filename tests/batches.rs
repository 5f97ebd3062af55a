//! Batches, which the library visits in the order of their keys, whatever the order of the input.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{options, scratch};
use persistent_collections::{Dict, Environment, Set};

/// Returns numbers below `end` in random order, some of them several times.
fn jumping(count: u64, end: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17).map(move |n| n % end)
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    let s = scratch();
    for count in [2, 3, 4, 50, 5_000] {
        let dict = Dict::<u64, u64>::open(&s.env, &format!("{count}")).unwrap();
        let mut expected = BTreeMap::new();
        // Into an empty collection, then between and after its entries.
        for end in [count / 2 + 1, count, 3 * count] {
            let pairs: Vec<(u64, u64)> = jumping(count, end).zip(end..).collect();
            dict.put_many(pairs.iter().map(|(key, value)| (key, value))).unwrap();
            expected.extend(pairs);
            assert_eq!(dict.len().unwrap(), expected.len() as u64);
            assert!(dict.iter().unwrap().map(Result::unwrap).eq(expected.clone()));
        }
    }
}

/// A batch of two or three keeps its order, and LMDB appends only what ascends.
#[test]
fn a_few_keys_that_descend_are_stored_in_an_empty_collection() {
    let s = scratch();
    for keys in [vec!["b", "a"], vec!["c", "a", "b"], vec!["b", "a", "b"], vec!["a", "a"]] {
        let set = Set::<String>::open(&s.env, "set").unwrap();
        set.clear().unwrap();
        set.add_many(keys.iter().copied()).unwrap();
        let mut expected = keys.clone();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(set.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn many_values_come_in_the_order_of_the_keys_that_were_asked_for() {
    let s = scratch();
    let dict = Dict::<u64, String>::open(&s.env, "dict").unwrap();
    dict.put_many(
        (0..10_000)
            .step_by(3)
            .map(|n| (n, n.to_string()))
            .collect::<Vec<_>>()
            .iter()
            .map(|(n, text)| (n, text.as_str())),
    )
    .unwrap();
    let asked: Vec<u64> = jumping(3_000, 11_000).collect();
    let expected: Vec<Option<String>> =
        asked.iter().map(|n| (n % 3 == 0 && *n < 10_000).then(|| n.to_string())).collect();
    for count in [0, 1, 63, 64, 3_000] {
        assert_eq!(dict.get_many(&asked[..count]).unwrap(), expected[..count]);
    }
    let snapshot = s.env.begin_snapshot().unwrap();
    assert_eq!(dict.get_many(&asked).unwrap(), expected);
    snapshot.commit().unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.remove(&asked[0]).unwrap();
    assert_eq!(dict.get_many(&asked[..100]).unwrap()[0], None);
    txn.abort().unwrap();
    assert_eq!(dict.get_many(&asked).unwrap(), expected);
}

#[test]
fn keys_are_removed_in_any_order() {
    let s = scratch();
    let set = Set::<u64>::open(&s.env, "set").unwrap();
    set.add_many(&(0..5_000).collect::<Vec<_>>()).unwrap();
    let removed: std::collections::BTreeSet<u64> = jumping(2_000, 6_000).collect();
    let there = removed.iter().filter(|n| **n < 5_000).count() as u64;
    assert_eq!(set.remove_many(&jumping(2_000, 6_000).collect::<Vec<_>>()).unwrap(), there);
    assert!(set.iter().unwrap().map(Result::unwrap).eq((0..5_000).filter(|n| !removed.contains(n))));
}

/// LMDB splits a page in half where the next record does not fit. A sorted load of 200,000 vectors took 785 MB where 292
/// were stored.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_load_fills_the_pages_whatever_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("env"), &options()).unwrap();
    for size in [100, 400, 900] {
        let dict = Dict::<u64, Vec<u8>>::open(&env, &format!("{size}")).unwrap();
        let before = env.info().unwrap();
        let value = vec![7; size];
        let count = 20_000;
        // An odd factor of a power of two meets each number once.
        let keys: Vec<u64> = (0..1 << 15).map(|n| n * 12_345 % (1 << 15)).filter(|n| *n < count).collect();
        dict.put_many(keys.iter().map(|key| (key, &value[..]))).unwrap();
        let after = env.info().unwrap();
        let used =
            (after.pages_used - before.pages_used) * u64::from(u32::try_from(after.page_size).unwrap());
        // The space of a page, in whole records with their headers.
        let per_page = (after.page_size - 16) / (size as u64 + 18);
        let least = count.div_ceil(per_page) * after.page_size;
        assert!(
            used * 100 < least * 103,
            "{used} bytes of pages for {count} values of {size}, at least {least}"
        );
    }
}
