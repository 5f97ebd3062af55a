//! Waits for running calls, their effects when they end, and writes of another process beyond the map.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use crate::engine::Wait;
use crate::engine::deadline::Deadline;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::write::turn::{Turn, WriteLock};
use crate::engine::threads::call::Call;
use crate::error::Result;
use crate::{Dict, Durability, Environment, Options, Status};
use tempfile::TempDir;

fn environment() -> (TempDir, Environment) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::None, map_size: Some(1 << 20), ..Options::default() };
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    (dir, env)
}

/// The engine of an environment.
pub(super) fn engine_of(env: &Environment) -> Arc<Engine> {
    env.shared().engine().unwrap().into_lmdb()
}

/// Runs a call in the thread's seat.
pub(super) fn call_in<R>(env: &Environment, f: impl FnOnce(&mut Call<'_, Engine>) -> Result<R>) -> Result<R> {
    env.shared().seat().unwrap().into_lmdb().call(f)
}

/// A timeout for waits that must end, and one for waits that must not.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// Whether a function of another thread ends while this thread is in a call.
fn ends_during_a_call(env: &Environment, patience: Duration, work: impl FnOnce() + Send) -> bool {
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        call_in(env, |_| {
            scope.spawn(move || {
                work();
                tell.send(())
            });
            Ok(told.recv_timeout(patience).is_ok())
        })
        .unwrap()
    })
}

#[test]
fn a_write_does_not_wait_for_calls() {
    let (_dir, env) = environment();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    assert!(ends_during_a_call(&env, LONG, || dict.put(&1, &1).unwrap()));
}

/// LMDB clears some 50 kB for each new snapshot.
#[test]
fn a_thread_keeps_the_snapshot_that_has_ended_last() {
    let (_dir, env) = environment();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    let keeps = || call_in(&env, |call| Ok(call.guarded().pooled.is_some())).unwrap();
    let readers = || env.readers().unwrap().len();
    let snapshot = env.begin_snapshot().unwrap();
    assert_eq!((keeps(), readers()), (false, 1));
    snapshot.commit().unwrap();
    assert_eq!((keeps(), readers()), (true, 1));
    let iterators = [dict.iter().unwrap(), dict.iter().unwrap()];
    assert_eq!((keeps(), readers()), (false, 2));
    drop(iterators);
    assert_eq!((keeps(), readers()), (true, 1));
    // If it ends on a thread without a seat in the environment, it is not kept.
    let iterator = dict.iter().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(iterator));
    });
    assert_eq!((keeps(), readers()), (false, 0));
}

/// A signal handler may end the process in the middle of a call. Objects that the exit drops must leave the thread's seat
/// busy: otherwise the end of the thread would wait for the lock of the interrupted call.
#[test]
fn an_iterator_that_ends_during_a_call_leaves_the_seat_busy() {
    let (_dir, env) = environment();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    let (tell, told) = mpsc::channel();
    // Not a scoped thread: if it waited for itself, the test could not fail.
    let thread = std::thread::spawn(move || {
        let iterator = dict.iter().unwrap();
        let seat = env.shared().seat().unwrap().into_lmdb();
        let left = seat.call(|_| {
            drop(iterator);
            Ok(seat.leave().is_some())
        });
        tell.send(left).unwrap();
    });
    assert!(!told.recv_timeout(LONG).expect("the thread does not wait for itself").unwrap());
    thread.join().unwrap();
}

#[test]
fn numbers_are_closed_while_no_call_is_under_way() {
    let (_dir, env) = environment();
    Dict::<i64, i64>::open(&env, "dropped").unwrap();
    env.drop_collection("dropped").unwrap();
    let engine = engine_of(&env);
    let reclaim = || engine.reclaim(Wait::Forever).unwrap();
    assert!(!ends_during_a_call(&env, SHORT, reclaim));
    assert_eq!(engine.spaces.open_count(), 0);
}

#[test]
fn the_map_is_replaced_while_no_call_is_under_way() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    let grow = || {
        let turn = Turn::take(&engine, Wait::Forever).unwrap();
        engine.grow(&turn, 1 << 21, &Deadline::after(None)).unwrap();
    };
    assert!(!ends_during_a_call(&env, SHORT, grow));
    assert_eq!(env.info().unwrap().map_size, 1 << 21);
}

#[test]
fn the_map_stays_while_a_compacting_copy_reads_it() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    let grow = |turn: &Turn| engine.grow(turn, 1 << 21, &Deadline::now());
    let turn = Turn::take(&engine, Wait::Forever).unwrap();
    let reading = engine.copies.read();
    assert_eq!(grow(&turn).unwrap_err().status(), Status::MapBusy);
    drop(reading);
    grow(&turn).unwrap();
}

#[test]
fn closing_does_not_wait_for_a_call_and_the_last_one_out_releases() {
    let (_dir, env) = environment();
    Dict::<i64, i64>::open(&env, "dict").unwrap().put(&1, &1).unwrap();
    let engine = Arc::downgrade(&engine_of(&env));
    let closing = env.clone();
    assert!(ends_during_a_call(&env, LONG, move || closing.close()));
    assert!(engine.upgrade().is_none(), "the call has let go what lay in its seat");
}

/// The read was refused: "all 1 reader slots are taken by open snapshots and iterators".
#[test]
fn a_read_waits_for_a_slot_that_a_call_has() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path(), &Options { max_readers: 1, ..Options::default() }).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    std::thread::scope(|scope| {
        let reading = call_in(&env, |call| {
            call.reader()?;
            let (tell, told) = mpsc::channel::<()>();
            let dict = &dict;
            let reading = scope.spawn(move || {
                let found = dict.get(&1);
                drop(tell);
                found
            });
            assert_eq!(told.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout));
            Ok(reading)
        });
        assert_eq!(reading.unwrap().join().unwrap().unwrap(), Some(1));
    });
}

/// The variable that gives a child the path of the environment that it must enlarge.
const CHILD: &str = "PC_TEST_GROWS";

/// Makes another process, which runs the same test, write five times the size of this one's map.
fn outgrow(test: &str, env: &Environment) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("engine::lmdb::tests::{test}")])
        .env(CHILD, env.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}

/// Does the work of that process; returns whether this is it.
fn is_outgrowing() -> bool {
    let Some(path) = std::env::var_os(CHILD) else { return false };
    let env = Environment::open(Path::new(&path), &Options::default()).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "large").unwrap();
    dict.put(&1, &vec![1; 5 << 20]).unwrap();
    true
}

#[test]
fn a_read_follows_what_another_process_has_written() {
    if is_outgrowing() {
        return;
    }
    let (_dir, env) = environment();
    outgrow("a_read_follows_what_another_process_has_written", &env);
    let found = call_in(&env, |call| call.reader()?.named("large"));
    assert_eq!(found.unwrap(), Some(1));
    assert!(env.info().unwrap().map_size > 5 << 20);
}

/// Without growing in advance, as after a write of a program that does not use this library's lock.
#[test]
fn a_write_follows_what_another_process_has_written() {
    if is_outgrowing() {
        return;
    }
    let (_dir, env) = environment();
    outgrow("a_write_follows_what_another_process_has_written", &env);
    let engine = engine_of(&env);
    let write_lock = WriteLock::take(&engine, Wait::Forever).unwrap();
    drop(engine.begin_write(&write_lock, true).unwrap());
    assert!(engine.map_and_used().0 > 5 << 20);
}
