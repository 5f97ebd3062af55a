//! Creates an environment's files, and repairs a creation that was interrupted.
//!
//! LMDB creates the data file in place, under an exclusive lock on its lock file, which it exchanges for a shared lock
//! when the file can be used. A crash leaves no file, an empty one, or parts of the first two pages. LMDB creates an
//! empty file again, but rejects a partial one. So this library empties such a file under LMDB's own exclusive lock,
//! after a second check has shown that it is still partial. The holder of that lock knows that no creator is alive, in
//! any LMDB program, and that no process has the file open. The file itself stays, so no process loses its open file.
//! LMDB then creates it as usual.
//!
//! The library opens LMDB's lock file nowhere else: closing it would release the locks of an environment that this
//! process has open on it. Here no such environment exists, as the registry shows, which is locked meanwhile.
//!
//! While an environment has no commits, each opening syncs it and the directories that lead to it, because its creator
//! may have died before doing so.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::engine::Settings;
use crate::engine::lmdb::files::header;
use crate::engine::lmdb::files::header::Creation;
use crate::engine::lmdb::files::{Files, directory_of, lock_file_options, made_lock_file_options};
use crate::engine::lmdb::patience::Patience;
use crate::engine::lmdb::sys::Env;
use crate::error::{Error, Result, Status};
use crate::platform::filesystem;
use crate::platform::system::words;

/// How files are opened, and whether they may be created.
pub(crate) struct Making {
    pub create: bool,
    pub writable: bool,
    /// The permission bits of created files.
    pub mode: u32,
}

/// Locates the files, and creates their directory if that is allowed.
pub(crate) fn locate(path: &Path, create: bool, settings: &Settings) -> Result<Files> {
    check_kind(path, create, settings.no_subdir)?;
    let there = if path.exists() { path } else { directory_of(path) };
    if !settings.immutable {
        filesystem::check(there)?;
    }
    if create && !settings.no_subdir {
        make_directory(path)?;
    }
    let files =
        Files::resolve(path, settings.no_subdir).map_err(|error| cannot_reach(path, &error, create))?;
    if !settings.immutable {
        // Checked for the target of links.
        filesystem::check(directory_of(&files.data))?;
    }
    files.check()?;
    Ok(files)
}

fn check_kind(path: &Path, create: bool, no_subdir: bool) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() && no_subdir => Err(Error::new(
            Status::InvalidArgument,
            format!("{} is a directory; open it without no_subdir", path.display()),
        )),
        Ok(meta) if !meta.is_dir() && !no_subdir => Err(Error::new(
            Status::NotADatabase,
            format!(
                "{} is a file, not a directory with an environment; a file needs no_subdir",
                path.display()
            ),
        )),
        Ok(meta) if !meta.is_dir() && !meta.is_file() => Err(Error::new(
            Status::NotADatabase,
            format!("{} is neither a file nor a directory", path.display()),
        )),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && create => Ok(()),
        Err(error) => Err(cannot_reach(path, &error, create)),
    }
}

/// Creates the last directory of a path, if it does not exist.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o777).create(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // On a read-only file system this is also the error for an existing directory.
        Err(_) if path.is_dir() => Ok(()),
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

/// Checks the data file until LMDB can open it, or create it.
pub(crate) fn settle(files: &Files, making: &Making, patience: &Patience) -> Result<()> {
    /// In each round but the last, another process was creating the file.
    const AT_MOST: usize = 10_000;
    let Making { create, writable, mode } = *making;
    for round in 0..AT_MOST {
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&files.data) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound && create => return Ok(()),
            Err(error) => return Err(cannot_reach(&files.data, &error, create)),
        };
        let found = header::look(&files.data, &file)?;
        match found {
            Creation::Whole => return Ok(()),
            Creation::Empty if writable => return Ok(()),
            Creation::CutShort if writable => begin_again(files, mode, patience)?,
            // Another process may be creating it.
            Creation::Empty | Creation::CutShort if round == 0 => wait_for_opener(files, patience)?,
            Creation::Empty | Creation::CutShort => {
                return Err(Error::new(
                    Status::Truncated,
                    format!(
                        "{} is an interrupted creation, with nothing in it yet; open it once for writing",
                        files.data.display()
                    ),
                ));
            }
        }
        if round > 0 {
            std::thread::yield_now();
        }
    }
    Err(Error::new(
        Status::Truncated,
        format!(
            "{} is an interrupted creation, and cannot be repaired while another process holds {}; close it there",
            files.data.display(),
            files.lock.display()
        ),
    ))
}

/// Empties a data file whose creation was interrupted. If another process is creating it, waits until that has ended.
/// The caller then checks the file again.
fn begin_again(files: &Files, mode: u32, patience: &Patience) -> Result<()> {
    let failed = |error: io::Error| cannot_reach(&files.lock, &error, true);
    let lock = made_lock_file_options(mode).read(true).open(&files.lock).map_err(failed)?;
    if !take_lock(&lock).map_err(failed)? {
        return wait_for_opener(files, patience);
    }
    let failed = |error: io::Error| cannot_reach(&files.data, &error, true);
    let data = OpenOptions::new().read(true).write(true).open(&files.data).map_err(failed)?;
    if header::look(&files.data, &data)? == Creation::CutShort {
        data.set_len(0).map_err(failed)?;
        // A process that waits for this lock must not mistake the old reader table for one in use.
        lock.set_len(0).map_err(failed)?;
    }
    Ok(())
}

/// Waits while another process opens or creates the files: LMDB would wait without a limit, even for a stopped process.
/// Fails with [`Status::Busy`] at the deadline.
///
/// If a process begins after this check and is stopped then, LMDB itself waits for it.
pub(crate) fn wait_for_opener(files: &Files, patience: &Patience) -> Result<()> {
    let lock = match lock_file_options().read(true).open(&files.lock) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        // LMDB reports the problem if it matters.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(cannot_reach(&files.lock, &error, false)),
    };
    let mut holder = 0;
    let waited = patience.poll(|| {
        let opener = opener(&lock).map_err(|error| cannot_reach(&files.lock, &error, false))?;
        holder = opener.unwrap_or(0);
        Ok(if opener.is_none() { Some(()) } else { None })
    })?;
    waited.ok_or_else(|| {
        // A process of another process namespace has no number here.
        let who = if holder > 0 { format!("process {holder}") } else { "another process".to_owned() };
        Error::new(
            Status::Busy,
            format!(
                "{who} was opening {} and has not finished within {} ms; let it go on, or end it, and open again",
                files.environment.display(),
                patience.waited().as_millis()
            ),
        )
    })
}

/// Returns LMDB's lock on its lock file: the first byte, exclusive during creation, shared during use.
fn first_byte(kind: libc::c_int) -> libc::flock {
    // SAFETY: `flock` is plain numbers, for which all zeros is valid.
    let mut what = unsafe { std::mem::zeroed::<libc::flock>() };
    what.l_type = libc::c_short::try_from(kind).unwrap_or_default();
    what.l_whence = libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default();
    what.l_len = 1;
    what
}

/// Takes LMDB's lock exclusively, until the file is closed. Returns `Ok(false)` if another process has it.
fn take_lock(file: &File) -> io::Result<bool> {
    let what = first_byte(libc::F_WRLCK);
    loop {
        // SAFETY: the descriptor is open as long as `file`, and `what` outlives the call.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const what) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EACCES | libc::EAGAIN) => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Returns the process that has LMDB's lock exclusively, since it is opening or creating the files, or `None`.
fn opener(file: &File) -> io::Result<Option<libc::pid_t>> {
    let mut what = first_byte(libc::F_RDLCK);
    // SAFETY: the descriptor is open as long as `file`, and `what` is a valid destination for the result.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut what) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let is_free = libc::c_int::from(what.l_type) == libc::F_UNLCK;
    Ok(if is_free { None } else { Some(what.l_pid) })
}

/// Syncs an environment without commits, and the directories that lead to it.
pub(crate) fn sync(env: &Env, files: &Files) -> Result<()> {
    env.sync().map_err(|code| code.error(&format!("syncing {}", files.data.display())))?;
    let directory = directory_of(&files.data);
    sync_directory(directory, directory)?;
    if files.no_subdir { Ok(()) } else { sync_directory(directory_of(directory), directory) }
}

/// Makes a directory entry survive a crash of the system.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = directory_of(path);
    sync_directory(parent, parent)
}

/// Syncs a directory; if it is not readable, syncs the file system of a directory below it.
fn sync_directory(directory: &Path, below: &Path) -> Result<()> {
    let synced = match File::open(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            // SAFETY: the descriptor is open during the call.
            File::open(below).and_then(|below| match unsafe { libc::syncfs(below.as_raw_fd()) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            })
        }
        opened => opened.and_then(|directory| directory.sync_all()),
    };
    match synced {
        // Some file systems cannot sync a directory, and do not need to.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        synced => synced.map_err(|error| {
            Error::new(
                Status::Io,
                format!("{} cannot be synced: {}; check the disk", directory.display(), words(&error)),
            )
        }),
    }
}

/// Returns the error for a file or directory that cannot be opened or created.
fn cannot_reach(path: &Path, error: &io::Error, create: bool) -> Error {
    let (status, hint) = match error.kind() {
        ErrorKind::NotFound if create => (Status::NoEnvironment, "make its parent directory first"),
        ErrorKind::NotFound => {
            (Status::NoEnvironment, "nothing is made when opening read-only or without create")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Status::Permission, "see to the permissions, or open it read_only")
        }
        ErrorKind::NotADirectory => (Status::NoEnvironment, "a part of the path is a file"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Status::DiskFull, "make room and open it again")
        }
        _ if error.raw_os_error() == Some(libc::EMFILE) => (Status::Io, "close others, or raise the limit"),
        _ => (Status::Io, "the system says no more"),
    };
    Error::new(status, format!("{} cannot be opened: {}; {hint}", path.display(), words(error)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CREATING: Making = Making { create: true, writable: true, mode: 0o600 };

    fn refused(outcome: Result<()>) -> (Status, String) {
        let error = outcome.unwrap_err();
        (error.status(), error.message().to_owned())
    }

    #[test]
    fn a_path_must_lead_to_the_file_that_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let (file, missing) = (dir.path().join("file"), dir.path().join("missing"));
        std::fs::write(&file, "").unwrap();
        assert_eq!(check_kind(dir.path(), false, false), Ok(()));
        assert_eq!(check_kind(&file, false, true), Ok(()));
        assert_eq!(check_kind(&missing, true, false), Ok(()));
        let (status, message) = refused(check_kind(dir.path(), true, true));
        assert!(status == Status::InvalidArgument && message.contains("is a directory"), "{message}");
        let (status, message) = refused(check_kind(&file, true, false));
        assert!(status == Status::NotADatabase && message.contains("needs no_subdir"), "{message}");
        let (status, message) = refused(check_kind(Path::new("/dev/null"), true, true));
        assert!(status == Status::NotADatabase && message.contains("neither a file"), "{message}");
        let (status, message) = refused(check_kind(&missing, false, false));
        assert!(status == Status::NoEnvironment && message.contains("nothing is made"), "{message}");
        let (status, message) = refused(check_kind(&file.join("below"), true, false));
        assert!(status == Status::NoEnvironment && message.contains("is a file"), "{message}");
    }

    #[test]
    fn the_last_directory_is_created_unless_something_exists_there() {
        let dir = tempfile::tempdir().unwrap();
        let (file, new) = (dir.path().join("file"), dir.path().join("new"));
        std::fs::write(&file, "").unwrap();
        assert_eq!((make_directory(&new), make_directory(&new), new.is_dir()), (Ok(()), Ok(()), true));
        assert_eq!((make_directory(&file), file.is_file()), (Ok(()), true));
        let (status, message) = refused(make_directory(&dir.path().join("missing/new")));
        assert!(status == Status::NoEnvironment && message.contains("its parent directory"), "{message}");
        let (status, message) = refused(make_directory(&file.join("new")));
        assert!(status == Status::NoEnvironment && message.contains("is a file"), "{message}");
    }

    #[test]
    fn a_missing_data_file_is_created_or_reported() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::resolve(dir.path(), false).unwrap();
        let patience = Patience::new(Some(std::time::Duration::ZERO));
        assert_eq!(settle(&files, &CREATING, &patience), Ok(()));
        let (status, _) = refused(settle(&files, &Making { create: false, ..CREATING }, &patience));
        assert_eq!(status, Status::NoEnvironment);
        std::fs::write(&files.data, "").unwrap();
        assert_eq!(settle(&files, &CREATING, &patience), Ok(()), "LMDB makes an empty one");
        let reading = Making { writable: false, ..CREATING };
        let (status, message) = refused(settle(&files, &reading, &patience));
        assert!(status == Status::Truncated && message.contains("open it once for writing"), "{message}");
        files.data = files.data.join("below");
        let (status, message) = refused(settle(&files, &CREATING, &patience));
        assert!(status == Status::NoEnvironment && message.contains("is a file"), "{message}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_has_a_status_and_advice() {
        for (code, create, status, hint) in [
            (libc::ENOENT, true, Status::NoEnvironment, "make its parent directory first"),
            (libc::ENOENT, false, Status::NoEnvironment, "nothing is made when opening read-only"),
            (libc::EACCES, false, Status::Permission, "see to the permissions"),
            (libc::EROFS, true, Status::Permission, "open it read_only"),
            (libc::ENOTDIR, true, Status::NoEnvironment, "a part of the path is a file"),
            (libc::ENOSPC, true, Status::DiskFull, "make room"),
            (libc::EDQUOT, true, Status::DiskFull, "make room"),
            (libc::EMFILE, true, Status::Io, "close others"),
            (libc::EIO, true, Status::Io, "the system says no more"),
        ] {
            let error = cannot_reach(Path::new("/env"), &io::Error::from_raw_os_error(code), create);
            assert_eq!(error.status(), status, "{error}");
            assert!(error.message().starts_with("/env cannot be opened: "), "{error}");
            assert!(error.message().contains(hint), "{error}");
        }
    }
}
