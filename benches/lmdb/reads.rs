//! Rows of reads: single gets, many at once, snapshots, walks and ranges.

use std::ffi::c_void;
use std::hint::black_box;
use std::path::Path;
use std::ptr;

use lmdb_sys::{MDB_FIRST, MDB_LAST, MDB_NEXT, MDB_PREV, MDB_SET_RANGE};
use persistent_collections::ffi::*;

use crate::bare::Bare;
use crate::measure::{Rounds, Row, compare, time};
use crate::ours::{self, Batch, Ours};
use crate::{Numbers, key};

/// Bytes of a value.
const VALUE: usize = 100;

pub struct Both {
    pub ours: Ours,
    pub bare: Bare,
    count: usize,
}

impl Both {
    /// The same records on both sides, stored in the order of their keys.
    pub fn with(dir: &Path, name: &str, count: usize, value: usize) -> Both {
        let ours = Ours::open(&dir.join(format!("{name} ours")), PC_DURABILITY_NONE);
        let bare = Bare::open(&dir.join(format!("{name} bare")), false);
        let batch = Batch::new((0..count).map(key).collect(), value);
        ours.put_many(&batch);
        let txn = bare.begin(0);
        for (index, key) in batch.keys.iter().enumerate() {
            txn.put(bare.dbi, key, batch.value(index), 0);
        }
        txn.commit();
        Both { ours, bare, count }
    }
}

pub fn rows(dir: &Path, rounds: Rounds, large: usize) -> Vec<Row> {
    let both = Both::with(dir, "reads", 100_000, VALUE);
    let mut rows = gets(&both, rounds);
    rows.extend(walks(&both, rounds));
    rows.extend(ranges(&both, rounds));
    drop(both);
    rows.push(many(&Both::with(dir, "many", large, VALUE), rounds));
    rows.extend([0, 100, 1_000, 5_000].map(|others| snapshot(dir, rounds, others)));
    rows
}

fn gets(both: &Both, rounds: Rounds) -> Vec<Row> {
    const GETS: usize = 200_000;
    let Both { ours, bare, count } = both;
    let mut numbers = Numbers(1);
    let hot: Vec<[u8; 8]> = (0..1_000).map(|_| key(numbers.below(*count))).collect();
    let reader = bare.read();
    reader.reset();
    let get_bare = |key: &[u8]| {
        let mut buffer = [0_u8; 128];
        let value = reader.get(bare.dbi, key);
        buffer[..value.len()].copy_from_slice(value);
        black_box(&buffer);
    };
    let single = compare(
        rounds,
        ("a get of 100 B", "renew, get, copy, reset", 1.15),
        || {
            let mut buffer = [0; 128];
            time(GETS, || {
                for key in hot.iter().cycle().take(GETS) {
                    ours::get(ours.dict, key, &mut buffer);
                    black_box(&buffer);
                }
            })
        },
        || {
            time(GETS, || {
                for key in hot.iter().cycle().take(GETS) {
                    reader.renew();
                    get_bare(key);
                    reader.reset();
                }
            })
        },
    );
    reader.renew();
    let in_snapshot = compare(
        rounds,
        ("the same in a snapshot", "get, copy", 1.22),
        || {
            let txn = ours.begin(PC_TXN_READ);
            let mut buffer = [0; 128];
            let time = time(GETS, || {
                for key in hot.iter().cycle().take(GETS) {
                    ours::get(ours.dict, key, &mut buffer);
                    black_box(&buffer);
                }
            });
            assert_eq!(pc_txn_commit(txn), PC_OK);
            time
        },
        || time(GETS, || hot.iter().cycle().take(GETS).for_each(|key| get_bare(key))),
    );
    let lent = compare(
        rounds,
        ("pc_dict_get_ref in a snapshot", "get", 1.2),
        || {
            let txn = ours.begin(PC_TXN_READ);
            let time = time(GETS, || {
                for key in hot.iter().cycle().take(GETS) {
                    let (mut value, mut len) = (ptr::null::<c_void>(), 0);
                    // SAFETY: the key has eight bytes, and both outputs are valid places.
                    let status = unsafe {
                        pc_dict_get_ref(ours.dict, key.as_ptr().cast(), 8, &raw mut value, &raw mut len)
                    };
                    assert_eq!((status, len), (PC_OK, VALUE));
                    black_box(value);
                }
            });
            assert_eq!(pc_txn_commit(txn), PC_OK);
            time
        },
        || {
            time(GETS, || {
                for key in hot.iter().cycle().take(GETS) {
                    black_box(reader.get(bare.dbi, key).as_ptr());
                }
            })
        },
    );
    vec![single, in_snapshot, lent]
}

/// Walks over all records, copied out of the map on both sides.
fn walks(both: &Both, rounds: Rounds) -> Vec<Row> {
    let Both { ours, bare, count } = both;
    let walk_bare = |first, next| {
        time(*count, || {
            let txn = bare.read();
            let cursor = txn.cursor(bare.dbi);
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            let (mut op, mut seen) = (first, 0);
            while let Some((key, value)) = cursor.go(op, &[]) {
                if seen % 4096 == 0 {
                    keys.clear();
                    values.clear();
                }
                keys.extend_from_slice(key);
                values.extend_from_slice(value);
                op = next;
                seen += 1;
            }
            assert_eq!(seen, *count);
            black_box((keys, values));
        })
    };
    let batches = |flags| {
        time(*count, || {
            let iter = open_iter(ours, flags, None);
            let mut seen = 0;
            // SAFETY: plain data; a valid place for the batch.
            unsafe {
                let mut batch: pc_batch = std::mem::zeroed();
                while pc_iter_next_batch(iter, 0, 0, &raw mut batch) == PC_OK {
                    seen += batch.count;
                }
            }
            assert_eq!((seen, pc_iter_close(iter)), (*count, PC_OK));
        })
    };
    vec![
        compare(
            rounds,
            ("pc_iter_next_batch, an entry", "cursor, copied into columns", 1.0),
            || batches(0),
            || walk_bare(MDB_FIRST, MDB_NEXT),
        ),
        compare(
            rounds,
            ("the same in reverse", "cursor, copied into columns", 1.15),
            || batches(PC_RANGE_REVERSE),
            || walk_bare(MDB_LAST, MDB_PREV),
        ),
        compare(
            rounds,
            ("pc_iter_next, an entry", "cursor, each copied", 1.4),
            || {
                time(*count, || {
                    let iter = open_iter(ours, 0, None);
                    let mut seen = 0;
                    while step(iter).is_some() {
                        seen += 1;
                    }
                    assert_eq!((seen, pc_iter_close(iter)), (*count, PC_OK));
                })
            },
            || {
                time(*count, || {
                    let txn = bare.read();
                    let cursor = txn.cursor(bare.dbi);
                    let (mut op, mut seen, mut buffer) = (MDB_FIRST, 0, [0; 128]);
                    while let Some((key, value)) = cursor.go(op, &[]) {
                        buffer[..8].copy_from_slice(key);
                        buffer[8..8 + value.len()].copy_from_slice(value);
                        black_box(&buffer);
                        op = MDB_NEXT;
                        seen += 1;
                    }
                    assert_eq!(seen, *count);
                })
            },
        ),
    ]
}

fn open_iter(ours: &Ours, flags: u32, bounds: Option<(&[u8; 8], &[u8; 8])>) -> pc_iter {
    let mut iter = pc_iter { id: 0 };
    // SAFETY: plain data, whose pointers are used only if the flags say so; a valid place for the handle.
    unsafe {
        let mut range: pc_range = std::mem::zeroed();
        range.flags = flags;
        if let Some((lower, upper)) = bounds {
            range.flags |= PC_RANGE_LOWER | PC_RANGE_UPPER;
            (range.lower, range.lower_len) = (lower.as_ptr().cast(), 8);
            (range.upper, range.upper_len) = (upper.as_ptr().cast(), 8);
        }
        assert_eq!(pc_iter_open_dict(ours.dict, &raw const range, &raw mut iter), PC_OK);
    }
    iter
}

#[inline]
fn step(iter: pc_iter) -> Option<(*const c_void, *const c_void)> {
    let (mut key, mut value) = (ptr::null(), ptr::null());
    let (mut key_len, mut value_len) = (0, 0);
    // SAFETY: four valid places.
    let status =
        unsafe { pc_iter_next(iter, &raw mut key, &raw mut key_len, &raw mut value, &raw mut value_len) };
    black_box((key_len, value_len));
    (status == PC_OK).then_some((key, value))
}

/// Short ranges, each with an iterator of its own; bare LMDB keeps its transaction and renews its cursor.
fn ranges(both: &Both, rounds: Rounds) -> Vec<Row> {
    const RANGES: usize = 5_000;
    let Both { ours, bare, count } = both;
    [(1, 1.5), (10, 1.5), (100, 1.3)]
        .map(|(length, goal)| {
            let mut numbers = Numbers(2);
            let starts: Vec<usize> = (0..RANGES).map(|_| numbers.below(count - length)).collect();
            let reader = bare.read();
            let cursor = reader.cursor(bare.dbi);
            reader.reset();
            compare(
                rounds,
                (&format!("a range of {length}"), "renew, cursor, each copied, reset", goal),
                || {
                    time(RANGES, || {
                        for start in &starts {
                            let iter = open_iter(ours, 0, Some((&key(*start), &key(start + length))));
                            let mut seen = 0;
                            while step(iter).is_some() {
                                seen += 1;
                            }
                            assert_eq!((seen, pc_iter_close(iter)), (length, PC_OK));
                        }
                    })
                },
                || {
                    time(RANGES, || {
                        for start in &starts {
                            reader.renew();
                            // SAFETY: the cursor of a read transaction that was reset and renewed.
                            assert_eq!(unsafe { lmdb_sys::mdb_cursor_renew(reader.0, cursor.0) }, 0);
                            let end = key(start + length);
                            let (mut seen, mut buffer) = (0, [0; 128]);
                            let mut record = cursor.go(MDB_SET_RANGE, &key(*start));
                            while let Some((key, value)) = record.filter(|(key, _)| **key < end[..]) {
                                buffer[..8].copy_from_slice(key);
                                buffer[8..8 + value.len()].copy_from_slice(value);
                                black_box(&buffer);
                                seen += 1;
                                record = cursor.go(MDB_NEXT, &[]);
                            }
                            assert_eq!(seen, length);
                            reader.reset();
                        }
                    })
                },
            )
        })
        .into()
}

/// A tenth of the records, in no order.
fn many(both: &Both, rounds: Rounds) -> Row {
    let Both { ours, bare, count } = both;
    let mut numbers = Numbers(3);
    let keys: Vec<[u8; 8]> = (0..count / 10).map(|_| key(numbers.below(*count))).collect();
    let mut present = vec![0_u8; keys.len()];
    let mut values = pc_buffer { data: ptr::null_mut(), len: 0, cap: 0 };
    let mut offsets = vec![0_u64; keys.len() + 1];
    let mut copied = Vec::with_capacity(keys.len() * VALUE);
    compare(
        rounds,
        ("get_many of a tenth of the keys, a key", "gets in one transaction, copied", 0.62),
        || {
            time(keys.len(), || {
                // SAFETY: the columns are as long as they say, and so are the outputs.
                let status = unsafe {
                    pc_dict_get_many(
                        ours.dict,
                        keys.len(),
                        keys.as_ptr().cast(),
                        ptr::null(),
                        present.as_mut_ptr(),
                        ptr::null_mut(),
                        0,
                        &raw mut values,
                        offsets.as_mut_ptr(),
                        ptr::null_mut(),
                    )
                };
                assert_eq!(status, PC_OK);
                // SAFETY: the buffer that the call filled.
                unsafe { pc_buffer_free(&raw mut values) };
            })
        },
        || {
            time(keys.len(), || {
                let txn = bare.read();
                copied.clear();
                for key in &keys {
                    copied.extend_from_slice(txn.get(bare.dbi, key));
                }
                black_box(&copied);
            })
        },
    )
}

/// A snapshot of one get, where other collections are open.
fn snapshot(dir: &Path, rounds: Rounds, others: usize) -> Row {
    const SNAPSHOTS: usize = 5_000;
    let both = Both::with(dir, &format!("snapshot {others}"), 1_000, VALUE);
    let Both { ours, bare, .. } = &both;
    for n in 0..others {
        let dict = ours.dict(&format!("other {n}"));
        ours::put(dict, &key(0), &[7; VALUE]);
    }
    let goal = if others == 0 { 0.35 } else { 0.4 };
    compare(
        rounds,
        (&format!("a snapshot of one get, beside {others} collections"), "begin, get, copy, abort", goal),
        || {
            let mut buffer = [0; 128];
            time(SNAPSHOTS, || {
                for n in 0..SNAPSHOTS {
                    let txn = ours.begin(PC_TXN_READ);
                    ours::get(ours.dict, &key(n % 1_000), &mut buffer);
                    assert_eq!(pc_txn_commit(txn), PC_OK);
                }
            })
        },
        || {
            let mut buffer = [0; 128];
            time(SNAPSHOTS, || {
                for n in 0..SNAPSHOTS {
                    let txn = bare.read();
                    let value = txn.get(bare.dbi, &key(n % 1_000));
                    buffer[..value.len()].copy_from_slice(value);
                    black_box(&buffer);
                }
            })
        },
    )
}
