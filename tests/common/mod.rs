//! Functions that the tests of behaviour share.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::fs::File;
use std::os::fd::FromRawFd;

use persistent_collections::{Durability, Environment, Error, Options, Status};
use tempfile::TempDir;

/// An environment in a directory that is removed with it. Not durable: crashes of the system are not tested here.
pub struct Scratch {
    pub env: Environment,
    pub dir: TempDir,
}

pub fn options() -> Options {
    Options::new().durability(Durability::None)
}

pub fn scratch() -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("data"), &options()).unwrap();
    Scratch { env, dir }
}

/// The status that a call fails with.
pub fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    result.unwrap_err().status()
}

/// Runs `check` in a child, which then exits at once. Returns whether it ended without a panic.
pub fn in_child(check: impl FnOnce()) -> bool {
    // SAFETY: the child calls only functions that are allowed here: this library, and the allocator of the C library,
    // support use after a fork.
    unsafe {
        match libc::fork() {
            0 => {
                libc::alarm(30);
                let is_good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_ok();
                libc::_exit(i32::from(!is_good))
            }
            child => {
                assert!(child > 0);
                let mut outcome = 0;
                assert_eq!(libc::waitpid(child, &raw mut outcome, 0), child);
                libc::WIFEXITED(outcome) && libc::WEXITSTATUS(outcome) == 0
            }
        }
    }
}

/// A pipe: its end to read from, and its end to write to.
pub fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: the place is valid for two descriptors, which are not shared.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}
