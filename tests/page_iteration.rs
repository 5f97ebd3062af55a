//! Walks that read whole pages return the same as LMDB does record by record: for values of every size, in pages that were
//! split and emptied, from and to any key, in both directions.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::ops::Bound;

use common::{Scratch, scratch};
use persistent_collections::{Dict, Error};
use proptest::prelude::*;

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Few values per page, many per page, and, if larger than a quarter of a page, in overflow pages.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => 0..24_usize,
        3 => 24..400_usize,
        1 => 400..1100_usize,
        1 => 1100..9000_usize,
    ]
    .prop_flat_map(|size| any::<u8>().prop_map(move |byte| vec![byte; size]))
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..400_u16).prop_map(|number| number.to_be_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..60),
    ]
}

fn collect(entries: persistent_collections::Entries<Vec<u8>, Vec<u8>>) -> Vec<(Vec<u8>, Vec<u8>)> {
    entries.map(Result::unwrap).collect()
}

/// Compares walks over all records, over a part, and in reverse, with the model.
fn compare(dict: &Dict<Vec<u8>, Vec<u8>>, model: &Records, low: &[u8], high: &[u8]) {
    let expected: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(collect(dict.iter().unwrap()), expected);
    if low <= high {
        let part = (Bound::Excluded(low), Bound::Included(high));
        let expected: Vec<_> =
            model.range::<[u8], _>(part).map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(collect(dict.range(part).unwrap()), expected);
    }
    let mut entries = dict.iter().unwrap();
    while entries.next().is_some() {}
    let mut back = Vec::new();
    while let Some(entry) = entries.previous() {
        back.push(entry.unwrap());
    }
    back.reverse();
    assert_eq!(back, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_gives_every_record_once(
        records in prop::collection::btree_map(key(), value(), 0..700),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        low in key(),
        high in key(),
    ) {
        let Scratch { env, dir: _dir } = scratch();
        let dict: Dict<Vec<u8>, Vec<u8>> = Dict::open(&env, "d").unwrap();
        let mut model = records;
        dict.put_many(model.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))).unwrap();
        compare(&dict, &model, &low, &high);
        for index in gone {
            if model.is_empty() {
                break;
            }
            let key = model.keys().nth(index.index(model.len())).unwrap().clone();
            model.remove(&key);
            prop_assert!(dict.remove(&key).unwrap());
        }
        compare(&dict, &model, &low, &high);
        // Inside a transaction only LMDB reads pages, since some are in its own memory.
        env.transaction(|| {
            dict.put(b"added inside", b"")?;
            model.insert(b"added inside".to_vec(), Vec::new());
            compare(&dict, &model, &low, &high);
            Ok::<_, Error>(())
        })
        .unwrap();
        compare(&dict, &model, &low, &high);
    }
}
