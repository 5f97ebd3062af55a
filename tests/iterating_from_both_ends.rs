//! Iterators with two ends, compared with a model: in a snapshot, in memory after a commit, and in a write transaction.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::ops::Bound;

use common::{Scratch, scratch, status};
use persistent_collections::{Dict, Entries, Error, Set, Status};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

type Map = BTreeMap<i64, Vec<u8>>;

/// The state of the model.
#[derive(Clone, Copy)]
enum Stand {
    Start,
    At(i64),
    On(i64),
    End,
}

/// The documented results of an iterator over `low..high`.
struct Model {
    low: Bound<i64>,
    high: Bound<i64>,
    reverse: bool,
    stand: Stand,
}

impl Model {
    fn new(low: i64, high: i64) -> Self {
        Self { low: Bound::Included(low), high: Bound::Excluded(high), reverse: false, stand: Stand::Start }
    }

    fn is_in(&self, key: i64) -> bool {
        let above = match self.low {
            Bound::Included(low) => key >= low,
            Bound::Excluded(low) => key > low,
            Bound::Unbounded => true,
        };
        above && matches!(self.high, Bound::Excluded(high) if key < high)
    }

    /// The keys of the range, in its direction.
    fn keys(&self, map: &Map) -> Vec<i64> {
        let mut keys: Vec<i64> = map.keys().copied().filter(|key| self.is_in(*key)).collect();
        if self.reverse {
            keys.reverse();
        }
        keys
    }

    fn is_beyond(&self, key: i64, than: i64) -> bool {
        if self.reverse { key < than } else { key > than }
    }

    fn is_left(&self, key: i64) -> bool {
        match self.stand {
            Stand::Start => true,
            Stand::At(sought) => key == sought || self.is_beyond(key, sought),
            Stand::On(given) => self.is_beyond(key, given),
            Stand::End => false,
        }
    }

    fn next(&mut self, map: &Map) -> Option<i64> {
        let found = self.keys(map).into_iter().find(|key| self.is_left(*key));
        self.stand = found.map_or(Stand::End, Stand::On);
        found
    }

    fn previous(&mut self, map: &Map) -> Option<i64> {
        let found = self.keys(map).into_iter().rev().find(|key| match self.stand {
            Stand::Start => false,
            Stand::At(sought) => self.is_beyond(sought, *key),
            Stand::On(given) => self.is_beyond(given, *key),
            Stand::End => true,
        });
        self.stand = found.map_or(Stand::Start, Stand::On);
        found
    }

    fn next_back(&mut self, map: &Map) -> Option<i64> {
        let found = self.keys(map).pop().filter(|key| self.is_left(*key));
        match found {
            None => self.stand = Stand::End,
            Some(key) if self.reverse => self.low = Bound::Excluded(key),
            Some(key) => self.high = Bound::Excluded(key),
        }
        found
    }

    fn reverse(&mut self) {
        self.reverse = !self.reverse;
        self.stand = Stand::Start;
    }
}

const KEYS: i64 = 300;

/// Walks at random, and compares with the model. `change` writes between the steps, to the dict, and also to the map if
/// the walk must see it. With `may_be_gone`, the walk may report a conflict. Returns the number of compared steps.
fn compare(
    seed: u64,
    size: usize,
    may_be_gone: bool,
    in_transaction: bool,
    change: impl Fn(&Dict<i64, Vec<u8>>, &mut Map, &mut StdRng),
) -> usize {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<i64, Vec<u8>>::open(env, "dict").unwrap();
    let mut random = StdRng::seed_from_u64(seed);
    let mut compared = 0;
    for round in 0..80 {
        dict.clear().unwrap();
        let mut map: Map = (0..KEYS).map(|n| (2 * n, vec![1; size])).collect();
        dict.put_many(map.iter().map(|(key, value)| (key, &value[..]))).unwrap();
        let one = random.random_range(-5..2 * KEYS + 5);
        let two = random.random_range(-5..2 * KEYS + 5);
        let (low, high) = if round % 4 == 0 { (-9, 9999) } else { (one.min(two), one.max(two)) };
        let txn = in_transaction.then(|| env.begin_write().unwrap());
        let mut walk = dict.range(&low..&high).unwrap();
        let mut model = Model::new(low, high);
        // Some rounds go to the middle from both ends, others turn and jump.
        let most = if round % 2 == 0 { 8 } else { 12 };
        for _ in 0..200 {
            if random.random_range(0..10) == 0 {
                change(&dict, &mut map, &mut random);
            }
            let sought = random.random_range(-5..2 * KEYS + 5);
            let (found, expected) = match random.random_range(0..most) {
                0..=3 => (walk.next(), model.next(&map)),
                4..=7 => (walk.next_back(), model.next_back(&map)),
                8..=9 => (walk.previous(), model.previous(&map)),
                10 => {
                    walk.seek(&sought).unwrap();
                    model.stand = Stand::At(sought);
                    continue;
                }
                _ => {
                    walk = walk.reversed();
                    model.reverse();
                    continue;
                }
            };
            let found = match found.transpose() {
                Err(error) if may_be_gone && error.status() == Status::Conflict => break,
                found => found.unwrap(),
            };
            let expected = expected.map(|key| (key, map[&key].clone()));
            assert_eq!(found, expected, "round {round}");
            compared += 1;
        }
        drop(txn);
    }
    compared
}

#[test]
fn in_a_snapshot_both_ends_give_what_the_model_gives() {
    assert!(compare(1, 20, false, false, |_, _, _| {}) > 10_000);
}

#[test]
fn in_memory_after_a_commit_both_ends_give_what_their_snapshot_would() {
    let compared = compare(2, 20, false, false, |dict, _, random| {
        dict.put(&random.random_range(0..2 * KEYS), &[2]).unwrap();
        dict.remove(&random.random_range(0..2 * KEYS)).unwrap();
    });
    assert!(compared > 10_000);
}

#[test]
fn a_large_range_gives_at_both_ends_what_its_snapshot_would_or_a_conflict() {
    // 9 MB, of which 4 MiB may be kept.
    let compared = compare(3, 30_000, true, false, |dict, _, random| {
        dict.put(&random.random_range(0..2 * KEYS), &[2]).unwrap();
    });
    assert!(compared > 1000, "{compared}");
}

#[test]
fn in_a_transaction_both_ends_see_its_writes() {
    let compared = compare(4, 20, false, true, |dict, map, random| {
        let (added, removed) = (random.random_range(0..2 * KEYS), random.random_range(0..2 * KEYS));
        dict.put(&added, &[3]).unwrap();
        map.insert(added, vec![3]);
        dict.remove(&removed).unwrap();
        map.remove(&removed);
    });
    assert!(compared > 10_000);
}

#[test]
fn ends_that_meet_have_given_each_record_once() {
    let Scratch { env, .. } = &scratch();
    let set = Set::<u32>::open(env, "set").unwrap();
    let all: Vec<u32> = (0..10_000).collect();
    set.add_many(all.iter()).unwrap();
    let mut random = StdRng::seed_from_u64(7);
    for commits in [false, true] {
        let (mut front, mut back) = (Vec::new(), Vec::new());
        let mut walk = set.iter().unwrap();
        loop {
            let from_front = random.random_range(0..3) == 0;
            let next = if from_front { walk.next() } else { walk.next_back() };
            let Some(element) = next.transpose().unwrap() else { break };
            if from_front {
                front.push(element);
            } else {
                back.push(element);
            }
            if commits && random.random_range(0..1000) == 0 {
                set.add(&20_000).unwrap();
                set.remove(&20_000).unwrap();
            }
        }
        assert_eq!((walk.next(), walk.next_back(), walk.next()), (None, None, None));
        back.reverse();
        front.extend(back);
        assert_eq!(front, all);
    }
}

#[test]
fn ends_that_have_met_stay_ended_though_their_transaction_writes_between_them() {
    let Scratch { env, .. } = &scratch();
    let set = Set::<u32>::open(env, "set").unwrap();
    set.add_many([&1, &9]).unwrap();
    let txn = env.begin_write().unwrap();
    let mut walk = set.iter().unwrap();
    assert_eq!((walk.next(), walk.next_back()), (Some(Ok(1)), Some(Ok(9))));
    set.add(&5).unwrap();
    assert_eq!(walk.next_back(), Some(Ok(5)), "written before they met");
    assert_eq!(walk.next_back(), None);
    set.add(&3).unwrap();
    assert_eq!((walk.next(), walk.next_back()), (None, None));
    txn.abort().unwrap();
    assert_eq!(status(walk.reversed().next().unwrap()), Status::BadHandle);
}

#[test]
fn adapters_of_the_standard_library_go_from_the_back() {
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<i64, String>::open(env, "dict").unwrap();
    dict.put_many([(&1, "a"), (&2, "b"), (&3, "c"), (&4, "d")]).unwrap();
    let keys =
        |walk: &mut dyn Iterator<Item = Result<i64, Error>>| walk.collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(keys(&mut dict.keys().unwrap().rev()), [4, 3, 2, 1]);
    assert_eq!(keys(&mut dict.range(&2..).unwrap().map(|entry| Ok(entry?.0)).rev()), [4, 3, 2]);
    assert_eq!(dict.values().unwrap().rfind(Result::is_ok), Some(Ok("d".to_owned())));
    assert_eq!(dict.values().unwrap().nth_back(2), Some(Ok("b".to_owned())));
    let mut descending: Entries<i64, String> = dict.iter().unwrap().reversed();
    assert_eq!(descending.next_back(), Some(Ok((1, "a".to_owned()))));
    assert_eq!(descending.next(), Some(Ok((4, "d".to_owned()))));
    assert_eq!(descending.reversed().map(|entry| entry.unwrap().0).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn a_loop_over_a_reference_gives_every_record_or_the_error_of_beginning() {
    let Scratch { env, .. } = &scratch();
    let (dict, set) = (Dict::<i64, i64>::open(env, "dict").unwrap(), Set::<i64>::open(env, "set").unwrap());
    dict.put_many([(&1, &10), (&2, &20)]).unwrap();
    set.add(&5).unwrap();
    let mut sum = 0;
    for entry in &dict {
        let (key, value) = entry.unwrap();
        sum += key + value;
    }
    for element in &set {
        sum += element.unwrap();
    }
    assert_eq!(sum, 38);
    env.drop_collection("dict").unwrap();
    let mut entries = (&dict).into_iter();
    assert_eq!(status(entries.next().unwrap()), Status::NoCollection);
    assert!(entries.next().is_none() && entries.next_back().is_none());
}
