//! Failures while a memory map is replaced: the new map fails after LMDB has unmapped the old one, or it is already too
//! small when it is there.
//!
//! This file defines the function of the C library that maps files, so that LMDB in this program calls it.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Barrier;

use common::{options, status};
use persistent_collections::{Dict, Environment, Status};

/// A function to call before a thread's next map of a file of at least that size.
type Meanwhile = (usize, Box<dyn FnOnce()>);

thread_local! {
    /// Whether the calling thread's maps of files fail.
    static FAILS: Cell<bool> = const { Cell::new(false) };
    static BEFORE: RefCell<Option<Meanwhile>> = const { RefCell::new(None) };
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    at: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    if fd >= 0
        && let Some(meanwhile) =
            BEFORE.with_borrow_mut(|before| before.take_if(|(least, _)| length >= *least))
    {
        meanwhile.1();
    }
    if fd >= 0 && FAILS.get() {
        // SAFETY: the thread's own errno.
        unsafe { *libc::__errno_location() = libc::ENOMEM };
        return libc::MAP_FAILED;
    }
    // SAFETY: passes on the caller's arguments.
    unsafe { libc::syscall(libc::SYS_mmap, at, length, protection, flags, fd, offset) as *mut c_void }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    at: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // SAFETY: passed on.
    unsafe { mmap(at, length, protection, flags, fd, offset) }
}

#[test]
fn a_removed_map_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    let small = options().map_size(1 << 20);
    let env = Environment::open(&path, &small).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    dict.put(&1, &[1; 100]).unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    assert_eq!(dict.len().unwrap(), 1);
    let begun = Barrier::new(5);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let txn = env.begin_write().unwrap();
            begun.wait();
            let outgrown = (2..1000).find_map(|key| dict.put(&key, &[2; 10_000]).err());
            assert_eq!(outgrown.unwrap().status(), Status::MapFull);
            FAILS.set(true);
            txn.abort().unwrap();
            assert_eq!(status(dict.get(&1)), Status::EnvFailed);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                begun.wait();
                // Waits for the transaction's end, or comes after it.
                assert_eq!(status(dict.put(&1, &[3; 100])), Status::EnvFailed);
            });
        }
        begun.wait();
    });
    assert_eq!(status(dict.len()), Status::EnvFailed);
    assert_eq!(status(snapshot.commit()), Status::EnvFailed);
    let again = Environment::open(&path, &small).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&again, "dict").unwrap();
    assert_eq!(dict.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(1, vec![1; 100])]);
}

/// The other process writes after LMDB has read the file's size and before its first transaction.
#[test]
fn an_opening_follows_what_another_process_writes_meanwhile() {
    const MIB: usize = 1 << 20;
    let small = options().map_size(MIB as u64);
    if let Some(path) = std::env::var_os("PC_TEST_CHILD") {
        let env = Environment::open(path, &small).unwrap();
        let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
        println!("\nready");
        for (key, _) in (0..).zip(std::io::stdin().lines()) {
            dict.put(&key, &vec![1; 5 * MIB]).unwrap();
            println!("\nwritten");
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_opening_follows_what_another_process_writes_meanwhile", "--nocapture"])
        .env("PC_TEST_CHILD", &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Its last messages are not read.
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut say = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut hear = move |wanted: &str| assert!(lines.any(|line| line == wanted), "no {wanted}");
    hear("ready");
    let meanwhile = move || {
        writeln!(say).unwrap();
        hear("written");
    };
    // The map of LMDB's lock file is smaller.
    BEFORE.set(Some((MIB, Box::new(meanwhile))));
    let env = Environment::open(&path, &small).unwrap();
    assert!(BEFORE.take().is_none(), "it was in time");
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    assert_eq!(dict.get(&0).unwrap().unwrap().len(), 5 * MIB);
    child.kill().unwrap();
    child.wait().unwrap();
}
