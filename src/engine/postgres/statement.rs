//! Statements with their parameters.

use std::ffi::{CStr, CString, c_uint};
use std::sync::atomic::{AtomicU64, Ordering};

/// Types of parameters: the numbers of `pg_type`, which never change.
#[derive(Clone, Copy)]
pub(super) enum Param<'a> {
    Bytes(&'a [u8]),
    /// An array of `bytea` in the binary form that [`crate::engine::postgres::batch`] builds.
    ArrayOfBytes(&'a [u8]),
    Text(&'a str),
    /// Eight bytes, big endian.
    Int(&'a [u8; 8]),
}

impl Param<'_> {
    /// Returns the number of its type.
    pub(super) fn type_number(self) -> c_uint {
        match self {
            Param::Bytes(_) => 17,
            Param::ArrayOfBytes(_) => 1001,
            Param::Text(_) => 25,
            Param::Int(_) => 20,
        }
    }

    /// Returns its binary form.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Param::Bytes(bytes) | Param::ArrayOfBytes(bytes) => bytes,
            Param::Text(text) => text.as_bytes(),
            Param::Int(bytes) => *bytes,
        }
    }
}

/// A statement that connections prepare at its first use.
pub(super) struct Prepared {
    /// Differs from that of every other statement of the process.
    pub number: u64,
    pub name: CString,
    pub sql: CString,
}

impl Prepared {
    pub(super) fn new(sql: String) -> Prepared {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Neither has a NUL: names of schemas with one are refused.
        let text = |text: String| CString::new(text).unwrap_or_default();
        Prepared { number, name: text(format!("pc_{number}")), sql: text(sql) }
    }
}

/// A statement with its parameters.
pub(super) struct Step<'a> {
    pub sql: Sql<'a>,
    pub params: &'a [Param<'a>],
}

/// The text of a statement.
#[derive(Clone, Copy)]
pub(super) enum Sql<'a> {
    Once(&'a str),
    Prepared(&'a Prepared),
    /// For servers behind a pooler, where a connection does not stay the same.
    NotPrepared(&'a CStr),
}

impl<'a> Step<'a> {
    /// A statement without parameters that is not prepared.
    pub(super) const fn once(sql: &'a str) -> Step<'a> {
        Step { sql: Sql::Once(sql), params: &[] }
    }

    /// A statement that is not prepared.
    pub(super) const fn with(sql: &'a str, params: &'a [Param<'a>]) -> Step<'a> {
        Step { sql: Sql::Once(sql), params }
    }

    /// A statement that is prepared if the connection keeps prepared statements.
    pub(super) fn prepared(statement: &'a Prepared, params: &'a [Param<'a>], prepares: bool) -> Step<'a> {
        let sql = if prepares { Sql::Prepared(statement) } else { Sql::NotPrepared(&statement.sql) };
        Step { sql, params }
    }
}
