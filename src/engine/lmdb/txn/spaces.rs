//! Named databases, opened by rules under which a number never means two of them.
//!
//! LMDB gives a number (`MDB_dbi`) per process and name. An opening takes the first free number *as its
//! transaction sees it*: a reader that opens a name while a writer of the same process opens another gets
//! the same number, and records land in the wrong database. So:
//!
//! - a name is opened for the process under the process's write lock only: by a short read transaction that
//!   is committed at once (`open`), or inside the write transaction of the thread that holds
//!   the lock (`write_txn/mod.rs`), which publishes it when it commits, and forgets it when it aborts;
//! - numbers are never closed while calls may be under way, nor if a live snapshot has used them;
//! - a snapshot knows which numbers are older than itself (its *horizon*): LMDB answers `EINVAL` for others.
//!
//! `write/working_set.rs` decides which are open.

use std::collections::HashMap;
use std::ffi::CString;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::engine::lmdb::address_space;
use crate::engine::lmdb::sys::{Code, Dbi, Env, MAIN, RoTxn};
use crate::engine::lmdb::txn::slots::{Begin, Outside};
use crate::engine::lmdb::txn::tree::KnownTree;
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory};
use crate::platform::sync::Mutex;

/// Where the schemas are kept.
pub(crate) const CATALOG: &str = "pc:catalog";

/// A named database of an environment, open in this process or not yet.
pub(crate) struct Space {
    name: CString,
    /// Distinguishes it from every other space of the process.
    serial: u64,
    /// `when << 32 | dbi`; zero while it is not open in this process. `when` counts openings, from 1.
    open: AtomicU64,
    flags: AtomicU32,
    /// True if it was used since the hand of the clock last came by.
    recent: AtomicBool,
    /// How many numbers had been taken from spaces when this one's was; 0: it never was.
    closed_at: AtomicU32,
    /// What was found of it in the newest commit that it was read in.
    tree: Mutex<KnownTree>,
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Space({:?})", self.name)
    }
}

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// An open named database: its number and LMDB's persistent flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Db {
    pub(crate) dbi: Dbi,
    pub(crate) flags: u32,
}

impl Db {
    /// A plain database that is read without a number. LMDB has none of this number.
    pub(crate) const WITHOUT_NUMBER: Db = Db { dbi: Dbi::MAX, flags: 0 };

    pub(crate) fn is_main(self) -> bool {
        self.dbi == MAIN
    }

    /// Whether names of databases may stand among its records.
    pub(crate) fn may_hold_names(self) -> bool {
        self.is_main() && !self.has_duplicates() && !self.has_integer_keys()
    }

    /// Whether it is as this library makes them: one value for each key, and keys in the order of their bytes.
    pub(crate) fn is_plain(self) -> bool {
        self.flags == 0
    }

    pub(crate) fn has_duplicates(self) -> bool {
        self.flags & lmdb_sys::MDB_DUPSORT != 0
    }

    /// Whether keys must have the size of an `unsigned int` or a `size_t`.
    pub(crate) fn has_integer_keys(self) -> bool {
        self.flags & lmdb_sys::MDB_INTEGERKEY != 0
    }

    /// Whether keys stand in the order of their bytes.
    pub(crate) fn is_bytewise(self) -> bool {
        self.flags & (lmdb_sys::MDB_INTEGERKEY | lmdb_sys::MDB_REVERSEKEY) == 0
    }
}

impl Space {
    fn new(name: &str) -> Result<Arc<Space>> {
        let name = CString::new(name).map_err(|_| {
            Error::new(Status::BadName, "a name of a collection cannot contain a NUL character")
        })?;
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        let (open, flags) = (AtomicU64::new(0), AtomicU32::new(0));
        let (recent, closed_at) = (AtomicBool::new(false), AtomicU32::new(0));
        let tree = Mutex::default();
        Ok(Arc::new(Space { name, serial, open, flags, recent, closed_at, tree }))
    }

    /// The name; empty for the unnamed space.
    pub(crate) fn as_str(&self) -> &str {
        // Made from a `&str`, so this is the whole of it.
        self.name.to_str().unwrap_or_default()
    }

    fn is_main(&self) -> bool {
        self.name.is_empty()
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// What was found of it in a commit, if that is known. Waits for no other thread.
    pub(super) fn tree(&self, commit: u64) -> Option<KnownTree> {
        self.tree.try_lock().map(|known| *known).filter(|known| known.is_of(self.serial, commit))
    }

    /// Keeps what was found of it, unless something is known of a newer commit.
    pub(super) fn keep_tree(&self, found: KnownTree) {
        if let Some(mut known) = self.tree.try_lock()
            && !known.is_newer(&found)
        {
            *known = found;
        }
    }

    pub(crate) fn name(&self) -> Option<&std::ffi::CStr> {
        (!self.name.is_empty()).then_some(self.name.as_c_str())
    }

    /// The open database, if a transaction that knows openings up to `horizon` may use it.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the two halves are taken apart
    pub(crate) fn db(&self, horizon: u32) -> Option<Db> {
        let open = self.open.load(Ordering::Acquire);
        let when = (open >> 32) as u32;
        (when != 0 && when <= horizon)
            .then(|| Db { dbi: open as u32, flags: self.flags.load(Ordering::Relaxed) })
    }

    /// Notes that it is in use: its number is among the last ones to be closed.
    #[inline]
    pub(crate) fn touch(&self) {
        // Looked at first, so that threads which use it do not take its cache line from each other.
        if !self.recent.load(Ordering::Relaxed) {
            self.recent.store(true, Ordering::Relaxed);
        }
    }
}

/// So many names that nobody uses may stay.
const FEW: usize = 1024;

/// All spaces of an environment that this process has named so far.
pub(crate) struct Spaces {
    table: Mutex<HashMap<Box<str>, Arc<Space>>>,
    /// How many openings were published.
    openings: AtomicU32,
    /// Those that are open, but for the catalog and the unnamed one.
    open: Mutex<Vec<Arc<Space>>>,
    /// How many they are.
    open_now: AtomicU32,
    /// Where the search for the least used one of them goes on.
    hand: AtomicUsize,
    /// How many numbers were taken from spaces, from 1.
    closings: AtomicU32,
    /// How many of them one transaction may use.
    max: u32,
    /// How many names there are when those that nobody uses are dropped.
    prune_at: AtomicUsize,
    catalog: Arc<Space>,
    main: Arc<Space>,
}

impl Spaces {
    /// For an environment just opened, that no other thread knows yet.
    pub(crate) fn new(env: &Arc<Env>, max: u32) -> Result<Spaces> {
        let spaces = Spaces {
            table: Mutex::new(HashMap::new()),
            openings: AtomicU32::new(0),
            open: Mutex::new(Vec::new()),
            open_now: AtomicU32::new(0),
            hand: AtomicUsize::new(0),
            closings: AtomicU32::new(1),
            max,
            prune_at: AtomicUsize::new(FEW),
            catalog: Space::new(CATALOG)?,
            main: Space::new("")?,
        };
        for space in [&spaces.main, &spaces.catalog] {
            loop {
                match spaces.open(env, space) {
                    Ok(_) => break,
                    Err(Begin::Failed(error)) => return Err(error),
                    // Another process has outgrown the map since LMDB looked at the file.
                    Err(Begin::Outside(Outside::Resized)) => address_space::grow_alone(env)?,
                    // No thread of this process has one yet.
                    Err(Begin::Outside(Outside::NoSlot)) => {
                        return Err(Code(lmdb_sys::MDB_READERS_FULL).error("opening the environment"));
                    }
                }
            }
        }
        if spaces.catalog.db(u32::MAX).is_some_and(|db| !db.is_plain()) {
            return Err(Error::new(
                Status::Corrupted,
                format!(
                    "{CATALOG} has flags of LMDB that no catalog has; another program has created it again, or the data file is damaged"
                ),
            ));
        }
        let mut table = spaces.table.lock();
        table.insert(CATALOG.into(), Arc::clone(&spaces.catalog));
        table.insert("".into(), Arc::clone(&spaces.main));
        drop(table);
        Ok(spaces)
    }

    /// The space of a name. Opens nothing.
    pub(crate) fn named(&self, name: &str) -> Result<Arc<Space>> {
        let mut table = self.table.lock();
        if let Some(space) = table.get(name) {
            return Ok(Arc::clone(space));
        }
        let space = Space::new(name)?;
        table
            .try_reserve(1)
            .map_err(|_| NoMemory { bytes: table.len() * 2 * size_of::<(Box<str>, Arc<Space>)>() })?;
        table.insert(name.into(), Arc::clone(&space));
        Ok(space)
    }

    pub(crate) fn catalog(&self) -> &Arc<Space> {
        &self.catalog
    }

    /// The unnamed database.
    pub(crate) fn main(&self) -> &Arc<Space> {
        &self.main
    }

    /// What a transaction that begins now may use.
    #[inline]
    pub(crate) fn horizon(&self) -> u32 {
        self.openings.load(Ordering::Acquire)
    }

    /// How many named databases are open, but for the catalog.
    pub(crate) fn open_count(&self) -> u32 {
        self.open_now.load(Ordering::Relaxed)
    }

    /// Those that are open, but for the catalog and the unnamed one.
    pub(crate) fn open_ones(&self) -> Result<Vec<Arc<Space>>, NoMemory> {
        memory::gather(self.open.lock().iter().cloned().map(Ok))
    }

    /// A number is about to be closed: nobody gets it from here any more. No call of the process is under way.
    pub(crate) fn forget(&self, space: &Space) {
        if space.open.swap(0, Ordering::AcqRel) != 0 {
            let mut open = self.open.lock();
            open.retain(|one| !std::ptr::eq(&raw const **one, space));
            self.open_now.store(u32::try_from(open.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }

    /// Returns true for the space of a collection, which is neither the catalog nor the unnamed one.
    pub(crate) fn counts(&self, space: &Space) -> bool {
        !space.is_main() && !std::ptr::eq(space, &raw const *self.catalog)
    }

    /// Drops names that nobody uses, if there are many more than at the last time.
    pub(crate) fn prune(&self) {
        let mut table = self.table.lock();
        if table.len() >= self.prune_at.load(Ordering::Relaxed) {
            table.retain(|_, space| space.db(u32::MAX).is_some() || Arc::strong_count(space) > 1);
            self.prune_at.store(table.len().saturating_mul(2).max(FEW), Ordering::Relaxed);
        }
    }

    /// Tells the process of an opening that LMDB has committed. The caller holds the write lock.
    pub(crate) fn publish(&self, space: &Arc<Space>, db: Db) {
        let when = self.openings.load(Ordering::Relaxed) + 1;
        self.publish_as(space, db, when);
        self.openings.store(when, Ordering::Release);
    }

    /// The same for a number that was given out before.
    fn publish_as(&self, space: &Arc<Space>, db: Db, when: u32) {
        if self.counts(space) && space.open.load(Ordering::Relaxed) == 0 {
            let mut open = self.open.lock();
            open.push(Arc::clone(space));
            self.open_now.store(u32::try_from(open.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        space.flags.store(db.flags, Ordering::Relaxed);
        space.open.store(u64::from(when) << 32 | u64::from(db.dbi), Ordering::Release);
    }

    /// Opens a space for the process, unless it is open. `Ok(false)`: there is no such database. In the process's turn to
    /// write, and with the right to a slot outside of seats.
    pub(crate) fn open(&self, env: &Arc<Env>, space: &Arc<Space>) -> Result<bool, Begin> {
        if space.db(u32::MAX).is_some() {
            return Ok(true);
        }
        let txn =
            RoTxn::begin(env).map_err(|code| Begin::new(code, |code| code.error("opening a collection")))?;
        Ok(self.open_in(txn, space, None)?)
    }

    /// The same in a short transaction, whose commit gives the number to the process; `taken` is the number, with its
    /// age, that was just closed for it.
    pub(crate) fn open_in(&self, txn: RoTxn, space: &Arc<Space>, taken: Option<(u32, Db)>) -> Result<bool> {
        let failed = |code: Code| code.error("opening a collection");
        let Some(dbi) = txn.open_dbi(space.name(), 0).map_err(|code| self.explain(space, code))? else {
            return Ok(false);
        };
        let flags = txn.flags(dbi).map_err(failed)?;
        txn.commit().map_err(failed)?;
        match taken {
            // LMDB refuses, in a snapshot of before, a number whose flags are others since.
            Some((when, db)) if db.dbi == dbi && db.flags == flags => {
                self.publish_as(space, Db { dbi, flags }, when);
            }
            _ => self.publish(space, Db { dbi, flags }),
        }
        Ok(true)
    }

    /// Whether fewer than so many others were closed since the space was.
    pub(crate) fn was_closed_lately(&self, space: &Space, others: u32) -> bool {
        let closed_at = space.closed_at.load(Ordering::Relaxed);
        closed_at != 0 && self.closings.load(Ordering::Relaxed).wrapping_sub(closed_at) < others
    }

    /// Takes a number that `may` be taken from the space that was not used for longest; gives the count of openings when
    /// the number was given out, too, as `may` gets it.
    pub(crate) fn take_least_used(&self, may: impl Fn(u32, Db) -> bool) -> Option<(u32, Db)> {
        let mut open = self.open.lock();
        // Round the list, like the hand of a clock: first over those that were not used since it last came by.
        for _ in 0..open.len().saturating_mul(2) {
            let at = self.hand.fetch_add(1, Ordering::Relaxed) % open.len();
            let Some(db) = open[at].db(u32::MAX) else { continue };
            let when = u32::try_from(open[at].open.load(Ordering::Relaxed) >> 32).unwrap_or(u32::MAX);
            if !may(when, db) || open[at].recent.swap(false, Ordering::Relaxed) {
                continue;
            }
            let space = open.swap_remove(at);
            self.open_now.store(u32::try_from(open.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
            space.open.store(0, Ordering::Release);
            space.closed_at.store(self.closings.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            return Some((when, db));
        }
        None
    }

    #[cold]
    pub(crate) fn too_many(&self, space: &Space) -> Error {
        Error::new(
            Status::CollectionsFull,
            format!(
                "collection {:?} cannot be used: a transaction can use {} different collections (max_collections), and \
                 this one has used as many; divide the work, or open the environment with a larger max_collections",
                space.as_str(),
                self.max
            ),
        )
    }

    /// Says what a failed opening means.
    pub(crate) fn explain(&self, space: &Space, code: Code) -> Error {
        let name = space.name.to_string_lossy();
        match code.0 {
            lmdb_sys::MDB_DBS_FULL => Error::new(
                Status::CollectionsFull,
                format!(
                    "collection {name:?} cannot be opened: live snapshots, iterators and transactions of this process \
                     use all numbers of named databases; end some of them, or open the environment with a larger \
                     max_collections than {}",
                    self.max
                ),
            ),
            lmdb_sys::MDB_INCOMPATIBLE => Error::new(
                Status::BadName,
                format!("{name:?} is a plain record of the unnamed collection, not a collection"),
            ),
            _ => code.error(&format!("opening collection {name:?}")),
        }
    }
}

#[cfg(all(test, not(feature = "memory-engine")))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::lmdb::tests::engine_of;
    use crate::{Dict, Durability, Environment, Options};

    /// LMDB marks by flags what a database is. It compares integer keys by a fixed number of bytes, and keeps names of
    /// databases among the records of the unnamed one. Code that takes one kind for another reads beyond a key or
    /// overwrites a name.
    #[test]
    fn flags_say_what_a_database_is() {
        let named = MAIN + 1;
        let all = |dbi, flags| {
            let db = Db { dbi, flags };
            (db.is_main(), db.may_hold_names(), db.has_duplicates(), db.has_integer_keys(), db.is_bytewise())
        };
        assert_eq!(all(MAIN, 0), (true, true, false, false, true));
        assert_eq!(all(MAIN, lmdb_sys::MDB_DUPSORT), (true, false, true, false, true));
        assert_eq!(all(MAIN, lmdb_sys::MDB_INTEGERKEY), (true, false, false, true, false));
        assert_eq!(all(MAIN, lmdb_sys::MDB_REVERSEKEY), (true, true, false, false, false));
        assert_eq!(all(named, 0), (false, false, false, false, true));
        assert_eq!(all(named, lmdb_sys::MDB_DUPSORT), (false, false, true, false, true));
        assert_eq!(all(named, lmdb_sys::MDB_INTEGERKEY), (false, false, false, true, false));
        assert_eq!(all(named, lmdb_sys::MDB_REVERSEKEY), (false, false, false, false, false));
        let both = lmdb_sys::MDB_DUPSORT | lmdb_sys::MDB_INTEGERKEY;
        assert_eq!(all(MAIN, both), (true, false, true, true, false));
    }

    /// A snapshot must not use a number that is younger than itself, and a number that is closed goes to another name.
    /// The count of openings tells both apart: one that is off by one shows one collection's records as another's.
    #[test]
    fn openings_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, ..Options::default() };
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        let engine = engine_of(&env);
        let spaces = &engine.spaces;
        let is_open = |space: &Arc<Space>, horizon| space.db(horizon).is_some();
        let names = || {
            let mut names: Vec<_> =
                spaces.open_ones().unwrap().iter().map(|space| space.as_str().to_owned()).collect();
            names.sort();
            names
        };
        // The unnamed database is open; its opening counts, but not among the collections.
        assert_eq!((spaces.open_count(), names()), (0, vec![]));
        assert!(spaces.main().db(spaces.horizon()).unwrap().is_main());
        assert!(!is_open(spaces.main(), 0));

        Dict::<i64, i64>::open(&env, "a").unwrap();
        let before = spaces.horizon();
        Dict::<i64, i64>::open(&env, "b").unwrap();
        let (a, b) = (spaces.named("a").unwrap(), spaces.named("b").unwrap());
        assert_eq!((spaces.open_count(), names()), (2, vec!["a".to_owned(), "b".to_owned()]));
        assert!(is_open(spaces.catalog(), before));
        assert_eq!((is_open(&a, before), is_open(&b, before)), (true, false));
        assert!(is_open(&b, spaces.horizon()));
        assert_ne!(a.db(u32::MAX).unwrap().dbi, b.db(u32::MAX).unwrap().dbi);

        // Published once more, as when it is opened in two transactions, it takes no other place.
        let db = a.db(u32::MAX).unwrap();
        let before = spaces.horizon();
        spaces.publish(&a, db);
        assert_eq!((spaces.open_count(), spaces.horizon()), (2, before + 1));
        assert_eq!((is_open(&a, before), is_open(&a, before + 1)), (false, true));

        spaces.forget(&a);
        spaces.forget(&a);
        assert_eq!((spaces.open_count(), names()), (1, vec!["b".to_owned()]));
        assert!(!is_open(&a, u32::MAX));
        // What is open stays the same, and so does what is in use; another name is forgotten.
        let unused = Arc::downgrade(&spaces.named("unused").unwrap());
        spaces.prune();
        assert!(unused.upgrade().is_some(), "a few names may stay");
        (0..FEW).for_each(|number| drop(spaces.named(&number.to_string()).unwrap()));
        spaces.prune();
        assert!(unused.upgrade().is_none());
        assert!(Arc::ptr_eq(&a, &spaces.named("a").unwrap()));
        let weak = Arc::downgrade(&b);
        drop(b);
        (0..FEW).for_each(|number| drop(spaces.named(&number.to_string()).unwrap()));
        spaces.prune();
        assert!(weak.upgrade().is_some_and(|b| is_open(&b, u32::MAX)));
        assert_eq!(spaces.named("a\0b").unwrap_err().status(), Status::BadName);
    }
}
