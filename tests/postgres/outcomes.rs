//! Lost connections, standbys and fail-over: what was acknowledged is there, and what is not known is said.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use persistent_collections::{Dict, Durability, Environment, Options, Status};

use crate::common::status;
use crate::proxy::Cut;
use crate::server::{SERVER, Server, options, schema};

/// A write whose answer is lost has happened or not: an error that says "failed" or a second attempt would both be wrong.
#[test]
fn a_write_whose_connection_is_lost_has_an_unknown_outcome() {
    let proxy = SERVER.proxy();
    let env = Environment::open(proxy.url(&format!("schema={}", schema())), &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&0, &0).unwrap();
    for (key, cut, is_there) in [(1, Cut::BeforeTheServer, false), (2, Cut::AfterTheServer, true)] {
        proxy.cut(0, cut);
        assert_eq!(status(dict.put(&key, &1)), Status::CommitUnknown);
        // This makes a new connection.
        assert_eq!(dict.contains(&key).unwrap(), is_there);
        proxy.cut(0, cut);
        assert_eq!(status(dict.increment(&0, 1)), Status::CommitUnknown);
        dict.get(&0).unwrap();
    }
    assert_eq!(dict.get(&0).unwrap(), Some(1), "one of the additions ran, once");
}

#[test]
fn a_read_whose_connection_is_lost_is_read_again() {
    let proxy = SERVER.proxy();
    let env = Environment::open(proxy.url(&format!("schema={}", schema())), &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    for cut in [Cut::BeforeTheServer, Cut::AfterTheServer] {
        proxy.cut(0, cut);
        assert_eq!(dict.get(&1).unwrap(), Some(1));
        assert!(!proxy.will_cut());
    }
}

#[test]
fn a_transaction_finds_out_whether_its_lost_commit_took_place() {
    let proxy = SERVER.proxy();
    let env = Environment::open(proxy.url(&format!("schema={}", schema())), &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&1, &1).unwrap();
    proxy.cut(0, Cut::AfterTheServer);
    txn.commit().unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    let txn = env.begin_write().unwrap();
    dict.put(&2, &2).unwrap();
    proxy.cut(0, Cut::BeforeTheServer);
    assert_eq!(status(txn.commit()), Status::Unavailable);
    assert_eq!(dict.get(&2).unwrap(), None);
}

#[test]
fn a_transaction_whose_connection_is_lost_has_failed() {
    let proxy = SERVER.proxy();
    let env = Environment::open(proxy.url(&format!("schema={}", schema())), &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&1, &1).unwrap();
    proxy.cut(0, Cut::BeforeTheServer);
    assert_eq!(status(dict.put(&2, &2)), Status::Unavailable);
    assert_eq!(status(dict.put(&3, &3)), Status::TxnFailed);
    assert_eq!(status(txn.commit()), Status::TxnFailed);
    assert!(dict.is_empty().unwrap());
    dict.put(&1, &1).unwrap();
}

#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let proxy = SERVER.proxy();
    let env =
        Environment::open(proxy.url(&format!("schema={}&answer_timeout=1", schema())), &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&2, &2).unwrap();
    proxy.be_deaf(true);
    let begun = Instant::now();
    assert_eq!(status(dict.put(&3, &3)), Status::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    proxy.be_deaf(false);
    drop(txn);
    assert_eq!(dict.get(&2).unwrap(), None);
}

/// A statement that takes too long is cancelled, and then has written nothing.
#[test]
fn a_statement_that_takes_too_long_is_cancelled() {
    let name = schema();
    let url = SERVER.with(&format!("schema={name}&answer_timeout=1"));
    let patient = options().write_timeout(Duration::from_secs(1));
    let env = Environment::open(url, &patient).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    SERVER.sql(&format!(
        "CREATE FUNCTION {name}.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'; \
         CREATE TRIGGER slow BEFORE INSERT ON {name}.c1 FOR EACH ROW EXECUTE FUNCTION {name}.slow()"
    ));
    let error = dict.put(&2, &2).unwrap_err();
    assert_eq!(error.status(), Status::Unavailable, "{error}");
    assert!(error.message().contains("cancelled"), "{error}");
    SERVER.sql(&format!("DROP TRIGGER slow ON {name}.c1"));
    assert_eq!(dict.get(&2).unwrap(), None);
}

#[test]
fn a_server_that_was_restarted_is_found_again() {
    let server = Server::start(&["--sync"]);
    let env = Environment::open(server.with("schema=restart"), &Options::new()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    let txn = env.begin_write().unwrap();
    dict.put(&2, &2).unwrap();
    server.command("kill");
    server.command("start");
    assert_eq!(status(txn.commit()), Status::Unavailable);
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    assert_eq!(dict.get(&2).unwrap(), None);
    dict.put(&2, &2).unwrap();
}

/// While the standby does not answer, a commit is durable on the primary alone: a fail-over may lose it.
#[test]
fn a_commit_that_the_standby_does_not_confirm_has_an_unknown_outcome() {
    let server = Server::start(&["--standby"]);
    let env = Environment::open(server.with("schema=standby&answer_timeout=1"), &Options::new()).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    dict.put(&1, &1).unwrap();
    let patient = Options::new().write_timeout(Duration::from_secs(1));
    let url = server.with("schema=standby&answer_timeout=1&application_name=other");
    let other = Environment::open(url, &patient).unwrap();
    let same = Dict::<i64, i64>::open(&other, "d").unwrap();
    server.command("stop-standby");
    let begun = Instant::now();
    assert_eq!(status(same.put(&2, &2)), Status::CommitUnknown);
    let txn = other.begin_write().unwrap();
    same.put(&3, &3).unwrap();
    assert_eq!(status(txn.commit()), Status::CommitUnknown);
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    server.command("go-standby");
    same.put(&4, &4).unwrap();
    assert_eq!(dict.iter().unwrap().count(), 4);
}

/// One round: writers, a primary that is killed, a standby that takes over. Returns how many writes were acknowledged and
/// how many had an unknown outcome.
fn fail_over() -> (usize, usize) {
    let server = Server::start(&["--standby"]);
    let url = format!("{}&schema=fail", server.url("both"));
    let env = Environment::open(&url, &Options::new().durability(Durability::Full)).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "d").unwrap();
    let is_over = AtomicBool::new(false);
    let (mut acknowledged, mut unknown) = (BTreeMap::new(), Vec::new());
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4_i64)
            .map(|writer| {
                let (env, dict, is_over) = (&env, &dict, &is_over);
                scope.spawn(move || {
                    let (mut acknowledged, mut unknown, mut n) = (Vec::new(), Vec::new(), 0);
                    let mut more = 20;
                    // Each goes on until it has written again after the fail-over.
                    while more > 0 {
                        n += 1;
                        let key = n * 4 + writer;
                        let written = if writer < 2 {
                            dict.put(&key, &key)
                        } else {
                            env.begin_write().and_then(|txn| {
                                dict.put(&key, &key)?;
                                dict.put(&-key, &key)?;
                                txn.commit()
                            })
                        };
                        match written {
                            Ok(()) => {
                                acknowledged.push((key, writer >= 2));
                                more -= i32::from(is_over.load(Ordering::SeqCst));
                            }
                            Err(error) if error.status() == Status::CommitUnknown => unknown.push(key),
                            Err(error) => {
                                let expected = [Status::Unavailable, Status::TxnFailed, Status::Busy];
                                assert!(expected.contains(&error.status()), "{error}");
                            }
                        }
                    }
                    (acknowledged, unknown)
                })
            })
            .collect();
        // Some writes first.
        while dict.len().unwrap_or(0) < 100 {
            thread::yield_now();
        }
        server.command("kill");
        server.command("promote");
        is_over.store(true, Ordering::SeqCst);
        for writer in writers {
            let (own, lost) = writer.join().unwrap();
            acknowledged.extend(own);
            unknown.extend(lost);
        }
    });
    let stored: BTreeMap<i64, i64> = dict.iter().unwrap().map(Result::unwrap).collect();
    for (key, is_pair) in &acknowledged {
        assert_eq!(stored.get(key), Some(key), "an acknowledged write is lost");
        assert!(!is_pair || stored.contains_key(&-key), "half of an acknowledged transaction is lost");
    }
    // What was neither acknowledged nor unknown was not written.
    for key in stored.keys().map(|key| key.abs()) {
        assert!(
            acknowledged.contains_key(&key) || unknown.contains(&key),
            "{key} was reported as not written"
        );
    }
    (acknowledged.len(), unknown.len())
}

/// `PC_FAIL_OVERS=20 cargo test --test postgres fail_over -- --nocapture` runs more rounds, and prints the numbers.
#[test]
fn a_fail_over_loses_nothing_that_was_acknowledged() {
    let rounds = std::env::var("PC_FAIL_OVERS").map_or(1, |rounds| rounds.parse().unwrap());
    let (mut acknowledged, mut unknown) = (0, 0);
    for _ in 0..rounds {
        let (own, lost) = fail_over();
        acknowledged += own;
        unknown += lost;
    }
    println!("{rounds} fail-overs: {acknowledged} acknowledged, 0 lost, {unknown} outcomes unknown");
}
