//! The table of handles: slots with generations, and the tree of parents and children.
//!
//! One lock guards it, which only opening, closing and a thread's first use of a handle take. Whether a handle
//! is open is read without the lock, from the slot's word: it holds the handle's id while the handle is open.
//!
//! `crates/model` compiles this file with a model checker's locks, and runs it through every order of steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::memory::{self, NoMemory, TryGrow};
use crate::platform::fork;
use crate::platform::sync::atomic::{AtomicU64, Ordering};
use crate::platform::sync::{Mutex, MutexGuard, OnceLock};

/// An id is, from the top: 32 bits of generation, 3 of kind, 29 of slot.
const SLOT_BITS: u32 = 29;
const GENERATION_SHIFT: u32 = 32;

pub(super) const fn pack(slot: usize, kind: u8, generation: u32) -> u64 {
    ((generation as u64) << GENERATION_SHIFT) | ((kind as u64) << SLOT_BITS) | slot as u64
}

/// Returns the slot that an id names. Any number has one, also one that is not an id.
pub(super) const fn slot_of(id: u64) -> usize {
    (id & ((1 << SLOT_BITS) - 1)) as usize
}

pub(super) const fn generation_of(id: u64) -> u32 {
    (id >> GENERATION_SHIFT) as u32
}

/// Returns the kind that an id names.
pub(super) const fn kind_of(id: u64) -> u8 {
    ((id >> SLOT_BITS) & 0b111) as u8
}

/// The word that look-ups read. It has a cache line of its own: opening and closing handles next to it, such as
/// iterators in a loop, must not slow down threads that only look.
#[repr(align(64))]
pub(super) struct Word(AtomicU64);

/// Words stand in chunks that never move. The first has `FIRST`, and each has twice as many as the one before.
pub(super) type Chunk = OnceLock<Box<[Word]>>;

const FIRST_CHUNK: usize = 64;
pub(super) const CHUNKS: usize = 23;

/// Handles of objects of one type.
pub(super) struct Table<T, const FIRST: usize = FIRST_CHUNK, const MANY: usize = CHUNKS> {
    chunks: [Chunk; MANY],
    records: Mutex<Slots<T>>,
}

/// The part of the table that the lock guards.
pub(super) struct Slots<T> {
    all: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Handles that callers also know by a number of their own.
    numbered: BTreeMap<u64, u64>,
}

/// The state of one slot.
struct Slot<T> {
    /// The handle that has the slot or had it last.
    id: u64,
    /// The process that opened the handle.
    process: u64,
    object: Option<T>,
    number: Option<u64>,
    parents: [u64; 2],
    children: BTreeSet<u64>,
}

/// Why the table refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// This was never a handle.
    Unknown(u64),
    /// This handle is closed.
    Closed(u64),
    /// The parent of this process opened this handle before the fork.
    Inherited(u64),
    /// No slot is left: so many handles are open.
    Full(usize),
    NoMemory(NoMemory),
}

impl From<NoMemory> for Refusal {
    fn from(none: NoMemory) -> Self {
        Self::NoMemory(none)
    }
}

/// A handle that was retired, and its object.
pub(super) type Retired<T> = (u64, T);

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new(), numbered: BTreeMap::new() }
    }
}

impl<T, const FIRST: usize, const MANY: usize> Table<T, FIRST, MANY> {
    pub(super) const SLOTS: usize = FIRST * ((1 << MANY) - 1);

    /// Makes a table of empty parts, which the caller makes: those of the model checker are not constant.
    pub(super) const fn over(chunks: [Chunk; MANY], records: Mutex<Slots<T>>) -> Self {
        const { assert!(FIRST.is_power_of_two() && Self::SLOTS <= 1 << SLOT_BITS) };
        Self { chunks, records }
    }

    /// Returns the chunk of a slot, and its place there.
    pub(super) const fn place(slot: usize) -> (usize, usize) {
        let from_one = slot + FIRST;
        let chunk = (from_one.ilog2() - FIRST.ilog2()) as usize;
        (chunk, from_one - (FIRST << chunk))
    }

    /// Returns the word of a slot, or `None` if the slot has never been in use.
    #[inline]
    pub(super) fn word(&self, slot: usize) -> Option<&AtomicU64> {
        let (chunk, at) = Self::place(slot);
        self.chunks.get(chunk)?.get()?.get(at).map(|word| &word.0)
    }

    /// Returns true if the handle, which `get` has found before, is still open as far as this thread can see. Takes no
    /// lock and writes nothing.
    #[inline]
    pub(super) fn is_live(&self, id: u64) -> bool {
        // Acquire pairs with the Release of the thread that closed it or reused its slot.
        self.word(slot_of(id)).is_some_and(|word| word.load(Ordering::Acquire) == id)
    }

    /// Takes the table's lock. Nothing slow and no code of other modules may run under it.
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
    /// Gives an object a handle, which is retired with any of its parents. A parent of 0 is none.
    ///
    /// On failure it returns the object too, for the caller to release outside the lock.
    pub(super) fn insert(
        &mut self,
        kind: u8,
        object: T,
        number: Option<u64>,
        parents: [u64; 2],
    ) -> Result<u64, (Refusal, T)> {
        // A parent may have been closed since its look-up.
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
        // Room first, so that closing a handle never needs any.
        all.try_room(1)?;
        free.try_room(slot + 1 - free.len())?;
        if self.table.chunks[chunk].get().is_none() {
            let mut words = memory::room_for(FIRST << chunk)?;
            words.resize_with(FIRST << chunk, || Word(AtomicU64::new(0)));
            // Set under the table's lock alone.
            self.table.chunks[chunk].get_or_init(|| words.into_boxed_slice());
        }
        // Generation 0: the first handle has 1, so that no id is ever 0.
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

    /// Returns the object of a handle that is open, or was when this process was forked.
    pub(super) fn get_or_inherited(&self, id: u64) -> Result<&T, Refusal> {
        let Some(record) = self.records.all.get(slot_of(id)) else { return Err(Refusal::Unknown(id)) };
        if record.id != id || id == 0 {
            let issued = generation_of(id) != 0 && generation_of(id) < generation_of(record.id);
            return Err(if issued { Refusal::Closed(id) } else { Refusal::Unknown(id) });
        }
        record.object.as_ref().ok_or(Refusal::Closed(id))
    }

    /// Returns the handle that was inserted with a number.
    pub(super) fn numbered(&self, number: u64) -> Option<u64> {
        self.records.numbered.get(&number).copied()
    }

    /// Retires a handle and all below it: from now on they are closed.
    ///
    /// Returns their objects, children before their parents, for the caller to release outside the lock.
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
        // Its other parents must forget it: its slot will be another handle's.
        for parent in std::mem::take(&mut record.parents).into_iter().filter(|id| *id != 0) {
            records.all[slot_of(parent)].children.remove(&id);
        }
        if let Some(number) = number {
            records.numbered.remove(&number);
        }
        // Generations do not repeat: a slot that has used all of them is never used again.
        if generation_of(id) != u32::MAX {
            #[expect(clippy::cast_possible_truncation, reason = "slots are fewer than 2^29")]
            records.free.push(slot as u32);
        }
        object
    }

    /// Makes a slot's last handle one of a later generation.
    #[cfg(test)]
    pub(super) fn age(&mut self, slot: usize, generation: u32) {
        let record = &mut self.records.all[slot];
        record.id = pack(slot, kind_of(record.id), generation);
    }
}
