//! Implements an engine in memory. The tests of the nouns run on it to show that nothing above the seam depends on
//! LMDB.
//!
//! It keeps several versions of each record, so that a snapshot keeps seeing its own, and lets one thread write at a
//! time. An environment lasts as long as the process: a second opening finds it by its path. No released build contains
//! this engine.
//!
//! - `versions`: records with their versions; `table`: those of all collections, and the catalog
//! - `txn`: snapshots and write transactions; `reader`: reads in them
//! - `opened`: an open collection; `session`: the calls of a thread

mod opened;
mod reader;
mod session;
mod table;
mod txn;
mod versions;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

pub(crate) use opened::Opened;
pub(crate) use reader::Reader;

use crate::engine::notice::Notice;
use crate::engine::threads::opening::Opening;
use crate::engine::threads::seat;
use crate::engine::threads::seats::Seats;
use crate::engine::threads::turns::Turns;
use crate::engine::{Settings, Traits};
use crate::error::{Error, Result, Status};
use crate::platform::sync::Mutex;
use table::Table;

/// A thread's seat in an environment.
pub(crate) type Seat = seat::Seat<Engine>;

/// The stored data, which outlives the engine.
type Stored = Arc<Mutex<Table>>;

/// An open environment.
pub(crate) struct Engine {
    path: PathBuf,
    stored: Stored,
    settings: Settings,
    seats: Seats<Engine>,
    turns: Turns,
    commits: Arc<AtomicU64>,
    notice: Notice,
}

/// The path of an environment.
pub(crate) struct Origin {
    path: PathBuf,
    settings: Settings,
}

/// The data stored at a path, and the engine that has it open.
struct Location {
    stored: Stored,
    engine: Weak<Engine>,
}

/// All environments of the process.
static LOCATIONS: Mutex<Option<HashMap<PathBuf, Location>>> = Mutex::new(None);

/// Opens an environment, or finds it open.
pub(crate) fn open(path: &Path, create: bool, settings: &Settings) -> Result<Arc<Engine>> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut locations = LOCATIONS.lock();
    let locations = locations.get_or_insert_default();
    if !locations.contains_key(&path) && (!create || settings.read_only || settings.immutable) {
        return Err(Error::new(
            Status::NoEnvironment,
            format!("{} does not exist, and this call does not create it", path.display()),
        ));
    }
    let location = locations
        .entry(path.clone())
        .or_insert_with(|| Location { stored: Stored::default(), engine: Weak::new() });
    if let Some(engine) = location.engine.upgrade() {
        return Ok(engine);
    }
    let engine = Arc::new(Engine {
        path,
        stored: Arc::clone(&location.stored),
        settings: settings.clone(),
        seats: Seats::default(),
        turns: Turns::default(),
        commits: Arc::default(),
        notice: Notice::default(),
    });
    location.engine = Arc::downgrade(&engine);
    Ok(engine)
}

/// Opens an environment that the parent of this process had open at the fork.
pub(crate) fn open_inherited(origin: &Origin) -> Result<Arc<Engine>> {
    open(&origin.path, false, &origin.settings)
}

impl Engine {
    pub(crate) fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), settings: self.settings.clone() }
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

    #[allow(clippy::unused_self)] // as the other engine's
    pub(crate) fn traits(&self) -> Traits {
        Traits { lends: true, check: true, ..Traits::default() }
    }

    pub(crate) fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Does nothing: this engine never fails, so openings need no report.
    #[allow(clippy::unused_self)] // as the other engine's
    pub(crate) fn admit(&self, _opening: &Arc<Opening>) {}

    fn is_read_only(&self) -> bool {
        self.settings.read_only || self.settings.immutable
    }
}
