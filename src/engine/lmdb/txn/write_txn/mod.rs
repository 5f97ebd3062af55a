//! Implements a write transaction with its savepoints.

mod apply;

use std::sync::Arc;

use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Code, Dbi, RwTxn};
use crate::engine::lmdb::txn::numbers::{MOST, Numbers, most_numbers};
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::write::turn::WriteLock;
use crate::error::{Error, Result, Status};
use crate::memory::TryGrow;

/// A write transaction with its savepoints. Holds the process's write lock until it is ended or dropped.
pub(crate) struct WriteTxn {
    // Declared before `write_lock`: LMDB's transaction ends first.
    pub(super) txn: RwTxn,
    pub(super) opened: Vec<NewNumber>,
    pub(super) sequence: Option<u64>,
    /// True if this transaction wrote the sequence number, which therefore may still be undone.
    pub(super) sequence_is_own: bool,
    /// The depth of the level that failed; it and the levels inside it can only be undone.
    failed: Option<usize>,
    /// Increases with every write: an iterator that sees the change reads again.
    writes: u64,
    /// A property of the newest state that the caller has verified; forgotten with every change of the catalog.
    pub(super) checked: Option<usize>,
    /// True if its commit waits for stable storage, provided that the environment's durability requires that.
    synced: bool,
    /// The number of bytes of keys and values that were stored, even if the writes were undone.
    stored: u64,
    /// The numbers that it has read or written.
    used: Numbers,
    /// The last number that it used.
    last: Dbi,
    /// The number of collections that it may use.
    most: u32,
    write_lock: Arc<WriteLock>,
}

/// A space whose number is assigned to the process when its level is committed.
pub(super) struct NewNumber {
    pub(super) space: Arc<Space>,
    db: Db,
    pub(super) depth: usize,
}

impl WriteTxn {
    /// Begins a write transaction under the process's write lock.
    #[inline]
    pub(crate) fn begin(write_lock: &Arc<WriteLock>, synced: bool) -> Result<WriteTxn> {
        let txn = write_lock.engine().begin_write(write_lock, synced)?;
        Ok(WriteTxn {
            txn,
            opened: Vec::new(),
            sequence: None,
            sequence_is_own: false,
            failed: None,
            writes: 0,
            checked: None,
            synced,
            stored: 0,
            used: Numbers::default(),
            // Not the number of a collection.
            last: 0,
            most: write_lock.engine().settings.max_collections,
            write_lock: Arc::clone(write_lock),
        })
    }

    /// Makes it a transaction of a group commit: its members are independent, so the limit of one transaction does not
    /// apply.
    pub(crate) fn of_group(mut self) -> Self {
        self.most = u32::MAX;
        self
    }

    pub(crate) fn begin_savepoint(&mut self) -> Result<()> {
        self.check_usable()?;
        let failed = |code: Code| code.error("beginning a transaction inside another");
        let memory = self.memory_of_a_savepoint().map_err(failed)?;
        self.txn.begin_savepoint(memory).map_err(failed)
    }

    /// Returns how much memory LMDB allocates for a savepoint beside lists of fixed sizes: a table of databases, and a
    /// copy of its list of reusable pages. If memory for the second runs out, LMDB 0.9 frees a list twice.
    ///
    /// That list contains pages of the free list and, if large values were stored and removed again, those of their
    /// pages that were new. With its key such a value has more than a quarter of a page, and takes less than two pages
    /// more than that many bytes do.
    fn memory_of_a_savepoint(&self) -> Result<usize, Code> {
        /// The size for one database: its record, a cursor's position and its flags.
        const TABLE: usize = 48 + 8 + 1;
        let engine = self.write_lock.engine();
        let databases = usize::try_from(most_numbers(&engine.settings)).unwrap_or(usize::MAX);
        let stored = usize::try_from(self.stored.saturating_mul(9) / engine.page_size).unwrap_or(usize::MAX);
        let pages = self.txn.most_free_pages()?.saturating_add(stored);
        Ok(databases.saturating_mul(TABLE).saturating_add(pages.saturating_mul(size_of::<usize>())))
    }

    /// Commits the innermost savepoint into the enclosing level.
    pub(crate) fn commit_savepoint(&mut self) -> Result<()> {
        let depth = self.txn.depth();
        if self.failed.is_some() {
            self.abort_savepoint();
            return Err(failed());
        }
        if let Err(code) = self.txn.commit_level() {
            self.failed = Some(depth - 1);
            return Err(code.error("committing a transaction inside another"));
        }
        for opened in self.opened.iter_mut().filter(|opened| opened.depth == depth) {
            opened.depth -= 1;
        }
        Ok(())
    }

    /// Undoes the innermost savepoint.
    pub(crate) fn abort_savepoint(&mut self) {
        let depth = self.txn.depth();
        self.txn.abort_level();
        self.last = 0;
        for opened in self.opened.extract_if(.., |opened| opened.depth >= depth) {
            self.used.remove(opened.db.dbi, self.write_lock.engine().spaces.counts(&opened.space));
        }
        self.failed = self.failed.filter(|failed| *failed < depth);
        self.forget();
        self.writes += 1;
    }

    /// Commits everything; the transaction ends whatever the outcome. Must not run inside a call of the thread's seat.
    pub(crate) fn commit(mut self) -> Result<()> {
        if self.failed.is_some() {
            self.abort();
            return Err(failed());
        }
        debug_assert_eq!(self.txn.depth(), 1);
        let (commit, sequence) = (self.txn.id(), self.sequence);
        if !self.synced {
            self.write_lock.engine().some_is_unsynced();
        }
        if let Err(code) = self.txn.commit_level() {
            let error = self.write_lock.engine().commit_failed(code);
            self.abort();
            return Err(error);
        }
        self.write_lock.engine().announce(commit);
        for opened in self.opened.drain(..) {
            self.write_lock.engine().spaces.publish(&opened.space, opened.db);
        }
        if let Some(sequence) = sequence {
            self.write_lock.engine().know(commit, sequence);
        }
        self.write_lock.engine().watch_commit(self.synced)
    }

    /// Returns the commit on which it is based, or `None` if its catalog may have changed since.
    pub(crate) fn parent(&self) -> Option<u64> {
        (!self.sequence_is_own).then(|| self.txn.id() - 1)
    }

    /// Undoes everything. If the map was full, it grows now, so that a retry of the same work fits. Must not run inside
    /// a call of the thread's seat.
    pub(crate) fn abort(self) {
        let WriteTxn { txn, write_lock, .. } = self;
        drop(txn);
        // If it cannot grow now, the next begin tries again, and reports a failure.
        drop(write_lock.engine().grow_if_wanted(write_lock.turn()));
    }

    /// Returns the number of writes: data that was read before the last one may have changed.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    fn forget(&mut self) {
        self.sequence = None;
        self.checked = None;
    }

    pub(crate) fn check_usable(&self) -> Result<()> {
        if self.failed.is_some() { Err(failed()) } else { Ok(()) }
    }

    fn fail(&mut self, code: Code, doing: &str) -> Error {
        self.failed = self.failed.or(Some(self.txn.depth()));
        self.write_lock.engine().write_failed(code, doing)
    }

    /// Returns true if this is the last database that it used.
    #[inline]
    pub(crate) fn has_used_last(&self, db: Db) -> bool {
        db.dbi == self.last
    }

    pub(crate) fn resolve(&mut self, space: &Arc<Space>) -> Result<Option<Db>> {
        // Every open space of the process is older: spaces are opened under the lock that this transaction holds.
        if let Some(db) = space.db(u32::MAX) {
            if db.dbi != self.last {
                self.uses(space, db)?;
            }
            return Ok(Some(db));
        }
        if let Some(opened) = self.opened.iter().find(|opened| Arc::ptr_eq(&opened.space, space)) {
            return Ok(Some(opened.db));
        }
        self.open(space, 0)
    }

    /// Notes that it uses a space.
    #[cold]
    fn uses(&mut self, space: &Arc<Space>, db: Db) -> Result<()> {
        // A group commit has no limit, and no number is closed during a write transaction.
        if self.most != u32::MAX && !self.used.has(db.dbi) {
            self.write_lock.engine().add_to_used(&mut self.used, self.most, space, db.dbi)?;
        }
        space.touch();
        self.last = db.dbi;
        Ok(())
    }

    fn open(&mut self, space: &Arc<Space>, flags: u32) -> Result<Option<Db>> {
        let explain = |txn: &mut WriteTxn, code: Code| match code.0 {
            lmdb_sys::MDB_DBS_FULL | lmdb_sys::MDB_INCOMPATIBLE => {
                txn.write_lock.engine().spaces.explain(space, code)
            }
            _ => txn.fail(code, "opening a collection"),
        };
        self.opened.try_room(1)?;
        self.write_lock.engine().check_used(&self.used, self.most, space)?;
        let found = self.txn.open_dbi(space.name(), flags);
        let found = found.map_err(|code| explain(self, code))?;
        let Some(dbi) = found else { return Ok(None) };
        let flags = self.txn.flags(dbi);
        let db = Db { dbi, flags: flags.map_err(|code| explain(self, code))? };
        let engine = self.write_lock.engine();
        self.used.add(dbi, engine.spaces.counts(space))?;
        engine.working_set.grows(engine.spaces.was_closed_lately(space, MOST));
        self.opened.push(NewNumber { space: Arc::clone(space), db, depth: self.txn.depth() });
        Ok(Some(db))
    }
}

impl Engine {
    /// Adds a number to those that a transaction has used.
    #[inline]
    fn add_to_used(&self, used: &mut Numbers, most: u32, space: &Space, number: Dbi) -> Result<()> {
        let counts = self.spaces.counts(space);
        if counts && used.count() >= most {
            return Err(self.spaces.too_many(space));
        }
        Ok(used.add(number, counts)?)
    }

    /// Fails if a transaction that has used its maximum number of spaces is to use another one.
    fn check_used(&self, used: &Numbers, most: u32, space: &Space) -> Result<()> {
        if used.count() < most || !self.spaces.counts(space) {
            return Ok(());
        }
        Err(self.spaces.too_many(space))
    }
}

#[cold]
fn failed() -> Error {
    Error::new(Status::TxnFailed, "the transaction has met a failure before and can only be aborted")
}
