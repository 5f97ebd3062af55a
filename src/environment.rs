//! Environments: opening, closing, and what they tell of themselves.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::engine::fork::PerProcess;
use crate::engine::sync::Mutex;
use crate::engine::{
    self, Call, Engine, Op, Opening, Origin, Outcome, Reader, ReaderFigures, Space, State, Structure, Wait,
    seat_of_thread,
};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short, TryGrow};
use crate::options::Options;
use crate::report::{Info, ReaderInfo, Report};
use crate::store::catalog::{self, CollectionInfo, Looked};
use crate::transaction::{Access, Transaction, TxnRef};

/// An environment: files that hold any number of dicts and sets.
///
/// Clones are the same environment, and so is another opening of the same files in this process. It is closed
/// when the last clone is dropped; dicts and sets hold one. May be used from any thread.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use persistent_collections::{Dict, Environment, Options};
/// let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let ages = Dict::<String, i64>::open(&env, "ages")?;
/// ages.put("Ada", &36)?;
/// assert_eq!(ages.get("Ada")?, Some(36));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Environment {
    held: Arc<Held>,
}

/// What the clones of one opening share; gives the opening back when the last is gone.
struct Held {
    shared: Arc<Shared>,
    given_back: AtomicBool,
}

/// One environment as this process has it open, however often.
pub(crate) struct Shared {
    opening: Arc<Opening>,
    /// What the child of a fork opens it by.
    origin: Origin,
    /// Taken out when the environment is closed.
    engine: Mutex<Option<Arc<Engine>>>,
    /// What it was taken out of `engine` for, where it has failed and the files are opened anew.
    retired: Mutex<Weak<Engine>>,
    /// How often it is open.
    opened: AtomicUsize,
    path: PathBuf,
}

/// The most collections and readers that can be asked for: what LMDB counts in an `int` stays in its range.
const MOST_PLACES: u32 = 1_000_000;

/// The environments that are open, so that a second opening finds the first.
static OPEN: PerProcess<Mutex<Vec<Weak<Shared>>>> = PerProcess::new();

impl Environment {
    /// Opens an environment, or makes it.
    ///
    /// The same files opened twice in a process are one environment; options that differ from the first opening's are
    /// [`Status::OptionsDiffer`], but `max_collections`, `max_readers` and `map_size` may be smaller. Waits up to
    /// `write_timeout` while another process or thread opens the same files ([`Status::Busy`]). A path with a scheme (`scheme://…`) is reserved.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Environment> {
        let path = path.as_ref();
        check_path(path)?;
        if options.flush_interval.is_some_and(|interval| interval.is_zero()) {
            return Err(Error::new(
                Status::InvalidArgument,
                "flush_interval is zero; give a time to wait between two flushes, or None",
            ));
        }
        for (name, given) in
            [("max_collections", options.max_collections), ("max_readers", options.max_readers)]
        {
            if !(1..=MOST_PLACES).contains(&given) {
                return Err(Error::new(
                    Status::InvalidArgument,
                    format!("{name} is {given}, and must be from 1 to {MOST_PLACES}"),
                ));
            }
        }
        loop {
            let opened =
                Self::join(path, || engine::open(path, options.create, options.mode, &options.settings()));
            match opened {
                Err((error, hopeless)) if error.status() == Status::EnvFailed => {
                    if hopeless || !engine::wait_until_closed(path, options.no_subdir, options.write_timeout)?
                    {
                        return Err(still_in_use(path));
                    }
                }
                opened => {
                    let (env, is_shared) = opened.map_err(|(error, _)| error)?;
                    // What was not open before has been checked by the engine.
                    if options.verify_on_open && is_shared {
                        env.check()?;
                    }
                    return Ok(env);
                }
            }
        }
    }

    /// Opens files, or finds them open. Gives also whether they were open already.
    ///
    /// Fails with [`Status::EnvFailed`] where the files are still open from before a failure, and then tells
    /// whether the calling thread itself keeps them open, so that waiting is in vain.
    fn join(
        path: &Path,
        open_files: impl FnOnce() -> Result<Arc<Engine>>,
    ) -> Result<(Environment, bool), (Error, bool)> {
        let mut hopeless = false;
        // A copy of the list, since what is dropped here may take the lock.
        let listed = listed().map_err(|none| (none.into(), false))?;
        for shared in &listed {
            hopeless |= shared.retire_if_failed() && shared.path == path;
        }
        drop(listed);
        // Without the lock: opening may wait for other processes, and others open other files meanwhile. The engine
        // stays open as long as it is held here, even if the environment that has it is closed now.
        let engine = open_files().map_err(|error| (error, hopeless))?;
        let mut open = OPEN.get().lock();
        open.retain(|shared| shared.strong_count() > 0);
        open.try_room(1).map_err(|none| (none.into(), hopeless))?;
        let found = open.iter().filter_map(Weak::upgrade).find(|shared| shared.is_of(&engine));
        let is_shared = found.is_some();
        let shared = found.unwrap_or_else(|| {
            let shared = Arc::new(Shared {
                opening: Opening::new(),
                origin: engine.origin(),
                engine: Mutex::new(Some(engine)),
                retired: Mutex::new(Weak::new()),
                opened: AtomicUsize::new(0),
                path: path.to_owned(),
            });
            open.push(Arc::downgrade(&shared));
            shared.admit();
            shared
        });
        shared.opened.fetch_add(1, Ordering::Relaxed);
        let held = Arc::new(Held { shared, given_back: AtomicBool::new(false) });
        Ok((Environment { held }, is_shared))
    }

    /// Opens the same files once more: another opening of this environment, which is given back by itself.
    ///
    /// The files are found where the first opening found them, and never by the path, which may lead elsewhere by now.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let other = env.reopen()?;
    /// Dict::<String, i64>::open(&env, "ages")?.put("Ada", &36)?;
    /// assert_eq!(Dict::<String, i64>::open(&other, "ages")?.get("Ada")?, Some(36));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reopen(&self) -> Result<Environment> {
        let shared = self.shared();
        if shared.opening.check_process().is_err() {
            return Self::join(&shared.path, || engine::open_inherited(&shared.origin))
                .map(|(env, _)| env)
                .map_err(|(error, _)| error);
        }
        // Under the lock that closing takes: it is not closed between the look and the count.
        let _open = OPEN.get().lock();
        shared.engine()?;
        shared.opened.fetch_add(1, Ordering::Relaxed);
        let held = Held { shared: Arc::clone(shared), given_back: AtomicBool::new(false) };
        Ok(Environment { held: Arc::new(held) })
    }

    /// The path that it was first opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.held.shared.path
    }

    /// Puts everything committed on stable storage, whatever the durability. Not inside the thread's own write
    /// transaction ([`Status::InTransaction`]).
    pub fn flush(&self) -> Result<()> {
        self.shared().call(|call| {
            if call.current().is_some_and(|root| root.is_write()) {
                return Err(Error::new(
                    Status::InTransaction,
                    "a flush inside the thread's own write transaction would not cover it; end it first",
                ));
            }
            call.engine()?.flush()
        })
    }

    /// Figures of the environment.
    pub fn info(&self) -> Result<Info> {
        let figures = self.shared().call(|call| {
            let snapshot = call.snapshot()?;
            call.engine()?.figures(&snapshot)
        })?;
        let engine = self.shared().engine()?;
        let collections = u32::try_from(self.collections()?.len()).unwrap_or(u32::MAX);
        let settings = engine.settings();
        Ok(Info {
            map_size: figures.map_size,
            file_size: figures.file_size,
            page_size: figures.page_size,
            pages_used: figures.pages_used,
            pages_free: figures.pages_free,
            last_txn: figures.last_txn,
            max_readers: figures.max_readers,
            readers: figures.readers,
            oldest_reader_txn: figures.oldest_reader_txn,
            max_collections: settings.max_collections,
            collections,
            durability: settings.durability,
            read_only: settings.read_only,
            immutable: settings.immutable,
            no_subdir: settings.no_subdir,
            pages_held: figures.pages_held,
            data_format: figures.data_format,
            lock_format: figures.lock_format,
        })
    }

    /// The reader slots that are taken, of all processes.
    pub fn readers(&self) -> Result<Vec<ReaderInfo>> {
        let readers = self.shared().call(|call| call.engine()?.readers())?;
        memory::gather(readers.into_iter().map(|ReaderFigures { process, thread, txn, behind }| {
            Ok(ReaderInfo { process, thread, txn, behind })
        }))
    }

    /// Frees the reader slots of processes that ended without doing so; gives how many there were. Opening does
    /// so too, and a read that finds no slot free.
    pub fn reap_readers(&self) -> Result<u32> {
        self.shared().call(|call| call.engine()?.reap_readers())
    }

    /// Copies the newest commit to a path that has nothing yet, while others go on reading and writing. The copy
    /// is of the same kind: a directory, or a file where this one has `no_subdir`. `compact` leaves out free
    /// pages, and takes longer.
    ///
    /// `Ok(false)`: there is something at the path already, and it was left. The copy is written under another
    /// name, synced, and then given its own: a copy that failed or was cut short is no environment. Inside a
    /// snapshot the newest commit is copied all the same; inside the thread's own write transaction it is
    /// [`Status::InTransaction`]. Where the map must grow meanwhile, a write waits for a compacting copy, as
    /// long as it waits for other writers.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// Dict::<String, i64>::open(&env, "ages")?.put("Ada", &36)?;
    /// assert!(env.copy_to(dir.path().join("backup"), true)?);
    /// let backup = Environment::open(dir.path().join("backup"), &Options::default())?;
    /// assert_eq!(Dict::<String, i64>::open(&backup, "ages")?.get("Ada")?, Some(36));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copy_to(&self, path: impl AsRef<Path>, compact: bool) -> Result<bool> {
        let path = path.as_ref();
        check_path(path)?;
        let shared = self.shared();
        let engine = shared.call(|call| {
            if call.current().is_some_and(|root| root.is_write()) {
                return Err(Error::new(
                    Status::InTransaction,
                    "a copy made inside the thread's own write transaction would not have its writes; end it first",
                ));
            }
            Ok(Arc::clone(call.engine()?))
        })?;
        engine.copy_to(path, compact, || shared.call(|call| call.snapshot()))
    }

    /// Checks the structure of the data file as of the newest commit, while others go on reading and writing: that
    /// each page is what it should be where it stands, is used once or free, that keys stand in order, and that
    /// counts are right. Values are not decoded. [`Status::Corrupted`]: the first damage found, with its page.
    ///
    /// Every page that is in use is read once, from the file and not from the map, so that damage cannot harm the
    /// process; one bit of memory is taken for each. What the check's snapshot keeps cannot be used again until it
    /// is done. [`Status::Busy`]: others write so quickly that no moment between two commits was found. What other
    /// transactions have not committed is not looked at, the thread's own among them.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// Dict::<String, i64>::open(&env, "ages")?.put("Ada", &36)?;
    /// let report = env.check()?;
    /// assert_eq!(report.collections, 1);
    /// assert_eq!(report.pages, report.used + report.free + report.lost);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self) -> Result<Report> {
        let shared = self.shared();
        let engine = shared.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let found = engine.check(|| shared.call(|call| call.snapshot()))?;
        let Structure { pages, used, free, lost, collections } = found;
        Ok(Report { pages, used, free, lost, collections })
    }

    /// All collections by name. Opens none of them.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        catalog::list(self.shared())
    }

    /// What is known of one collection; `None`: there is none of that name.
    pub fn schema(&self, name: &str) -> Result<Option<CollectionInfo>> {
        catalog::find(self.shared(), name)
    }

    /// Removes a collection with all that is in it. `Ok(false)`: there is none of that name.
    ///
    /// Open dicts and sets of it answer [`Status::NoCollection`] from then on.
    pub fn drop_collection(&self, name: &str) -> Result<bool> {
        catalog::drop_collection(self.shared(), name)
    }

    /// Begins a write transaction that the calling thread's next calls are part of, until it is committed,
    /// aborted or dropped (which aborts). Inside another it is a savepoint.
    pub fn begin_write(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::Write, Wait::Default)
    }

    /// Begins a write transaction whose commit does not wait for stable storage, whatever the environment's
    /// durability is: a crash of the system may lose or damage what was committed since the last flush or durable
    /// commit, a crash of the process loses nothing. Inside another write transaction it is a savepoint like any.
    ///
    /// # Errors
    ///
    /// As [`Environment::begin_write`].
    pub fn begin_unsynced(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::WriteUnsynced, Wait::Default)
    }

    /// Begins a snapshot: the calling thread's reads see one state until it ends.
    pub fn begin_read(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::Read, Wait::Default)
    }

    /// Runs `f` in a write transaction: committed if `f` succeeds, undone if it fails.
    ///
    /// `f` is run again where the engine asks for it ([`Status::MapFull`], [`Status::Conflict`]).
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let from = Dict::<String, i64>::open(&env, "from")?;
    /// let to = Dict::<String, i64>::open(&env, "to")?;
    /// env.transaction(|| {
    ///     from.add("Ada", -5)?;
    ///     to.add("Ada", 5)
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transaction<R>(&self, mut f: impl FnMut() -> Result<R>) -> Result<R> {
        /// Each run with a map twice as large, so that this is never reached.
        const AT_MOST: usize = 64;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let txn = self.begin_write()?;
            let outcome = f().and_then(|result| txn.commit().map(|()| result));
            match outcome {
                Err(error) if again(&error) && attempt < AT_MOST && !self.in_transaction()? => {}
                outcome => return outcome,
            }
        }
    }

    fn in_transaction(&self) -> Result<bool> {
        Ok(TxnRef::current(self)?.is_some())
    }

    /// Runs `f` in a snapshot.
    pub fn snapshot<R>(&self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        let txn = self.begin_read()?;
        let result = f()?;
        txn.commit()?;
        Ok(result)
    }

    /// Gives this opening back; when it was the last, the environment is closed: its transactions end, and
    /// all that stands on it fails. Does not wait for calls under way: the last one out releases the files.
    pub(crate) fn close(&self) {
        self.held.give_back();
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.held.shared
    }
}

/// The environments that are open.
fn listed() -> Result<Vec<Arc<Shared>>, NoMemory> {
    let open = OPEN.get().lock();
    let mut listed = memory::room_for(open.len())?;
    listed.extend(open.iter().filter_map(Weak::upgrade));
    Ok(listed)
}

fn closed() -> Error {
    Error::new(Status::BadHandle, "the environment was closed; open it again")
}

fn again(error: &Error) -> bool {
    // A full map has grown since; if it could not, the next beginning says why.
    matches!(error.status(), Status::Conflict | Status::MapFull)
}

fn still_in_use(path: &Path) -> Error {
    Error::new(
        Status::MapBusy,
        format!(
            "{} has met a failure and cannot be opened anew while a snapshot of before lends references into it; end \
             that first",
            path.display()
        ),
    )
}

/// Refuses what no path of a file can be.
fn check_path(path: &Path) -> Result<()> {
    // Longer ones the system refuses; here before they are copied and quoted.
    const LONGEST: usize = libc::PATH_MAX as usize;
    let length = path.as_os_str().len();
    if length >= LONGEST {
        return Err(Error::new(
            Status::InvalidArgument,
            format!("a path has at most {} bytes, this one has {length}", LONGEST - 1),
        ));
    }
    let Some(scheme) = scheme(path) else { return Ok(()) };
    Err(Error::new(
        Status::Unsupported,
        format!("{}:// is not supported: only paths of local files are", Short(scheme)),
    ))
}

fn scheme(path: &Path) -> Option<&str> {
    let (scheme, _) = path.to_str()?.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({:?})", self.path())
    }
}

impl Held {
    fn give_back(&self) {
        let of_parent = self.shared.opening.check_process().is_err();
        if self.given_back.swap(true, Ordering::AcqRel) || of_parent {
            return;
        }
        // Under the lock, so that nobody finds it open between the count and the closing.
        let _open = OPEN.get().lock();
        if self.shared.opened.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.close();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Shared {
    fn is_of(&self, engine: &Arc<Engine>) -> bool {
        self.opening.state() == State::Open
            && self.engine.lock().as_ref().is_some_and(|own| Arc::ptr_eq(own, engine))
    }

    /// Lets the engine tell when it fails.
    fn admit(&self) {
        if let Some(engine) = &*self.engine.lock() {
            engine.admit(&self.opening);
        }
    }

    /// Lets go what has failed, so that its files can be opened anew. Gives whether the calling thread keeps it
    /// open.
    fn retire_if_failed(&self) -> bool {
        if self.opening.state() != State::Failed {
            return false;
        }
        let mut retired = self.retired.lock();
        if let Some(engine) = self.engine.lock().take() {
            *retired = Arc::downgrade(&engine);
        }
        retired.upgrade().is_some_and(|engine| engine.seats.retire(&self.opening))
    }

    fn close(&self) {
        let engine = self.engine.lock().take().or_else(|| self.retired.lock().upgrade());
        if let Some(engine) = engine {
            engine.seats.close(&self.opening);
        }
    }

    /// The engine, for what needs no seat.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>> {
        self.opening.check_process()?;
        if self.opening.state() == State::Failed {
            return Err(self.opening.failure());
        }
        self.engine.lock().clone().ok_or_else(closed)
    }

    /// Fails where the environment is closed or has failed.
    pub(crate) fn check_open(&self) -> Result<()> {
        self.opening.check_process()?;
        match self.opening.state() {
            State::Open => Ok(()),
            State::Failed => Err(self.opening.failure()),
            State::Closed => Err(closed()),
        }
    }

    pub(crate) fn opening(&self) -> &Arc<Opening> {
        &self.opening
    }

    /// Runs a call in the calling thread's seat.
    #[inline]
    pub(crate) fn call<R>(&self, f: impl FnOnce(&mut Call<'_>) -> Result<R>) -> Result<R> {
        seat_of_thread(&self.opening, || self.engine())?.call(f)
    }

    /// Reads in the thread's current transaction or the newest snapshot. Where `look` finds a space that is
    /// not open, it is opened outside of the call, and `look` runs again.
    #[inline]
    pub(crate) fn read<R>(
        &self,
        mut look: impl FnMut(&Engine, &mut Reader<'_>) -> Result<Looked<R>>,
    ) -> Result<R> {
        loop {
            let looked = self.call(|call| {
                let mut reader = call.reader()?;
                look(reader.engine(), &mut reader)
            })?;
            match looked {
                Looked::Is(result) => return Ok(result),
                Looked::Open(space) => self.open_space(&space)?,
            }
        }
    }

    /// Opens a space for the process, so that the thread's current transaction can use it.
    #[cold]
    pub(crate) fn open_space(&self, space: &Space) -> Result<()> {
        // A writer may be waiting for what this thread's snapshot has lent: then neither may wait for the other.
        let pinned = self.call(|call| Ok(call.guarded().is_pinned()))?;
        let wait = if pinned { Wait::For(Duration::ZERO) } else { Wait::Default };
        self.engine()?.open_space(space, wait)?;
        let usable =
            self.call(|call| if call.current().is_some() { call.reader()?.refresh() } else { Ok(true) })?;
        if usable {
            return Ok(());
        }
        Err(Error::new(
            Status::Conflict,
            format!(
                "collection {:?} was first used in this process after the snapshot began, and there were \
                 commits since; open it before the snapshot, or begin a new one",
                space.as_str()
            ),
        ))
    }

    /// Writes in the thread's current transaction, or in one of its own, if the catalog has this sequence
    /// number. `Ok(None)`: it has not, and nothing was written.
    pub(crate) fn write(&self, sequence: u64, ops: &[Op<'_>]) -> Result<Option<Vec<Outcome>>> {
        enum Step {
            Done(Option<Vec<Outcome>>),
            Autocommit(Arc<Engine>),
        }
        let step = self.call(|call| {
            let Some(root) = call.current() else { return Ok(Step::Autocommit(Arc::clone(call.engine()?))) };
            root.check_writable()?;
            let mut reader = call.reader()?;
            if reader.sequence()? != Some(sequence) {
                return Ok(Step::Done(None));
            }
            let txn = reader.write()?;
            let outcomes = ops.iter().map(|op| txn.apply(op)).collect::<Result<_>>()?;
            Ok(Step::Done(Some(outcomes)))
        })?;
        match step {
            Step::Done(outcomes) => Ok(outcomes),
            Step::Autocommit(engine) => engine.autocommit(sequence, ops),
        }
    }
}
