//! Gives access to the pages of the data file in the map: a snapshot's trees are read there without LMDB.

use std::marker::PhantomData;

use crate::engine::lmdb::layout::page::HEADER;
use crate::engine::lmdb::sys::{Env, Go, MAIN, RoTxn, Txn};

/// The pages that a snapshot can read.
#[derive(Clone, Copy)]
pub(crate) struct Pages<'t> {
    start: *const u8,
    size: usize,
    count: usize,
    /// True if the system does not read ahead.
    single: bool,
    txn: PhantomData<&'t Txn>,
}

impl Env {
    /// Returns the number of pages in the map that a current snapshot can read.
    pub(crate) fn count_pages(&self, page_size: usize) -> usize {
        let info = self.info();
        info.me_last_pgno.saturating_add(1).min(info.me_mapsize / page_size)
    }

    /// Returns true if the system does not report where the pages are, so that LMDB reads all trees.
    pub(crate) fn never_has_pages(&self) -> bool {
        self.start.is_never_known()
    }

    /// Returns true if the address of the pages is known.
    #[inline]
    pub(crate) fn has_pages(&self) -> bool {
        self.start.address() != 0
    }

    /// Counts a request for the pages. Returns true if it is worth finding them now.
    #[cold]
    pub(crate) fn wants_pages(&self) -> bool {
        self.start.is_worth_it()
    }

    /// Finds the pages from the address of a record that LMDB lent.
    #[cold]
    pub(crate) fn find_pages(&self, record: &[u8]) {
        self.start.find(record.as_ptr() as usize);
        self.advise_map();
    }
}

impl RoTxn {
    /// Finds the pages, unless their address is known. The map stays in place.
    pub(crate) fn find_pages(&self) {
        if self.env.start.address() == 0
            && let Some(address) = self.first_record()
        {
            self.env.start.find(address);
            self.env.advise_map();
        }
    }

    /// Returns the offset of the main database's first record from the first page. Returns `None` if the database is
    /// empty, or if the address of the pages is unknown.
    pub(crate) fn place_of_first(&self) -> Option<usize> {
        let start = self.env.start.address();
        self.first_record()?.checked_sub(start).filter(|_| start != 0)
    }

    /// Finds the pages after the map has moved, from the earlier result of [`RoTxn::place_of_first`]: within a
    /// snapshot, the offset of the first record does not change.
    pub(crate) fn find_pages_again(&self, place: usize) {
        if let Some(start) = self.first_record().and_then(|address| address.checked_sub(place)) {
            self.env.start.set(start);
            self.env.advise_map();
        }
    }

    /// Returns the address of the first record of the main database, or `None` if it is empty or unreadable.
    fn first_record(&self) -> Option<usize> {
        let first = self.cursor(MAIN).ok()?.go(Go::First).ok()?;
        first.map(|(key, _)| key.as_ptr() as usize)
    }

    /// Returns the first `count` pages of the data file, or `None` if their address is unknown.
    ///
    /// # Safety
    ///
    /// `count` is at most the result of [`Env::count_pages`] in this snapshot or an older one, in the same map or a
    /// smaller one, and `page_size` is that of the environment. The map does not move during `'t`: a call is in
    /// progress.
    #[inline]
    pub(crate) unsafe fn pages(&self, page_size: usize, count: usize) -> Option<Pages<'_>> {
        let start = self.env.start.address();
        (start != 0).then(|| Pages {
            start: start as *const u8,
            size: page_size,
            count,
            single: self.env.reads_single_pages(),
            txn: PhantomData,
        })
    }
}

impl<'t> Pages<'t> {
    /// Returns the pages of a file in memory.
    #[cfg(all(test, target_os = "linux", not(any(feature = "memory-engine", feature = "no-mapping"))))]
    pub(crate) fn over(file: &'t [u8], size: usize) -> Pages<'t> {
        // With the advice that walks give, so that the tests run through it.
        Pages { start: file.as_ptr(), size, count: file.len() / size, single: true, txn: PhantomData }
    }

    #[inline]
    pub(crate) fn reads_single_pages(&self) -> bool {
        self.single
    }

    /// Returns the number of bytes of a page.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Returns a page, or `None` if its number is too large.
    #[inline]
    pub(crate) fn page(&self, number: u64) -> Option<&'t [u8]> {
        let number = usize::try_from(number).ok().filter(|number| *number < self.count)?;
        // SAFETY: the map has `count` readable pages from `start` on (the contract of `RoTxn::pages`). In a sound file
        // no process writes those that belong to a tree of the snapshot.
        Some(unsafe { std::slice::from_raw_parts(self.start.add(number * self.size), self.size) })
    }

    /// Returns the bytes after the header of a page, which may continue in the following pages. Returns `None` if there
    /// are too few.
    pub(crate) fn content(&self, number: u64, size: usize) -> Option<&'t [u8]> {
        let number = usize::try_from(number).ok().filter(|number| *number < self.count)?;
        let room = (self.count - number) * self.size - HEADER;
        if size > self.size && size <= room {
            self.will_need(number as u64, (HEADER + size).div_ceil(self.size));
        }
        // SAFETY: as above; the bytes end at the end of the last page, at the latest.
        (size <= room)
            .then(|| unsafe { std::slice::from_raw_parts(self.start.add(number * self.size + HEADER), size) })
    }
}
