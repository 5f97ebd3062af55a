//! Opens environments: one per data file and process.
//!
//! `header` and `filesystem` refuse files before LMDB sees them; `create` makes them.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

use super::files::{Files, Identity, id_of_path};
use super::patience::Patience;
use super::registry::{self, Reservation};
use crate::engine::lmdb::files::claim::Claim;
use crate::engine::lmdb::files::create::Making;
use crate::engine::lmdb::files::data_file::data_of;
use crate::engine::lmdb::files::{create, reserve, watch};
use crate::engine::lmdb::known_sequence::KnownSequence;
use crate::engine::lmdb::sys;
use crate::engine::lmdb::sys::{Code, Env, OpenParameters, RoTxn, exceeds_memory};
use crate::engine::lmdb::txn::numbers::most_numbers;
use crate::engine::lmdb::txn::spaces;
use crate::engine::lmdb::write::working_set::WorkingSet;
use crate::engine::lmdb::write::{failure, flusher, group, lock};
use crate::engine::lmdb::{Engine, address_space, check};
use crate::engine::notice::Notice;
use crate::engine::threads::seats;
use crate::engine::threads::turns::Turns;
use crate::engine::{Durability, Settings};
use crate::error::{Error, Result, Status};
use crate::platform::descriptors::{Standard, close_on_exec};
use crate::platform::fork;
use crate::platform::sync;
use crate::platform::system;

/// The place of an environment and its settings: enough to reopen it in the child of a fork. It never changes, so that
/// a child can read it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    identity: Arc<Identity>,
    settings: Settings,
}

/// Opens an environment, or returns the one that is open in this process. Fails with [`Status::EnvFailed`] if that one
/// has failed and is not closed yet; see [`wait_until_closed`].
pub(crate) fn open(path: &Path, create: bool, mode: u32, settings: &Settings) -> Result<Arc<Engine>> {
    fork::watch()?;
    let _standard = standard()?;
    let patience = Patience::new(settings.write_timeout);
    let writable = !settings.read_only && !settings.immutable;
    let create = create && writable;
    if let Some(engine) = registry::already_open(&data_file(path, settings.no_subdir), &patience)? {
        return same_settings(path, engine, settings);
    }
    let files = create::locate(path, create, settings)?;
    let settings = Settings { no_subdir: files.no_subdir, ..settings.clone() };
    match registry::reserve(&files, &patience)? {
        Reservation::Open(engine) => same_settings(path, engine, &settings),
        Reservation::Reserved(_reserved) => open_new(files, create, mode, &settings, &patience),
    }
}

/// Opens the files of an environment that the parent of this process had open at the fork.
pub(crate) fn open_inherited(origin: &Origin) -> Result<Arc<Engine>> {
    fork::watch()?;
    let _standard = standard()?;
    let files = origin.identity.inherited()?;
    let settings = Settings { verify_on_open: false, ..origin.settings.clone() };
    let patience = Patience::new(settings.write_timeout);
    let _reserved = match registry::reserve(&files, &patience)? {
        Reservation::Open(engine) => return Ok(engine),
        Reservation::Reserved(reserved) => reserved,
    };
    // Missing files are not created again.
    origin.identity.verify_in(&files.directory)?;
    let engine = open_new(files, false, 0o600, &settings, &patience)?;
    if engine.identity.is_same(&origin.identity) {
        return Ok(engine);
    }
    drop(engine);
    Err(Error::new(
        Status::Replaced,
        "the files of the environment were replaced since this process was forked; open what is there now by its path",
    ))
}

fn standard() -> Result<Standard> {
    Standard::take().map_err(|error| Code::of(&error).error("keeping the standard streams' descriptors"))
}

/// Opens files that the calling thread has reserved.
fn open_new(
    files: Files,
    create: bool,
    mode: u32,
    settings: &Settings,
    patience: &Patience,
) -> Result<Arc<Engine>> {
    let claim = claim(&files, settings)?;
    if let Some(claim) = &claim {
        claim.check_lock_files(&files, files.id(&files.lock)?)?;
    }
    let making = Making { create, writable: !settings.read_only, mode };
    create::settle(&files, &making, patience)?;
    let (engine, claim) = open_files(files, claim, &making, settings, patience)?;
    registry::enter(&engine, claim);
    Ok(engine)
}

/// Announces this process's claim on the data file. Returns `None` if the environment has no locks.
fn claim(files: &Files, settings: &Settings) -> Result<Option<Claim>> {
    if settings.immutable { Ok(None) } else { Claim::of_process(&files.data) }
}

fn data_file(path: &Path, no_subdir: bool) -> PathBuf {
    if no_subdir { path.to_owned() } else { path.join("data.mdb") }
}

/// Waits until a failed environment of this process is closed: a thread may hold a snapshot that has lent addresses.
/// Returns `Ok(false)` on a timeout.
pub(crate) fn wait_until_closed(path: &Path, no_subdir: bool, timeout: Option<Duration>) -> Result<bool> {
    let data = id_of_path(&data_file(path, no_subdir));
    let files = Files::resolve(path, no_subdir).ok();
    let lock = files.and_then(|files| files.id(&files.lock).ok().flatten());
    registry::wait_until_closed(data, lock, &Patience::new(timeout))
}

fn same_settings(path: &Path, engine: Arc<Engine>, settings: &Settings) -> Result<Arc<Engine>> {
    let open = &engine.settings;
    let differs = [
        ("read_only", open.read_only != settings.read_only),
        ("immutable", open.immutable != settings.immutable),
        // These three may be less than the values in force. Without a size, the map grows as needed.
        ("max_collections", open.max_collections < settings.max_collections),
        ("max_readers", open.max_readers < settings.max_readers),
        ("map_size", open.map_size.is_some_and(|size| Some(size) < settings.map_size)),
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

fn open_files(
    files: Files,
    claim: Option<Claim>,
    making: &Making,
    settings: &Settings,
    patience: &Patience,
) -> Result<(Arc<Engine>, Option<Claim>)> {
    if !settings.immutable {
        reserve::lock_file(&files.lock, making.mode, settings.max_readers)?;
    }
    let env = Arc::new(open_raw(&files, making, settings, patience)?);
    let data = data_of(&env)?;
    // LMDB leaves this to its caller, so that children do not inherit the descriptor.
    close_on_exec(env.descriptor().map_err(|code| code.error("opening the data file"))?)
        .map_err(|error| Code::of(&error).error("opening the data file"))?;
    let lock = if settings.immutable { None } else { files.id(&files.lock)? };
    let claim = match claim {
        None => self::claim(&files, settings)?,
        claim => claim,
    };
    if let (Some(claim), Some(lock)) = (&claim, lock) {
        claim.say_lock_files(&files, lock)?;
    }
    read_first(&env, &files, settings)?;
    if !settings.read_only && env.info().me_last_txnid == 0 {
        create::sync(&env, &files)?;
    }
    if !settings.immutable {
        env.reap_readers().map_err(|code| explain(&files, settings, code))?;
    }
    let write_lock = if settings.read_only {
        None
    } else {
        Some(lock::ProcessLock::open(&files.write_lock, making.mode, patience)?)
    };
    let write_lock_path = files.write_lock.clone();
    let identity = Identity::new(files, &data, lock.is_some(), write_lock.is_some())?;
    if let Some(lock) = &write_lock {
        lock.say_data_file(&write_lock_path, identity.data())?;
    }
    // LMDB has read only the header so far; the code below looks for the catalog.
    if settings.verify_on_open {
        check::on_open(&env)?;
    }
    let flusher = flusher::Flusher::start(&env, settings)?;
    let engine = Arc::new(Engine {
        flusher,
        spaces: spaces::Spaces::new(&env, settings.max_collections)?,
        lock: write_lock,
        env,
        identity: Arc::new(identity),
        watch: watch::Watch::default(),
        seats: seats::Seats::default(),
        turns: Turns::default(),
        group: group::Group::default(),
        pace: group::Pace::default(),
        own_notice: Notice::default(),
        settings: settings.clone(),
        page_size: system::page_size() as u64,
        wanted_map: AtomicU64::new(0),
        dropped: AtomicU32::new(0),
        working_set: WorkingSet::default(),
        opened_ahead: AtomicU64::new(0),
        names_gone: AtomicBool::new(false),
        failure: failure::Failure::default(),
        known: KnownSequence::default(),
        copies: sync::RwLock::default(),
        aside: sync::Mutex::default(),
    });
    Ok((engine, claim))
}

/// Begins the first read, and reports every failure that can occur then.
fn read_first(env: &Arc<Env>, files: &Files, settings: &Settings) -> Result<()> {
    let failed = |code: Code| explain(files, settings, code);
    // The first read takes a lock in the name of this process id, which a process of another container may also have.
    let mut reaped = false;
    loop {
        let before = env.last_txn();
        match RoTxn::begin(env) {
            // The lock file's number lags behind the map's by at most one commit.
            Ok(txn) if txn.id().wrapping_add(1) < before || txn.id() > env.last_txn() => {
                return Err(Error::new(
                    Status::Replaced,
                    format!(
                        "{} was replaced, and another process still has the one before open with the same lock file \
                         {}; close it there, then open it again",
                        files.data.display(),
                        files.lock.display()
                    ),
                ));
            }
            Ok(_) => return Ok(()),
            Err(Code(libc::EAGAIN | libc::EACCES)) => return Err(pid_clash(files)),
            // Another process has outgrown the map since LMDB looked at the file.
            Err(Code(lmdb_sys::MDB_MAP_RESIZED)) => address_space::grow_alone(env)?,
            Err(Code(lmdb_sys::MDB_READERS_FULL)) if !reaped => {
                reaped = true;
                env.reap_readers().map_err(failed)?;
            }
            Err(code) => return Err(failed(code)),
        }
    }
}

/// Opens the files with LMDB.
fn open_raw(files: &Files, making: &Making, settings: &Settings, patience: &Patience) -> Result<Env> {
    /// In each round but the last, a process died while it made the lock file.
    const AT_MOST: usize = 64;
    sys::check_version()?;
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
    if fs::metadata(&files.data).is_ok_and(|data| exceeds_memory(data.len().min(data.blocks() * 512))) {
        flags |= lmdb_sys::MDB_NORDAHEAD;
    }
    let parameters = OpenParameters {
        path: &c_path,
        flags,
        mode: making.mode,
        map_size: address_space::initial_size(settings.map_size, registry::open_count())?,
        max_readers: settings.max_readers,
        max_dbs: most_numbers(settings),
    };
    let mut round = 1;
    loop {
        if !settings.immutable {
            create::wait_for_opener(files, patience)?;
        }
        match Env::open(&parameters) {
            // After the creator that it waited for has died, a process finds an unfinished lock file, and perhaps no
            // data file; its next attempt makes both.
            Err(Code(lmdb_sys::MDB_INVALID | libc::EINVAL)) if round < AT_MOST => {
                create::settle(files, making, patience)?;
                round += 1;
            }
            opened => {
                let env = opened.map_err(|code| explain(files, settings, code))?;
                env.check_key_size()?;
                return Ok(env);
            }
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
        // The data file's header was already found valid.
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

impl Engine {
    /// Returns the origin by which the child of a fork reopens it.
    pub(crate) fn origin(&self) -> Origin {
        Origin { identity: Arc::clone(&self.identity), settings: self.settings.clone() }
    }
}
