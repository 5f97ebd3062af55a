//! Where and why bytes are not what they should be, without allocating while nothing is wrong.

use crate::error::{Error, Status};

/// A place in the bytes, and what is wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub what: &'static str,
}

/// The result of reading bytes that may be anything.
pub type Parsed<T> = std::result::Result<T, Fault>;

impl Fault {
    pub const fn new(at: usize, what: &'static str) -> Self {
        Self { at, what }
    }

    /// The error of a key or value (`status`) of which `expected` was wanted.
    #[cold]
    pub fn into_error(self, status: Status, expected: impl std::fmt::Display) -> Error {
        let noun = if status == Status::BadKey { "key" } else { "value" };
        Error::new(status, format!("{noun} is not an encoded {expected}: {} at byte {}", self.what, self.at))
    }
}
