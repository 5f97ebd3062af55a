//! Implements the table of handles: slots with generations, and the tree of parents and children.
//!
//! One lock guards the table. Only opening, closing and a thread's first use of a handle take it. Whether a handle is
//! open is read without the lock, from the slot's word, which holds the handle's id while the handle is open.
//!
//! `crates/model` compiles this file with a model checker's locks, and checks every interleaving of its steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::memory::{self, NoMemory, TryGrow};
use crate::platform::fork;
use crate::platform::sync::atomic::{AtomicU64, Ordering};
use crate::platform::sync::{Mutex, MutexGuard, OnceLock};

/// The layout of an id, from the highest bit: 32 bits of generation, 3 of kind, 29 of slot.
const SLOT_BITS: u32 = 29;
const GENERATION_SHIFT: u32 = 32;

pub(super) const fn pack(slot: usize, kind: u8, generation: u32) -> u64 {
    ((generation as u64) << GENERATION_SHIFT) | ((kind as u64) << SLOT_BITS) | slot as u64
}

/// Returns the slot in an id. Numbers that are not ids yield a slot too.
pub(super) const fn slot_of(id: u64) -> usize {
    (id & ((1 << SLOT_BITS) - 1)) as usize
}

pub(super) const fn generation_of(id: u64) -> u32 {
    (id >> GENERATION_SHIFT) as u32
}

/// Returns the kind in an id.
pub(super) const fn kind_of(id: u64) -> u8 {
    ((id >> SLOT_BITS) & 0b111) as u8
}

/// The word of a slot, which look-ups read. It has its own cache line, so that opening and closing neighbouring
/// handles, such as iterators in a loop, does not slow down threads that only read.
#[repr(align(64))]
pub(super) struct Word(AtomicU64);

/// A chunk of words, which never moves. The first chunk has `FIRST` words, and each later one twice as many as the one
/// before.
pub(super) type Chunk = OnceLock<Box<[Word]>>;

const FIRST_CHUNK: usize = 64;
pub(super) const CHUNKS: usize = 23;

/// The handles of objects of one type.
pub(super) struct Table<T, const FIRST: usize = FIRST_CHUNK, const MANY: usize = CHUNKS> {
    chunks: [Chunk; MANY],
    records: Mutex<Slots<T>>,
}

/// The part of the table behind the lock.
pub(super) struct Slots<T> {
    all: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Handles that callers also know by their own numbers.
    numbered: BTreeMap<u64, u64>,
}

/// The state of a slot.
struct Slot<T> {
    /// The slot's current handle, or its last one.
    id: u64,
    /// The process that opened the handle.
    process: u64,
    object: Option<T>,
    number: Option<u64>,
    parents: [u64; 2],
    children: BTreeSet<u64>,
}

/// The reason why the table refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The number was never a handle.
    Unknown(u64),
    /// The handle is closed.
    Closed(u64),
    /// The parent of this process opened the handle before the fork.
    Inherited(u64),
    /// All slots are in use, by this many open handles.
    Full(usize),
    NoMemory(NoMemory),
}

impl From<NoMemory> for Refusal {
    fn from(none: NoMemory) -> Self {
        Self::NoMemory(none)
    }
}

/// A retired handle and its object.
pub(super) type Retired<T> = (u64, T);

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new(), numbered: BTreeMap::new() }
    }
}

impl<T, const FIRST: usize, const MANY: usize> Table<T, FIRST, MANY> {
    pub(super) const SLOTS: usize = FIRST * ((1 << MANY) - 1);

    /// Makes a table of empty parts, which the caller constructs: the model checker's types have no constant
    /// constructors.
    pub(super) const fn over(chunks: [Chunk; MANY], records: Mutex<Slots<T>>) -> Self {
        const { assert!(FIRST.is_power_of_two() && Self::SLOTS <= 1 << SLOT_BITS) };
        Self { chunks, records }
    }

    /// Returns the chunk of a slot, and the index in that chunk.
    pub(super) const fn place(slot: usize) -> (usize, usize) {
        let from_one = slot + FIRST;
        let chunk = (from_one.ilog2() - FIRST.ilog2()) as usize;
        (chunk, from_one - (FIRST << chunk))
    }

    /// Returns the word of a slot, or `None` if the slot has never been used.
    #[inline]
    pub(super) fn word(&self, slot: usize) -> Option<&AtomicU64> {
        let (chunk, at) = Self::place(slot);
        self.chunks.get(chunk)?.get()?.get(at).map(|word| &word.0)
    }

    /// Returns true if the handle, which an earlier `get` found, is still open as far as this thread can see. Takes no
    /// lock and writes nothing.
    #[inline]
    pub(super) fn is_live(&self, id: u64) -> bool {
        // Acquire pairs with the Release of the thread that closed it or reused its slot.
        self.word(slot_of(id)).is_some_and(|word| word.load(Ordering::Acquire) == id)
    }

    /// Takes the table's lock. Slow code and code of other modules must not run under it.
    pub(super) fn lock(&self) -> Locked<'_, T, FIRST, MANY> {
        Locked { table: self, records: self.records.lock() }
    }
}

/// The table while its lock is held.
pub(super) struct Locked<'a, T, const FIRST: usize = FIRST_CHUNK, const MANY: usize = CHUNKS> {
    table: &'a Table<T, FIRST, MANY>,
    records: MutexGuard<'a, Slots<T>>,
}

impl<T, const FIRST: usize, const MANY: usize> Locked<'_, T, FIRST, MANY> {
    /// Creates a handle for an object. Retiring any of its parents retires it too. A parent of 0 means no parent.
    ///
    /// On failure it also returns the object, so that the caller can release it outside of the lock.
    pub(super) fn insert(
        &mut self,
        kind: u8,
        object: T,
        number: Option<u64>,
        parents: [u64; 2],
    ) -> Result<u64, (Refusal, T)> {
        // A parent may have been closed since the caller looked it up.
        let checked = parents.into_iter().filter(|id| *id != 0).try_for_each(|id| self.get(id).map(|_| ()));
        let slot = match checked.and_then(|()| self.free_slot()) {
            Ok(slot) => slot,
            Err(refusal) => return Err((refusal, object)),
        };
        let records = &mut *self.records;
        let record = &mut records.all[slot];
        let id = pack(slot, kind, generation_of(record.id) + 1);
        let (process, children) = (fork::process(), BTreeSet::new());
        *record = Slot { id, process, object: Some(object), number, parents, children };
        for parent in parents.into_iter().filter(|id| *id != 0) {
            records.all[slot_of(parent)].children.insert(id);
        }
        if let Some(number) = number {
            records.numbered.insert(number, id);
        }
        if let Some(word) = self.table.word(slot) {
            word.store(id, Ordering::Release);
        }
        Ok(id)
    }

    fn free_slot(&mut self) -> Result<usize, Refusal> {
        match self.records.free.pop() {
            Some(slot) => Ok(slot as usize),
            None => self.new_slot(),
        }
    }

    fn new_slot(&mut self) -> Result<usize, Refusal> {
        let Slots { all, free, .. } = &mut *self.records;
        let slot = all.len();
        if slot >= Table::<T, FIRST, MANY>::SLOTS {
            return Err(Refusal::Full(slot));
        }
        let (chunk, _) = Table::<T, FIRST, MANY>::place(slot);
        // Reserved first, so that closing a handle never allocates.
        all.try_room(1)?;
        free.try_room(slot + 1 - free.len())?;
        if self.table.chunks[chunk].get().is_none() {
            let mut words = memory::room_for(FIRST << chunk)?;
            words.resize_with(FIRST << chunk, || Word(AtomicU64::new(0)));
            // Set only under the table's lock.
            self.table.chunks[chunk].get_or_init(|| words.into_boxed_slice());
        }
        // Generation 0: the first handle has generation 1, so that no id is ever 0.
        all.push(Slot {
            id: 0,
            process: 0,
            object: None,
            number: None,
            parents: [0; 2],
            children: BTreeSet::new(),
        });
        Ok(slot)
    }

    /// Returns the object of an open handle.
    pub(super) fn get(&self, id: u64) -> Result<&T, Refusal> {
        let object = self.get_or_inherited(id)?;
        let record = &self.records.all[slot_of(id)];
        if record.process == fork::process() { Ok(object) } else { Err(Refusal::Inherited(id)) }
    }

    /// Returns the object of a handle that is open, or that was open when this process was forked.
    pub(super) fn get_or_inherited(&self, id: u64) -> Result<&T, Refusal> {
        let Some(record) = self.records.all.get(slot_of(id)) else { return Err(Refusal::Unknown(id)) };
        if record.id != id || id == 0 {
            let issued = generation_of(id) != 0 && generation_of(id) < generation_of(record.id);
            return Err(if issued { Refusal::Closed(id) } else { Refusal::Unknown(id) });
        }
        record.object.as_ref().ok_or(Refusal::Closed(id))
    }

    /// Returns the handle that was inserted with a number, or `None` if there is no such handle.
    pub(super) fn numbered(&self, number: u64) -> Option<u64> {
        self.records.numbered.get(&number).copied()
    }

    /// Retires a handle, unless there are handles below it: then it returns `Ok(None)`.
    pub(super) fn retire_childless(&mut self, id: u64) -> Result<Option<T>, Refusal> {
        self.get(id)?;
        let has_children = !self.records.all[slot_of(id)].children.is_empty();
        Ok(if has_children { None } else { self.vacate(id) })
    }

    /// Retires a handle and all handles below it: from now on they are closed.
    ///
    /// Returns their objects, children before parents, so that the caller can release them outside of the lock.
    pub(super) fn retire(&mut self, id: u64) -> Result<Vec<Retired<T>>, Refusal> {
        self.get(id)?;
        let mut order = memory::room_for(1)?;
        order.push(id);
        let mut seen = BTreeSet::from([id]);
        let mut next = 0;
        while next < order.len() {
            let children = &self.records.all[slot_of(order[next])].children;
            order.try_room(children.len())?;
            order.extend(children.iter().filter(|child| seen.insert(**child)));
            next += 1;
        }
        let mut retired = memory::room_for(order.len())?;
        for id in order.into_iter().rev() {
            if let Some(object) = self.vacate(id) {
                retired.push((id, object));
            }
        }
        Ok(retired)
    }

    fn vacate(&mut self, id: u64) -> Option<T> {
        let slot = slot_of(id);
        if let Some(word) = self.table.word(slot) {
            word.store(0, Ordering::Release);
        }
        let records = &mut *self.records;
        let record = &mut records.all[slot];
        let object = record.object.take();
        let number = record.number.take();
        record.children = BTreeSet::new();
        // Its other parents must forget it, since another handle will reuse its slot.
        for parent in std::mem::take(&mut record.parents).into_iter().filter(|id| *id != 0) {
            records.all[slot_of(parent)].children.remove(&id);
        }
        if let Some(number) = number {
            records.numbered.remove(&number);
        }
        // Generations do not repeat: a slot that has used all of them is retired for good.
        if generation_of(id) != u32::MAX {
            #[expect(clippy::cast_possible_truncation, reason = "slots are fewer than 2^29")]
            records.free.push(slot as u32);
        }
        object
    }

    /// Moves a slot's last handle to a later generation.
    #[cfg(test)]
    pub(super) fn age(&mut self, slot: usize, generation: u32) {
        let record = &mut self.records.all[slot];
        record.id = pack(slot, kind_of(record.id), generation);
    }
}
