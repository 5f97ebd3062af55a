//! Reports the figures of an environment: sizes, pages, and readers.

use super::{Engine, txn};
use crate::engine::lmdb::files::data_file::file_size;
use crate::engine::{Figures, ReaderFigures};
use crate::error::Result;
use crate::memory;

/// The format of the data files that this LMDB reads and writes; opening refuses others.
///
/// Source: `MDB_DATA_VERSION` of LMDB 0.9's `mdb.c`, as are the next.
pub(super) const DATA_FORMAT: u32 = 1;

/// The format of its lock files (`MDB_LOCK_VERSION`); opening fails if another process uses another one.
const LOCK_FORMAT: u32 = 2;

impl Engine {
    /// Returns the figures. Runs in a call of a seat, whose snapshot is passed, so that the map stays in place.
    pub(crate) fn figures(&self, snapshot: &txn::Snapshot) -> Result<Figures> {
        let (info, stat) = (self.env.info(), self.env.stat());
        let last_txn = info.me_last_txnid as u64;
        let readers = self.readers()?;
        let oldest_reader_txn = readers.iter().filter_map(|reader| reader.txn).min().unwrap_or(last_txn);
        let free = snapshot.free_pages(oldest_reader_txn)?;
        Ok(Figures {
            map_size: info.me_mapsize as u64,
            file_size: file_size(&self.env)?,
            page_size: u64::from(stat.ms_psize),
            pages_used: (info.me_last_pgno as u64 + 1).saturating_sub(free.all),
            pages_free: free.all,
            // Pages that the last commit itself has freed must wait for the next commit in any case.
            pages_held: if oldest_reader_txn < last_txn { free.since } else { 0 },
            last_txn,
            max_readers: info.me_maxreaders,
            readers: u32::try_from(readers.len()).unwrap_or(u32::MAX),
            oldest_reader_txn,
            data_format: DATA_FORMAT,
            lock_format: if self.settings.immutable { 0 } else { LOCK_FORMAT },
        })
    }

    /// Lists the reader slots in use, of all processes. Runs in a call of a seat, so that the map stays in place.
    pub(crate) fn readers(&self) -> Result<Vec<ReaderFigures>> {
        let slots = self.env.readers().map_err(|code| code.error("listing readers"))?;
        let last = self.env.info().me_last_txnid as u64;
        memory::gather(slots.into_iter().map(|slot| {
            Ok(ReaderFigures {
                process: slot.process,
                thread: slot.thread,
                txn: slot.txn,
                behind: slot.txn.map_or(0, |txn| last.saturating_sub(txn)),
            })
        }))
    }

    /// Frees the reader slots of dead processes and returns their number.
    pub(crate) fn reap_readers(&self) -> Result<u32> {
        self.env.reap_readers().map_err(|code| code.error("reaping readers"))
    }
}
