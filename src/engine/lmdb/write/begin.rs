//! Begins explicit write transactions, and opens spaces ahead of transactions that cannot open them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::engine::Wait;
use crate::engine::lmdb::txn::WriteTxn;
use crate::engine::lmdb::txn::numbers::OPENED_AHEAD;
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::write::turn::{Turn, WriteLock, patience};
use crate::engine::lmdb::{Engine, Space};
use crate::error::{Result, Status};
use crate::memory::TryGrow;

/// Begins an explicit write transaction; one that is not `synced` does not wait for stable storage at its commit.
pub(crate) fn begin_write(engine: &Arc<Engine>, wait: Wait, synced: bool) -> Result<Box<WriteTxn>> {
    let deadline = engine.deadline(wait);
    // The caller's timeout counts from here.
    deadline.moment();
    let write_lock = Arc::new(WriteLock::take_until(engine, &deadline)?);
    engine.grow_ahead(write_lock.turn(), &deadline)?;
    engine.make_room_for(engine.settings.max_collections, write_lock.turn())?;
    let mut txn = Box::new(WriteTxn::begin(&write_lock, synced)?);
    // During the transaction no other thread can open a collection for the process, so they are opened before.
    let sequence = Reader::of_write(engine, &mut txn).sequence()?;
    if sequence.is_none() || sequence != engine.opened_ahead() {
        txn.abort();
        engine.open_first(write_lock.turn())?;
        engine.know_opened(sequence);
        txn = Box::new(WriteTxn::begin(&write_lock, synced)?);
    }
    Ok(txn)
}

impl Engine {
    /// Opens a space for this process, such that a snapshot with this `horizon` can use it. Returns `Ok(false)` if it
    /// does not exist.
    pub(crate) fn open_space(
        self: &Arc<Self>,
        space: &Arc<Space>,
        horizon: Option<u32>,
        wait: Wait,
    ) -> Result<bool> {
        if space.db(horizon.unwrap_or(u32::MAX)).is_some() {
            return Ok(true);
        }
        let turn = Turn::take(self, patience(wait))?;
        self.open_in_working_set(space, horizon, &turn)
    }

    /// Returns the catalog's sequence number at which the first names were opened ahead, or `None` if they were not.
    fn opened_ahead(&self) -> Option<u64> {
        self.opened_ahead.load(Ordering::Relaxed).checked_sub(1)
    }

    fn know_opened(&self, sequence: Option<u64>) {
        self.opened_ahead.store(sequence.map_or(0, |sequence| sequence + 1), Ordering::Relaxed);
    }

    /// Returns the spaces that a new snapshot may read and that are not open yet: the first names that `reader` sees,
    /// unless they were opened ahead before.
    pub(crate) fn not_open(&self, reader: &mut Reader<'_>) -> Result<Vec<Arc<Space>>> {
        let sequence = reader.sequence()?;
        if sequence.is_some() && sequence == self.opened_ahead() {
            return Ok(Vec::new());
        }
        let wanted = self.first_not_open(reader)?;
        if wanted.is_empty() {
            self.know_opened(sequence);
        }
        Ok(wanted)
    }

    fn first_not_open(&self, reader: &Reader<'_>) -> Result<Vec<Arc<Space>>> {
        let mut wanted = Vec::new();
        // Every use of a collection reads the catalog, whose name may come after many others.
        let catalog = self.spaces.catalog();
        if catalog.db(u32::MAX).is_none() && reader.named(catalog.as_str())?.is_some() {
            wanted.try_push(Arc::clone(catalog))?;
        }
        for name in reader.first_numbered(OPENED_AHEAD as usize)? {
            let Ok(name) = String::from_utf8(name) else { continue };
            let space = self.spaces.named(&name)?;
            if space.db(u32::MAX).is_none() && self.spaces.counts(&space) {
                wanted.try_push(space)?;
            }
        }
        Ok(wanted)
    }

    /// Opens spaces for a snapshot that is about to begin, since it cannot use spaces that are opened later. Never
    /// waits, since a snapshot must not. Must not run inside a call of the thread's seat.
    ///
    /// Returns true if it has opened any.
    pub(crate) fn open_ahead(self: &Arc<Self>, wanted: Vec<Arc<Space>>) -> Result<bool> {
        let Ok(turn) = Turn::take(self, Wait::For(Duration::ZERO)) else { return Ok(false) };
        let horizon = self.spaces.horizon();
        self.open_spaces(wanted, &turn)?;
        Ok(self.spaces.horizon() != horizon)
    }

    /// Opens the first existing spaces, in the process's turn to write.
    fn open_first(&self, turn: &Turn) -> Result<()> {
        let mut newest = self.newest()?;
        // Without a snapshot, another program is writing: the spaces are opened when they are used.
        let Some(snapshot) = &mut newest.snapshot else { return Ok(()) };
        let wanted = self.first_not_open(&Reader::of_snapshot(self, snapshot, false))?;
        drop(newest);
        self.open_spaces(wanted, turn)
    }

    fn open_spaces(&self, wanted: Vec<Arc<Space>>, turn: &Turn) -> Result<()> {
        self.working_set.make_room(u32::try_from(wanted.len()).unwrap_or(u32::MAX).min(OPENED_AHEAD));
        for space in wanted {
            if self.spaces.open_count() >= OPENED_AHEAD && self.spaces.counts(&space) {
                break;
            }
            match self.open_in_working_set(&space, None, turn) {
                Ok(_) => {}
                Err(error) if error.status() == Status::CollectionsFull => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
