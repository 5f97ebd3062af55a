//! How the memory map grows.
//!
//! It grows in the process's turn to write, with every call of the process stopped. Before a write begins, it
//! grows ahead where less than a quarter is free; what finds it full all the same is undone, and run again
//! after growth. What another process has written beyond this one's map is followed the same way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::address_space::can_reserve;
use super::{Engine, Stopped};
use crate::engine::Wait;
use crate::engine::lmdb::write::turn::{Turn, patience};
use crate::error::{Error, Result, Status};
use crate::platform::system::{limit, page_size};

/// The error where a snapshot has lent addresses in the map.
#[cold]
fn pinned(own: bool) -> Error {
    let whose = if own { "this" } else { "another" };
    Error::new(
        Status::MapBusy,
        format!(
            "the memory map must grow, but a snapshot of {whose} thread has lent references into it; end that first"
        ),
    )
}

impl Engine {
    /// The size of a page, where each lies in the map at a multiple of it: the map begins at one of the system's.
    pub(super) fn aligned_pages(&self) -> Option<usize> {
        let size = usize::try_from(self.page_size).ok()?;
        (size.is_power_of_two() && page_size().is_multiple_of(size)).then_some(size)
    }

    /// Bytes of the map, and bytes of it that pages were given out in.
    pub(super) fn map_and_used(&self) -> (u64, u64) {
        let info = self.env.info();
        let used = (info.me_last_pgno as u64 + 1).saturating_mul(self.page_size);
        (info.me_mapsize as u64, used)
    }

    /// Grows before a write begins: to what an earlier one found missing, or where less than a quarter is free.
    pub(super) fn grow_ahead(&self, turn: &Turn, deadline: Option<Instant>) -> Result<()> {
        let (map, used) = self.map_and_used();
        if let Some(limit) = limit(libc::RLIMIT_FSIZE)
            && limit < map
        {
            return self.shrink(turn, limit, deadline);
        }
        let wanted = self.wanted_map.load(Ordering::Relaxed);
        if wanted > map {
            let grown = self.grow(turn, wanted, deadline);
            // Told once: a smaller write may fit yet.
            self.wanted_map.store(0, Ordering::Relaxed);
            return grown;
        }
        if used > map - map / 4 {
            // There is room yet: not worth waiting for, nor failing.
            return match self.grow(turn, map.saturating_mul(2), Some(Instant::now())) {
                Err(error)
                    if matches!(error.status(), Status::MapBusy | Status::NoMemory | Status::DiskFull) =>
                {
                    Ok(())
                }
                grown => grown,
            };
        }
        Ok(())
    }

    /// Makes the map as small as the limit on file sizes, which was lowered: a write past the limit is a signal
    /// that ends the process.
    #[cold]
    fn shrink(&self, turn: &Turn, limit: u64, deadline: Option<Instant>) -> Result<()> {
        let used = self.map_and_used().1;
        let size = usize::try_from(limit).unwrap_or(usize::MAX / 2) / page_size() * page_size();
        if used > size as u64 {
            return Err(Error::new(
                Status::DiskFull,
                format!(
                    "the data file has {used} bytes, more than the limit of {limit} allows (see ulimit -f), and \
                     cannot be written"
                ),
            ));
        }
        self.resize(turn, size, deadline)
    }

    /// Grows to what a write found missing.
    pub(super) fn grow_if_wanted(&self, turn: &Turn) -> Result<()> {
        match self.wanted_map.load(Ordering::Relaxed) {
            0 => Ok(()),
            wanted => self.grow(turn, wanted, Some(Instant::now())),
        }
    }

    /// What the map must grow to, now that a write of about `bytes` found it full.
    pub(super) fn want_more(&self, bytes: u64) {
        let (map, used) = self.map_and_used();
        let wanted = map.saturating_mul(2).max(used.saturating_add(bytes.saturating_mul(2)));
        self.wanted_map.fetch_max(wanted, Ordering::Relaxed);
    }

    /// Grows the map to at least a size. Waits until `deadline` for snapshots that have lent references.
    pub(super) fn grow(&self, turn: &Turn, size: u64, deadline: Option<Instant>) -> Result<()> {
        let size = self.allowed(size)?;
        self.resize(turn, size, deadline)
    }

    fn resize(&self, _turn: &Turn, size: usize, deadline: Option<Instant>) -> Result<()> {
        let no_copy = self.copies.write(deadline);
        if no_copy.is_none() {
            return Err(Error::new(
                Status::MapBusy,
                "the memory map must grow, but a compacting copy of the environment is reading it; write again \
                 when that is done",
            ));
        }
        self.seats.stop(deadline, pinned, |stopped| self.remap(size, stopped))
    }

    fn remap(&self, size: usize, stopped: &Stopped<'_, '_>) -> Result<()> {
        // Asked before: LMDB unmaps first, and a map that then fails cannot be undone.
        let mut granted = size;
        while !can_reserve(granted) {
            granted -= granted / 8;
            if (granted as u64) < self.map_and_used().0.saturating_add(1 << 16) {
                return Err(Error::new(
                    Status::NoMemory,
                    format!(
                        "the memory map is full and cannot grow to {size} bytes: the process's address space is \
                         used up (see ulimit -v)"
                    ),
                ));
            }
            granted = granted.next_multiple_of(page_size());
        }
        // A snapshot that reads collections without numbers goes on doing so, whatever the system can tell then.
        let snapshot = stopped.snapshots().next();
        let place = snapshot.and_then(|snapshot| snapshot.txn().place_of_first());
        let resized = self.env.resize(granted);
        if let (Ok(()), Some(snapshot), Some(place)) = (&resized, snapshot, place) {
            snapshot.txn().find_pages_again(place);
        }
        self.wanted_map.store(0, Ordering::Relaxed);
        if let Err(code) = resized {
            self.fail();
            return Err(Error::new(
                Status::EnvFailed,
                format!("the memory map could not be created again: {}; reopen the environment", code.text()),
            ));
        }
        Ok(())
    }

    /// A size as the limit on file sizes allows it: writing past that is a signal that ends the process.
    fn allowed(&self, size: u64) -> Result<usize> {
        let map = self.map_and_used().0;
        let size = limit(libc::RLIMIT_FSIZE).map_or(size, |limit| size.min(limit));
        let size = usize::try_from(size).unwrap_or(usize::MAX / 2) / page_size() * page_size();
        if size as u64 <= map {
            return Err(Error::new(
                Status::DiskFull,
                format!("the data file may not grow beyond {map} bytes (see ulimit -f); nothing was written"),
            ));
        }
        Ok(size)
    }

    /// Makes room for what another process has written beyond this one's map. In no call of the thread's seat.
    pub(crate) fn follow_growth(self: &Arc<Self>) -> Result<()> {
        let turn = Turn::take(self, patience(Wait::Default))?;
        self.follow_growth_under(&turn)
    }

    /// The same in the process's turn to write.
    pub(super) fn follow_growth_under(&self, turn: &Turn) -> Result<()> {
        let (map, used) = self.map_and_used();
        if used <= map {
            return Ok(());
        }
        let deadline = self.deadline(patience(Wait::Default));
        self.grow(turn, used.saturating_add(used / 2).max(map.saturating_mul(2)), deadline)
    }
}
