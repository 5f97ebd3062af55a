//! A snapshot, and what it remembers of the spaces that it has read from.

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

    /// LMDB's transaction.
    pub(crate) fn txn(&self) -> &RoTxn {
        &self.txn
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
    pub(super) fn tree(&mut self, engine: &Engine, space: &Space) -> Result<Option<KnownTree>> {
        match self.trees.known(space.serial(), self.id) {
            Some(known) if engine.env.has_pages() => Ok(Some(known)),
            _ => self.look_up_tree(engine, space),
        }
    }

    /// The pages that a tree of this snapshot can have.
    #[inline]
    pub(super) fn pages(&self, engine: &Engine, known: &KnownTree) -> Option<Pages<'_>> {
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
    /// A snapshot of the newest commit, and the right to have it outside of a seat. In no call of the thread's seat.
    pub(crate) fn newest(&self) -> Result<Begun<Snapshot, Aside<'_>>> {
        let aside = self.aside();
        let snapshot = aside.begin(|| Snapshot::begin(self))?;
        Ok(Begun { snapshot, held: aside })
    }
}
