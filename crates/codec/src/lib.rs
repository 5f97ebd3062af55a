//! Encodes and decodes type strings, keys, whose bytes sort as their meanings do, and values.
//!
//! | file | what it does |
//! |---|---|
//! | `types.rs` | type strings such as `str`, `f32[768]`, `(str,i64)` |
//! | `key.rs` | keys of every type: check, encode, decode |
//! | `tuple.rs` | the tuple layer, which keys of tuples and of `any` use |
//! | `value.rs` | values of every type: check, encode, decode |
//! | `dynamic.rs` | the dynamic [`Value`], and whether it fits a type |
//! | `cbor/` | CBOR, which values of `any` use |
//! | `counter.rs` | adding to an encoded integer |
//! | `native/` | Rust's own types as keys and values |
//! | `through_serde/` | values of any type that serde can serialize |
//! | `raw.rs` | keys of collections that another LMDB program made |
//! | `calendar.rs` | days and microseconds to dates and back |
//! | `integer.rs` | integers of every width |
//! | `order.rs` | floating-point numbers as bytes that sort |
//! | `limits.rs` | how long and how deep keys and values may be |
//! | `error.rs` | the error type, and the numbers of the C ABI's statuses |
//! | `memory.rs` | fallible allocation |
//! | `fault.rs` | why bytes cannot be decoded, and where they are wrong |
//!
//! This crate does not know environments, transactions or LMDB: bytes in, bytes out. It implements the encodings of
//! `docs/format.md`.

mod calendar;
#[doc(hidden)]
pub mod cbor;
mod counter;
mod dynamic;
pub mod error;
mod fault;
#[doc(hidden)]
pub mod integer;
pub mod key;
mod limits;
#[doc(hidden)]
pub mod memory;
mod native;
mod order;
pub mod raw;
#[cfg(feature = "serde")]
mod through_serde;
#[doc(hidden)]
pub mod tuple;
mod types;
mod value;

pub use calendar::{Date, DateTime};
pub use counter::add_integer;
pub use dynamic::Value;
pub use key::{check_key, decode_key, encode_key, encode_key_bound, encode_key_prefix};
pub use limits::{MAX_DEPTH, MAX_KEY, MAX_VALUE};
pub use native::{Key, KeyElement, Stored, Uuid};
#[cfg(feature = "serde")]
pub use through_serde::Serde;
pub use types::{Element, Type};
pub use value::{check_value, decode_value, encode_value};

#[cfg(test)]
mod tests;
