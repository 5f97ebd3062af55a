//! Grows the memory map.
//!
//! The map grows in the process's turn to write, with every call of the process stopped. Before a write begins, the map
//! grows ahead if less than a quarter is free; a write that still finds it full is undone, and retried after growth.
//! Growth by another process beyond this process's map is followed the same way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::address_space::can_reserve;
use super::{Engine, Stopped};
use crate::engine::Wait;
use crate::engine::deadline::Deadline;
use crate::engine::lmdb::sys::exceeds_memory;
use crate::engine::lmdb::write::turn::{Turn, patience};
use crate::error::{Error, Result, Status};
use crate::platform::system::{limit, page_size};

/// Returns the error for a snapshot that has lent addresses in the map.
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
    /// Returns the page size if each page lies at a multiple of it in the map: the map begins at a multiple of the
    /// system's page size.
    pub(super) fn aligned_pages(&self) -> Option<usize> {
        let size = usize::try_from(self.page_size).ok()?;
        (size.is_power_of_two() && page_size().is_multiple_of(size)).then_some(size)
    }

    /// Returns the bytes of the map, and the bytes of its allocated pages.
    pub(super) fn map_and_used(&self) -> (u64, u64) {
        let info = self.env.info();
        let used = (info.me_last_pgno as u64 + 1).saturating_mul(self.page_size);
        (info.me_mapsize as u64, used)
    }

    /// Grows before a write begins: to the size that an earlier write needed, or if less than a quarter is free.
    pub(super) fn grow_ahead(&self, turn: &Turn, deadline: &Deadline) -> Result<()> {
        let (map, used) = self.map_and_used();
        self.choose_read_ahead(used);
        if let Some(limit) = limit(libc::RLIMIT_FSIZE)
            && limit < map
        {
            return self.shrink(turn, limit, deadline);
        }
        let wanted = self.wanted_map.load(Ordering::Relaxed);
        if wanted > map {
            let grown = self.grow(turn, wanted, deadline);
            // Reported only once: a smaller write may still fit.
            self.wanted_map.store(0, Ordering::Relaxed);
            return grown;
        }
        if used > map - map / 4 {
            // There is still room: growth is not worth a wait or a failure.
            return match self.grow(turn, map.saturating_mul(2), &Deadline::now()) {
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

    /// Makes the system read single pages once the data does not fit into memory. The map stays in place.
    fn choose_read_ahead(&self, used: u64) {
        if exceeds_memory(used) && !self.env.reads_single_pages() {
            self.env.read_single_pages();
        }
    }

    /// Shrinks the map to the file size limit, which was lowered: a write beyond the limit raises a signal that ends
    /// the process.
    #[cold]
    fn shrink(&self, turn: &Turn, limit: u64, deadline: &Deadline) -> Result<()> {
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

    /// Grows to the size that a write needed.
    pub(super) fn grow_if_wanted(&self, turn: &Turn) -> Result<()> {
        match self.wanted_map.load(Ordering::Relaxed) {
            0 => Ok(()),
            wanted => self.grow(turn, wanted, &Deadline::now()),
        }
    }

    /// Records the size to which the map must grow, after a write of about `bytes` found it full.
    pub(super) fn want_more(&self, bytes: u64) {
        let (map, used) = self.map_and_used();
        let wanted = map.saturating_mul(2).max(used.saturating_add(bytes.saturating_mul(2)));
        self.wanted_map.fetch_max(wanted, Ordering::Relaxed);
    }

    /// Grows the map to at least a size. Waits until `deadline` for snapshots that have lent references.
    pub(super) fn grow(&self, turn: &Turn, size: u64, deadline: &Deadline) -> Result<()> {
        let size = self.allowed(size)?;
        self.resize(turn, size, deadline)
    }

    fn resize(&self, _turn: &Turn, size: usize, deadline: &Deadline) -> Result<()> {
        let no_copy = self.copies.write(deadline.moment());
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
        // Checked in advance: LMDB unmaps first, and a failure to map again cannot be undone.
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
        // Lets a snapshot keep reading collections without numbers, even if the system then reports no map addresses.
        let snapshot = stopped.snapshots().next();
        let place = snapshot.and_then(|snapshot| snapshot.txn().place_of_first());
        let resized = self.env.resize(granted);
        if let (Ok(()), Some(snapshot), Some(place)) = (&resized, snapshot, place) {
            snapshot.txn().find_pages_again(place);
        }
        if resized.is_ok() {
            self.choose_read_ahead(self.map_and_used().1);
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

    /// Limits a size to the file size limit: writing beyond it raises a signal that ends the process.
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

    /// Grows the map for the writes of another process beyond it. Must not run inside a call of the thread's seat.
    pub(crate) fn follow_growth(self: &Arc<Self>) -> Result<()> {
        let turn = Turn::take(self, patience(Wait::Default))?;
        self.follow_growth_under(&turn)
    }

    /// Does the same in the process's turn to write.
    pub(super) fn follow_growth_under(&self, turn: &Turn) -> Result<()> {
        let (map, used) = self.map_and_used();
        if used <= map {
            return Ok(());
        }
        let deadline = self.deadline(patience(Wait::Default));
        self.grow(turn, used.saturating_add(used / 2).max(map.saturating_mul(2)), &deadline)
    }
}
