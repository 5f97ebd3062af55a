//! Where LMDB has mapped the data file, which it does not tell.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::platform::mapping;

/// After so many questions the start is worth being looked for, which takes up to some hundred microseconds.
const ENOUGH: u32 = 64;

const NEVER: u32 = u32::MAX;

/// Where the map begins.
#[derive(Default)]
pub(super) struct MapStart {
    /// 0: not known.
    address: AtomicUsize,
    /// How many times it was not known; [`NEVER`]: the system does not tell.
    asked: AtomicU32,
}

impl MapStart {
    /// The address, or 0 if it is not known.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.address.load(Ordering::Relaxed)
    }

    /// The map is about to move.
    pub(super) fn forget(&self) {
        if self.address.swap(0, Ordering::Relaxed) != 0 {
            self.asked.store(ENOUGH, Ordering::Relaxed);
        }
    }

    /// Sets it to where the map is known to begin now.
    pub(super) fn set(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
    }

    /// Counts a question. Returns true if it is worth it to look for the answer.
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

    /// Looks for it, by an address in the map.
    #[cold]
    pub(super) fn find(&self, address: usize) {
        if self.asked.load(Ordering::Relaxed) == NEVER {
            return;
        }
        match mapping::start_of_file(address) {
            Some(start) => self.address.store(start, Ordering::Relaxed),
            None => self.asked.store(NEVER, Ordering::Relaxed),
        }
    }
}
