//! Rust's own types as keys and values.

#[cfg(any(feature = "uuid", feature = "chrono", feature = "jiff"))]
mod crates;
mod keys;
mod stored;

use std::fmt;

#[cfg(doc)]
use crate::calendar::{Date, DateTime};
use crate::dynamic::Value;
use crate::error::Result;
use crate::types::Type;

/// A UUID: the type `uuid`.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::Uuid;
///
/// assert_eq!(Uuid([0x11; 16]).to_string(), "11111111-1111-1111-1111-111111111111");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl From<Uuid> for Value {
    fn from(uuid: Uuid) -> Self {
        Value::Uuid(uuid.0)
    }
}

/// A Rust type that the keys of a collection can have.
///
/// | Rust | type |
/// |---|---|
/// | `String` | `str` |
/// | `Vec<u8>` | `bytes` |
/// | `i8` … `u64`, `f32`, `f64`, `bool` | the same |
/// | [`Uuid`], [`Date`], [`DateTime`] | `uuid`, `date`, `datetime` |
/// | `uuid::Uuid` (feature `uuid`) | `uuid` |
/// | `chrono::NaiveDate`, `chrono::NaiveDateTime` (feature `chrono`) | `date`, `datetime` |
/// | `jiff::civil::Date`, `jiff::civil::DateTime` (feature `jiff`) | `date`, `datetime` |
/// | tuples of one to six of these | `(T1,T2,…)` |
/// | [`Value`] | `any` |
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::Key;
///
/// let mut key = Vec::new();
/// <(String, i64)>::encode(&("year".to_owned(), 2026), &mut key)?;
/// assert_eq!(<(String, i64)>::decode(&key)?, ("year".to_owned(), 2026));
/// assert_eq!(<(String, i64)>::type_of().to_string(), "(str,i64)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// # Types of your own
///
/// Implement this trait by means of a type in the table: the new type is stored as that one, and other languages read it as
/// that. An encoding of your own uses the type `bytes`, and its bytes must sort as the keys do.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::{Key, Type};
/// use persistent_collections::error::Result;
///
/// struct OrderId(u64);
///
/// impl Key for OrderId {
///     type Borrowed = OrderId;
///
///     fn type_of() -> Type {
///         <u64 as Key>::type_of()
///     }
///
///     fn encode(id: &OrderId, out: &mut Vec<u8>) -> Result<()> {
///         <u64 as Key>::encode(&id.0, out)
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Self> {
///         <u64 as Key>::decode(bytes).map(OrderId)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key of a collection",
    label = "not a type of keys",
    note = "keys are `String`, `Vec<u8>`, integers, floats, `bool`, `Uuid`, `Date`, `DateTime`, `Value`, and tuples of up to six of them",
    note = "the features `uuid`, `chrono` and `jiff` add types of those crates; a type of your own implements `Key` by means of one of these"
)]
pub trait Key: Sized {
    /// The type of a key in a look-up: `str` for `String`, `[u8]` for `Vec<u8>`, otherwise the type itself.
    type Borrowed: ?Sized;

    /// The type as the catalog stores it.
    fn type_of() -> Type;

    /// Appends the encoded key. A failure leaves `out` unchanged. Fails as [`encode_key`](crate::encode_key) does.
    fn encode(key: &Self::Borrowed, out: &mut Vec<u8>) -> Result<()>;

    /// Reads an encoded key. Fails as [`check_key`](crate::check_key) does.
    fn decode(bytes: &[u8]) -> Result<Self>;
}

/// A Rust type that an element of a key that is a tuple can have. It cannot be implemented outside of this crate: a type of
/// your own with several fields implements [`Key`] by means of a tuple of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a tuple that is a key",
    label = "not a type of tuples' elements",
    note = "elements are `String`, `Vec<u8>`, integers, floats, `bool`, `Uuid`, `Date` and `DateTime`"
)]
pub trait KeyElement: sealed::Element {}

impl<T: sealed::Element> KeyElement for T {}

/// A Rust type that the values of a dict can have.
///
/// | Rust | type |
/// |---|---|
/// | `String` | `str` |
/// | `Vec<u8>` | `bytes` |
/// | `i8` … `u64`, `f32`, `f64`, `bool` | the same |
/// | [`Uuid`], [`Date`], [`DateTime`] | `uuid`, `date`, `datetime` |
/// | `uuid::Uuid` (feature `uuid`) | `uuid` |
/// | `chrono::NaiveDate`, `chrono::NaiveDateTime` (feature `chrono`) | `date`, `datetime` |
/// | `jiff::civil::Date`, `jiff::civil::DateTime` (feature `jiff`) | `date`, `datetime` |
/// | `Vec<T>` of numbers other than `u8` | `T[]` |
/// | `[T; N]` of numbers | `T[N]` |
/// | [`Value`] | `any` |
/// | `Serde<T>`, for any `T` that serde can serialize (feature `serde`) | `any` |
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::Stored;
///
/// let mut value = Vec::new();
/// <Vec<f32>>::encode(&[1.0, 2.0], &mut value)?;
/// assert_eq!(<Vec<f32>>::decode(&value)?, [1.0, 2.0]);
/// assert_eq!(<[f32; 768]>::type_of().to_string(), "f32[768]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// # Types of your own
///
/// Implement this trait by means of a type in the table, as [`Key`] shows; or, with the feature `serde`, wrap the type in
/// `Serde`. [`decode`](Stored::decode) must refuse bytes that are not a value, without a panic: another program may have
/// written them.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::{Stored, Type};
/// use persistent_collections::error::{Error, Result, Status};
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum State {
///     Waiting = 0,
///     Done = 1,
/// }
///
/// impl Stored for State {
///     type Borrowed = State;
///
///     fn type_of() -> Type {
///         <u8 as Stored>::type_of()
///     }
///
///     fn encode(state: &State, out: &mut Vec<u8>) -> Result<()> {
///         <u8 as Stored>::encode(&(*state as u8), out)
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Self> {
///         match <u8 as Stored>::decode(bytes)? {
///             0 => Ok(State::Waiting),
///             1 => Ok(State::Done),
///             other => Err(Error::new(Status::BadValue, format!("{other} is not a state"))),
///         }
///     }
/// }
///
/// assert_eq!(State::decode(&[1])?, State::Done);
/// assert!(State::decode(&[2]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a value of a dict",
    label = "not a type of values",
    note = "values are `String`, `Vec<u8>`, integers, floats, `bool`, `Uuid`, `Date`, `DateTime`, vectors and arrays of numbers, and `Value`",
    note = "with the feature `serde`, `Serde<T>` stores any type that serde can serialize; a type of your own implements `Stored` by means of one of these"
)]
pub trait Stored: Sized {
    /// The type that values are stored from: `str` for `String`, `[T]` for `Vec<T>`, otherwise the type itself.
    type Borrowed: ?Sized;

    /// The type as the catalog stores it.
    fn type_of() -> Type;

    /// Appends the encoded value. A failure leaves `out` unchanged. Only a [`Value`] or an oversized value can fail, as
    /// [`encode_value`](crate::encode_value) does.
    fn encode(value: &Self::Borrowed, out: &mut Vec<u8>) -> Result<()>;

    /// Reads an encoded value. Fails as [`check_value`](crate::check_value) does.
    fn decode(bytes: &[u8]) -> Result<Self>;
}

mod sealed {
    use crate::error::Result;
    use crate::fault::Parsed;
    use crate::tuple::Reader;
    use crate::types::Type;

    /// One element of a tuple of the tuple layer.
    pub trait Element: Sized {
        fn element_type() -> Type;
        fn put(&self, out: &mut Vec<u8>) -> Result<()>;
        fn take(reader: &mut Reader<'_>) -> Parsed<Self>;
    }
}
