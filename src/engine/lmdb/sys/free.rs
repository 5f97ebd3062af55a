//! Counts the pages of LMDB's free list.

use lmdb_sys as ffi;

use super::Dbi;
use super::code::Code;
use super::cursor::Go;
use super::txn::Txn;

const FREE: Dbi = 0;

/// Counts of free pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreePages {
    pub all: u64,
    /// Those that the given transaction or a later one has freed.
    pub since: u64,
}

impl Txn {
    /// Returns the number of pages that are free in a snapshot: the lengths of the free list's records, whose keys are
    /// the transactions that freed them.
    pub(crate) fn free_pages(&self, since: u64) -> Result<FreePages, Code> {
        let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |first| usize::from_ne_bytes(*first) as u64);
        let mut cursor = self.cursor(FREE)?;
        let mut pages = FreePages { all: 0, since: 0 };
        let mut go = Go::First;
        while let Some((txn, record)) = cursor.go(go)? {
            go = Go::Next;
            pages.all += word(record);
            pages.since += if word(txn) >= since { word(record) } else { 0 };
        }
        Ok(pages)
    }

    /// Returns an upper bound of the number of pages in the free list, from the pages that the list itself uses.
    pub(crate) fn most_free_pages(&self) -> Result<usize, Code> {
        // SAFETY: MDB_stat is plain numbers, for which all zeros is valid.
        let mut stat = unsafe { std::mem::zeroed::<ffi::MDB_stat>() };
        // SAFETY: the transaction is live, and `stat` a valid destination.
        Code::check(unsafe { ffi::mdb_stat(self.0.as_ptr(), FREE, &raw mut stat) })?;
        let pages = stat.ms_leaf_pages.saturating_add(stat.ms_overflow_pages);
        Ok(pages.saturating_mul(stat.ms_psize as usize / size_of::<usize>()))
    }
}
