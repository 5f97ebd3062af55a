//! Sets: elements, typed.

use std::borrow::Borrow;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use crate::codec::Key;
use crate::engine::Range;
use crate::engine::schema::Kind;
use crate::environment::Environment;
use crate::error::Result;
use crate::iterators::{Elements, IntoIter};
use crate::memory;
use crate::store::algebra::{self, Operation};
use crate::store::collection::{Asked, Collection, OpenFlags};
use crate::store::iter::Iter;
use crate::store::packing::{Packed, encode_key, encode_range, require_types};
use crate::store::sweep;

/// A set on disk: elements of type `T` in their order.
///
/// Clones are the same set; see [`Dict`](crate::Dict) for names, threads and transactions.
///
/// ```
/// use persistent_collections::{Environment, Options, Set};
///
/// # let dir = tempfile::tempdir()?;
/// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let primes = Set::<u32>::open(&env, "primes")?;
/// primes.add_many([&7, &2, &5, &3])?;
/// assert!(!primes.add(&5)?);
/// assert_eq!(primes.first()?, Some(2));
/// assert_eq!(primes.len()?, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Set<T> {
    collection: Collection,
    /// Keeps the environment open.
    env: Environment,
    types: PhantomData<fn() -> T>,
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        Self { collection: self.collection.clone(), env: self.env.clone(), types: PhantomData }
    }
}

impl<T> std::fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Set({:?}, {})", self.collection.name(), self.collection.key_type())
    }
}

impl<T: Key> Set<T> {
    /// Opens a set, or makes it. A type that differs from the stored one is
    /// [`Status::TypeMismatch`](crate::Status::TypeMismatch).
    pub fn open(env: &Environment, name: &str) -> Result<Self> {
        Self::open_with(env, name, false)
    }

    /// Opens a set that is there; [`Status::NoCollection`](crate::Status::NoCollection) if it is not.
    pub fn open_existing(env: &Environment, name: &str) -> Result<Self> {
        Self::open_with(env, name, true)
    }

    fn open_with(env: &Environment, name: &str, existing: bool) -> Result<Self> {
        let ty = T::type_of();
        let flags = OpenFlags { existing, any_width: false };
        let collection = Collection::open(
            env.shared(),
            Asked { name, kind: Kind::Set, key: Some(&ty), value: None, flags },
        )?;
        require_types(&collection, &[(&ty, collection.key_type())])?;
        Ok(Self { collection, env: env.clone(), types: PhantomData })
    }

    /// The environment that it lies in.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.env
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.collection.name()
    }

    /// Adds an element. `Ok(false)`: it was there.
    pub fn add(&self, element: &T::Borrowed) -> Result<bool> {
        self.collection.put_new(&encode_key::<T>(element)?, &[])
    }

    /// Removes an element. `Ok(false)`: it was not there.
    pub fn remove(&self, element: &T::Borrowed) -> Result<bool> {
        self.collection.remove(&encode_key::<T>(element)?)
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T::Borrowed) -> Result<bool> {
        self.collection.contains(&encode_key::<T>(element)?)
    }

    /// How many elements there are. Does not count them.
    pub fn len(&self) -> Result<u64> {
        self.collection.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes every element.
    pub fn clear(&self) -> Result<()> {
        self.collection.clear()
    }

    /// The least element.
    pub fn first(&self) -> Result<Option<T>> {
        self.collection.edge(false, |element, _| T::decode(element))?.transpose()
    }

    /// The greatest element.
    pub fn last(&self) -> Result<Option<T>> {
        self.collection.edge(true, |element, _| T::decode(element))?.transpose()
    }

    /// Removes the least element and returns it, or `None` if there is none. No other thread or process gets the same
    /// element; an empty set is found empty without waiting for the write lock.
    pub fn pop_first(&self) -> Result<Option<T>> {
        self.pop(false)
    }

    /// Removes the greatest element and returns it, as [`Set::pop_first`].
    pub fn pop_last(&self) -> Result<Option<T>> {
        self.pop(true)
    }

    fn pop(&self, last: bool) -> Result<Option<T>> {
        if self.is_empty()? {
            return Ok(None);
        }
        self.env.transaction(|| {
            let popped = sweep::pop(&self.collection, last)?;
            popped.map(|(element, _)| T::decode(&element)).transpose()
        })
    }

    /// Removes the elements that `keep` refuses, all in one transaction; returns how many there were. As
    /// [`Dict::retain`](crate::Dict::retain).
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool) -> Result<u64> {
        self.env.transaction(|| sweep::retain(&self.collection, |element, _| Ok(keep(&T::decode(element)?))))
    }

    /// Adds many elements in one transaction, all or none, as [`Set::add_many`]: from what owns them, such as a `HashSet`.
    /// Returns how many were new.
    pub fn extend(&self, elements: impl IntoIterator<Item = T>) -> Result<u64>
    where
        T: Borrow<T::Borrowed>,
    {
        let mut packed = Packed::default();
        for element in elements {
            packed.push(|out| T::encode(element.borrow(), out))?;
        }
        self.collection.add_many(&packed.column()?)
    }

    /// Adds many elements in one transaction: all or none. Gives how many were new.
    pub fn add_many<'a, I>(&self, elements: I) -> Result<u64>
    where
        I: IntoIterator<Item = &'a T::Borrowed>,
        T::Borrowed: 'a,
    {
        self.collection.add_many(&pack::<T>(elements)?.column()?)
    }

    /// Removes many elements in one transaction; gives how many there were.
    pub fn remove_many<'a, I>(&self, elements: I) -> Result<u64>
    where
        I: IntoIterator<Item = &'a T::Borrowed>,
        T::Borrowed: 'a,
    {
        self.collection.remove_many(&pack::<T>(elements)?.column()?)
    }

    /// Looks up many elements in one state; returns for each, in their order, whether it is there.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Environment, Options, Set};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let primes = Set::<i64>::open(&env, "primes")?;
    /// primes.add_many(&[2, 3, 5])?;
    /// assert_eq!(primes.contains_many(&[1, 2, 3, 4])?, [false, true, true, false]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains_many<'a, I>(&self, elements: I) -> Result<Vec<bool>>
    where
        I: IntoIterator<Item = &'a T::Borrowed>,
        T::Borrowed: 'a,
    {
        let elements = pack::<T>(elements)?;
        let elements = elements.column()?;
        let mut found = memory::room_for(elements.len())?;
        found.resize(elements.len(), false);
        self.collection.get_many(&elements, |index, value| {
            found[index] = value.is_some();
            Ok(())
        })?;
        Ok(found)
    }

    /// Every element in order, from one state. `for element in &set` does the same.
    #[allow(clippy::iter_not_returning_iterator)] // it is one, once it could be begun
    pub fn iter(&self) -> Result<Elements<T>> {
        self.elements(Range::all())
    }

    /// The elements between two bounds.
    pub fn range<'a>(&self, range: impl RangeBounds<&'a T::Borrowed>) -> Result<Elements<T>>
    where
        T::Borrowed: 'a,
    {
        self.elements(encode_range::<T>(&range)?)
    }

    /// Removes the elements between two bounds; gives how many there were.
    pub fn remove_range<'a>(&self, range: impl RangeBounds<&'a T::Borrowed>) -> Result<u64>
    where
        T::Borrowed: 'a,
    {
        self.collection.remove_range(&encode_range::<T>(&range)?)
    }

    /// Makes `into` the union of this set and another: the elements that are in either.
    ///
    /// What `into` held before is replaced. It may be this set or the other, and those may be the same. All is
    /// one transaction, the current one or its own; the sets are walked in order, a batch at a time, and of
    /// `into` only what differs is written. The operands may lie in other environments than `into`; they are
    /// read there in the thread's transaction, or else in one snapshot for each environment.
    ///
    /// [`Status::TypeMismatch`](crate::Status::TypeMismatch) if one of them is raw and another is not, and
    /// [`Status::Unsupported`](crate::Status::Unsupported) if one has an order of its own (INTEGERKEY,
    /// REVERSEKEY).
    ///
    /// ```
    /// # use persistent_collections::{Environment, Options, Set};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let even = Set::<u32>::open(&env, "even")?;
    /// let small = Set::<u32>::open(&env, "small")?;
    /// even.add_many([&2, &4, &6])?;
    /// small.add_many([&1, &2, &3])?;
    /// let both = Set::<u32>::open(&env, "both")?;
    /// even.intersection_into(&small, &both)?;
    /// assert!(both.iter()?.eq([Ok(2)]));
    /// even.union_into(&small, &even)?;
    /// assert_eq!(even.len()?, 5);
    /// assert!(small.is_subset(&even)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn union_into(&self, other: &Self, into: &Self) -> Result<()> {
        self.combine(Operation::Union, other, into)
    }

    /// Makes `into` the intersection: the elements that are in both. As [`Set::union_into`].
    pub fn intersection_into(&self, other: &Self, into: &Self) -> Result<()> {
        self.combine(Operation::Intersection, other, into)
    }

    /// Makes `into` the difference: this set's elements that are not in the other. As [`Set::union_into`].
    pub fn difference_into(&self, other: &Self, into: &Self) -> Result<()> {
        self.combine(Operation::Difference, other, into)
    }

    /// Makes `into` the symmetric difference: the elements that are in one of both alone. As
    /// [`Set::union_into`].
    pub fn symmetric_difference_into(&self, other: &Self, into: &Self) -> Result<()> {
        self.combine(Operation::SymmetricDifference, other, into)
    }

    /// Whether each of this set's elements is in the other, which may lie in another environment. Looks no
    /// further than the first that is not.
    pub fn is_subset(&self, other: &Self) -> Result<bool> {
        algebra::is_subset(&self.collection, &other.collection)
    }

    /// Whether each of the other set's elements is in this one. As [`Set::is_subset`].
    pub fn is_superset(&self, other: &Self) -> Result<bool> {
        other.is_subset(self)
    }

    /// Whether the two, which may lie in two environments, have no element in common.
    pub fn is_disjoint(&self, other: &Self) -> Result<bool> {
        algebra::is_disjoint(&self.collection, &other.collection)
    }

    fn combine(&self, operation: Operation, other: &Self, into: &Self) -> Result<()> {
        algebra::combine(operation, &self.collection, &other.collection, &into.collection)
    }

    fn elements(&self, range: Range) -> Result<Elements<T>> {
        Ok(Elements::new(Iter::open(&self.collection, range)?, &self.env))
    }
}

impl Set<String> {
    /// The elements that begin with `prefix`.
    ///
    /// ```
    /// # use persistent_collections::{Environment, Options, Set};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let trees = Set::<String>::open(&env, "trees")?;
    /// trees.add_many(["ash", "aspen", "oak"])?;
    /// assert_eq!(trees.prefix("as")?.collect::<Result<Vec<_>, _>>()?, ["ash", "aspen"]);
    /// assert_eq!(trees.prefix("")?.count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prefix(&self, prefix: &str) -> Result<Elements<String>> {
        let mut encoded = Vec::new();
        if !prefix.is_empty() {
            <String as Key>::encode(prefix, &mut encoded)?;
        }
        self.elements(Range::new(Bound::Unbounded, Bound::Unbounded, Some(&encoded), false)?)
    }
}

fn pack<'a, T: Key>(elements: impl IntoIterator<Item = &'a T::Borrowed>) -> Result<Packed>
where
    T::Borrowed: 'a,
{
    let mut packed = Packed::default();
    for element in elements {
        packed.push(|out| T::encode(element, out))?;
    }
    Ok(packed)
}

impl<T: Key> IntoIterator for &Set<T> {
    type Item = Result<T>;
    type IntoIter = IntoIter<Elements<T>>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter::new(self.iter())
    }
}
