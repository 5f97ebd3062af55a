//! Chooses whether the system reads ahead when a page of the map is missing.
//!
//! By default it reads many pages around a missing one, up to megabytes. That helps as long as the data fits into memory.
//! If it does not, most of these pages are dropped again before they are used, so that a get of one record takes as long
//! as a read of all of them. Then the system reads single pages, and walks ask for the pages that they visit next.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::env::Env;
use super::pages::Pages;
use crate::platform::mapping::IS_REPORTED;
use crate::platform::ram;

/// Smaller data fits into any memory.
const LEAST: u64 = 32 << 20;

/// Returns true if so many bytes of data do not fit into memory beside other things. Always returns false where walks
/// could not ask for pages.
#[inline]
pub(crate) fn exceeds_memory(bytes: u64) -> bool {
    /// Half of the memory; the process finds it once.
    static HALF: OnceLock<u64> = OnceLock::new();
    IS_REPORTED
        && bytes > LEAST
        && bytes > *HALF.get_or_init(|| ram::available().map_or(u64::MAX, |memory| memory / 2))
}

/// Gives advice about a part of a map.
fn advise(start: *const u8, len: usize, advice: libc::c_int) {
    // SAFETY: the two kinds of advice that are passed here change when pages are read, and nothing else, wherever they
    // lie. A failure is harmless.
    unsafe { libc::madvise(start.cast_mut().cast(), len, advice) };
}

impl Env {
    /// Makes the system read single pages from now on.
    pub(crate) fn read_single_pages(&self) {
        self.single_pages.store(true, Ordering::Relaxed);
        self.advise_map();
    }

    /// Returns true if the system reads single pages.
    #[inline]
    pub(crate) fn reads_single_pages(&self) -> bool {
        self.single_pages.load(Ordering::Relaxed)
    }

    /// Gives the advice for the whole map, if it is due and the address of the map is known. The map stays in place.
    pub(super) fn advise_map(&self) {
        let start = self.start.address() as *const u8;
        if self.reads_single_pages() && !start.is_null() {
            advise(start, self.info().me_mapsize, libc::MADV_RANDOM);
        }
    }

    /// Lets the system read ahead until the result is dropped: for a walk through all pages. The map stays in place
    /// meanwhile.
    pub(super) fn read_in_order(&self) -> InOrder<'_> {
        let start = self.start.address() as *const u8;
        if self.reads_single_pages() && !start.is_null() {
            advise(start, self.info().me_mapsize, libc::MADV_NORMAL);
        }
        InOrder(self)
    }
}

/// Lets the system read ahead until it is dropped.
pub(super) struct InOrder<'e>(&'e Env);

impl Drop for InOrder<'_> {
    fn drop(&mut self) {
        self.0.advise_map();
    }
}

impl Pages<'_> {
    /// Asks the system to read pages that will be needed soon, if it reads single pages.
    #[inline]
    pub(crate) fn will_need(&self, first: u64, count: usize) {
        if self.reads_single_pages() {
            self.ask_for(first, count);
        }
    }

    #[cold]
    fn ask_for(&self, first: u64, count: usize) {
        let size = self.size();
        if let Some(page) = self.page(first) {
            // The advice must begin at a page of the system, which may be larger.
            let system = crate::platform::system::page_size();
            let before = page.as_ptr() as usize % system;
            advise(
                page.as_ptr().wrapping_sub(before),
                before + count.saturating_mul(size),
                libc::MADV_WILLNEED,
            );
        }
    }
}
