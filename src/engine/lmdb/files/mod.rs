//! Locates an environment's files, and checks that they are still the ones that were opened.
//!
//! The target of a path changes when a link is replaced, a directory is renamed, or the process changes its root. So
//! the directory of the files stays open, and the files are looked up in it, by device and inode.

pub(crate) mod claim;
pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod data_file;
pub(crate) mod header;
pub(crate) mod meta;
pub(crate) mod reserve;
pub(crate) mod tail;
pub(crate) mod watch;

use std::ffi::{CStr, CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::error::{Error, Result, Status};
use crate::platform::byte_lock::is_locked;
use crate::platform::fork;
use crate::platform::system::words;

/// Identifies a file independently of its names: device and inode.
pub(super) type FileId = (u64, u64);

/// The name of the data file in an environment that is a directory.
const DATA: &str = "data.mdb";

/// A directory that stays open until it is closed or dropped.
#[derive(Debug)]
pub(super) struct Directory {
    /// [`CLOSED`] after it was closed.
    fd: AtomicI32,
    id: FileId,
    process: u64,
}

const CLOSED: RawFd = -1;

impl Drop for Directory {
    fn drop(&mut self) {
        self.close();
    }
}

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Directory> {
        let path = c_text(path.as_os_str())?;
        // SAFETY: the path is NUL-terminated; the flags open a directory only for look-ups in it.
        let fd = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Directory::of(fd)
    }

    /// Takes ownership of a descriptor that was just opened.
    fn of(fd: RawFd) -> io::Result<Directory> {
        let mut directory = Directory { fd: AtomicI32::new(fd), id: (0, 0), process: fork::process() };
        directory.id = id_of_descriptor(fd)?;
        Ok(directory)
    }

    fn fd(&self) -> RawFd {
        self.fd.load(Ordering::Acquire)
    }

    fn close(&self) {
        // A child may have closed the descriptor, and its number may belong to another file.
        if self.process == fork::process() {
            let fd = self.fd.swap(CLOSED, Ordering::AcqRel);
            if fd != CLOSED {
                // SAFETY: the descriptor belongs to this object, and was just taken out of it.
                unsafe { libc::close(fd) };
            }
        }
    }

    /// Returns the id of the directory itself.
    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// Returns the status of a file in it, without following links, or `Ok(None)` if it does not exist.
    fn look(&self, name: &CStr) -> io::Result<Option<libc::stat>> {
        let mut found = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the descriptor is open, the name NUL-terminated, and `found` a valid destination, filled on success.
        let rc =
            unsafe { libc::fstatat(self.fd(), name.as_ptr(), found.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW) };
        if rc == 0 {
            // SAFETY: filled by the call.
            return Ok(Some(unsafe { found.assume_init() }));
        }
        let error = io::Error::last_os_error();
        if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) }
    }

    fn id_of(&self, name: &CStr) -> io::Result<Option<FileId>> {
        Ok(self.look(name)?.map(|found| id_of(&found)))
    }

    /// Returns the same directory for a child of the process that opened it; children often close unknown descriptors.
    fn inherited(&self, path: &Path) -> io::Result<Directory> {
        let same = |found: &Directory| found.id == self.id;
        if id_of_descriptor(self.fd()).is_ok_and(|id| id == self.id) {
            // SAFETY: duplicates an open descriptor; no memory is passed.
            let fd = unsafe { libc::fcntl(self.fd(), libc::F_DUPFD_CLOEXEC, 3) };
            return if fd < 0 { Err(io::Error::last_os_error()) } else { Directory::of(fd) };
        }
        Directory::open(path).ok().filter(same).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }

    /// Returns a path that currently leads to the directory: the known one, or one through its descriptor.
    fn path(&self, known: &Path) -> io::Result<PathBuf> {
        let leads_here =
            |path: &Path| std::fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == self.id);
        if leads_here(known) {
            return Ok(known.to_owned());
        }
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.fd()));
        if leads_here(&path) { Ok(path) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) }
    }
}

fn c_text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

#[allow(clippy::unnecessary_cast)] // numbers of other widths elsewhere
fn id_of(found: &libc::stat) -> FileId {
    (found.st_dev as u64, found.st_ino as u64)
}

fn id_of_descriptor(fd: libc::c_int) -> io::Result<FileId> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `found` is a valid destination, filled on success; the descriptor need not be open.
    if unsafe { libc::fstat(fd, found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled by the call.
    Ok(id_of(unsafe { found.assume_init_ref() }))
}

/// Returns the id of the file to which a path leads, or `None` if it cannot be found.
pub(super) fn id_of_path(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// The locations of an environment's files, with links resolved: every path to a data file leads to the same lock
/// files.
#[derive(Debug)]
pub(super) struct Files {
    /// The path that LMDB opens: the directory, or the data file with `no_subdir`.
    pub environment: PathBuf,
    pub no_subdir: bool,
    pub data: PathBuf,
    /// LMDB's lock file.
    pub lock: PathBuf,
    /// The lock file of this library.
    pub write_lock: PathBuf,
    pub directory: Directory,
}

impl Files {
    fn new(data: &Path, no_subdir: bool) -> io::Result<Files> {
        let parent = directory_of(data);
        let name = data.file_name().unwrap_or_default();
        Ok(Files::within(Directory::open(parent)?, parent, name, no_subdir))
    }

    fn within(directory: Directory, parent: &Path, name: &OsStr, no_subdir: bool) -> Files {
        let data = parent.join(name);
        let environment = if no_subdir { data.clone() } else { parent.to_owned() };
        let lock = if no_subdir { beside(&data, "-lock") } else { parent.join("lock.mdb") };
        let write_lock = write_lock_of(&environment, no_subdir);
        Files { environment, no_subdir, data, lock, write_lock, directory }
    }

    /// Follows links to the data file, as far as files exist.
    pub(super) fn resolve(path: &Path, no_subdir: bool) -> io::Result<Files> {
        let named = if no_subdir { path.to_owned() } else { path.canonicalize()?.join(DATA) };
        let data = match named.canonicalize() {
            Ok(real) => real,
            // The file does not exist yet. A dangling link is refused, since LMDB would put its lock file beside the
            // link.
            Err(error) if error.kind() == ErrorKind::NotFound && !named.is_symlink() => {
                directory_of(&named).canonicalize()?.join(named.file_name().unwrap_or_default())
            }
            Err(error) => return Err(error),
        };
        // One name has one set of lock files, whichever way it is opened: its directory's, unless another program has
        // the other set in use.
        let is_directory = data.file_name() == Some(OsStr::new(DATA));
        Files::new(&data, !is_directory || is_in_use(&beside(&data, "-lock")))
    }

    /// Refuses names that lead to anything other than their own files.
    pub(super) fn check(&self) -> Result<()> {
        let data = self.id(&self.data)?;
        for path in [&self.data, &self.lock, &self.write_lock] {
            let Some(found) = self.look(path)? else { continue };
            let is_data = path == &self.data;
            let status = if is_data { Status::NotADatabase } else { Status::LockVersion };
            if found.st_mode & libc::S_IFMT != libc::S_IFREG {
                return Err(Error::new(
                    status,
                    format!("{} is not a regular file; move it away and open again", path.display()),
                ));
            }
            if !is_data && data == Some(id_of(&found)) {
                return Err(Error::new(
                    status,
                    format!("{} is a link to the data file; remove it and open again", path.display()),
                ));
            }
        }
        Ok(())
    }

    fn look(&self, path: &Path) -> Result<Option<libc::stat>> {
        c_text(path.file_name().unwrap_or_default()).and_then(|name| self.directory.look(&name)).map_err(
            |error| {
                Error::new(Status::Io, format!("{} cannot be looked at: {}", path.display(), words(&error)))
            },
        )
    }

    /// Returns the id of the file that one of these paths currently names, or `None` if it does not exist.
    pub(super) fn id(&self, path: &Path) -> Result<Option<FileId>> {
        Ok(self.look(path)?.map(|found| id_of(&found)))
    }
}

/// Returns the options for opening lock files: links are not followed, and opening a FIFO does not block.
pub(super) fn lock_file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// Returns the same options for a file that is written, and created with these permission bits if it does not exist.
pub(super) fn made_lock_file_options(mode: u32) -> OpenOptions {
    let mut options = lock_file_options();
    options.write(true).create(true).truncate(false).mode(mode);
    options
}

/// Returns true if LMDB uses a lock file in another process.
fn is_in_use(lock_file: &Path) -> bool {
    let opened = lock_file_options().read(true).open(lock_file);
    // LMDB locks the first byte.
    opened.is_ok_and(|file| is_locked(&file, 0, 1))
}

/// Returns the library's own lock file: `lock.pc` in the directory, `NAME-lock.pc` beside a named data file.
fn write_lock_of(environment: &Path, no_subdir: bool) -> PathBuf {
    if !no_subdir {
        return environment.join("lock.pc");
    }
    beside(environment, "-lock.pc")
}

/// Appends a suffix to a path's name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the directory that contains a file.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        // The root has no parent; a bare name lies in the working directory.
        None if path.has_root() => path,
        _ => Path::new("."),
    }
}

/// One file of an open environment.
#[derive(Clone, Debug)]
struct OpenFile {
    name: CString,
    id: FileId,
}

/// The files of an open environment, at the time when it was opened. Never changes, so that the child of a fork can
/// read it.
#[derive(Debug)]
pub(crate) struct Identity {
    directory: Directory,
    parent: PathBuf,
    no_subdir: bool,
    data: OpenFile,
    /// LMDB's lock file and the library's, if they exist: read-only media have none.
    locks: [Option<OpenFile>; 2],
}

impl Identity {
    /// Records the identity of open files: the data file by its descriptor, and the lock files in use.
    pub(super) fn new(files: Files, data: &File, has_lock: bool, has_write_lock: bool) -> Result<Identity> {
        let gone = |path: &Path| {
            Error::new(
                Status::Replaced,
                format!("{} was removed or replaced while it was opened; open it again", path.display()),
            )
        };
        let opened = |path: &Path| -> Result<Option<OpenFile>> {
            let name = c_text(path.file_name().unwrap_or_default()).map_err(|_| gone(path))?;
            Ok(files.id(path)?.map(|id| OpenFile { name, id }))
        };
        let open = data.metadata().map_err(|_| gone(&files.data))?;
        let found = opened(&files.data)?.filter(|found| found.id == (open.dev(), open.ino()));
        let data = found.ok_or_else(|| gone(&files.data))?;
        let used = |path: &Path, is_used: bool| if is_used { opened(path) } else { Ok(None) };
        let locks = [used(&files.lock, has_lock)?, used(&files.write_lock, has_write_lock)?];
        let parent = directory_of(&files.data).to_owned();
        Ok(Identity { directory: files.directory, parent, no_subdir: files.no_subdir, data, locks })
    }

    /// Closes the directory: no file is looked up any more.
    pub(super) fn close(&self) {
        self.directory.close();
    }

    /// Returns the id of the data file.
    pub(super) fn data(&self) -> FileId {
        self.data.id
    }

    /// Returns the id of LMDB's lock file, or `None` if there is no lock file.
    pub(super) fn lock(&self) -> Option<FileId> {
        self.locks[0].as_ref().map(|lock| lock.id)
    }

    /// Checks that the files are still in place.
    pub(super) fn verify(&self) -> Result<()> {
        self.verify_in(&self.directory)
    }

    /// Does the same in a directory that should be the one that was opened.
    pub(super) fn verify_in(&self, directory: &Directory) -> Result<()> {
        for file in std::iter::once(&self.data).chain(self.locks.iter().flatten()) {
            match directory.id_of(&file.name) {
                Ok(Some(found)) if found == file.id => {}
                Ok(found) => return Err(self.replaced(&file.name, found.is_some())),
                // A process that has dropped its privileges can no longer check; the files are assumed to be unchanged.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn shown(&self, name: &CStr) -> String {
        self.parent.join(OsStr::from_bytes(name.to_bytes())).display().to_string()
    }

    #[cold]
    fn replaced(&self, name: &CStr, is_there: bool) -> Error {
        let how = if is_there { "replaced" } else { "removed" };
        Error::new(
            Status::Replaced,
            format!(
                "{} was {how} while the environment was open, and what was written since may be lost; close it and \
                 open it again",
                self.shown(name)
            ),
        )
    }

    /// Returns the same files for the child of a fork.
    pub(super) fn inherited(&self) -> Result<Files> {
        let lost = |error: io::Error| {
            Error::new(
                Status::Replaced,
                format!(
                    "the parent's files cannot be reached from this child process: {}: {}",
                    self.shown(&self.data.name),
                    words(&error)
                ),
            )
        };
        let directory = self.directory.inherited(&self.parent).map_err(lost)?;
        let parent = directory.path(&self.parent).map_err(lost)?;
        let name = OsStr::from_bytes(self.data.name.to_bytes());
        Ok(Files::within(directory, &parent, name, self.no_subdir))
    }

    /// Returns true if both openings use the same files.
    pub(super) fn is_same(&self, other: &Identity) -> bool {
        let id = |file: &Option<OpenFile>| file.as_ref().map(|file| file.id);
        self.data.id == other.data.id && self.locks.iter().map(id).eq(other.locks.iter().map(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_write_lock_lies_in_the_directory_or_beside_the_data_file() {
        assert_eq!(write_lock_of(Path::new("/a/env"), false), Path::new("/a/env/lock.pc"));
        assert_eq!(write_lock_of(Path::new("/a/data"), true), Path::new("/a/data-lock.pc"));
    }
}
