//! Dicts, sets, ranges and transactions, compared with `BTreeMap` and `BTreeSet`.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::Bound;

use common::scratch;
use persistent_collections::{Dict, Exchange, Key, Set, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;

/// One step on a dict. Keys are few, so that steps use the same ones.
#[derive(Clone, Debug)]
enum Step<K> {
    Put(K, i64),
    PutNew(K, i64),
    Get(K),
    Contains(K),
    Remove(K),
    Take(K),
    Add(K, i64),
    CompareExchange(K, Option<i64>, Option<i64>),
    PutMany(Vec<(K, i64)>),
    GetMany(Vec<K>),
    RemoveMany(Vec<K>),
    Range(Bound<K>, Bound<K>),
    RemoveRange(Bound<K>, Bound<K>),
    Walk(bool, Vec<Move<K>>),
    Edges,
    Clear,
    Begin,
    Commit,
    Abort,
}

/// A move of an iterator.
#[derive(Clone, Debug)]
enum Move<K> {
    Next,
    Previous,
    Seek(K),
}

fn bound<K: Clone + Debug + 'static>(key: BoxedStrategy<K>) -> BoxedStrategy<Bound<K>> {
    prop_oneof![key.clone().prop_map(Bound::Included), key.prop_map(Bound::Excluded), Just(Bound::Unbounded),]
        .boxed()
}

fn step<K: Clone + Debug + 'static>(key: &BoxedStrategy<K>) -> impl Strategy<Value = Step<K>> {
    let k = || key.clone();
    let value = || -9_i64..9;
    let moves = prop_oneof![
        4 => Just(Move::Next),
        2 => Just(Move::Previous),
        1 => k().prop_map(Move::Seek),
    ];
    prop_oneof![
        6 => (k(), value()).prop_map(|(k, v)| Step::Put(k, v)),
        2 => (k(), value()).prop_map(|(k, v)| Step::PutNew(k, v)),
        2 => k().prop_map(Step::Get),
        1 => k().prop_map(Step::Contains),
        3 => k().prop_map(Step::Remove),
        2 => k().prop_map(Step::Take),
        2 => (k(), value()).prop_map(|(k, v)| Step::Add(k, v)),
        2 => (k(), prop::option::of(value()), prop::option::of(value()))
            .prop_map(|(k, a, b)| Step::CompareExchange(k, a, b)),
        2 => vec((k(), value()), 0..8).prop_map(Step::PutMany),
        1 => vec(k(), 0..8).prop_map(Step::GetMany),
        1 => vec(k(), 0..8).prop_map(Step::RemoveMany),
        3 => (bound(k()), bound(k())).prop_map(|(a, b)| Step::Range(a, b)),
        1 => (bound(k()), bound(k())).prop_map(|(a, b)| Step::RemoveRange(a, b)),
        2 => (any::<bool>(), vec(moves, 1..12)).prop_map(|(reversed, moves)| Step::Walk(reversed, moves)),
        1 => Just(Step::Edges),
        1 => Just(Step::Clear),
        3 => Just(Step::Begin),
        2 => Just(Step::Commit),
        2 => Just(Step::Abort),
    ]
}

/// Whether `BTreeMap::range` refuses the bounds, for which the library returns nothing.
fn is_empty<K: Ord>(lower: &Bound<K>, upper: &Bound<K>) -> bool {
    use Bound::{Excluded, Included};
    match (lower, upper) {
        (Included(a), Included(b)) => a > b,
        (Included(a) | Excluded(a), Excluded(b)) | (Excluded(a), Included(b)) => a >= b,
        _ => false,
    }
}

fn as_ref<K>(bound: &Bound<K>) -> Bound<&K> {
    bound.as_ref()
}

fn walk<K: Ord + Clone>(
    model: &BTreeMap<K, i64>,
    reversed: bool,
    moves: &[Move<K>],
) -> Vec<Option<(K, i64)>> {
    let mut all: Vec<(K, i64)> = model.iter().map(|(k, v)| (k.clone(), *v)).collect();
    if reversed {
        all.reverse();
    }
    // Its position: the next item forwards; and whether the last move returned the item before or after it.
    let (mut at, mut last) = (0_usize, None::<usize>);
    moves
        .iter()
        .filter_map(|step| match step {
            Move::Next => {
                let next = last.map_or(at, |given| given + 1);
                last = (next < all.len()).then_some(next);
                at = next.min(all.len());
                Some(last.map(|i| all[i].clone()))
            }
            Move::Previous => {
                let previous = last.unwrap_or(at).checked_sub(1);
                last = previous;
                at = previous.unwrap_or(0);
                Some(last.map(|i| all[i].clone()))
            }
            Move::Seek(key) => {
                at = all
                    .iter()
                    .position(|(k, _)| if reversed { k <= key } else { k >= key })
                    .unwrap_or(all.len());
                last = None;
                None
            }
        })
        .collect()
}

/// Runs steps on a dict and a `BTreeMap`, and compares every result.
#[allow(clippy::too_many_lines)] // one arm for each step
fn check<K>(steps: &[Step<K>]) -> Result<(), TestCaseError>
where
    K: Key<Borrowed = K> + Ord + Clone + Debug,
{
    let s = scratch();
    let dict = Dict::<K, i64>::open(&s.env, "dict").unwrap();
    let mut model = BTreeMap::<K, i64>::new();
    let mut begun: Vec<(Transaction, BTreeMap<K, i64>)> = Vec::new();
    for step in steps {
        match step {
            Step::Put(k, v) => {
                dict.put(k, v).unwrap();
                model.insert(k.clone(), *v);
            }
            Step::PutNew(k, v) => {
                let is_new = !model.contains_key(k);
                prop_assert_eq!(dict.put_new(k, v).unwrap(), is_new);
                model.entry(k.clone()).or_insert(*v);
            }
            Step::Get(k) => prop_assert_eq!(dict.get(k).unwrap(), model.get(k).copied()),
            Step::Contains(k) => prop_assert_eq!(dict.contains(k).unwrap(), model.contains_key(k)),
            Step::Remove(k) => prop_assert_eq!(dict.remove(k).unwrap(), model.remove(k).is_some()),
            Step::Take(k) => prop_assert_eq!(dict.take(k).unwrap(), model.remove(k)),
            Step::Add(k, by) => {
                let sum = model.entry(k.clone()).or_insert(0);
                *sum += by;
                prop_assert_eq!(dict.increment(k, *by).unwrap(), *sum);
            }
            Step::CompareExchange(k, expected, desired) => {
                let there = model.get(k).copied();
                let outcome = dict.compare_exchange(k, expected.as_ref(), desired.as_ref()).unwrap();
                if there == *expected {
                    prop_assert_eq!(outcome, Exchange::Done);
                    match desired {
                        Some(v) => model.insert(k.clone(), *v),
                        None => model.remove(k),
                    };
                } else {
                    prop_assert_eq!(outcome.into_result(), Err(there));
                }
            }
            Step::PutMany(pairs) => {
                dict.put_many(pairs.iter().map(|(k, v)| (k, v))).unwrap();
                model.extend(pairs.iter().cloned());
            }
            Step::GetMany(keys) => {
                let found: Vec<Option<i64>> = keys.iter().map(|k| model.get(k).copied()).collect();
                prop_assert_eq!(dict.get_many(keys).unwrap(), found);
            }
            Step::RemoveMany(keys) => {
                let count = keys.iter().filter(|k| model.remove(k).is_some()).count();
                prop_assert_eq!(dict.remove_many(keys).unwrap(), count as u64);
            }
            Step::Range(lower, upper) => {
                let found: Vec<(K, i64)> =
                    dict.range((as_ref(lower), as_ref(upper))).unwrap().map(Result::unwrap).collect();
                let expected: Vec<(K, i64)> = if is_empty(lower, upper) {
                    Vec::new()
                } else {
                    model.range((as_ref(lower), as_ref(upper))).map(|(k, v)| (k.clone(), *v)).collect()
                };
                let down: Vec<(K, i64)> = dict
                    .range((as_ref(lower), as_ref(upper)))
                    .unwrap()
                    .reversed()
                    .map(Result::unwrap)
                    .collect();
                prop_assert_eq!(down.iter().rev().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
                prop_assert_eq!(found, expected);
            }
            Step::RemoveRange(lower, upper) => {
                let gone: Vec<K> = if is_empty(lower, upper) {
                    Vec::new()
                } else {
                    model.range((as_ref(lower), as_ref(upper))).map(|(k, _)| k.clone()).collect()
                };
                prop_assert_eq!(
                    dict.remove_range((as_ref(lower), as_ref(upper))).unwrap(),
                    gone.len() as u64
                );
                for k in &gone {
                    model.remove(k);
                }
            }
            Step::Walk(reversed, moves) => {
                let mut entries = dict.iter().unwrap();
                if *reversed {
                    entries = entries.reversed();
                }
                let given: Vec<Option<(K, i64)>> = moves
                    .iter()
                    .filter_map(|step| match step {
                        Move::Next => Some(entries.next().map(Result::unwrap)),
                        Move::Previous => Some(entries.previous().map(Result::unwrap)),
                        Move::Seek(key) => {
                            entries.seek(key).unwrap();
                            None
                        }
                    })
                    .collect();
                prop_assert_eq!(given, walk(&model, *reversed, moves));
            }
            Step::Edges => {
                let pair = |entry: Option<(&K, &i64)>| entry.map(|(k, v)| (k.clone(), *v));
                prop_assert_eq!(dict.first().unwrap(), pair(model.first_key_value()));
                prop_assert_eq!(dict.last().unwrap(), pair(model.last_key_value()));
            }
            Step::Clear => {
                dict.clear().unwrap();
                model.clear();
            }
            Step::Begin => {
                if begun.len() < 3 {
                    begun.push((s.env.begin_write().unwrap(), model.clone()));
                }
            }
            Step::Commit => {
                if let Some((txn, _)) = begun.pop() {
                    txn.commit().unwrap();
                }
            }
            Step::Abort => {
                if let Some((txn, before)) = begun.pop() {
                    txn.abort().unwrap();
                    model = before;
                }
            }
        }
        prop_assert_eq!(dict.len().unwrap(), model.len() as u64);
    }
    while let Some((txn, _)) = begun.pop() {
        txn.commit().unwrap();
    }
    let all: Vec<(K, i64)> = dict.iter().unwrap().map(Result::unwrap).collect();
    prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
    Ok(())
}

fn few_integers() -> BoxedStrategy<i64> {
    prop_oneof![-4_i64..4, Just(i64::MIN), Just(i64::MAX), any::<i64>().prop_map(|n| n % 300)].boxed()
}

fn few_pairs() -> BoxedStrategy<(String, i64)> {
    ("[a\u{0}é]{0,2}", -2_i64..2).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_dict_of_integers_is_a_btree_map(steps in vec(step(&few_integers()), 1..60)) {
        check(&steps)?;
    }

    #[test]
    fn a_dict_of_tuples_is_a_btree_map(steps in vec(step(&few_pairs()), 1..60)) {
        check(&steps)?;
    }

    #[test]
    fn a_set_of_strings_is_a_btree_set(
        steps in vec((0..6_u8, vec("[ab\u{0}ÿ]{0,3}", 0..6)), 1..60),
    ) {
        let s = scratch();
        let set = Set::<String>::open(&s.env, "set").unwrap();
        let mut model = BTreeSet::<String>::new();
        for (kind, words) in &steps {
            match kind {
                0 => {
                    let new = words.iter().filter(|w| model.insert((*w).clone())).count();
                    prop_assert_eq!(set.add_many(words.iter().map(String::as_str)).unwrap(), new as u64);
                }
                1 => {
                    let gone = words.iter().filter(|w| model.remove(*w)).count();
                    prop_assert_eq!(set.remove_many(words.iter().map(String::as_str)).unwrap(), gone as u64);
                }
                2 => for word in words {
                    prop_assert_eq!(set.add(word).unwrap(), model.insert(word.clone()));
                },
                3 => for word in words {
                    prop_assert_eq!(set.remove(word).unwrap(), model.remove(word));
                },
                4 => for word in words {
                    prop_assert_eq!(set.contains(word).unwrap(), model.contains(word));
                    let from: Vec<String> = set.range(word.as_str()..).unwrap().map(Result::unwrap).collect();
                    prop_assert_eq!(from, model.range(word.clone()..).cloned().collect::<Vec<_>>());
                },
                _ => {
                    prop_assert_eq!(set.first().unwrap(), model.first().cloned());
                    prop_assert_eq!(set.last().unwrap(), model.last().cloned());
                }
            }
        }
        let all: Vec<String> = set.iter().unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_prefix_gives_the_items_that_begin_with_it(words in vec("[ab\u{0}ÿ]{0,4}", 0..40), prefix in "[ab\u{0}ÿ]{0,2}") {
        let s = scratch();
        let dict = Dict::<String, bool>::open(&s.env, "dict").unwrap();
        dict.put_many(words.iter().map(|w| (w.as_str(), &true))).unwrap();
        let found: Vec<String> = dict.prefix(&prefix).unwrap().map(|e| e.unwrap().0).collect();
        let words: BTreeSet<String> = words.into_iter().filter(|w| w.starts_with(&prefix)).collect();
        prop_assert_eq!(found, words.into_iter().collect::<Vec<_>>());
    }
}
