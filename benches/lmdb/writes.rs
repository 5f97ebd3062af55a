//! Rows of writes: single puts, batches, and sets made of others.

use std::path::Path;
use std::ptr;

use lmdb_sys::{MDB_APPEND, MDB_FIRST, MDB_NEXT};
use persistent_collections::ffi::*;

use crate::bare::Bare;
use crate::measure::{Rounds, Row, compare, time};
use crate::ours::{self, Batch, Ours};
use crate::{Numbers, key};

const VALUE: usize = 100;

pub fn rows(dir: &Path, rounds: Rounds, large: usize) -> Vec<Row> {
    let mut rows = vec![
        puts(dir, rounds, "a put without durability, 100,000 keys", 100_000, 1.06),
        puts(dir, rounds, "the same, 20 keys", 20, 1.1),
        collections(dir, rounds),
    ];
    rows.extend(batches(dir, Rounds(rounds.0.div_ceil(3)), large));
    rows.extend(sets(dir, rounds));
    rows
}

fn puts(dir: &Path, rounds: Rounds, what: &str, count: usize, goal: f64) -> Row {
    const PUTS: usize = 5_000;
    let ours = Ours::open(&dir.join(format!("puts {count} ours")), PC_DURABILITY_NONE);
    let bare = Bare::open(&dir.join(format!("puts {count} bare")), false);
    let batch = Batch::new((0..count).map(key).collect(), VALUE);
    ours.put_many(&batch);
    put_bare(&bare, &batch, 0..count);
    let (mut one, mut other) = (Numbers(4), Numbers(4));
    compare(
        rounds,
        (what, "begin, put, commit with NOSYNC", goal),
        || {
            time(PUTS, || {
                for n in 0..PUTS {
                    ours::put(ours.dict, &key(one.below(count)), &[n.to_le_bytes()[0]; VALUE]);
                }
            })
        },
        || {
            time(PUTS, || {
                for n in 0..PUTS {
                    let txn = bare.begin(0);
                    txn.put(bare.dbi, &key(other.below(count)), &[n.to_le_bytes()[0]; VALUE], 0);
                    txn.commit();
                }
            })
        },
    )
}

fn put_bare(bare: &Bare, batch: &Batch, order: impl Iterator<Item = usize>) {
    let txn = bare.begin(0);
    for index in order {
        txn.put(bare.dbi, &batch.keys[index], batch.value(index), 0);
    }
    txn.commit();
}

/// A put into each of a hundred collections, in one transaction.
fn collections(dir: &Path, rounds: Rounds) -> Row {
    const COLLECTIONS: usize = 100;
    const TIMES: usize = 50;
    let ours = Ours::open(&dir.join("collections ours"), PC_DURABILITY_NONE);
    let bare = Bare::open(&dir.join("collections bare"), false);
    let names: Vec<String> = (0..COLLECTIONS).map(|n| format!("collection {n}")).collect();
    let dicts: Vec<_> = names.iter().map(|name| ours.dict(name)).collect();
    let databases: Vec<_> = names.iter().map(|name| bare.database(name)).collect();
    compare(
        rounds,
        ("100 collections, a put into each", "the same in one transaction", 1.05),
        || {
            time(TIMES * COLLECTIONS, || {
                for n in 0..TIMES {
                    let txn = ours.begin(PC_TXN_WRITE);
                    dicts.iter().for_each(|dict| ours::put(*dict, &key(n), &[7; VALUE]));
                    assert_eq!(pc_txn_commit(txn), PC_OK);
                }
            })
        },
        || {
            time(TIMES * COLLECTIONS, || {
                for n in 0..TIMES {
                    let txn = bare.begin(0);
                    databases.iter().for_each(|dbi| txn.put(*dbi, &key(n), &[7; VALUE], 0));
                    txn.commit();
                }
            })
        },
    )
}

fn batches(dir: &Path, rounds: Rounds, large: usize) -> Vec<Row> {
    let ours = Ours::open(&dir.join("batches ours"), PC_DURABILITY_NONE);
    let bare = Bare::open(&dir.join("batches bare"), false);
    let sorted = Batch::new((0..large).map(key).collect(), VALUE);
    let mut numbers = Numbers(5);
    let mut shuffled: Vec<usize> = (0..large).collect();
    for last in (1..large).rev() {
        shuffled.swap(last, numbers.below(last + 1));
    }
    let random = Batch::new(shuffled.iter().map(|n| key(*n)).collect(), VALUE);
    // Between the others.
    let few = Batch::new(shuffled.iter().take(large / 10).map(|n| key_between(*n)).collect(), VALUE);
    let load = |batch: &Batch| {
        ours.clear();
        time(batch.len(), || ours.put_many(batch))
    };
    let load_bare = |batch: &Batch| {
        bare.clear(bare.dbi);
        time(batch.len(), || put_bare(&bare, batch, 0..batch.len()))
    };
    let append_bare = || {
        bare.clear(bare.dbi);
        time(large, || {
            let txn = bare.begin(0);
            let cursor = txn.cursor(bare.dbi);
            for (index, key) in sorted.keys.iter().enumerate() {
                cursor.put(key, sorted.value(index), MDB_APPEND);
            }
            drop(cursor);
            txn.commit();
        })
    };
    let mut rows = vec![compare(
        rounds,
        ("put_many, sorted, into nothing, an entry", "a cursor that appends", 1.1),
        || load(&sorted),
        append_bare,
    )];
    rows.push(size("bytes of pages, sorted", &ours, &bare, 1.0));
    rows.push(compare(
        rounds,
        ("put_many, random, into nothing, an entry", "puts in that order", 0.35),
        || load(&random),
        || load_bare(&random),
    ));
    rows.push(size("bytes of pages, random", &ours, &bare, 0.7));
    rows.push(compare(
        rounds,
        ("put_many, random, a tenth more, an entry", "puts in that order", 0.65),
        || {
            load(&sorted);
            time(few.len(), || ours.put_many(&few))
        },
        || {
            load_bare(&sorted);
            time(few.len(), || put_bare(&bare, &few, 0..few.len()))
        },
    ));
    rows
}

fn key_between(n: usize) -> [u8; 8] {
    (n as u64 * 16 + 8).to_be_bytes()
}

/// What the same records take.
fn size(what: &str, ours: &Ours, bare: &Bare, goal: f64) -> Row {
    // SAFETY: plain data, whose size is given; a valid place.
    let bytes = unsafe {
        let mut stat: pc_env_stat = std::mem::zeroed();
        stat.struct_size = size_of::<pc_env_stat>();
        assert_eq!(pc_env_info(ours.env, &raw mut stat), PC_OK);
        stat.pages_used * stat.page_size
    };
    let row = Row {
        what: what.to_owned(),
        reference: "as left by the row before",
        unit: "B",
        ours: bytes as f64,
        bare: bare.bytes(bare.dbi) as f64,
        goal,
    };
    row.show();
    row
}

fn sets(dir: &Path, rounds: Rounds) -> Vec<Row> {
    const ELEMENTS: usize = 100_000;
    let ours = Ours::open(&dir.join("sets ours"), PC_DURABILITY_NONE);
    let bare = Bare::open(&dir.join("sets bare"), false);
    let [a, b, into] = ["a", "b", "into"].map(|name| ours.set(name));
    let [bare_a, bare_b, bare_into] = ["a", "b", "into"].map(|name| bare.database(name));
    for (step, set, dbi) in [(2, a, bare_a), (3, b, bare_b)] {
        let keys: Vec<[u8; 8]> = (0..ELEMENTS).map(|n| key(n * step)).collect();
        // SAFETY: the column is as long as it says.
        let status = unsafe {
            pc_set_add_many(
                set,
                keys.len(),
                keys.as_ptr().cast(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(status, PC_OK);
        let txn = bare.begin(0);
        keys.iter().for_each(|key| txn.put(dbi, key, &[], 0));
        txn.commit();
    }
    let clear = || {
        // SAFETY: no range, no count.
        assert_eq!(unsafe { pc_set_remove_range(into, ours::no_range(), ptr::null_mut()) }, PC_OK);
    };
    // What a program does by hand: two cursors side by side, and one that appends.
    let merge = |both: bool| {
        bare.clear(bare_into);
        time(2 * ELEMENTS, || {
            let txn = bare.begin(0);
            let (one, other, out) = (txn.cursor(bare_a), txn.cursor(bare_b), txn.cursor(bare_into));
            let (mut x, mut y) = (one.go(MDB_FIRST, &[]), other.go(MDB_FIRST, &[]));
            loop {
                let (key, step_one, step_other) = match (x, y) {
                    (Some((a, _)), Some((b, _))) => (a.min(b), a <= b, b <= a),
                    (Some((a, _)), None) => (a, true, false),
                    (None, Some((b, _))) => (b, false, true),
                    (None, None) => break,
                };
                if !both || (step_one && step_other) {
                    out.put(key, &[], MDB_APPEND);
                }
                if step_one {
                    x = one.go(MDB_NEXT, &[]);
                }
                if step_other {
                    y = other.go(MDB_NEXT, &[]);
                }
            }
            drop((one, other, out));
            txn.commit();
        })
    };
    vec![
        compare(
            rounds,
            ("union into an empty set, an element", "two cursors and one that appends", 1.2),
            || {
                clear();
                time(2 * ELEMENTS, || assert_eq!(pc_set_union(a, b, into), PC_OK))
            },
            || merge(false),
        ),
        compare(
            rounds,
            ("intersection into an empty set, an element", "two cursors and one that appends", 1.2),
            || {
                clear();
                time(2 * ELEMENTS, || assert_eq!(pc_set_intersection(a, b, into), PC_OK))
            },
            || merge(true),
        ),
    ]
}
