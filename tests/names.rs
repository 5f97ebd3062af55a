//! Names, schemas, and LMDB's numbers of named databases.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
use common::{options, scratch, status};
use persistent_collections::{Dict, Environment, Kind, Set, Status, Type, Value};

/// LMDB gives the same number to a reader that opens a name and to a writer of the same process that creates another
/// one at that time; records are then stored in the wrong collection.
#[test]
fn names_opened_by_readers_while_a_writer_makes_others_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let names = 40;
    {
        let env = Environment::open(&path, &options()).unwrap();
        for n in 0..names {
            Dict::<i64, i64>::open(&env, &format!("old{n}")).unwrap().put(&n, &n).unwrap();
        }
    }
    let env = Environment::open(&path, &options()).unwrap();
    std::thread::scope(|scope| {
        for step in [1, 3, 7] {
            let env = &env;
            scope.spawn(move || {
                for n in (0..names).map(|n| n * step % names) {
                    let dict = Dict::<i64, i64>::open_existing(env, &format!("old{n}")).unwrap();
                    assert_eq!(dict.get(&n).unwrap(), Some(n), "old{n}");
                    assert_eq!(dict.len().unwrap(), 1, "old{n}");
                }
            });
        }
        scope.spawn(|| {
            for n in 0..names {
                let txn = env.begin_write().unwrap();
                let new = Dict::<i64, i64>::open(&env, &format!("new{n}")).unwrap();
                new.put(&-n, &n).unwrap();
                let old = Dict::<i64, i64>::open(&env, &format!("old{n}")).unwrap();
                assert_eq!(old.get(&n).unwrap(), Some(n));
                if n % 3 == 0 { txn.abort().unwrap() } else { txn.commit().unwrap() }
            }
        });
    });
    for n in 0..names {
        let old = Dict::<i64, i64>::open_existing(&env, &format!("old{n}")).unwrap();
        assert_eq!(old.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(n, n)]);
        let new = Dict::<i64, i64>::open_existing(&env, &format!("new{n}"));
        if n % 3 == 0 {
            assert_eq!(status(new), Status::NoCollection);
        } else {
            assert_eq!(new.unwrap().iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(-n, n)]);
        }
    }
}

#[test]
fn a_snapshot_can_open_what_was_there_when_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = Environment::open(&path, &options()).unwrap();
        Dict::<i64, i64>::open(&env, "a").unwrap().put(&1, &1).unwrap();
    }
    let env = Environment::open(&path, &options()).unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| Dict::<i64, i64>::open(&env, "b").unwrap().put(&2, &2).unwrap());
    });
    let a = Dict::<i64, i64>::open_existing(&env, "a").unwrap();
    assert_eq!(a.get(&1).unwrap(), Some(1));
    snapshot.commit().unwrap();
}

/// Creates as many collections as are opened before a transaction, with names before all others of these tests.
fn many_names(env: &Environment) {
    (0..64).for_each(|n| drop(Set::<i64>::open(env, &format!("_{n}")).unwrap()));
}

/// An opening takes the first number that is free in its transaction: a number that a writer of the process has just
/// received would be used twice.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "numbers of databases")]
fn a_name_is_opened_only_in_the_processs_turn_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = Environment::open(&path, &options()).unwrap();
        many_names(&env);
        Dict::<i64, i64>::open(&env, "old").unwrap().put(&1, &1).unwrap();
    }
    let patience = Some(std::time::Duration::from_millis(20));
    let settings = options().write_timeout(patience);
    let env = Environment::open(&path, &settings).unwrap();
    let txn = env.begin_write().unwrap();
    let new = Dict::<i64, i64>::open(&env, "new").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let old = Dict::<i64, i64>::open_existing(&env, "old");
            // On Linux it is read without a number.
            if cfg!(all(target_os = "linux", not(feature = "no-mapping"))) {
                assert_eq!(old.unwrap().get(&1).unwrap(), Some(1));
            } else {
                assert_eq!(status(old), Status::Busy);
            }
        });
    });
    new.put(&2, &2).unwrap();
    txn.commit().unwrap();
    let old = Dict::<i64, i64>::open_existing(&env, "old").unwrap();
    assert_eq!(old.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(1, 1)]);
    assert_eq!(new.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(2, 2)]);
}

/// A thread that opened an existing dict waited two seconds for another one's transaction. In the child of a fork, which
/// reopens everything, that was a deadlock if a binding held a lock meanwhile.
#[test]
fn existing_collections_open_without_waiting_for_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = Environment::open(&path, &options()).unwrap();
        (0..20).for_each(|n| drop(Dict::<i64, i64>::open(&env, &format!("d{n}")).unwrap()));
        Set::<i64>::open(&env, "set").unwrap();
    }
    let patience = Some(std::time::Duration::ZERO);
    let env = Environment::open(&path, &options().write_timeout(patience)).unwrap();
    let txn = env.begin_write().unwrap();
    Dict::<i64, i64>::open(&env, "d0").unwrap().put(&1, &1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..20 {
                let dict = Dict::<i64, i64>::open(&env, &format!("d{n}")).unwrap();
                assert_eq!(dict.get(&1).unwrap(), None);
            }
            let snapshot = env.begin_snapshot().unwrap();
            assert!(Set::<i64>::open_existing(&env, "set").unwrap().is_empty().unwrap());
            snapshot.commit().unwrap();
        });
    });
    txn.commit().unwrap();
    // Later collections are opened before the next transaction.
    std::thread::scope(|scope| {
        let other = || drop(Dict::<i64, i64>::open(&env, "new").unwrap());
        scope.spawn(other).join().unwrap();
        let txn = env.begin_write().unwrap();
        scope.spawn(other).join().unwrap();
        txn.abort().unwrap();
    });
}

#[test]
fn a_snapshot_can_use_what_is_opened_later_while_nothing_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = Environment::open(&path, &options()).unwrap();
        Dict::<i64, i64>::open(&env, "a").unwrap().put(&1, &1).unwrap();
    }
    let env = Environment::open(&path, &options()).unwrap();
    let (begun, ended) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The process's turn to write is taken, so the snapshot cannot open anything before it begins.
            let txn = env.begin_write().unwrap();
            begun.wait();
            ended.wait();
            txn.abort().unwrap();
            begun.wait();
        });
        begun.wait();
        let snapshot = env.begin_snapshot().unwrap();
        ended.wait();
        begun.wait();
        let a = Dict::<i64, i64>::open_existing(&env, "a").unwrap();
        assert_eq!(a.get(&1).unwrap(), Some(1));
        snapshot.commit().unwrap();
    });
}

#[test]
fn a_list_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = Environment::open(&path, &options()).unwrap();
        for n in 0..10 {
            Set::<i64>::open(&env, &format!("s{n}")).unwrap().add(&n).unwrap();
        }
    }
    // More than can be open at once.
    let env = Environment::open(&path, &options().max_collections(4)).unwrap();
    let list = env.collections().unwrap();
    assert_eq!((list.len(), list.iter().map(|c| c.len).sum::<u64>()), (10, 10));
    for n in 0..4 {
        assert_eq!(Set::<i64>::open_existing(&env, &format!("s{n}")).unwrap().first().unwrap(), Some(n));
    }
}

#[test]
fn a_name_is_one_collection_with_one_schema() {
    let s = scratch();
    Dict::<String, i64>::open(&s.env, "x").unwrap().put("a", &1).unwrap();
    assert_eq!(Dict::<String, i64>::open(&s.env, "x").unwrap().get("a").unwrap(), Some(1));
    assert_eq!(status(Dict::<String, i32>::open(&s.env, "x")), Status::TypeMismatch);
    assert_eq!(status(Dict::<i64, i64>::open(&s.env, "x")), Status::TypeMismatch);
    assert_eq!(status(Set::<String>::open(&s.env, "x")), Status::WrongKind);
    let message = Dict::<String, i32>::open(&s.env, "x").unwrap_err().to_string();
    assert!(message.contains("i64") && message.contains("i32") && message.contains("\"x\""), "{message}");
}

#[test]
fn collections_are_listed_by_name_with_their_types() {
    let s = scratch();
    Dict::<String, Vec<f32>>::open(&s.env, "vectors").unwrap();
    Set::<(String, i64)>::open(&s.env, "pairs").unwrap().add(&("a".into(), 1)).unwrap();
    Dict::<Value, Value>::open(&s.env, "").unwrap();
    let list = s.env.collections().unwrap();
    let lines: Vec<String> = list
        .iter()
        .map(|c| {
            let schema = c.schema.as_ref().unwrap();
            format!("{} {} {} {} {}", c.name, schema.kind.name(), schema.key, schema.value, c.len)
        })
        .collect();
    assert_eq!(lines, [" dict any any 0", "pairs set (str,i64) unit 1", "vectors dict str f32[] 0"]);
    let one = s.env.schema("pairs").unwrap().unwrap();
    assert_eq!((one.schema.as_ref().unwrap().kind, one.len), (Kind::Set, 1));
    assert_eq!(one.schema.unwrap().value, Type::Unit);
    assert_eq!(s.env.schema("none").unwrap(), None);
}

#[test]
fn a_list_inside_a_write_transaction_counts_its_writes() {
    let s = scratch();
    let txn = s.env.begin_write().unwrap();
    Dict::<i64, i64>::open(&s.env, "x").unwrap().put(&1, &1).unwrap();
    assert_eq!(s.env.collections().unwrap()[0].len, 1);
    txn.abort().unwrap();
    assert!(s.env.collections().unwrap().is_empty());
}

#[test]
fn dropping_empties_and_open_handles_say_so() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    dict.put(&1, &1).unwrap();
    assert!(s.env.drop_collection("x").unwrap());
    assert!(!s.env.drop_collection("x").unwrap());
    assert_eq!(status(dict.get(&1)), Status::NoCollection);
    assert_eq!(status(dict.put(&1, &1)), Status::NoCollection);
    assert!(s.env.collections().unwrap().is_empty());
    let again = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    assert_eq!(again.len().unwrap(), 0);
    dict.put(&2, &2).unwrap();
    assert_eq!(again.get(&2).unwrap(), Some(2), "the same schema again: the same collection");
}

/// LMDB does not number it as a commit, so the drop gets that number.
#[test]
fn a_transaction_without_changes_does_not_hide_a_drop() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    dict.put(&1, &1).unwrap();
    let txn = s.env.begin_write().unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    txn.commit().unwrap();
    s.env.drop_collection("x").unwrap();
    assert_eq!(status(dict.get(&1)), Status::NoCollection);
}

#[test]
fn a_name_created_again_with_other_types_is_a_new_collection() {
    let s = scratch();
    let old = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    old.put(&1, &1).unwrap();
    s.env.drop_collection("x").unwrap();
    let new = Set::<String>::open(&s.env, "x").unwrap();
    new.add("element").unwrap();
    assert_eq!(status(old.get(&1)), Status::TypeMismatch);
    assert_eq!(status(old.put(&1, &1)), Status::TypeMismatch);
    assert_eq!(new.len().unwrap(), 1);
}

#[test]
fn a_drop_in_an_aborted_transaction_has_no_effect() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    dict.put(&1, &1).unwrap();
    let txn = s.env.begin_write().unwrap();
    s.env.drop_collection("x").unwrap();
    assert_eq!(status(dict.get(&1)), Status::NoCollection);
    txn.abort().unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
}

#[test]
fn invalid_names_are_refused() {
    let s = scratch();
    for name in ["pc:catalog", "pc:", "a\0b", &"n".repeat(256)] {
        assert_eq!(status(Dict::<i64, i64>::open(&s.env, name)), Status::BadName, "{name:?}");
    }
    Dict::<i64, i64>::open(&s.env, &"n".repeat(255)).unwrap().put(&1, &1).unwrap();
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "numbers of databases")]
fn a_transaction_that_uses_more_collections_than_the_option_allows_gets_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_collections(3);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let open: Vec<_> = (0..4).map(|n| Set::<i64>::open(&env, &format!("s{n}")).unwrap()).collect();
    for (n, set) in (0..).zip(&open) {
        set.add(&n).unwrap();
    }
    for begin in [Environment::begin_write, Environment::begin_snapshot] {
        let txn = begin(&env).unwrap();
        for (n, set) in (0..3).zip(&open) {
            assert_eq!(set.first().unwrap(), Some(n));
        }
        for _ in 0..2 {
            let error = open[3].first().unwrap_err();
            assert_eq!(error.status(), Status::CollectionsFull);
            assert!(error.message().contains("a transaction can use 3 different collections"), "{error}");
        }
        assert_eq!(open[1].first().unwrap(), Some(1), "the transaction stays open");
        txn.commit().unwrap();
    }
    assert_eq!(open[3].first().unwrap(), Some(3));
}

/// The catalog used one of the places: the message in the transaction that created an environment's first collection
/// named "all 0 places".
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "numbers of databases")]
fn the_catalog_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("data"), &options().max_collections(1)).unwrap();
    let txn = env.begin_write().unwrap();
    let first = Set::<i64>::open(&env, "first").unwrap();
    let error = Set::<i64>::open(&env, "second").unwrap_err();
    assert!(error.message().contains("can use 1 different collections"), "{error}");
    // A collection that a savepoint has undone is no longer counted.
    let dropped = env.begin_write().unwrap();
    drop(dropped);
    first.add(&1).unwrap();
    txn.commit().unwrap();
    let txn = env.begin_write().unwrap();
    for n in 0..3 {
        let inner = env.begin_write().unwrap();
        Set::<i64>::open(&env, &format!("undone {n}")).unwrap();
        inner.abort().unwrap();
    }
    assert_eq!(first.first().unwrap(), Some(1));
    txn.commit().unwrap();
}

#[test]
fn threads_open_more_collections_than_one_transaction_may_use() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_collections(8);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let env = &env;
            scope.spawn(move || {
                for n in 0..100_i64 {
                    let dict = Dict::<i64, i64>::open(env, &format!("d{}", (n * 7 + thread) % 30)).unwrap();
                    dict.increment(&thread, 1).unwrap();
                    assert!(dict.iter().unwrap().all(|entry| entry.unwrap().1 > 0));
                }
            });
        }
    });
    let sum: i64 = (0..30)
        .map(|n| Dict::<i64, i64>::open(&env, &format!("d{n}")).unwrap())
        .map(|dict| dict.iter().unwrap().map(|entry| entry.unwrap().1).sum::<i64>())
        .sum();
    assert_eq!(sum, 400);
    env.check().unwrap();
}

#[test]
fn dropped_names_free_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_collections(32);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let kept = Dict::<i64, i64>::open(&env, "kept").unwrap();
    kept.put(&1, &1).unwrap();
    // An older snapshot, only for a short time, since it keeps old pages.
    let mut entries = Some(kept.iter().unwrap());
    for n in 0..10_000 {
        if n == 100 {
            assert_eq!(entries.take().unwrap().next().unwrap().unwrap(), (1, 1));
        }
        let name = format!("n{n}");
        let set = Set::<i64>::open(&env, &name).unwrap();
        set.add_many(&(0..5).collect::<Vec<_>>()).unwrap();
        if n % 2 == 0 {
            env.drop_collection(&name).unwrap();
        } else {
            env.transaction(|| env.drop_collection(&name)).unwrap();
        }
        assert_eq!(status(set.len()), Status::NoCollection);
    }
    assert_eq!(env.collections().unwrap().len(), 1);
    assert_eq!(kept.get(&1).unwrap(), Some(1));
    let info = env.info().unwrap();
    assert!(info.file_size < 8 << 20, "{info:?}");
}

#[test]
fn a_name_created_again_after_its_place_was_freed_is_the_new_collection() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_collections(16);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let old = Dict::<i64, i64>::open(&env, "x").unwrap();
    old.put(&1, &1).unwrap();
    env.drop_collection("x").unwrap();
    for n in 0..100 {
        Set::<i64>::open(&env, &format!("n{n}")).unwrap().add(&n).unwrap();
        env.drop_collection(&format!("n{n}")).unwrap();
    }
    let other = Dict::<i64, i64>::open(&env, "other").unwrap();
    other.put(&7, &7).unwrap();
    assert_eq!(status(old.get(&1)), Status::NoCollection);
    let new = Dict::<i64, i64>::open(&env, "x").unwrap();
    new.put(&2, &2).unwrap();
    assert_eq!(old.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(2, 2)]);
    assert_eq!(other.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(7, 7)]);
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "numbers of databases")]
fn a_dict_opened_before_a_snapshot_can_be_used_in_it_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    {
        let env = Environment::open(&path, &options()).unwrap();
        many_names(&env);
        Dict::<i64, i64>::open(&env, "a").unwrap().put(&1, &1).unwrap();
        Dict::<i64, i64>::open(&env, "b").unwrap().put(&1, &1).unwrap();
    }
    let env = Environment::open(&path, &options()).unwrap();
    let a = Dict::<i64, i64>::open(&env, "a").unwrap();
    let (begun, written) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The process's turn to write is taken, so the snapshot cannot open anything before it begins.
            let txn = env.begin_write().unwrap();
            begun.wait();
            written.wait();
            let b = Dict::<i64, i64>::open(&env, "b").unwrap();
            b.put(&2, &2).unwrap();
            txn.commit().unwrap();
            begun.wait();
        });
        begun.wait();
        let snapshot = env.begin_snapshot().unwrap();
        assert_eq!(a.len().unwrap(), 1);
        written.wait();
        begun.wait();
        assert_eq!(a.get(&1).unwrap(), Some(1));
        // It can use the numbers that were open when it began, and has already used these.
        (0..63).for_each(|n| assert!(Set::<i64>::open(&env, &format!("_{n}")).unwrap().is_empty().unwrap()));
        let b = Dict::<i64, i64>::open(&env, "b");
        if cfg!(all(target_os = "linux", not(feature = "no-mapping"))) {
            // Its number was given out after that, but the snapshot needs none.
            let b = b.unwrap();
            assert_eq!((b.len().unwrap(), b.get(&1).unwrap(), b.get(&2).unwrap()), (1, Some(1), None));
        } else {
            assert_eq!(status(b), Status::Conflict);
        }
        snapshot.commit().unwrap();
        assert_eq!(Dict::<i64, i64>::open(&env, "b").unwrap().len().unwrap(), 2);
    });
}

#[test]
fn a_drop_holds_also_for_the_handle_that_made_the_collection() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    s.env.drop_collection("x").unwrap();
    assert_eq!(status(dict.get(&1)), Status::NoCollection);
    assert_eq!(status(dict.put(&1, &1)), Status::NoCollection);
}

/// LMDB reuses the numbers of named databases.
#[test]
fn dropping_and_recreating_while_threads_read_never_shows_the_data_of_another() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let options = options().max_collections(8);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let done = AtomicBool::new(false);
    let told = |error: &persistent_collections::Error| {
        use Status::{Conflict, NoCollection, TypeMismatch, WrongKind};
        matches!(error.status(), NoCollection | TypeMismatch | WrongKind | Conflict)
    };
    Dict::<i64, i64>::open(&env, "x").unwrap().put(&1, &7).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (env, done) = (&env, &done);
            scope.spawn(move || {
                let mut dict = Dict::<i64, i64>::open_existing(env, "x");
                while !done.load(Ordering::Relaxed) {
                    let Ok(x) = &dict else {
                        dict = Dict::<i64, i64>::open_existing(env, "x");
                        assert!(dict.as_ref().err().is_none_or(told), "{dict:?}");
                        continue;
                    };
                    // Keys of "x" are 1 to 3, and its values are seven times the key; other collections have other keys.
                    let seen = x.iter().and_then(|mut all| {
                        all.try_for_each(|entry| {
                            let (key, value) = entry?;
                            assert!((1..4).contains(&key) && value == key * 7, "{key}: {value}");
                            Ok(())
                        })
                    });
                    if let Err(error) = seen.and_then(|()| x.put(&2, &14)).and_then(|()| x.get(&1).map(drop))
                    {
                        assert!(told(&error), "{error}");
                        dict = Dict::<i64, i64>::open_existing(env, "x");
                    }
                }
            });
        }
        for n in 0..400_i64 {
            env.drop_collection("x").unwrap();
            // Another collection, which gets the number if it is free.
            let other = Dict::<i64, i64>::open(&env, &format!("y{n}")).unwrap();
            other.put(&(1000 + n), &-1).unwrap();
            if n % 5 == 0 {
                Set::<String>::open(&env, "x").unwrap().add("another kind").unwrap();
                env.drop_collection("x").unwrap();
            }
            let x = Dict::<i64, i64>::open(&env, "x").unwrap();
            x.put(&3, &21).unwrap();
            assert_eq!(other.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [(1000 + n, -1)]);
            env.drop_collection(&format!("y{n}")).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(env.collections().unwrap().len(), 1);
}
