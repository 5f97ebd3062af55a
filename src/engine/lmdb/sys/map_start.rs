//! Finds the address at which LMDB has mapped the data file, which LMDB does not report.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::platform::mapping;

/// The number of requests after which it is worth finding the address, which takes up to some hundred microseconds.
const ENOUGH: u32 = 64;

const NEVER: u32 = u32::MAX;

/// The address at which the map begins.
pub(super) struct MapStart {
    /// 0 if unknown.
    address: AtomicUsize,
    /// The number of requests while it was unknown, or [`NEVER`] if the system does not report it.
    asked: AtomicU32,
}

impl Default for MapStart {
    fn default() -> Self {
        let asked = if mapping::IS_REPORTED { 0 } else { NEVER };
        Self { address: AtomicUsize::new(0), asked: AtomicU32::new(asked) }
    }
}

impl MapStart {
    /// Returns true if the system does not report it.
    pub(super) fn is_never_known(&self) -> bool {
        self.asked.load(Ordering::Relaxed) == NEVER
    }

    /// Returns the address, or 0 if it is unknown.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.address.load(Ordering::Relaxed)
    }

    /// Forgets the address, since the map is about to move.
    pub(super) fn forget(&self) {
        if self.address.swap(0, Ordering::Relaxed) != 0 {
            self.asked.store(ENOUGH, Ordering::Relaxed);
        }
    }

    /// Stores the address at which the map now begins.
    pub(super) fn set(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
    }

    /// Counts a request. Returns true if it is worth finding the address now.
    #[cold]
    pub(super) fn is_worth_it(&self) -> bool {
        match self.asked.load(Ordering::Relaxed) {
            NEVER => false,
            ENOUGH.. => true,
            _ => {
                self.asked.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Finds the start from an address in the map.
    #[cold]
    pub(super) fn find(&self, address: usize) {
        if self.is_never_known() {
            return;
        }
        match mapping::start_of_file(address) {
            Some(start) => self.address.store(start, Ordering::Relaxed),
            None => self.asked.store(NEVER, Ordering::Relaxed),
        }
    }
}
