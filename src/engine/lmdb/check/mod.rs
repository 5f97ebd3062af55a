//! Checks the structure of a data file: read from the file itself, in safe Rust, without LMDB.
//!
//! The check walks the trees of one snapshot from its header page; while the snapshot is held, no process overwrites
//! their pages. It visits every page at most once, so that it ends even in a damaged file. It trusts none of the data
//! that it reads, and reports each fault with its page.
//!
//! Source: `MDB_page`, `MDB_node`, `MDB_db`, `MDB_meta` and what `mdb_page_search_root`, `mdb_node_add`,
//! `mdb_cursor_put` and `mdb_freelist_save` keep to, in LMDB 0.9's `mdb.c` (data format 1).

mod free;
mod page;
mod tree;

use std::fmt::Display;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::layout::meta::{
    AT_FREE_LIST, AT_LAST_PAGE, AT_MAGIC, AT_MAIN, AT_TXN, AT_VERSION, MAGIC, VERSION,
};
use super::layout::{self, LAST_TXN, WORD, number, short, word};
use super::txn::Snapshot;
use crate::engine::Structure;
use crate::engine::lmdb::files::copy::header_of;
use crate::engine::lmdb::files::data_file::data_of;
use crate::engine::lmdb::sys::{Code, Env, RoTxn};
use crate::engine::lmdb::{Engine, address_space};
use crate::error::{Error, Result, Status};
use crate::memory;
use crate::platform::system;
use page::TreeRecord;
use tree::{Tree, TreeKind};

impl Engine {
    /// Checks the newest commit. `begin` begins a snapshot. Fails with [`Status::Corrupted`] at the first damage found.
    ///
    /// Must not run inside a call of the thread's seat.
    pub(crate) fn check(self: &Arc<Self>, begin: impl Fn() -> Result<Snapshot>) -> Result<Structure> {
        let file = self.file()?;
        let page_size = usize::try_from(self.page_size).unwrap_or(4096);
        let before = check_headers(&file, page_size)?;
        match self.snapshot_with_header(&file, begin) {
            Err(error) if error.status() == Status::Busy => Err(no_header(&file, page_size, before, error)?),
            found => {
                let (snapshot, header) = found?;
                check(&file, page_size, &header, snapshot.id())
            }
        }
    }
}

/// Does the same for files that LMDB has just opened, and of which it has read only the header: nothing in this process
/// depends on them yet, and the check's snapshots keep other processes from reusing pages.
pub(super) fn on_open(env: &Arc<Env>) -> Result<Structure> {
    const AT_MOST: u32 = 10_000;
    let file = data_of(env)?;
    let page_size = system::page_size();
    let before = check_headers(&file, page_size)?;
    let mut pages = memory::zeros(2 * page_size)?;
    for _ in 0..AT_MOST {
        let snapshot = match RoTxn::begin(env) {
            // Another process has outgrown the map since LMDB looked at the file.
            Err(Code(lmdb_sys::MDB_MAP_RESIZED)) => {
                address_space::grow_alone(env)?;
                continue;
            }
            begun => begun.map_err(|code| code.error("beginning to check the data file"))?,
        };
        file.read_exact_at(&mut pages, 0).map_err(|error| reading(&error))?;
        let newest = || {
            let begun = RoTxn::begin(env).map_err(|code| code.error("beginning to check the data file"))?;
            Ok(begun.id())
        };
        if let Some(header) = header_of(&pages, snapshot.id(), newest)? {
            return check(&file, page_size, header, snapshot.id());
        }
    }
    let busy = Error::new(
        Status::Busy,
        "the environment was written to so quickly that its header could not be read; open it again",
    );
    Err(no_header(&file, page_size, before, busy)?)
}

/// Returns the error if no header belonged to a snapshot: other processes write too quickly, unless no process has
/// written.
fn no_header(file: &File, page_size: usize, before: [u64; 2], busy: Error) -> Result<Error> {
    if check_headers(file, page_size)? != before {
        return Ok(busy);
    }
    Ok(damaged(0, "headers", "neither header page is that of the newest commit"))
}

/// Checks the common parts of two commits' header pages; returns the commits' numbers.
fn check_headers(file: &File, page_size: usize) -> Result<[u64; 2]> {
    /// Commits may have written both pages between the two reads.
    const AT_MOST: usize = 64;
    let mut pages = memory::zeros(2 * page_size)?;
    for attempt in 1..=AT_MOST {
        file.read_exact_at(&mut pages, 0).map_err(|error| reading(&error))?;
        let mut txns = [0; 2];
        for (at, (page, txn)) in (0_u64..).zip(pages.chunks_exact(page_size).zip(&mut txns)) {
            let wrong = |what: &str| Err(damaged(at, "headers", what));
            if word(page, 0) != Some(at) {
                return wrong("its number is another");
            }
            if short(page, layout::page::AT_FLAGS) != Some(layout::page::META) {
                return wrong("it is not marked as a header page");
            }
            if number(page, AT_MAGIC) != Some(MAGIC) || number(page, AT_VERSION) != Some(VERSION) {
                return wrong("its magic number or version is another");
            }
            if number(page, AT_FREE_LIST).is_none_or(|size| size as usize != page_size) {
                return wrong("its page size is another");
            }
            *txn = word(page, AT_TXN).unwrap_or(0);
        }
        let [even, odd] = txns;
        let wrong = if even.max(odd) > LAST_TXN {
            (even.max(odd) % 2, "its commit's number leaves no room for other commits")
        } else if even == odd {
            // In a new file, and in a copy, both have the same content. LMDB reads the first one or that of the commit.
            let content = |page: usize| pages.get(page * page_size..)?.get(AT_FREE_LIST..AT_TXN);
            if content(0) == content(1) {
                return Ok(txns);
            }
            (0, "it says other things of its commit than the other header page does of the same")
        } else if even % 2 != 0 || odd % 2 == 0 {
            (u64::from(even % 2 == 0), "its commit's number belongs to the other header page")
        } else {
            // Commits alternate between the pages. After a crash without durability, the older page may belong to any
            // earlier commit.
            return Ok(txns);
        };
        if attempt == AT_MOST {
            return Err(damaged(wrong.0, "headers", wrong.1));
        }
    }
    Ok([0; 2])
}

/// Checks everything that is reachable from a header page.
fn check(file: &File, page_size: usize, header: &[u8], txn: u64) -> Result<Structure> {
    let header_page = txn % 2;
    let wrong = |what: &str| damaged(header_page, "headers", what);
    let length = file.metadata().map_err(|error| reading(&error))?.len();
    let in_file = length / page_size as u64;
    let last = word(header, AT_LAST_PAGE).unwrap_or(0);
    // Pages beyond the end of the file are listed as free, each with a number that is in the file.
    if last < 1 || last >= in_file.saturating_add(length / WORD as u64) {
        return Err(wrong(&format!("its last page, {last}, cannot be that of a file of {length} bytes")));
    }
    let (Some(free_list), Some(main)) =
        (TreeRecord::read(header.get(AT_FREE_LIST..)), TreeRecord::read(header.get(AT_MAIN..)))
    else {
        return Err(wrong("it is too short"));
    };
    let mut walk = Check { pages: Pages::new(file, page_size, in_file, last)?, txn, free: 0, collections: 0 };
    walk.tree(&Tree::new("the unnamed collection", main, TreeKind::Main), header_page)?;
    walk.tree(&Tree::new("the free list", free_list, TreeKind::Free), header_page)?;
    let (pages, used) = (last + 1, walk.pages.used);
    Ok(Structure {
        pages,
        used,
        free: walk.free,
        lost: pages - used - walk.free,
        collections: walk.collections,
    })
}

/// The state of a check.
struct Check<'f> {
    pages: Pages<'f>,
    /// The commit to check.
    txn: u64,
    free: u64,
    collections: u64,
}

/// The pages of a file, with one bit for each page that was visited.
struct Pages<'f> {
    file: &'f File,
    page_size: usize,
    /// The number of whole pages in the file. Free pages after the last written one may be missing.
    in_file: u64,
    last: u64,
    reached: Vec<u64>,
    used: u64,
}

impl<'f> Pages<'f> {
    fn new(file: &'f File, page_size: usize, in_file: u64, last: u64) -> Result<Self> {
        let words = usize::try_from(last / 64 + 1).unwrap_or(usize::MAX);
        let mut reached = memory::room_for(words)?;
        reached.resize(words, 0);
        // The two header pages are used.
        Ok(Pages { file, page_size, in_file, last, reached, used: 2 })
    }

    /// Records pages that a tree uses; `from` is the page that refers to them.
    fn take(&mut self, first: u64, count: u64, tree: &str, from: u64) -> Result<()> {
        let end = first.checked_add(count).filter(|end| first >= 2 && *end <= self.last + 1);
        let Some(end) = end else {
            let last = self.last;
            return Err(damaged(
                from,
                tree,
                format!("it leads to page {first} ({count} in a row); there are 2 to {last}"),
            ));
        };
        if end > self.in_file {
            return Err(damaged(
                first,
                tree,
                format!("it lies beyond the end of the file ({count} in a row)"),
            ));
        }
        for page in first..end {
            if !self.mark(page) {
                return Err(damaged(page, tree, format!("page {from} leads there, and so does another")));
            }
        }
        self.used += count;
        Ok(())
    }

    /// Marks a page. Returns true if it exists and was not visited before.
    fn mark(&mut self, page: u64) -> bool {
        let Some(word) = usize::try_from(page / 64).ok().and_then(|at| self.reached.get_mut(at)) else {
            return false;
        };
        let bit = 1 << (page % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Reads bytes from an offset in a page, or in the pages after it; all must have been recorded before.
    fn read(&self, page: u64, at: usize, bytes: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(bytes, page * self.page_size as u64 + at as u64)
            .map_err(|error| reading(&error))
    }
}

fn reading(error: &std::io::Error) -> Error {
    Code::of(error).error("reading the data file to check it")
}

#[cold]
fn damaged(page: u64, tree: &str, what: impl Display) -> Error {
    Error::new(
        Status::Corrupted,
        format!("the data file is damaged: page {page} (of {tree}): {what}; restore it from a copy"),
    )
}
