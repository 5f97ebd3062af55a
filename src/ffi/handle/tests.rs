//! The table of handles, and the handles that threads remember.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::{OnceLock, Weak};

use super::cache::PLACES;
use super::table::{CHUNKS, Locked, Slots, Table, generation_of, kind_of, pack, slot_of};
use super::*;

const ITER: u8 = ObjectKind::Iter as u8;

fn table() -> Table<&'static str> {
    Table::over([const { OnceLock::new() }; CHUNKS], Mutex::new(Slots::new()))
}

fn add(table: &mut Locked<'_, &'static str>, parents: [u64; 2]) -> Result<u64, Refusal> {
    table.insert(ITER, "object", None, parents).map_err(|(refusal, _)| refusal)
}

#[test]
fn every_slot_has_its_own_place() {
    type Places = Table<()>;
    let mut places = HashSet::new();
    for slot in 0..10_000 {
        let (chunk, at) = Places::place(slot);
        assert!(at < 64 << chunk && places.insert((chunk, at)), "{slot}");
    }
    assert_eq!(Places::place(0), (0, 0));
    assert_eq!(Places::place(Places::SLOTS - 1), (CHUNKS - 1, (64 << (CHUNKS - 1)) - 1));
    assert!(table().word(Places::SLOTS).is_none() && table().word(usize::MAX >> 1).is_none());
}

#[test]
fn an_id_contains_its_parts() {
    let slot = Table::<()>::SLOTS - 1;
    for kind in [ObjectKind::Env, ObjectKind::Dict, ObjectKind::Set, ObjectKind::Iter, ObjectKind::Txn] {
        let id = pack(slot, kind as u8, u32::MAX);
        assert_eq!((slot_of(id), kind_of(id), generation_of(id)), (slot, kind as u8, u32::MAX));
        assert_eq!(ObjectKind::of(id), Some(kind));
    }
    assert_eq!((ObjectKind::of(0), ObjectKind::of(u64::MAX)), (None, None));
}

#[test]
fn a_retired_handle_is_closed_and_its_successor_another() {
    let table = table();
    let mut locked = table.lock();
    let first = add(&mut locked, [0, 0]).unwrap();
    assert!(table.is_live(first) && locked.get(first).is_ok());
    assert_eq!(locked.retire(first).unwrap(), [(first, "object")]);
    assert!(!table.is_live(first));
    let second = add(&mut locked, [0, 0]).unwrap();
    assert_eq!(slot_of(first), slot_of(second));
    assert_eq!(locked.get(first), Err(Refusal::Closed(first)));
    assert_eq!(locked.retire(first), Err(Refusal::Closed(first)));
    assert!(table.is_live(second));
    // A generation that has not been used yet.
    let next = pack(slot_of(second), ITER, generation_of(second) + 1);
    assert_eq!(locked.get(next), Err(Refusal::Unknown(next)));
    assert_eq!(locked.get(0), Err(Refusal::Unknown(0)));
}

#[test]
fn children_close_before_their_parents_and_are_removed_from_the_others() {
    let table = table();
    let mut locked = table.lock();
    let roots = [add(&mut locked, [0, 0]).unwrap(), add(&mut locked, [0, 0]).unwrap()];
    let middle = add(&mut locked, [roots[0], 0]).unwrap();
    let shared = add(&mut locked, [middle, roots[1]]).unwrap();
    let order: Vec<u64> = locked.retire(roots[0]).unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(order, [shared, middle, roots[0]]);
    assert!(!table.is_live(shared) && table.is_live(roots[1]));
    assert_eq!(add(&mut locked, [roots[1], middle]), Err(Refusal::Closed(middle)));
    assert_eq!(locked.retire(roots[1]).unwrap().len(), 1);
}

#[test]
fn a_number_names_its_handle_until_that_is_closed() {
    let table = table();
    let mut locked = table.lock();
    let id = locked.insert(ITER, "object", Some(7), [0, 0]).unwrap();
    assert_eq!((locked.numbered(7), locked.numbered(8)), (Some(id), None));
    locked.retire(id).unwrap();
    assert_eq!(locked.numbered(7), None);
}

#[test]
fn a_slot_that_has_used_all_generations_is_not_used_again() {
    let table = table();
    let mut locked = table.lock();
    let id = add(&mut locked, [0, 0]).unwrap();
    locked.retire(id).unwrap();
    locked.age(slot_of(id), u32::MAX - 1);
    let last = add(&mut locked, [0, 0]).unwrap();
    assert_eq!((slot_of(last), generation_of(last)), (slot_of(id), u32::MAX));
    locked.retire(last).unwrap();
    let next = add(&mut locked, [0, 0]).unwrap();
    assert_ne!(slot_of(next), slot_of(id));
    assert_eq!(locked.get(last), Err(Refusal::Closed(last)));
}

#[test]
fn refusals_name_the_reason() {
    let id = pack(3, ObjectKind::Set as u8, 9);
    for (refusal, status, said) in [
        (Refusal::Unknown(0), Status::BadHandle, "never opened"),
        (Refusal::Unknown(id), Status::BadHandle, "not a handle"),
        (Refusal::Closed(id), Status::BadHandle, "the set is closed"),
        (Refusal::Inherited(id), Status::Forked, "the set was opened before fork"),
        (Refusal::Full(5), Status::NoMemory, "5 handles are open"),
    ] {
        let error = Error::from(refusal);
        assert_eq!(error.status(), status, "{error}");
        assert!(error.message().contains(said), "{error}");
    }
}

fn open() -> (u64, Weak<Mutex<IterPlace>>) {
    let slot: IterSlot = Arc::new(Mutex::new(IterPlace::Closed));
    let weak = Arc::downgrade(&slot);
    (insert(ObjectKind::Iter, Object::Iter(slot), [0, 0]).unwrap(), weak)
}

#[test]
fn the_next_miss_of_a_thread_drops_its_closed_handles() {
    let (id, object) = open();
    find(id, ObjectKind::Iter).unwrap();
    assert_eq!(object.strong_count(), 2, "the table's and this thread's");
    // A thread keeps one count, however often it looks.
    find(id, ObjectKind::Iter).unwrap();
    assert_eq!(object.strong_count(), 2);
    close(id, ObjectKind::Iter).unwrap();
    assert_eq!(object.strong_count(), 1, "this thread's");
    assert_eq!(find(id, ObjectKind::Iter).err().unwrap().status(), Status::BadHandle);
    let (other, _) = open();
    find(other, ObjectKind::Iter).unwrap();
    assert_eq!(object.strong_count(), 0);
    close(other, ObjectKind::Iter).unwrap();
}

#[test]
fn a_thread_that_ends_drops_its_handles() {
    let (id, object) = open();
    std::thread::spawn(move || drop(find(id, ObjectKind::Iter).unwrap())).join().unwrap();
    assert_eq!(object.strong_count(), 1);
    close(id, ObjectKind::Iter).unwrap();
    assert_eq!(object.strong_count(), 0);
}

#[test]
fn more_handles_than_are_remembered_take_turns() {
    let all: Vec<_> = (0..3 * PLACES).map(|_| open()).collect();
    for _ in 0..2 {
        for (id, _) in &all {
            find(*id, ObjectKind::Iter).unwrap();
        }
    }
    let remembered = all.iter().filter(|(_, object)| object.strong_count() == 2).count();
    assert!(remembered <= PLACES, "{remembered}");
    for (id, _) in &all {
        close(*id, ObjectKind::Iter).unwrap();
        assert!(find(*id, ObjectKind::Iter).is_err());
    }
}

#[test]
fn a_handle_of_another_kind_is_named() {
    let (id, _) = open();
    let error = find(id, ObjectKind::Dict).err().unwrap();
    assert_eq!(error.status(), Status::BadHandle);
    assert!(error.message().contains("iterator") && error.message().contains("dict"), "{error}");
    close(id, ObjectKind::Iter).unwrap();
}
