//! The pages of the data file, where they lie in the map: a snapshot's trees are read there without LMDB.

use std::marker::PhantomData;

use crate::engine::lmdb::layout::page::HEADER;
use crate::engine::lmdb::sys::{Env, Go, MAIN, RoTxn, Txn};

/// The pages that a snapshot can read.
#[derive(Clone, Copy)]
pub(crate) struct Pages<'t> {
    start: *const u8,
    size: usize,
    count: usize,
    txn: PhantomData<&'t Txn>,
}

impl Env {
    /// How many pages lie in the map that a snapshot of now can read.
    pub(crate) fn count_pages(&self, page_size: usize) -> usize {
        let info = self.info();
        info.me_last_pgno.saturating_add(1).min(info.me_mapsize / page_size)
    }

    /// Whether it is known where the pages lie.
    #[inline]
    pub(crate) fn has_pages(&self) -> bool {
        self.start.address() != 0
    }

    /// Counts that it was asked for the pages. Returns true if it is worth it to look for them.
    #[cold]
    pub(crate) fn wants_pages(&self) -> bool {
        self.start.is_worth_it()
    }

    /// Looks for the pages, by a record that LMDB lent of the map.
    #[cold]
    pub(crate) fn find_pages(&self, record: &[u8]) {
        self.start.find(record.as_ptr() as usize);
    }
}

impl RoTxn {
    /// Returns how far behind the first page the first record of the main database lies, or `None` if there is none, or the
    /// place of the pages is not known.
    pub(crate) fn place_of_first(&self) -> Option<usize> {
        let start = self.env.start.address();
        self.first_record()?.checked_sub(start).filter(|_| start != 0)
    }

    /// Finds the pages after the map has moved, by what [`RoTxn::place_of_first`] returned before: a snapshot has its first
    /// record in one place of the file.
    pub(crate) fn find_pages_again(&self, place: usize) {
        if let Some(start) = self.first_record().and_then(|address| address.checked_sub(place)) {
            self.env.start.set(start);
        }
    }

    /// The address of the first record of the main database.
    fn first_record(&self) -> Option<usize> {
        let first = self.cursor(MAIN).ok()?.go(Go::First).ok()?;
        first.map(|(key, _)| key.as_ptr() as usize)
    }

    /// Returns the first `count` pages of the data file, or `None` if it is not known where they lie.
    ///
    /// # Safety
    ///
    /// `count` is no more than [`Env::count_pages`] was in this snapshot or an older one, in the same map or a smaller one,
    /// and `page_size` is that of the environment. The map stays where it is during `'t`: a call is under way.
    #[inline]
    pub(crate) unsafe fn pages(&self, page_size: usize, count: usize) -> Option<Pages<'_>> {
        let start = self.env.start.address();
        (start != 0).then_some(Pages { start: start as *const u8, size: page_size, count, txn: PhantomData })
    }
}

impl<'t> Pages<'t> {
    /// Those of a file in memory.
    #[cfg(all(test, target_os = "linux", not(feature = "memory-engine")))]
    pub(crate) fn over(file: &'t [u8], size: usize) -> Pages<'t> {
        Pages { start: file.as_ptr(), size, count: file.len() / size, txn: PhantomData }
    }

    /// Returns a page, or `None` if there are not so many.
    #[inline]
    pub(crate) fn page(&self, number: u64) -> Option<&'t [u8]> {
        let number = usize::try_from(number).ok().filter(|number| *number < self.count)?;
        // SAFETY: the map has `count` pages from `start` on, which can be read (the contract of `RoTxn::pages`). In a
        // sound file nobody writes those that a tree of the snapshot has.
        Some(unsafe { std::slice::from_raw_parts(self.start.add(number * self.size), self.size) })
    }

    /// Returns the bytes behind the header of a page, which may go on in the pages after it. Returns `None` if there are not
    /// so many.
    pub(crate) fn content(&self, number: u64, size: usize) -> Option<&'t [u8]> {
        let number = usize::try_from(number).ok().filter(|number| *number < self.count)?;
        let room = (self.count - number) * self.size - HEADER;
        // SAFETY: as above; the bytes end where the last page does, at the latest.
        (size <= room)
            .then(|| unsafe { std::slice::from_raw_parts(self.start.add(number * self.size + HEADER), size) })
    }
}
