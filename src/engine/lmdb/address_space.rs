//! How much address space the map of an environment reserves.

use std::ptr;

use crate::engine::lmdb::sys::Env;
use crate::error::{Error, Result, Status};
use crate::platform::system::{limit, page_size};

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
pub(super) fn grow_alone(env: &Env) -> Result<()> {
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
    env.resize(size).map_err(|code| code.error("resizing the memory map"))
}

/// Whether the address space has room for a map of a size: LMDB, when it fails to map, has unmapped before.
pub(super) fn can_reserve(size: usize) -> bool {
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
    fn a_reservation_that_fails_is_halved() {
        let size = initial_size(Some(1 << 60), 0).unwrap();
        assert!(size < 1 << 60);
        assert!(size >= 1 << 30);
    }
}
