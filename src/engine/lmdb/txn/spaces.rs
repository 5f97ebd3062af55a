//! Opens named databases by rules under which a number never refers to two of them.
//!
//! LMDB assigns a number (`MDB_dbi`) per process and name. An opening takes the first free number *as its transaction
//! sees it*: a reader that opens a name while a writer of the same process opens another name gets the same number, and
//! records end up in the wrong database. So:
//!
//! - a name is opened for the process only under the process's write lock: by a short read transaction that is
//!   committed at once (`open`), or inside the write transaction of the thread that holds the lock
//!   (`write_txn/mod.rs`), which publishes it when it commits, and forgets it when it aborts;
//! - numbers are never closed while calls may be in progress, nor if a live snapshot has used them;
//! - a snapshot knows which numbers are older than itself (its *horizon*): LMDB answers `EINVAL` for others.
//!
//! `write/working_set.rs` decides which databases are open.

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

/// The name of the database that stores the schemas.
pub(crate) const CATALOG: &str = "pc:catalog";

/// A named database of an environment, open in this process or not yet.
pub(crate) struct Space {
    name: CString,
    /// Distinguishes it from every other space of the process.
    serial: u64,
    /// `when << 32 | dbi`; zero while it is not open in this process. `when` counts openings, from 1.
    open: AtomicU64,
    flags: AtomicU32,
    /// True if it was used since the clock hand last passed it.
    recent: AtomicBool,
    /// The number of numbers that had been taken from spaces when this space's was taken, or 0 if it never was.
    closed_at: AtomicU32,
    /// The cached information from the newest commit in which it was read.
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
    /// A plain database that is read without a number. LMDB never assigns this number.
    pub(crate) const WITHOUT_NUMBER: Db = Db { dbi: Dbi::MAX, flags: 0 };

    pub(crate) fn is_main(self) -> bool {
        self.dbi == MAIN
    }

    /// Returns true if its records may include names of databases.
    pub(crate) fn may_hold_names(self) -> bool {
        self.is_main() && !self.has_duplicates() && !self.has_integer_keys()
    }

    /// Returns true if it has the form that this library creates: one value for each key, and keys in bytewise order.
    pub(crate) fn is_plain(self) -> bool {
        self.flags == 0
    }

    pub(crate) fn has_duplicates(self) -> bool {
        self.flags & lmdb_sys::MDB_DUPSORT != 0
    }

    /// Returns true if keys must have the size of an `unsigned int` or a `size_t`.
    pub(crate) fn has_integer_keys(self) -> bool {
        self.flags & lmdb_sys::MDB_INTEGERKEY != 0
    }

    /// Returns true if keys are in bytewise order.
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

    /// Returns the name, which is empty for the unnamed space.
    pub(crate) fn as_str(&self) -> &str {
        // The name was made from a `&str`, so this conversion cannot fail.
        self.name.to_str().unwrap_or_default()
    }

    fn is_main(&self) -> bool {
        self.name.is_empty()
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Returns the cached information for a commit, or `None` if it is not cached. Never waits for another thread.
    pub(super) fn tree(&self, commit: u64) -> Option<KnownTree> {
        self.tree.try_lock().map(|known| *known).filter(|known| known.is_of(self.serial, commit))
    }

    /// Caches the information, unless that of a newer commit is cached.
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

    /// Returns the open database if a transaction that knows openings up to `horizon` may use it.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the two halves are taken apart
    pub(crate) fn db(&self, horizon: u32) -> Option<Db> {
        let open = self.open.load(Ordering::Acquire);
        let when = (open >> 32) as u32;
        (when != 0 && when <= horizon)
            .then(|| Db { dbi: open as u32, flags: self.flags.load(Ordering::Relaxed) })
    }

    /// Notes that it is in use, so that its number is among the last ones to be closed.
    #[inline]
    pub(crate) fn touch(&self) {
        // Checked first, so that threads which use it do not contend for its cache line.
        if !self.recent.load(Ordering::Relaxed) {
            self.recent.store(true, Ordering::Relaxed);
        }
    }
}

/// The number of unused names that may stay.
const FEW: usize = 1024;

/// All spaces of an environment that this process has used so far.
pub(crate) struct Spaces {
    table: Mutex<HashMap<Box<str>, Arc<Space>>>,
    /// The number of published openings.
    openings: AtomicU32,
    /// The open spaces, except for the catalog and the unnamed one.
    open: Mutex<Vec<Arc<Space>>>,
    /// The length of `open`.
    open_now: AtomicU32,
    /// The index in `open` at which the search for the least recently used space continues.
    hand: AtomicUsize,
    /// The number of numbers that were taken from spaces, from 1.
    closings: AtomicU32,
    /// The number of spaces that one transaction may use.
    max: u32,
    /// The number of names at which unused names are dropped.
    prune_at: AtomicUsize,
    catalog: Arc<Space>,
    main: Arc<Space>,
}

impl Spaces {
    /// Makes the spaces of an environment that was just opened and that no other thread knows yet.
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
                    // No thread of this process has a slot yet.
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

    /// Returns the space of a name, without opening it.
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

    /// Returns the unnamed database.
    pub(crate) fn main(&self) -> &Arc<Space> {
        &self.main
    }

    /// Returns the horizon of a transaction that begins now.
    #[inline]
    pub(crate) fn horizon(&self) -> u32 {
        self.openings.load(Ordering::Acquire)
    }

    /// Returns the number of open named databases, except for the catalog.
    pub(crate) fn open_count(&self) -> u32 {
        self.open_now.load(Ordering::Relaxed)
    }

    /// Returns the open spaces, except for the catalog and the unnamed one.
    pub(crate) fn open_ones(&self) -> Result<Vec<Arc<Space>>, NoMemory> {
        memory::gather(self.open.lock().iter().cloned().map(Ok))
    }

    /// Withdraws a number that is about to be closed, so that no later call gets it. No call of the process may be in
    /// progress.
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

    /// Drops unused names, if there are many more names than at the last time.
    pub(crate) fn prune(&self) {
        let mut table = self.table.lock();
        if table.len() >= self.prune_at.load(Ordering::Relaxed) {
            table.retain(|_, space| space.db(u32::MAX).is_some() || Arc::strong_count(space) > 1);
            self.prune_at.store(table.len().saturating_mul(2).max(FEW), Ordering::Relaxed);
        }
    }

    /// Publishes in the process an opening that LMDB has committed. The caller holds the write lock.
    pub(crate) fn publish(&self, space: &Arc<Space>, db: Db) {
        let when = self.openings.load(Ordering::Relaxed) + 1;
        self.publish_as(space, db, when);
        self.openings.store(when, Ordering::Release);
    }

    /// Does the same for a number that was assigned before.
    fn publish_as(&self, space: &Arc<Space>, db: Db, when: u32) {
        if self.counts(space) && space.open.load(Ordering::Relaxed) == 0 {
            let mut open = self.open.lock();
            open.push(Arc::clone(space));
            self.open_now.store(u32::try_from(open.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        space.flags.store(db.flags, Ordering::Relaxed);
        space.open.store(u64::from(when) << 32 | u64::from(db.dbi), Ordering::Release);
    }

    /// Opens a space for the process, unless it is open. Returns `Ok(false)` if the database does not exist. The caller
    /// has the process's turn to write, and the right to a slot outside of seats.
    pub(crate) fn open(&self, env: &Arc<Env>, space: &Arc<Space>) -> Result<bool, Begin> {
        if space.db(u32::MAX).is_some() {
            return Ok(true);
        }
        let txn =
            RoTxn::begin(env).map_err(|code| Begin::new(code, |code| code.error("opening a collection")))?;
        Ok(self.open_in(txn, space, None)?)
    }

    /// Does the same in a short transaction, whose commit assigns the number to the process; `taken` is the number,
    /// with its age, that was just closed for it.
    pub(crate) fn open_in(&self, txn: RoTxn, space: &Arc<Space>, taken: Option<(u32, Db)>) -> Result<bool> {
        let failed = |code: Code| code.error("opening a collection");
        let Some(dbi) = txn.open_dbi(space.name(), 0).map_err(|code| self.explain(space, code))? else {
            return Ok(false);
        };
        let flags = txn.flags(dbi).map_err(failed)?;
        txn.commit().map_err(failed)?;
        match taken {
            // LMDB refuses a number in an older snapshot if the number's flags have changed since.
            Some((when, db)) if db.dbi == dbi && db.flags == flags => {
                self.publish_as(space, Db { dbi, flags }, when);
            }
            _ => self.publish(space, Db { dbi, flags }),
        }
        Ok(true)
    }

    /// Returns true if fewer than `others` spaces were closed since this space was.
    pub(crate) fn was_closed_lately(&self, space: &Space, others: u32) -> bool {
        let closed_at = space.closed_at.load(Ordering::Relaxed);
        closed_at != 0 && self.closings.load(Ordering::Relaxed).wrapping_sub(closed_at) < others
    }

    /// Takes a number, if `may` allows it, from the least recently used space. `may` gets the count of openings at
    /// which the number was assigned, and the database; both are returned.
    pub(crate) fn take_least_used(&self, may: impl Fn(u32, Db) -> bool) -> Option<(u32, Db)> {
        let mut open = self.open.lock();
        // Moves around the list like a clock hand: first over the spaces that were not used since it last passed.
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

    /// Returns the error for a failed opening.
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
