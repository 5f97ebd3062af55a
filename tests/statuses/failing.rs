//! Statuses of calls when the map or the disk is full, and when the storage fails.

use std::path::Path;
use std::sync::Barrier;

use persistent_collections::ffi::{PC_ERR_COMMIT_UNKNOWN, PC_OK, pc_env_options, pc_txn_abort};

use super::Producer;
use super::abi::{World, begin_read, begin_write, borrow, get, put};
use super::faults::{Fault, arm, disarm};

pub const PRODUCERS: &[(&str, Producer)] = &[
    ("PC_ERR_MAP_FULL", |dir| outgrown(dir).0),
    ("PC_ERR_TXN_FAILED", |dir| outgrown(dir).1),
    ("PC_ERR_MAP_BUSY", |dir| {
        let world = World::with(dir, small);
        let (lent, tried) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let txn = begin_read(world.env);
                assert_eq!(borrow(world.dict, b"key"), PC_OK);
                lent.wait();
                tried.wait();
                assert_eq!(pc_txn_abort(txn), PC_OK);
            });
            lent.wait();
            let given = put(world.dict, b"large", &vec![1; 8 << 20]);
            tried.wait();
            given
        })
    }),
    ("PC_ERR_DISK_FULL", |dir| fails(dir, 1, Fault::Error(libc::ENOSPC)).1),
    ("PC_ERR_IO", |dir| fails(dir, 1, Fault::Error(libc::EIO)).1),
    ("PC_ERR_COMMIT_UNKNOWN", |dir| unknown(dir).1),
    ("PC_ERR_ENV_FAILED", |dir| get(unknown(dir).0.dict, b"key", 10)),
];

/// A map that starts small; a write does not wait.
fn small(options: &mut pc_env_options) {
    options.map_size = 1 << 20;
    options.write_timeout_ms = 20;
}

/// Returns the status of a transaction that outgrows the map, and that of its next call.
fn outgrown(dir: &Path) -> (i32, i32) {
    let world = World::with(dir, small);
    let (status, txn) = begin_write(world.env, 0);
    assert_eq!(status, PC_OK);
    let given = (put(world.dict, b"large", &vec![1; 8 << 20]), put(world.dict, b"a", b"b"));
    assert_eq!(pc_txn_abort(txn), PC_OK);
    given
}

/// Makes a write or sync of an autocommit fail, by its number.
fn fails(dir: &Path, number: u64, fault: Fault) -> (World, i32) {
    let dir = dir.join(number.to_string());
    std::fs::create_dir(&dir).unwrap();
    let world = World::new(&dir);
    arm(&world.data(), fault, number, false);
    let given = put(world.dict, b"a", &[2; 5000]);
    assert!(disarm());
    (world, given)
}

/// Makes the write of the meta page fail, whatever its number is.
fn unknown(dir: &Path) -> (World, i32) {
    (1..100)
        .map(|number| fails(dir, number, Fault::Error(libc::EIO)))
        .find(|(_, given)| *given == PC_ERR_COMMIT_UNKNOWN)
        .unwrap()
}
