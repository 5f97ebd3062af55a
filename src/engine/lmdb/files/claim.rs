//! Announces on an environment's files which files a process uses, so that other processes can refuse others.
//!
//! Two sets of lock files for one data file, or two data files with one set of lock files, would let two writers run at
//! once. Comparing paths does not detect this, since links and mounts give a file many names. So a process that has an
//! environment open holds shared locks on single bytes far beyond the end of its files, at offsets that encode
//!
//! - on the data file: the lock files in use, and the process;
//! - on the library's lock file: the data file in use.
//!
//! Then it checks for locks of other openings: at another offset among those for files, or at its own process's. Each
//! opening sets its lock before it checks, so that of two simultaneous openings at least one sees the other.
//!
//! The locks belong to open file descriptions (`F_OFD_SETLK`, Linux 3.15): they conflict within a process too, apply to
//! the inode, and survive closing another descriptor of the file. On a file system without such locks, claims have no
//! effect. Other LMDB programs do not set them.
//!
//! Source: `fcntl_locking(2)`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::engine::lmdb::files::{FileId, Files, directory_of};
use crate::error::{Error, Result, Status};
use crate::platform::byte_lock::{is_locked, lock};
use crate::platform::fork;
use crate::platform::fork::OwnFile;
use crate::platform::system::words;

/// How long to recheck after seeing others: they may be about to give way, or a child may be about to run a program.
const PATIENCE: Duration = Duration::from_millis(200);

/// A range of offsets.
#[derive(Clone, Copy)]
struct Zone {
    begin: u64,
}

/// The number of offsets in each zone.
const ZONE: u64 = 1 << 61;
const OF_FILES: Zone = Zone { begin: 1 << 62 };
const OF_PROCESSES: Zone = Zone { begin: (1 << 62) + ZONE };

impl Zone {
    /// Returns the offset that encodes two numbers (FNV-1a).
    fn offset(self, numbers: (u64, u64)) -> u64 {
        let bytes = [numbers.0.to_le_bytes(), numbers.1.to_le_bytes()].concat();
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.begin + hash % ZONE
    }
}

/// Announces a number on a file until the file is closed.
fn say(file: &File, offset: u64) {
    // On a file system without such locks no opening announces anything.
    drop(lock(file, libc::F_OFD_SETLK, libc::F_RDLCK, offset, 1));
}

/// Returns true if another opening announces a file other than that of `offset`; with `None`, any file.
fn others_say(file: &File, offset: Option<u64>) -> bool {
    let Some(offset) = offset else { return is_locked(file, OF_FILES.begin, ZONE) };
    let end = OF_FILES.begin + ZONE;
    is_locked(file, OF_FILES.begin, offset - OF_FILES.begin) || is_locked(file, offset + 1, end - offset - 1)
}

/// Returns true if a condition still holds after other openings had time to give way.
fn persists(seen: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while seen() {
        if begun.elapsed() > PATIENCE {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// A descriptor on which this process keeps an announcement until it is dropped.
struct Said(OwnFile);

impl Drop for Said {
    fn drop(&mut self) {
        if self.0.is_ours() {
            // Unlocked explicitly, since a child that is about to run a program may share the description.
            drop(lock(&self.0, libc::F_OFD_SETLK, libc::F_UNLCK, OF_FILES.begin, 2 * ZONE - 1));
        }
    }
}

/// This process's claim on a data file.
pub(crate) struct Claim {
    said: Said,
    data: PathBuf,
}

impl Claim {
    /// Announces on a data file that this process has it open. Returns `None` if the file does not exist yet.
    pub(crate) fn of_process(data: &Path) -> Result<Option<Claim>> {
        // If a FIFO has replaced the file, opening it must not block the process.
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(data);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // The opening that follows reports the problem.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => {
                return Err(Error::new(
                    Status::Io,
                    format!("{} cannot be opened: {}", data.display(), words(&error)),
                ));
            }
        };
        let claim = Claim { said: Said(OwnFile::new(file)), data: data.to_owned() };
        let me = OF_PROCESSES.offset(process_number());
        say(&claim.said.0, me);
        if persists(|| is_locked(&claim.said.0, me, 1)) {
            return Err(Error::new(
                Status::SecondCopy,
                format!(
                    "{} is open in this process by another copy of this library (one that a package brought along and \
                     one that the program is linked with, say); use one of them for it",
                    data.display()
                ),
            ));
        }
        Ok(Some(claim))
    }

    /// Refuses lock files other than those with which the data file is in use. `lock` is `None` if they do not exist
    /// yet.
    pub(crate) fn check_lock_files(&self, files: &Files, lock: Option<FileId>) -> Result<()> {
        let mine = lock.map(|lock| OF_FILES.offset(lock));
        if !persists(|| others_say(&self.said.0, mine)) {
            return Ok(());
        }
        let theirs = user_of(&self.said.0).map_or_else(String::new, |user| format!(" ({user})"));
        Err(Error::new(
            Status::LockFiles,
            format!(
                "{} with the lock file {} is in use by another process under another lock file{theirs}, so that two \
                 writers would run at once; open it by the path that the other process uses",
                self.data.display(),
                files.lock.display()
            ),
        ))
    }

    /// Announces which lock files this process uses, and fails if another process uses others.
    pub(crate) fn say_lock_files(&self, files: &Files, lock: FileId) -> Result<()> {
        say(&self.said.0, OF_FILES.offset(lock));
        self.check_lock_files(files, Some(lock))
    }
}

/// Announces on the library's lock file which data file it is used with, and fails if another process uses another data
/// file.
pub(crate) fn say_data_file(lock_file: &File, path: &Path, data: FileId) -> Result<()> {
    let offset = OF_FILES.offset(data);
    say(lock_file, offset);
    if !persists(|| others_say(lock_file, Some(offset))) {
        return Ok(());
    }
    Err(Error::new(
        Status::Replaced,
        format!(
            "the data file of {} was replaced, and another process still has the one before open; close it there, \
             then open it again",
            path.display()
        ),
    ))
}

/// Withdraws the announcement on the library's lock file.
pub(crate) fn unsay_data_file(lock_file: &File) {
    drop(lock(lock_file, libc::F_OFD_SETLK, libc::F_UNLCK, OF_FILES.begin, ZONE));
}

/// Returns the process id, and the id of its process namespace.
fn process_number() -> (u64, u64) {
    let space = std::fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino());
    (u64::from(fork::process_id()), space)
}

/// Describes another process that has a data file and its lock file open, as far as the system reveals it.
fn user_of(data: &File) -> Option<String> {
    let wanted = data.metadata().ok()?;
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if number == std::process::id() {
            continue;
        }
        let open = || std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let mut open_files = open().map(|entry| entry.path());
        let is_data = |path: &PathBuf| {
            std::fs::metadata(path)
                .is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
        };
        let Some(data) = open_files.find(is_data).and_then(|path| std::fs::read_link(path).ok()) else {
            continue;
        };
        let is_lock = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            directory_of(path) == directory_of(&data) && (name == "lock.mdb" || name.ends_with("-lock"))
        };
        let lock = open().filter_map(|entry| std::fs::read_link(entry.path()).ok()).find(is_lock);
        let lock = lock.map_or_else(String::new, |lock| format!(" with {}", lock.display()));
        return Some(format!("process {number} has {}{lock} open", data.display()));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn open(path: &Path) -> File {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    #[test]
    fn other_openings_see_a_claim_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let (one, other) = (Said(OwnFile::new(open(&path))), open(&path));
        let offset = OF_FILES.offset((1, 2));
        assert!(!others_say(&other, None));
        say(&one.0, offset);
        assert!(others_say(&other, None));
        assert!(!others_say(&other, Some(offset)), "the same is no contradiction");
        assert!(others_say(&other, Some(OF_FILES.offset((1, 3)))));
        assert!(!others_say(&one.0, Some(offset)), "its own is not another's");
        // A descriptor that a child may share does not keep the claim.
        let shared = one.0.try_clone().unwrap();
        drop(one);
        assert!(!others_say(&other, None));
        drop(shared);
    }

    #[test]
    fn offsets_are_files_or_processes() {
        for number in 0..1000 {
            let (file, process) = (OF_FILES.offset((7, number)), OF_PROCESSES.offset((7, number)));
            assert!((1 << 62..OF_PROCESSES.begin).contains(&file));
            assert!(process >= OF_PROCESSES.begin && i64::try_from(process).is_ok());
        }
    }
}
