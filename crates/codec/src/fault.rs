//! Why bytes cannot be decoded, and where they are wrong. Does not allocate until an error is made of it.

use std::fmt;

use crate::error::{Error, Status};
use crate::memory::{NoMemory, Short};

/// Why bytes cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are wrong.
    Bytes {
        /// The place of the first wrong byte.
        at: usize,
        /// What is there.
        what: &'static str,
    },
    /// No memory is left for the decoded value.
    Memory(NoMemory),
}

/// The result of decoding.
pub type Parsed<T> = std::result::Result<T, Fault>;

impl From<NoMemory> for Fault {
    fn from(none: NoMemory) -> Self {
        Self::Memory(none)
    }
}

impl Fault {
    /// Makes the fault of a wrong byte.
    #[must_use]
    pub const fn new(at: usize, what: &'static str) -> Self {
        Self::Bytes { at, what }
    }

    /// Turns it into an error of bytes that should have been `expected`.
    #[cold]
    #[must_use]
    pub fn into_error(self, status: Status, expected: impl fmt::Display) -> Error {
        let expected = Short(expected);
        match self {
            Self::Bytes { .. } => {
                let noun = if status == Status::BadKey { "key" } else { "value" };
                Error::new(status, format!("{noun} is not an encoded {expected}: {self}"))
            }
            Self::Memory(none) => none.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { at, what } => write!(f, "{what} at byte {at}"),
            Self::Memory(none) => write!(f, "no memory for {} bytes", none.bytes),
        }
    }
}
