//! Where and why bytes are not what they should be, without allocating while nothing is wrong.

use std::fmt;

use crate::error::{Error, Status};
use crate::memory::{NoMemory, Short};

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is wrong with them.
    Bytes {
        /// The place of the first wrong byte.
        at: usize,
        /// What is there.
        what: &'static str,
    },
    /// There is no memory for what they mean.
    Memory(NoMemory),
}

/// What a reader of bytes returns.
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
