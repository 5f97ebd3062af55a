//! A collection of encoded keys and values: the base of [`Dict`](crate::Dict), [`Set`](crate::Set) and the C ABI.
//!
//! Keys and values are checked here, against the stored types, before the engine sees them. An open collection records
//! the sequence number of the catalog under which it was last found valid, and checks again when the number has
//! changed.

mod opening;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use opening::{Asked, OpenFlags};

use crate::codec::{self, MAX_VALUE, Type};
use crate::engine::{Column, Db, Engine, Looked, Op, Outcome, Range, Reader, Snapshot, Space, place};
use crate::error::{Error, Result, Status};
use crate::memory::Short;
use crate::store::catalog::{self, Creation, Schema};
use crate::store::registry::Shared;

/// The outcome of taking a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Missing,
    /// It has this many bytes and was not taken.
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
    /// The value was the expected one, and is now the desired one.
    Done,
    /// The key has this value instead, which stays.
    Differs(V),
    /// The key is absent, though a value was expected, and stays absent.
    Absent,
}

impl<V> Exchange<V> {
    /// Returns true if the value was exchanged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Converts it to a `Result`, whose error is the actual value, as in the standard library's atomics.
    pub fn into_result(self) -> std::result::Result<(), Option<V>> {
        match self {
            Self::Done => Ok(()),
            Self::Differs(value) => Err(Some(value)),
            Self::Absent => Err(None),
        }
    }
}

/// An open collection. Clones are the same collection. Any thread may use it; each uses its own current transaction. It
/// does not keep the environment open.
#[derive(Clone)]
pub(crate) struct Collection(Arc<Inner>);

struct Inner {
    /// Distinguishes it from every other opening of a collection.
    number: usize,
    shared: Arc<Shared>,
    name: String,
    schema: Schema,
    space: Arc<Space>,
    /// LMDB's view of a raw collection; `None` if it has a schema.
    raw: Option<Db>,
    /// The sequence number under which it was found valid, plus one; 0 if it was not checked yet.
    found_at: AtomicU64,
    /// True if it was created in a transaction that may still be aborted; the next write then creates it again.
    unsettled: AtomicBool,
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
        self.0.raw.is_some()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Finds the collection as a reader sees it. Returns `Is(None)` if it was created in a transaction that was
    /// aborted.
    #[inline]
    pub(crate) fn find(&self, reader: &mut Reader<'_>) -> Result<Looked<Option<Db>>> {
        let Some(sequence) = reader.sequence()? else {
            return Ok(Looked::Open(Arc::clone(reader.engine().catalog())));
        };
        if self.0.found_at.load(Ordering::Relaxed) != sequence + 1 {
            match self.validate(reader, sequence)? {
                Looked::Is(true) => {}
                Looked::Is(false) => return Ok(Looked::Is(None)),
                Looked::Open(space) => return Ok(Looked::Open(space)),
            }
        }
        place(reader, &self.0.space)
    }

    /// Checks in the catalog that the collection is still the one that was opened. Returns `Is(false)` if it does not
    /// exist but may be created again.
    #[cold]
    fn validate(&self, reader: &mut Reader<'_>, sequence: u64) -> Result<Looked<bool>> {
        let own = self.0.number;
        if reader.remembers(own) {
            return Ok(Looked::Is(true));
        }
        let inner = &*self.0;
        let stored = inner.space.as_str();
        let schema = match catalog::live(reader.engine(), reader, stored)? {
            Looked::Open(space) => return Ok(Looked::Open(space)),
            Looked::Is(schema) => schema,
        };
        match schema {
            None if inner.raw.is_some() => {}
            Some(_) if inner.raw.is_some() => {
                return Err(Error::new(
                    Status::TypeMismatch,
                    format!("collection {:?} got a schema after it was opened; open it again", inner.name),
                ));
            }
            Some(schema) if schema == inner.schema => {}
            Some(schema) => {
                let (kind, key, value) = (schema.kind.name(), Short(schema.key), Short(schema.value));
                return Err(Error::new(
                    Status::TypeMismatch,
                    format!(
                        "collection {:?} was dropped and created again as a {kind} of {key} to {value}; open it again",
                        inner.name
                    ),
                ));
            }
            None if inner.unsettled.load(Ordering::Relaxed) => return Ok(Looked::Is(false)),
            None => {
                return Err(Error::new(
                    Status::NoCollection,
                    format!("collection {:?} no longer exists; open it again", inner.name),
                ));
            }
        }
        if inner.raw.is_none()
            && let Looked::Is(db) = place(reader, &inner.space)?
        {
            opening::check_plain(&inner.name, db)?;
        }
        if !reader.remember(own) {
            inner.unsettled.store(false, Ordering::Relaxed);
            inner.found_at.store(sequence + 1, Ordering::Relaxed);
        }
        Ok(Looked::Is(true))
    }

    /// Opens the collection's space if it is not open yet, so that a later snapshot can use it.
    pub(crate) fn open_ahead(&self) -> Result<()> {
        self.read(|_, _| Ok(())).map(drop)
    }

    /// Begins a snapshot that can read the collection until it ends. In no transaction of the thread.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        loop {
            let begun = self.0.shared.call(|call| {
                let db = match self.find(&mut call.reader()?)? {
                    Looked::Open(space) => return Ok(Err(space)),
                    Looked::Is(db) => db,
                };
                let mut snapshot = call.snapshot()?;
                if let Some(db) = db {
                    snapshot.uses(call.engine()?, &self.0.space, db)?;
                }
                Ok(Ok(snapshot))
            })?;
            match begun {
                Ok(snapshot) => return Ok(snapshot),
                Err(space) => self.0.shared.open_space(&space)?,
            }
        }
    }

    /// Returns true if both are the same collection of one environment.
    pub(crate) fn is_same(&self, other: &Collection) -> bool {
        Arc::ptr_eq(&self.0.shared, &other.0.shared) && Arc::ptr_eq(&self.0.space, &other.0.space)
    }

    /// Returns true if a key can have several values.
    pub(crate) fn has_duplicates(&self) -> bool {
        self.0.raw.is_some_and(Db::has_duplicates)
    }

    /// Returns true if its keys sort by their bytes.
    pub(crate) fn is_bytewise(&self) -> bool {
        self.0.raw.is_none_or(Db::is_bytewise)
    }

    /// Reads, if the collection exists.
    #[inline]
    pub(crate) fn read<R>(&self, mut look: impl FnMut(&Reader<'_>, Db) -> Result<R>) -> Result<Option<R>> {
        self.0.shared.read(|_, reader| {
            Ok(match self.find(reader)? {
                Looked::Open(space) => Looked::Open(space),
                Looked::Is(None) => Looked::Is(None),
                Looked::Is(Some(db)) => Looked::Is(Some(look(reader, db)?)),
            })
        })
    }

    /// Writes, in the thread's current transaction or in its own.
    fn write(&self, op: &Op<'_>) -> Result<Outcome> {
        enum Step {
            Done(Outcome),
            Open(Arc<Space>),
            Autocommit(Arc<Engine>),
        }
        if self.has_duplicates() {
            return Err(Error::new(
                Status::ReadOnly,
                format!(
                    "collection {:?} has several values for a key (DUPSORT) and is read-only here",
                    self.name()
                ),
            ));
        }
        loop {
            let step = self.0.shared.call(|call| {
                let Some(root) = call.current() else {
                    return Ok(Step::Autocommit(Arc::clone(call.engine()?)));
                };
                root.check_writable()?;
                let mut reader = call.reader()?;
                match self.find(&mut reader)? {
                    Looked::Open(space) => return Ok(Step::Open(space)),
                    Looked::Is(Some(_)) => {}
                    Looked::Is(None) => self.make_again(&mut reader)?,
                }
                reader.write()?.apply(op).map(Step::Done)
            })?;
            match step {
                Step::Done(outcome) => return Ok(outcome),
                Step::Open(space) => self.0.shared.open_space(&space)?,
                Step::Autocommit(engine) => {
                    if let Some(outcome) = self.autocommit(&engine, op)? {
                        return Ok(outcome);
                    }
                }
            }
        }
    }

    /// Attempts once to write in its own transaction. Returns `None` if the catalog has changed meanwhile.
    fn autocommit(&self, engine: &Arc<Engine>, op: &Op<'_>) -> Result<Option<Outcome>> {
        let found_at = self.0.found_at.load(Ordering::Relaxed);
        if let Some(sequence) = found_at.checked_sub(1)
            && let Some(outcomes) = engine.autocommit(sequence, std::slice::from_ref(op))?
        {
            return Ok(outcomes.into_iter().next());
        }
        // Not looked at yet, or changed since.
        let (sequence, is_there) = self.0.shared.read(|_, reader| {
            let sequence = reader.sequence()?;
            Ok(match (self.find(reader)?, sequence) {
                (Looked::Open(space), _) => Looked::Open(space),
                (Looked::Is(db), Some(sequence)) => Looked::Is((sequence, db.is_some())),
                (_, None) => Looked::Open(Arc::clone(reader.engine().catalog())),
            })
        })?;
        if is_there || self.is_raw() {
            let outcomes = engine.autocommit(sequence, std::slice::from_ref(op))?;
            return Ok(outcomes.and_then(|outcomes| outcomes.into_iter().next()));
        }
        let creation = Creation::new(sequence, &self.0.schema)?;
        let [a, b, c, d] = creation.ops(engine.catalog(), &self.0.space);
        let outcomes = engine.autocommit(sequence, &[a, b, c, d, *op])?;
        Ok(outcomes.and_then(|outcomes| outcomes.into_iter().last()))
    }

    /// Creates a collection whose creation was undone, in the current transaction.
    fn make_again(&self, reader: &mut Reader<'_>) -> Result<()> {
        let engine = reader.engine();
        let sequence = reader.sequence()?.unwrap_or(0);
        let creation = Creation::new(sequence, &self.0.schema)?;
        let txn = reader.write()?;
        for op in creation.ops(engine.catalog(), &self.0.space) {
            txn.apply(&op)?;
        }
        Ok(())
    }

    fn check_key(&self, key: &[u8]) -> Result<()> {
        let Some(db) = self.0.raw else { return codec::check_key(&self.0.schema.key, key) };
        if db.has_integer_keys() && !matches!(key.len(), 4 | 8) {
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
        if self.0.raw.is_some() && value.len() <= MAX_VALUE && self.0.schema.value == Type::Any {
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

    /// Shows a key's value to `f`, which copies what it needs and calls nothing of this crate.
    #[inline]
    pub(crate) fn get<R>(&self, key: &[u8], f: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        self.check_key(key)?;
        let mut f = Some(f);
        let found =
            self.read(|reader, db| Ok(reader.get(db, key)?.and_then(|value| f.take().map(|f| f(value)))))?;
        Ok(found.flatten())
    }

    /// Returns the address and length of a key's value, which stay valid until the current transaction ends, or its
    /// thread's next write in it.
    pub(crate) fn get_ref(&self, key: &[u8]) -> Result<Option<(*const u8, usize)>> {
        self.check_key(key)?;
        self.0.shared.read(|_, reader| {
            if !reader.pin() {
                return Err(Error::new(
                    Status::NoTransaction,
                    "a reference to a stored value needs a transaction that keeps it in place; begin one",
                ));
            }
            Ok(match self.find(reader)? {
                Looked::Open(space) => Looked::Open(space),
                Looked::Is(None) => Looked::Is(None),
                Looked::Is(Some(db)) => Looked::Is(reader.get(db, key)?.map(|v| (v.as_ptr(), v.len()))),
            })
        })
    }

    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.get(key, |_| ())?.is_some())
    }

    pub(crate) fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.check_key(key)?;
        self.check_value(value)?;
        self.write(&Op::Put { space: &self.0.space, key, value, fresh: false }).map(drop)
    }

    /// Stores a value if the key is absent. Returns `Ok(false)` if it exists.
    pub(crate) fn put_new(&self, key: &[u8], value: &[u8]) -> Result<bool> {
        self.check_key(key)?;
        self.check_value(value)?;
        let outcome = self.write(&Op::Put { space: &self.0.space, key, value, fresh: true })?;
        Ok(outcome == Outcome::Done)
    }

    pub(crate) fn remove(&self, key: &[u8]) -> Result<bool> {
        self.check_key(key)?;
        Ok(self.write(&Op::Remove { space: &self.0.space, key })? == Outcome::Done)
    }

    /// Removes and returns a value of at most `cap` bytes.
    pub(crate) fn take(&self, key: &[u8], cap: usize) -> Result<Taken> {
        self.check_key(key)?;
        Ok(match self.write(&Op::Take { space: &self.0.space, key, cap })? {
            Outcome::Value(value) => Taken::Value(value),
            Outcome::TooSmall(len) => Taken::TooSmall(len),
            _ => Taken::Missing,
        })
    }

    /// Stores `desired` (`None` removes the key) if the encoded value is `expected` (`None` if the key must be absent).
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
        let op = Op::CompareExchange { space: &self.0.space, key, expected, desired };
        Ok(match self.write(&op)? {
            Outcome::Differs(Some(value)) => Exchange::Differs(value),
            Outcome::Differs(None) => Exchange::Absent,
            _ => Exchange::Done,
        })
    }

    /// Adds to an integer and returns the sum; an absent key counts as 0.
    pub(crate) fn add_i64(&self, key: &[u8], by: i64) -> Result<i64> {
        self.check_key(key)?;
        let kind = &self.0.schema.value;
        if !kind.is_integer() && *kind != Type::Any {
            return Err(Error::new(
                Status::TypeMismatch,
                format!("the values of {:?} are {kind}, not integers", self.name()),
            ));
        }
        match self.write(&Op::Add { space: &self.0.space, key, kind, by })? {
            Outcome::Sum(sum) => Ok(sum),
            outcome => Err(unexpected(&outcome)),
        }
    }

    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.read(|reader, db| reader.len(db))?.unwrap_or(0))
    }

    pub(crate) fn clear(&self) -> Result<()> {
        self.remove_range(&Range::all()).map(drop)
    }

    /// Shows the first or the last record to `f`, as [`Collection::get`] does.
    pub(crate) fn edge<R>(&self, last: bool, f: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let range = Range { reverse: last, ..Range::all() };
        let mut f = Some(f);
        let found = self.read(|reader, db| {
            let found = reader.first(db, &range, |key, value| f.take().map(|f| f(key, value)))?;
            Ok(found.flatten())
        })?;
        Ok(found.flatten())
    }

    /// Adds the values of a range to `out`, in the order of their keys and all from one state. `clear` empties it
    /// first, and again if the look-up is retried.
    pub(crate) fn values<B>(
        &self,
        range: &Range,
        out: &mut B,
        clear: impl Fn(&mut B),
        add: impl Fn(&mut B, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.check_range(range)?;
        clear(out);
        self.read(|reader, db| {
            clear(out);
            let mut added = Ok(());
            reader.each(db, range, |_, value| {
                added = add(out, value);
                added.is_ok()
            })?;
            added
        })?;
        Ok(())
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
        count(&self.write(&Op::RemoveRange { space: &self.0.space, range })?)
    }

    /// Stores all or nothing; if a key occurs twice, its last value wins. Returns the number of new keys.
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
        count(&self.write(&Op::PutMany { space: &self.0.space, keys, values })?)
    }

    /// Adds elements, all or nothing, and returns the number of new ones.
    pub(crate) fn add_many(&self, keys: &Column<'_>) -> Result<u64> {
        self.check_keys(keys)?;
        count(&self.write(&Op::AddMany { space: &self.0.space, keys })?)
    }

    /// Shows each key's value, or `None`, to `f`, as [`Collection::get`] does, all from one state.
    pub(crate) fn get_many(
        &self,
        keys: &Column<'_>,
        mut f: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        self.check_keys(keys)?;
        let found = self.read(|reader, db| reader.get_many(db, keys, &mut f))?;
        match found {
            Some(()) => Ok(()),
            None => (0..keys.len()).try_for_each(|index| f(index, None)),
        }
    }

    /// Removes keys, all in one transaction, and returns the number of those that existed.
    pub(crate) fn remove_many(&self, keys: &Column<'_>) -> Result<u64> {
        self.check_keys(keys)?;
        count(&self.write(&Op::RemoveMany { space: &self.0.space, keys })?)
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
