//! Iterators over typed dicts and sets.
//!
//! All have the same two ends over one scan, and differ in what they decode of a record.

use std::iter::FusedIterator;
use std::marker::PhantomData;

use crate::codec::{Key, Stored};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::store::iter::Iter;
use crate::store::packing::encode_key;

macro_rules! iterator {
    (
        $(#[$doc:meta])*
        $name:ident<$key:ident: Key $(, $value:ident: $bound:ident)?> gives $item:ty: $one:literal, by $decode:expr
    ) => {
        $(#[$doc])*
        ///
        /// Outside of transactions it has a snapshot of its own; in one it sees what the transaction has written so far.
        /// Yields an error where a stored record is damaged or the transaction that it belongs to has ended. An iterator
        /// that cannot go on yields that once and ends.
        ///
        /// It has two ends, which never give the same record. What `next_back` has given is off the range for good: neither
        /// `next`, `previous`, `seek` nor `reversed` come to it again. When both ends have met, both have ended.
        #[must_use = "iterators are lazy and do nothing unless consumed"]
        pub struct $name<$key $(, $value)?> {
            scan: Iter,
            /// Keeps the environment open.
            env: Environment,
            types: PhantomData<fn() -> ($key, $($value)?)>,
        }

        impl<$key: Key $(, $value: $bound)?> $name<$key $(, $value)?> {
            pub(crate) fn new(scan: Iter, env: &Environment) -> Self {
                Self { scan, env: env.clone(), types: PhantomData }
            }

            /// Turns the range around and begins at its other end; again, in the first direction.
            ///
            /// [`Iterator::rev`] differs: it gives what neither end has given yet.
            pub fn reversed(self) -> Self {
                Self { scan: self.scan.reversed(), ..self }
            }

            #[doc = concat!("Steps back to the ", $one, " before the one that `next` or `previous` gave last, in the iterator's direction.")]
            pub fn previous(&mut self) -> Option<Result<$item>> {
                self.scan.give_once(true, $decode)
            }

            /// Goes before the first record at or beyond `key`, in the iterator's direction.
            pub fn seek(&mut self, key: &$key::Borrowed) -> Result<()> {
                self.scan.seek(&encode_key::<$key>(key)?)
            }
        }

        impl<$key: Key $(, $value: $bound)?> Iterator for $name<$key $(, $value)?> {
            type Item = Result<$item>;

            fn next(&mut self) -> Option<Self::Item> {
                self.scan.give_once(false, $decode)
            }
        }

        impl<$key: Key $(, $value: $bound)?> DoubleEndedIterator for $name<$key $(, $value)?> {
            fn next_back(&mut self) -> Option<Self::Item> {
                self.scan.give_last($decode)
            }
        }

        impl<$key: Key $(, $value: $bound)?> FusedIterator for $name<$key $(, $value)?> {}

        impl<$key $(, $value)?> std::fmt::Debug for $name<$key $(, $value)?> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:?}, {:?})"), self.scan.name(), self.env.path())
            }
        }
    };
}

iterator! {
    /// The pairs of a dict in the order of keys: [`Dict::iter`](crate::Dict::iter), [`Dict::range`](crate::Dict::range).
    ///
    /// ```
    /// # use persistent_collections::{Dict, Environment, Error, Options};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let scores = Dict::<i64, String>::open(&env, "scores")?;
    /// scores.put_many([(&30, "Ada"), (&20, "Bob"), (&40, "Eve")])?;
    /// let best: Vec<(i64, String)> = scores.iter()?.rev().take(2).collect::<Result<_, _>>()?;
    /// assert_eq!(best, [(40, "Eve".to_owned()), (30, "Ada".to_owned())]);
    /// let mut scores = scores.iter()?;
    /// assert_eq!(scores.next(), Some(Ok((20, "Bob".to_owned()))));
    /// assert_eq!(scores.next_back(), Some(Ok((40, "Eve".to_owned()))));
    /// assert_eq!(scores.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Entries<K: Key, V: Stored> gives (K, V): "pair", by |key, value| Ok((K::decode(key)?, V::decode(value)?))
}

iterator! {
    /// The keys of a dict in their order: [`Dict::keys`](crate::Dict::keys). Does not decode the values.
    Keys<K: Key, V: Stored> gives K: "key", by |key, _| K::decode(key)
}

iterator! {
    /// The values of a dict in the order of their keys: [`Dict::values`](crate::Dict::values). Does not decode the keys.
    Values<K: Key, V: Stored> gives V: "value", by |_, value| V::decode(value)
}

iterator! {
    /// The elements of a set in their order: [`Set::iter`](crate::Set::iter), [`Set::range`](crate::Set::range).
    ///
    /// ```
    /// # use persistent_collections::{Environment, Options, Set};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let primes = Set::<u32>::open(&env, "primes")?;
    /// primes.add_many([&2, &3, &5, &7])?;
    /// let down: Vec<u32> = primes.range(&2..&7)?.reversed().collect::<Result<_, _>>()?;
    /// assert_eq!(down, [5, 3, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Elements<T: Key> gives T: "element", by |element, _| T::decode(element)
}

/// The iterator of `for entry in &dict` and `for element in &set`.
///
/// It gives what [`Dict::iter`](crate::Dict::iter) or [`Set::iter`](crate::Set::iter) gives. Where that fails to begin, the
/// error is its first item and its last.
///
/// ```
/// # use persistent_collections::{Dict, Environment, Options, Set};
/// # let dir = tempfile::tempdir()?;
/// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let ages = Dict::<String, i64>::open(&env, "ages")?;
/// ages.put("Ada", &36)?;
/// for entry in &ages {
///     let (name, age) = entry?;
///     assert_eq!((name.as_str(), age), ("Ada", 36));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct IntoIter<I> {
    /// `Err(None)`: the error was given.
    begun: std::result::Result<I, Option<Error>>,
}

impl<I> IntoIter<I> {
    pub(crate) fn new(begun: Result<I>) -> Self {
        Self { begun: begun.map_err(Some) }
    }
}

impl<T, I: Iterator<Item = Result<T>>> Iterator for IntoIter<I> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.begun {
            Ok(items) => items.next(),
            Err(error) => error.take().map(Err),
        }
    }
}

impl<T, I: DoubleEndedIterator<Item = Result<T>>> DoubleEndedIterator for IntoIter<I> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.begun {
            Ok(items) => items.next_back(),
            Err(error) => error.take().map(Err),
        }
    }
}

impl<T, I: FusedIterator<Item = Result<T>>> FusedIterator for IntoIter<I> {}
