//! Waiting for commits: of other threads, other openings and other processes.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::ffi::CString;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Scratch, scratch, status};
use persistent_collections::ffi::{
    PC_ERR_BAD_HANDLE, PC_ERR_INVALID_ARGUMENT, PC_OK, PC_TIMEOUT, PC_TRAIT_CHECK, pc_env, pc_env_close,
    pc_env_open, pc_env_options, pc_env_options_init, pc_env_reopen, pc_env_traits, pc_env_wait,
};
use persistent_collections::{Dict, Environment, Status, set_interrupt};

/// How often a waiting thread looks by itself for commits that were not announced.
const POLL: Duration = Duration::from_millis(100);
/// No test waits for this long, unless a wait does not end.
const LONG: Duration = Duration::from_secs(60);

fn numbers(env: &Environment) -> Dict<i64, i64> {
    Dict::open(env, "numbers").unwrap()
}

#[test]
fn a_commit_before_the_wait_is_not_missed() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = numbers(&env);
    let seen = env.last_commit().unwrap();
    assert_eq!(seen, env.info().unwrap().last_commit);
    dict.put(&1, &1).unwrap();
    dict.put(&1, &2).unwrap();
    assert_eq!(env.wait(seen, None).unwrap(), Some(seen + 2));
    assert_eq!(env.wait(0, None).unwrap(), Some(seen + 2), "0: any commit");
    assert_eq!(env.wait(seen + 2, Some(Duration::ZERO)).unwrap(), None);
}

#[test]
fn what_is_not_committed_is_no_commit() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = numbers(&env);
    let seen = env.last_commit().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let txn = env.begin_write().unwrap();
            dict.put(&1, &1).unwrap();
            drop(txn);
        });
    });
    assert_eq!(env.wait(seen, Some(Duration::ZERO)).unwrap(), None);
}

#[test]
fn a_wait_ends_at_its_timeout_and_not_before() {
    let Scratch { env, dir: _dir } = scratch();
    numbers(&env);
    let seen = env.last_commit().unwrap();
    for timeout in [POLL / 4, POLL * 2] {
        let begun = Instant::now();
        assert_eq!(env.wait(seen, Some(timeout)).unwrap(), None);
        assert!(begun.elapsed() >= timeout && begun.elapsed() < LONG);
    }
}

/// Two threads answer each other. If a wake-up were lost, the rounds would take as long as the polling.
#[test]
fn threads_are_woken_and_do_not_poll() {
    const ROUNDS: i64 = 400;
    let Scratch { env, dir: _dir } = scratch();
    let dict = numbers(&env);
    dict.put(&0, &0).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for me in 0..2 {
            let (env, dict) = (&env, &dict);
            scope.spawn(move || {
                let mut seen = 0;
                loop {
                    let seen_now = env.wait(seen, Some(LONG)).unwrap().unwrap();
                    assert!(seen_now > seen);
                    seen = seen_now;
                    let round = dict.get(&0).unwrap().unwrap();
                    if round >= ROUNDS {
                        break;
                    }
                    if round % 2 == me {
                        dict.put(&0, &(round + 1)).unwrap();
                    }
                }
            });
        }
    });
    let each = begun.elapsed() / u32::try_from(ROUNDS).unwrap();
    assert!(each * 10 < POLL, "{each:?} for each round");
}

#[test]
fn a_waiter_sees_the_last_of_many_commits() {
    const COMMITS: i64 = 3000;
    let Scratch { env, dir: _dir } = scratch();
    let dict = numbers(&env);
    let first = env.last_commit().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=COMMITS).for_each(|value| dict.put(&0, &value).unwrap()));
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = first;
                while dict.get(&0).unwrap() != Some(COMMITS) {
                    seen = env.wait(seen, Some(LONG)).unwrap().expect("a commit is missed");
                }
            });
        }
    });
}

#[test]
fn a_wait_in_a_transaction_of_the_thread_is_refused() {
    let Scratch { env, dir: _dir } = scratch();
    numbers(&env).put(&1, &1).unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    assert_eq!(status(env.wait(0, None)), Status::InTransaction);
    drop(snapshot);
    let txn = env.begin_write().unwrap();
    assert_eq!(status(env.wait(0, None)), Status::InTransaction);
    assert_eq!(status(env.last_commit()), Status::InTransaction);
    drop(txn);
    assert!(env.wait(0, None).unwrap().is_some());
}

#[test]
fn a_wait_is_interrupted_by_the_check_of_its_thread() {
    let Scratch { env, dir: _dir } = scratch();
    let asked = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = std::rc::Rc::clone(&asked);
    let seen = env.last_commit().unwrap();
    set_interrupt(Some(Box::new(move || {
        count.set(count.get() + 1);
        count.get() == 3
    })));
    let ended = env.wait(seen, Some(LONG));
    set_interrupt(None);
    assert_eq!(status(ended), Status::Interrupted);
    assert_eq!(asked.get(), 3);
}

fn open(scratch: &Scratch) -> pc_env {
    let path = CString::new(scratch.env.path().to_str().unwrap()).unwrap();
    let mut env = pc_env { id: 0 };
    // SAFETY: plain numbers, which the call fills; the other pointers are valid for the call.
    unsafe {
        let mut options = std::mem::zeroed::<pc_env_options>();
        assert_eq!(pc_env_options_init(&raw mut options, size_of::<pc_env_options>()), PC_OK);
        options.durability = 2;
        assert_eq!(pc_env_open(path.as_ptr(), &raw const options, &raw mut env), PC_OK);
    }
    env
}

fn wait(env: pc_env, commit: &mut u64, timeout: i64) -> i32 {
    // SAFETY: a place for the call.
    unsafe { pc_env_wait(env, commit, timeout) }
}

/// One handle of two: the environment stays open, but not for the thread that waits by the closed handle.
#[test]
fn closing_the_handle_ends_the_wait() {
    let scratch = scratch();
    for is_last in [false, true] {
        let env = open(&scratch);
        let mut other = pc_env { id: 0 };
        // SAFETY: a place for the call.
        assert_eq!(unsafe { pc_env_reopen(env, &raw mut other) }, PC_OK);
        let mut commit = u64::MAX;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            scope.spawn(move || {
                told.recv().unwrap();
                if is_last {
                    pc_env_close(other);
                }
                assert_eq!(pc_env_close(env), PC_OK);
            });
            tell.send(()).unwrap();
            assert_eq!(wait(env, &mut commit, -1), PC_ERR_BAD_HANDLE);
        });
        assert!(begun.elapsed() < LONG);
        assert_eq!(commit, u64::MAX, "unchanged on failure");
        pc_env_close(other);
    }
}

#[test]
fn the_c_call_returns_the_newest_commit_with_a_timeout_too() {
    let scratch = scratch();
    numbers(&scratch.env).put(&1, &1).unwrap();
    let newest = scratch.env.last_commit().unwrap();
    let env = open(&scratch);
    let mut commit = 0;
    assert_eq!((wait(env, &mut commit, 0), commit), (PC_OK, newest));
    assert_eq!((wait(env, &mut commit, 0), commit), (PC_TIMEOUT, newest));
    commit = newest + 5;
    assert_eq!((wait(env, &mut commit, 1), commit), (PC_TIMEOUT, newest));
    assert_eq!(wait(env, &mut commit, -2), PC_ERR_INVALID_ARGUMENT);
    // SAFETY: the call does not use the pointers.
    unsafe {
        assert_eq!(pc_env_wait(env, std::ptr::null_mut(), 0), PC_ERR_INVALID_ARGUMENT);
        assert_eq!(pc_env_traits(env, std::ptr::null_mut()), PC_ERR_INVALID_ARGUMENT);
    }
    pc_env_close(env);
}

#[test]
fn traits_say_what_the_engine_does() {
    let scratch = scratch();
    let traits = scratch.env.traits().unwrap();
    assert!(traits.lends && traits.check && !traits.remote && !traits.conflicts);
    assert_eq!(scratch.env.copy_to(scratch.dir.path().join("copy"), false).is_ok(), traits.copy);
    let (env, mut bits) = (open(&scratch), 0);
    // SAFETY: a place for the call.
    assert_eq!(unsafe { pc_env_traits(env, &raw mut bits) }, PC_OK);
    assert_ne!(bits & PC_TRAIT_CHECK, 0);
    pc_env_close(env);
}

/// Other processes, which the engine in memory does not have.
#[cfg(not(feature = "memory-engine"))]
mod processes {
    use std::fs::OpenOptions;
    use std::io::{Read, Write};

    use super::*;
    use common::{in_child, options, pipe};

    #[test]
    fn an_inherited_environment_is_refused() {
        let scratch = scratch();
        assert!(in_child(|| assert_eq!(status(scratch.env.wait(0, None)), Status::Forked)));
    }

    /// A commit of the parent for each wait of the child, which begins after the child has said so.
    fn answered(child: impl FnOnce(&dyn Fn()) + Copy, rounds: i64, scratch: &Scratch) {
        let dict = numbers(&scratch.env);
        let (mut said, says) = pipe();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..rounds {
                    said.read_exact(&mut [0]).unwrap();
                    dict.put(&1, &round).unwrap();
                }
            });
            assert!(in_child(|| child(&|| (&says).write_all(&[1]).unwrap())));
        });
    }

    #[test]
    fn a_commit_of_another_process_wakes_the_waiter() {
        const ROUNDS: u32 = 200;
        let scratch = scratch();
        let path = scratch.env.path().to_owned();
        answered(
            |say| {
                let env = Environment::open(&path, &options()).unwrap();
                let begun = Instant::now();
                for _ in 0..ROUNDS {
                    let seen = env.last_commit().unwrap();
                    say();
                    assert!(env.wait(seen, Some(LONG)).unwrap() > Some(seen));
                }
                assert!(begun.elapsed() / ROUNDS * 10 < POLL, "{:?}", begun.elapsed() / ROUNDS);
            },
            ROUNDS.into(),
            &scratch,
        );
    }

    #[test]
    fn a_reader_that_may_not_write_sees_commits_too() {
        let scratch = scratch();
        numbers(&scratch.env);
        let path = scratch.env.path().to_owned();
        answered(
            |say| {
                let env = Environment::open(&path, &options().read_only(true)).unwrap();
                for _ in 0..3 {
                    let seen = env.last_commit().unwrap();
                    say();
                    assert!(env.wait(seen, Some(LONG)).unwrap() > Some(seen));
                }
            },
            3,
            &scratch,
        );
    }

    /// A program that uses LMDB without this library announces nothing.
    #[test]
    fn a_commit_of_another_lmdb_program_is_noticed() {
        let scratch = scratch();
        numbers(&scratch.env);
        let path = CString::new(scratch.env.path().to_str().unwrap()).unwrap();
        let seen = scratch.env.last_commit().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scratch.env.wait(seen, Some(LONG)).unwrap());
            assert!(in_child(|| commit_by_lmdb(&path)));
            assert_eq!(waiting.join().unwrap(), Some(seen + 1));
        });
    }

    fn commit_by_lmdb(path: &CString) {
        let done = |rc: i32| assert_eq!(rc, 0);
        let (mut env, mut txn, mut dbi) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        // SAFETY: a process that has nothing else of LMDB in use; every pointer is valid for its call.
        unsafe {
            done(lmdb_sys::mdb_env_create(&raw mut env));
            done(lmdb_sys::mdb_env_set_maxdbs(env, 4));
            done(lmdb_sys::mdb_env_open(env, path.as_ptr(), lmdb_sys::MDB_NOSYNC, 0o644));
            done(lmdb_sys::mdb_txn_begin(env, std::ptr::null_mut(), 0, &raw mut txn));
            done(lmdb_sys::mdb_dbi_open(txn, c"theirs".as_ptr(), lmdb_sys::MDB_CREATE, &raw mut dbi));
            done(lmdb_sys::mdb_txn_commit(txn));
            lmdb_sys::mdb_env_close(env);
        }
    }

    /// The lock file's end, with the word that announces commits, is gone: the wait must not touch it.
    #[test]
    fn a_truncated_lock_file_leaves_polling() {
        let scratch = scratch();
        let dict = numbers(&scratch.env);
        let seen = scratch.env.last_commit().unwrap();
        let lock = OpenOptions::new().write(true).open(scratch.env.path().join("lock.pc")).unwrap();
        let length = lock.metadata().unwrap().len();
        lock.set_len(0).unwrap();
        assert_eq!(scratch.env.wait(seen, Some(POLL / 2)).unwrap(), None);
        lock.set_len(72).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scratch.env.wait(seen, Some(POLL / 2)).unwrap());
            assert_eq!(waiting.join().unwrap(), None);
        });
        lock.set_len(length).unwrap();
        drop(dict);
    }

    /// A process dies while it waits. Its mark in the lock file must neither stay nor hide later waiters.
    #[test]
    fn a_killed_waiter_leaves_nothing_behind() {
        let scratch = scratch();
        let dict = numbers(&scratch.env);
        let path = scratch.env.path().to_owned();
        let (mut said, says) = pipe();
        // SAFETY: the child uses only this library, which supports that, and is killed.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let env = Environment::open(&path, &options()).unwrap();
            (&says).write_all(&[1]).unwrap();
            drop(env.wait(u64::MAX, None));
            // SAFETY: ends the child without running anything else.
            unsafe { libc::_exit(1) };
        }
        said.read_exact(&mut [0]).unwrap();
        // SAFETY: the test's own child.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        let seen = scratch.env.last_commit().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scratch.env.wait(seen, Some(LONG)).unwrap());
            dict.put(&1, &1).unwrap();
            assert_eq!(waiting.join().unwrap(), Some(seen + 1));
        });
    }
}
