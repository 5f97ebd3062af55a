//! The calling thread's current transaction, and nested transactions.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
use common::{options, scratch, status};
use persistent_collections::{Access, Dict, Environment, Error, Set, Status, Wait};

#[test]
fn a_commit_shows_all_collections_at_once() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.put("a", &1).unwrap();
    set.add(&1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(dict.get("a").unwrap(), None, "another thread is not part of it");
            assert!(!set.contains(&1).unwrap());
        });
    });
    assert_eq!(dict.get("a").unwrap(), Some(1), "it sees its own writes");
    txn.commit().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(dict.get("a").unwrap(), Some(1));
            assert!(set.contains(&1).unwrap());
        });
    });
}

#[test]
fn dropping_aborts() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    {
        let _txn = s.env.begin_write().unwrap();
        dict.put("a", &1).unwrap();
    }
    assert_eq!(dict.get("a").unwrap(), None);
}

#[test]
fn a_snapshot_does_not_change() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    dict.put("a", &1).unwrap();
    let snapshot = s.env.begin_snapshot().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| dict.put("a", &2).unwrap());
    });
    assert_eq!(dict.get("a").unwrap(), Some(1));
    snapshot.commit().unwrap();
    assert_eq!(dict.get("a").unwrap(), Some(2));
}

#[test]
fn a_snapshot_inside_a_snapshot_is_the_same() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let outer = s.env.begin_snapshot().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| dict.put("a", &2).unwrap());
    });
    let inner = s.env.begin_snapshot().unwrap();
    assert_eq!(dict.get("a").unwrap(), None);
    inner.commit().unwrap();
    outer.commit().unwrap();
}

#[test]
fn writing_inside_a_snapshot_is_refused() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let snapshot = s.env.begin_snapshot().unwrap();
    assert_eq!(status(dict.put("a", &1)), Status::InSnapshot);
    assert_eq!(status(s.env.begin_write()), Status::InSnapshot);
    assert_eq!(status(Dict::<String, i64>::open(&s.env, "new")), Status::InSnapshot);
    snapshot.commit().unwrap();
    dict.put("a", &1).unwrap();
}

#[test]
fn reading_inside_a_write_sees_it_and_refuses_writes_until_it_ends() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.put("a", &1).unwrap();
    let inner = s.env.begin_snapshot().unwrap();
    assert_eq!(dict.get("a").unwrap(), Some(1));
    assert_eq!(status(dict.put("b", &1)), Status::InSnapshot);
    inner.abort().unwrap();
    dict.put("b", &1).unwrap();
    txn.commit().unwrap();
    assert_eq!(dict.len().unwrap(), 2);
}

#[test]
fn a_write_inside_a_write_is_a_savepoint() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.put("kept", &1).unwrap();
    let inner = s.env.begin_write().unwrap();
    dict.put("undone", &1).unwrap();
    inner.abort().unwrap();
    let inner = s.env.begin_write().unwrap();
    dict.put("kept too", &1).unwrap();
    inner.commit().unwrap();
    txn.commit().unwrap();
    let keys: Vec<String> = dict.iter().unwrap().map(|entry| entry.unwrap().0).collect();
    assert_eq!(keys, ["kept", "kept too"]);
}

#[test]
fn only_the_innermost_may_end_and_the_outer_one_takes_it_along() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let outer = s.env.begin_write().unwrap();
    let inner = s.env.begin_write().unwrap();
    dict.put("a", &1).unwrap();
    assert_eq!(status(outer.commit()), Status::NotInnermost);
    assert_eq!(status(inner.commit()), Status::BadHandle, "it was undone with the outer one");
    dict.put("b", &1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(dict.get("a").unwrap(), None);
            assert_eq!(dict.get("b").unwrap(), Some(1), "nothing is left open");
        });
    });
}

#[test]
fn transactions_dropped_in_any_order_are_undone() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    // A tuple drops its first element first.
    let both = (s.env.begin_write().unwrap(), s.env.begin_write().unwrap());
    dict.put("a", &1).unwrap();
    drop(both);
    dict.put("b", &1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(dict.get("a").unwrap(), None);
            assert_eq!(dict.get("b").unwrap(), Some(1));
        });
    });
    let both = (s.env.begin_snapshot().unwrap(), s.env.begin_snapshot().unwrap());
    drop(both);
    dict.put("c", &1).unwrap();
}

#[test]
fn a_transaction_of_one_environment_does_not_apply_to_another() {
    let (s, other) = (scratch(), scratch());
    let dict = Dict::<String, i64>::open(&other.env, "dict").unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.put("a", &1).unwrap();
    txn.abort().unwrap();
    assert_eq!(dict.get("a").unwrap(), Some(1));
}

#[test]
fn bad_input_leaves_a_transaction_usable() {
    let s = scratch();
    let dict = Dict::<Vec<u8>, i64>::open(&s.env, "dict").unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.put(b"a", &1).unwrap();
    assert_eq!(status(dict.put(b"", &1)), Status::KeySize);
    assert_eq!(status(dict.put(&[b'k'; 1979], &1)), Status::KeySize);
    dict.put(&[b'k'; 1978], &i64::MAX).unwrap();
    assert_eq!(status(dict.increment(&[b'k'; 1978], 1)), Status::Overflow);
    txn.commit().unwrap();
    assert_eq!(dict.len().unwrap(), 2);
}

#[test]
fn a_collection_made_in_an_aborted_transaction_is_made_again_by_the_next_write() {
    let s = scratch();
    let txn = s.env.begin_write().unwrap();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let set = Set::<String>::open(&s.env, "set").unwrap();
    dict.put("a", &1).unwrap();
    txn.abort().unwrap();
    assert_eq!(dict.get("a").unwrap(), None);
    assert_eq!(dict.len().unwrap(), 0);
    assert_eq!(s.env.collections().unwrap().len(), 0);
    dict.put("b", &2).unwrap();
    let txn = s.env.begin_write().unwrap();
    set.add("x").unwrap();
    txn.commit().unwrap();
    assert_eq!(dict.get("b").unwrap(), Some(2));
    let names: Vec<String> = s.env.collections().unwrap().into_iter().map(|c| c.name).collect();
    assert_eq!(names, ["dict", "set"]);
}

#[test]
fn a_collection_made_in_an_aborted_savepoint_is_made_again_in_the_same_transaction() {
    let s = scratch();
    let outer = s.env.begin_write().unwrap();
    let inner = s.env.begin_write().unwrap();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    inner.abort().unwrap();
    let other = Dict::<i64, String>::open(&s.env, "other").unwrap();
    other.put(&1, "one").unwrap();
    dict.put("a", &1).unwrap();
    outer.commit().unwrap();
    assert_eq!(dict.get("a").unwrap(), Some(1));
    assert_eq!(other.get(&1).unwrap(), Some("one".into()));
    assert_eq!((dict.len().unwrap(), other.len().unwrap()), (1, 1));
}

#[test]
fn a_block_is_committed_or_undone_by_what_it_returns() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let sum = s.env.transaction(|| dict.increment("n", 2)).unwrap();
    assert_eq!(sum, 2);
    let failed = s.env.transaction(|| {
        dict.increment("n", 2)?;
        dict.put(&"k".repeat(2000), &1)
    });
    assert_eq!(status(failed), Status::KeySize);
    assert_eq!(dict.get("n").unwrap(), Some(2));
}

#[test]
fn a_thread_that_ends_undoes_its_transaction_and_frees_the_lock() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let txn = s.env.begin_write().unwrap();
            dict.put("a", &1).unwrap();
            std::mem::forget(txn);
        });
    });
    dict.put("b", &1).unwrap();
    assert_eq!(dict.get("a").unwrap(), None);
}

#[test]
fn a_wait_for_the_write_lock_ends_at_the_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let patience = std::time::Duration::from_millis(20);
    let options = options().write_timeout(patience);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    let txn = env.begin_write().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let error = dict.put("a", &1).unwrap_err();
            assert_eq!(error.status(), Status::Busy);
            let process = format!("process {}", std::process::id());
            assert!(error.message().contains(&process), "names the holder: {error}");
            let wait = Wait::For(std::time::Duration::from_millis(5));
            assert_eq!(status(env.begin(Access::Write, wait)), Status::Busy);
            assert_eq!(status(env.begin(Access::WriteUnsynced, Wait::Default)), Status::Busy);
            env.begin(Access::Read, wait).unwrap().commit().unwrap();
        });
    });
    txn.commit().unwrap();
    dict.put("a", &1).unwrap();
}

#[test]
fn an_iterator_inside_a_transaction_sees_its_writes_and_ends_with_it() {
    let s = scratch();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    set.add_many([&1, &5]).unwrap();
    let txn = s.env.begin_write().unwrap();
    let mut elements = set.iter().unwrap();
    assert_eq!(elements.next().unwrap().unwrap(), 1);
    set.add(&3).unwrap();
    set.remove(&5).unwrap();
    assert_eq!(elements.next().unwrap().unwrap(), 3);
    assert!(elements.next().is_none());
    txn.commit().unwrap();
    assert_eq!(status(elements.previous().unwrap()), Status::BadHandle);
}

/// Loops that skip errors, like `flatten` and `filter_map(Result::ok)`, never ended. If they collected the items, they used up
/// the memory, and the process was killed.
#[test]
fn a_walk_that_fails_reports_it_once_and_ends() {
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "dict").unwrap();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    dict.put(&1, &1).unwrap();
    set.add(&1).unwrap();
    let txn = s.env.begin_snapshot().unwrap();
    let (mut pairs, mut elements) = (dict.iter().unwrap(), set.iter().unwrap());
    txn.commit().unwrap();
    assert_eq!(status(pairs.next().unwrap()), Status::BadHandle);
    assert!(pairs.next().is_none());
    assert!(pairs.previous().is_none());
    pairs.seek(&0).unwrap();
    assert_eq!(status(pairs.previous().unwrap()), Status::BadHandle, "it was asked to go elsewhere");
    assert_eq!(elements.by_ref().filter_map(Result::ok).count(), 0);
    assert_eq!(elements.reversed().flatten().count(), 0);
}

#[test]
fn an_iterator_outside_of_transactions_keeps_its_state() {
    let s = scratch();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    set.add_many(&(0..100).collect::<Vec<_>>()).unwrap();
    for element in set.iter().unwrap() {
        set.remove(&element.unwrap()).unwrap();
    }
    assert!(set.is_empty().unwrap());
}

#[test]
fn an_iterator_outside_of_transactions_does_not_see_what_others_do_ahead_of_it() {
    let s = scratch();
    let set = Set::<i64>::open(&s.env, "set").unwrap();
    // More than the iterator reads ahead at first.
    set.add_many(&(0..100).collect::<Vec<_>>()).unwrap();
    let mut elements = set.iter().unwrap();
    assert_eq!(elements.next().unwrap().unwrap(), 0);
    set.clear().unwrap();
    set.add(&1000).unwrap();
    assert_eq!(elements.map(Result::unwrap).collect::<Vec<_>>(), (1..100).collect::<Vec<_>>());
}

#[test]
fn a_collection_created_after_a_snapshot_is_not_in_it() {
    let s = scratch();
    let snapshot = s.env.begin_snapshot().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Dict::<String, i64>::open(&s.env, "new").unwrap().put("a", &1).unwrap();
        });
    });
    assert_eq!(status(Dict::<String, i64>::open_existing(&s.env, "new")), Status::NoCollection);
    snapshot.commit().unwrap();
    assert_eq!(Dict::<String, i64>::open_existing(&s.env, "new").unwrap().get("a").unwrap(), Some(1));
}

#[test]
fn a_dropped_environment_opens_again_with_what_was_committed() {
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    dict.put("a", &1).unwrap();
    let txn = s.env.begin_write().unwrap();
    dict.put("a", &2).unwrap();
    drop((txn, dict));
    let path = s.env.path().to_owned();
    drop(s.env);
    let env = Environment::open(path, &options().read_only(true)).unwrap();
    let dict = Dict::<String, i64>::open(&env, "dict").unwrap();
    assert_eq!(dict.get("a").unwrap(), Some(1));
    assert_eq!(status(dict.put("a", &3)), Status::ReadOnly);
    assert_eq!(status(env.begin_write()), Status::ReadOnly);
}

/// A closure with `anyhow::Result` did not compile, and a user's own error could not leave a transaction.
#[test]
fn a_closure_may_fail_with_any_error_that_is_made_from_the_librarys() {
    #[derive(Debug, PartialEq)]
    enum Refused {
        Poor(i64),
        Storage(Status),
    }
    impl From<Error> for Refused {
        fn from(error: Error) -> Self {
            Self::Storage(error.status())
        }
    }
    let s = scratch();
    let dict = Dict::<String, i64>::open(&s.env, "dict").unwrap();
    let pay = |name: &str, sum: i64| {
        s.env.transaction(|| {
            let left = dict.increment(name, -sum)?;
            if left < 0 { Err(Refused::Poor(left)) } else { Ok(left) }
        })
    };
    dict.put("Ada", &10).unwrap();
    assert_eq!(pay("Ada", 7), Ok(3));
    assert_eq!(pay("Ada", 7), Err(Refused::Poor(-4)));
    assert_eq!(pay(&"x".repeat(2000), 7), Err(Refused::Storage(Status::KeySize)));
    assert_eq!(s.env.snapshot(|| dict.get("Ada").map_err(Refused::from)), Ok(Some(3)));
    let failed = s.env.transaction(|| -> anyhow::Result<()> {
        dict.put("Ada", &0)?;
        Err(std::fmt::Error.into())
    });
    assert!(failed.unwrap_err().is::<std::fmt::Error>());
    let boxed = s.env.snapshot(|| -> Result<(), Box<dyn std::error::Error>> { Ok(dict.put("Ada", &0)?) });
    assert!(boxed.unwrap_err().is::<Error>());
    assert_eq!(dict.get("Ada").unwrap(), Some(3));
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_closure_is_retried_in_a_larger_map_whatever_it_does_with_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().map_size(1 << 20);
    let env = Environment::open(dir.path().join("data"), &options).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let mut runs = [0; 3];
    let fill = |key: i64| dict.put(&key, &vec![1; 3 << usize::try_from(20 + key).unwrap()]);
    // Inside an error of a type that hides it.
    env.transaction(|| {
        runs[0] += 1;
        fill(0).map_err(|error| anyhow::anyhow!("{error}"))
    })
    .unwrap();
    // If it is not passed on, the commit fails.
    env.transaction(|| {
        runs[1] += 1;
        let ignored = fill(1);
        assert!(ignored.is_ok() || runs[1] < 20);
        Ok::<_, Error>(())
    })
    .unwrap();
    // The closure's own error does not cause a retry.
    let failed = env.transaction(|| {
        runs[2] += 1;
        Err::<(), _>(anyhow::anyhow!("no"))
    });
    assert!(failed.is_err());
    assert!(runs[0] > 1 && runs[1] > 1, "{runs:?}");
    assert_eq!(runs[2], 1);
    assert_eq!(dict.len().unwrap(), 2);
}
