//! Copies an environment while it is in use: writes a temporary file, syncs it, and then publishes it under its name.
//!
//! A plain copy reads the data file, not the map, under a snapshot that keeps its pages unchanged; so neither a writer
//! nor the growth of the map waits for it. A compacting copy is LMDB's own and reads the map: growth waits until it is
//! done ([`Engine::copies`]).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Wait;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::files::create::{make_directory, sync_parent};
use crate::engine::lmdb::files::data_file::data_of;
use crate::engine::lmdb::layout::meta::{AT_LAST_PAGE, AT_TXN};
use crate::engine::lmdb::layout::{WORD, page, word};
use crate::engine::lmdb::sys::Code;
use crate::engine::lmdb::txn::Snapshot;
use crate::engine::lmdb::write::turn::WriteLock;
use crate::error::{Error, Result, Status};
use crate::memory;
use crate::platform::system;

/// The number of bytes to read and write at a time.
const CHUNK: usize = 1 << 20;

impl Engine {
    /// Copies the newest commit to a path that does not exist yet. `begin` begins a snapshot. Returns `Ok(false)`, and
    /// changes nothing, if the path exists.
    ///
    /// Must not run inside a call of the thread's seat.
    pub(crate) fn copy_to(
        self: &Arc<Self>,
        path: &Path,
        compact: bool,
        begin: impl Fn() -> Result<Snapshot>,
    ) -> Result<bool> {
        let mut target = Target::new(path, self.settings.no_subdir)?;
        let Some(mut file) = target.create(self.mode()?)? else { return Ok(false) };
        if compact {
            self.copy_compacted(&file, &target, &begin)?;
        } else {
            self.copy_plain(&mut file, &target, &begin)?;
        }
        file.sync_all().map_err(|error| target.failed(&error))?;
        target.publish()
    }

    pub(crate) fn file(&self) -> Result<File> {
        data_of(&self.env)
    }

    fn mode(&self) -> Result<u32> {
        let meta =
            self.file()?.metadata().map_err(|error| Code::of(&error).error("looking at the data file"))?;
        Ok(meta.permissions().mode() & 0o777)
    }

    fn copy_plain(
        self: &Arc<Self>,
        to: &mut File,
        target: &Target,
        begin: impl Fn() -> Result<Snapshot>,
    ) -> Result<()> {
        // LMDB uses the file's own offset: all reads here pass explicit offsets.
        let from = self.file()?;
        // The snapshot's pages are not reused before it ends.
        let (_snapshot, header) = self.snapshot_with_header(&from, begin)?;
        let last_page = word(&header, AT_LAST_PAGE).unwrap_or(0);
        let length = last_page.saturating_add(1).saturating_mul(self.page_size);
        // LMDB does not write free pages at the end.
        let length = length.min(from.metadata().map_err(|error| target.failed(&error))?.len());
        if let Some(limit) = system::limit(libc::RLIMIT_FSIZE).filter(|limit| length > *limit) {
            // Writing beyond the limit raises a signal that ends the process.
            return Err(Error::new(
                Status::DiskFull,
                format!("the copy has {length} bytes, and a file may have {limit} (see ulimit -f)"),
            ));
        }
        // Written to both places, so that LMDB finds it in either.
        for number in 0_usize..2 {
            let mut page = memory::copy(&header)?;
            page[page::AT_NUMBER..][..WORD].copy_from_slice(&number.to_ne_bytes());
            to.write_all(&page).map_err(|error| target.failed(&error))?;
        }
        let mut chunk = memory::zeros(CHUNK)?;
        let mut at = 2 * self.page_size;
        while at < length {
            let wanted = usize::try_from(length - at).unwrap_or(CHUNK).min(CHUNK);
            let part = &mut chunk[..wanted];
            from.read_exact_at(part, at)
                .map_err(|error| Code::of(&error).error("reading the data file for its copy"))?;
            to.write_all(part).map_err(|error| target.failed(&error))?;
            at += wanted as u64;
        }
        Ok(())
    }

    /// Returns a snapshot, and its header page.
    pub(crate) fn snapshot_with_header(
        self: &Arc<Self>,
        from: &File,
        begin: impl Fn() -> Result<Snapshot>,
    ) -> Result<(Snapshot, Vec<u8>)> {
        /// The number of attempts while other threads write, before they are made to wait for a moment.
        const UNDISTURBED: u32 = 100;
        const AT_MOST: u32 = 10_000;
        let page_size = usize::try_from(self.page_size).unwrap_or(4096);
        let mut pages = memory::zeros(2 * page_size)?;
        let mut write_lock = None;
        for attempt in 0..AT_MOST {
            if attempt == UNDISTURBED && !self.settings.read_only {
                write_lock = Some(WriteLock::take(self, Wait::Default)?);
            }
            let snapshot = begin()?;
            from.read_exact_at(&mut pages, 0)
                .map_err(|error| Code::of(&error).error("reading the data file's header"))?;
            if let Some(own) = header_of(&pages, snapshot.id(), || Ok(begin()?.id()))? {
                return Ok((snapshot, memory::copy(own)?));
            }
        }
        drop(write_lock);
        Err(Error::new(
            Status::Busy,
            "the environment was written to so quickly that its header could not be read; try again",
        ))
    }

    fn copy_compacted(
        self: &Arc<Self>,
        to: &File,
        target: &Target,
        begin: impl Fn() -> Result<Snapshot>,
    ) -> Result<()> {
        loop {
            // Frees a slot for LMDB's own transaction, and follows another process's growth.
            let snapshot = begin()?;
            let copied = {
                let _in_place = self.copies.read();
                snapshot.txn().find_pages();
                drop(snapshot);
                self.check_usable()?;
                self.env.copy_compacted(to)
            };
            match copied {
                Ok(()) => return Ok(()),
                // Meanwhile another process has outgrown the map, or another thread has taken the slot.
                Err(Code(lmdb_sys::MDB_MAP_RESIZED | lmdb_sys::MDB_READERS_FULL)) => {}
                Err(Code(lmdb_sys::MDB_INCOMPATIBLE)) => {
                    return Err(Error::new(
                        Status::Corrupted,
                        "the data file has pages that are neither used nor free, which LMDB does not compact; \
                         copy it without compacting",
                    ));
                }
                Err(code @ Code(lmdb_sys::MDB_CORRUPTED)) => return Err(code.error("copying")),
                Err(code) => return Err(target.failed_with(code)),
            }
        }
    }
}

/// Returns the header page that a commit wrote, or `None` if another commit may be overwriting it. `newest` returns the
/// number of a snapshot that begins now.
pub(crate) fn header_of(
    pages: &[u8],
    txn: u64,
    newest: impl FnOnce() -> Result<u64>,
) -> Result<Option<&[u8]>> {
    let (even, odd) = pages.split_at(pages.len() / 2);
    let (own, other) = if txn.is_multiple_of(2) { (even, odd) } else { (odd, even) };
    let txn_of = |page| word(page, AT_TXN).unwrap_or(0);
    if txn_of(own) != txn {
        return Ok(None);
    }
    // Commits alternate between the two pages: while the other one is not newer, no commit writes this one. A commit
    // publishes its number after its page, and a process may be killed in between; until then the commit after it,
    // which writes this page, cannot begin.
    let is_stable = txn_of(other) <= txn || newest()? == txn;
    Ok(is_stable.then_some(own))
}

/// The destination of a copy. Dropping it removes files that were not published.
struct Target {
    path: PathBuf,
    no_subdir: bool,
    data_file: PathBuf,
    /// The temporary file, after it was created.
    aside: Option<PathBuf>,
    made_directory: bool,
    is_published: bool,
}

impl Target {
    fn new(path: &Path, no_subdir: bool) -> Result<Target> {
        let data_file = if no_subdir { path.to_owned() } else { path.join("data.mdb") };
        if data_file.file_name().is_none() {
            return Err(Error::new(Status::InvalidArgument, format!("{} names no file", path.display())));
        }
        Ok(Target {
            aside: None,
            path: path.to_owned(),
            no_subdir,
            data_file,
            made_directory: false,
            is_published: false,
        })
    }

    /// Creates the temporary file. Returns `None` if the destination already exists.
    fn create(&mut self, permissions: u32) -> Result<Option<File>> {
        if !self.no_subdir {
            match fs::metadata(&self.path) {
                Ok(meta) if !meta.is_dir() => return Ok(None),
                Ok(_) if !self.has_only_copies()? => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    make_directory(&self.path)?;
                    self.made_directory = true;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        if self.data_file.symlink_metadata().is_ok() {
            return Ok(None);
        }
        self.create_aside(permissions).map(Some).map_err(|error| self.failed(&error))
    }

    /// Creates the file under an unused name: an earlier process, or one of another container, may have had the same
    /// process id, and have left a file of that name.
    fn create_aside(&mut self, permissions: u32) -> io::Result<File> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let mut name = self.data_file.file_name().unwrap_or_default().to_owned();
            name.push(format!(".copy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            let aside = self.data_file.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).mode(permissions).open(&aside) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    self.aside = made.is_ok().then_some(aside);
                    return made;
                }
            }
        }
    }

    /// Returns true if the directory contains only temporary files of copies, in progress or interrupted.
    fn has_only_copies(&self) -> Result<bool> {
        let entries = fs::read_dir(&self.path).map_err(|error| self.failed(&error))?;
        for entry in entries {
            let name = entry.map_err(|error| self.failed(&error))?.file_name();
            if !name.as_encoded_bytes().starts_with(b"data.mdb.copy-") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the file its name. Returns `Ok(false)` if a file of that name exists by now.
    fn publish(mut self) -> Result<bool> {
        let Some(aside) = self.aside.clone() else { return Ok(false) };
        // Uses a hard link, which unlike a rename never replaces another file.
        match fs::hard_link(&aside, &self.data_file) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            // The file system does not support links.
            Err(_) => {
                if self.data_file.symlink_metadata().is_ok() {
                    return Ok(false);
                }
                fs::rename(&aside, &self.data_file).map_err(|error| self.failed(&error))?;
            }
        }
        self.is_published = true;
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.failed(&error)),
            _ => {}
        }
        sync_parent(&self.data_file)?;
        Ok(true)
    }

    fn failed(&self, error: &io::Error) -> Error {
        if error.kind() == ErrorKind::NotFound {
            return Error::new(
                Status::NoEnvironment,
                format!("{} cannot be written: make its parent directory first", self.data_file.display()),
            );
        }
        self.failed_with(Code::of(error))
    }

    fn failed_with(&self, code: Code) -> Error {
        code.error(&format!("copying to {}", self.data_file.display()))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_published {
            // Both belong to this copy; if they cannot be removed, they do no harm.
            if let Some(aside) = &self.aside {
                drop(fs::remove_file(aside));
            }
            if self.made_directory {
                drop(fs::remove_dir(&self.path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_header_is_that_of_its_commit_and_not_about_to_be_written() {
        let pages = |even: usize, odd: usize| {
            let mut pages = vec![0; 512];
            for (at, txn) in [(0, even), (256, odd)] {
                pages[at + AT_TXN..][..WORD].copy_from_slice(&txn.to_ne_bytes());
            }
            pages
        };
        let found =
            |pages: &[u8], txn, newest| header_of(pages, txn, || Ok(newest)).unwrap().map(<[u8]>::to_vec);
        assert_eq!(found(&pages(6, 5), 6, 6), Some(pages(6, 5)[..256].to_vec()));
        assert_eq!(found(&pages(4, 5), 5, 5), Some(pages(4, 5)[256..].to_vec()));
        assert_eq!(found(&pages(0, 0), 0, 0), Some(pages(0, 0)[..256].to_vec()), "nothing was committed yet");
        // The next commit is published, so the one after it may be about to write this page,
        assert_eq!(found(&pages(6, 7), 6, 7), None);
        // or has written it.
        assert_eq!(found(&pages(8, 7), 6, 8), None);
        // The next commit has written its page, but has not published it.
        assert_eq!(found(&pages(6, 7), 6, 6), Some(pages(6, 7)[..256].to_vec()));
        // A commit that was interrupted has not left its number in either.
        assert_eq!(found(&pages(4, 3), 5, 5), None);
    }
}
