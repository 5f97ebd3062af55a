//! Loops that write to the collection that they iterate over: the snapshot of the loop does not make the file grow.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Scratch, options, scratch};
use persistent_collections::{Dict, Environment};

const RECORDS: i64 = 5000;

fn filled(env: &Environment, size: usize) -> Dict<i64, Vec<u8>> {
    let dict = Dict::<i64, Vec<u8>>::open(env, "dict").unwrap();
    let value = vec![1; size];
    let keys: Vec<i64> = (0..RECORDS).collect();
    dict.put_many(keys.iter().map(|key| (key, &value[..]))).unwrap();
    dict
}

fn size(env: &Environment) -> u64 {
    fs::metadata(env.path().join("data.mdb")).unwrap().len()
}

fn snapshots(env: &Environment) -> usize {
    env.readers().unwrap().iter().filter(|reader| reader.commit.is_some()).count()
}

/// `for k, v in d.items(): d[k] = f(v)` outside of a transaction made a file of 804 KiB grow to 652 MiB: each write is a
/// commit, and the snapshot of the loop kept the pages of all of them.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_loop_that_writes_what_it_walks_over_leaves_the_file_small() {
    let Scratch { env, .. } = &scratch();
    let dict = filled(env, 100);
    let before = size(env);
    let mut count = 0;
    for entry in dict.iter().unwrap() {
        let (key, value) = entry.unwrap();
        assert_eq!((key, &value[..]), (count, &[1; 100][..]), "what was there when the walk began");
        dict.put(&key, &[2; 100]).unwrap();
        count += 1;
        assert!(count == 1 || snapshots(env) == 0);
    }
    assert_eq!(count, RECORDS);
    assert!(size(env) < 4 * before, "{before} bytes grew to {}", size(env));
    env.check().unwrap();
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn the_snapshot_of_a_large_range_stays_until_little_is_left() {
    let Scratch { env, .. } = &scratch();
    let dict = filled(env, 3000);
    let mut walk = dict.iter().unwrap();
    let mut let_go = None;
    for count in 0..RECORDS {
        assert_eq!(walk.next().unwrap().unwrap(), (count, vec![1; 3000]));
        if count % 50 == 0 {
            dict.put(&count, &[2; 3000]).unwrap();
        }
        if let_go.is_none() && snapshots(env) == 0 {
            let_go = Some(count);
        }
    }
    assert!(walk.next().is_none());
    // 15 MB in all, of which 4 MiB may be kept.
    assert!(let_go.is_some_and(|count| (RECORDS / 4..RECORDS * 19 / 20).contains(&count)), "{let_go:?}");
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_loop_from_the_far_end_that_writes_what_it_walks_over_leaves_the_file_small() {
    let Scratch { env, .. } = &scratch();
    let dict = filled(env, 100);
    let before = size(env);
    let mut left = RECORDS;
    for entry in dict.iter().unwrap().rev() {
        left -= 1;
        assert_eq!(entry.unwrap(), (left, vec![1; 100]), "what was there when the iterator began");
        dict.put(&left, &[2; 100]).unwrap();
        assert!(left == RECORDS - 1 || snapshots(env) == 0);
    }
    assert_eq!(left, 0);
    assert!(size(env) < 4 * before, "{before} bytes grew to {}", size(env));
}

#[test]
fn a_walk_in_the_other_direction_goes_on_in_memory_too() {
    let Scratch { env, .. } = &scratch();
    let dict = filled(env, 100);
    let mut walk = dict.range(&1000..&2000).unwrap().reversed();
    for count in 0..500 {
        assert_eq!(walk.next().unwrap().unwrap().0, 1999 - count);
    }
    dict.put(&1, &[]).unwrap();
    assert_eq!(walk.next().unwrap().unwrap().0, 1499);
    assert_eq!(snapshots(env), 0);
    assert_eq!(
        walk.map(|entry| entry.unwrap().0).collect::<Vec<_>>(),
        (1000..1499).rev().collect::<Vec<_>>()
    );
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn another_processs_commits_and_reads_of_this_one_keep_the_snapshot() {
    let Scratch { env, .. } = &scratch();
    let dict = filled(env, 100);
    let mut walk = dict.iter().unwrap();
    walk.next().unwrap().unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(vec![1; 100]));
    walk.next().unwrap().unwrap();
    assert_eq!(snapshots(env), 1);
}

#[test]
fn walks_in_memory_use_no_reader_slots() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("env"), &options().max_readers(4)).unwrap();
    let dict = filled(&env, 100);
    // Each would otherwise have kept one of four slots.
    let mut walks: Vec<_> = (0..100)
        .map(|_| {
            let mut walk = dict.iter().unwrap();
            walk.next().unwrap().unwrap();
            dict.put(&1, &[]).unwrap();
            walk.next().unwrap().unwrap();
            walk
        })
        .collect();
    assert!(walks.iter_mut().all(|walk| walk.next().unwrap().is_ok()));
    let Some(walk) = walks.pop() else { return };
    drop(walks);
    assert_eq!(walk.count(), usize::try_from(RECORDS).unwrap() - 3);
}

/// A range of ten records took longer to open and close than to read: each took a snapshot with a place of its own.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "places of readers")]
fn a_short_range_with_both_bounds_is_read_at_once() {
    let Scratch { env, .. } = &scratch();
    let dict = filled(env, 100);
    let (mut short, mut reverse) = (dict.range(&10..&20).unwrap(), dict.range(&10..=&20).unwrap().rev());
    assert_eq!(snapshots(env), 0);
    let mut long = dict.range(&10..&1000).unwrap();
    let open = dict.range(&4995..).unwrap();
    assert_eq!(snapshots(env), 2);
    // All show the moment at which they were opened.
    dict.put(&12, &[2; 100]).unwrap();
    dict.remove(&20).unwrap();
    let value = vec![1; 100];
    for key in 10..20 {
        assert_eq!(short.next().unwrap().unwrap(), (key, value.clone()));
    }
    assert!(short.next().is_none());
    assert_eq!(reverse.next().unwrap().unwrap(), (20, value.clone()));
    assert_eq!(reverse.count(), 10);
    assert_eq!(long.next().unwrap().unwrap(), (10, value.clone()));
    assert_eq!(long.map(Result::unwrap).filter(|entry| entry.1 == value).count(), 989);
    assert_eq!(open.count(), 5);
    drop((short, dict));
}
