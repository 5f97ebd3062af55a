//! The handle table: slots with generations, the tree of parents and children, and what `fork` does to both.
//!
//! One lock guards it, which only opening, closing and a thread's first use of a handle take. Whether a handle
//! still lives is read without the lock, from the slot's word: it holds the handle's id as long as that lives.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::object::{Kind, Object};
use crate::error::{Error, Result, Status};
use crate::memory::{self, TryGrow};

/// An id is, from the top: 32 bits of generation, 3 of kind, 29 of slot.
const SLOT_BITS: u32 = 29;
const GENERATION_SHIFT: u32 = 32;

const fn pack(slot: u32, kind: Kind, generation: u32) -> u64 {
    ((generation as u64) << GENERATION_SHIFT) | ((kind as u64) << SLOT_BITS) | slot as u64
}

/// The slot that an id names; any number has one, whether it is an id or not.
pub(super) const fn slot_of(id: u64) -> usize {
    (id & ((1 << SLOT_BITS) - 1)) as usize
}

const fn generation_of(id: u64) -> u32 {
    (id >> GENERATION_SHIFT) as u32
}

/// What an id says of itself.
pub(super) fn kind_of(id: u64) -> Option<Kind> {
    Kind::from_number((id >> SLOT_BITS) & 0b111)
}

/// The word that look-ups read. A cache line of its own: opening and closing handles next to it, iterators in
/// a loop say, must not slow down those who only look.
#[repr(align(64))]
struct Word(AtomicU64);

/// Words stand in chunks that never move, each twice as long as the one before.
const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = 23;
const MAX_SLOTS: usize = FIRST_CHUNK * ((1 << CHUNKS) - 1);
const _: () = assert!(MAX_SLOTS <= 1 << SLOT_BITS);
static WORDS: [OnceLock<Box<[Word]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];

const fn place(slot: usize) -> (usize, usize) {
    let from_one = slot + FIRST_CHUNK;
    let chunk = (from_one.ilog2() - FIRST_CHUNK.ilog2()) as usize;
    (chunk, from_one - (FIRST_CHUNK << chunk))
}

/// The word of a slot that has been in use; `None` for one that has not.
#[inline]
fn word(slot: usize) -> Option<&'static AtomicU64> {
    let (chunk, at) = place(slot);
    WORDS.get(chunk)?.get()?.get(at).map(|word| &word.0)
}

/// Whether the handle lives, as far as this thread can see. Takes no lock and writes nothing.
#[inline]
pub(super) fn is_live(id: u64) -> bool {
    // Acquire pairs with the Release of whoever opened it: what the id stands for is there to be seen.
    word(slot_of(id)).is_some_and(|word| word.load(Ordering::Acquire) == id)
}

/// How many times this process came out of a `fork` as the child.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// A number that differs in a child of `fork` from that in its parent.
#[inline]
pub(super) fn fork_generation() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// What the table knows of one slot.
struct Record {
    /// The handle that has or last had the slot.
    id: u64,
    /// In which process, counted by forks, it was opened.
    forks: u64,
    object: Option<Object>,
    parents: [u64; 2],
    children: BTreeSet<u64>,
}

/// Everything that is open.
pub(super) struct Table {
    records: Vec<Record>,
    free: Vec<u32>,
    /// The handle of each transaction, by the number that the safe API knows it by.
    transactions: BTreeMap<u64, u64>,
}

static TABLE: Mutex<Table> =
    Mutex::new(Table { records: Vec::new(), free: Vec::new(), transactions: BTreeMap::new() });

/// Takes the table's lock. Nothing slow and nothing of other rooms may happen under it.
pub(super) fn lock() -> MutexGuard<'static, Table> {
    // A panic under the lock would be one of allocation at most; each step leaves the table whole.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle that was retired, and what it stood for.
pub(super) type Retired = (u64, Object);

impl Table {
    /// Gives an object a handle; the handle dies with any of its parents (0: none).
    ///
    /// On failure the object comes back, to be released outside the lock.
    pub(super) fn insert(
        &mut self,
        kind: Kind,
        object: Object,
        parents: [u64; 2],
    ) -> std::result::Result<u64, (Error, Object)> {
        if let Err(error) = register_fork_hooks() {
            return Err((error, object));
        }
        for parent in parents.into_iter().filter(|id| *id != 0) {
            // It may have been closed between its look-up and now.
            if let Err(error) = self.check(parent) {
                return Err((error, object));
            }
        }
        let transaction = object.transaction();
        let slot = match self.free.pop() {
            Some(slot) => slot as usize,
            None => match self.new_slot() {
                Ok(slot) => slot,
                Err(error) => return Err((error, object)),
            },
        };
        let record = &mut self.records[slot];
        #[expect(clippy::cast_possible_truncation, reason = "slots are fewer than 2^29")]
        let id = pack(slot as u32, kind, generation_of(record.id) + 1);
        *record =
            Record { id, forks: fork_generation(), object: Some(object), parents, children: BTreeSet::new() };
        for parent in parents.into_iter().filter(|id| *id != 0) {
            self.records[slot_of(parent)].children.insert(id);
        }
        if let Some(number) = transaction {
            self.transactions.insert(number, id);
        }
        if let Some(word) = word(slot) {
            word.store(id, Ordering::Release);
        }
        Ok(id)
    }

    fn new_slot(&mut self) -> Result<usize> {
        let slot = self.records.len();
        if slot >= MAX_SLOTS {
            return Err(Error::new(
                Status::NoMemory,
                format!("{MAX_SLOTS} handles are open; close those that are no longer used"),
            ));
        }
        let (chunk, _) = place(slot);
        // Room first, so that closing a handle never needs any.
        self.records.try_room(1)?;
        self.free.try_room(slot + 1 - self.free.len())?;
        if WORDS[chunk].get().is_none() {
            let mut words = memory::room_for(FIRST_CHUNK << chunk)?;
            words.resize_with(FIRST_CHUNK << chunk, || Word(AtomicU64::new(0)));
            // Set under the table's lock alone.
            WORDS[chunk].get_or_init(|| words.into_boxed_slice());
        }
        // Generation 0: the first handle has 1, so that no id is ever 0.
        self.records.push(Record {
            id: 0,
            forks: 0,
            object: None,
            parents: [0; 2],
            children: BTreeSet::new(),
        });
        Ok(slot)
    }

    /// The object of a live handle.
    pub(super) fn get(&self, id: u64) -> Result<&Object> {
        let object = self.get_or_inherited(id)?;
        let record = &self.records[slot_of(id)];
        if record.forks == fork_generation() { Ok(object) } else { Err(forked(id)) }
    }

    /// The object of a handle that lives, or lived when this process was forked.
    pub(super) fn get_or_inherited(&self, id: u64) -> Result<&Object> {
        let Some(record) = self.records.get(slot_of(id)) else { return Err(unknown(id)) };
        if record.id != id || id == 0 {
            let issued = generation_of(id) != 0 && generation_of(id) < generation_of(record.id);
            return Err(if issued { closed(id) } else { unknown(id) });
        }
        record.object.as_ref().ok_or_else(|| closed(id))
    }

    fn check(&self, id: u64) -> Result<()> {
        self.get(id).map(|_| ())
    }

    /// The handle of a transaction, by the number that the safe API knows it by.
    pub(super) fn transaction(&self, number: u64) -> Option<u64> {
        self.transactions.get(&number).copied()
    }

    /// Retires a handle and all that hang on it; from now on they answer that they are closed.
    ///
    /// What they stood for comes back, children before their parents, to be released outside the lock.
    pub(super) fn retire(&mut self, id: u64) -> Result<Vec<Retired>> {
        self.check(id)?;
        let mut order = memory::room_for(1)?;
        order.push(id);
        let mut seen = BTreeSet::from([id]);
        let mut next = 0;
        while next < order.len() {
            let children = &self.records[slot_of(order[next])].children;
            order.try_room(children.len())?;
            order.extend(children.iter().filter(|child| seen.insert(**child)));
            next += 1;
        }
        // The other parents of those that go must forget them.
        let mut retired = memory::room_for(order.len())?;
        for id in order.into_iter().rev() {
            if let Some(object) = self.vacate(id) {
                retired.push((id, object));
            }
        }
        Ok(retired)
    }

    fn vacate(&mut self, id: u64) -> Option<Object> {
        let slot = slot_of(id);
        if let Some(word) = word(slot) {
            word.store(0, Ordering::Release);
        }
        let record = &mut self.records[slot];
        let object = record.object.take();
        record.children = BTreeSet::new();
        for parent in std::mem::take(&mut record.parents).into_iter().filter(|id| *id != 0) {
            self.records[slot_of(parent)].children.remove(&id);
        }
        if let Some(number) = object.as_ref().and_then(Object::transaction) {
            self.transactions.remove(&number);
        }
        // Generations do not repeat: a slot that has had them all is never used again.
        if generation_of(id) != u32::MAX {
            #[expect(clippy::cast_possible_truncation, reason = "slots are fewer than 2^29")]
            self.free.push(slot as u32);
        }
        object
    }
}

fn name_of(id: u64) -> &'static str {
    kind_of(id).map_or("handle", Kind::name)
}

/// The failure of a number that was never a handle.
pub(super) fn unknown(id: u64) -> Error {
    let message = if id == 0 {
        "the handle is zero: it was never opened, or its opening failed".to_owned()
    } else {
        format!("{id:#x} is not a handle of this library")
    };
    Error::new(Status::BadHandle, message)
}

fn closed(id: u64) -> Error {
    let how = match kind_of(id) {
        Some(Kind::Env) => "the environment is closed",
        Some(Kind::Dict) => "the dict is closed, itself or with its environment",
        Some(Kind::Set) => "the set is closed, itself or with its environment",
        Some(Kind::Iter) => "the iterator is closed, itself or with its collection or transaction",
        Some(Kind::Txn) => "the transaction has ended, by itself or with its environment",
        None => "it is closed",
    };
    Error::new(Status::BadHandle, format!("{how} (handle {id:#x})"))
}

fn forked(id: u64) -> Error {
    let name = name_of(id);
    Error::new(
        Status::Forked,
        format!("the {name} was opened before fork (handle {id:#x}); open it anew in the child"),
    )
}

thread_local! {
    /// The table's lock, held by the thread that is forking.
    static HELD: Cell<Option<MutexGuard<'static, Table>>> = const { Cell::new(None) };
}

/// Before a fork: no other thread may be half-way through a change of the table that the child gets a copy of.
extern "C" fn before_fork() {
    // While the thread ends it has no place to keep the guard: the fork goes on without it.
    let _ = HELD.try_with(|held| held.set(Some(lock())));
}

extern "C" fn after_fork_in_parent() {
    let _ = HELD.try_with(Cell::take);
}

/// From here on every inherited handle answers `PC_ERR_FORKED`. Their records keep what they stand for and are
/// never vacated, so that nothing of the parent's is released here.
extern "C" fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    let _ = HELD.try_with(Cell::take);
}

fn register_fork_hooks() -> Result<()> {
    static OUTCOME: OnceLock<i32> = OnceLock::new();
    let outcome = *OUTCOME.get_or_init(|| {
        // SAFETY: the handlers are functions of this library; libc drops them when it is unloaded.
        unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child))
        }
    });
    if outcome == 0 { Ok(()) } else { Err(Error::new(Status::NoMemory, "no memory for the fork handlers")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;
    use std::sync::Arc;

    fn iterator() -> Object {
        Object::Iter(Arc::new(crate::platform::sync::Mutex::new(super::super::object::IterPlace::Closed)))
    }

    fn insert(table: &mut Table, parents: [u64; 2]) -> Result<u64> {
        table.insert(Kind::Iter, iterator(), parents).map_err(|(error, _)| error)
    }

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut places = HashSet::new();
        for slot in 0..10_000 {
            let (chunk, at) = place(slot);
            assert!(at < FIRST_CHUNK << chunk && places.insert((chunk, at)), "{slot}");
        }
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(MAX_SLOTS - 1), (CHUNKS - 1, (FIRST_CHUNK << (CHUNKS - 1)) - 1));
        assert!(word(MAX_SLOTS).is_none() && word(usize::MAX >> 1).is_none());
    }

    #[test]
    fn an_id_says_what_it_is_made_of() {
        for kind in [Kind::Env, Kind::Dict, Kind::Set, Kind::Iter, Kind::Txn] {
            let id = pack((1 << SLOT_BITS) - 1, kind, u32::MAX);
            assert_eq!(
                (slot_of(id), kind_of(id), generation_of(id)),
                ((1 << SLOT_BITS) - 1, Some(kind), u32::MAX)
            );
        }
        assert_eq!((kind_of(0), kind_of(u64::MAX)), (None, None));
    }

    #[test]
    fn a_retired_handle_is_closed_and_its_successor_another() {
        let mut table = lock();
        let first = insert(&mut table, [0, 0]).unwrap();
        assert!(is_live(first) && table.get(first).is_ok());
        assert_eq!(table.retire(first).unwrap().len(), 1);
        assert!(!is_live(first));
        let second = insert(&mut table, [0, 0]).unwrap();
        assert_eq!(slot_of(first), slot_of(second));
        assert!(table.get(first).err().unwrap().message().contains("closed"));
        assert!(table.retire(first).is_err() && is_live(second));
        // One generation that was not given out yet.
        let next = pack(u32::try_from(slot_of(second)).unwrap(), Kind::Iter, generation_of(second) + 1);
        assert!(table.get(next).err().unwrap().message().contains("not a handle"));
        table.retire(second).unwrap();
    }

    #[test]
    fn children_go_before_their_parents_and_are_forgotten_by_the_others() {
        let mut table = lock();
        let roots = [insert(&mut table, [0, 0]).unwrap(), insert(&mut table, [0, 0]).unwrap()];
        let middle = insert(&mut table, [roots[0], 0]).unwrap();
        let shared = insert(&mut table, [middle, roots[1]]).unwrap();
        let order: Vec<u64> = table.retire(roots[0]).unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(order, [shared, middle, roots[0]]);
        assert!(!is_live(shared) && is_live(roots[1]));
        assert!(insert(&mut table, [roots[1], middle]).is_err(), "a parent is closed");
        assert_eq!(table.retire(roots[1]).unwrap().len(), 1);
    }

    #[test]
    fn a_slot_that_has_had_all_generations_is_not_used_again() {
        let mut table = lock();
        let id = insert(&mut table, [0, 0]).unwrap();
        table.retire(id).unwrap();
        let slot = slot_of(id);
        table.records[slot].id = pack(u32::try_from(slot).unwrap(), Kind::Iter, u32::MAX - 1);
        let last = insert(&mut table, [0, 0]).unwrap();
        assert_eq!((slot_of(last), generation_of(last)), (slot, u32::MAX));
        table.retire(last).unwrap();
        let next = insert(&mut table, [0, 0]).unwrap();
        assert_ne!(slot_of(next), slot);
        assert!(table.get(last).is_err());
        table.retire(next).unwrap();
    }
}
