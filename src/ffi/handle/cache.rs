//! Caches the handles that a thread used last, so that the thread finds them without the table's lock.
//!
//! `crates/model` compiles this file with a model checker's locks, and checks every interleaving of its steps.

use std::mem;
use std::rc::Rc;

use super::table::{Table, slot_of};
use crate::platform::fork;

/// The number of handles that a thread remembers. Handles whose slots differ by a multiple of it share a place.
pub(super) const PLACES: usize = 256;

const GROUP: usize = u64::BITS as usize;
const GROUPS: usize = PLACES / GROUP;

/// The handles that a thread remembers. Each thread has its own reference counts, so that threads that use the same
/// handle do not contend for a shared count.
pub(super) struct Cache<T> {
    /// The process that filled the cache.
    process: u64,
    /// One bit for each filled place, in groups.
    filled: [u64; GROUPS],
    /// The group that is searched for closed handles next.
    turn: usize,
    places: [Option<(u64, Rc<T>)>; PLACES],
}

impl<T> Cache<T> {
    pub(super) const fn new() -> Self {
        Self { process: 0, filled: [0; GROUPS], turn: 0, places: [const { None }; PLACES] }
    }

    /// Returns the object of a handle that the thread remembers and that is still open.
    #[inline]
    pub(super) fn get<const FIRST: usize, const MANY: usize>(
        &self,
        table: &Table<T, FIRST, MANY>,
        id: u64,
    ) -> Option<Rc<T>> {
        let (remembered, object) = self.places[slot_of(id) % PLACES].as_ref()?;
        (*remembered == id && table.is_live(id) && self.process == fork::process()).then(|| Rc::clone(object))
    }

    /// Remembers a handle.
    ///
    /// Returns the objects that the thread forgets: the one that the new handle replaces, and those of closed handles
    /// near it and in another group, so that a thread that uses many handles does not search through all of them each
    /// time. Dropping an object may be slow, and may use the cache.
    #[must_use]
    pub(super) fn remember<const FIRST: usize, const MANY: usize>(
        &mut self,
        table: &Table<T, FIRST, MANY>,
        id: u64,
        object: Rc<T>,
    ) -> Vec<Rc<T>> {
        let at = slot_of(id) % PLACES;
        self.leave_after_fork();
        let mut forgotten = Vec::new();
        self.take_out(table, at / GROUP, Some(at), &mut forgotten);
        self.turn = (self.turn + 1) % GROUPS;
        self.take_out(table, self.turn, None, &mut forgotten);
        self.places[at] = Some((id, object));
        self.filled[at / GROUP] |= 1 << (at % GROUP);
        forgotten
    }

    /// Forgets the handles that were closed, and returns their objects.
    #[must_use]
    pub(super) fn take_closed<const FIRST: usize, const MANY: usize>(
        &mut self,
        table: &Table<T, FIRST, MANY>,
    ) -> Vec<Rc<T>> {
        self.leave_after_fork();
        let mut closed = Vec::new();
        (0..GROUPS).for_each(|group| self.take_out(table, group, None, &mut closed));
        closed
    }

    /// Takes the objects of closed handles out of a group of places, and the one at a place that is wanted.
    fn take_out<const FIRST: usize, const MANY: usize>(
        &mut self,
        table: &Table<T, FIRST, MANY>,
        group: usize,
        wanted: Option<usize>,
        out: &mut Vec<Rc<T>>,
    ) {
        let mut left = self.filled[group];
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            let at = group * GROUP + bit;
            let place = &mut self.places[at];
            if Some(at) == wanted || place.as_ref().is_none_or(|(id, _)| !table.is_live(*id)) {
                out.extend(place.take().map(|(_, object)| object));
                self.filled[group] &= !(1 << bit);
            }
        }
    }

    fn leave_after_fork(&mut self) {
        if self.process != fork::process() {
            self.leave();
        }
    }

    /// Leaks objects that were inherited through `fork`: they belong to the parent.
    fn leave(&mut self) {
        for place in &mut self.places {
            mem::forget(place.take());
        }
        self.filled = [0; GROUPS];
        self.process = fork::process();
    }
}

impl<T> Drop for Cache<T> {
    fn drop(&mut self) {
        if self.process != fork::process() {
            self.leave();
        }
    }
}
