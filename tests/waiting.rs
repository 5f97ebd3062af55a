//! Concurrent openings: what an opening waits for, how long, and what it refuses.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{in_child, options, status};
use persistent_collections::{Dict, Environment, Options, Status, set_interrupt};

const TIMEOUT: Duration = Duration::from_millis(200);

fn hurried() -> Options {
    options().write_timeout(TIMEOUT)
}

/// Locks the first byte of a file like another process: with a lock that does not belong to this process.
fn lock_first_byte(file: &File, kind: libc::c_int) {
    // SAFETY: `flock` is plain numbers, for which all zeros is a valid value.
    let mut what: libc::flock = unsafe { std::mem::zeroed() };
    what.l_type = kind.try_into().unwrap();
    what.l_len = 1;
    // SAFETY: the file is open, and `what` outlives the call.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const what) }, 0);
}

fn read_and_write(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

/// An environment that was opened, written and closed.
fn used(path: &Path) {
    let env = Environment::open(path, &options()).unwrap();
    Dict::<i64, i64>::open(&env, "dict").unwrap().put(&1, &1).unwrap();
}

/// A process was stopped while it opened an environment, and held LMDB's lock. Every other opening of it waited for ever, and
/// in the same process, openings of other environments waited for that one.
#[test]
fn an_opening_waits_for_a_stopped_opener_until_the_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    used(&path);
    let lock = read_and_write(&path.join("lock.mdb"));
    lock_first_byte(&lock, libc::F_WRLCK);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let opened = Environment::open(&path, &options().write_timeout(None));
            Dict::<i64, i64>::open(&opened.unwrap(), "dict").unwrap().get(&1).unwrap()
        });
        // Other files are opened at once.
        used(&dir.path().join("other"));
        let error = Environment::open(&path, &hurried()).unwrap_err();
        assert_eq!(error.status(), Status::Busy);
        assert!(error.message().contains("opened") || error.message().contains("opening"), "{error}");
        drop(lock);
        assert_eq!(waiting.join().unwrap(), Some(1));
    });
}

#[test]
fn a_stopped_opener_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    used(&path);
    let lock = read_and_write(&path.join("lock.mdb"));
    lock_first_byte(&lock, libc::F_WRLCK);
    let error = Environment::open(&path, &hurried()).unwrap_err();
    assert_eq!(error.status(), Status::Busy);
    assert!(error.message().contains("another process was opening"), "{error}");
}

#[test]
fn an_opening_waits_for_a_creator_of_the_write_lock_until_the_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    used(&path);
    let lock = read_and_write(&path.join("lock.pc"));
    // SAFETY: the file is open.
    assert_eq!(unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX) }, 0);
    let error = Environment::open(&path, &hurried()).unwrap_err();
    assert_eq!(error.status(), Status::Busy);
    assert!(error.message().contains("lock.pc"), "{error}");
    drop(lock);
    used(&path);
}

#[test]
fn waiting_to_open_can_be_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    used(&path);
    let lock = read_and_write(&path.join("lock.mdb"));
    lock_first_byte(&lock, libc::F_WRLCK);
    set_interrupt(Some(Box::new(|| true)));
    let opened = Environment::open(&path, &options().write_timeout(None));
    set_interrupt(None);
    assert_eq!(status(opened), Status::Interrupted);
}

#[test]
fn openings_by_two_spellings_at_once_are_one_environment() {
    const THREADS: usize = 32;
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        let barrier = Barrier::new(THREADS);
        let all: Vec<Environment> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|n| {
                    let (path, barrier) = (&path, &barrier);
                    scope.spawn(move || {
                        let spelled = dir_spelled(path, n);
                        barrier.wait();
                        let env = Environment::open(spelled, &options()).unwrap();
                        let dict = Dict::<String, i64>::open(&env, "counts").unwrap();
                        dict.increment("opened", 1).unwrap();
                        env
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let dict = Dict::<String, i64>::open(&all[0], "counts").unwrap();
        assert_eq!(dict.get("opened").unwrap(), Some(i64::try_from(THREADS).unwrap()));
        assert_eq!(all[0].readers().unwrap().iter().filter(|r| r.process != std::process::id()).count(), 0);
    }
}

/// One thread may close an environment while others open it: each of these finds it open, or opens it.
#[test]
fn openings_and_closings_at_once_lose_nothing() {
    const ROUNDS: i64 = 100;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    std::thread::scope(|scope| {
        for thread in 0..6_i64 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let env = Environment::open(path, &options()).unwrap();
                    Dict::<i64, i64>::open(&env, "counts").unwrap().increment(&thread, 1).unwrap();
                }
            });
        }
    });
    let env = Environment::open(&path, &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "counts").unwrap();
    assert!(dict.iter().unwrap().map(Result::unwrap).all(|(_, count)| count == ROUNDS));
    assert_eq!(dict.len().unwrap(), 6);
    env.check().unwrap();
}

fn dir_spelled(path: &Path, n: usize) -> std::path::PathBuf {
    let name = path.file_name().unwrap();
    if n.is_multiple_of(2) {
        path.to_owned()
    } else {
        path.parent()
            .unwrap()
            .join(".")
            .join("..")
            .join(path.parent().unwrap().file_name().unwrap())
            .join(name)
    }
}

/// A creation failed if another creator died meanwhile: the lock file that it left was not a valid one of LMDB yet, and the
/// second check for the data file did not allow its creation.
#[test]
fn a_creator_that_died_is_not_a_missing_environment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    fs::create_dir(&path).unwrap();
    let lock = read_and_write(&path.join("lock.mdb"));
    // Like another process that waits for the same creator.
    lock_first_byte(&lock, libc::F_RDLCK);
    let error = Environment::open(&path, &hurried()).unwrap_err();
    assert_ne!(error.status(), Status::NoEnvironment, "{error}");
    drop(lock);
    used(&path);
}

/// A FIFO in place of a file made opening wait for ever.
#[test]
fn a_fifo_is_refused_without_waiting() {
    for name in ["data.mdb", "lock.mdb", "lock.pc"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        used(&path);
        let fifo = path.join(name);
        fs::remove_file(&fifo).unwrap();
        let fifo = CString::new(fifo.as_os_str().as_bytes()).unwrap();
        // SAFETY: a NUL-terminated path.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
        let expected = if name == "data.mdb" { Status::NotADatabase } else { Status::LockVersion };
        for options in [hurried(), hurried().read_only(true)] {
            let error = Environment::open(&path, &options).unwrap_err();
            assert_eq!(error.status(), expected, "{name}: {error}");
            assert!(error.message().contains(name), "{error}");
        }
    }
}

/// Opening followed links in place of lock files, and overwrote their targets.
#[test]
fn links_in_place_of_lock_files_are_refused_and_their_targets_kept() {
    for name in ["lock.mdb", "lock.pc"] {
        for hard in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (path, victim) = (dir.path().join("env"), dir.path().join("victim"));
            used(&path);
            fs::write(&victim, b"precious").unwrap();
            let link = path.join(name);
            fs::remove_file(&link).unwrap();
            let target = if hard { path.join("data.mdb") } else { victim.clone() };
            if hard { fs::hard_link(&target, &link) } else { std::os::unix::fs::symlink(&target, &link) }
                .unwrap();
            let before = fs::read(&target).unwrap();
            let error = Environment::open(&path, &hurried()).unwrap_err();
            assert_eq!(error.status(), Status::LockVersion, "{name}: {error}");
            assert_eq!(fs::read(&target).unwrap(), before);
            assert_eq!(fs::read(&victim).unwrap(), b"precious");
        }
    }
}

/// Whether a wait used the time of day.
static BY_TIME_OF_DAY: AtomicBool = AtomicBool::new(false);

/// Replaces the function of the C library.
#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_timedlock(
    _: *mut libc::pthread_mutex_t,
    _: *const libc::timespec,
) -> libc::c_int {
    BY_TIME_OF_DAY.store(true, Ordering::SeqCst);
    libc::ETIMEDOUT
}

/// A wait for another process's transaction used the time of day, and took an hour longer if the clock was set back by an
/// hour meanwhile.
#[test]
fn the_write_timeout_does_not_depend_on_the_time_of_day() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    let env = Environment::open(&path, &options()).unwrap();
    let _held = env.begin_write().unwrap();
    assert!(in_child(|| {
        let env = Environment::open(&path, &hurried()).unwrap();
        let begun = Instant::now();
        assert_eq!(status(env.begin_write().map(drop)), Status::Busy);
        assert!(begun.elapsed() >= TIMEOUT);
        assert!(!BY_TIME_OF_DAY.load(Ordering::SeqCst));
    }));
}
