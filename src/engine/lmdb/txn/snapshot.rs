//! Implements a snapshot, and its cache of the spaces that it has read.

use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Dbi, FreePages, Pages, RoTxn, reading};
use crate::engine::lmdb::txn::foreign;
use crate::engine::lmdb::txn::numbers::Numbers;
use crate::engine::lmdb::txn::slots::{Aside, Begin};
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::txn::tree::{KnownTree, Tree, Trees};
use crate::engine::threads::Begun;
use crate::engine::threads::pin::Pin;
use crate::error::Result;
use crate::memory::TryGrow;

/// A consistent, unchanging view of the environment.
pub(crate) struct Snapshot {
    pub(super) txn: RoTxn,
    pub(super) horizon: u32,
    id: u64,
    /// The catalog's sequence number, once it was read for this `id`.
    pub(super) sequence: Option<u64>,
    /// Set once it has lent addresses in the map, which then must not move.
    pin: Option<Pin>,
    /// Wraps around: single reads check the files from time to time.
    renewals: u8,
    /// The numbers that it has read by, if it lasts longer than a call.
    used: Numbers,
    /// The last number that it used.
    last: Dbi,
    /// The serials of the collections' spaces that it has read from, in order.
    spaces: Vec<u64>,
    /// The serial of the last space that it has read from.
    last_space: u64,
    /// Boxed, since snapshots move.
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

    /// Returns LMDB's transaction.
    pub(crate) fn txn(&self) -> &RoTxn {
        &self.txn
    }

    /// Returns the commit that it sees.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the number of openings that it knows, and whose spaces it can use.
    pub(crate) fn horizon(&self) -> u32 {
        self.horizon
    }

    /// Returns the number of free pages, as far as this snapshot knows.
    pub(crate) fn free_pages(&self, since: u64) -> Result<FreePages> {
        self.txn.free_pages(since).map_err(reading)
    }

    /// Releases the view and keeps the reader slot.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.txn.reset();
    }

    /// Ends it as a transaction, without used numbers or lent addresses. Keeps the reader slot, and some 50 kB of
    /// memory that LMDB would allocate and clear for a new transaction.
    pub(crate) fn recycle(&mut self) {
        self.reset();
        self.pin = None;
        self.used = Numbers::default();
        self.last = 0;
        self.spaces.clear();
        self.last_space = 0;
    }

    /// Moves to the newest view.
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

    /// Makes spaces that were opened since usable if nothing was committed since, according to `newer`. Addresses that
    /// it lent stay valid.
    pub(crate) fn refresh(&mut self, newer: Snapshot) -> bool {
        let same = newer.id == self.id;
        if same {
            self.txn = newer.txn;
            self.horizon = newer.horizon;
        }
        same
    }

    /// Returns the cached information about a space if this library can read it without LMDB.
    #[inline]
    pub(super) fn tree(&mut self, engine: &Engine, space: &Space) -> Result<Option<KnownTree>> {
        match self.trees.known(space.serial(), self.id) {
            Some(known) if engine.env.has_pages() => Ok(Some(known)),
            _ => self.look_up_tree(engine, space),
        }
    }

    /// Returns the pages that a tree of this snapshot can use.
    #[inline]
    pub(super) fn pages(&self, engine: &Engine, known: &KnownTree) -> Option<Pages<'_>> {
        // SAFETY: the pages were counted in a snapshot of this commit; their number only grows, and every map contains
        // them. A call is in progress as long as a reader lends the records that it finds.
        unsafe { self.txn.pages(engine.page_size(), known.pages) }
    }

    /// Reads the record of a space if that is worth it.
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

    /// Returns true if this is the last database that it used.
    #[inline]
    pub(crate) fn has_used_last(&self, db: Db) -> bool {
        db.dbi == self.last
    }

    /// Notes that it reads from a space. Fails if it has already read from as many spaces as one transaction may use.
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

    /// Notes that it reads from a space by its number, which then stays open until the snapshot ends.
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

    /// Returns the numbers of the spaces that it has read from.
    pub(crate) fn used(&self) -> &Numbers {
        &self.used
    }
}

impl Engine {
    /// Begins a snapshot of the newest commit, with the right to use it outside of a seat. Must not run inside a call
    /// of the thread's seat.
    pub(crate) fn newest(&self) -> Result<Begun<Snapshot, Aside<'_>>> {
        let aside = self.aside();
        let snapshot = aside.begin(|| Snapshot::begin(self))?;
        Ok(Begun { snapshot, held: aside })
    }
}
