//! Storage that fails: a failed write or sync undoes its transaction, and everything before stays.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[path = "shim/faults.rs"]
mod faults;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Duration;

use common::status;
use faults::{Fault, arm, disarm};
use persistent_collections::{Dict, Durability, Environment, Error, Options, Status};
use tempfile::TempDir;

type Model = BTreeMap<i64, Vec<u8>>;

fn full() -> Options {
    Options::new().map_size(64 << 20).write_timeout(Duration::from_secs(5))
}

struct World {
    dir: TempDir,
    env: Environment,
    dict: Dict<i64, Vec<u8>>,
    options: Options,
}

impl World {
    fn new(options: Options) -> World {
        let dir = tempfile::tempdir().unwrap();
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        let dict = Dict::open(&env, "dict").unwrap();
        World { dir, env, dict, options }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("env")
    }

    fn file(&self) -> PathBuf {
        self.path().join("data.mdb")
    }

    fn reopen(&mut self) {
        // The old ones live until the new ones exist.
        self.env = Environment::open(self.path(), &self.options).unwrap();
        self.dict = Dict::open(&self.env, "dict").unwrap();
    }

    fn content(&self) -> Model {
        self.dict.iter().unwrap().map(Result::unwrap).collect()
    }
}

/// Does one step of a workload to the environment and to its model.
type Step = (fn(&World) -> Result<(), Error>, fn(&mut Model));

const STEPS: &[Step] = &[
    (|w| w.dict.put(&1, &[1; 100]), |m| drop(m.insert(1, vec![1; 100]))),
    (
        |w| {
            let keys: Vec<i64> = (0..300).collect();
            w.dict.put_many(keys.iter().map(|key| (key, &[2; 200][..])))
        },
        |m| m.extend((0..300).map(|key| (key, vec![2; 200]))),
    ),
    (|w| w.dict.put(&7, &[3; 100_000]), |m| drop(m.insert(7, vec![3; 100_000]))),
    (
        |w| {
            let txn = w.env.begin_write()?;
            for key in (0..300).step_by(2) {
                w.dict.remove(&key)?;
            }
            let inner = w.env.begin_write()?;
            w.dict.put(&1000, &[4; 9000])?;
            inner.commit()?;
            txn.commit()
        },
        |m| {
            m.retain(|key, _| *key >= 300 || key % 2 == 1);
            m.insert(1000, vec![4; 9000]);
        },
    ),
    (|w| w.dict.clear(), Model::clear),
    (
        |w| {
            let other = Dict::<String, i64>::open(&w.env, "other")?;
            other.put("key", &5)?;
            w.dict.put(&2, &[5; 50])
        },
        |m| drop(m.insert(2, vec![5; 50])),
    ),
];

/// Checks the result of every call after the environment has failed.
fn assert_failed(world: &World) {
    let failed = Status::EnvFailed;
    assert_eq!(status(world.dict.get(&1)), failed);
    assert_eq!(status(world.dict.len()), failed);
    assert_eq!(status(world.dict.put(&1, &[1])), failed);
    assert_eq!(status(world.dict.iter().map(drop)), failed);
    assert_eq!(status(world.env.begin_write()), failed);
    assert_eq!(status(world.env.begin_snapshot()), failed);
    assert_eq!(status(world.env.flush()), failed);
    assert_eq!(status(world.env.info()), failed);
    assert_eq!(status(Dict::<i64, i64>::open(&world.env, "more").map(drop)), failed);
}

/// Makes each write and sync of the workload fail in turn. Returns how often a step was undone, and how often its
/// outcome was unknown.
fn each_call_fails(durability: Durability, fault: Fault, lasting: bool) -> (u32, u32) {
    let (mut undone, mut unknown) = (0, 0);
    for at in 1.. {
        let mut world = World::new(full().durability(durability));
        let mut model = Model::new();
        for key in 5000..5050 {
            world.dict.put(&key, &[9; 500]).unwrap();
            model.insert(key, vec![9; 500]);
        }
        arm(&world.file(), fault, at, lasting);
        let mut has_failed = false;
        for (number, (write, tell)) in STEPS.iter().enumerate() {
            let mut after = model.clone();
            tell(&mut after);
            if let Err(error) = write(&world) {
                assert!(!has_failed, "step {number} fails after the storage was repaired: {error}");
                assert!(disarm(), "step {number} fails before the storage does: {error}");
                has_failed = true;
                let expected = match fault {
                    Fault::Error(libc::ENOSPC | libc::EDQUOT) | Fault::Quota => Status::DiskFull,
                    _ => Status::Io,
                };
                if error.status() == Status::CommitUnknown {
                    unknown += 1;
                    assert_failed(&world);
                    world.reopen();
                    let found = world.content();
                    assert!(found == model || found == after, "step {number}, call {at}: a third state");
                    if fault != Fault::Late {
                        assert!(found == model, "the old meta page was never touched");
                    }
                } else {
                    undone += 1;
                    assert_eq!(error.status(), expected, "{error}");
                }
                if error.status() != Status::CommitUnknown {
                    assert!(world.content() == model, "step {number}, call {at}: not undone");
                }
                write(&world).unwrap();
            }
            assert!(world.content() == after, "step {number}, call {at}");
            model = after;
        }
        let touched = disarm();
        assert!(has_failed || !touched, "call {at} failed without a report");
        world.env.flush().unwrap();
        let World { dir, env, dict, options } = world;
        drop((env, dict));
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
        assert!(dict.iter().unwrap().map(Result::unwrap).collect::<Model>() == model);
        if !has_failed {
            assert!(at > 20, "the workload makes more calls than {at}");
            break;
        }
    }
    (undone, unknown)
}

#[test]
fn each_write_and_sync_gives_eio() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Error(libc::EIO), false);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn each_write_and_sync_gives_enospc() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Error(libc::ENOSPC), false);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn a_quota_ends_at_each_write_and_stays_ended() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Error(libc::EDQUOT), true);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn each_write_is_short() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Short, false);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn each_write_is_short_for_a_quota() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Quota, false);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn each_write_and_sync_is_done_and_yet_fails() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Late, true);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn without_syncs_each_write_fails() {
    let (undone, unknown) = each_call_fails(Durability::None, Fault::Error(libc::ENOSPC), false);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn a_sync_that_fails_is_not_forgotten() {
    for durability in [Durability::None, Durability::NoMetaSync] {
        let mut world = World::new(full().durability(durability));
        world.dict.put(&1, &[1]).unwrap();
        world.env.flush().unwrap();
        world.dict.put(&2, &[2]).unwrap();
        arm(&world.file(), Fault::Error(libc::EIO), 1, false);
        let error = world.env.flush().unwrap_err();
        assert!(disarm());
        assert_eq!(error.status(), Status::Io);
        // The system would now report success, without having written the pages that it dropped.
        assert_eq!(status(world.env.flush()), Status::Io);
        world.dict.put(&3, &[3]).unwrap();
        assert_eq!(status(world.env.flush()), Status::Io);
        assert_eq!(world.content().len(), 3);
        let path = world.path();
        drop((world.env, world.dict));
        world.env = Environment::open(path, &world.options).unwrap();
        world.dict = Dict::open(&world.env, "dict").unwrap();
        world.env.flush().unwrap();
        assert_eq!(world.content().len(), 3);
    }
}

#[test]
fn without_meta_syncs_a_failed_sync_makes_earlier_commits_uncertain() {
    let world = World::new(full().durability(Durability::NoMetaSync));
    world.dict.put(&1, &[1]).unwrap();
    // Two pages or more are written, then synced; the number does not matter: each failure is EIO.
    arm(&world.file(), Fault::Error(libc::EIO), 1, false);
    assert_eq!(status(world.dict.put(&2, &[2])), Status::Io);
    assert!(disarm());
    world.dict.put(&2, &[2]).unwrap();
    assert_eq!(status(world.env.flush()), Status::Io);
}

#[test]
fn a_flush_of_durable_commits_may_fail_and_be_repeated() {
    let world = World::new(full());
    world.dict.put(&1, &[1]).unwrap();
    arm(&world.file(), Fault::Error(libc::ENOSPC), 1, false);
    assert_eq!(status(world.env.flush()), Status::DiskFull);
    assert!(disarm());
    world.env.flush().unwrap();
}

/// Makes the write of the meta page fail in the calling thread.
fn fail(world: &World) {
    for at in 1.. {
        arm(&world.file(), Fault::Error(libc::EIO), at, false);
        let error = world.dict.put(&77, &[7]).unwrap_err();
        assert!(disarm());
        if error.status() == Status::CommitUnknown {
            return;
        }
        assert_eq!(error.status(), Status::Io);
    }
}

#[test]
fn other_threads_snapshots_and_waiting_writes_end_when_the_environment_fails() {
    let world = World::new(full());
    for key in 0..100 {
        world.dict.put(&key, &[1; 1000]).unwrap();
    }
    let (begun, failed, opened) = (Barrier::new(3), Barrier::new(3), Barrier::new(3));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let snapshot = world.env.begin_snapshot().unwrap();
            let mut entries = world.dict.iter().unwrap();
            assert!(entries.next().unwrap().is_ok());
            begun.wait();
            failed.wait();
            assert_eq!(status(world.dict.get(&1)), Status::EnvFailed);
            assert!(entries.by_ref().any(|entry| entry.is_err()));
            opened.wait();
            assert_eq!(status(snapshot.commit()), Status::EnvFailed);
        });
        scope.spawn(|| {
            // Idle: this thread makes no call between the failure and the opening.
            let snapshot = world.env.begin_snapshot().unwrap();
            let mut entries = world.dict.iter().unwrap();
            assert!(entries.next().unwrap().is_ok());
            begun.wait();
            failed.wait();
            opened.wait();
            assert_eq!(status(snapshot.abort()), Status::EnvFailed);
        });
        begun.wait();
        fail(&world);
        failed.wait();
        let env = Environment::open(world.path(), &world.options).unwrap();
        let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
        dict.put(&1, &[2]).unwrap();
        assert_eq!(dict.len().unwrap(), 100);
        assert_failed(&world);
        opened.wait();
    });
}

#[test]
fn writers_that_wait_for_one_that_fails_get_the_error() {
    let world = World::new(full());
    let txn = world.env.begin_write().unwrap();
    world.dict.put(&1, &[1]).unwrap();
    let waiting = Barrier::new(5);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    waiting.wait();
                    status(world.dict.put(&2, &[2]))
                })
            })
            .collect();
        waiting.wait();
        // The write of the meta page comes after that of the pages and their sync.
        let calls = calls_of_a_commit();
        arm(&world.file(), Fault::Error(libc::EIO), calls, true);
        assert_eq!(status(txn.commit()), Status::CommitUnknown);
        assert!(disarm());
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Status::EnvFailed);
        }
    });
}

/// Returns the number of writes and syncs in a commit of one small record in a small dict.
fn calls_of_a_commit() -> u64 {
    let fails = |at: u64| {
        let world = World::new(full());
        arm(&world.file(), Fault::Error(libc::EIO), at, false);
        let outcome = world.dict.put(&1, &[1]);
        disarm();
        outcome.is_err_and(|error| error.status() == Status::CommitUnknown)
    };
    (1..100).find(|at| fails(*at)).unwrap()
}

/// The C ABI lends addresses in a snapshot; they stay valid until that ends, whatever fails meanwhile.
mod references {
    use std::ffi::{CString, c_void};
    use std::path::Path;
    use std::ptr;

    use super::*;
    use persistent_collections::ffi::{
        PC_ERR_ENV_FAILED, PC_ERR_MAP_BUSY, PC_OK, PC_TXN_READ, pc_dict, pc_dict_get, pc_dict_get_ref,
        pc_dict_open, pc_dict_put, pc_env, pc_env_close, pc_env_open, pc_env_options, pc_env_options_init,
        pc_txn, pc_txn_abort, pc_txn_begin,
    };

    fn open(path: &Path, write_timeout_ms: i64) -> (i32, pc_env) {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let mut env = pc_env { id: 0 };
        // SAFETY: options are plain numbers, and every pointer is valid for the call.
        unsafe {
            let mut options = std::mem::zeroed::<pc_env_options>();
            assert_eq!(pc_env_options_init(&raw mut options, size_of::<pc_env_options>()), PC_OK);
            options.write_timeout_ms = write_timeout_ms;
            let status = pc_env_open(path.as_ptr(), &raw const options, &raw mut env);
            (status, env)
        }
    }

    fn open_dict(env: pc_env) -> pc_dict {
        let mut dict = pc_dict { id: 0 };
        // SAFETY: every pointer is valid for the call.
        let status = unsafe {
            pc_dict_open(env, c"d".as_ptr(), c"bytes".as_ptr(), c"bytes".as_ptr(), 0, &raw mut dict)
        };
        assert_eq!(status, PC_OK);
        dict
    }

    fn put(dict: pc_dict, key: &[u8], value: &[u8]) -> i32 {
        // SAFETY: every pointer is valid for the call.
        unsafe { pc_dict_put(dict, key.as_ptr().cast(), key.len(), value.as_ptr().cast(), value.len()) }
    }

    fn get(dict: pc_dict, key: &[u8]) -> i32 {
        let mut len = 0;
        // SAFETY: every pointer is valid for the call; a capacity of 0 has no buffer.
        unsafe { pc_dict_get(dict, key.as_ptr().cast(), key.len(), ptr::null_mut(), 0, &raw mut len) }
    }

    /// Begins a snapshot and borrows a value in it.
    fn borrow(env: pc_env, dict: pc_dict, key: &[u8]) -> (pc_txn, &'static [u8]) {
        let mut txn = pc_txn { id: 0 };
        let (mut value, mut len) = (ptr::null::<c_void>(), 0);
        // SAFETY: every pointer is valid for the call, and the value until the snapshot ends.
        unsafe {
            assert_eq!(pc_txn_begin(env, PC_TXN_READ, 0, &raw mut txn), PC_OK);
            let found = pc_dict_get_ref(dict, key.as_ptr().cast(), key.len(), &raw mut value, &raw mut len);
            assert_eq!(found, PC_OK);
            (txn, std::slice::from_raw_parts(value.cast(), len))
        }
    }

    fn fail(file: &Path, dict: pc_dict) {
        for at in 1.. {
            arm(file, Fault::Error(libc::EIO), at, false);
            let status = put(dict, b"x", b"x");
            assert!(disarm());
            if status == Status::CommitUnknown as i32 {
                return;
            }
            assert_eq!(status, Status::Io as i32);
        }
    }

    #[test]
    fn an_opening_waits_for_references_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        let (_, env) = open(&path, 0);
        let dict = open_dict(env);
        assert_eq!(put(dict, b"key", &[7; 5000]), PC_OK);
        let (lent, tried) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (txn, value) = borrow(env, dict, b"key");
                lent.wait();
                tried.wait();
                assert_eq!(get(dict, b"key"), PC_ERR_ENV_FAILED);
                assert!(value == [7; 5000], "the value is still where it was");
                assert_eq!(pc_txn_abort(txn), PC_ERR_ENV_FAILED);
            });
            lent.wait();
            fail(&path.join("data.mdb"), dict);
            assert_eq!(open(&path, 20).0, PC_ERR_MAP_BUSY);
            tried.wait();
            // Now the other thread ends its snapshot, before or during this call.
            let (status, reopened) = open(&path, -1);
            assert_eq!(status, PC_OK);
            assert_eq!(put(open_dict(reopened), b"key", b"new"), PC_OK);
            assert_eq!(pc_env_close(reopened), PC_OK);
        });
        assert_eq!(pc_env_close(env), PC_OK);
    }

    #[test]
    fn an_opening_does_not_wait_for_its_own_thread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        let (_, env) = open(&path, 0);
        let dict = open_dict(env);
        assert_eq!(put(dict, b"key", &[7; 5000]), PC_OK);
        let (txn, value) = borrow(env, dict, b"key");
        // Another thread's write fails.
        std::thread::scope(|scope| {
            scope.spawn(|| fail(&path.join("data.mdb"), dict));
        });
        // If it waited, it would wait for ever.
        assert_eq!(open(&path, -1).0, PC_ERR_MAP_BUSY);
        assert!(value == [7; 5000]);
        assert_eq!(pc_txn_abort(txn), PC_ERR_ENV_FAILED);
        let (status, reopened) = open(&path, -1);
        assert_eq!(status, PC_OK);
        assert_eq!((pc_env_close(reopened), pc_env_close(env)), (PC_OK, PC_OK));
    }

    #[test]
    fn closing_ends_references_into_a_failed_environment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        let (_, env) = open(&path, 0);
        let dict = open_dict(env);
        assert_eq!(put(dict, b"key", &[7; 5000]), PC_OK);
        let (lent, end) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = borrow(env, dict, b"key");
                lent.wait();
                end.wait();
            });
            lent.wait();
            fail(&path.join("data.mdb"), dict);
            assert_eq!(open(&path, 20).0, PC_ERR_MAP_BUSY);
            assert_eq!(pc_env_close(env), PC_OK);
            let (status, reopened) = open(&path, 20);
            assert_eq!(status, PC_OK);
            assert_eq!(pc_env_close(reopened), PC_OK);
            end.wait();
        });
    }
}
