//! Storage that fails: a write or sync that fails undoes its transaction, and everything before stays.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[path = "shim/faults.rs"]
mod faults;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use common::status;
use faults::{Fault, arm, disarm};
use persistent_collections::{Dict, Durability, Environment, Error, Options, Status};
use tempfile::TempDir;

type Model = BTreeMap<i64, Vec<u8>>;

fn full() -> Options {
    Options { map_size: Some(64 << 20), write_timeout: Some(Duration::from_secs(5)), ..Options::default() }
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

    fn open_anew(&mut self) {
        // The old ones live until the new ones are there.
        self.env = Environment::open(self.path(), &self.options).unwrap();
        self.dict = Dict::open(&self.env, "dict").unwrap();
    }

    fn content(&self) -> Model {
        self.dict.iter().unwrap().map(Result::unwrap).collect()
    }
}

/// One step of a workload: to the environment, and to the model of it.
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

/// What every call answers once the environment has failed.
fn assert_failed(world: &World) {
    let failed = Status::EnvFailed;
    assert_eq!(status(world.dict.get(&1)), failed);
    assert_eq!(status(world.dict.len()), failed);
    assert_eq!(status(world.dict.put(&1, &[1])), failed);
    assert_eq!(status(world.dict.iter().map(drop)), failed);
    assert_eq!(status(world.env.begin_write()), failed);
    assert_eq!(status(world.env.begin_read()), failed);
    assert_eq!(status(world.env.flush()), failed);
    assert_eq!(status(world.env.info()), failed);
    assert_eq!(status(Dict::<i64, i64>::open(&world.env, "more").map(drop)), failed);
}

/// Lets each write and sync of the workload fail in turn. Gives how often a step was undone, and how often its
/// outcome was unknown.
fn each_call_fails(durability: Durability, fault: Fault, lasting: bool) -> (u32, u32) {
    let (mut undone, mut unknown) = (0, 0);
    for at in 1.. {
        let mut world = World::new(Options { durability, ..full() });
        let mut model = Model::new();
        for key in 5000..5050 {
            world.dict.put(&key, &[9; 500]).unwrap();
            model.insert(key, vec![9; 500]);
        }
        // A savepoint's worth of a workload: what was there before must still be there after.
        arm(&world.file(), fault, at, lasting);
        let mut has_failed = false;
        for (number, (write, tell)) in STEPS.iter().enumerate() {
            let mut after = model.clone();
            tell(&mut after);
            if let Err(error) = write(&world) {
                assert!(!has_failed, "step {number} fails after the storage was mended: {error}");
                assert!(disarm(), "step {number} fails before the storage does: {error}");
                has_failed = true;
                let expected = match fault {
                    Fault::Error(libc::ENOSPC | libc::EDQUOT) => Status::DiskFull,
                    _ => Status::Io,
                };
                if error.status() == Status::CommitUnknown {
                    unknown += 1;
                    assert_failed(&world);
                    world.open_anew();
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
        assert_eq!(touched && !has_failed, false, "call {at} failed and nobody was told");
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
fn each_write_and_sync_is_done_and_yet_fails() {
    let (undone, unknown) = each_call_fails(Durability::Full, Fault::Late, true);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}

#[test]
fn without_syncs_each_write_fails() {
    let (undone, unknown) = each_call_fails(Durability::None, Fault::Error(libc::ENOSPC), false);
    assert!(undone > 10 && unknown >= 6, "{undone} {unknown}");
}
