//! From meaning to bytes and back: type strings, keys whose byte order is the order of their meaning, and values.
//!
//! | file | what it does |
//! |---|---|
//! | `types.rs` | type strings such as `str`, `f32[768]`, `(str,i64)` |
//! | `key.rs` | keys of every type: check, encode, decode |
//! | `tuple.rs` | the tuple layer, which keys of tuples and of `any` use |
//! | `value.rs` | the dynamic [`Value`], and values of every type: check, encode, decode |
//! | `cbor/` | CBOR, which values of `any` use |
//! | `counter.rs` | adding to an encoded integer |
//! | `native/` | Rust's own types as keys and values |
//! | `raw.rs` | keys of collections that another LMDB program made |
//! | `calendar.rs` | days and microseconds to dates and back |
//! | `order.rs` | floating-point numbers as bytes that sort |
//! | `fault.rs` | where and why bytes are not what they should be |
//!
//! Nothing here knows of environments, transactions or LMDB: bytes in, bytes out. `docs/format.md` is the
//! specification that this room implements.

mod calendar;
mod cbor;
mod counter;
pub mod error;
mod fault;
pub mod key;
#[doc(hidden)]
pub mod memory;
mod native;
mod order;
pub mod raw;
mod tuple;
mod types;
mod value;

pub use calendar::{Date, DateTime};
pub use counter::add_integer;
pub use key::{MAX_KEY, check_key, decode_key, encode_key, encode_key_prefix};
pub use native::{Key, KeyElement, Stored, Uuid};
pub use types::{Element, Type};
pub use value::{MAX_VALUE, Value, check_value, decode_value, encode_value};

/// How deep tuples, lists, maps, sets and tags may lie inside each other, in keys and in values.
pub const MAX_DEPTH: usize = 128;

/// Where the CBOR item at a place ends; `None`: it is not well-formed.
#[doc(hidden)]
#[must_use]
pub fn end_of_item(bytes: &[u8], at: usize) -> Option<usize> {
    cbor::skip(bytes, at, MAX_DEPTH).ok()
}

#[cfg(test)]
mod tests;
