//! Named databases, opened by rules under which a number never means two of them.
//!
//! LMDB gives a number (`MDB_dbi`) per process and name. An opening takes the first free number *as its
//! transaction sees it*: a reader that opens a name while a writer of the same process opens another gets
//! the same number, and records land in the wrong database. So:
//!
//! - a name is opened for the process under the process's writer lock only: by a short read transaction that
//!   is committed at once (`open_for_process`), or inside the write transaction of the thread that holds
//!   the lock (`txn.rs`), which publishes it when it commits, and forgets it when it aborts;
//! - numbers are never closed while calls may be under way;
//! - a snapshot knows which numbers are older than itself (its *horizon*): LMDB answers `EINVAL` for others.

use std::collections::HashMap;
use std::ffi::CString;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::engine::lmdb::address_space;
use crate::engine::lmdb::sys::{Code, Dbi, MAIN, RawEnv, RoTxn};
use crate::engine::lmdb::txn::slots::Begin;
use crate::engine::lmdb::write::turn::Turn;
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory};
use crate::platform::sync::Mutex;

/// Where the schemas are kept.
pub(crate) const CATALOG: &str = "pc:catalog";

/// The catalog's key of the number that rises with every creation and drop of a collection.
pub(crate) const SEQUENCE: &str = "pc:seq";

/// A named database of an environment, open in this process or not yet.
pub(crate) struct Space {
    name: CString,
    /// `when << 32 | dbi`; zero while it is not open in this process. `when` counts openings, from 1.
    open: AtomicU64,
    flags: AtomicU32,
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Space({:?})", self.name)
    }
}

/// An open named database: its number and LMDB's persistent flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Db {
    pub(crate) dbi: Dbi,
    pub(crate) flags: u32,
}

impl Db {
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
    /// The name; empty for the unnamed space.
    pub(crate) fn as_str(&self) -> &str {
        // Made from a `&str`, so this is the whole of it.
        self.name.to_str().unwrap_or_default()
    }

    fn is_main(&self) -> bool {
        self.name.is_empty()
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
}

/// All spaces of an environment that this process has named so far.
pub(crate) struct Spaces {
    table: Mutex<HashMap<Box<str>, Arc<Space>>>,
    /// How many openings were published.
    openings: AtomicU32,
    /// How many are open, but for the catalog and the unnamed one.
    open_now: AtomicU32,
    /// How many of them can be open at once.
    max: u32,
    catalog: Arc<Space>,
    main: Arc<Space>,
}

impl Spaces {
    /// For an environment just opened, that no other thread knows yet.
    pub(crate) fn new(env: &Arc<RawEnv>, max: u32) -> Result<Spaces> {
        let make = |name: &str| -> Result<Arc<Space>> {
            let name = CString::new(name).map_err(|_| {
                Error::new(Status::BadName, "a name of a collection cannot contain a NUL character")
            })?;
            Ok(Arc::new(Space { name, open: AtomicU64::new(0), flags: AtomicU32::new(0) }))
        };
        let spaces = Spaces {
            table: Mutex::new(HashMap::new()),
            openings: AtomicU32::new(0),
            open_now: AtomicU32::new(0),
            max,
            catalog: make(CATALOG)?,
            main: make("")?,
        };
        for space in [&spaces.main, &spaces.catalog] {
            loop {
                match spaces.open(env, space) {
                    Ok(_) => break,
                    Err(Begin::Failed(error)) => return Err(error),
                    // Another process has outgrown the map since LMDB looked at the file.
                    Err(Begin::Resized) => address_space::grow_alone(env)?,
                    // No thread of this process has one yet.
                    Err(Begin::NoSlot) => {
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
        let c_name = CString::new(name).map_err(|_| {
            Error::new(Status::BadName, "a name of a collection cannot contain a NUL character")
        })?;
        let space = Arc::new(Space { name: c_name, open: AtomicU64::new(0), flags: AtomicU32::new(0) });
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
        let table = self.table.lock();
        let is_open = |space: &&Arc<Space>| {
            space.db(u32::MAX).is_some() && !space.is_main() && !Arc::ptr_eq(space, &self.catalog)
        };
        memory::gather(table.values().filter(is_open).cloned().map(Ok))
    }

    /// A number is about to be closed: nobody gets it from here any more. No call of the process is under way.
    pub(crate) fn forget(&self, space: &Space) {
        if space.open.swap(0, Ordering::AcqRel) != 0 {
            self.open_now.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Drops names that nobody uses.
    pub(crate) fn prune(&self) {
        self.table.lock().retain(|_, space| space.db(u32::MAX).is_some() || Arc::strong_count(space) > 1);
    }

    /// Tells the process of an opening that LMDB has committed. The caller holds the writer lock.
    pub(crate) fn publish(&self, space: &Space, db: Db) {
        let when = self.openings.load(Ordering::Relaxed) + 1;
        let counts = !space.is_main() && !std::ptr::eq(space, &raw const *self.catalog);
        if counts && space.open.load(Ordering::Relaxed) == 0 {
            self.open_now.fetch_add(1, Ordering::Relaxed);
        }
        space.flags.store(db.flags, Ordering::Relaxed);
        space.open.store(u64::from(when) << 32 | u64::from(db.dbi), Ordering::Release);
        self.openings.store(when, Ordering::Release);
    }

    /// Opens a space for the process, unless it is open. `Ok(false)`: there is no such database.
    fn open(&self, env: &Arc<RawEnv>, space: &Space) -> Result<bool, Begin> {
        if space.db(u32::MAX).is_some() {
            return Ok(true);
        }
        let failed = |code: Code| code.error("opening a collection");
        let txn = RoTxn::begin(env).map_err(|code| Begin::new(code, failed))?;
        let Some(dbi) = txn.open_dbi(space.name(), 0).map_err(|code| self.explain(space, code))? else {
            return Ok(false);
        };
        let flags = txn.flags(dbi).map_err(failed)?;
        txn.commit().map_err(failed)?;
        self.publish(space, Db { dbi, flags });
        Ok(true)
    }

    /// The same in the process's turn to write.
    pub(crate) fn open_for_process(&self, env: &Arc<RawEnv>, space: &Space, turn: &Turn) -> Result<bool> {
        let engine = turn.engine();
        loop {
            let opened = engine.aside().begin(|| self.open(env, space))?;
            match opened {
                Some(found) => return Ok(found),
                None => engine.follow_growth_under(turn)?,
            }
        }
    }

    /// Says what a failed opening means.
    pub(crate) fn explain(&self, space: &Space, code: Code) -> Error {
        let name = space.name.to_string_lossy();
        match code.0 {
            lmdb_sys::MDB_DBS_FULL => Error::new(
                Status::CollectionsFull,
                format!(
                    "collection {name:?} cannot be opened: all {} places for open collections are taken; close some \
                     outside of transactions, or open the environment with a larger max_collections",
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
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
        let engine = env.shared().engine().unwrap();
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
        assert!(unused.upgrade().is_none());
        assert!(Arc::ptr_eq(&a, &spaces.named("a").unwrap()));
        let weak = Arc::downgrade(&b);
        drop(b);
        spaces.prune();
        assert!(weak.upgrade().is_some_and(|b| is_open(&b, u32::MAX)));
        assert_eq!(spaces.named("a\0b").unwrap_err().status(), Status::BadName);
    }
}
