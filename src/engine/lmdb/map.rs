//! The memory map: how much address space it reserves, and how it grows.
//!
//! It grows in the process's turn to write, with every call of the process stopped. Before a write begins, it
//! grows ahead where less than a quarter is free; what finds it full all the same is undone, and run again
//! after growth. What another process has written beyond this one's map is followed the same way.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Engine;
use super::raw::RawEnv;
use super::seats::Stopped;
use super::writer::{Turn, patience};
use crate::engine::Wait;
use crate::error::{Error, Result, Status};

/// What is reserved where nothing limits it. The file stays as large as its data: the map is sparse.
const DEFAULT: u64 = 1 << 40;

/// How many environments of a process may have that much: a process has 128 TiB of addresses on most machines.
const LARGE_ONES: usize = 32;
/// What those after them have; each time as many more are open, half of it, but no less than `SMALL`.
const MIDDLE: u64 = 1 << 38;
const MIDDLE_ONES: usize = 128;
const SMALL: u64 = 1 << 30;

/// The least that is worth opening with.
const LEAST: u64 = 1 << 20;

/// The default where a number of environments are open in the process.
fn default_size(open: usize) -> u64 {
    let halvings = match open.checked_sub(LARGE_ONES) {
        None => return DEFAULT,
        Some(more) => more / MIDDLE_ONES,
    };
    u32::try_from(halvings).ok().and_then(|by| MIDDLE.checked_shr(by)).unwrap_or(0).max(SMALL)
}

/// The map's size at opening: what was asked for, or the default bounded by a quarter of a finite limit on
/// address space, which all environments share, and halved until the process can have it. `open`: how many environments
/// the process has open.
pub(super) fn initial_size(asked: Option<u64>, open: usize) -> Result<usize> {
    let default = default_size(open);
    let share =
        limit(libc::RLIMIT_AS).map_or(default, |limit| (limit / 4 / (open as u64 + 1)).clamp(LEAST, default));
    let mut size = asked.map_or(share, |size| size.max(LEAST));
    // Writing past the limit on file sizes is a signal that ends the process.
    if let Some(limit) = limit(libc::RLIMIT_FSIZE) {
        size = size.min(limit);
    }
    let mut size =
        usize::try_from(size).unwrap_or(usize::MAX).min(usize::MAX / 2).next_multiple_of(page_size());
    let mut is_short = false;
    while !can_reserve(size) {
        is_short = true;
        size = (size / 2).next_multiple_of(page_size());
        if (size as u64) < LEAST {
            return Err(Error::new(
                Status::NoMemory,
                "not even 1 MiB of address space could be reserved for the memory map",
            ));
        }
    }
    if asked.is_none() && is_short && size as u64 > 64 * LEAST {
        // Few addresses are left, in the child of a process with many environments, say: most stay for the next ones.
        size = (size / 64).next_multiple_of(page_size());
    }
    Ok(size)
}

/// Makes room for what another process has written, in an environment that no other thread knows yet.
pub(super) fn grow_alone(env: &RawEnv) -> Result<()> {
    let info = env.info();
    let used = (info.me_last_pgno + 1).saturating_mul(env.stat().ms_psize as usize);
    let size = used.saturating_add(used / 2).max(info.me_mapsize.saturating_mul(2));
    if !can_reserve(size) {
        return Err(Error::new(
            Status::NoMemory,
            format!(
                "the process's address space has no room for a memory map of {size} bytes (see ulimit -v)"
            ),
        ));
    }
    env.resize(size).map_err(|code| code.error("making the memory map anew"))
}

impl Engine {
    /// The size of a page, where each lies in the map at a multiple of it: the map begins at one of the system's.
    pub(super) fn aligned_pages(&self) -> Option<usize> {
        let size = usize::try_from(self.page_size).ok()?;
        (size.is_power_of_two() && page_size().is_multiple_of(size)).then_some(size)
    }

    /// Bytes of the map, and bytes of it that pages were given out in.
    pub(super) fn map_and_used(&self) -> (u64, u64) {
        let info = self.raw.info();
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
        self.seats.stop(deadline, |stopped| self.remap(size, stopped))
    }

    fn remap(&self, size: usize, _stopped: &Stopped<'_>) -> Result<()> {
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
        let resized = self.raw.resize(granted);
        self.wanted_map.store(0, Ordering::Relaxed);
        if let Err(code) = resized {
            self.fail();
            return Err(Error::new(
                Status::EnvFailed,
                format!("the memory map could not be made anew: {}; open the environment again", code.text()),
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
    pub(super) fn follow_growth(self: &Arc<Self>) -> Result<()> {
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

/// The system's page size, which is that of new data files.
pub(super) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// A finite resource limit.
pub(super) fn limit(resource: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    let rc = unsafe { libc::getrlimit(resource, &raw mut limit) };
    (rc == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Whether the address space has room for a map of a size: LMDB, when it fails to map, has unmapped before.
fn can_reserve(size: usize) -> bool {
    // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing that exists, and is
    // returned at once.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let at = libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0);
        at != libc::MAP_FAILED && libc::munmap(at, size) == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_whole_pages_and_not_too_small() {
        assert_eq!(initial_size(Some(1), 0).unwrap(), 1 << 20);
        let odd = initial_size(Some((1 << 22) + 1), 0).unwrap();
        assert_eq!(odd % page_size(), 0);
        assert!(odd > 1 << 22);
    }

    #[test]
    fn a_thousand_environments_fit_into_the_addresses_of_a_process() {
        let sizes: Vec<u64> = (0..1000).map(default_size).collect();
        assert_eq!(sizes[..LARGE_ONES], [DEFAULT; LARGE_ONES]);
        assert!(sizes.is_sorted_by(|one, next| one >= next));
        assert!(*sizes.last().unwrap() >= SMALL && default_size(usize::MAX) == SMALL);
        assert!(sizes.iter().sum::<u64>() < 100 << 40);
    }

    #[test]
    fn what_cannot_be_reserved_is_halved() {
        let size = initial_size(Some(1 << 60), 0).unwrap();
        assert!(size < 1 << 60);
        assert!(size >= 1 << 30);
    }
}
