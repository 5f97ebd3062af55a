//! Rows of large values: what copying one costs, and what lending its address saves.

use std::ffi::c_void;
use std::hint::black_box;
use std::path::Path;
use std::ptr;

use persistent_collections::ffi::*;

use crate::measure::{Rounds, Row, compare, time};
use crate::reads::Both;
use crate::{key, ours};

const COUNT: usize = 100;
const VALUE: usize = 100_000;
const GETS: usize = 5_000;

pub fn rows(dir: &Path, rounds: Rounds) -> Vec<Row> {
    let Both { ours, bare, .. } = Both::with(dir, "large", COUNT, VALUE);
    let keys: Vec<[u8; 8]> = (0..COUNT).map(key).collect();
    let asked = || keys.iter().cycle().take(GETS);
    let reader = bare.read();
    let mut buffer = vec![0_u8; VALUE];
    let mut other = vec![0_u8; VALUE];
    let copied = compare(
        rounds,
        ("a get of 100 kB", "renew, get, copy, reset", 1.05),
        || {
            time(GETS, || {
                for key in asked() {
                    ours::get(ours.dict, key, &mut buffer);
                    black_box(&buffer);
                }
            })
        },
        || {
            time(GETS, || {
                for key in asked() {
                    reader.reset();
                    reader.renew();
                    other.copy_from_slice(reader.get(bare.dbi, key));
                    black_box(&other);
                }
            })
        },
    );
    let lent = compare(
        rounds,
        ("pc_dict_get_ref of 100 kB in a snapshot", "get", 1.2),
        || {
            let txn = ours.begin(PC_TXN_READ);
            let time = time(GETS, || {
                for key in asked() {
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
        || time(GETS, || asked().for_each(|key| _ = black_box(reader.get(bare.dbi, key).as_ptr()))),
    );
    vec![copied, lent]
}
