//! Where and why bytes are not what they should be, without allocating while nothing is wrong.

use crate::error::{Error, Status};
use crate::memory::{NoMemory, Short};

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is wrong with them.
    Bytes {
        /// The place of the first wrong byte.
        at: usize,
        what: &'static str,
    },
    /// There is no memory for what they mean.
    Memory(NoMemory),
}

pub type Parsed<T> = std::result::Result<T, Fault>;

impl From<NoMemory> for Fault {
    fn from(none: NoMemory) -> Self {
        Self::Memory(none)
    }
}

impl Fault {
    pub const fn new(at: usize, what: &'static str) -> Self {
        Self::Bytes { at, what }
    }

    #[cold]
    pub fn into_error(self, status: Status, expected: impl std::fmt::Display) -> Error {
        let expected = Short(expected);
        match self {
            Self::Bytes { at, what } => {
                let noun = if status == Status::BadKey { "key" } else { "value" };
                Error::new(status, format!("{noun} is not an encoded {expected}: {what} at byte {at}"))
            }
            Self::Memory(none) => none.into(),
        }
    }
}
