//! The limits of what can be stored.

/// The longest encoded key, in bytes, whatever the page size.
pub const MAX_KEY: usize = 1978;

/// The largest encoded value, in bytes: 2 GiB, less what makes it one write with whole pages on every page size.
///
/// LMDB writes a value with a header of 16 bytes in pages of its own, by one call; Linux writes at most 2 GiB less
/// a page of the system, which has up to 64 KiB, in one call.
pub const MAX_VALUE: usize = (1 << 31) - (1 << 16) - 16;

/// How deep tuples, lists, maps, sets and tags may lie inside each other, in keys and in values.
pub const MAX_DEPTH: usize = 128;
