//! A handle stands for its own object or for nothing, in whatever order threads open, use and close handles.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;

use crate::cache::Cache;
use crate::platform::sync::{Mutex, OnceLock};
use crate::table::{Refusal, Slots, Table, slot_of};

const KIND: u8 = 4;

/// An object knows which one it is, and counts in `dropped` that it went.
struct Object {
    number: u64,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Object {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the table has of an object; cloning shares it.
#[derive(Clone)]
struct Shared(Arc<Object>);

/// A table of few slots, so that they are used again: one, or with a second chunk three.
struct World<const MANY: usize> {
    table: Table<Shared, 1, MANY>,
    dropped: Arc<AtomicUsize>,
}

type Remembered = Cache<Shared>;
type Handle = Result<u64, Refusal>;

impl<const MANY: usize> World<MANY> {
    fn new() -> Arc<Self> {
        let chunks = std::array::from_fn(|_| OnceLock::default());
        Arc::new(Self {
            table: Table::over(chunks, Mutex::new(Slots::new())),
            dropped: Arc::new(AtomicUsize::new(0)),
        })
    }

    fn open(&self, number: u64, parent: u64) -> Handle {
        let object = Shared(Arc::new(Object { number, dropped: Arc::clone(&self.dropped) }));
        let inserted = self.table.lock().insert(KIND, object, Some(number), [parent, 0]);
        inserted.map_err(|(refusal, object)| {
            assert_eq!(object.0.number, number);
            refusal
        })
    }

    /// Returns the numbers of the objects that were retired.
    fn close(&self, id: u64) -> Result<Vec<u64>, Refusal> {
        let alone = self.table.lock().retire_childless(id)?;
        if let Some(object) = alone {
            return Ok(vec![object.0.number]);
        }
        let retired = self.table.lock().retire(id)?;
        Ok(retired.iter().map(|(_, object)| object.0.number).collect())
    }

    /// Looks a handle up as a call of the C ABI does.
    fn find(&self, remembered: &mut Remembered, id: u64) -> Result<Rc<Shared>, Refusal> {
        if let Some(object) = remembered.get(&self.table, id) {
            return Ok(object);
        }
        let object = Rc::new(self.table.lock().get(id)?.clone());
        drop(remembered.remember(&self.table, id, Rc::clone(&object)));
        Ok(object)
    }

    fn number(&self, remembered: &mut Remembered, id: u64) -> Result<u64, Refusal> {
        self.find(remembered, id).map(|object| object.0.number)
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Runs through the orders of steps: all, or those in which threads are interrupted at most so often.
fn check(interruptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = interruptions;
    builder.check(model);
}

#[test]
fn a_handle_that_is_closed_while_a_thread_uses_it_is_never_another() {
    check(None, || {
        let world = World::<1>::new();
        let first = world.open(1, 0).unwrap();
        let is_closed = Arc::new(AtomicBool::new(false));
        let user = thread::spawn({
            let (world, is_closed) = (Arc::clone(&world), Arc::clone(&is_closed));
            move || {
                let mut remembered = Remembered::new();
                for _ in 0..3 {
                    let was_closed = is_closed.load(Ordering::Acquire);
                    match world.find(&mut remembered, first) {
                        Ok(object) => {
                            assert!(!was_closed, "a closed handle was found");
                            assert_eq!(object.0.number, 1, "another object");
                            // The thread that closes may run now: the object outlives the call.
                            thread::yield_now();
                            assert_eq!(world.dropped(), 0, "the object is gone during a call");
                        }
                        Err(refusal) => assert_eq!(refusal, Refusal::Closed(first)),
                    }
                }
            }
        });
        assert_eq!(world.close(first), Ok(vec![1]));
        is_closed.store(true, Ordering::Release);
        let second = world.open(2, 0).unwrap();
        assert_eq!(slot_of(first), slot_of(second));
        user.join().unwrap();
        assert_eq!(world.dropped(), 1, "the thread that ended remembered it");
        let mut remembered = Remembered::new();
        assert_eq!(world.number(&mut remembered, second), Ok(2));
        assert_eq!(world.number(&mut remembered, first), Err(Refusal::Closed(first)));
        assert_eq!(world.close(second), Ok(vec![2]));
    });
}

#[test]
fn a_thread_that_remembers_a_handle_forgets_it_when_it_is_closed() {
    check(None, || {
        let world = World::<1>::new();
        let first = world.open(1, 0).unwrap();
        let mut remembered = Remembered::new();
        assert_eq!(world.number(&mut remembered, first), Ok(1));
        let second = Arc::new(AtomicU64::new(0));
        let other = thread::spawn({
            let (world, second) = (Arc::clone(&world), Arc::clone(&second));
            move || {
                world.close(first).unwrap();
                second.store(world.open(2, 0).unwrap(), Ordering::Release);
            }
        });
        let successor = second.load(Ordering::Acquire);
        let found = world.number(&mut remembered, first);
        assert!(found == Ok(1) && successor == 0 || found == Err(Refusal::Closed(first)), "{found:?}");
        other.join().unwrap();
        assert_eq!(world.number(&mut remembered, first), Err(Refusal::Closed(first)));
        assert_eq!(remembered.take_closed(&world.table).len(), 1, "the first is remembered until then");
        assert_eq!(world.dropped(), 1);
        let successor = second.load(Ordering::Acquire);
        assert_eq!(world.number(&mut remembered, successor), Ok(2));
    });
}

#[test]
fn threads_that_open_and_close_at_once_have_handles_of_their_own() {
    check(Some(3), || {
        let world = World::<2>::new();
        let shown = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let run = |me: usize| {
            let (world, shown) = (Arc::clone(&world), Arc::clone(&shown));
            move || {
                let mut remembered = Remembered::new();
                let mut ids = Vec::new();
                for round in 0..2 {
                    let number = 2 * round + me as u64;
                    let id = world.open(number, 0).unwrap();
                    ids.push(id);
                    shown[me].store(id, Ordering::Relaxed);
                    assert_eq!(world.number(&mut remembered, id), Ok(number));
                    assert!(remembered.get(&world.table, id).is_some(), "the lock is taken each time");
                    let others = shown[1 - me].load(Ordering::Relaxed);
                    if others != 0 {
                        match world.number(&mut remembered, others) {
                            Ok(number) => assert_eq!(number % 2, 1 - me as u64, "it is another's"),
                            Err(refusal) => assert_eq!(refusal, Refusal::Closed(others)),
                        }
                    }
                    assert_eq!(world.close(id), Ok(vec![number]));
                }
                ids
            }
        };
        let other = thread::spawn(run(1));
        let mut ids = run(0)();
        ids.extend(other.join().unwrap());
        let given = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), given, "an id was given out twice");
        assert_eq!(world.dropped(), given);
    });
}

#[test]
fn one_thread_closes_a_handle_that_two_close() {
    check(None, || {
        let world = World::<1>::new();
        let id = world.open(1, 0).unwrap();
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || world.close(id)
        });
        let mut closed = [world.close(id), other.join().unwrap()];
        closed.sort_by_key(Result::is_err);
        assert_eq!(closed, [Ok(vec![1]), Err(Refusal::Closed(id))]);
        assert_eq!(world.dropped(), 1);
    });
}

#[test]
fn a_child_that_is_opened_while_its_parent_closes_goes_with_it() {
    check(None, || {
        let world = World::<2>::new();
        let parent = world.open(1, 0).unwrap();
        let opening = thread::spawn({
            let world = Arc::clone(&world);
            move || world.open(2, parent)
        });
        let retired = world.close(parent).unwrap();
        match opening.join().unwrap() {
            Ok(child) => {
                assert_eq!(retired, [2, 1], "the child goes first");
                assert_eq!(world.close(child), Err(Refusal::Closed(child)));
            }
            Err(refusal) => {
                assert_eq!((refusal, retired), (Refusal::Closed(parent), vec![1]));
            }
        }
        assert_eq!(world.dropped(), 2);
        assert_eq!(world.table.lock().numbered(2), None);
    });
}

#[test]
fn a_parent_takes_no_handle_with_it_that_has_the_slot_of_its_former_child() {
    check(None, || {
        let world = World::<2>::new();
        let parent = world.open(1, 0).unwrap();
        let child = world.open(2, parent).unwrap();
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || match world.close(child) {
                Ok(closed) => {
                    assert_eq!(closed, [2]);
                    true
                }
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Closed(child));
                    false
                }
            }
        });
        // Of no parent; perhaps in the child's slot.
        let stranger = world.open(3, 0).unwrap();
        let retired = world.close(parent).unwrap();
        let was_closed_alone = other.join().unwrap();
        assert_eq!(retired, if was_closed_alone { vec![1] } else { vec![2, 1] });
        let mut remembered = Remembered::new();
        assert_eq!(world.number(&mut remembered, stranger), Ok(3));
    });
}

#[test]
fn the_last_slot_goes_to_one_of_two_threads() {
    check(None, || {
        let world = World::<1>::new();
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || world.open(1, 0)
        });
        let mut opened = [world.open(0, 0), other.join().unwrap()];
        opened.sort_by_key(Result::is_err);
        assert_eq!(opened[1], Err(Refusal::Full(1)));
        assert_eq!(world.dropped(), 1, "the object without a handle came back");
        let id = opened[0].unwrap();
        world.close(id).unwrap();
        assert!(world.open(2, 0).is_ok_and(|next| next != id), "the slot is free again");
    });
}

#[test]
fn a_slot_that_has_used_all_generations_is_lost_and_its_handles_stay_closed() {
    check(None, || {
        let world = World::<1>::new();
        let id = world.open(1, 0).unwrap();
        world.close(id).unwrap();
        world.table.lock().age(slot_of(id), u32::MAX - 1);
        let last = world.open(2, 0).unwrap();
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                let mut remembered = Remembered::new();
                let found = world.number(&mut remembered, last);
                assert!(found == Ok(2) || found == Err(Refusal::Closed(last)), "{found:?}");
                assert_eq!(world.open(3, 0), Err(Refusal::Full(1)));
            }
        });
        world.close(last).unwrap();
        assert_eq!(world.open(4, 0), Err(Refusal::Full(1)));
        other.join().unwrap();
        let mut remembered = Remembered::new();
        assert_eq!(world.number(&mut remembered, last), Err(Refusal::Closed(last)));
    });
}
