//! The limits of keys and values.

/// The longest encoded key, in bytes, for every page size.
pub const MAX_KEY: usize = 1978;

/// The largest encoded value, in bytes: the most that one system call writes, for every page size.
///
/// LMDB writes a large value with a header of 16 bytes to pages of its own, in one call. Linux writes at most 2 GiB less
/// one page of the system in one call, and such a page has up to 64 KiB.
pub const MAX_VALUE: usize = (1 << 31) - (1 << 16) - 16;

/// How deep tuples, lists, maps, sets and tags may nest, in keys and in values.
pub const MAX_DEPTH: usize = 128;
