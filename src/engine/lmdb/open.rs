//! Opening: one environment per data file and process.
//!
//! What is refused before LMDB sees it is found by `header` and `filesystem`; what is made by `create`.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use super::create::Files;
pub(super) use super::create::{make_directory, sync_parent};
use super::fork::{self, PerProcess};
use super::raw::{Code, OpenParameters, RawEnv, RoTxn};
use super::{Engine, check, create, failure, flusher, group, lock, map, reserve, seats, spaces, writer};
use crate::engine::{Durability, Settings};
use crate::error::{Error, Result, Status};

/// A data file: two paths to it, links among them, are one environment.
type FileId = (u64, u64);

/// The environments that are open in this process. LMDB must not open a file twice in a process: closing one
/// would drop the locks of the other (`fcntl` locks belong to the process).
#[derive(Default)]
struct Registry {
    open: Mutex<HashMap<FileId, Weak<Engine>>>,
    closed: Condvar,
}

static REGISTRY: PerProcess<Registry> = PerProcess::new();

/// Held by an open environment; dropped after LMDB has closed its files.
pub(super) struct Ticket(FileId);

impl Drop for Ticket {
    fn drop(&mut self) {
        let registry = REGISTRY.get();
        registry.open.lock().remove(&self.0);
        registry.closed.notify_all();
    }
}

/// Opens an environment, or gives the one that is open in this process. [`Status::EnvFailed`]: that one has failed,
/// and is not closed yet; see [`wait_until_closed`].
pub(crate) fn open(path: &Path, create: bool, mode: u32, settings: &Settings) -> Result<Arc<Engine>> {
    let data_file = if settings.no_subdir { path.to_owned() } else { path.join("data.mdb") };
    fork::watch()?;
    let mut open = REGISTRY.get().open.lock();
    if let Some(engine) = already_open(&data_file, &mut open)? {
        // The last clone of an engine takes this lock when it is dropped.
        drop(open);
        return same_settings(path, engine, settings);
    }
    let files = create::prepare(path, create, mode, settings)?;
    let engine = open_files(&files, mode, settings)?;
    let Some(id) = file_id(&files.data) else {
        return Err(Error::new(Status::NoEnvironment, format!("{} is gone again", files.data.display())));
    };
    // Not before all is well: the ticket takes this registry's lock when it is dropped.
    engine.raw.hold(Ticket(id));
    open.insert(id, Arc::downgrade(&engine));
    Ok(engine)
}

/// The open environment of a data file. Waits while one is just being closed.
fn already_open(
    data_file: &Path,
    open: &mut MutexGuard<'_, HashMap<FileId, Weak<Engine>>>,
) -> Result<Option<Arc<Engine>>> {
    loop {
        let Some(found) = file_id(data_file).and_then(|id| open.get(&id)) else { return Ok(None) };
        if let Some(engine) = found.upgrade() {
            let usable = engine.check_usable();
            if usable.is_ok() {
                return Ok(Some(engine));
            }
            // It may be the last clone, whose drop takes this lock.
            MutexGuard::unlocked(open, || drop(engine));
            usable?;
        }
        REGISTRY.get().closed.wait(open);
    }
}

/// Waits until an environment of this process that has failed is closed: a thread may hold a snapshot that has
/// lent addresses. `false`: it was not by the deadline.
pub(crate) fn wait_until_closed(path: &Path, no_subdir: bool, deadline: Option<Instant>) -> bool {
    let data_file = if no_subdir { path.to_owned() } else { path.join("data.mdb") };
    let Some(id) = file_id(&data_file) else { return true };
    let registry = REGISTRY.get();
    let mut open = registry.open.lock();
    while let Some(found) = open.get(&id).cloned() {
        if let Some(engine) = found.upgrade() {
            let usable = engine.check_usable().is_ok();
            MutexGuard::unlocked(&mut open, || drop(engine));
            if usable {
                return true;
            }
            if !open.get(&id).is_some_and(|still| still.ptr_eq(&found)) {
                continue;
            }
        }
        match deadline {
            None => registry.closed.wait(&mut open),
            Some(deadline) if registry.closed.wait_until(&mut open, deadline).timed_out() => {
                return !open.contains_key(&id);
            }
            Some(_) => {}
        }
    }
    true
}

fn same_settings(path: &Path, engine: Arc<Engine>, settings: &Settings) -> Result<Arc<Engine>> {
    let open = &engine.settings;
    let differs = [
        ("read_only", open.read_only != settings.read_only),
        ("immutable", open.immutable != settings.immutable),
        ("no_subdir", open.no_subdir != settings.no_subdir),
        ("max_collections", open.max_collections != settings.max_collections),
        ("max_readers", open.max_readers != settings.max_readers),
        ("map_size", open.map_size != settings.map_size),
        ("durability", open.durability != settings.durability),
        ("flush_interval", open.flush_interval != settings.flush_interval),
        ("write_timeout", open.write_timeout != settings.write_timeout),
    ];
    let names: Vec<&str> = differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
    if names.is_empty() {
        return Ok(engine);
    }
    Err(Error::new(
        Status::OptionsDiffer,
        format!(
            "{} is open in this process with another {}; use the same options, or close it first",
            path.display(),
            names.join(", ")
        ),
    ))
}

fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

fn open_files(files: &Files, mode: u32, settings: &Settings) -> Result<Arc<Engine>> {
    if !settings.immutable {
        reserve::lock_file(&files.lock, mode, settings.max_readers)?;
    }
    let raw = Arc::new(open_raw(files, mode, settings)?);
    let failed = |code: Code| explain(files, settings, code);
    // The first read takes a lock in this process's name, which another container's process may have.
    let mut reaped = false;
    loop {
        match RoTxn::begin(&raw) {
            Ok(_) => break,
            Err(Code(libc::EAGAIN | libc::EACCES)) => return Err(pid_clash(files)),
            // Another process has outgrown the map since LMDB looked at the file.
            Err(Code(lmdb_sys::MDB_MAP_RESIZED)) => map::grow_alone(&raw)?,
            Err(Code(lmdb_sys::MDB_READERS_FULL)) if !reaped => {
                reaped = true;
                raw.reap_readers().map_err(failed)?;
            }
            Err(code) => return Err(failed(code)),
        }
    }
    if !settings.read_only && raw.info().me_last_txnid == 0 {
        create::sync(&raw, files, settings.no_subdir)?;
    }
    if !settings.immutable {
        raw.reap_readers().map_err(failed)?;
    }
    let lock =
        if settings.read_only { None } else { Some(lock::ProcessLock::open(&files.write_lock, mode)?) };
    // LMDB has read the header alone by now; what follows looks for the catalog.
    if settings.verify_on_open {
        check::on_open(&raw)?;
    }
    let flusher = flusher::Flusher::start(&raw, settings)?;
    Ok(Arc::new(Engine {
        flusher,
        spaces: spaces::Spaces::new(&raw)?,
        lock,
        raw,
        seats: seats::Seats::default(),
        writer: writer::Writer::default(),
        group: group::Group::default(),
        settings: settings.clone(),
        page_size: map::page_size() as u64,
        wanted_map: AtomicU64::new(0),
        looked_for_dropped: AtomicU32::new(0),
        names_gone: AtomicBool::new(false),
        failure: failure::Failure::default(),
        known: Mutex::new(None),
        copies: RwLock::new(()),
    }))
}

/// Opens the files with LMDB.
fn open_raw(files: &Files, mode: u32, settings: &Settings) -> Result<RawEnv> {
    /// Each round but the last met a process that died while it made the lock file.
    const AT_MOST: usize = 64;
    let c_path = CString::new(files.environment.as_os_str().as_bytes())
        .map_err(|_| Error::new(Status::InvalidArgument, "a path cannot contain a NUL character"))?;
    // Read transactions belong to seats, not to threads.
    let mut flags = lmdb_sys::MDB_NOTLS;
    if settings.no_subdir {
        flags |= lmdb_sys::MDB_NOSUBDIR;
    }
    if settings.read_only {
        flags |= lmdb_sys::MDB_RDONLY;
    }
    if settings.immutable {
        flags |= lmdb_sys::MDB_RDONLY | lmdb_sys::MDB_NOLOCK;
    }
    flags |= match settings.durability {
        Durability::Full => 0,
        Durability::NoMetaSync => lmdb_sys::MDB_NOMETASYNC,
        Durability::None => lmdb_sys::MDB_NOSYNC,
    };
    let parameters = OpenParameters {
        path: &c_path,
        flags,
        mode,
        map_size: map::initial_size(settings.map_size)?,
        max_readers: settings.max_readers,
        // The catalog is not the user's.
        max_dbs: settings.max_collections.saturating_add(1),
    };
    let mut round = 1;
    loop {
        match RawEnv::open(&parameters) {
            // Who waits for a creator that dies finds a lock file that is not made yet; the next one makes it.
            Err(Code(lmdb_sys::MDB_INVALID | libc::EINVAL)) if round < AT_MOST => {
                create::settle(files, false, !settings.read_only, mode)?;
                round += 1;
            }
            opened => return opened.map_err(|code| explain(files, settings, code)),
        }
    }
}

fn explain(files: &Files, settings: &Settings, code: Code) -> Error {
    let (path, lock) = (files.environment.display(), files.lock.display());
    match code.0 {
        lmdb_sys::MDB_VERSION_MISMATCH => Error::new(
            Status::LockVersion,
            format!(
                "{path} is open in a process with another build of LMDB (release 0.9, say), whose lock file {lock} \
                 this one cannot share; close it there first"
            ),
        ),
        // The data file's header was found valid before.
        lmdb_sys::MDB_INVALID => Error::new(
            Status::LockVersion,
            format!("{lock} is in use and is not a lock file of LMDB; end the processes that have it open"),
        ),
        libc::EINVAL | libc::ENODEV => Error::new(
            Status::Io,
            format!(
                "{path} cannot be opened: {}; its file system may be one that cannot map files for several \
                 processes: move it to a local disk",
                code.text()
            ),
        ),
        libc::EACCES | libc::EPERM | libc::EROFS if settings.read_only && !settings.immutable => Error::new(
            Status::Permission,
            format!(
                "{lock} cannot be opened for writing, as readers must, too: {}; see to the permissions, or open \
                 {path} immutable if nobody writes it",
                code.text()
            ),
        ),
        libc::EACCES | libc::EPERM | libc::EROFS => Error::new(
            Status::Permission,
            format!(
                "{path} cannot be opened for writing: {}; see to the permissions of {} and {lock}, or open it \
                 read_only",
                code.text(),
                files.data.display()
            ),
        ),
        libc::EAGAIN => pid_clash(files),
        _ => code.error(&format!("opening {path}")),
    }
}

fn pid_clash(files: &Files) -> Error {
    Error::new(
        Status::PidClash,
        format!(
            "{} is used by another process with this process's id {} (of another container, say); give the \
             containers one process namespace",
            files.environment.display(),
            std::process::id()
        ),
    )
}

/// The data file, by a descriptor of its own.
pub(super) fn data_file(env: &RawEnv) -> Result<File> {
    let fd = env.descriptor().map_err(|code| code.error("looking at the data file"))?;
    // SAFETY: the descriptor is LMDB's and stays open as long as `env`, which outlives this borrow.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    let own = file.try_clone_to_owned();
    own.map(File::from).map_err(|error| Code::of(&error).error("looking at the data file"))
}

/// How long the data file is.
pub(super) fn file_size(env: &RawEnv) -> Result<u64> {
    data_file(env)?
        .metadata()
        .map(|meta| meta.len())
        .map_err(|error| Error::new(Status::Io, format!("the data file's size cannot be read: {error}")))
}
