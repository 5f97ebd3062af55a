//! The order in which a copy is synced and named, and the result if that fails.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, OsStr, c_char, c_int};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::{Scratch, scratch, status};
use persistent_collections::{Dict, Environment, Status};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Sync(PathBuf),
    Link(PathBuf),
}

thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    /// The number of the thread's call to fail with EIO, counted from 1; 0 for none.
    static FAILS: Cell<usize> = const { Cell::new(0) };
}

/// Records a call; returns whether it must fail.
fn note(call: Call) -> bool {
    CALLS.with_borrow_mut(|calls| {
        calls.push(call);
        calls.len() == FAILS.get()
    })
}

fn failing() -> c_int {
    // SAFETY: the place of this thread's errno.
    unsafe { *libc::__errno_location() = libc::EIO };
    -1
}

/// Replaces the function of the C library.
#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    let path = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
    if note(Call::Sync(path)) {
        return failing();
    }
    // SAFETY: does the same as the C library's own.
    let rc = unsafe { libc::syscall(libc::SYS_fsync, fd) };
    if rc == 0 { 0 } else { -1 }
}

/// Replaces the function of the C library.
///
/// # Safety
/// As for that.
#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller passes two paths.
    let path = unsafe { CStr::from_ptr(to) };
    if note(Call::Link(OsStr::from_bytes(path.to_bytes()).into())) {
        return failing();
    }
    // SAFETY: does the same as the C library's own.
    let rc = unsafe { libc::syscall(libc::SYS_linkat, from_dir, from, to_dir, to, flags) };
    if rc == 0 { 0 } else { -1 }
}

fn filled() -> Scratch {
    let scratch = scratch();
    Dict::<i64, i64>::open(&scratch.env, "dict").unwrap().put(&1, &2).unwrap();
    scratch
}

/// Copies, while the `fails`th call fails; also returns the calls.
fn copy(env: &Environment, path: &Path, compact: bool, fails: usize) -> (Result<bool, Status>, Vec<Call>) {
    CALLS.take();
    FAILS.set(fails);
    let copied = env.copy_to(path, compact);
    FAILS.set(0);
    (copied.map_err(|error| error.status()), CALLS.take())
}

#[test]
fn a_copy_is_synced_before_it_has_its_name_and_its_directories_after() {
    let Scratch { env, dir } = filled();
    let root = dir.path().canonicalize().unwrap();
    for compact in [false, true] {
        let path = root.join(format!("copy {compact}"));
        let (copied, calls) = copy(&env, &path, compact, 0);
        assert_eq!(copied, Ok(true));
        let [Call::Sync(parent), Call::Sync(aside), Call::Link(named), Call::Sync(directory)] = &calls[..]
        else {
            panic!("{calls:?}");
        };
        assert_eq!((parent, directory, named), (&root, &path, &path.join("data.mdb")));
        assert_eq!(aside.parent(), Some(path.as_path()));
        assert_ne!(aside, named);
    }
}

#[test]
fn a_copy_that_cannot_be_synced_is_removed() {
    let Scratch { env, dir } = filled();
    let path = dir.path().join("copy");
    for compact in [false, true] {
        // The sync of the directory that was created for it, and that of the file.
        for fails in [1, 2] {
            assert_eq!(copy(&env, &path, compact, fails).0, Err(Status::Io));
            assert!(!path.join("data.mdb").exists());
            fs::remove_dir(&path).or_else(|error| if path.exists() { Err(error) } else { Ok(()) }).unwrap();
        }
    }
    assert_eq!(copy(&env, &path, false, 0).0, Ok(true));
}

#[test]
fn without_hard_links_a_copy_is_renamed() {
    let Scratch { env, dir } = filled();
    for compact in [false, true] {
        let path = dir.path().join(format!("copy {compact}"));
        assert_eq!(copy(&env, &path, compact, 3).0, Ok(true));
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["data.mdb"]);
        let copied = Environment::open(&path, &common::options()).unwrap();
        assert_eq!(Dict::<i64, i64>::open_existing(&copied, "dict").unwrap().get(&1).unwrap(), Some(2));
        assert_eq!(status(copied.copy_to(dir.path().join("a/b"), compact)), Status::NoEnvironment);
    }
}
