//! Registers the environments that this process has open: each once, even if it was opened several times.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::engine::{Engine, Opening, Origin, Seat, State, WeakEngine};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, TryGrow};
use crate::platform::fork::PerProcess;
use crate::platform::sync::Mutex;
use crate::store::waiting::wait_for_commit;

/// A reference that the clones of one opening share; dropping the last clone returns the opening.
pub struct Held {
    shared: Arc<Shared>,
    given_back: AtomicBool,
}

/// An environment that this process has open, with one or more openings.
pub struct Shared {
    opening: Arc<Opening>,
    /// The origin by which the child of a fork reopens it.
    origin: Origin,
    /// Becomes `None` when the environment is closed.
    engine: Mutex<Option<Engine>>,
    /// The failed engine that was removed from `engine` when the files were reopened.
    retired: Mutex<Option<WeakEngine>>,
    /// The number of openings.
    opened: AtomicUsize,
    path: PathBuf,
}

/// The open environments, so that a second opening finds the first.
static OPEN: PerProcess<Mutex<Vec<Weak<Shared>>>> = PerProcess::new();

impl Held {
    /// Opens files, or finds the environment that has them open. Also returns whether they were already open.
    ///
    /// Fails with [`Status::EnvFailed`] if the files are still open from before a failure, and then reports whether the
    /// calling thread itself keeps them open, so that waiting is useless.
    pub fn open(
        path: &Path,
        open_files: impl FnOnce() -> Result<Engine>,
    ) -> Result<(Held, bool), (Error, bool)> {
        let mut hopeless = false;
        // Works on a copy of the list, since dropping an entry may take the lock.
        let listed = listed().map_err(|none| (none.into(), false))?;
        for shared in &listed {
            hopeless |= shared.retire_if_failed() && shared.path == path;
        }
        drop(listed);
        // Runs without the lock: opening may wait for other processes, and other threads may open other files
        // meanwhile. The engine stays open while it is held here, even if its environment is closed now.
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
                retired: Mutex::new(None),
                opened: AtomicUsize::new(0),
                path: path.to_owned(),
            });
            open.push(Arc::downgrade(&shared));
            shared.admit();
            shared
        });
        shared.opened.fetch_add(1, Ordering::Relaxed);
        Ok((Held { shared, given_back: AtomicBool::new(false) }, is_shared))
    }

    /// Reopens the files of the first opening. In the child of a fork these are files that the parent opened.
    pub fn reopen(&self) -> Result<Held> {
        let shared = &self.shared;
        if shared.opening.check_process().is_err() {
            return Self::open(&shared.path, || shared.origin.open())
                .map(|(held, _)| held)
                .map_err(|(error, _)| error);
        }
        // Holds the lock that closing takes, so that the environment cannot be closed between the check and the
        // increment.
        let _open = OPEN.get().lock();
        shared.engine()?;
        shared.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Held { shared: Arc::clone(shared), given_back: AtomicBool::new(false) })
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns this opening; returning the last one closes the environment.
    pub fn give_back(&self) {
        let of_parent = self.shared.opening.check_process().is_err();
        if self.given_back.swap(true, Ordering::AcqRel) || of_parent {
            return;
        }
        // Holds the lock, so that no thread finds the environment open between the decrement and the closing.
        let _open = OPEN.get().lock();
        if self.shared.opened.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.close();
        } else if let Some(engine) = &*self.shared.engine.lock() {
            // Threads that wait for a commit by this opening see that it is closed.
            engine.notice().wake();
        }
    }

    /// Fails if this opening was closed.
    fn check_open(&self) -> Result<()> {
        if self.given_back.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    /// Waits until the environment has a commit newer than `known`, and returns the newest. Returns the newest with
    /// `false` on a timeout. The thread must not be in a transaction.
    pub fn wait(&self, known: u64, timeout: Option<Duration>) -> Result<(u64, bool)> {
        let (seat, engine) = (self.shared.seat()?, self.shared.engine()?);
        wait_for_commit(&engine, &seat, known, timeout, || self.check_open())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Returns the open environments.
fn listed() -> Result<Vec<Arc<Shared>>, NoMemory> {
    let open = OPEN.get().lock();
    let mut listed = memory::room_for(open.len())?;
    listed.extend(open.iter().filter_map(Weak::upgrade));
    Ok(listed)
}

fn closed() -> Error {
    Error::new(Status::BadHandle, "the environment was closed; open it again")
}

impl Shared {
    fn is_of(&self, engine: &Engine) -> bool {
        self.opening.state() == State::Open
            && self.engine.lock().as_ref().is_some_and(|own| own.is_same(engine))
    }

    /// Registers a callback for the engine's failure.
    fn admit(&self) {
        if let Some(engine) = &*self.engine.lock() {
            engine.admit(&self.opening);
        }
    }

    /// Releases a failed engine, so that its files can be reopened. Returns true if the calling thread keeps it open.
    fn retire_if_failed(&self) -> bool {
        if self.opening.state() != State::Failed {
            return false;
        }
        let mut retired = self.retired.lock();
        if let Some(engine) = self.engine.lock().take() {
            *retired = Some(engine.downgrade());
        }
        retired.as_ref().and_then(WeakEngine::upgrade).is_some_and(|engine| engine.retire(&self.opening))
    }

    fn close(&self) {
        let engine = self.engine.lock().take();
        let engine = engine.or_else(|| self.retired.lock().as_ref().and_then(WeakEngine::upgrade));
        if let Some(engine) = engine {
            engine.close(&self.opening);
        }
    }

    /// Returns the engine, for operations that do not need a seat.
    pub fn engine(&self) -> Result<Engine> {
        self.opening.check_process()?;
        if self.opening.state() == State::Failed {
            return Err(self.opening.failure());
        }
        self.engine.lock().clone().ok_or_else(closed)
    }

    /// Fails if the environment is closed or has failed.
    pub fn check_open(&self) -> Result<()> {
        self.opening.check_process()?;
        match self.opening.state() {
            State::Open => Ok(()),
            State::Failed => Err(self.opening.failure()),
            State::Closed => Err(closed()),
        }
    }

    /// Returns true if each call is a round trip to a server.
    pub fn is_remote(&self) -> bool {
        self.origin.is_remote()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the calling thread's seat.
    #[inline]
    pub fn seat(&self) -> Result<Seat> {
        self.origin.seat_of_thread(&self.opening, || self.engine())
    }
}
