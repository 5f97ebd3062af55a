//! A walk whose snapshot was released, compared with one that still has its snapshot.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::codec::Type;
use crate::engine::schema::Kind;
use crate::store::collection::{Asked, OpenFlags};
use crate::store::packing::encode_key;
use crate::{Dict, Durability, Environment, Options};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const KEYS: i64 = 1000;

struct World {
    _dir: tempfile::TempDir,
    dict: Dict<i64, Vec<u8>>,
    collection: Collection,
    value: Vec<u8>,
}

impl World {
    fn fill(&self) {
        let keys: Vec<i64> = (0..KEYS).map(|n| 2 * n).collect();
        self.dict.put_many(keys.iter().map(|key| (key, &self.value[..]))).unwrap();
    }
}

fn filled(size: usize) -> World {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new().durability(Durability::None);
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let (key, value) = (Type::I64, Type::Bytes);
    let collection = Collection::open(
        env.shared(),
        Asked {
            name: "dict",
            kind: Kind::Dict,
            key: Some(&key),
            value: Some(&value),
            flags: OpenFlags::default(),
        },
    )
    .unwrap();
    let world = World { _dir: dir, dict, collection, value: vec![7; size] };
    world.fill();
    world
}

fn key(number: i64) -> Vec<u8> {
    encode_key::<i64>(&number).unwrap()
}

type Given = Result<Vec<(Vec<u8>, Vec<u8>)>, Status>;

fn given(record: Result<Option<(&[u8], &[u8])>>) -> Given {
    match record {
        Ok(record) => Ok(record.map(|(key, value)| (key.to_vec(), value.to_vec())).into_iter().collect()),
        Err(error) => Err(error.status()),
    }
}

fn step(scan: &mut Iter, what: u32, sought: i64) -> Given {
    match what {
        0..=3 => given(scan.next()),
        4..=5 => given(scan.prev()),
        6 => {
            scan.seek(&key(sought)).unwrap();
            Ok(Vec::new())
        }
        _ => match scan.next_batch(usize::try_from(sought % 7).unwrap(), 0) {
            Ok(batch) => Ok((0..batch.len())
                .map(|index| batch.record(index))
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect()),
            Err(error) => Err(error.status()),
        },
    }
}

/// Two walks over equal dicts, of which one is written to at random.
fn compare(size: usize, may_be_gone: bool) {
    let mut random = StdRng::seed_from_u64(4);
    let (written, left) = (filled(size), filled(size));
    let mut commits = 0;
    for round in 0..60 {
        let bound = |random: &mut StdRng| random.random_range(-5..2 * KEYS + 5);
        let (one, two, reverse) = (bound(&mut random), bound(&mut random), round % 2 == 1);
        let (low, high) = if round % 5 == 0 { (-9, 9999) } else { (one.min(two), one.max(two)) };
        let range = || {
            Range::new(
                std::ops::Bound::Included(&key(low)),
                std::ops::Bound::Excluded(&key(high)),
                None,
                reverse,
            )
            .unwrap()
        };
        // Equal again.
        written.fill();
        written.dict.remove(&-1).unwrap();
        let mut walk = Iter::open(&written.collection, range()).unwrap();
        let mut other = Iter::open(&left.collection, range()).unwrap();
        for _ in 0..80 {
            if random.random_range(0..12) == 0 {
                written.dict.put(&-1, &[]).unwrap();
                written.dict.put(&(2 * random.random_range(0..KEYS)), &[9]).unwrap();
                commits += 1;
            }
            let (what, sought) = (random.random_range(0..9), random.random_range(0..2 * KEYS));
            let (found, expected) = (step(&mut walk, what, sought), step(&mut other, what, sought));
            if may_be_gone && found == Err(Status::Conflict) {
                break;
            }
            assert_eq!(found, expected, "round {round}");
        }
    }
    assert!(commits > 50);
}

#[test]
fn a_walk_in_memory_gives_what_its_snapshot_would() {
    compare(20, false);
}

#[test]
fn a_walk_that_kept_the_rest_gives_what_its_snapshot_would_or_says_that_it_cannot() {
    compare(8000, true);
}
