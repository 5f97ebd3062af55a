//! Set algebra, compared with `BTreeSet`.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;

use common::{Scratch, options, scratch, status};
use persistent_collections::{Environment, Error, Set, Status};
use proptest::collection::btree_set;
use proptest::prelude::*;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// Counts the allocated bytes of a thread.
struct Counting;

impl Counting {
    fn count(bytes: isize) {
        HELD.set(HELD.get() + bytes);
        MOST.set(MOST.get().max(HELD.get()));
    }
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(signed(layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::count(-signed(layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Union,
    Intersection,
    Difference,
    SymmetricDifference,
}

const OPERATIONS: [Operation; 4] =
    [Operation::Union, Operation::Intersection, Operation::Difference, Operation::SymmetricDifference];

type Model = BTreeSet<i32>;

impl Operation {
    fn on_disk(self, a: &Set<i32>, b: &Set<i32>, into: &Set<i32>) -> Result<(), Error> {
        match self {
            Self::Union => a.union_into(b, into),
            Self::Intersection => a.intersection_into(b, into),
            Self::Difference => a.difference_into(b, into),
            Self::SymmetricDifference => a.symmetric_difference_into(b, into),
        }
    }

    fn in_memory(self, a: &Model, b: &Model) -> Model {
        match self {
            Self::Union => a | b,
            Self::Intersection => a & b,
            Self::Difference => a - b,
            Self::SymmetricDifference => a ^ b,
        }
    }
}

fn sets(env: &Environment) -> [Set<i32>; 3] {
    ["a", "b", "c"].map(|name| Set::open(env, name).unwrap())
}

fn fill(set: &Set<i32>, with: &Model) {
    set.clear().unwrap();
    set.add_many(with).unwrap();
}

fn content(set: &Set<i32>) -> Model {
    let elements: Vec<i32> = set.iter().unwrap().map(Result::unwrap).collect();
    assert!(elements.is_sorted());
    assert_eq!(set.len().unwrap(), elements.len() as u64);
    elements.into_iter().collect()
}

/// Checks every operation with every choice of operands and target among three sets, and the resulting sets.
fn check_all(env: &Environment, start: &[Model; 3], in_transaction: bool) {
    let sets = sets(env);
    for operation in OPERATIONS {
        for choice in 0..27 {
            let (a, b, into) = (choice / 9, choice / 3 % 3, choice % 3);
            let mut expected = start.clone();
            let txn = in_transaction.then(|| env.begin_write().unwrap());
            for (set, with) in sets.iter().zip(start) {
                fill(set, with);
            }
            operation.on_disk(&sets[a], &sets[b], &sets[into]).unwrap();
            expected[into] = operation.in_memory(&start[a], &start[b]);
            let found = sets.each_ref().map(content);
            assert_eq!(found, expected, "{operation:?} of {a} and {b} into {into}");
            if let Some(txn) = txn {
                txn.commit().unwrap();
                assert_eq!(sets.each_ref().map(content), expected);
            }
        }
    }
    for (set, with) in sets.iter().zip(start) {
        fill(set, with);
    }
    for (a, model_a) in sets.iter().zip(start) {
        for (b, model_b) in sets.iter().zip(start) {
            assert_eq!(a.is_subset(b).unwrap(), model_a.is_subset(model_b));
            assert_eq!(a.is_superset(b).unwrap(), model_a.is_superset(model_b));
            assert_eq!(a.is_disjoint(b).unwrap(), model_a.is_disjoint(model_b));
        }
    }
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![btree_set(-8..8, 0..10), btree_set(-60..60, 0..80), btree_set(0..i32::MAX, 0..20)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_choice_of_sets_is_as_in_memory(
        start in [model(), model(), model()],
        in_transaction in any::<bool>(),
    ) {
        check_all(&scratch().env, &start, in_transaction);
    }
}

/// More elements than one batch reads or writes, in patterns that skip whole batches.
#[test]
fn sets_larger_than_any_batch_are_as_in_memory() {
    let few: Model = (0..40_000).step_by(7919).collect();
    let odd: Model = (0..12_000).filter(|n| n % 2 == 1).collect();
    let most: Model = (2_000..11_000).filter(|n| n % 11 != 0).collect();
    for in_transaction in [false, true] {
        check_all(&scratch().env, &[few.clone(), odd.clone(), most.clone()], in_transaction);
    }
}

/// Elements are compared by their first eight bytes, and only if these are alike by the others.
#[test]
fn elements_that_begin_alike_are_told_apart() {
    let Scratch { env, dir: _dir } = scratch();
    // All elements of up to four bytes, alone and behind others, so that many lengths lie around eight.
    let mut endings = vec![Vec::new()];
    for length in 0..4 {
        for ending in endings.clone().into_iter().filter(|ending| ending.len() == length) {
            endings.extend([0, b'a', 0xff].map(|byte| [&ending[..], &[byte]].concat()));
        }
    }
    let beginnings = [&b""[..], b"aaaaaa", &[0; 7]];
    let all: Vec<Vec<u8>> = beginnings
        .iter()
        .flat_map(|start| endings.iter().map(move |end| [start, &end[..]].concat()))
        .collect();
    let model = |every: usize| -> BTreeSet<Vec<u8>> {
        all.iter().filter(|element| !element.is_empty()).step_by(every).cloned().collect()
    };
    let [one, other] = [model(2), model(3)];
    let [a, b, into] = ["a", "b", "into"].map(|name| Set::<Vec<u8>>::open(&env, name).unwrap());
    a.add_many(one.iter().map(Vec::as_slice)).unwrap();
    b.add_many(other.iter().map(Vec::as_slice)).unwrap();
    let content =
        |set: &Set<Vec<u8>>| -> BTreeSet<Vec<u8>> { set.iter().unwrap().map(Result::unwrap).collect() };
    a.union_into(&b, &into).unwrap();
    assert_eq!(content(&into), &one | &other);
    a.intersection_into(&b, &into).unwrap();
    assert_eq!(content(&into), &one & &other);
    a.symmetric_difference_into(&b, &into).unwrap();
    assert_eq!(content(&into), &one ^ &other);
    assert!(!a.is_subset(&b).unwrap() && !a.is_disjoint(&b).unwrap());
}

/// The operands are read from snapshots that are older than the write transaction: a commit between them must not be
/// missed.
#[test]
fn commits_of_other_threads_are_not_missed() {
    const ROUNDS: i32 = 300;
    let Scratch { env, dir: _dir } = scratch();
    let [a, b, c] = sets(&env);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..ROUNDS).for_each(|n| assert!(a.add(&n).unwrap())));
        for _ in 0..ROUNDS {
            let before = a.len().unwrap();
            a.union_into(&b, &c).unwrap();
            assert!(c.len().unwrap() >= before);
        }
    });
    a.union_into(&b, &c).unwrap();
    assert_eq!(content(&c), (0..ROUNDS).collect());
}

#[test]
fn nothing_is_written_where_nothing_differs() {
    let Scratch { env, dir: _dir } = scratch();
    let [a, b, c] = sets(&env);
    fill(&a, &(0..100).collect());
    fill(&b, &(50..150).collect());
    a.union_into(&b, &c).unwrap();
    let before = env.info().unwrap();
    let txn = env.begin_write().unwrap();
    a.union_into(&b, &c).unwrap();
    b.intersection_into(&c, &b).unwrap();
    c.union_into(&c, &c).unwrap();
    txn.commit().unwrap();
    // LMDB does not number a commit without a changed page.
    assert_eq!(env.info().unwrap().last_commit, before.last_commit);
}

#[test]
fn an_abort_undoes_it() {
    let Scratch { env, dir: _dir } = scratch();
    let [a, b, _] = sets(&env);
    let start: Model = (0..10_000).collect();
    fill(&a, &start);
    fill(&b, &(5_000..15_000).collect());
    let txn = env.begin_write().unwrap();
    a.symmetric_difference_into(&b, &a).unwrap();
    assert_eq!(a.len().unwrap(), 10_000);
    assert_eq!(a.first().unwrap(), Some(0));
    assert_eq!(a.last().unwrap(), Some(14_999));
    txn.abort().unwrap();
    assert_eq!(content(&a), start);
}

#[test]
fn a_snapshot_allows_comparisons_and_refuses_changes() {
    let Scratch { env, dir: _dir } = scratch();
    let [a, b, c] = sets(&env);
    fill(&a, &(0..10).collect());
    fill(&b, &(0..20).collect());
    let snapshot = env.begin_snapshot().unwrap();
    std::thread::scope(|scope| scope.spawn(|| fill(&b, &Model::new())).join().unwrap());
    assert!(a.is_subset(&b).unwrap(), "as the snapshot sees it");
    assert_eq!(status(a.union_into(&b, &c)), Status::InSnapshot);
    snapshot.commit().unwrap();
    assert!(!a.is_subset(&b).unwrap());
    a.union_into(&b, &c).unwrap();
    assert_eq!(c.len().unwrap(), 10);
}

#[test]
fn operands_may_be_in_another_environment() {
    let (here, there) = (scratch(), scratch());
    let [_, _, into] = sets(&here.env);
    let [a, b, _] = sets(&there.env);
    fill(&into, &(-5..5).collect());
    fill(&a, &(0..6_000).collect());
    fill(&b, &(3_000..9_000).collect());
    for operation in OPERATIONS {
        operation.on_disk(&a, &b, &into).unwrap();
        assert_eq!(content(&into), operation.in_memory(&content(&a), &content(&b)), "{operation:?}");
        fill(&into, &(0..2_000).collect());
        operation.on_disk(&into, &b, &into).unwrap();
        let expected = operation.in_memory(&(0..2_000).collect(), &content(&b));
        assert_eq!(content(&into), expected, "{operation:?}");
    }
    fill(&into, &(10..20).collect());
    assert!(into.is_subset(&a).unwrap());
    assert!(into.is_disjoint(&b).unwrap());
    assert!(a.is_superset(&into).unwrap());
    // It reads the thread's snapshot of the other environment, and writes to this one.
    let snapshot = there.env.begin_snapshot().unwrap();
    std::thread::scope(|scope| scope.spawn(|| fill(&b, &Model::new())).join().unwrap());
    a.intersection_into(&b, &into).unwrap();
    assert_eq!(into.len().unwrap(), 3_000);
    snapshot.commit().unwrap();
}

#[test]
fn a_set_whose_creation_was_undone_is_empty_and_made_again_as_a_target() {
    let Scratch { env, dir: _dir } = scratch();
    let [a, ..] = sets(&env);
    fill(&a, &(0..3).collect());
    let txn = env.begin_write().unwrap();
    let undone = Set::<i32>::open(&env, "undone").unwrap();
    txn.abort().unwrap();
    assert!(undone.is_subset(&a).unwrap());
    assert!(undone.is_disjoint(&a).unwrap());
    a.difference_into(&undone, &undone).unwrap();
    assert_eq!(content(&undone), (0..3).collect());
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_full_map_grows_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let small = options().map_size(1 << 20);
    let env = Environment::open(dir.path().join("small"), &small).unwrap();
    let there = scratch();
    let [a, b, _] = sets(&there.env);
    let into = Set::open(&env, "into").unwrap();
    fill(&a, &(0..100_000).collect());
    a.union_into(&b, &into).unwrap();
    assert_eq!(into.len().unwrap(), 100_000);
    assert!(env.info().unwrap().map_size > 1 << 20);
}

/// Returns the most bytes that a thread allocated during a call, in addition to those before it.
fn most_held(call: impl FnOnce()) -> isize {
    let before = HELD.get();
    MOST.set(before);
    call();
    MOST.get() - before
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn memory_does_not_grow_with_the_sets() {
    let Scratch { env, dir: _dir } = scratch();
    let [a, b, c] = sets(&env);
    let mut held = Vec::new();
    for count in [50_000, 1_000_000] {
        a.clear().unwrap();
        b.clear().unwrap();
        c.clear().unwrap();
        let (mut even, mut third) = (Vec::new(), Vec::new());
        even.extend((0..count).map(|n| n * 2));
        third.extend((0..count).map(|n| n * 3));
        a.add_many(&even).unwrap();
        b.add_many(&third).unwrap();
        drop((even, third));
        let most = most_held(|| {
            a.union_into(&b, &c).unwrap();
            c.symmetric_difference_into(&a, &c).unwrap();
            assert!(c.is_subset(&b).unwrap());
            assert!(c.is_disjoint(&a).unwrap());
        });
        assert_eq!(
            c.len().unwrap(),
            u64::try_from(count).unwrap() - u64::try_from(count).unwrap().div_ceil(3)
        );
        assert!(most > 4096, "nothing was counted");
        held.push(most);
    }
    assert!(held[1] < 4 << 20, "{held:?}");
    assert!(held[1] <= held[0] + held[0] / 4, "{held:?}");
}
