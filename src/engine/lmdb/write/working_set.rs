//! Decides which numbers of named databases are open.
//!
//! Each number that was ever assigned costs about a nanosecond at the begin of every transaction, and LMDB compares the
//! names of all at each opening. So only the most recently used names are open, and another name takes the number of
//! one that was not used for a long time. That happens in the process's turn to write, with all calls stopped, and
//! never to a number that a live snapshot has used: LMDB would return the other name's records.
//!
//! A snapshot that has not used a number may use it under its new name, since LMDB looks a name up at a number's first
//! use, but only if the number was open when the snapshot began. So a number changes its name without being closed at
//! any moment when a snapshot could begin, and keeps its age.
//!
//! The set grows if names are reopened soon after they were closed, and stays small if many are used once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine::lmdb::sys::{Code, RoTxn};
use crate::engine::lmdb::txn::numbers::{FEWEST, MOST, Numbers, OPENED_AHEAD, SLACK, most_numbers};
use crate::engine::lmdb::txn::slots::{Begin, Outside};
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::write::turn::Turn;
use crate::engine::lmdb::{Engine, Stopped};
use crate::error::Result;
use crate::memory::NoMemory;

/// How many numbers an autocommitted write may need, which can share its transaction with others.
const AUTOCOMMIT: u32 = 32;

/// The size of the working set. Changed in the process's turn to write.
pub(crate) struct WorkingSet {
    size: AtomicU32,
    /// Increases when a closed name is reopened, and decreases when a new name is opened.
    demand: AtomicU32,
    /// The number of those that could not be closed last time, since snapshots use them.
    kept: AtomicU32,
}

impl Default for WorkingSet {
    fn default() -> Self {
        Self { size: AtomicU32::new(FEWEST), demand: AtomicU32::new(0), kept: AtomicU32::new(0) }
    }
}

impl WorkingSet {
    fn size(&self) -> u32 {
        self.size.load(Ordering::Relaxed)
    }

    /// Grows to at least this many numbers.
    pub(crate) fn make_room(&self, numbers: u32) {
        self.size.fetch_max(numbers.min(MOST), Ordering::Relaxed);
    }

    /// Records whether the name being opened was recently closed. Returns true if the set has grown by one for it.
    pub(crate) fn grows(&self, comes_back: bool) -> bool {
        /// If one name in this many is reopened, the demand stays constant.
        const ONE_IN: u32 = 16;
        const ENOUGH: u32 = 4 * ONE_IN;
        let demand = self.demand.load(Ordering::Relaxed);
        let demand = if comes_back { (demand + ONE_IN).min(2 * ENOUGH) } else { demand.saturating_sub(1) };
        self.demand.store(demand, Ordering::Relaxed);
        let grows = comes_back && demand >= ENOUGH && self.size() < MOST;
        if grows {
            self.size.fetch_add(1, Ordering::Relaxed);
        }
        grows
    }
}

/// Returns the numbers of the spaces that live snapshots have used.
pub(crate) fn used_numbers(stopped: &Stopped<'_, '_>) -> Result<Numbers, NoMemory> {
    let mut numbers = Numbers::default();
    for snapshot in stopped.snapshots() {
        numbers.add_all(snapshot.used())?;
    }
    Ok(numbers)
}

impl Engine {
    /// Returns how many numbers may stay open. Where snapshots read by numbers, they can use only those that were open when
    /// they began, so there are more.
    fn most_open(&self) -> u32 {
        let least = if self.env.never_has_pages() { OPENED_AHEAD } else { FEWEST };
        self.working_set.size().max(least)
    }

    /// Makes sure that an autocommitted write can open the spaces that it may need, and that writes which open many do
    /// not leave all of them open.
    #[inline]
    pub(crate) fn make_room(&self, turn: &Turn) -> Result<()> {
        let least = self.most_open().max(self.working_set.kept.load(Ordering::Relaxed));
        let few = self.spaces.open_count() <= least + SLACK;
        if few { self.make_room_for(AUTOCOMMIT, turn) } else { self.close_unused(turn) }
    }

    /// Makes sure that a write transaction can open that many spaces. In no call of the thread's seat.
    #[inline]
    pub(crate) fn make_room_for(&self, spaces: u32, turn: &Turn) -> Result<()> {
        // One number is the catalog's, which an environment of another program lacks.
        let free = (most_numbers(&self.settings) - 1).saturating_sub(self.spaces.open_count());
        if free >= spaces { Ok(()) } else { self.close_unused(turn) }
    }

    /// Closes numbers until no more are open than the working set allows.
    #[cold]
    fn close_unused(&self, _turn: &Turn) -> Result<()> {
        let aside = self.aside();
        let closed = self.seats.stop_calls(|stopped| {
            let used = used_numbers(stopped)?;
            while self.spaces.open_count() > self.most_open()
                && let Some((_, db)) = self.least_used(None, &used)
            {
                self.env.close_dbi(db.dbi);
            }
            self.spaces.prune();
            self.working_set.kept.store(self.spaces.open_count(), Ordering::Relaxed);
            Ok(())
        });
        drop(aside);
        closed
    }

    /// Opens a space, which takes the number of another one if the working set is full, or for a snapshot, which can
    /// use numbers that were open at its `horizon`. Returns `Ok(false)` if the database does not exist. Must not run
    /// inside a call of the thread's seat.
    pub(crate) fn open_in_working_set(
        &self,
        space: &Arc<Space>,
        horizon: Option<u32>,
        turn: &Turn,
    ) -> Result<bool> {
        loop {
            let aside = self.aside();
            let has_room = self.spaces.open_count() < self.most_open() && horizon.is_none();
            let opened = if has_room || !self.spaces.counts(space) {
                aside.begin(|| self.spaces.open(&self.env, space))?
            } else {
                self.seats.stop_calls(|stopped| self.open_in_place_of_another(space, horizon, stopped))?
            };
            drop(aside);
            match opened {
                Some(found) => return Ok(found),
                None => self.follow_growth_under(turn)?,
            }
        }
    }

    /// Attempts once. Returns `Ok(None)` if another process has outgrown the map.
    #[cold]
    fn open_in_place_of_another(
        &self,
        space: &Arc<Space>,
        horizon: Option<u32>,
        stopped: &mut Stopped<'_, '_>,
    ) -> Result<Option<bool>> {
        if space.db(horizon.unwrap_or(u32::MAX)).is_some() {
            return Ok(Some(true));
        }
        let mut begun = RoTxn::begin(&self.env);
        if matches!(begun, Err(Code(lmdb_sys::MDB_READERS_FULL))) {
            stopped.release_idle();
            begun = RoTxn::begin(&self.env);
        }
        let txn = match begun.map_err(|code| self.not_begun(code)) {
            Ok(txn) => txn,
            Err(Begin::Failed(error)) => return Err(error),
            Err(Begin::Outside(Outside::NoSlot)) => return Err(self.no_slot()),
            Err(Begin::Outside(Outside::Resized)) => return Ok(None),
        };
        let younger = space.db(u32::MAX);
        let used = used_numbers(stopped)?;
        if younger.is_some_and(|db| used.has(db.dbi)) {
            // Its number is one that this snapshot cannot use, and that another snapshot must keep.
            return Ok(Some(true));
        }
        let grows = self.working_set.grows(self.spaces.was_closed_lately(space, MOST));
        let taken = if grows && horizon.is_none() { None } else { self.least_used(horizon, &used) };
        if let Some((_, db)) = taken {
            self.env.close_dbi(db.dbi);
        }
        if let Some(db) = younger {
            self.spaces.forget(space);
            self.env.close_dbi(db.dbi);
        }
        let found = self.spaces.open_in(txn, space, taken)?;
        self.spaces.prune();
        Ok(Some(found))
    }

    /// Takes an open number from the least recently used space: one that was open at the `horizon`, and that no live
    /// snapshot has used. Also returns the count of openings at which it was assigned.
    fn least_used(&self, horizon: Option<u32>, used: &Numbers) -> Option<(u32, Db)> {
        let horizon = horizon.unwrap_or(u32::MAX);
        self.spaces.take_least_used(|when, db| when <= horizon && !used.has(db.dbi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_grows_for_names_that_come_back_and_not_for_many_that_are_used_once() {
        let set = WorkingSet::default();
        for n in 0..10_000 {
            set.grows(n % 20 == 0);
        }
        assert_eq!(set.size(), FEWEST);
        for _ in 0..50 {
            set.grows(true);
        }
        assert_eq!(set.size(), FEWEST + 47);
        for _ in 0..1000 {
            set.grows(true);
        }
        assert_eq!(set.size(), MOST);
        assert!(!set.grows(true));
    }
}
