//! Implements the engine over PostgreSQL.
//!
//! An environment is a schema of a database, a collection is a table of it (`docs/format.md`). A call outside of
//! transactions is one statement; a snapshot and a write transaction each keep a connection until they end.
//!
//! - `url`: what the URL says; `libpq`: the client library; `connection`: round trips; `statement`: what they run; `rows`: their results; `pool`: the connections
//! - `status`: what the server's errors mean; `sql`: the statements; `batch`: arrays of records
//! - `bootstrap`: makes the schema; `catalog`: names of collections; `opened`: an open collection
//! - `call`: statements outside of transactions; `txn`: those inside; `outcome`: whether a lost commit took place
//! - `reader`: reads; `writes`: operations; `session`: the calls of a thread; `listener`: commits of other processes

mod batch;
mod bootstrap;
mod call;
mod catalog;
mod connection;
mod libpq;
mod listener;
mod opened;
mod outcome;
mod pool;
mod reader;
mod rows;
mod session;
mod sql;
mod statement;
mod status;
mod txn;
mod url;
mod writes;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

pub(crate) use opened::Opened;
pub(crate) use reader::Reader;
pub(crate) use url::Url;

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::notice::Notice;
use crate::engine::threads::opening::Opening;
use crate::engine::threads::seat;
use crate::engine::threads::seats::Seats;
use crate::engine::threads::turns::Turns;
use crate::engine::{Settings, Traits};
use crate::error::{Error, Result, Status};
use crate::platform::fork::{self, PerProcess};
use crate::platform::sync::Mutex;
use connection::Waiting;
use pool::{Lease, Pool, Use};
use url::Writers;

/// A thread's seat in an environment.
pub(crate) type Seat = seat::Seat<Engine>;

/// An open environment.
pub(crate) struct Engine {
    url: Url,
    settings: Settings,
    pool: Arc<Pool>,
    seats: Seats<Engine>,
    turns: Turns,
    commits: Arc<AtomicU64>,
    notice: Notice,
    /// True while a thread listens for notifications.
    listens: AtomicBool,
}

/// The origin of an environment, from which it can be reopened.
pub(crate) struct Origin {
    url: Url,
    settings: Settings,
}

/// The open environments of the process.
static OPEN: PerProcess<Mutex<Vec<Weak<Engine>>>> = PerProcess::new();

/// True once the process has opened a URL.
static WAS_OPENED: AtomicBool = AtomicBool::new(false);

/// Returns true if the process has opened a URL, so that calls on files spend nothing on this engine before.
pub(crate) fn was_opened() -> bool {
    WAS_OPENED.load(Ordering::Relaxed)
}

/// Opens an environment, or finds it open.
pub(crate) fn open(url: &Url, create: bool, settings: &Settings) -> Result<Arc<Engine>> {
    check_settings(settings)?;
    fork::watch()?;
    WAS_OPENED.store(true, Ordering::Relaxed);
    let same = |engine: &Arc<Engine>| engine.url.conninfo == url.conninfo && engine.url.schema == url.schema;
    let find = |open: &[Weak<Engine>]| open.iter().filter_map(Weak::upgrade).find(same);
    if let Some(engine) = find(&OPEN.get().lock()) {
        return engine.shared(url, settings);
    }
    let engine = Arc::new(Engine {
        pool: Pool::new(url.pool),
        url: url.clone(),
        settings: settings.clone(),
        seats: Seats::default(),
        turns: Turns::default(),
        commits: Arc::default(),
        notice: Notice::default(),
        listens: AtomicBool::new(false),
    });
    // Outside of the lock: the server may be slow to answer.
    engine.prepare(create)?;
    let mut open = OPEN.get().lock();
    if let Some(engine) = find(&open) {
        return engine.shared(url, settings);
    }
    open.retain(|engine| engine.strong_count() > 0);
    open.push(Arc::downgrade(&engine));
    Ok(engine)
}

/// Returns a number of a path, for tests that open paths as schemas.
#[cfg(feature = "postgres-engine")]
pub(crate) fn number_of(path: &std::path::Path) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).hash(&mut hasher);
    hasher.finish()
}

/// Opens an environment that the parent of this process had open at the fork.
pub(crate) fn open_inherited(origin: &Origin) -> Result<Arc<Engine>> {
    open(&origin.url, false, &origin.settings)
}

/// Refuses options that only files have.
fn check_settings(settings: &Settings) -> Result<()> {
    let default = crate::options::Options::default().settings();
    let only_of_files = [
        ("map_size", settings.map_size.is_some()),
        ("immutable", settings.immutable),
        ("no_subdir", settings.no_subdir),
        ("check_on_open", settings.verify_on_open),
        ("flush_interval", settings.flush_interval.is_some()),
        ("max_readers", settings.max_readers != default.max_readers),
    ];
    match only_of_files.iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((name, _)) => Err(unsupported(&format!("the option {name}"))),
    }
}

/// Returns the error for what only files have.
#[cold]
fn unsupported(what: &str) -> Error {
    Error::new(
        Status::Unsupported,
        format!("{what} is not supported by PostgreSQL; docs/scale.md lists the differences"),
    )
}

impl Engine {
    pub(crate) fn origin(&self) -> Origin {
        Origin { url: self.url.clone(), settings: self.settings.clone() }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn seats(&self) -> &Seats<Engine> {
        &self.seats
    }

    pub(crate) fn commits(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.commits)
    }

    pub(crate) fn traits(&self) -> Traits {
        Traits { remote: true, conflicts: self.url.writers == Writers::Many, ..Traits::default() }
    }

    pub(crate) fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Does nothing: a server that fails may come back, so the openings stay.
    #[allow(clippy::unused_self)] // as the other engines'
    pub(crate) fn admit(&self, _opening: &Arc<Opening>) {}

    /// Returns this engine for a second opening, whose options must be the same.
    fn shared(self: Arc<Self>, url: &Url, settings: &Settings) -> Result<Arc<Engine>> {
        let mut wanted = settings.clone();
        wanted.max_collections = self.settings.max_collections;
        if self.url == *url && self.settings == wanted {
            return Ok(self);
        }
        Err(Error::new(
            Status::OptionsDiffer,
            format!("{} is open in this process with other options", self.url.shown),
        ))
    }

    /// Returns the limits of a wait for the server inside a seat, where the caller's check must not run.
    fn waiting(&self) -> Waiting {
        Waiting { patience: self.url.patience, interrupt: None }
    }

    /// Takes a connection; waits as long as a write may.
    fn lease(&self, purpose: Use) -> Result<Lease> {
        self.lease_with(purpose, &Deadline::after(self.settings.write_timeout), None)
    }

    fn lease_with(&self, purpose: Use, deadline: &Deadline, interrupt: Option<&Interrupt>) -> Result<Lease> {
        self.pool.take(purpose, deadline, interrupt, || self.connect())
    }

    fn check_writable(&self) -> Result<()> {
        if self.settings.read_only {
            return Err(Error::new(Status::ReadOnly, "the environment was opened read-only"));
        }
        Ok(())
    }

    fn has_committed(&self) {
        let commits = self.commits.fetch_add(1, Ordering::AcqRel);
        self.notice.announce(commits + 1);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.pool.close_idle();
    }
}
