//! Reads the meta records of a data file: the newest commit, and the roots of its trees.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::engine::lmdb::layout::meta::{
    AT_FREE_LIST, AT_LAST_PAGE, AT_MAGIC, AT_TXN, AT_VERSION, END, MAGIC, VERSION,
};
use crate::engine::lmdb::layout::{number, page, record, short, word};

/// A meta record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    pub txn: u64,
    pub last_page: u64,
    /// The root of the tree of free pages; all ones if the tree is empty.
    pub free_root: u64,
}

/// Returns the newer meta record, or `None` if either page is invalid.
pub fn newest(file: &File, page_size: usize) -> std::io::Result<Option<Meta>> {
    let mut newest: Option<Meta> = None;
    for page in 0..2 {
        let mut bytes = [0; END];
        file.read_exact_at(&mut bytes, page * page_size as u64)?;
        let is_meta = short(&bytes, page::AT_FLAGS) == Some(page::META)
            && number(&bytes, AT_MAGIC) == Some(MAGIC)
            && number(&bytes, AT_VERSION) == Some(VERSION)
            // LMDB uses the page size to locate the second page.
            && number(&bytes, AT_FREE_LIST).is_some_and(|size| size as usize == page_size);
        let (true, Some(txn), Some(last_page), Some(free_root)) = (
            is_meta,
            word(&bytes, AT_TXN),
            word(&bytes, AT_LAST_PAGE),
            word(&bytes, AT_FREE_LIST + record::AT_ROOT),
        ) else {
            return Ok(None);
        };
        if newest.is_none_or(|other| txn > other.txn) {
            newest = Some(Meta { txn, last_page, free_root });
        }
    }
    Ok(newest)
}
