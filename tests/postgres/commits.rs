//! Waiting for commits of others.

use std::thread;
use std::time::{Duration, Instant};

use persistent_collections::{Dict, Environment};

use crate::server::{SERVER, options, schema};

/// The waiting thread asks the server every 100 ms, or is told by it.
#[test]
fn a_wait_ends_with_the_commit_of_another_process() {
    for parameters in ["", "&notify=yes"] {
        let schema = schema();
        let [env, other] = ["a", "b"].map(|name| {
            let url = SERVER.with(&format!("schema={schema}&application_name={name}{parameters}"));
            Environment::open(url, &options()).unwrap()
        });
        let dict = Dict::<i64, i64>::open(&other, "d").unwrap();
        for n in 0..5 {
            let known = env.last_commit().unwrap();
            thread::scope(|scope| {
                let waits = scope.spawn(|| env.wait(known, Some(Duration::from_secs(30))).unwrap());
                match n % 3 {
                    0 => dict.put(&n, &n).unwrap(),
                    1 => other.transaction(|| dict.put(&n, &n)).unwrap(),
                    _ => dict.put_many([(&n, &n), (&-n, &n)]).unwrap(),
                }
                let newest = waits.join().unwrap().expect("a newer commit");
                assert!(newest > known);
            });
            // The commit in between is not missed.
            dict.put(&n, &-n).unwrap();
            assert!(env.wait(known, Some(Duration::from_secs(30))).unwrap().is_some());
        }
    }
}

/// Told by the server, a wait ends at once: many rounds take less than one look every 100 ms would.
#[test]
fn a_notified_wait_ends_at_once() {
    let schema = schema();
    let [env, other] = ["a", "b"].map(|name| {
        let url = SERVER.with(&format!("schema={schema}&application_name={name}&notify=yes"));
        Environment::open(url, &options()).unwrap()
    });
    let dict = Dict::<i64, i64>::open(&other, "d").unwrap();
    let rounds = 30;
    let begun = Instant::now();
    for n in 0..rounds {
        let known = env.last_commit().unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| env.wait(known, Some(Duration::from_secs(30))).unwrap());
            dict.put(&n, &n).unwrap();
            waits.join().unwrap();
        });
    }
    let elapsed = begun.elapsed();
    assert!(elapsed < Duration::from_millis(100) * u32::try_from(rounds).unwrap() / 2, "{elapsed:?}");
}
