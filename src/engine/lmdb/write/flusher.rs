//! Implements the background flush: one thread for each environment that is opened with an interval.
//!
//! The thread flushes the commits of all processes since its last flush to stable storage, every interval and once more
//! when the environment closes. It has its own descriptor and reads the transaction's number from the file, so it needs
//! neither a seat nor the map, and blocks no other thread.
//!
//! If a flush fails, the next write to begin reports it and is refused, once, and every explicit flush fails until the
//! environment is reopened: after a failed sync the system regards the pages as written, so no later sync guarantees
//! their durability. The last flush, at closing, cannot report a failure; an explicit flush before closing can.
//!
//! A child process has no such thread, and does not touch its parent's.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::lmdb::files::meta;
use crate::engine::lmdb::sys::Env;
use crate::engine::{Durability, Settings};
use crate::error::{Error, Result, Status};
use crate::platform::sync::{Condvar, Mutex, MutexGuard};
use crate::platform::{fork, system};

/// The background thread, stopped and joined on drop.
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: ManuallyDrop<JoinHandle<()>>,
    process: u64,
}

#[derive(Default)]
struct Shared {
    stop: Mutex<bool>,
    stopped: Condvar,
    failure: Mutex<Option<Failure>>,
}

/// The first flush that failed.
struct Failure {
    what: String,
    /// True if a writer has reported it.
    reported: bool,
}

impl Flusher {
    /// Starts the thread, unless it has nothing to do: with full durability, every commit is synced.
    pub(crate) fn start(env: &Env, settings: &Settings) -> Result<Option<Flusher>> {
        let Some(interval) = settings.flush_interval else { return Ok(None) };
        if settings.read_only || settings.durability == Durability::Full {
            return Ok(None);
        }
        let failed = |error: std::io::Error| {
            Error::new(
                Status::Io,
                format!(
                    "the thread that flushes in the background cannot be started: {error}; open without one"
                ),
            )
        };
        let fd = env.descriptor().map_err(|code| code.error("starting to flush in the background"))?;
        // SAFETY: the descriptor is LMDB's and stays open as long as `env`, which outlives this borrow.
        let file = File::from(unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned().map_err(failed)?);
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            system::without_signals(|| {
                std::thread::Builder::new()
                    .name("pc-flush".to_owned())
                    .spawn(move || shared.run(&file, interval))
            })
        };
        let thread = ManuallyDrop::new(thread.map_err(failed)?);
        Ok(Some(Flusher { shared, thread, process: fork::process() }))
    }

    /// Fails if a flush has failed.
    pub(crate) fn check(&self) -> Result<()> {
        self.shared.failure.lock().as_ref().map_or(Ok(()), |failure| Err(failure.error()))
    }

    /// Fails if a flush has failed and no writer has reported it yet.
    pub(crate) fn tell_writer(&self) -> Result<()> {
        match &mut *self.shared.failure.lock() {
            Some(failure) if !failure.reported => {
                failure.reported = true;
                Err(failure.error())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        if self.process != fork::process() {
            return;
        }
        *self.shared.stop.lock() = true;
        self.shared.stopped.notify_one();
        // SAFETY: moved out once, here, and not used afterwards.
        let thread = unsafe { ManuallyDrop::take(&mut self.thread) };
        // The thread itself has reported its panic.
        drop(thread.join());
    }
}

impl Failure {
    fn error(&self) -> Error {
        Error::new(
            Status::Io,
            format!(
                "a flush in the background failed ({}); all commits can be read, but those since the flush before may \
                 not survive a crash of the system: copy the environment to other storage, or write them again",
                self.what
            ),
        )
    }
}

impl Shared {
    fn run(&self, file: &File, interval: Duration) {
        let mut flushed = None;
        let mut stop = self.stop.lock();
        loop {
            if !*stop {
                self.stopped.wait_for(&mut stop, interval);
            }
            let last = *stop;
            MutexGuard::unlocked(&mut stop, || {
                if let Err(error) = flush(file, &mut flushed) {
                    let failure = Failure { what: error.to_string(), reported: false };
                    self.failure.lock().get_or_insert(failure);
                }
            });
            if last {
                return;
            }
        }
    }
}

/// Syncs the file, if there were commits since `flushed`.
fn flush(file: &File, flushed: &mut Option<u64>) -> std::io::Result<()> {
    let newest = meta::newest(file, system::page_size())?.map(|meta| meta.txn);
    if newest.is_none() || newest != *flushed {
        file.sync_data()?;
        *flushed = newest;
    }
    Ok(())
}
