//! Values of any type that serde can serialize, under the type `any`.
//!
//! | serde | stored as |
//! |---|---|
//! | bool, integers, floats, text, bytes | the same |
//! | `None`, unit, unit struct | null |
//! | `Some`, newtype struct | its content |
//! | sequence, tuple | list |
//! | map; struct | map; map of its fields' names |
//! | unit variant; other variants | its name; map of its name to its content |

mod reader;
mod writer;

use std::borrow::Borrow;
use std::fmt;

use ::serde::Serialize;
use ::serde::de::DeserializeOwned;

use crate::cbor;
use crate::error::{Error, Result, Status};
use crate::native::Stored;
use crate::types::Type;
use crate::value::{append, decode_value};

/// A value of any type that serde can serialize, stored under the type `any`. Needs the feature `serde`.
///
/// Other languages read structs and maps as maps, sequences and tuples as lists, and enums as JSON has them: a variant
/// without content as its name, others as a map of the name to the content. Values that other languages wrote under `any` are
/// read in the same way: a tuple, a set or an array of numbers as a sequence; a UUID, a date or a time as text.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::{Serde, Stored, Value};
///
/// #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
/// struct Job {
///     command: Vec<String>,
///     tries: Option<u8>,
/// }
///
/// let job = Job { command: vec!["make".to_owned(), "demo".to_owned()], tries: None };
/// let mut bytes = Vec::new();
/// Serde::<Job>::encode(&job, &mut bytes)?;
/// assert_eq!(Serde::<Job>::decode(&bytes)?.0, job);
/// assert_eq!(Value::decode(&bytes)?.get("tries"), Some(&Value::Null));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serde<T>(pub T);

impl<T: Serialize + DeserializeOwned> Stored for Serde<T> {
    type Borrowed = T;

    fn type_of() -> Type {
        Type::Any
    }

    /// Also fails with [`Status::BadValue`] if `T` cannot be serialized.
    fn encode(value: &T, out: &mut Vec<u8>) -> Result<()> {
        let value = value.serialize(writer::Writer::new())?;
        append(out, |out| cbor::encode(&value, out))
    }

    /// Also fails with [`Status::BadValue`] if the stored value is not a `T`.
    fn decode(bytes: &[u8]) -> Result<Self> {
        let value = decode_value(&Type::Any, bytes)?;
        Ok(Self(T::deserialize(reader::Reader(value))?))
    }
}

impl<T> Borrow<T> for Serde<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

/// The error that serde's traits return.
#[derive(Debug)]
struct Failure(Error);

impl Failure {
    #[cold]
    fn new(message: impl fmt::Display) -> Self {
        Self(Error::new(Status::BadValue, message.to_string()))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl std::error::Error for Failure {}

impl ::serde::ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl ::serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}
