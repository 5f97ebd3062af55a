//! Passes each call to the engine of its environment, by a match.
//!
//! The stack of a thread's transactions lies below the seam, in [`crate::engine::threads`], so it needs no dispatch of
//! its own: a [`Seat`] begins and ends transactions, reads and writes, and an iterator reads in a [`Session`].

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use crate::engine::lmdb;
#[cfg(feature = "memory-engine")]
use crate::engine::memory;
use crate::engine::notice::Notice;
#[cfg(feature = "postgres")]
use crate::engine::postgres;
use crate::engine::schema::{CollectionInfo, Schema};
use crate::engine::threads::opening::Opening;
use crate::engine::threads::seat::Seat as SeatOf;
use crate::engine::threads::seats::{self, OwnSeat, seat_of_thread};
use crate::engine::threads::stack::{NotEnded, Switched};
use crate::engine::{
    Access, Column, Columns, Figures, Leave, Limit, Op, Outcome, Range, ReaderFigures, ScanStart, Settings,
    Structure, Traits, Wait,
};
use crate::error::{Error, Result, Status};

/// Evaluates the same expression for each engine.
macro_rules! each {
    ($of:ident, $this:expr, $inner:pat => $call:expr) => {
        match $this {
            $of::Lmdb($inner) => $call,
            #[cfg(feature = "postgres")]
            $of::Postgres($inner) => aside(|| $call),
            #[cfg(feature = "memory-engine")]
            $of::Memory($inner) => $call,
        }
    };
}

/// Does the same, and wraps the result for the same engine.
macro_rules! wrapped {
    ($of:ident => $to:ident, $this:expr, $inner:pat => $call:expr) => {
        match $this {
            $of::Lmdb($inner) => $to::Lmdb($call),
            #[cfg(feature = "postgres")]
            $of::Postgres($inner) => $to::Postgres($call),
            #[cfg(feature = "memory-engine")]
            $of::Memory($inner) => $to::Memory($call),
        }
    };
}

/// Evaluates an expression on two values of the same engine.
macro_rules! both {
    ($a:ident, $b:ident, $x:expr, $y:expr, ($p:pat, $q:pat) => $call:expr) => {
        match ($x, $y) {
            ($a::Lmdb($p), $b::Lmdb($q)) => $call,
            #[cfg(feature = "postgres")]
            ($a::Postgres($p), $b::Postgres($q)) => aside(|| $call),
            #[cfg(feature = "memory-engine")]
            ($a::Memory($p), $b::Memory($q)) => $call,
            #[cfg(any(feature = "memory-engine", feature = "postgres"))]
            _ => Err(of_another_engine().into()),
        }
    };
}

/// Keeps the code of calls that wait for a server out of the hot calls on files.
#[cfg(feature = "postgres")]
#[cold]
#[inline(never)]
fn aside<R>(call: impl FnOnce() -> R) -> R {
    call()
}

/// Returns the error for a bug in the code above the seam, which must not mix the values of two environments.
#[cfg(any(feature = "memory-engine", feature = "postgres"))]
#[cold]
fn of_another_engine() -> Error {
    Error::new(Status::Panic, "a collection was used with another environment's transaction")
}

/// An open environment of one of the engines.
#[derive(Clone)]
pub(crate) enum Engine {
    Lmdb(Arc<lmdb::Engine>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<postgres::Engine>),
    #[cfg(feature = "memory-engine")]
    Memory(Arc<memory::Engine>),
}

/// An engine that may be closed.
pub(crate) enum WeakEngine {
    Lmdb(Weak<lmdb::Engine>),
    #[cfg(feature = "postgres")]
    Postgres(Weak<postgres::Engine>),
    #[cfg(feature = "memory-engine")]
    Memory(Weak<memory::Engine>),
}

/// The origin of an environment, from which it can be reopened.
pub(crate) enum Origin {
    Lmdb(lmdb::Origin),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Origin),
    #[cfg(feature = "memory-engine")]
    Memory(memory::Origin),
}

/// Opens an environment, or finds it open in this process.
pub(crate) fn open(path: &Path, create: bool, mode: u32, settings: &Settings) -> Result<Engine> {
    if let Some(url) = path.to_str().filter(|path| is_url(path)) {
        return open_url(url, create, settings);
    }
    #[cfg(feature = "postgres-engine")]
    if std::env::var_os("PC_ENGINE").is_none_or(|engine| engine != "lmdb") {
        // Without the server, the tests must not pass on files instead.
        let base = std::env::var("PC_POSTGRES_URL").map_err(|_| {
            Error::new(Status::Unavailable, "set PC_POSTGRES_URL, for example by `tools/postgres run`")
        })?;
        let number = postgres::number_of(path);
        let separator = if base.contains('?') { '&' } else { '?' };
        return open_url(&format!("{base}{separator}schema=path_{number:x}"), create, settings);
    }
    #[cfg(feature = "memory-engine")]
    if std::env::var_os("PC_ENGINE").is_none_or(|engine| engine != "lmdb") {
        return memory::open(path, create, settings).map(Engine::Memory);
    }
    lmdb::open(path, create, mode, settings).map(Engine::Lmdb)
}

/// The schemes of URLs that name an environment.
const SCHEMES: [&str; 2] = ["postgresql", "postgres"];

/// Returns true if a path is a URL of an engine.
pub(crate) fn is_url(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}

#[cfg(feature = "postgres")]
fn open_url(url: &str, create: bool, settings: &Settings) -> Result<Engine> {
    postgres::open(&postgres::Url::parse(url)?, create, settings).map(Engine::Postgres)
}

#[cfg(not(feature = "postgres"))]
fn open_url(_url: &str, _create: bool, _settings: &Settings) -> Result<Engine> {
    Err(Error::new(
        Status::Unsupported,
        "this library was built without PostgreSQL: build it with the feature `postgres`",
    ))
}

/// Returns the name of an environment for people: its path, or its URL without passwords.
#[cfg_attr(not(feature = "postgres"), allow(clippy::unnecessary_wraps))]
pub(crate) fn shown(path: &Path) -> Result<PathBuf> {
    #[cfg(feature = "postgres")]
    if let Some(url) = path.to_str().filter(|path| is_url(path)) {
        return Ok(PathBuf::from(postgres::Url::parse(url)?.shown));
    }
    Ok(path.to_owned())
}

impl Origin {
    /// Returns true if each call is a round trip to a server.
    pub(crate) fn is_remote(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Origin::Postgres(_) => true,
            _ => false,
        }
    }

    /// Reopens the environment in the child of a fork.
    pub(crate) fn open(&self) -> Result<Engine> {
        Ok(match self {
            Origin::Lmdb(origin) => Engine::Lmdb(lmdb::open_inherited(origin)?),
            #[cfg(feature = "postgres")]
            Origin::Postgres(origin) => Engine::Postgres(postgres::open_inherited(origin)?),
            #[cfg(feature = "memory-engine")]
            Origin::Memory(origin) => Engine::Memory(memory::open_inherited(origin)?),
        })
    }

    /// Finds the calling thread's seat, or makes it with the engine that `engine` returns.
    #[inline]
    pub(crate) fn seat_of_thread(
        &self,
        opening: &Arc<Opening>,
        engine: impl FnOnce() -> Result<Engine>,
    ) -> Result<Seat> {
        Ok(match self {
            Origin::Lmdb(_) => Seat::Lmdb(seat_of_thread(opening, || match engine()? {
                Engine::Lmdb(engine) => Ok(engine),
                #[cfg(any(feature = "memory-engine", feature = "postgres"))]
                _ => Err(of_another_engine()),
            })?),
            #[cfg(feature = "postgres")]
            Origin::Postgres(_) => Seat::Postgres(seat_of_thread(opening, || match engine()? {
                Engine::Postgres(engine) => Ok(engine),
                Engine::Lmdb(_) => Err(of_another_engine()),
                #[cfg(feature = "memory-engine")]
                Engine::Memory(_) => Err(of_another_engine()),
            })?),
            #[cfg(feature = "memory-engine")]
            Origin::Memory(_) => Seat::Memory(seat_of_thread(opening, || match engine()? {
                Engine::Memory(engine) => Ok(engine),
                Engine::Lmdb(_) => Err(of_another_engine()),
                #[cfg(feature = "postgres")]
                Engine::Postgres(_) => Err(of_another_engine()),
            })?),
        })
    }
}

impl Engine {
    pub(crate) fn is_same(&self, other: &Engine) -> bool {
        match (self, other) {
            (Engine::Lmdb(one), Engine::Lmdb(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "postgres")]
            (Engine::Postgres(one), Engine::Postgres(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "memory-engine")]
            (Engine::Memory(one), Engine::Memory(other)) => Arc::ptr_eq(one, other),
            #[cfg(any(feature = "memory-engine", feature = "postgres"))]
            _ => false,
        }
    }

    pub(crate) fn downgrade(&self) -> WeakEngine {
        wrapped!(Engine => WeakEngine, self, engine => Arc::downgrade(engine))
    }

    pub(crate) fn origin(&self) -> Origin {
        wrapped!(Engine => Origin, self, engine => engine.origin())
    }

    pub(crate) fn settings(&self) -> &Settings {
        each!(Engine, self, engine => engine.settings())
    }

    /// Returns the process's count of commits, which may outlive the engine.
    pub(crate) fn commits(&self) -> Arc<AtomicU64> {
        each!(Engine, self, engine => engine.commits())
    }

    /// Reports to an opening when the environment fails.
    pub(crate) fn admit(&self, opening: &Arc<Opening>) {
        each!(Engine, self, engine => engine.admit(opening));
    }

    /// Returns the engine's abilities.
    pub(crate) fn traits(&self) -> Traits {
        each!(Engine, self, engine => engine.traits())
    }

    /// Prepares the notice for a wait, so that commits of other processes reach it.
    #[cfg_attr(not(feature = "postgres"), allow(clippy::unnecessary_wraps))]
    pub(crate) fn listen(&self) -> Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => engine.listen(),
            _ => Ok(()),
        }
    }

    /// Returns the notice by which threads that wait for a commit learn of it.
    pub(crate) fn notice(&self) -> &Notice {
        each!(Engine, self, engine => engine.notice())
    }

    /// Closes an opening: its calls fail from now on, and those that wait for a commit end. Does not wait.
    pub(crate) fn close(&self, opening: &Opening) {
        each!(Engine, self, engine => engine.seats().close(opening));
        self.notice().wake();
    }

    /// Releases the resources of a failed opening. Returns true if the calling thread itself keeps the environment
    /// open.
    pub(crate) fn retire(&self, opening: &Opening) -> bool {
        each!(Engine, self, engine => engine.seats().retire(opening))
    }
}

/// Accessors for the LMDB engine's own tests.
#[cfg(all(test, not(feature = "memory-engine")))]
#[allow(irrefutable_let_patterns)] // as with one engine only
impl Engine {
    pub(crate) fn into_lmdb(self) -> Arc<lmdb::Engine> {
        let Engine::Lmdb(engine) = self else { unreachable!("the tests open files") };
        engine
    }
}

#[cfg(all(test, not(feature = "memory-engine")))]
#[allow(irrefutable_let_patterns)] // as with one engine only
impl Seat {
    pub(crate) fn into_lmdb(self) -> OwnSeat<lmdb::Engine> {
        let Seat::Lmdb(seat) = self else { unreachable!("the tests open files") };
        seat
    }
}

impl WeakEngine {
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        Some(wrapped!(WeakEngine => Engine, self, engine => engine.upgrade()?))
    }
}

/// The calling thread's seat in an environment, with its stack of transactions.
pub(crate) enum Seat {
    Lmdb(OwnSeat<lmdb::Engine>),
    #[cfg(feature = "postgres")]
    Postgres(OwnSeat<postgres::Engine>),
    #[cfg(feature = "memory-engine")]
    Memory(OwnSeat<memory::Engine>),
}

/// The seat of an iterator, with its snapshot.
pub(crate) enum SnapshotSeat {
    Lmdb(Arc<SeatOf<lmdb::Engine>>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<SeatOf<postgres::Engine>>),
    #[cfg(feature = "memory-engine")]
    Memory(Arc<SeatOf<memory::Engine>>),
}

/// A thread's seat, which may be closed.
#[derive(Clone)]
pub(crate) enum WeakSeat {
    Lmdb(Weak<SeatOf<lmdb::Engine>>),
    #[cfg(feature = "postgres")]
    Postgres(Weak<SeatOf<postgres::Engine>>),
    #[cfg(feature = "memory-engine")]
    Memory(Weak<SeatOf<memory::Engine>>),
}

impl WeakSeat {
    /// Asks the seat's thread to undo a level at its next call.
    pub(crate) fn mark(&self, level: u64) -> Result<()> {
        each!(WeakSeat, self, seat => seat.upgrade().map_or(Ok(()), |seat| seat.mark(level)))
    }
}

impl Seat {
    pub(crate) fn downgrade(&self) -> WeakSeat {
        wrapped!(Seat => WeakSeat, self, seat => Arc::downgrade(seat))
    }

    pub(crate) fn is(&self, other: &WeakSeat) -> bool {
        match (self, other) {
            (Seat::Lmdb(seat), WeakSeat::Lmdb(other)) => std::ptr::eq(other.as_ptr(), Arc::as_ptr(seat)),
            #[cfg(feature = "postgres")]
            (Seat::Postgres(seat), WeakSeat::Postgres(other)) => {
                std::ptr::eq(other.as_ptr(), Arc::as_ptr(seat))
            }
            #[cfg(feature = "memory-engine")]
            (Seat::Memory(seat), WeakSeat::Memory(other)) => std::ptr::eq(other.as_ptr(), Arc::as_ptr(seat)),
            #[cfg(any(feature = "memory-engine", feature = "postgres"))]
            _ => false,
        }
    }

    /// Begins a transaction, or a level inside the current one, and returns its number.
    pub(crate) fn begin(&self, access: Access, wait: Wait) -> Result<u64> {
        each!(Seat, self, seat => seat.begin(access, wait))
    }

    /// Commits or aborts a level of the calling thread, which must be the innermost one of its stack.
    pub(crate) fn end(&self, level: u64, commit: bool) -> Result<(), NotEnded> {
        each!(Seat, self, seat => seat.end(level, commit))
    }

    /// Aborts a level with all levels inside, if it exists.
    pub(crate) fn undo(&self, level: u64) -> Result<()> {
        each!(Seat, self, seat => seat.undo(level))
    }

    /// Returns the innermost level of the current stack, or `None` outside of transactions.
    #[inline]
    pub(crate) fn innermost(&self) -> Result<Option<u64>> {
        each!(Seat, self, seat => seat.innermost())
    }

    /// Makes the stack with this innermost level the current one, or none.
    pub(crate) fn set_current(&self, level: Option<u64>) -> Result<Switched> {
        each!(Seat, self, seat => seat.set_current(level))
    }

    /// Opens the collection for the process, if necessary, so that a later snapshot can use it.
    pub(crate) fn open_ahead(&self, opened: &Opened) -> Result<()> {
        both!(Seat, Opened, self, opened, (seat, opened) => seat.read(|reader| reader.open(opened)))
    }

    /// Passes a key's value to `f`. Like all methods below, it reads in the current transaction or in the newest
    /// snapshot.
    #[inline]
    pub(crate) fn get<R>(
        &self,
        opened: &Opened,
        key: &[u8],
        f: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let mut f = Some(f);
        let mut show = |value: &[u8]| f.take().map(|f| f(value));
        let found = both!(Seat, Opened, self, opened, (seat, opened) => {
            seat.read(|reader| reader.value(opened, key, &mut show))
        });
        found.map(Option::flatten)
    }

    /// Passes the value of each key to `f`, with the key's index. Starts over at the first key if the engine must do
    /// something outside of the call.
    pub(crate) fn get_many(
        &self,
        opened: &Opened,
        keys: &Column<'_>,
        mut f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        both!(Seat, Opened, self, opened, (seat, opened) => {
            seat.read(|reader| reader.values_of(opened, keys, &mut f))
        })
    }

    /// Returns the number of the commit that a read outside of transactions sees now.
    pub(crate) fn newest_commit(&self) -> Result<u64> {
        match self {
            Seat::Lmdb(seat) => seat.read(|reader| Ok(reader.commit())),
            #[cfg(feature = "postgres")]
            Seat::Postgres(seat) => seat.newest_commit(),
            #[cfg(feature = "memory-engine")]
            Seat::Memory(seat) => seat.read(|reader| Ok(reader.commit())),
        }
    }

    /// Counts the records.
    pub(crate) fn len(&self, opened: &Opened) -> Result<u64> {
        both!(Seat, Opened, self, opened, (seat, opened) => seat.read(|reader| reader.count(opened)))
    }

    /// Passes the first record of a range, in its direction, to `f`.
    pub(crate) fn edge<R>(
        &self,
        opened: &Opened,
        range: &Range,
        f: impl FnOnce(&[u8], &[u8]) -> R,
    ) -> Result<Option<R>> {
        let mut f = Some(f);
        let mut show = |key: &[u8], value: &[u8]| f.take().map(|f| f(key, value));
        let found = both!(Seat, Opened, self, opened, (seat, opened) => {
            seat.read(|reader| reader.edge(opened, range, &mut show))
        });
        found.map(Option::flatten)
    }

    /// Passes the records of a range to `f` until it returns false. Passes `None` before the first record, and again
    /// each time the walk starts over.
    pub(crate) fn each(
        &self,
        opened: &Opened,
        range: &Range,
        mut f: impl FnMut(Option<(&[u8], &[u8])>) -> bool,
    ) -> Result<()> {
        both!(Seat, Opened, self, opened, (seat, opened) => {
            seat.read(|reader| {
                f(None);
                reader.each_of(opened, range, |key, value| f(Some((key, value))))
            })
        })
    }

    /// Reads records from the beginning of a range into columns.
    pub(crate) fn scan(
        &self,
        opened: &Opened,
        range: &Range,
        limit: Limit,
        out: &mut Columns,
    ) -> Result<Scanned> {
        both!(Seat, Opened, self, opened, (seat, opened) => {
            seat.read(|reader| {
                out.clear();
                let is_all = reader.scan_of(opened, range, ScanStart::Range, limit, out)?;
                Ok(Scanned { is_all, commit: reader.commit() })
            })
        })
    }

    /// Returns the address and length of a key's value, which stay valid until the transaction ends or writes.
    pub(crate) fn lend(&self, opened: &Opened, key: &[u8]) -> Result<Option<(*const u8, usize)>> {
        both!(Seat, Opened, self, opened, (seat, opened) => seat.read(|reader| reader.lend(opened, key)))
    }

    /// Reads in the stack of a level.
    pub(crate) fn read_in<R>(
        &self,
        level: u64,
        look: impl FnOnce(&mut Session<'_, '_>) -> Result<R>,
    ) -> Result<R> {
        match self {
            Seat::Lmdb(seat) => seat.call(|call| look(&mut Session::Lmdb(&mut call.reader_in(level)?))),
            #[cfg(feature = "postgres")]
            Seat::Postgres(seat) => {
                seat.call(|call| look(&mut Session::Postgres(&mut call.reader_in(level)?)))
            }
            #[cfg(feature = "memory-engine")]
            Seat::Memory(seat) => seat.call(|call| look(&mut Session::Memory(&mut call.reader_in(level)?))),
        }
    }

    /// Begins a snapshot that can read a collection until it ends. The thread must not be in a transaction.
    pub(crate) fn snapshot_of(&self, opened: &Opened) -> Result<SnapshotSeat> {
        Ok(match (self, opened) {
            (Seat::Lmdb(seat), Opened::Lmdb(opened)) => SnapshotSeat::Lmdb(seat.snapshot_of(opened)?),
            #[cfg(feature = "postgres")]
            (Seat::Postgres(seat), Opened::Postgres(opened)) => {
                SnapshotSeat::Postgres(seat.snapshot_of(opened)?)
            }
            #[cfg(feature = "memory-engine")]
            (Seat::Memory(seat), Opened::Memory(opened)) => SnapshotSeat::Memory(seat.snapshot_of(opened)?),
            #[cfg(any(feature = "memory-engine", feature = "postgres"))]
            _ => return Err(of_another_engine()),
        })
    }

    /// Writes to a collection, in the thread's current transaction or in its own.
    #[inline]
    pub(crate) fn write(&self, opened: &Opened, op: &Op<'_>) -> Result<Outcome> {
        both!(Seat, Opened, self, opened, (seat, opened) => seat.write(opened, op))
    }

    /// Opens a collection, or creates it with a schema. Returns `None` if it does not exist and `create` is `None`.
    pub(crate) fn open_collection(&self, name: &str, create: Option<&Schema>) -> Result<Option<Opened>> {
        Ok(Some(wrapped!(Seat => Opened, self, seat => match seat.open_collection(name, create)? {
            Some(opened) => opened,
            None => return Ok(None),
        })))
    }

    /// Lists all collections by name.
    pub(crate) fn collections(&self) -> Result<Vec<CollectionInfo>> {
        each!(Seat, self, seat => seat.collections())
    }

    /// Returns the information about a collection, or `None` if it does not exist.
    pub(crate) fn collection(&self, name: &str) -> Result<Option<CollectionInfo>> {
        each!(Seat, self, seat => seat.collection(name))
    }

    /// Removes a collection with all its records. Returns `false` if it does not exist.
    pub(crate) fn drop_collection(&self, name: &str) -> Result<bool> {
        each!(Seat, self, seat => seat.drop_collection(name))
    }

    /// Returns true if the thread's calls are part of a write transaction.
    pub(crate) fn in_write(&self) -> Result<bool> {
        each!(Seat, self, seat => seat.in_write())
    }

    /// Flushes all commits to stable storage.
    pub(crate) fn flush(&self) -> Result<()> {
        each!(Seat, self, seat => seat.flush())
    }

    /// Reports on the environment.
    pub(crate) fn figures(&self) -> Result<Figures> {
        each!(Seat, self, seat => seat.figures())
    }

    /// Lists the reader slots in use, of all processes.
    pub(crate) fn readers(&self) -> Result<Vec<ReaderFigures>> {
        each!(Seat, self, seat => seat.readers())
    }

    /// Frees the reader slots of dead processes and returns their number.
    pub(crate) fn reap_readers(&self) -> Result<u32> {
        each!(Seat, self, seat => seat.reap_readers())
    }

    /// Copies the newest commit to a path. Returns `Ok(false)` if the path already exists.
    pub(crate) fn copy_to(&self, path: &Path, compact: bool) -> Result<bool> {
        each!(Seat, self, seat => seat.copy_to(path, compact))
    }

    /// Checks the structure of the stored data.
    pub(crate) fn check(&self) -> Result<Structure> {
        each!(Seat, self, seat => seat.check())
    }
}

impl Drop for SnapshotSeat {
    fn drop(&mut self) {
        each!(SnapshotSeat, self, seat => seats::hand_back(seat));
    }
}

impl SnapshotSeat {
    /// Reads in its snapshot.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&mut Session<'_, '_>) -> Result<R>) -> Result<R> {
        match self {
            SnapshotSeat::Lmdb(seat) => seat.call(|call| look(&mut Session::Lmdb(&mut call.reader()?))),
            #[cfg(feature = "postgres")]
            SnapshotSeat::Postgres(seat) => {
                seat.call(|call| look(&mut Session::Postgres(&mut call.reader()?)))
            }
            #[cfg(feature = "memory-engine")]
            SnapshotSeat::Memory(seat) => seat.call(|call| look(&mut Session::Memory(&mut call.reader()?))),
        }
    }
}

/// Releases the calling thread's resources in closed environments. Must not run inside a call of a seat.
pub(crate) fn leave_closed_seats() {
    seats::leave_closed_seats::<lmdb::Engine>();
    #[cfg(feature = "postgres")]
    if postgres::was_opened() {
        seats::leave_closed_seats::<postgres::Engine>();
    }
    #[cfg(feature = "memory-engine")]
    seats::leave_closed_seats::<memory::Engine>();
}

/// An open collection, as its engine sees it.
pub(crate) enum Opened {
    Lmdb(lmdb::Opened),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Opened),
    #[cfg(feature = "memory-engine")]
    Memory(memory::Opened),
}

impl Opened {
    /// Returns the schema, or `None` for a raw collection, whose types the caller chooses.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        each!(Opened, self, opened => opened.schema())
    }

    /// Returns true if both are the same collection of the same environment.
    pub(crate) fn is_same(&self, other: &Opened) -> bool {
        match (self, other) {
            (Opened::Lmdb(one), Opened::Lmdb(other)) => one.is_same(other),
            #[cfg(feature = "postgres")]
            (Opened::Postgres(one), Opened::Postgres(other)) => one.is_same(other),
            #[cfg(feature = "memory-engine")]
            (Opened::Memory(one), Opened::Memory(other)) => one.is_same(other),
            #[cfg(any(feature = "memory-engine", feature = "postgres"))]
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn is_raw(&self) -> bool {
        each!(Opened, self, opened => opened.is_raw())
    }

    /// Returns true if a key can have several values.
    #[inline]
    pub(crate) fn has_duplicates(&self) -> bool {
        each!(Opened, self, opened => opened.has_duplicates())
    }

    /// Returns true if keys must have the size of an `unsigned int` or a `size_t`.
    pub(crate) fn has_integer_keys(&self) -> bool {
        each!(Opened, self, opened => opened.has_integer_keys())
    }

    /// Returns true if its keys sort bytewise.
    pub(crate) fn is_bytewise(&self) -> bool {
        each!(Opened, self, opened => opened.is_bytewise())
    }
}

/// The outcome of a scan from the beginning of a range.
pub(crate) struct Scanned {
    /// True if the whole range was read.
    pub is_all: bool,
    /// The commit that was read.
    pub commit: u64,
}

/// The source of an iterator's reads: a snapshot, or a write transaction with its own writes.
pub(crate) enum Session<'s, 'c> {
    Lmdb(&'s mut lmdb::Reader<'c>),
    #[cfg(feature = "postgres")]
    Postgres(&'s mut postgres::Reader<'c>),
    #[cfg(feature = "memory-engine")]
    Memory(&'s mut memory::Reader<'c>),
}

impl Session<'_, '_> {
    /// Reads records of a range into columns, from a position on. Returns true if it reached the end of the range.
    pub(crate) fn scan(
        &mut self,
        opened: &Opened,
        range: &Range,
        from: ScanStart<'_>,
        limit: Limit,
        out: &mut Columns,
    ) -> Result<bool, Leave> {
        both!(Session, Opened, self, opened, (reader, opened) => reader.scan_of(opened, range, from, limit, out))
    }

    /// Returns the number of the commit that it reads, or of the commit that its writes will be.
    pub(crate) fn commit(&self) -> u64 {
        each!(Session, self, reader => reader.commit())
    }

    /// Returns the number of writes that it has seen: always 0 in a snapshot.
    pub(crate) fn writes(&self) -> u64 {
        each!(Session, self, reader => reader.writes())
    }
}
