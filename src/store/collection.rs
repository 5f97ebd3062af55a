//! Implements a collection of encoded keys and values: the base of [`Dict`](crate::Dict), [`Set`](crate::Set) and the C
//! ABI.
//!
//! This layer checks keys and values against the stored types before it calls the engine.

mod opening;

use std::sync::Arc;

pub(crate) use opening::{Asked, OpenFlags};

use crate::codec::{self, MAX_VALUE, Type};
use crate::engine::schema::Schema;
use crate::engine::{Column, Columns, Limit, Op, Opened, Outcome, Range, Seat};
use crate::error::{Error, Result, Status};
use crate::memory::Short;
use crate::store::registry::Shared;

/// The outcome of `take`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Missing,
    /// The value has this many bytes, more than the caller's limit, and was not removed.
    TooSmall(usize),
    Value(Vec<u8>),
}

/// The outcome of a compare-exchange.
///
/// ```
/// # use persistent_collections::{Dict, Environment, Exchange, Options};
/// # let dir = tempfile::tempdir()?;
/// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let owners = Dict::<String, String>::open(&env, "owners")?;
/// assert!(owners.compare_exchange("boat", None, Some("Ada"))?.is_done());
/// match owners.compare_exchange("boat", None, Some("Eve"))? {
///     Exchange::Done => println!("it is Eve's now"),
///     Exchange::Differs(owner) => assert_eq!(owner, "Ada"),
///     Exchange::Absent => unreachable!("no value was expected"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the exchange may not have happened"]
pub enum Exchange<V> {
    /// The key had the expected value, and now has the desired one.
    Done,
    /// The key has this other value and keeps it.
    Differs(V),
    /// The key is absent, although a value was expected, and remains absent.
    Absent,
}

impl<V> Exchange<V> {
    /// Returns true if the value was exchanged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Converts the outcome to a `Result` whose error is the actual value, like the standard library's atomics.
    pub fn into_result(self) -> std::result::Result<(), Option<V>> {
        match self {
            Self::Done => Ok(()),
            Self::Differs(value) => Err(Some(value)),
            Self::Absent => Err(None),
        }
    }
}

/// An open collection. Clones refer to the same collection. Any thread may use it; each uses its own current
/// transaction. It does not keep the environment open.
#[derive(Clone)]
pub(crate) struct Collection(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    name: String,
    schema: Schema,
    opened: Opened,
}

impl Collection {
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn key_type(&self) -> &Type {
        &self.0.schema.key
    }

    pub(crate) fn value_type(&self) -> &Type {
        &self.0.schema.value
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.0.opened.is_raw()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Returns the engine's view of the collection.
    pub(crate) fn opened(&self) -> &Opened {
        &self.0.opened
    }

    /// Opens the collection's space if necessary, so that a later snapshot can use it.
    pub(crate) fn open_ahead(&self) -> Result<()> {
        self.seat()?.open_ahead(self.opened())
    }

    /// Returns true if both refer to the same collection of the same environment.
    pub(crate) fn is_same(&self, other: &Collection) -> bool {
        Arc::ptr_eq(&self.0.shared, &other.0.shared) && self.opened().is_same(other.opened())
    }

    /// Returns true if a key can have several values.
    pub(crate) fn has_duplicates(&self) -> bool {
        self.0.opened.has_duplicates()
    }

    /// Returns true if its keys sort bytewise.
    pub(crate) fn is_bytewise(&self) -> bool {
        self.0.opened.is_bytewise()
    }

    /// Returns the calling thread's seat in the collection's environment.
    #[inline]
    fn seat(&self) -> Result<Seat> {
        self.0.shared.seat()
    }

    /// Writes in the thread's current transaction, or in its own.
    fn write(&self, op: &Op<'_>) -> Result<Outcome> {
        if self.has_duplicates() {
            return Err(Error::new(
                Status::ReadOnly,
                format!(
                    "collection {:?} has several values for a key (DUPSORT) and is read-only here",
                    self.name()
                ),
            ));
        }
        self.seat()?.write(&self.0.opened, op)
    }

    fn check_key(&self, key: &[u8]) -> Result<()> {
        if !self.is_raw() {
            return codec::check_key(&self.0.schema.key, key);
        }
        if self.0.opened.has_integer_keys() && !matches!(key.len(), 4 | 8) {
            return Err(Error::new(
                Status::BadKey,
                format!(
                    "collection {:?} has integer keys (INTEGERKEY) of 4 or 8 bytes, not {}",
                    self.name(),
                    key.len()
                ),
            ));
        }
        codec::raw::check_raw_key(&self.0.schema.key, key)
    }

    fn check_value(&self, value: &[u8]) -> Result<()> {
        if self.is_raw() && value.len() <= MAX_VALUE && self.0.schema.value == Type::Any {
            return Ok(());
        }
        codec::check_value(&self.0.schema.value, value)
    }

    fn check_keys(&self, keys: &Column<'_>) -> Result<()> {
        for (index, key) in keys.iter().enumerate() {
            self.check_key(key).map_err(|error| error.at(index))?;
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn no_longer_exists(&self) -> Error {
        Error::new(Status::NoCollection, format!("collection {:?} no longer exists", self.name()))
    }

    /// Passes a key's value to `f`, which copies what it needs and must not call this crate.
    #[inline]
    pub(crate) fn get<R>(&self, key: &[u8], f: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        self.check_key(key)?;
        self.seat()?.get(self.opened(), key, f)
    }

    /// Returns the address and length of a key's value. They stay valid until the current transaction ends or its
    /// thread writes in it again.
    pub(crate) fn get_ref(&self, key: &[u8]) -> Result<Option<(*const u8, usize)>> {
        self.check_key(key)?;
        self.seat()?.lend(self.opened(), key)
    }

    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.get(key, |_| ())?.is_some())
    }

    pub(crate) fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.check_key(key)?;
        self.check_value(value)?;
        self.write(&Op::Put { key, value, fresh: false }).map(drop)
    }

    /// Stores a value if the key is absent. Returns `Ok(false)` if the key exists.
    pub(crate) fn put_new(&self, key: &[u8], value: &[u8]) -> Result<bool> {
        self.check_key(key)?;
        self.check_value(value)?;
        let outcome = self.write(&Op::Put { key, value, fresh: true })?;
        Ok(outcome == Outcome::Done)
    }

    pub(crate) fn remove(&self, key: &[u8]) -> Result<bool> {
        self.check_key(key)?;
        Ok(self.write(&Op::Remove { key })? == Outcome::Done)
    }

    /// Removes and returns a value of at most `cap` bytes.
    pub(crate) fn take(&self, key: &[u8], cap: usize) -> Result<Taken> {
        self.check_key(key)?;
        Ok(match self.write(&Op::Take { key, cap })? {
            Outcome::Value(value) => Taken::Value(value),
            Outcome::TooSmall(len) => Taken::TooSmall(len),
            _ => Taken::Missing,
        })
    }

    /// Stores `desired` (`None` removes the key) if the encoded value equals `expected` (`None` requires an absent
    /// key).
    pub(crate) fn compare_exchange(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        desired: Option<&[u8]>,
    ) -> Result<Exchange<Vec<u8>>> {
        self.check_key(key)?;
        if let Some(value) = desired {
            self.check_value(value)?;
        }
        let op = Op::CompareExchange { key, expected, desired };
        Ok(match self.write(&op)? {
            Outcome::Differs(Some(value)) => Exchange::Differs(value),
            Outcome::Differs(None) => Exchange::Absent,
            _ => Exchange::Done,
        })
    }

    /// Adds to an integer and returns the sum. An absent key counts as 0.
    pub(crate) fn add_i64(&self, key: &[u8], by: i64) -> Result<i64> {
        self.check_key(key)?;
        let kind = &self.0.schema.value;
        if !kind.is_integer() && *kind != Type::Any {
            return Err(Error::new(
                Status::TypeMismatch,
                format!("the values of {:?} are {kind}, not integers", self.name()),
            ));
        }
        match self.write(&Op::Add { key, kind, by })? {
            Outcome::Sum(sum) => Ok(sum),
            outcome => Err(unexpected(&outcome)),
        }
    }

    pub(crate) fn len(&self) -> Result<u64> {
        self.seat()?.len(self.opened())
    }

    pub(crate) fn clear(&self) -> Result<()> {
        self.remove_range(&Range::all()).map(drop)
    }

    /// Passes the first or last record to `f`, like [`Collection::get`].
    pub(crate) fn edge<R>(&self, last: bool, f: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let range = Range { reverse: last, ..Range::all() };
        self.seat()?.edge(self.opened(), &range, f)
    }

    /// Appends the values of a range to `out`, in key order and all from one state. `clear` empties `out` first, and
    /// again if the look-up is retried.
    pub(crate) fn values<B>(
        &self,
        range: &Range,
        out: &mut B,
        clear: impl Fn(&mut B),
        add: impl Fn(&mut B, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.check_range(range)?;
        let mut added = Ok(());
        self.seat()?.each(self.opened(), range, |record| {
            match record {
                None => clear(out),
                Some((_, value)) => added = add(out, value),
            }
            added.is_ok()
        })?;
        added
    }

    /// Reads records from the beginning of a range into columns. Returns true if it reached the end of the range.
    pub(crate) fn scan(&self, range: &Range, limit: Limit, out: &mut Columns) -> Result<bool> {
        Ok(self.seat()?.scan(self.opened(), range, limit, out)?.is_all)
    }

    /// Refuses a range that is invalid in the collection's order.
    pub(crate) fn check_range(&self, range: &Range) -> Result<()> {
        if range.by_prefix && !self.is_bytewise() {
            return Err(Error::new(
                Status::Unsupported,
                format!(
                    "collection {:?} has its own order (INTEGERKEY or REVERSEKEY), in which keys with a common prefix are \
                     not adjacent; use bounds instead of a prefix",
                    self.name()
                ),
            ));
        }
        Ok(())
    }

    /// Removes the keys of a range and returns their number.
    pub(crate) fn remove_range(&self, range: &Range) -> Result<u64> {
        self.check_range(range)?;
        count(&self.write(&Op::RemoveRange { range })?)
    }

    /// Stores all records or none; if a key occurs twice, its last value wins. Returns the number of new keys.
    pub(crate) fn put_many(&self, keys: &Column<'_>, values: &Column<'_>) -> Result<u64> {
        if keys.len() != values.len() {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("{} keys cannot go with {} values", keys.len(), values.len()),
            ));
        }
        self.check_keys(keys)?;
        for (index, value) in values.iter().enumerate() {
            self.check_value(value).map_err(|error| error.at(index))?;
        }
        count(&self.write(&Op::PutMany { keys, values })?)
    }

    /// Adds all elements or none, and returns the number of new ones.
    pub(crate) fn add_many(&self, keys: &Column<'_>) -> Result<u64> {
        self.check_keys(keys)?;
        count(&self.write(&Op::AddMany { keys })?)
    }

    /// Passes each key's value, or `None`, to `f`, like [`Collection::get`], all from one state.
    pub(crate) fn get_many(
        &self,
        keys: &Column<'_>,
        f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        self.check_keys(keys)?;
        self.seat()?.get_many(self.opened(), keys, f)
    }

    /// Removes keys, all in one transaction, and returns the number of keys that existed.
    pub(crate) fn remove_many(&self, keys: &Column<'_>) -> Result<u64> {
        self.check_keys(keys)?;
        count(&self.write(&Op::RemoveMany { keys })?)
    }
}

fn count(outcome: &Outcome) -> Result<u64> {
    match outcome {
        Outcome::Count(count) => Ok(*count),
        outcome => Err(unexpected(outcome)),
    }
}

#[cold]
fn unexpected(outcome: &Outcome) -> Error {
    Error::new(Status::Panic, format!("the engine returned {:?} for another operation", Short(outcome)))
}
