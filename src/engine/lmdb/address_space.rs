//! Decides how much address space the map of an environment reserves.

use std::ptr;

use crate::engine::lmdb::sys::Env;
use crate::error::{Error, Result, Status};
use crate::platform::system::{limit, page_size};

/// The reservation without a limit. The file stays as large as its data: the map is sparse.
const DEFAULT: u64 = 1 << 40;

/// The number of environments of a process with this reservation: on most machines, a process has 128 TiB of addresses.
const LARGE_ONES: usize = 32;
/// The reservation of later environments; it halves each time as many more are open, but never falls below `SMALL`.
const MIDDLE: u64 = 1 << 38;
const MIDDLE_ONES: usize = 128;
const SMALL: u64 = 1 << 30;

/// The smallest useful size.
const LEAST: u64 = 1 << 20;

/// Returns the default for the given number of open environments in the process.
fn default_size(open: usize) -> u64 {
    let halvings = match open.checked_sub(LARGE_ONES) {
        None => return DEFAULT,
        Some(more) => more / MIDDLE_ONES,
    };
    u32::try_from(halvings).ok().and_then(|by| MIDDLE.checked_shr(by)).unwrap_or(0).max(SMALL)
}

/// Returns the map's size at opening: the requested size, or the default. The default is bounded by a quarter of a
/// finite limit on address space, which all environments share, and halved until the process can reserve it. `open` is
/// the number of environments that the process has open.
pub(super) fn initial_size(asked: Option<u64>, open: usize) -> Result<usize> {
    let default = default_size(open);
    let share =
        limit(libc::RLIMIT_AS).map_or(default, |limit| (limit / 4 / (open as u64 + 1)).clamp(LEAST, default));
    let mut size = asked.map_or(share, |size| size.max(LEAST));
    // Writing beyond the file size limit raises a signal that ends the process.
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
        // Few addresses are left, for example in the child of a process with many environments: most stay for the next
        // ones.
        size = (size / 64).next_multiple_of(page_size());
    }
    Ok(size)
}

/// Grows the map for the writes of another process, in an environment that no other thread knows yet.
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

/// Returns true if the address space has room for a map of this size. A failed attempt by LMDB would already have
/// unmapped the old map.
pub(super) fn can_reserve(size: usize) -> bool {
    // SAFETY: a new anonymous mapping at an address of the system's choice affects no existing mapping, and is unmapped
    // at once.
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
