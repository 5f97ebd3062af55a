//! Savepoints, and what a write transaction knows of names and of the catalog, seen from inside.
#![allow(clippy::unwrap_used)]

use std::ops::Bound;
use std::sync::Arc;

use super::*;
use crate::engine::lmdb::SpaceOp;
use crate::engine::lmdb::tests::engine_of;
use crate::engine::lmdb::write::turn::WriteLock;
use crate::engine::{Column, Op, Outcome, Range, Wait};
use crate::error::{Error, Status};
use crate::{Durability, Environment, Options};

fn environment() -> (tempfile::TempDir, Environment) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::None, ..Options::default() };
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    (dir, env)
}

#[test]
fn a_recycled_snapshot_has_used_and_lent_nothing() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    crate::Dict::<i64, i64>::open(&env, "dict").unwrap();
    let space = engine.space("dict").unwrap();
    let db = space.db(u32::MAX).unwrap();
    let mut snapshot = Snapshot::begin(&engine).map_err(|_| "it begins").unwrap();
    snapshot.uses_number(&engine, &space, db).unwrap();
    snapshot.pin();
    let knows =
        |snapshot: &Snapshot| (snapshot.used().has(db.dbi), snapshot.has_used_last(db), snapshot.is_pinned());
    assert_eq!(knows(&snapshot), (true, true, true));
    snapshot.recycle();
    assert_eq!(knows(&snapshot), (false, false, false));
    snapshot.renew(&engine).map_err(|_| "it is renewed").unwrap();
    snapshot.uses_number(&engine, &space, db).unwrap();
    assert_eq!(knows(&snapshot), (true, true, false));
}

/// A write that LMDB refuses half-way may leave pages half done, so its level can only be undone. A level that stays
/// doomed after that loses the transaction around it; one that is forgotten too early commits the half.
#[test]
fn a_failure_ends_with_the_savepoint_that_met_it() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    let space = &engine.space("space").unwrap();
    let put = |key| SpaceOp::In(space, Op::Put { key, value: b"", fresh: false });
    // Longer than any key that is let through to LMDB.
    let too_long = &[b'k'; 4000][..];
    let write_lock = Arc::new(WriteLock::take(&engine, Wait::Forever).unwrap());
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    assert_eq!(txn.apply(&SpaceOp::Create(space)).unwrap(), Outcome::Done);
    assert_eq!(txn.apply(&put(b"outer")).unwrap(), Outcome::Done);
    // Undone, or committed in vain: the level around it is usable.
    for commit in [false, true] {
        txn.begin_savepoint().unwrap();
        txn.begin_savepoint().unwrap();
        let writes = txn.writes();
        assert!(txn.apply(&put(too_long)).is_err());
        assert_eq!(txn.apply(&put(b"inner")).unwrap_err().status(), Status::TxnFailed);
        assert_eq!(txn.begin_savepoint().unwrap_err().status(), Status::TxnFailed);
        if commit {
            assert_eq!(txn.commit_savepoint().unwrap_err().status(), Status::TxnFailed);
        } else {
            txn.abort_savepoint();
        }
        // One for the write, one for the end: what was read before either may be no longer so.
        assert_eq!(txn.writes(), writes + 2);
        assert_eq!(txn.apply(&put(b"between")).unwrap(), Outcome::Done);
        txn.commit_savepoint().unwrap();
    }
    assert_eq!(txn.apply(&SpaceOp::In(space, Op::Remove { key: b"inner" })).unwrap(), Outcome::Missing);
    assert_eq!(txn.apply(&SpaceOp::In(space, Op::Remove { key: b"between" })).unwrap(), Outcome::Done);
    // Met in the outermost level, it dooms the whole.
    assert!(txn.apply(&put(too_long)).is_err());
    assert_eq!(txn.commit().unwrap_err().status(), Status::TxnFailed);
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    assert_eq!(txn.resolve(space).unwrap().map(|db| db.dbi), None);
}

/// LMDB closes the number of a name that a level opened when that level, or one around it, is undone. A number that
/// is kept then means another name soon; one that is dropped too early fails the rest of the transaction.
#[test]
fn a_number_lives_as_long_as_the_level_that_it_was_committed_to() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    let [kept, undone] = ["kept", "undone"].map(|name| engine.space(name).unwrap());
    let write_lock = Arc::new(WriteLock::take(&engine, Wait::Forever).unwrap());
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    let opened = |txn: &WriteTxn| {
        let levels: Vec<_> =
            txn.opened.iter().map(|opened| (opened.space.as_str().to_owned(), opened.depth)).collect();
        levels
    };
    let both = |kept, undone| vec![("kept".to_owned(), kept), ("undone".to_owned(), undone)];
    txn.begin_savepoint().unwrap();
    txn.apply(&SpaceOp::Create(&kept)).unwrap();
    txn.begin_savepoint().unwrap();
    txn.begin_savepoint().unwrap();
    txn.apply(&SpaceOp::Create(&undone)).unwrap();
    assert_eq!(opened(&txn), both(2, 4));
    txn.commit_savepoint().unwrap();
    assert_eq!(opened(&txn), both(2, 3));
    txn.abort_savepoint();
    assert_eq!(opened(&txn), [("kept".to_owned(), 2)]);
    assert!(txn.resolve(&undone).unwrap().is_none());
    txn.commit_savepoint().unwrap();
    assert_eq!(opened(&txn), [("kept".to_owned(), 1)]);
    txn.begin_savepoint().unwrap();
    txn.abort_savepoint();
    assert_eq!(opened(&txn), [("kept".to_owned(), 1)]);
    assert!(kept.db(u32::MAX).is_none(), "it is not the process's yet");
    txn.commit().unwrap();
    assert!(kept.db(u32::MAX).is_some() && undone.db(u32::MAX).is_none());
}

/// The sequence number of the catalog is known for the commit that a transaction began from, until the transaction
/// itself changes the catalog: then the change may yet be undone, and a later one has the same number.
#[test]
fn the_catalog_is_that_of_the_parent_until_it_is_written() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    let space = &engine.space("space").unwrap();
    let write_lock = Arc::new(WriteLock::take(&engine, Wait::Forever).unwrap());
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    txn.apply(&SpaceOp::Create(space)).unwrap();
    txn.commit().unwrap();
    let newest = engine.env.info().me_last_txnid as u64;
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    assert_eq!(txn.parent(), Some(newest));
    (txn.sequence, txn.checked) = (Some(1), Some(1));
    txn.apply(&SpaceOp::In(space, Op::Put { key: b"key", value: b"", fresh: false })).unwrap();
    assert_eq!((txn.parent(), txn.sequence, txn.checked), (Some(newest), Some(1), Some(1)));
    let catalog = engine.spaces.catalog();
    txn.apply(&SpaceOp::Create(catalog)).unwrap();
    assert_eq!((txn.parent(), txn.sequence, txn.checked), (None, None, None));
}

/// Each write says what it did, and the next call goes by that: a counter that counts a record too many, or a take
/// that returns what is longer than the caller's memory, is an answer that no later read corrects.
#[test]
fn writes_say_what_they_did() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    // A key that is also a name: only the unnamed database hides it.
    let space = &engine.space("aa").unwrap();
    let write_lock = Arc::new(WriteLock::take(&engine, Wait::Forever).unwrap());
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    txn.apply(&SpaceOp::Create(space)).unwrap();
    let keys = &Column::fixed(b"aabbcc", 2, 3).unwrap();
    let values = &Column::fixed(b"123", 1, 3).unwrap();
    let some = &Column::fixed(b"aaxxcc", 2, 3).unwrap();
    let all = &Range::all();
    let from_bb = &Range::new(Bound::Included(b"bb"), Bound::Unbounded, None, false).unwrap();
    for (op, outcome) in [
        (SpaceOp::In(space, Op::PutMany { keys, values }), Outcome::Count(3)),
        (SpaceOp::In(space, Op::AddMany { keys: some }), Outcome::Count(1)),
        (SpaceOp::In(space, Op::Take { key: b"bb", cap: 0 }), Outcome::TooSmall(1)),
        (SpaceOp::In(space, Op::Take { key: b"bb", cap: 1 }), Outcome::Value(b"2".to_vec())),
        (SpaceOp::In(space, Op::Take { key: b"bb", cap: 1 }), Outcome::Missing),
        (SpaceOp::In(space, Op::Put { key: b"bb", value: b"4", fresh: true }), Outcome::Done),
        (SpaceOp::In(space, Op::Put { key: b"bb", value: b"5", fresh: true }), Outcome::Exists),
        (
            SpaceOp::In(space, Op::CompareExchange { key: b"bb", expected: None, desired: None }),
            Outcome::Differs(Some(b"4".to_vec())),
        ),
        (
            SpaceOp::In(space, Op::CompareExchange { key: b"bb", expected: Some(b"4"), desired: None }),
            Outcome::Done,
        ),
        (SpaceOp::In(space, Op::Remove { key: b"bb" }), Outcome::Missing),
        (SpaceOp::In(space, Op::RemoveMany { keys: some }), Outcome::Count(3)),
        (SpaceOp::In(space, Op::RemoveMany { keys: some }), Outcome::Count(0)),
        (SpaceOp::In(space, Op::PutMany { keys, values }), Outcome::Count(3)),
        (SpaceOp::In(space, Op::Take { key: b"aa", cap: 1 }), Outcome::Value(b"1".to_vec())),
        (SpaceOp::In(space, Op::Put { key: b"aa", value: b"1", fresh: false }), Outcome::Done),
        (SpaceOp::In(space, Op::RemoveRange { range: from_bb }), Outcome::Count(2)),
        (SpaceOp::In(space, Op::RemoveRange { range: all }), Outcome::Count(1)),
        (SpaceOp::In(space, Op::RemoveRange { range: all }), Outcome::Count(0)),
    ] {
        let writes = txn.writes();
        assert_eq!(txn.apply(&op).unwrap(), outcome, "{op:?}");
        assert_eq!(txn.writes(), writes + 1);
    }
}

/// LMDB keeps the names of databases as records of the unnamed one. To remove one there loses a collection, also where
/// all records are removed.
#[test]
fn names_are_not_removed_as_records() {
    let (_dir, env) = environment();
    let engine = engine_of(&env);
    let (space, main) = (&engine.space("space").unwrap(), engine.spaces.main());
    let write_lock = Arc::new(WriteLock::take(&engine, Wait::Forever).unwrap());
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    txn.apply(&SpaceOp::Create(space)).unwrap();
    for (op, outcome) in [
        (SpaceOp::In(main, Op::Put { key: b"plain", value: b"", fresh: true }), Outcome::Done),
        (SpaceOp::In(main, Op::Remove { key: b"space" }), Outcome::Missing),
        (SpaceOp::In(main, Op::Take { key: b"space", cap: 100 }), Outcome::Missing),
        (SpaceOp::In(main, Op::Take { key: b"plain", cap: 100 }), Outcome::Value(vec![])),
        (SpaceOp::In(main, Op::Put { key: b"plain", value: b"", fresh: true }), Outcome::Done),
        (SpaceOp::In(main, Op::RemoveRange { range: &Range::all() }), Outcome::Count(1)),
    ] {
        assert_eq!(txn.apply(&op).unwrap(), outcome, "{op:?}");
        assert!(foreign::is_name(&txn.txn, b"space").unwrap());
    }
}

/// Another program may have a plain record where a collection's name would stand, and places may run out. Both are the
/// caller's to put right, so they have a status and words of their own, and leave the transaction usable.
#[test]
fn a_name_that_cannot_be_opened_dooms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::None, max_collections: 2, ..Options::default() };
    let env = Environment::open(dir.path().join("env"), &options).unwrap();
    let engine = engine_of(&env);
    let [plain, a, b, c] = ["plain", "a", "b", "c"].map(|name| engine.space(name).unwrap());
    let write_lock = Arc::new(WriteLock::take(&engine, Wait::Forever).unwrap());
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    let (main, catalog) = (engine.spaces.main(), engine.spaces.catalog());
    // It has a place of its own.
    txn.apply(&SpaceOp::Create(catalog)).unwrap();
    txn.apply(&SpaceOp::In(main, Op::Put { key: b"plain", value: b"", fresh: true })).unwrap();
    txn.commit().unwrap();
    let check = |error: Error, status, part: &str| {
        assert_eq!(error.status(), status);
        assert!(error.message().contains(part), "{error}");
    };
    let is_plain = "\"plain\" is a plain record";
    check(
        engine.open_in_working_set(&plain, None, write_lock.turn()).unwrap_err(),
        Status::BadName,
        is_plain,
    );
    let mut txn = WriteTxn::begin(&write_lock, true).unwrap();
    check(txn.apply(&SpaceOp::Create(&plain)).unwrap_err(), Status::BadName, is_plain);
    for space in [&a, &b] {
        txn.apply(&SpaceOp::Create(space)).unwrap();
    }
    check(txn.apply(&SpaceOp::Create(&c)).unwrap_err(), Status::CollectionsFull, "max_collections");
    txn.apply(&SpaceOp::In(&a, Op::Put { key: b"key", value: b"", fresh: true })).unwrap();
    txn.commit().unwrap();
}
