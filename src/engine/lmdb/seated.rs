//! Implements the engine's part of the seats of threads.

use std::sync::Arc;

use crate::engine::Wait;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::txn::slots::{Aside, Begin, Outside};
use crate::engine::lmdb::txn::{Snapshot, WriteTxn};
use crate::engine::lmdb::write::begin::begin_write;
use crate::engine::threads::seat::Seat;
use crate::engine::threads::seats::{Mine, Seats, thread_local_seats};
use crate::engine::threads::{self, Begun, Seated};
use crate::error::Result;

/// The number of attempts to begin a snapshot while other processes add names.
const AT_MOST: u32 = 5;

thread_local_seats!(Engine);

impl Seated for Engine {
    type Snapshot = Snapshot;
    type WriteTxn = WriteTxn;
    type Reader<'c> = Reader<'c>;
    type Outside = Outside;
    type Held<'e> = Option<Aside<'e>>;

    fn seats(&self) -> &Seats<Self> {
        &self.seats
    }

    #[inline]
    fn with_mine<R>(f: impl FnMut(&Mine<Self>) -> R) -> Result<R> {
        with_mine(f)
    }

    #[inline]
    fn renew(self: &Arc<Self>, pooled: &mut Option<Snapshot>) -> Result<(), Begin> {
        match pooled {
            Some(snapshot) => snapshot.renew(self),
            None => Snapshot::begin(self).map(|snapshot| *pooled = Some(snapshot)),
        }
    }

    #[cold]
    fn begin_outside(self: &Arc<Self>, why: Outside) -> Result<Begun<Snapshot, Option<Aside<'_>>>> {
        match why {
            Outside::Resized => {
                self.follow_growth()?;
                self.check_usable()?;
                Ok(Begun { snapshot: None, held: None })
            }
            Outside::NoSlot => {
                let Begun { snapshot, held } = self.newest()?;
                Ok(Begun { snapshot, held: Some(held) })
            }
        }
    }

    fn check_before_keeping(&self) -> Result<()> {
        self.look_at_files()
    }

    #[inline]
    fn reader_of_snapshot<'c>(self: &'c Arc<Self>, snapshot: &'c mut Snapshot, lasting: bool) -> Reader<'c> {
        Reader::of_snapshot(self, snapshot, lasting)
    }

    #[inline]
    fn reader_of_write<'c>(self: &'c Arc<Self>, txn: &'c mut WriteTxn) -> Reader<'c> {
        Reader::of_write(self, txn)
    }

    fn begin_snapshot(self: &Arc<Self>, seat: &Seat<Self>) -> Result<u64> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let begun = seat.call(|call| {
                let wanted = self.not_open(&mut call.reader()?)?;
                if !wanted.is_empty() && attempt < AT_MOST {
                    return Ok(Err(wanted));
                }
                // Keeps the same snapshot that was checked: another process may add names at any moment.
                call.push_snapshot().map(Ok)
            })?;
            let wanted = match begun {
                Ok(level) => return Ok(level),
                Err(wanted) => wanted,
            };
            if !self.open_ahead(wanted)? {
                // No further name can be opened now: the next attempt is the last one.
                attempt = AT_MOST - 1;
            }
        }
    }

    fn begin_write(self: &Arc<Self>, wait: Wait, synced: bool) -> Result<Box<WriteTxn>> {
        if self.has_dropped_many() {
            self.reclaim(wait)?;
        }
        begin_write(self, wait, synced)
    }
}

impl threads::Snapshot for Snapshot {
    #[inline]
    fn reset(&mut self) {
        Snapshot::reset(self);
    }

    fn recycle(&mut self) {
        Snapshot::recycle(self);
    }

    fn is_pinned(&self) -> bool {
        Snapshot::is_pinned(self)
    }
}

impl threads::WriteTxn for WriteTxn {
    fn begin_savepoint(&mut self) -> Result<()> {
        WriteTxn::begin_savepoint(self)
    }

    fn commit_savepoint(&mut self) -> Result<()> {
        WriteTxn::commit_savepoint(self)
    }

    fn abort_savepoint(&mut self) {
        WriteTxn::abort_savepoint(self);
    }

    fn check_usable(&self) -> Result<()> {
        WriteTxn::check_usable(self)
    }

    fn commit(self) -> Result<()> {
        WriteTxn::commit(self)
    }

    fn abort(self) {
        WriteTxn::abort(self);
    }
}
