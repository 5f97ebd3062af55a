//! What waits for the calls that are under way, and what they do on their way out.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::writer::Turn;
use crate::engine::Wait;
use crate::{Dict, Durability, Environment, Options, catalog};
use tempfile::TempDir;

fn environment() -> (TempDir, Environment) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::None, map_size: Some(1 << 20), ..Options::default() };
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    (dir, env)
}

/// Whether what another thread does comes to its end while this one is in a call.
fn ends_during_a_call(env: &Environment, work: impl FnOnce() + Send) -> bool {
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        env.shared()
            .call(|_| {
                scope.spawn(move || {
                    work();
                    tell.send(())
                });
                Ok(told.recv_timeout(Duration::from_millis(300)).is_ok())
            })
            .unwrap()
    })
}

#[test]
fn a_write_does_not_wait_for_calls() {
    let (_dir, env) = environment();
    let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
    assert!(ends_during_a_call(&env, || dict.put(&1, &1).unwrap()));
}

#[test]
fn numbers_are_closed_while_no_call_is_under_way() {
    let (_dir, env) = environment();
    Dict::<i64, i64>::open(&env, "dropped").unwrap();
    env.drop_collection("dropped").unwrap();
    let engine = env.shared().engine().unwrap();
    let reclaim = || engine.reclaim(Wait::Forever, catalog::is_dropped).unwrap();
    assert!(!ends_during_a_call(&env, reclaim));
    assert_eq!(engine.spaces.open_count(), 0);
}

#[test]
fn the_map_is_made_anew_while_no_call_is_under_way() {
    let (_dir, env) = environment();
    let engine = env.shared().engine().unwrap();
    let grow = || {
        let turn = Turn::take(&engine, Wait::Forever).unwrap();
        engine.grow(&turn, 1 << 21, None).unwrap();
    };
    assert!(!ends_during_a_call(&env, grow));
    assert_eq!(env.info().unwrap().map_size, 1 << 21);
}

#[test]
fn closing_does_not_wait_for_a_call_and_the_last_one_out_releases() {
    let (_dir, env) = environment();
    Dict::<i64, i64>::open(&env, "dict").unwrap().put(&1, &1).unwrap();
    let engine = Arc::downgrade(&env.shared().engine().unwrap());
    let closing = env.clone();
    assert!(ends_during_a_call(&env, move || closing.close()));
    assert!(engine.upgrade().is_none(), "the call has let go what lay in its seat");
}
