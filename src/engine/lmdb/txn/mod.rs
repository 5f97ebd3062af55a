//! Transactions over spaces: snapshots, and write transactions with savepoints and what is written in them.

pub(crate) mod foreign;
pub(crate) mod numbers;
mod order;
pub(crate) mod reader;
pub(crate) mod scan;
pub(crate) mod slots;
pub(crate) mod spaces;
mod tree;

use std::sync::Arc;

use crate::codec;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::SpaceOp;
use crate::engine::lmdb::sys::{Code, Dbi, FreePages, Go, Pages, RoTxn, RwTxn, WriteCursor, reading};
use crate::engine::lmdb::txn::numbers::{MOST, Numbers, most_numbers};
use crate::engine::lmdb::txn::order::Order;
use crate::engine::lmdb::txn::scan::remove_range;
use crate::engine::lmdb::txn::slots::{Aside, Begin};
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::txn::tree::{KnownTree, Tree, Trees};
use crate::engine::lmdb::write::turn::WriteLock;
use crate::engine::threads::Begun;
use crate::engine::threads::pin::Pin;
use crate::engine::{Column, Op, Outcome, Range};
use crate::error::{Error, Result, Status};
use crate::memory::{self, TryGrow};

/// Where a space is, as a transaction sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// Open: it can be used.
    Open(Db),
    /// There is none of that name.
    Absent,
    /// It is not open in this process, or was opened after the snapshot began: leave the call and let
    /// [`Engine::open_space`] see to it.
    Unopened,
}

/// A consistent, unchanging view of the environment.
pub(crate) struct Snapshot {
    pub(super) txn: RoTxn,
    pub(super) horizon: u32,
    id: u64,
    /// The catalog's sequence number, once it was read for this `id`.
    pub(super) sequence: Option<u64>,
    /// Where it has lent addresses in the map, which then must not move.
    pin: Option<Pin>,
    /// Counts round and round: single reads look at the files now and then.
    renewals: u8,
    /// The numbers that it has read by, once it is more than the snapshot of a call.
    used: Numbers,
    /// The number that it used last.
    last: Dbi,
    /// The serials of the collections' spaces that it has read from, in their order.
    spaces: Vec<u64>,
    /// That of the space that it has read from last.
    last_space: u64,
    /// In a place of their own: snapshots move.
    trees: Box<Trees>,
}

impl Snapshot {
    pub(crate) fn begin(engine: &Engine) -> Result<Snapshot, Begin> {
        let horizon = engine.spaces.horizon();
        let txn = engine.begin_read()?;
        let id = txn.id();
        engine.check_snapshot(id)?;
        Ok(Snapshot {
            txn,
            horizon,
            id,
            sequence: None,
            pin: None,
            renewals: 0,
            used: Numbers::default(),
            last: 0,
            spaces: Vec::new(),
            last_space: 0,
            trees: Box::default(),
        })
    }

    /// The commit that it sees.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// How many openings of spaces it knows: it can use these.
    pub(crate) fn horizon(&self) -> u32 {
        self.horizon
    }

    /// How many pages are free as far as this snapshot knows.
    pub(crate) fn free_pages(&self, since: u64) -> Result<FreePages> {
        self.txn.free_pages(since).map_err(reading)
    }

    /// Lets the view go and keeps the reader slot.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.txn.reset();
    }

    /// Ends it as a transaction: it has used and lent nothing. Keeps the reader slot, and the memory that LMDB takes for a
    /// transaction and clears, some 50 kB.
    pub(crate) fn recycle(&mut self) {
        self.reset();
        self.pin = None;
        self.used = Numbers::default();
        self.last = 0;
        self.spaces.clear();
        self.last_space = 0;
    }

    /// Takes the newest view.
    #[inline]
    pub(crate) fn renew(&mut self, engine: &Engine) -> Result<(), Begin> {
        self.horizon = engine.spaces.horizon();
        self.txn.renew().map_err(|code| engine.not_begun(code))?;
        let id = self.txn.id();
        if id != self.id {
            engine.check_snapshot(id)?;
            self.id = id;
            self.sequence = None;
        }
        self.renewals = self.renewals.wrapping_add(1);
        if self.renewals == 0 {
            engine.look_at_files()?;
        }
        Ok(())
    }

    /// Makes spaces that were opened since usable, if nothing was committed since, which `newer` tells. The bytes that it
    /// lent stay where they are.
    pub(crate) fn refresh(&mut self, newer: Snapshot) -> bool {
        let same = newer.id == self.id;
        if same {
            self.txn = newer.txn;
            self.horizon = newer.horizon;
        }
        same
    }

    /// What is known of a space, where this library can read it without LMDB.
    #[inline]
    fn tree(&mut self, engine: &Engine, space: &Space) -> Result<Option<KnownTree>> {
        match self.trees.known(space.serial(), self.id) {
            Some(known) if engine.env.has_pages() => Ok(Some(known)),
            _ => self.look_up_tree(engine, space),
        }
    }

    /// The pages that a tree of this snapshot can have.
    #[inline]
    fn pages(&self, engine: &Engine, known: &KnownTree) -> Option<Pages<'_>> {
        // SAFETY: the pages were counted in a snapshot of this commit; their number only grows, and every map has them. A
        // call is under way as long as a reader lends what it finds.
        unsafe { self.txn.pages(engine.page_size(), known.pages) }
    }

    /// Reads the record of a space, where that is worth it.
    #[inline(never)]
    fn look_up_tree(&mut self, engine: &Engine, space: &Space) -> Result<Option<KnownTree>> {
        if space.name().is_none() || !engine.env.has_pages() && !engine.env.wants_pages() {
            return Ok(None);
        }
        let known = match space.tree(self.id) {
            Some(known) if engine.env.has_pages() => known,
            _ => self.read_tree(engine, space)?,
        };
        self.trees.keep(known);
        Ok(engine.env.has_pages().then_some(known))
    }

    fn read_tree(&self, engine: &Engine, space: &Space) -> Result<KnownTree> {
        let record = foreign::record_of(&self.txn, space.as_str().as_bytes())?;
        if let Some(record) = record
            && !engine.env.has_pages()
        {
            engine.env.find_pages(record);
        }
        let pages = engine.env.count_pages(engine.page_size());
        let known = KnownTree::new(space.serial(), self.id, record.and_then(Tree::of_record), pages);
        space.keep_tree(known);
        Ok(known)
    }

    /// Keeps the map in place from now on: the caller lends addresses in it.
    pub(crate) fn pin(&mut self) {
        self.pin = Some(Pin);
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    /// Whether it has used this database after all others.
    #[inline]
    pub(crate) fn has_used_last(&self, db: Db) -> bool {
        db.dbi == self.last
    }

    /// Notes that it reads from a space. Fails if it has read from as many others as one transaction may.
    #[inline]
    pub(crate) fn uses(&mut self, engine: &Engine, space: &Space) -> Result<()> {
        if space.serial() == self.last_space { Ok(()) } else { self.uses_another(engine, space) }
    }

    #[cold]
    fn uses_another(&mut self, engine: &Engine, space: &Space) -> Result<()> {
        if engine.spaces.counts(space)
            && let Err(at) = self.spaces.binary_search(&space.serial())
        {
            if self.spaces.len() >= engine.settings.max_collections as usize {
                return Err(engine.spaces.too_many(space));
            }
            self.spaces.try_room(1)?;
            self.spaces.insert(at, space.serial());
        }
        self.last_space = space.serial();
        Ok(())
    }

    /// Notes that it reads from a space by its number, which stays open until it ends.
    #[inline]
    pub(crate) fn uses_number(&mut self, engine: &Engine, space: &Space, db: Db) -> Result<()> {
        if db.dbi == self.last { Ok(()) } else { self.uses_another_number(engine, space, db.dbi) }
    }

    #[cold]
    fn uses_another_number(&mut self, engine: &Engine, space: &Space, number: Dbi) -> Result<()> {
        self.uses(engine, space)?;
        self.used.add(number, false)?;
        space.touch();
        self.last = number;
        Ok(())
    }

    /// The numbers of the spaces that it has read from.
    pub(crate) fn used(&self) -> &Numbers {
        &self.used
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

    /// Fails if a transaction that has used as many spaces as it may is to use another one.
    fn check_used(&self, used: &Numbers, most: u32, space: &Space) -> Result<()> {
        if used.count() < most || !self.spaces.counts(space) {
            return Ok(());
        }
        Err(self.spaces.too_many(space))
    }

    /// A snapshot of the newest commit, and the right to have it outside of a seat. In no call of the thread's seat.
    pub(crate) fn newest(&self) -> Result<Begun<Snapshot, Aside<'_>>> {
        let aside = self.aside();
        let snapshot = aside.begin(|| Snapshot::begin(self))?;
        Ok(Begun { snapshot, held: aside })
    }
}

/// A write transaction with its savepoints. Holds the process's write lock until it is ended or dropped.
pub(crate) struct WriteTxn {
    // Before the write_lock: LMDB's transaction ends first.
    pub(super) txn: RwTxn,
    opened: Vec<NewNumber>,
    pub(super) sequence: Option<u64>,
    /// Whether the sequence number was written in this transaction, so that it may yet be undone.
    pub(super) sequence_is_own: bool,
    /// The depth of the level that met a failure; it and the ones inside can only be undone.
    failed: Option<usize>,
    /// Rises with every write: an iterator that sees it rise reads again.
    writes: u64,
    /// What the caller has found true of the newest state, forgotten with every change of the catalog.
    pub(super) checked: Option<usize>,
    /// Whether its commit waits for stable storage, where the environment's durability asks for that.
    synced: bool,
    /// How many bytes of keys and values were stored, also where that was undone.
    stored: u64,
    /// What it has read or written.
    used: Numbers,
    /// The number that it used last.
    last: Dbi,
    /// How many collections it may use.
    most: u32,
    write_lock: Arc<WriteLock>,
}

/// A space whose number becomes the process's when its level is committed.
struct NewNumber {
    space: Arc<Space>,
    db: Db,
    depth: usize,
}

impl WriteTxn {
    /// Begins one under the process's write lock.
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
            // No number of a collection.
            last: 0,
            most: write_lock.engine().settings.max_collections,
            write_lock: Arc::clone(write_lock),
        })
    }

    /// Makes it one of a group commit: its members know nothing of each other, so no limit of one transaction is theirs.
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

    /// How much LMDB takes for a savepoint beside lists of fixed sizes: a table of databases, and a copy of its list
    /// of pages to be used again. Where there is no memory for the second, LMDB 0.9 frees a list twice.
    ///
    /// That list holds pages of the free list and, where large values were stored and removed again, those of their
    /// pages that were new. With its key such a value has more than a quarter of a page, and takes less than two pages
    /// more than that many bytes do.
    fn memory_of_a_savepoint(&self) -> Result<usize, Code> {
        /// For one database: its record, a cursor's place and its flags.
        const TABLE: usize = 48 + 8 + 1;
        let engine = self.write_lock.engine();
        let databases = usize::try_from(most_numbers(&engine.settings)).unwrap_or(usize::MAX);
        let stored = usize::try_from(self.stored.saturating_mul(9) / engine.page_size).unwrap_or(usize::MAX);
        let pages = self.txn.most_free_pages()?.saturating_add(stored);
        Ok(databases.saturating_mul(TABLE).saturating_add(pages.saturating_mul(size_of::<usize>())))
    }

    /// Commits the innermost savepoint into the level around it.
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

    /// Commits everything; it is over whatever the outcome. In no call of the thread's seat.
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
        for opened in self.opened.drain(..) {
            self.write_lock.engine().spaces.publish(&opened.space, opened.db);
        }
        if let Some(sequence) = sequence {
            self.write_lock.engine().know(commit, sequence);
        }
        self.write_lock.engine().watch_commit(self.synced)
    }

    /// The commit that it began from; `None`: its catalog may be another since.
    pub(crate) fn parent(&self) -> Option<u64> {
        (!self.sequence_is_own).then(|| self.txn.id() - 1)
    }

    /// Undoes everything. If the map was found full, it grows now, so that the same work fits when it is done
    /// again. In no call of the thread's seat.
    pub(crate) fn abort(self) {
        let WriteTxn { txn, write_lock, .. } = self;
        drop(txn);
        // If it cannot grow now, the next beginning tries again, and says so.
        drop(write_lock.engine().grow_if_wanted(write_lock.turn()));
    }

    /// How many writes there were: what was read before the last one may have changed.
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

    /// Whether it has used this database after all others.
    #[inline]
    pub(crate) fn has_used_last(&self, db: Db) -> bool {
        db.dbi == self.last
    }

    pub(crate) fn resolve(&mut self, space: &Arc<Space>) -> Result<Option<Db>> {
        // All that the process has opened is older: that happens under the lock which this holds.
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
        // A group commit has no limit, and while a write transaction lasts no number is closed.
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

    /// Makes a space, if it is not there.
    fn create(&mut self, space: &Arc<Space>) -> Result<()> {
        let Some(db) = self.resolve(space)? else { return self.open(space, lmdb_sys::MDB_CREATE).map(drop) };
        if !foreign::is_name(&self.txn, space.as_str().as_bytes())? {
            // Its number is open, but another process has taken it out of the file.
            self.write_lock.engine().names_are_gone();
            return Err(Error::new(
                Status::Conflict,
                format!("collection {:?} was removed by another process; begin again", space.as_str()),
            ));
        }
        if db.flags != 0 && !db.is_main() {
            return Err(Error::new(
                Status::TypeMismatch,
                format!(
                    "{:?} was created by another program with an order of its own, and only that program can create it again",
                    space.as_str()
                ),
            ));
        }
        Ok(())
    }

    /// Does one write in the innermost level. Bad input leaves the transaction as it was; a failure of the
    /// engine dooms it.
    pub(crate) fn apply(&mut self, op: &SpaceOp<'_>) -> Result<Outcome> {
        self.check_usable()?;
        self.writes += 1;
        let (SpaceOp::Create(space) | SpaceOp::In(space, _)) = op;
        if Arc::ptr_eq(space, self.write_lock.engine().spaces.catalog()) {
            self.forget();
            self.sequence_is_own = true;
        }
        let SpaceOp::In(_, op) = op else { return self.create(space).map(|()| Outcome::Done) };
        self.stored = self.stored.saturating_add(op.size());
        let db = self.resolve(space)?.ok_or_else(|| {
            Error::new(Status::NoCollection, format!("collection {space:?} is not there any more"))
        })?;
        self.perform(db, op)
    }

    /// The same in a collection that was just found.
    pub(crate) fn apply_to(&mut self, db: Db, op: &Op<'_>) -> Result<Outcome> {
        self.check_usable()?;
        self.writes += 1;
        self.stored = self.stored.saturating_add(op.size());
        self.perform(db, op)
    }

    fn perform(&mut self, db: Db, op: &Op<'_>) -> Result<Outcome> {
        foreign::check_write(&self.txn, db, op)?;
        match *op {
            Op::Put { key, value, fresh, .. } => {
                let flags = if fresh { lmdb_sys::MDB_NOOVERWRITE } else { 0 };
                Ok(if self.put(db, key, value, flags)? { Outcome::Done } else { Outcome::Exists })
            }
            Op::Remove { key, .. } => {
                Ok(if self.remove(db, key)? { Outcome::Done } else { Outcome::Missing })
            }
            Op::Take { key, cap, .. } => self.take(db, key, cap),
            Op::CompareExchange { key, expected, desired, .. } => {
                self.compare_exchange(db, key, expected, desired)
            }
            Op::Add { key, kind, by, .. } => {
                let current = self.txn.get(db.dbi, key).map_err(reading)?;
                let (bytes, sum) = codec::add_integer(kind, current, by)?;
                self.put(db, key, &bytes, 0)?;
                Ok(Outcome::Sum(sum))
            }
            Op::PutMany { keys, values, .. } => self.put_many(db, keys, Some(values)),
            Op::AddMany { keys, .. } => self.put_many(db, keys, None),
            Op::RemoveMany { keys, .. } => {
                let mut count = 0;
                for index in order_in(db, keys).iter() {
                    count += u64::from(self.remove(db, keys.item(index))?);
                }
                Ok(Outcome::Count(count))
            }
            Op::RemoveRange { range, .. } => self.remove_range(db, range),
        }
    }

    fn put(&mut self, db: Db, key: &[u8], value: &[u8], flags: u32) -> Result<bool> {
        self.txn.put(db.dbi, key, value, flags).map_err(|code| self.fail(code, "storing a record"))
    }

    fn remove(&mut self, db: Db, key: &[u8]) -> Result<bool> {
        if db.is_main() && foreign::is_name(&self.txn, key)? {
            return Ok(false);
        }
        self.txn.remove(db.dbi, key).map_err(|code| self.fail(code, "removing a record"))
    }

    fn take(&mut self, db: Db, key: &[u8], cap: usize) -> Result<Outcome> {
        if db.is_main() && foreign::is_name(&self.txn, key)? {
            return Ok(Outcome::Missing);
        }
        let Some(value) = self.txn.get(db.dbi, key).map_err(reading)? else {
            return Ok(Outcome::Missing);
        };
        if value.len() > cap {
            return Ok(Outcome::TooSmall(value.len()));
        }
        let value = memory::copy(value)?;
        self.remove(db, key)?;
        Ok(Outcome::Value(value))
    }

    fn compare_exchange(
        &mut self,
        db: Db,
        key: &[u8],
        expected: Option<&[u8]>,
        desired: Option<&[u8]>,
    ) -> Result<Outcome> {
        let current = self.txn.get(db.dbi, key).map_err(reading)?;
        if current != expected {
            return Ok(Outcome::Differs(current.map(memory::copy).transpose()?));
        }
        match desired {
            Some(value) => self.put(db, key, value, 0)?,
            None => self.remove(db, key)?,
        };
        Ok(Outcome::Done)
    }

    fn put_many(&mut self, db: Db, keys: &Column<'_>, values: Option<&Column<'_>>) -> Result<Outcome> {
        let before = self.txn.entries(db.dbi).map_err(reading)?;
        let order = order_in(db, keys);
        let put_all = |cursor: WriteCursor<'_>| put_in_order(cursor, &order, keys, values);
        let stored = self.txn.write_cursor(db.dbi).and_then(put_all);
        stored.map_err(|code| self.fail(code, "storing a record"))?;
        let after = self.txn.entries(db.dbi).map_err(reading)?;
        Ok(Outcome::Count(after - before))
    }

    fn remove_range(&mut self, db: Db, range: &Range) -> Result<Outcome> {
        if range.is_all() && !db.is_main() {
            let count = self.txn.entries(db.dbi).map_err(reading)?;
            self.txn.empty(db.dbi).map_err(|code| self.fail(code, "clearing a collection"))?;
            return Ok(Outcome::Count(count));
        }
        let turned;
        let range = if range.reverse {
            turned = range.turned(false)?;
            &turned
        } else {
            range
        };
        match remove_range(&mut self.txn, db, range) {
            Ok(count) => Ok(Outcome::Count(count)),
            Err(code) => Err(self.fail(code, "removing a range")),
        }
    }
}

/// The order in which a batch is best visited.
fn order_in(db: Db, keys: &Column<'_>) -> Order {
    // Elsewhere LMDB alone knows the order.
    if db.is_bytewise() { Order::of(keys) } else { Order::as_given(keys) }
}

/// Stores records, and appends them once they lie behind all that were there: LMDB then looks for no place, and fills its
/// pages where it would split them in half.
fn put_in_order(
    mut cursor: WriteCursor<'_>,
    order: &Order,
    keys: &Column<'_>,
    values: Option<&Column<'_>>,
) -> Result<(), Code> {
    let value = |index| values.map_or(&[][..], |values| values.item(index));
    if !order.is_ascending() {
        return order.iter().try_for_each(|index| cursor.put(keys.item(index), value(index)));
    }
    let last = cursor.go(Go::Last)?.map(|(key, _)| memory::copy(key)).transpose()?;
    let mut lies_behind = last.is_none();
    let mut order = order.iter().peekable();
    while let Some(index) = order.next() {
        let key = keys.item(index);
        // Of equal keys the last one counts.
        if order.peek().is_some_and(|next| keys.item(*next) == key) {
            continue;
        }
        lies_behind = lies_behind || last.as_ref().is_none_or(|last| key > last.as_slice());
        if lies_behind {
            cursor.append(key, value(index))?;
        } else {
            cursor.put(key, value(index))?;
        }
    }
    Ok(())
}

#[cold]
fn failed() -> Error {
    Error::new(Status::TxnFailed, "the transaction has met a failure before and can only be aborted")
}

#[cfg(all(test, not(feature = "memory-engine")))]
mod tests;
