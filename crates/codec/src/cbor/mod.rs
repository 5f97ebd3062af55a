//! CBOR (RFC 8949), which holds values of `any`.
//!
//! Reading takes every item of definite lengths and at most [`MAX_DEPTH`](crate::limits::MAX_DEPTH) levels; writing makes one
//! form of each value: shortest integers, floats of 64 bits. What [`Value`](crate::dynamic::Value) has no variant for stays as it
//! is encoded.

mod decode;
mod encode;
mod head;
mod reader;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub use encode::{float, head as put_head, text as put_text};
pub(super) use head::check;
pub use head::{ARRAY, BYTES, Head, MAP, NEGATIVE, SIMPLE, TAG, TEXT, UNSIGNED, content, head};
pub use reader::Reader;

pub use crate::fault::{Fault, Parsed};

/// Registered tags.
mod tag {
    pub const BIGNUM: u64 = 2;
    pub const NEGATIVE_BIGNUM: u64 = 3;
    /// A serialised object: an array of a type's name and constructor arguments.
    pub const OBJECT: u64 = 27;
    pub const UUID: u64 = 37;
    pub const SET: u64 = 258;
    /// RFC 8943: a full-date.
    pub const DATE: u64 = 1004;
}

/// The names that stand in a tag 27 for values of our own.
const TUPLE: &str = "tuple";
const DATETIME: &str = "datetime";
