//! Environments: opening, closing, and what they tell of themselves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::schema::CollectionInfo;
use crate::engine::{self, ReaderFigures, Structure, Traits};
use crate::error::{Error, Result, Status};
use crate::memory::{self, Short};
use crate::options::Options;
use crate::report::{Info, Progress, ReaderInfo, Report};
use crate::store::moving;
use crate::store::registry::{Held, Shared};

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

/// The most collections and readers that can be asked for: what LMDB counts in an `int` stays in its range.
const MOST_PLACES: u32 = 1_000_000;

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
            let opened = Held::open(&engine::shown(path)?, || {
                engine::open(path, options.create, options.mode, &options.settings())
            });
            match opened {
                Err((error, hopeless)) if error.status() == Status::EnvFailed => {
                    if hopeless || !engine::wait_until_closed(path, options.no_subdir, options.write_timeout)?
                    {
                        return Err(still_in_use(path));
                    }
                }
                opened => {
                    let (held, is_shared) = opened.map_err(|(error, _)| error)?;
                    let env = Environment { held: Arc::new(held) };
                    // What was not open before has been checked by the engine.
                    if options.check_on_open && is_shared {
                        env.check()?;
                    }
                    return Ok(env);
                }
            }
        }
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
        Ok(Environment { held: Arc::new(self.held.reopen()?) })
    }

    /// The path that it was first opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared().path()
    }

    /// Puts everything committed on stable storage, whatever the durability. Not inside the thread's own write
    /// transaction ([`Status::InTransaction`]).
    pub fn flush(&self) -> Result<()> {
        let seat = self.shared().seat()?;
        if seat.in_write()? {
            return Err(Error::new(
                Status::InTransaction,
                "a flush inside the thread's own write transaction would not cover it; end it first",
            ));
        }
        seat.flush()
    }

    /// Waits until the environment has a commit newer than `since`, of any process or thread, and returns the number of
    /// the newest commit. Returns `None` if there was none before the timeout; without a timeout it waits until there
    /// is one.
    ///
    /// To miss no commit, take the number of [`Environment::last_commit`] first, then read, then wait with that number:
    /// a commit in between ends the wait at once. Every commit counts, whichever collection it changes, and several
    /// commits may end one wait. Commits by other LMDB programs, and all commits if this environment is open read-only,
    /// are noticed within 100 ms.
    ///
    /// Not inside the thread's own transaction ([`Status::InTransaction`]). The check of
    /// [`set_interrupt`](crate::set_interrupt) can end the wait ([`Status::Interrupted`]).
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use std::time::Duration;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let ages = Dict::<String, i64>::open(&env, "ages")?;
    /// let seen = env.last_commit()?;
    /// assert_eq!(env.wait(seen, Some(Duration::ZERO))?, None);
    /// ages.put("Ada", &36)?;
    /// assert_eq!(env.wait(seen, None)?, Some(seen + 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&self, since: u64, timeout: Option<Duration>) -> Result<Option<u64>> {
        self.wait_and_look(since, timeout).map(|(newest, is_newer)| is_newer.then_some(newest))
    }

    /// Waits in the same way. Returns the newest commit, and whether it is newer than `since`.
    pub(crate) fn wait_and_look(&self, since: u64, timeout: Option<Duration>) -> Result<(u64, bool)> {
        if self.shared().seat()?.innermost()?.is_some() {
            return Err(Error::new(
                Status::InTransaction,
                "a wait inside the thread's own transaction, which sees no commit of others, would not help; end it \
                 first",
            ));
        }
        self.held.wait(since, timeout)
    }

    /// Returns the number of the newest commit, for [`Environment::wait`]; 0 if there was none yet. A read that begins
    /// later sees that commit or a newer one. Not inside the thread's own transaction ([`Status::InTransaction`]).
    pub fn last_commit(&self) -> Result<u64> {
        self.wait_and_look(0, Some(Duration::ZERO)).map(|(newest, _)| newest)
    }

    /// Returns what the environment's engine can do.
    pub fn traits(&self) -> Result<Traits> {
        Ok(self.shared().engine()?.traits())
    }

    /// Figures of the environment.
    pub fn info(&self) -> Result<Info> {
        let figures = self.shared().seat()?.figures()?;
        let engine = self.shared().engine()?;
        let collections = u32::try_from(self.collections()?.len()).unwrap_or(u32::MAX);
        let settings = engine.settings();
        Ok(Info {
            map_size: figures.map_size,
            file_size: figures.file_size,
            page_size: figures.page_size,
            pages_used: figures.pages_used,
            pages_free: figures.pages_free,
            last_commit: figures.last_txn,
            max_readers: figures.max_readers,
            readers: figures.readers,
            oldest_reader_commit: figures.oldest_reader_txn,
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
        let readers = self.shared().seat()?.readers()?;
        memory::gather(readers.into_iter().map(|ReaderFigures { process, thread, txn, behind }| {
            Ok(ReaderInfo { process, thread, commit: txn, behind })
        }))
    }

    /// Frees the reader slots of processes that ended without doing so; gives how many there were. Opening does
    /// so too, and a read that finds no slot free.
    pub fn reap_readers(&self) -> Result<u32> {
        self.shared().seat()?.reap_readers()
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
        let seat = self.shared().seat()?;
        if seat.in_write()? {
            return Err(Error::new(
                Status::InTransaction,
                "a copy made inside the thread's own write transaction would not have its writes; end it first",
            ));
        }
        seat.copy_to(path, compact)
    }

    /// Copies all collections of one snapshot into another environment, on files or on a server.
    ///
    /// The target must be empty. With `goes_on` it may have collections of an interrupted copy: they are compared
    /// with the source, and made equal to it, also if the source has changed since. This **replaces and removes** records
    /// of the target that differ. A collection that the source does not have, or has with other types, is refused
    /// ([`Status::InvalidArgument`]), and so are raw collections of the source ([`Status::Unsupported`]), both before
    /// anything is written.
    ///
    /// Calls `progress` after each page of at most 8,192 records, and after the last of each collection. If it returns
    /// true, the copy ends with [`Status::Interrupted`]. Each page is a transaction of the target, with its durability:
    /// until the call returns, other readers of the target see a part of the records. Neither environment may be in a
    /// write transaction of this thread, and the target in no transaction ([`Status::InTransaction`]). In a
    /// snapshot of the thread, that snapshot is copied. On files, the source's `max_collections` must be at least the
    /// number of its collections, since all are read in one transaction.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// Dict::<String, i64>::open(&env, "ages")?.put("Ada", &36)?;
    /// let other = Environment::open(dir.path().join("other"), &Options::default())?;
    /// env.copy_into(&other, false, |_| false)?;
    /// assert_eq!(Dict::<String, i64>::open(&other, "ages")?.get("Ada")?, Some(36));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copy_into(
        &self,
        target: &Environment,
        goes_on: bool,
        mut progress: impl FnMut(&Progress) -> bool,
    ) -> Result<()> {
        if Arc::ptr_eq(self.shared(), target.shared()) {
            return Err(Error::new(Status::InvalidArgument, "the target of a copy is the source itself"));
        }
        let (from, into) = (self.shared().seat()?, target.shared().seat()?);
        if from.in_write()? || into.innermost()?.is_some() {
            return Err(Error::new(
                Status::InTransaction,
                "a copy needs a snapshot of the source, and no transaction of the target; end it first",
            ));
        }
        self.snapshot(|| moving::copy(&from, &into, goes_on, &mut progress))
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
        let Structure { pages, used, free, lost, collections } = self.shared().seat()?.check()?;
        Ok(Report { pages, used, free, lost, collections })
    }

    /// All collections by name. Opens none of them.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        self.shared().seat()?.collections()
    }

    /// What is known of one collection; `None`: there is none of that name.
    pub fn schema(&self, name: &str) -> Result<Option<CollectionInfo>> {
        self.shared().seat()?.collection(name)
    }

    /// Removes a collection with all that is in it. `Ok(false)`: there is none of that name.
    ///
    /// Open dicts and sets of it answer [`Status::NoCollection`] from then on.
    pub fn drop_collection(&self, name: &str) -> Result<bool> {
        self.shared().seat()?.drop_collection(name)
    }

    /// Gives this opening back; when it was the last, the environment is closed: its transactions end, and
    /// all that stands on it fails. Does not wait for calls under way: the last one out releases the files.
    pub(crate) fn close(&self) {
        self.held.give_back();
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.held.shared()
    }
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
    let Some(scheme) = scheme(path).filter(|_| !path.to_str().is_some_and(engine::is_url)) else {
        return Ok(());
    };
    Err(Error::new(
        Status::Unsupported,
        format!("{}:// is not supported: only paths of local files and postgresql:// are", Short(scheme)),
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
