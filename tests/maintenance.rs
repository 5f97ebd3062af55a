//! Copies, figures, and readers.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Scratch, options, scratch, status};
use persistent_collections::{Dict, Durability, Environment, Error, Options, Set, Status};

fn content(env: &Environment) -> Vec<(i64, Vec<u8>)> {
    let dict = Dict::<i64, Vec<u8>>::open_existing(env, "dict").unwrap();
    dict.iter().unwrap().map(Result::unwrap).collect()
}

fn filled(env: &Environment, count: i64) -> Dict<i64, Vec<u8>> {
    let dict = Dict::<i64, Vec<u8>>::open(env, "dict").unwrap();
    let value = vec![7; 1000];
    let keys: Vec<i64> = (0..count).collect();
    dict.put_many(keys.iter().map(|key| (key, value.as_slice()))).unwrap();
    dict
}

/// Returns the names in a directory that a copy could have left there.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains("lock"))
        .collect();
    names.sort();
    names
}

#[test]
fn copies_hold_the_same_and_a_compacted_one_is_smaller() {
    let Scratch { env, dir } = scratch();
    let dict = filled(&env, 5_000);
    dict.remove_range(..&4_000).unwrap();
    Set::<String>::open(&env, "set").unwrap().add("x").unwrap();
    let (plain, compacted) = (dir.path().join("plain"), dir.path().join("compacted"));
    assert!(env.copy_to(&plain, false).unwrap());
    assert!(env.copy_to(&compacted, true).unwrap());
    let size = |path: &Path| fs::metadata(path.join("data.mdb")).unwrap().len();
    assert_eq!(size(&plain), env.info().unwrap().file_size);
    assert!(size(&compacted) < size(&plain) / 3);
    for path in [&plain, &compacted] {
        assert_eq!(names(path), ["data.mdb"]);
        let copy = Environment::open(path, &options()).unwrap();
        assert_eq!(content(&copy), content(&env));
        assert_eq!(copy.collections().unwrap(), env.collections().unwrap());
        // It is an ordinary environment.
        let into = Dict::<i64, Vec<u8>>::open(&copy, "dict").unwrap();
        for key in 0..300 {
            into.put(&key, &[1; 3000]).unwrap();
        }
        drop((into, copy));
        let copy = Environment::open(path, &options()).unwrap();
        assert_eq!(content(&copy).len(), 1_300);
        assert!(Set::<String>::open_existing(&copy, "set").unwrap().contains("x").unwrap());
    }
    assert_eq!(content(&env).len(), 1_000);
}

#[test]
fn a_new_environment_can_be_copied() {
    let Scratch { env, dir } = scratch();
    for compact in [false, true] {
        let path = dir.path().join(format!("copy {compact}"));
        assert!(env.copy_to(&path, compact).unwrap());
        let copy = Environment::open(&path, &options()).unwrap();
        assert!(copy.collections().unwrap().is_empty());
        filled(&copy, 10);
    }
}

#[test]
fn the_copy_of_a_file_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = options().no_subdir(true);
    let env = Environment::open(dir.path().join("data"), &file).unwrap();
    filled(&env, 100);
    for compact in [false, true] {
        let path = dir.path().join(format!("copy {compact}"));
        assert!(env.copy_to(&path, compact).unwrap());
        assert!(path.is_file());
        assert_eq!(content(&Environment::open(&path, &file).unwrap()).len(), 100);
    }
    assert_eq!(names(dir.path()), ["copy false", "copy true", "data"]);
    assert_eq!(status(env.copy_to(dir.path().join("missing/copy"), false)), Status::NoEnvironment);
}

#[test]
fn an_existing_path_is_not_overwritten() {
    let Scratch { env, dir } = scratch();
    filled(&env, 10);
    let (file, empty) = (dir.path().join("file"), dir.path().join("empty"));
    fs::write(&file, "mine").unwrap();
    fs::create_dir(&empty).unwrap();
    for compact in [false, true] {
        assert!(!env.copy_to(env.path(), compact).unwrap(), "itself");
        assert!(!env.copy_to(&file, compact).unwrap());
        assert!(env.copy_to(dir.path().join(format!("new {compact}")), compact).unwrap());
        assert!(!env.copy_to(dir.path().join(format!("new {compact}")), compact).unwrap());
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(env.copy_to(&empty, false).unwrap(), "an empty directory is nothing yet");
    assert_eq!(names(env.path()), ["data.mdb"]);
    assert_eq!(content(&env).len(), 10);
}

#[test]
fn a_directory_with_anything_but_parts_of_copies_is_left() {
    let Scratch { env, dir } = scratch();
    filled(&env, 10);
    let (theirs, cut_short) = (dir.path().join("theirs"), dir.path().join("cut short"));
    for (path, file) in [(&theirs, "notes"), (&cut_short, "data.mdb.copy-1-0")] {
        fs::create_dir(path).unwrap();
        fs::write(path.join(file), "something").unwrap();
    }
    for compact in [false, true] {
        assert!(!env.copy_to(&theirs, compact).unwrap());
    }
    assert_eq!(names(&theirs), ["notes"]);
    assert!(env.copy_to(&cut_short, false).unwrap());
}

/// A container's first process always has the id 1. One was killed during a copy, and the first copy of each later container
/// failed, since the leftover file had the same name.
#[test]
fn leftovers_of_a_process_with_the_same_id_do_not_block_a_copy() {
    let Scratch { env, dir } = scratch();
    filled(&env, 10);
    let target = dir.path().join("copy");
    fs::create_dir(&target).unwrap();
    let left = |n: u32| target.join(format!("data.mdb.copy-{}-{n}", std::process::id()));
    (0..200).for_each(|n| fs::write(left(n), "left").unwrap());
    assert!(env.copy_to(&target, false).unwrap());
    let copy = Environment::open(&target, &options()).unwrap();
    assert_eq!(content(&copy).len(), 10);
    assert_eq!(fs::read(left(0)).unwrap(), b"left", "another's file stays");
}

#[test]
fn a_refused_copy_leaves_nothing() {
    let Scratch { env, dir } = scratch();
    let dict = filled(&env, 10);
    for compact in [false, true] {
        let path = dir.path().join("copy");
        assert_eq!(status(env.copy_to(dir.path().join("missing/copy"), compact)), Status::NoEnvironment);
        assert_eq!(status(env.copy_to("fdb://copy", compact)), Status::Unsupported);
        let txn = env.begin_write().unwrap();
        dict.put(&100, &[]).unwrap();
        assert_eq!(status(env.copy_to(&path, compact)), Status::InTransaction);
        txn.commit().unwrap();
        assert!(!path.exists());
    }
    assert_eq!(names(dir.path()), ["data"]);
}

#[test]
fn inside_a_snapshot_and_beside_a_write_the_newest_commit_is_copied() {
    let Scratch { env, dir } = scratch();
    let dict = filled(&env, 10);
    let snapshot = env.begin_snapshot().unwrap();
    assert_eq!(dict.len().unwrap(), 10);
    let (begun, copied) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| dict.put(&10, &[]).unwrap()).join().unwrap();
        // Another thread's transaction does not delay a copy, and is not in it.
        scope.spawn(|| {
            let txn = env.begin_write().unwrap();
            dict.put(&11, &[]).unwrap();
            begun.wait();
            copied.wait();
            txn.commit().unwrap();
        });
        begun.wait();
        for compact in [false, true] {
            let path = dir.path().join(format!("copy {compact}"));
            assert!(env.copy_to(&path, compact).unwrap());
            assert_eq!(content(&Environment::open(&path, &options()).unwrap()).len(), 11);
        }
        copied.wait();
    });
    assert_eq!(dict.len().unwrap(), 10);
    snapshot.commit().unwrap();
    assert_eq!(dict.len().unwrap(), 12);
}

/// A copy made during writes is of one commit: an amount that moves between keys is neither lost nor doubled.
/// The map grows several times meanwhile.
#[test]
fn copies_made_while_others_write_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let small = options().map_size(1 << 20);
    let env = Environment::open(dir.path().join("data"), &small).unwrap();
    let sums = Dict::<i64, i64>::open(&env, "sums").unwrap();
    let ballast = Dict::<i64, Vec<u8>>::open(&env, "ballast").unwrap();
    sums.put(&0, &1_000_000).unwrap();
    let done = AtomicBool::new(false);
    let copies = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2_i64)
            .map(|writer| {
                let (env, sums, ballast) = (&env, &sums, &ballast);
                scope.spawn(move || {
                    for step in 0..1_500_i64 {
                        env.transaction(|| {
                            sums.increment(&0, -1)?;
                            sums.increment(&(1 + step % 97), 1)?;
                            ballast.put(&(2 * step + writer), &vec![1; 8_000])?;
                            if step % 3 == 0 {
                                ballast.remove(&(2 * (step / 2) + writer))?;
                            }
                            Ok::<_, Error>(())
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        let copier = scope.spawn(|| {
            let mut copies = 0;
            while !done.load(Ordering::Acquire) || copies < 4 {
                let path = dir.path().join(format!("copy {copies}"));
                assert!(env.copy_to(&path, copies % 2 == 1).unwrap());
                let copy = Environment::open(&path, &options()).unwrap();
                let sums = Dict::<i64, i64>::open_existing(&copy, "sums").unwrap();
                let total: i64 = sums.iter().unwrap().map(|entry| entry.unwrap().1).sum();
                assert_eq!(total, 1_000_000);
                let ballast = Dict::<i64, Vec<u8>>::open_existing(&copy, "ballast").unwrap();
                let mut count = 0;
                for entry in ballast.iter().unwrap() {
                    assert_eq!(entry.unwrap().1, [1; 8_000]);
                    count += 1;
                }
                assert_eq!(ballast.len().unwrap(), count);
                drop((sums, ballast, copy));
                fs::remove_dir_all(&path).unwrap();
                copies += 1;
            }
            copies
        });
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Release);
        for written in written {
            written.unwrap();
        }
        copier.join().unwrap()
    });
    assert!(copies >= 4);
    assert!(env.info().unwrap().map_size > 8 << 20);
}

/// Runs one test of this file in a separate process, with a path to work in.
fn child(test: &str, path: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("PC_TEST_CHILD", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out: ChildStdout = child.stdout.take().unwrap();
    (child, BufReader::new(out).lines().map(Result::unwrap))
}

fn is_child() -> Option<std::path::PathBuf> {
    std::env::var_os("PC_TEST_CHILD").map(Into::into)
}

#[test]
fn slots_of_a_killed_process_are_freed() {
    if let Some(path) = is_child() {
        let env = Environment::open(path, &options()).unwrap();
        let _snapshot = env.begin_snapshot().unwrap();
        println!("\nholds {}", env.info().unwrap().last_commit);
        // Waits to be killed, or for the end of the other process.
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let Scratch { env, dir: _dir } = scratch();
    let dict = filled(&env, 200);
    let (mut other, mut lines) = child("slots_of_a_killed_process_are_freed", env.path());
    let holds = lines.find_map(|line| line.strip_prefix("holds ").map(str::to_owned)).unwrap();
    let held: u64 = holds.parse().unwrap();
    for key in 0..20 {
        dict.put(&key, &[1; 2000]).unwrap();
    }
    let process = other.id();
    let of_other = |env: &Environment| {
        let readers = env.readers().unwrap();
        readers.into_iter().filter(|reader| reader.process == process).collect::<Vec<_>>()
    };
    let seen: Vec<_> = of_other(&env).into_iter().filter(|reader| reader.commit.is_some()).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].commit, seen[0].behind), (Some(held), 20));
    assert_ne!(seen[0].thread, 0);
    let info = env.info().unwrap();
    assert_eq!((info.oldest_reader_commit, info.last_commit), (held, held + 20));
    assert!(info.pages_held > 20, "{info:?}");
    assert!(info.pages_held <= info.pages_free);
    assert_eq!(env.reap_readers().unwrap(), 0, "it is alive");

    other.kill().unwrap();
    other.wait().unwrap();
    let slots = of_other(&env).len();
    assert!(slots > 0, "the process has not reported");
    assert_eq!(env.reap_readers().unwrap() as usize, slots);
    assert_eq!(env.reap_readers().unwrap(), 0);
    assert!(of_other(&env).is_empty());
    let info = env.info().unwrap();
    assert_eq!((info.oldest_reader_commit, info.pages_held), (info.last_commit, 0));
}

/// Starts a process that opens an environment with six reader slots, takes two, and ends with the test.
fn holds_two_slots(test: &str, path: &std::path::Path) -> std::process::Child {
    let (process, mut lines) = child(test, path);
    assert!(lines.any(|line| line == "holds"));
    process
}

/// Does the work of such a process; returns whether this is one.
fn is_holding_two_slots() -> bool {
    let Some(path) = is_child() else { return false };
    let env = Environment::open(path, &six_readers()).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let _iterators = (dict.iter().unwrap(), dict.iter().unwrap());
    println!("\nholds");
    // Waits to be killed, or for the end of the other process.
    std::io::stdin().lines().for_each(drop);
    true
}

fn six_readers() -> Options {
    options().max_readers(6)
}

/// An environment with a dict, closed.
fn closed(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let path = dir.path().join("data");
    let env = Environment::open(&path, &six_readers()).unwrap();
    Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap().put(&1, &[1]).unwrap();
    path
}

#[test]
fn slots_of_a_killed_process_are_freed_by_opening() {
    if is_holding_two_slots() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = closed(&dir);
    let test = "slots_of_a_killed_process_are_freed_by_opening";
    // One process stays alive, since a process that is alone resets the table of readers.
    let (mut lives, mut dies) = (holds_two_slots(test, &path), holds_two_slots(test, &path));
    dies.kill().unwrap();
    dies.wait().unwrap();
    let env = Environment::open(&path, &six_readers()).unwrap();
    let readers = env.readers().unwrap();
    assert!(readers.iter().all(|reader| reader.process != dies.id()), "{readers:?}");
    assert_eq!(readers.iter().filter(|reader| reader.process == lives.id()).count(), 2);
    lives.kill().unwrap();
    lives.wait().unwrap();
}

#[test]
fn slots_of_a_killed_process_are_freed_by_an_opening_that_finds_none() {
    if is_holding_two_slots() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = closed(&dir);
    let test = "slots_of_a_killed_process_are_freed_by_an_opening_that_finds_none";
    let mut others = [(); 3].map(|()| holds_two_slots(test, &path));
    let error = Environment::open(&path, &six_readers()).unwrap_err();
    assert_eq!(error.status(), Status::ReadersFull);
    others[0].kill().unwrap();
    others[0].wait().unwrap();
    let env = Environment::open(&path, &six_readers()).unwrap();
    assert_eq!(Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap().len().unwrap(), 1);
    for other in &mut others[1..] {
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

#[test]
fn slots_of_a_killed_process_are_freed_by_a_read_that_finds_none() {
    if is_holding_two_slots() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = closed(&dir);
    let env = Environment::open(&path, &six_readers()).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let mut other = holds_two_slots("slots_of_a_killed_process_are_freed_by_a_read_that_finds_none", &path);
    let mut iterators: Vec<_> = (0..4).map(|_| dict.iter().unwrap()).collect();
    assert_eq!(dict.iter().map(drop).unwrap_err().status(), Status::ReadersFull);
    other.kill().unwrap();
    other.wait().unwrap();
    iterators.push(dict.iter().unwrap());
    assert!(iterators.into_iter().all(|entries| entries.count() == 1));
}

#[test]
fn a_copy_beyond_the_limit_on_file_sizes_fails_and_does_no_harm() {
    const LIMIT: u64 = 1 << 20;
    if let Some(path) = is_child() {
        let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
        // SAFETY: the limit is a valid place; it affects only this process, which runs only this test.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let env = Environment::open(path.join("data"), &options().read_only(true)).unwrap();
        for compact in [false, true] {
            let failed = env.copy_to(path.join("copy"), compact);
            assert_eq!(status(failed), Status::DiskFull, "{compact}");
            assert!(!path.join("copy").exists());
        }
        println!("\nwas refused");
        return;
    }
    let Scratch { env, dir } = scratch();
    filled(&env, 3_000);
    let (mut other, lines) =
        child("a_copy_beyond_the_limit_on_file_sizes_fails_and_does_no_harm", dir.path());
    assert_eq!(lines.filter(|line| line == "was refused").count(), 1);
    assert!(other.wait().unwrap().success());
}

#[test]
fn an_immutable_environment_can_be_copied_and_has_no_readers() {
    let Scratch { env, dir } = scratch();
    filled(&env, 10);
    let path = env.path().to_owned();
    drop(env);
    let env = Environment::open(&path, &options().immutable(true)).unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    assert!(env.readers().unwrap().is_empty());
    assert_eq!(env.reap_readers().unwrap(), 0);
    snapshot.commit().unwrap();
    for compact in [false, true] {
        let path = dir.path().join(format!("copy {compact}"));
        assert!(env.copy_to(&path, compact).unwrap());
        assert_eq!(content(&Environment::open(&path, &options()).unwrap()).len(), 10);
    }
    let info = env.info().unwrap();
    assert_eq!((info.data_format, info.lock_format, info.durability), (1, 0, Durability::None));
}

#[test]
fn the_reported_formats_are_those_of_the_files() {
    let Scratch { env, dir: _dir } = scratch();
    filled(&env, 1);
    let info = env.info().unwrap();
    let path = env.path().to_owned();
    // Only after closing it: opening and closing the lock file again would drop LMDB's own locks.
    drop(env);
    let number = |file: &str, at: usize| {
        let bytes = fs::read(path.join(file)).unwrap();
        u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    assert_eq!(info.data_format, number("data.mdb", 16 + 4));
    // The lower twelve bits: the others describe mutexes and layout.
    assert_eq!(info.lock_format, number("lock.mdb", 4) & 0xfff);
}

#[test]
fn readers_are_listed_with_the_commits_that_they_see() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = filled(&env, 1);
    let first = env.info().unwrap().last_commit;
    let mut entries = dict.iter().unwrap();
    dict.put(&5, &[]).unwrap();
    dict.put(&6, &[]).unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    let mut seen: Vec<_> = env
        .readers()
        .unwrap()
        .into_iter()
        .filter_map(|reader| {
            assert_eq!(reader.process, std::process::id());
            reader.commit.map(|txn| (txn, reader.behind))
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [(first, 2), (first + 2, 0)]);
    snapshot.commit().unwrap();
    assert_eq!(entries.next().unwrap().unwrap().0, 0);
    drop(entries);
    assert!(env.readers().unwrap().iter().all(|reader| reader.commit.is_none() && reader.behind == 0));
}
