//! Describes the layout of LMDB 0.9's data file (data format 1): the fields of pages, nodes and records.
//!
//! Numbers are in the machine's byte order, and page numbers, counts of entries and transaction ids have the size of a
//! machine word.
//!
//! Source: `MDB_page`, `MDB_node`, `MDB_db`, `MDB_meta` and `mdb_env_init_meta` of LMDB 0.9's `mdb.c`.

/// The number of bytes in a machine word.
pub const WORD: usize = size_of::<usize>();

/// The page number that means "no page".
pub const NO_PAGE: u64 = usize::MAX as u64;

/// The highest commit number that leaves room for others. LMDB marks free reader slots by the number after its own last
/// one; no program comes near either.
pub const LAST_TXN: u64 = i64::MAX as u64;

/// Pages: a header, the offsets of the nodes upwards from there, the nodes downwards from the page's end.
pub mod page {
    use super::WORD;

    /// Bytes of the header: the page's number, padding, flags, and the two bounds of its free space.
    pub const HEADER: usize = WORD + 8;

    pub const AT_NUMBER: usize = 0;
    pub const AT_FLAGS: usize = WORD + 2;
    /// The offset of the free space, which follows the offsets of the nodes.
    pub const AT_LOWER: usize = WORD + 4;

    pub const BRANCH: u16 = 0x01;
    pub const LEAF: u16 = 0x02;
    pub const OVERFLOW: u16 = 0x04;
    pub const META: u16 = 0x08;
    /// Stays set in pages inside of nodes.
    pub const DIRTY: u16 = 0x10;
    /// A leaf of fixed-width keys, without nodes.
    pub const FIXED: u16 = 0x20;
    /// A page inside of a node.
    pub const INNER: u16 = 0x40;
}

/// Nodes: a header, the key, the data. In a branch, the data size and the flags hold the number of a page.
pub mod node {
    /// Bytes of the header: the size of the data, flags, the size of the key.
    pub const HEADER: usize = 8;

    pub const AT_SIZE: usize = 0;
    pub const AT_FLAGS: usize = 4;
    pub const AT_KEY_SIZE: usize = 6;

    /// The data is in overflow pages.
    pub const BIG: u16 = 0x01;
    /// The data is the record of a tree.
    pub const TREE: u16 = 0x02;
    /// The data is several values.
    pub const VALUES: u16 = 0x04;
}

/// Records of trees: the width of keys, flags, depth, four counts, and the root.
pub mod record {
    use super::WORD;

    /// The number of bytes of a record.
    pub const SIZE: usize = 8 + 5 * WORD;

    pub const AT_TREE_FLAGS: usize = 4;
    pub const AT_DEPTH: usize = 6;

    /// The offset of the last count, that of entries.
    pub const AT_ENTRIES: usize = AT_ROOT - WORD;
    pub const AT_ROOT: usize = SIZE - WORD;

    pub const REVERSE_KEY: u16 = 0x02;
    pub const DUPLICATES: u16 = 0x04;
    pub const INTEGER_KEY: u16 = 0x08;
    pub const FIXED_VALUES: u16 = 0x10;
    pub const INTEGER_VALUES: u16 = 0x20;
    pub const REVERSE_VALUES: u16 = 0x40;
    pub const ALL_FLAGS: u16 = 0x7e;

    /// Flags of the environment, stored in place of the free list's: a fixed map, integer keys, one file.
    pub const ENVIRONMENT_FLAGS: u16 = 0x4009;
}

/// Meta pages, the first two of a file: a page header and a meta record. The one with the later commit is valid.
pub mod meta {
    use super::{WORD, page, record};

    pub const MAGIC: u32 = 0xBEEF_C0DE;
    pub const VERSION: u32 = 1;

    pub const AT_MAGIC: usize = page::HEADER;
    pub const AT_VERSION: usize = AT_MAGIC + 4;
    /// After the address of a fixed map.
    pub const AT_MAP_SIZE: usize = AT_VERSION + 4 + WORD;
    /// The record of the free list; its first field is the page size, its second the environment's flags.
    pub const AT_FREE_LIST: usize = AT_MAP_SIZE + WORD;
    /// The record of the main tree, which contains the names of the others.
    pub const AT_MAIN: usize = AT_FREE_LIST + record::SIZE;
    pub const AT_LAST_PAGE: usize = AT_MAIN + record::SIZE;
    pub const AT_TXN: usize = AT_LAST_PAGE + WORD;
    pub const END: usize = AT_TXN + WORD;

    /// The offset of the magic number in files of LMDB 1.0, whose page header also has a transaction number.
    pub const AT_MAGIC_OF_LMDB_1: usize = page::HEADER + WORD;
}

/// Returns the 16-bit number at an offset, or `None` if it lies beyond the end.
#[inline]
pub fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// Returns the 32-bit number at an offset, or `None` if it lies beyond the end.
#[inline]
pub fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Returns the machine word at an offset, or `None` if it lies beyond the end.
#[inline]
pub fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| usize::from_ne_bytes(*bytes) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_beyond_the_end_is_none() {
        assert_eq!(word(&[0; 16], 16 - WORD), Some(0));
        assert_eq!(word(&[0; 16], 17 - WORD), None);
        assert_eq!(word(&7_usize.to_ne_bytes(), 0), Some(7));
        assert_eq!((number(&[0; 4], 1), number(&[0; 4], 5), short(&[0; 4], 3)), (None, None, None));
    }

    /// Compares with `sizeof` and `offsetof` of LMDB's structures on 64-bit machines.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn the_fields_have_the_offsets_of_lmdb() {
        assert_eq!((page::HEADER, page::AT_FLAGS, page::AT_LOWER), (16, 10, 12));
        assert_eq!((record::SIZE, record::AT_ROOT), (48, 40));
        assert_eq!((meta::AT_FREE_LIST, meta::AT_MAIN, meta::AT_LAST_PAGE, meta::AT_TXN), (40, 88, 136, 144));
    }
}
