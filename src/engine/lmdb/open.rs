//! Opening: one environment per data file and process, and a look at the file before LMDB sees it.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use super::fork::{self, PerProcess};
use super::raw::{Code, OpenParameters, RawEnv};
use super::{Engine, failure, lock, map, reserve, seats, spaces, writer};
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
    let is_new = prepare(path, &data_file, create, settings)?;
    let engine = open_files(path, &data_file, is_new, mode, settings)?;
    let Some(id) = file_id(&data_file) else {
        return Err(Error::new(Status::NoEnvironment, format!("{} is gone again", data_file.display())));
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

/// Checks that the files are there and are ours to open, and makes the directory. `Ok(true)`: the data file
/// is to be made.
fn prepare(path: &Path, data_file: &Path, create: bool, settings: &Settings) -> Result<bool> {
    let create = create && !settings.read_only && !settings.immutable;
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() && settings.no_subdir => {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("{} is a directory; open it without no_subdir", path.display()),
            ));
        }
        Ok(meta) if !meta.is_dir() && !settings.no_subdir => {
            return Err(Error::new(
                Status::NotADatabase,
                format!(
                    "{} is a file, not a directory with an environment; a file needs no_subdir",
                    path.display()
                ),
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound && create => {
            if !settings.no_subdir {
                make_directory(path)?;
            }
        }
        Err(error) => return Err(cannot_reach(path, &error, create)),
    }
    match File::open(data_file) {
        Ok(mut file) => {
            check_header(data_file, &mut file)?;
            Ok(false)
        }
        Err(error) if error.kind() == ErrorKind::NotFound && create => match data_file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
                Err(cannot_reach(parent, &error, create))
            }
            _ => Ok(true),
        },
        Err(error) => Err(cannot_reach(data_file, &error, create)),
    }
}

pub(super) fn make_directory(path: &Path) -> Result<()> {
    let made = DirBuilder::new().mode(0o777).create(path);
    match made {
        Ok(()) => sync_parent(path),
        // Another process made it just now.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::new(
            Status::NoEnvironment,
            format!(
                "{} cannot be made: its parent directory does not exist; make that first",
                path.display()
            ),
        )),
        Err(error) => Err(cannot_reach(path, &error, true)),
    }
}

fn cannot_reach(path: &Path, error: &std::io::Error, create: bool) -> Error {
    let (status, hint) = match error.kind() {
        ErrorKind::NotFound if create => (Status::NoEnvironment, "make its parent directory first"),
        ErrorKind::NotFound => {
            (Status::NoEnvironment, "nothing is made when opening read-only or without create")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Status::Permission, "see to the permissions, or open it read_only")
        }
        ErrorKind::NotADirectory => (Status::NoEnvironment, "a part of the path is a file"),
        _ => (Status::Io, "the system says no more"),
    };
    Error::new(status, format!("{} cannot be opened: {error}; {hint}", path.display()))
}

/// Tells what a file is that is not a data file of LMDB 0.9 with this machine's page size.
///
/// Source: `MDB_page` and `MDB_meta` of LMDB 0.9's `mdb.c`: a page header of 16 bytes, then the magic number,
/// the format's version, an address and a size of a word each, and the page size in the first free-list field.
fn check_header(path: &Path, file: &mut File) -> Result<()> {
    const MAGIC: u32 = 0xBEEF_C0DE;
    const META: usize = 16;
    const PAGE_SIZE: usize = META + 8 + 2 * size_of::<usize>();
    let failed = |error: std::io::Error| cannot_reach(path, &error, false);
    let mut header = Vec::with_capacity(PAGE_SIZE + 4);
    file.take(PAGE_SIZE as u64 + 4).read_to_end(&mut header).map_err(failed)?;
    if header.is_empty() {
        // Made by a process that has not written yet, or never came to: LMDB makes it anew.
        return Ok(());
    }
    let word =
        |at: usize| header.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok()).map(u32::from_ne_bytes);
    let name = path.display();
    match word(META) {
        Some(MAGIC) => {}
        Some(swapped) if swapped == MAGIC.swap_bytes() => {
            return Err(Error::new(
                Status::FormatVersion,
                format!("{name} is an LMDB data file of a machine with the other byte order"),
            ));
        }
        _ => {
            return Err(Error::new(
                Status::NotADatabase,
                format!("{name} is not an LMDB data file (it does not begin as one)"),
            ));
        }
    }
    match word(META + 4) {
        Some(1) => {}
        Some(2) => {
            return Err(Error::new(
                Status::FormatVersion,
                format!(
                    "{name} has data format 2, of LMDB 1.0; this library reads format 1, of LMDB 0.9: dump it \
                     with mdb_dump 1.0 and load it with mdb_load 0.9"
                ),
            ));
        }
        version => {
            return Err(Error::new(
                Status::FormatVersion,
                format!(
                    "{name} has data format {}; this library reads format 1, of LMDB 0.9",
                    version.map_or_else(|| "of no number".to_owned(), |version| version.to_string())
                ),
            ));
        }
    }
    let Some(page_size) = word(PAGE_SIZE) else {
        return Err(Error::new(Status::Truncated, format!("{name} ends within its header")));
    };
    if page_size as usize != map::page_size() {
        return Err(Error::new(
            Status::PageSize,
            format!(
                "{name} has pages of {page_size} bytes, this machine of {}; dump it where it was made and load \
                 it here",
                map::page_size()
            ),
        ));
    }
    let size = file.metadata().map_err(failed)?.len();
    if size < 2 * u64::from(page_size) {
        return Err(Error::new(
            Status::Truncated,
            format!("{name} is {size} bytes long, less than its two header pages"),
        ));
    }
    Ok(())
}

fn open_files(
    path: &Path,
    data_file: &Path,
    is_new: bool,
    mode: u32,
    settings: &Settings,
) -> Result<Arc<Engine>> {
    let c_path = CString::new(path.as_os_str().as_bytes())
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
    if !settings.immutable {
        reserve::lock_file(path, settings.no_subdir, mode, settings.max_readers)?;
    }
    let parameters = OpenParameters {
        path: &c_path,
        flags,
        mode,
        map_size: map::initial_size(settings.map_size)?,
        max_readers: settings.max_readers,
        // The catalog is not the user's.
        max_dbs: settings.max_collections.saturating_add(1),
    };
    let raw = Arc::new(RawEnv::open(&parameters).map_err(|code| explain(path, code))?);
    if is_new {
        // LMDB leaves the header and the directory to the system's leisure.
        raw.sync().map_err(|code| explain(path, code))?;
        sync_parent(data_file)?;
    }
    if !settings.immutable {
        raw.reap_readers().map_err(|code| explain(path, code))?;
    }
    let lock = if settings.read_only {
        None
    } else {
        Some(lock::ProcessLock::open(&lock::path(path, settings.no_subdir), mode)?)
    };
    Ok(Arc::new(Engine {
        spaces: spaces::Spaces::new(&raw)?,
        lock,
        raw,
        seats: seats::Seats::default(),
        writer: writer::Writer::default(),
        settings: settings.clone(),
        page_size: map::page_size() as u64,
        wanted_map: AtomicU64::new(0),
        looked_for_dropped: AtomicU32::new(0),
        copies: RwLock::default(),
        failure: failure::Failure::default(),
    }))
}

fn explain(path: &Path, code: Code) -> Error {
    let path = path.display();
    match code.0 {
        lmdb_sys::MDB_VERSION_MISMATCH => Error::new(
            Status::LockVersion,
            format!(
                "{path} is open in a process with another build of LMDB, whose lock file this one cannot \
                 share; close it there first"
            ),
        ),
        lmdb_sys::MDB_INVALID => Error::new(Status::NotADatabase, format!("{path} is not an LMDB data file")),
        libc::EACCES | libc::EPERM | libc::EROFS => Error::new(
            Status::Permission,
            format!(
                "{path} cannot be opened for writing: {}; see to the permissions, or open it read_only",
                code.text()
            ),
        ),
        libc::EAGAIN => Error::new(
            Status::PidClash,
            format!(
                "{path} is used by another process with this process's id {} (of another container, say); \
                 give the containers one process namespace",
                std::process::id()
            ),
        ),
        _ => code.error(&format!("opening {path}")),
    }
}

/// Makes an entry of a directory survive a crash of the system.
pub(super) fn sync_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let failed = |error: std::io::Error| {
        Error::new(Status::Io, format!("{} cannot be synced: {error}", parent.display()))
    };
    match File::open(&parent).and_then(|directory| directory.sync_all()) {
        // Some file systems cannot sync a directory, and have no need to.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        synced => synced.map_err(failed),
    }
}

/// How long the data file is.
pub(super) fn file_size(env: &RawEnv) -> Result<u64> {
    let fd = env.descriptor().map_err(|code| code.error("looking at the data file"))?;
    // SAFETY: the descriptor is LMDB's and stays open as long as `env`, which outlives this borrow.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    let file =
        File::from(file.try_clone_to_owned().map_err(|error| {
            Error::new(Status::Io, format!("the data file's size cannot be read: {error}"))
        })?);
    file.metadata()
        .map(|meta| meta.len())
        .map_err(|error| Error::new(Status::Io, format!("the data file's size cannot be read: {error}")))
}
