//! CBOR (RFC 8949), which holds values of `any`.
//!
//! Reading accepts every item of definite lengths and at most [`MAX_DEPTH`](crate::limits::MAX_DEPTH) levels. Writing gives
//! each value one form: shortest integers, floats of 64 bits. Items without a variant of
//! [`Value`](crate::dynamic::Value) stay encoded.

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
    /// An object: an array of a type's name and constructor arguments.
    pub const OBJECT: u64 = 27;
    pub const UUID: u64 = 37;
    pub const SET: u64 = 258;
    /// RFC 8943: a full-date.
    pub const DATE: u64 = 1004;
}

/// The names in a tag 27 that stand for values of this format.
const TUPLE: &str = "tuple";
const DATETIME: &str = "datetime";
