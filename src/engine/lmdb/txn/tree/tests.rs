//! Trees read where their pages lie, beside LMDB's own reading of the same snapshots.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Go, Record};
use crate::engine::lmdb::tests::engine_of;
use crate::engine::lmdb::txn::Snapshot;
use crate::engine::lmdb::txn::spaces::Space;
use crate::{Dict, Durability, Environment, Options};

type Bytes = Vec<u8>;

/// Numbers that jump about, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }
}

fn open(dir: &tempfile::TempDir) -> Environment {
    let options = Options { durability: Durability::None, map_size: Some(1 << 20), ..Options::default() };
    Environment::open(dir.path().join("env"), &options).unwrap()
}

/// Keys of any length among them the longest, and values that lie in pages of their own.
fn records(numbers: &mut Numbers, count: usize) -> Vec<(Bytes, Bytes)> {
    let lengths = [(12, 40), (40, 300), (300, 1_900)];
    let mut record = |_| {
        let (long, large) = (lengths[numbers.below(3)].0, [0, 30, 900, 3_000, 20_000][numbers.below(5)]);
        let key = (0..=numbers.below(long)).map(|_| b'a' + u8::try_from(numbers.below(4)).unwrap());
        (key.collect(), vec![u8::try_from(numbers.below(256)).unwrap(); large])
    };
    (0..count).map(&mut record).collect()
}

/// A snapshot in which the library reads trees itself.
fn snapshot(engine: &Arc<Engine>, space: &Arc<Space>) -> Snapshot {
    let mut snapshot = Snapshot::begin(engine).map_err(|_| "it begins").unwrap();
    while snapshot.tree(engine, space).unwrap().is_none() {}
    snapshot
}

fn cursor<'t>(snapshot: &'t mut Snapshot, engine: &Engine, space: &Space) -> TreeCursor<'t> {
    let known = snapshot.tree(engine, space).unwrap().unwrap();
    TreeCursor::new(snapshot.pages(engine, &known).unwrap(), known.tree.unwrap())
}

#[test]
fn a_tree_is_read_as_lmdb_reads_it() {
    compare_with_lmdb(false);
}

/// As for data that does not fit into memory: walks give the system advice about the pages ahead of them.
#[test]
fn a_tree_whose_pages_are_read_singly_has_the_same_records() {
    compare_with_lmdb(true);
}

fn compare_with_lmdb(single_pages: bool) {
    let dir = tempfile::tempdir().unwrap();
    let env = open(&dir);
    let engine = engine_of(&env);
    if single_pages {
        engine.env.read_single_pages();
    }
    let dict = Dict::<Bytes, Bytes>::open(&env, "dict").unwrap();
    let space = engine.space("dict").unwrap();
    let mut numbers = Numbers(1);
    for count in [0, 1, 3, 200, 6_000] {
        let records = records(&mut numbers, count);
        dict.clear().unwrap();
        env.transaction(|| records.iter().try_for_each(|(key, value)| dict.put(key, value))).unwrap();
        let mut snapshot = snapshot(&engine, &space);
        let known = snapshot.tree(&engine, &space).unwrap().unwrap();
        let (tree, pages) = (known.tree.unwrap(), snapshot.pages(&engine, &known).unwrap());
        assert_eq!(pages.reads_single_pages(), single_pages);
        let db = space.db(u32::MAX).unwrap();
        assert_eq!(tree.entries(), snapshot.txn.entries(db.dbi).unwrap());

        let mut keys: Vec<Bytes> = records.into_iter().map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        // Those that are there, those before and behind them, and what is longer than any key.
        let mut asked = vec![vec![0], vec![255], vec![b'b'; 4_000]];
        for key in &keys {
            asked.extend([key.clone(), [key, &b"\0"[..]].concat(), key[..key.len().div_ceil(2)].to_vec()]);
        }
        let mut lmdb = snapshot.txn.cursor(db.dbi).unwrap();
        let mut own = TreeCursor::new(pages, tree);
        for key in &asked {
            assert_eq!(tree.get(&pages, key).unwrap(), snapshot.txn.get(db.dbi, key).unwrap());
            if key.len() > crate::codec::MAX_KEY {
                continue;
            }
            let found = own.go(Go::AtOrAfter(key)).unwrap();
            assert_eq!(found, lmdb.go(Go::AtOrAfter(key)).unwrap());
            if found.is_some() {
                assert_eq!(own.go(Go::Current).unwrap(), found);
                let go = [Go::Next, Go::Prev][numbers.below(2)];
                assert_eq!(own.go(go).unwrap(), lmdb.go(go).unwrap());
            }
        }
        // From end to end, both ways.
        for (first, next) in [(Go::First, Go::Next), (Go::Last, Go::Prev)] {
            let (mut mine, mut theirs): (Record<'_>, Record<'_>) =
                (own.go(first).unwrap(), lmdb.go(first).unwrap());
            let mut count = 0;
            while mine.is_some() || theirs.is_some() {
                assert_eq!(mine, theirs);
                (mine, theirs) = (own.go(next).unwrap(), lmdb.go(next).unwrap());
                count += 1;
            }
            assert_eq!(count, keys.len());
        }
    }
}

/// Whatever stands in the pages, a read ends, and stays within them.
#[test]
fn damaged_pages_are_not_believed_beyond_their_end() {
    let dir = tempfile::tempdir().unwrap();
    let env = open(&dir);
    let engine = engine_of(&env);
    let dict = Dict::<Bytes, Bytes>::open(&env, "dict").unwrap();
    let space = engine.space("dict").unwrap();
    let mut numbers = Numbers(2);
    let records = records(&mut numbers, 300);
    env.transaction(|| records.iter().try_for_each(|(key, value)| dict.put(key, value))).unwrap();
    let tree = snapshot(&engine, &space).tree(&engine, &space).unwrap().unwrap().tree.unwrap();
    let file = std::fs::read(dir.path().join("env").join("data.mdb")).unwrap();
    let size = engine.page_size();
    let mut refused = 0;
    for _ in 0..3_000 {
        let mut damaged = file.clone();
        for _ in 0..=numbers.below(8) {
            // Mostly in the headers and the places of nodes.
            let page = numbers.below(file.len() / size) * size;
            let end = [32, size][numbers.below(2)];
            let at = page + numbers.below(end);
            damaged[at] = u8::try_from(numbers.below(256)).unwrap();
        }
        let pages = Pages::over(&damaged, size);
        for (key, _) in records.iter().step_by(7) {
            refused += usize::from(tree.get(&pages, key).is_err());
        }
        let mut cursor = TreeCursor::new(pages, tree);
        for (go, next) in [(Go::First, Go::Next), (Go::Last, Go::Prev), (Go::AtOrAfter(b"b"), Go::Next)] {
            let mut record = cursor.go(go);
            // Nodes that lead to one page again and again make a walk long.
            for _ in 0..2 * records.len() {
                match record {
                    Ok(Some(_)) => record = cursor.go(next),
                    Ok(None) => break,
                    Err(_) => {
                        refused += 1;
                        break;
                    }
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn a_record_that_is_not_of_a_plain_tree_is_left_to_lmdb() {
    let mut record = [0; record::SIZE];
    record[record::AT_ROOT..].copy_from_slice(&usize::MAX.to_ne_bytes());
    assert_eq!(Tree::of_record(&record), Some(Tree { root: NO_PAGE, depth: 0, entries: 0 }));
    let with = |at: usize, number: u16| {
        let mut record = record;
        record[at..at + 2].copy_from_slice(&number.to_ne_bytes());
        Tree::of_record(&record)
    };
    // Flags, a tree without a root that has levels, one that is too deep, and what is no record.
    assert_eq!(with(record::AT_TREE_FLAGS, record::DUPLICATES), None);
    assert_eq!(with(record::AT_DEPTH, 1), None);
    assert_eq!(with(record::AT_ROOT, 7), None);
    assert_eq!(Tree::of_record(&record[1..]), None);
    record[record::AT_ROOT..].copy_from_slice(&7_usize.to_ne_bytes());
    record[record::AT_DEPTH] = u8::try_from(DEEPEST).unwrap();
    assert!(Tree::of_record(&record).is_some());
    record[record::AT_DEPTH] += 1;
    assert_eq!(Tree::of_record(&record), None);
}

/// What was found of a name is true of one commit alone.
#[test]
fn each_snapshot_reads_its_own_tree() {
    let dir = tempfile::tempdir().unwrap();
    let env = open(&dir);
    let engine = engine_of(&env);
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    let space = engine.space("dict").unwrap();
    let first = |snapshot: &mut Snapshot| {
        let record = cursor(snapshot, &engine, &space).go(Go::First).unwrap();
        record.map(|(_, value)| i64::from_le_bytes(value.try_into().unwrap()))
    };
    dict.put(&1, &1).unwrap();
    let mut old = snapshot(&engine, &space);
    dict.put(&1, &2).unwrap();
    let mut new = snapshot(&engine, &space);
    for _ in 0..2 {
        assert_eq!((first(&mut old), first(&mut new)), (Some(1), Some(2)));
    }
    // The thread's own snapshot, too, again and again.
    for n in 0..100 {
        dict.put(&1, &n).unwrap();
        assert_eq!((dict.get(&1).unwrap(), first(&mut old)), (Some(n), Some(1)));
    }
}

#[test]
fn a_map_that_has_moved_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let env = open(&dir);
    let engine = engine_of(&env);
    let dict = Dict::<i64, Bytes>::open(&env, "dict").unwrap();
    let map = engine.env.info().me_mapsize;
    for n in 0..2_000 {
        dict.put(&n, &vec![7; 5_000]).unwrap();
        assert_eq!(dict.get(&(n / 2)).unwrap().map(|value| value.len()), Some(5_000));
    }
    assert!(engine.env.info().me_mapsize > 4 * map);
    assert!(engine.env.has_pages());
}

/// A snapshot needs no numbers as long as it knows where the pages lie. The system cannot tell that again if the process
/// may open no more files.
#[test]
fn a_snapshot_finds_its_pages_in_the_map_that_has_moved() {
    let dir = tempfile::tempdir().unwrap();
    let env = open(&dir);
    let engine = engine_of(&env);
    let dict = Dict::<i64, Bytes>::open(&env, "dict").unwrap();
    dict.put(&0, &[1][..]).unwrap();
    drop(snapshot(&engine, &engine.space("dict").unwrap()));
    let map = engine.env.info().me_mapsize;
    let current = env.begin_snapshot().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..1_000 {
                dict.put(&n, &vec![7; 5_000]).unwrap();
            }
        });
    });
    assert!(engine.env.info().me_mapsize > map);
    // Nothing has read since.
    assert!(engine.env.has_pages());
    assert_eq!((dict.get(&0).unwrap(), dict.len().unwrap()), (Some(vec![1]), 1));
    current.commit().unwrap();
    assert_eq!(dict.len().unwrap(), 1_000);
}

/// Each opening stops the calls of all threads.
#[test]
fn a_single_read_takes_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let env = open(&dir);
    let engine = engine_of(&env);
    let dicts: Vec<_> =
        (0..500).map(|n| Dict::<i64, i64>::open(&env, &format!("dict {n}")).unwrap()).collect();
    env.transaction(|| (0..).zip(&dicts).try_for_each(|(n, dict)| dict.put(&1, &n))).unwrap();
    drop(snapshot(&engine, &engine.space("dict 0").unwrap()));
    let openings = engine.spaces.horizon();
    for (n, dict) in (0..).zip(&dicts) {
        assert_eq!((dict.get(&1).unwrap(), dict.len().unwrap()), (Some(n), 1));
        assert_eq!((dict.first().unwrap(), dict.get(&2).unwrap()), (Some((1, n)), None));
    }
    assert_eq!(engine.spaces.horizon(), openings);
}
