//! How much address space the memory map reserves.

use std::ptr;

use crate::error::{Error, Result, Status};

/// What is reserved where nothing limits it. The file stays as large as its data: the map is sparse.
const DEFAULT: u64 = 1 << 40;

/// The least that is worth opening with.
const LEAST: u64 = 1 << 20;

/// The map's size at opening: what was asked for, or the default bounded by a quarter of a finite limit on
/// address space, and halved until the process can have it.
pub(super) fn initial_size(asked: Option<u64>) -> Result<usize> {
    let mut size = match asked {
        Some(size) => size.max(LEAST),
        None => limit(libc::RLIMIT_AS).map_or(DEFAULT, |limit| (limit / 4).clamp(LEAST, DEFAULT)),
    };
    // Writing past the limit on file sizes is a signal that ends the process.
    if let Some(limit) = limit(libc::RLIMIT_FSIZE) {
        size = size.min(limit.max(LEAST));
    }
    let mut size = usize::try_from(size).unwrap_or(usize::MAX / 2).next_multiple_of(page_size());
    while !can_reserve(size) {
        size = (size / 2).next_multiple_of(page_size());
        if (size as u64) < LEAST {
            return Err(Error::new(
                Status::NoMemory,
                "not even 1 MiB of address space could be reserved for the memory map",
            ));
        }
    }
    Ok(size)
}

/// The system's page size, which is that of new data files.
pub(super) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// A finite resource limit.
fn limit(resource: libc::__rlimit_resource_t) -> Option<u64> {
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
        assert_eq!(initial_size(Some(1)).unwrap(), 1 << 20);
        let odd = initial_size(Some((1 << 22) + 1)).unwrap();
        assert_eq!(odd % page_size(), 0);
        assert!(odd > 1 << 22);
    }

    #[test]
    fn what_cannot_be_reserved_is_halved() {
        let size = initial_size(Some(1 << 60)).unwrap();
        assert!(size < 1 << 60);
        assert!(size >= 1 << 30);
    }
}
