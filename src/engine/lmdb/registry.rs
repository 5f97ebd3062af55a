//! Registers the environments of this process by their data files: those that are open, and those that a thread is
//! opening.
//!
//! Two paths to the same data file, including links, are one environment. LMDB must not open a file twice in a process:
//! closing one environment would release the locks of the other (`fcntl` locks belong to the process). No lock is held
//! while files are opened, which may wait for other processes; a thread that opens the same files meanwhile waits for
//! that opening.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::Engine;
use super::files::{FileId, Files, Identity, id_of_path};
use super::patience::Patience;
use crate::engine::lmdb::files::claim::Claim;
use crate::engine::threads::opening::has_failed;
use crate::error::{Error, Result, Status};
use crate::platform::fork::PerProcess;
use crate::platform::sync::{Condvar, Mutex, MutexGuard};

#[derive(Default)]
struct Registry {
    table: Mutex<Table>,
    /// Notified when an environment was closed or an opening has ended.
    changed: Condvar,
}

#[derive(Default)]
struct Table {
    open: HashMap<FileId, Entry>,
    opening: Vec<(u64, EnvFiles)>,
}

struct Entry {
    engine: Weak<Engine>,
    /// LMDB's lock file, which stays locked as long as the environment is open.
    lock: Option<FileId>,
}

/// The files of an environment, identified by the data file's directory and name, which are known before the file
/// exists.
struct EnvFiles {
    directory: FileId,
    name: OsString,
    data: Option<FileId>,
    lock: Option<FileId>,
}

impl EnvFiles {
    fn of(files: &Files) -> Result<EnvFiles> {
        Ok(EnvFiles {
            directory: files.directory.id(),
            name: files.data.file_name().unwrap_or_default().to_owned(),
            data: files.id(&files.data)?,
            lock: files.id(&files.lock)?,
        })
    }

    /// Returns true if both have, or may have, a file in common.
    fn meets(&self, other: &EnvFiles) -> bool {
        let same = |one: Option<FileId>, two: Option<FileId>| one.is_some() && one == two;
        (self.directory == other.directory && self.name == other.name)
            || same(self.data, other.data)
            || same(self.lock, other.lock)
    }
}

static REGISTRY: PerProcess<Registry> = PerProcess::new();

/// Held by an open environment; dropped after LMDB has closed its files.
struct Ticket {
    identity: Arc<Identity>,
    _claim: Option<Claim>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let registry = REGISTRY.get();
        self.identity.close();
        registry.table.lock().open.remove(&self.identity.data());
        registry.changed.notify_all();
    }
}

/// The exclusive right of the calling thread to open the files, until this is dropped.
pub(super) struct Reserved(u64);

impl Drop for Reserved {
    fn drop(&mut self) {
        let registry = REGISTRY.get();
        registry.table.lock().opening.retain(|(number, _)| *number != self.0);
        registry.changed.notify_all();
    }
}

/// The outcome of a reservation.
pub(super) enum Reservation {
    Open(Arc<Engine>),
    Reserved(Reserved),
}

/// Returns the open environment of a data file. Waits if it is being closed.
pub(super) fn already_open(data_file: &Path, patience: &Patience) -> Result<Option<Arc<Engine>>> {
    let mut table = REGISTRY.get().table.lock();
    open_one(&mut table, || Ok(id_of_path(data_file)), data_file, patience)
}

/// Returns the open environment of the files, or reserves them. Waits while another thread opens or closes them.
pub(super) fn reserve(files: &Files, patience: &Patience) -> Result<Reservation> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let registry = REGISTRY.get();
    let mut table = registry.table.lock();
    loop {
        if let Some(engine) = open_one(&mut table, || files.id(&files.data), &files.data, patience)? {
            return Ok(Reservation::Open(engine));
        }
        // Computed in each round, since the files may exist by now.
        let place = EnvFiles::of(files)?;
        // Checked before the lock file is opened: closing it would release the locks of the environment that uses it.
        let user = table.open.values().find(|entry| place.lock.is_some() && entry.lock == place.lock);
        let must_wait = match user.map(|entry| entry.engine.upgrade()) {
            Some(Some(engine)) => {
                // The path now leads to another data file.
                let replaced = engine.has_failed() || engine.verify_files().is_err();
                MutexGuard::unlocked(&mut table, || drop(engine));
                return Err(if replaced { has_failed() } else { other_data_file(files) });
            }
            // The environment is being closed.
            Some(None) => true,
            None => table.opening.iter().any(|(_, other)| other.meets(&place)),
        };
        if !must_wait {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            table.opening.push((number, place));
            return Ok(Reservation::Reserved(Reserved(number)));
        }
        if !patience.wait(&registry.changed, &mut table)? {
            return Err(in_use(&files.data, patience));
        }
    }
}

/// Returns the number of environments that this process has open.
pub(super) fn open_count() -> usize {
    REGISTRY.get().table.lock().open.len()
}

/// Registers an environment that was opened under a reservation.
pub(super) fn enter(engine: &Arc<Engine>, claim: Option<Claim>) {
    let identity = &engine.identity;
    let entry = Entry { engine: Arc::downgrade(engine), lock: identity.lock() };
    engine.env.hold(Box::new(Ticket { identity: Arc::clone(identity), _claim: claim }));
    REGISTRY.get().table.lock().open.insert(identity.data(), entry);
}

fn open_one(
    table: &mut MutexGuard<'_, Table>,
    data: impl Fn() -> Result<Option<FileId>>,
    path: &Path,
    patience: &Patience,
) -> Result<Option<Arc<Engine>>> {
    loop {
        let Some(found) = data()?.and_then(|id| table.open.get(&id)) else { return Ok(None) };
        if let Some(engine) = found.engine.upgrade() {
            if !engine.has_failed() {
                // A failure is recorded in the environment's state.
                drop(engine.verify_files());
            }
            if !engine.has_failed() {
                return Ok(Some(engine));
            }
            // This may be the last clone, whose drop takes this lock.
            MutexGuard::unlocked(table, || drop(engine));
            return Err(has_failed());
        }
        if !patience.wait(&REGISTRY.get().changed, table)? {
            return Err(in_use(path, patience));
        }
    }
}

/// Waits until a failed environment of this process is closed: a thread may hold a snapshot that has lent addresses.
/// Returns `Ok(false)` on a timeout. `lock` is LMDB's lock file.
pub(super) fn wait_until_closed(
    data: Option<FileId>,
    lock: Option<FileId>,
    patience: &Patience,
) -> Result<bool> {
    let registry = REGISTRY.get();
    let mut table = registry.table.lock();
    loop {
        // Finds the environment with the same data file, or the one whose data file was replaced.
        let found = table
            .open
            .iter()
            .find(|(id, entry)| Some(**id) == data || (lock.is_some() && entry.lock == lock));
        let Some((id, found)) = found.map(|(id, entry)| (*id, entry.engine.clone())) else { return Ok(true) };
        if let Some(engine) = found.upgrade() {
            let usable = !engine.has_failed();
            MutexGuard::unlocked(&mut table, || drop(engine));
            if usable {
                return Ok(true);
            }
            if !table.open.get(&id).is_some_and(|still| still.engine.ptr_eq(&found)) {
                continue;
            }
        }
        if !patience.wait(&registry.changed, &mut table)? {
            return Ok(!table.open.contains_key(&id));
        }
    }
}

fn in_use(data: &Path, patience: &Patience) -> Error {
    Error::new(
        Status::Busy,
        format!(
            "{} was being opened or closed by another thread of this process for {} ms; try again",
            data.display(),
            patience.waited().as_millis()
        ),
    )
}

fn other_data_file(files: &Files) -> Error {
    Error::new(
        Status::LockFiles,
        format!(
            "{} is in use in this process for another data file than {}; give each its own lock file",
            files.lock.display(),
            files.data.display()
        ),
    )
}
