//! No space left: a small file system that is full, and the limit on file sizes. Nothing is lost, and writes work again
//! when there is space.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::status;
use persistent_collections::{Dict, Environment, Error, Options, Status};

type Model = BTreeMap<i64, Vec<u8>>;

/// Names the directory for the child in which a test does its work, since limits and mounts affect a whole process.
const CHILD: &str = "PC_TEST_DIRECTORY";

/// Returns the directory to work in, in a child; otherwise runs the test in a child, with words before its command, and
/// returns `None`.
fn in_child(test: &str, before: impl FnOnce(&Path) -> Vec<String>) -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os(CHILD) {
        return Some(directory.into());
    }
    let directory = tempfile::tempdir().unwrap();
    let mut words = before(directory.path());
    words.push(std::env::current_exe().unwrap().to_str().unwrap().to_owned());
    words.extend(["--exact", test, "--nocapture"].map(str::to_owned));
    // If the build counts lines, the child would write its counters at its end, beyond the limit on file sizes.
    let output = Command::new(&words[0])
        .args(&words[1..])
        .env(CHILD, directory.path())
        .env("LLVM_PROFILE_FILE", "/dev/null")
        .output()
        .unwrap();
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{}: {told}", output.status);
    None
}

/// Mounts a small file system over the directory, which only the child sees; as root, or as its own namespace's.
fn small_disk(size: &str) -> impl FnOnce(&Path) -> Vec<String> + '_ {
    move |directory| {
        let flags = if is_root() { "-m" } else { "-rm" };
        let script = r#"mount -t tmpfs -o "size=$1" small "$2" && shift 2 && exec "$@""#;
        ["unshare", flags, "sh", "-c", script, "sh", size, directory.to_str().unwrap()]
            .map(str::to_owned)
            .to_vec()
    }
}

fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

fn open(directory: &Path, name: &str) -> Result<(Environment, Dict<i64, Vec<u8>>), Error> {
    let env = Environment::open(directory.join(name), &Options::default())?;
    let dict = Dict::open(&env, "dict")?;
    Ok((env, dict))
}

fn content(dict: &Dict<i64, Vec<u8>>) -> Model {
    dict.iter().unwrap().map(Result::unwrap).collect()
}

/// Stores values until one is refused.
fn fill(dict: &Dict<i64, Vec<u8>>, model: &mut Model, size: usize) {
    let first = model.keys().last().map_or(0, |last| last + 1);
    for key in first.. {
        let value = vec![u8::try_from(key & 0xff).unwrap(); size];
        match dict.put(&key, &value) {
            Ok(()) => drop(model.insert(key, value)),
            Err(error) => {
                assert_eq!(error.status(), Status::DiskFull, "{error}");
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(directory) = in_child("a_full_disk_loses_nothing", small_disk("4m")) else { return };
    let ballast = directory.join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let (env, dict) = open(&directory, "env").unwrap();
    let mut model = Model::new();
    for size in [20_000, 3000, 100] {
        fill(&dict, &mut model, size);
        assert!(content(&dict) == model);
    }
    assert!(model.len() > 100, "{} records fit", model.len());
    assert_eq!(status(dict.put(&-1, &vec![1; 200_000])), Status::DiskFull);
    let txn = env.begin_write().unwrap();
    for key in 0..50 {
        dict.put(&(-key), &[2; 10_000]).unwrap();
    }
    let error = txn.commit().unwrap_err();
    assert_eq!(error.status(), Status::DiskFull, "{error}");
    assert!(content(&dict) == model);

    // Unused reader slots, and a new opening, need no more space.
    let iterators: Vec<_> = (0..500).map(|_| dict.iter().unwrap()).collect();
    drop(iterators);
    drop((env, dict));
    let (env, dict) = open(&directory, "env").unwrap();
    assert!(content(&dict) == model);
    let error = open(&directory, "another").map(drop).unwrap_err();
    assert_eq!(error.status(), Status::DiskFull, "{error}");

    std::fs::remove_file(ballast).unwrap();
    let before = model.len();
    fill(&dict, &mut model, 5000);
    assert!(model.len() > before + 50);
    assert!(content(&dict) == model);
    env.flush().unwrap();
    drop((env, dict));
    let (_env, dict) = open(&directory, "env").unwrap();
    assert!(content(&dict) == model);
}

#[test]
fn the_limit_on_file_sizes_ends_no_process() {
    let Some(directory) = in_child("the_limit_on_file_sizes_ends_no_process", |_| Vec::new()) else { return };
    // Not a whole number of pages, so that a write can be short.
    limit_files(Some((2 << 20) + 1000));
    let (env, dict) = open(&directory, "env").unwrap();
    let mut model = Model::new();
    for size in [20_000, 3000, 100] {
        fill(&dict, &mut model, size);
        assert!(content(&dict) == model);
    }
    assert!(model.len() > 100, "{} records fit", model.len());
    assert!(env.info().unwrap().file_size <= (2 << 20) + 1000);
    assert_eq!(status(dict.put(&-1, &vec![1; 200_000])), Status::DiskFull);
    assert_eq!(status(env.transaction(|| dict.put(&-1, &vec![1; 200_000]))), Status::DiskFull);
    assert!(content(&dict) == model);

    // It is lowered below the file's size, then set below the size that the file would reach, and lifted.
    limit_files(Some(1 << 20));
    assert_eq!(status(dict.put(&-1, &[1])), Status::DiskFull);
    assert!(content(&dict) == model);
    limit_files(Some(4 << 20));
    fill(&dict, &mut model, 5000);
    limit_files(None);
    for key in 10_000..10_500 {
        dict.put(&key, &[3; 5000]).unwrap();
        model.insert(key, vec![3; 5000]);
    }
    assert!(content(&dict) == model);
    // It is lowered inside a transaction, so that one write is short.
    let (env, dict) = open(&directory, "short").unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&1, &vec![1; 1 << 20]).unwrap();
    limit_files(Some(500_000));
    let error = txn.commit().unwrap_err();
    assert_eq!(error.status(), Status::DiskFull, "{error}");
    assert!(error.message().contains("500000"), "{error}");
    dict.put(&1, &[1]).unwrap();
    assert_eq!(content(&dict).len(), 1);

    limit_files(Some(64 << 20));
    let mut larger = Model::new();
    let (_other_env, other) = open(&directory, "other").unwrap();
    limit_files(Some(3 << 20));
    fill(&other, &mut larger, 50_000);
    assert!(content(&other) == larger && larger.len() > 20);
}

#[test]
fn a_limit_below_the_lock_file_is_refused_at_opening() {
    let Some(directory) = in_child("a_limit_below_the_lock_file_is_refused_at_opening", |_| Vec::new())
    else {
        return;
    };
    limit_files(Some(20_000));
    let error = open(&directory, "env").map(drop).unwrap_err();
    assert_eq!(error.status(), Status::DiskFull, "{error}");
    // Fewer readers need less; two pages of data and a little fit.
    let options = Options::new().max_readers(100);
    let env = Environment::open(directory.join("env"), &options).unwrap();
    assert_eq!(
        status(Dict::<i64, Vec<u8>>::open(&env, "dict").and_then(|dict| dict.put(&1, &[1; 9000]))),
        Status::DiskFull
    );
}

/// Limits the size of this process's files; `None` removes the limit.
fn limit_files(size: Option<u64>) {
    let limit = libc::rlimit { rlim_cur: size.unwrap_or(libc::RLIM_INFINITY), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid place to read from.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}
