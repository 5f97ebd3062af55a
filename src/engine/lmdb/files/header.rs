//! Examines the data file before LMDB sees it, and explains why it cannot be opened.
//!
//! Source: `MDB_page`, `MDB_meta` and `mdb_env_init_meta` of LMDB 0.9's `mdb.c` (data format 1): two pages, each with a
//! page header and a meta record, of which the one with the higher transaction number is valid.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::engine::lmdb::files::{meta, tail};
use crate::engine::lmdb::layout::meta::{
    AT_FREE_LIST, AT_LAST_PAGE, AT_MAGIC, AT_MAGIC_OF_LMDB_1, AT_MAIN, AT_MAP_SIZE, AT_VERSION, MAGIC,
    VERSION,
};
use crate::engine::lmdb::layout::{LAST_TXN, WORD, number, page, record};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, TryGrow};
use crate::platform::system;

/// The state of a data file that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// LMDB can open it.
    Whole,
    /// The file is empty: its creation ended before the first write. LMDB creates it again.
    Empty,
    /// Its creation was interrupted: it contains only zeros and parts of the first two pages.
    CutShort,
}

/// Checks a data file, and refuses files that LMDB must not open.
pub(crate) fn look(path: &Path, file: &File) -> Result<Creation> {
    let name = path.display();
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::OutOfMemory {
            return Error::new(Status::NoMemory, format!("no memory to read {name}"));
        }
        Error::new(Status::Io, format!("{name} cannot be read: {error}; check the disk"))
    };
    let page_size = system::page_size();
    let size = file.metadata().map_err(failed)?.len();
    if size == 0 {
        return Ok(Creation::Empty);
    }
    let mut start = memory::room_for(2 * page_size)?;
    file.take(2 * page_size as u64).read_to_end(&mut start).map_err(failed)?;
    if size <= 2 * page_size as u64
        && let Some(found) = creation(&start, page_size)?
    {
        return Ok(found);
    }
    check_first_page(path, &start, page_size)?;
    if size < 2 * page_size as u64 {
        return Err(Error::new(
            Status::Truncated,
            format!("{name} is {size} bytes long, less than its two header pages; restore it from a copy"),
        ));
    }
    loop {
        let meta = meta::newest(file, page_size).map_err(failed)?.ok_or_else(|| {
            Error::new(
                Status::Corrupted,
                format!(
                    "{name} is damaged: the second of its two header pages is none; restore it from a copy"
                ),
            )
        })?;
        if meta.txn > LAST_TXN {
            return Err(Error::new(
                Status::Corrupted,
                format!(
                    "{name} is damaged: page {} (of headers): its commit's number leaves no room for other commits; \
                     restore it from a copy",
                    meta.txn % 2
                ),
            ));
        }
        // Read after the header: if another process is writing, the file is now longer than it was.
        let size = file.metadata().map_err(failed)?.len();
        let pages = size / page_size as u64;
        if meta.last_page < pages {
            return Ok(Creation::Whole);
        }
        let missing = tail::first_missing(file, &meta, pages, page_size).map_err(failed)?;
        // Another process may have written meanwhile, to pages that had become free.
        let unchanged = meta::newest(file, page_size).map_err(failed)? == Some(meta);
        match missing {
            None => return Ok(Creation::Whole),
            Some(page) if unchanged => {
                return Err(Error::new(
                    Status::Truncated,
                    format!(
                        "{name} is truncated: it is {size} bytes long, and page {page} of {} lies beyond; restore \
                         it from a copy",
                        meta.last_page + 1
                    ),
                ));
            }
            Some(_) => {}
        }
    }
}

/// Returns whether at most two pages are complete or cut-off pages of a new file, or `None` if they contain anything
/// else.
fn creation(start: &[u8], page_size: usize) -> Result<Option<Creation>, NoMemory> {
    let mut whole = new_meta_page(0, page_size)?;
    whole.try_extend(&new_meta_page(1, page_size)?)?;
    let free = |at: usize| {
        let at = at % page_size;
        // These fields differ between environments: the map's size, and the flags with which LMDB was opened.
        (AT_MAP_SIZE..AT_MAP_SIZE + WORD).contains(&at) || (AT_FREE_LIST + 4..AT_FREE_LIST + 6).contains(&at)
    };
    let mut is_whole = start.len() == whole.len();
    for (at, (byte, made)) in start.iter().zip(&whole).enumerate() {
        if byte == made || free(at) {
            continue;
        }
        if *byte != 0 {
            return Ok(None);
        }
        is_whole = false;
    }
    Ok(Some(if is_whole { Creation::Whole } else { Creation::CutShort }))
}

/// Returns a meta page as LMDB creates it, with zeros in the fields that differ between environments.
fn new_meta_page(number: usize, page_size: usize) -> Result<Vec<u8>, NoMemory> {
    let mut page = memory::zeros(page_size)?;
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &number.to_ne_bytes());
    put(page::AT_FLAGS, &page::META.to_ne_bytes());
    put(AT_MAGIC, &MAGIC.to_ne_bytes());
    put(AT_VERSION, &VERSION.to_ne_bytes());
    put(AT_FREE_LIST, &u32::try_from(page_size).unwrap_or(0).to_ne_bytes());
    put(AT_FREE_LIST + record::AT_ROOT, &usize::MAX.to_ne_bytes());
    put(AT_MAIN + record::AT_ROOT, &usize::MAX.to_ne_bytes());
    put(AT_LAST_PAGE, &1_usize.to_ne_bytes());
    Ok(page)
}

/// Explains a file that does not begin as a data file of LMDB 0.9 with this machine's page size.
fn check_first_page(path: &Path, start: &[u8], page_size: usize) -> Result<()> {
    let name = path.display();
    let refused = |what: String| Err(Error::new(Status::FormatVersion, format!("{name} {what}")));
    let (mut at, mut magic) = (AT_MAGIC, number(start, AT_MAGIC));
    if !magic.is_some_and(is_magic) {
        (at, magic) = (AT_MAGIC_OF_LMDB_1, number(start, AT_MAGIC_OF_LMDB_1));
    }
    match magic {
        Some(MAGIC) => {}
        Some(other) if is_magic(other) => {
            return refused(
                "is an LMDB data file of a machine with the other byte order; dump it there with mdb_dump and load \
                 it here with mdb_load"
                    .to_owned(),
            );
        }
        _ => {
            return Err(Error::new(
                Status::NotADatabase,
                format!("{name} is not an LMDB data file: it does not begin as one"),
            ));
        }
    }
    match number(start, at + 4) {
        Some(VERSION) if at == AT_MAGIC => {}
        Some(2) => {
            return refused(
                "has data format 2, of LMDB 1.0; this library reads format 1, of LMDB 0.9: dump it with mdb_dump 1.0 \
                 and load it with mdb_load 0.9"
                    .to_owned(),
            );
        }
        Some(version) => {
            return refused(format!("has data format {version}; this library reads format 1, of LMDB 0.9"));
        }
        None => {
            return Err(Error::new(Status::Truncated, format!("{name} ends within its header")));
        }
    }
    match number(start, AT_FREE_LIST) {
        Some(stored) if stored as usize == page_size => Ok(()),
        Some(stored) => Err(Error::new(
            Status::PageSize,
            format!(
                "{name} has pages of {stored} bytes, this machine of {page_size}; dump it with mdb_dump where it was \
                 made and load it here with mdb_load"
            ),
        )),
        None => Err(Error::new(Status::Truncated, format!("{name} ends within its header"))),
    }
}

fn is_magic(number: u32) -> bool {
    number == MAGIC || number == MAGIC.swap_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::lmdb::layout::meta::{AT_TXN, END};

    const SIZE: usize = 4096;

    fn made() -> Vec<u8> {
        let mut made = [new_meta_page(0, SIZE).unwrap(), new_meta_page(1, SIZE).unwrap()].concat();
        for page in [0, SIZE] {
            made[page + AT_MAP_SIZE..][..8].copy_from_slice(&(1_u64 << 40).to_ne_bytes());
            made[page + AT_FREE_LIST + 4..][..2].copy_from_slice(&8_u16.to_ne_bytes());
        }
        made
    }

    #[test]
    fn every_beginning_of_a_creation_is_an_interrupted_creation() {
        let made = made();
        assert_eq!(creation(&made, SIZE), Ok(Some(Creation::Whole)));
        for length in 1..made.len() {
            assert_eq!(creation(&made[..length], SIZE), Ok(Some(Creation::CutShort)), "{length}");
        }
    }

    #[test]
    fn sectors_that_never_reached_the_disk_are_zeros() {
        for page in [0, SIZE] {
            let mut torn = made();
            torn[page..page + 512].fill(0);
            assert_eq!(creation(&torn, SIZE), Ok(Some(Creation::CutShort)));
        }
        assert_eq!(creation(&[0; 2 * SIZE], SIZE), Ok(Some(Creation::CutShort)));
    }

    #[test]
    fn other_content_is_not_an_interrupted_creation() {
        for at in [0, AT_MAGIC, AT_TXN, END, SIZE - 1, SIZE + AT_TXN, SIZE + AT_LAST_PAGE, 2 * SIZE - 1] {
            let mut written = made();
            written[at] ^= 0x55;
            assert_eq!(creation(&written, SIZE), Ok(None), "{at}");
        }
    }
}
