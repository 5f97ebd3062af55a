//! Dicts: keys with values, typed.

use std::borrow::Borrow;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use crate::codec::{Key, Stored};
use crate::engine::Range;
use crate::engine::schema::Kind;
use crate::environment::Environment;
use crate::error::Result;
use crate::iterators::{Entries, IntoIter, Keys, Values};
use crate::memory::TryGrow;
use crate::store::collection::{Asked, Collection, Exchange, OpenFlags};
use crate::store::iter::Iter;
use crate::store::packing::{Packed, encode_key, encode_range, encode_value, require_types};
use crate::store::sweep;

/// A dict on disk: keys of type `K` in their order, each with a value of type `V`.
///
/// Clones are the same dict, and so is any other opening of its name, in any process and language. May be used
/// from any thread. A call is part of its thread's current [`Transaction`](crate::Transaction); without one, a
/// write commits by itself and a read sees the newest commit.
///
/// ```
/// use persistent_collections::{Dict, Environment, Options};
///
/// # let dir = tempfile::tempdir()?;
/// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let dict = Dict::<i64, String>::open(&env, "squares")?;
/// for n in [3, -1, 2] {
///     dict.put(&n, &(n * n).to_string())?;
/// }
/// let keys: Vec<i64> = dict.range(&0..)?.map(|entry| Ok(entry?.0)).collect::<Result<_, persistent_collections::Error>>()?;
/// assert_eq!(keys, [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Dict<K, V> {
    collection: Collection,
    /// Keeps the environment open.
    env: Environment,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Dict<K, V> {
    fn clone(&self) -> Self {
        Self { collection: self.collection.clone(), env: self.env.clone(), types: PhantomData }
    }
}

impl<K, V> std::fmt::Debug for Dict<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, value) = (self.collection.key_type(), self.collection.value_type());
        write!(f, "Dict({:?}, {key} to {value})", self.collection.name())
    }
}

impl<K: Key, V: Stored> Dict<K, V> {
    /// Opens a dict, or makes it. Types that differ from the stored ones are [`Status::TypeMismatch`](crate::Status::TypeMismatch).
    pub fn open(env: &Environment, name: &str) -> Result<Self> {
        Self::open_with(env, name, false)
    }

    /// Opens a dict that is there; [`Status::NoCollection`](crate::Status::NoCollection) if it is not.
    pub fn open_existing(env: &Environment, name: &str) -> Result<Self> {
        Self::open_with(env, name, true)
    }

    fn open_with(env: &Environment, name: &str, existing: bool) -> Result<Self> {
        let (key, value) = (K::type_of(), V::type_of());
        let flags = OpenFlags { existing, any_width: false };
        let collection = Collection::open(
            env.shared(),
            Asked { name, kind: Kind::Dict, key: Some(&key), value: Some(&value), flags },
        )?;
        require_types(&collection, &[(&key, collection.key_type()), (&value, collection.value_type())])?;
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

    /// The value of a key.
    pub fn get(&self, key: &K::Borrowed) -> Result<Option<V>> {
        self.collection.get(&encode_key::<K>(key)?, V::decode)?.transpose()
    }

    /// Whether a key is there.
    pub fn contains(&self, key: &K::Borrowed) -> Result<bool> {
        self.collection.contains(&encode_key::<K>(key)?)
    }

    /// Stores a value, in place of the one that was there.
    pub fn put(&self, key: &K::Borrowed, value: &V::Borrowed) -> Result<()> {
        self.collection.put(&encode_key::<K>(key)?, &encode_value::<V>(value)?)
    }

    /// Stores a value where the key is absent. `Ok(false)`: it was there, and keeps its value.
    pub fn put_new(&self, key: &K::Borrowed, value: &V::Borrowed) -> Result<bool> {
        self.collection.put_new(&encode_key::<K>(key)?, &encode_value::<V>(value)?)
    }

    /// Removes a key. `Ok(false)`: it was not there.
    pub fn remove(&self, key: &K::Borrowed) -> Result<bool> {
        self.collection.remove(&encode_key::<K>(key)?)
    }

    /// Removes a key and gives its value.
    pub fn take(&self, key: &K::Borrowed) -> Result<Option<V>> {
        match self.collection.take(&encode_key::<K>(key)?, usize::MAX)? {
            crate::store::collection::Taken::Value(value) => V::decode(&value).map(Some),
            _ => Ok(None),
        }
    }

    /// Stores `desired` (`None`: removes the key) if the value is `expected` (`None`: absent), compared as
    /// encoded. Else returns the value that is there.
    pub fn compare_exchange(
        &self,
        key: &K::Borrowed,
        expected: Option<&V::Borrowed>,
        desired: Option<&V::Borrowed>,
    ) -> Result<Exchange<V>> {
        let expected = expected.map(encode_value::<V>).transpose()?;
        let desired = desired.map(encode_value::<V>).transpose()?;
        let key = encode_key::<K>(key)?;
        Ok(match self.collection.compare_exchange(&key, expected.as_deref(), desired.as_deref())? {
            Exchange::Done => Exchange::Done,
            Exchange::Absent => Exchange::Absent,
            Exchange::Differs(value) => Exchange::Differs(V::decode(&value)?),
        })
    }

    /// Adds to an integer, atomically; an absent one counts as 0. Gives the sum;
    /// [`Status::Overflow`](crate::Status::Overflow) where that leaves the type's range.
    pub fn increment(&self, key: &K::Borrowed, by: i64) -> Result<i64> {
        self.collection.add_i64(&encode_key::<K>(key)?, by)
    }

    /// [`Dict::increment`] under the name that it had first.
    #[deprecated(note = "use `increment`: to add is an operation of sets")]
    pub fn add(&self, key: &K::Borrowed, by: i64) -> Result<i64> {
        self.increment(key, by)
    }

    /// How many keys there are. Does not count them.
    pub fn len(&self) -> Result<u64> {
        self.collection.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes every key.
    pub fn clear(&self) -> Result<()> {
        self.collection.clear()
    }

    /// The least key and its value.
    pub fn first(&self) -> Result<Option<(K, V)>> {
        self.edge(false)
    }

    /// The greatest key and its value.
    pub fn last(&self) -> Result<Option<(K, V)>> {
        self.edge(true)
    }

    fn edge(&self, last: bool) -> Result<Option<(K, V)>> {
        self.collection.edge(last, |key, value| Ok((K::decode(key)?, V::decode(value)?)))?.transpose()
    }

    /// Removes the pair with the least key and returns it, or `None` if there is none. No other thread or process gets the
    /// same pair; an empty dict is found empty without waiting for the write lock.
    ///
    /// ```
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let jobs = Dict::<u64, String>::open(&env, "jobs")?;
    /// jobs.put_many([(&7, "wash"), (&8, "dry")])?;
    /// assert_eq!(jobs.pop_first()?, Some((7, "wash".to_owned())));
    /// assert_eq!(jobs.len()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pop_first(&self) -> Result<Option<(K, V)>> {
        self.pop(false)
    }

    /// Removes the pair with the greatest key and returns it, as [`Dict::pop_first`].
    pub fn pop_last(&self) -> Result<Option<(K, V)>> {
        self.pop(true)
    }

    fn pop(&self, last: bool) -> Result<Option<(K, V)>> {
        if self.is_empty()? {
            return Ok(None);
        }
        self.env.transaction(|| {
            let popped = sweep::pop(&self.collection, last)?;
            popped.map(|(key, value)| Ok((K::decode(&key)?, V::decode(&value)?))).transpose()
        })
    }

    /// Removes the pairs that `keep` refuses, all in one transaction; returns how many there were.
    ///
    /// `keep` sees the pairs in the order of keys, while other writers wait. If it panics, nothing is removed. It may see
    /// pairs again where the transaction is run again: see [`Environment::transaction`].
    ///
    /// ```
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let stock = Dict::<String, i64>::open(&env, "stock")?;
    /// stock.put_many([("apples", &3), ("pears", &0)])?;
    /// assert_eq!(stock.retain(|_, count| *count > 0)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) -> Result<u64> {
        self.env.transaction(|| {
            sweep::retain(&self.collection, |key, value| Ok(keep(&K::decode(key)?, &V::decode(value)?)))
        })
    }

    /// Stores many pairs in one transaction, all or none, as [`Dict::put_many`]: from what owns them, such as a `HashMap`.
    ///
    /// ```
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let squares = Dict::<u32, u64>::open(&env, "squares")?;
    /// squares.extend((1..100).map(|n| (n, u64::from(n * n))))?;
    /// assert_eq!(squares.get(&12)?, Some(144));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend(&self, pairs: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: Borrow<K::Borrowed>,
        V: Borrow<V::Borrowed>,
    {
        let (mut keys, mut values) = (Packed::default(), Packed::default());
        for (key, value) in pairs {
            keys.push(|out| K::encode(key.borrow(), out))?;
            values.push(|out| V::encode(value.borrow(), out))?;
        }
        self.collection.put_many(&keys.column()?, &values.column()?).map(drop)
    }

    /// Stores many pairs in one transaction: all or none. Of a key's duplicates the last wins.
    pub fn put_many<'a, I>(&self, pairs: I) -> Result<()>
    where
        I: IntoIterator<Item = (&'a K::Borrowed, &'a V::Borrowed)>,
        K::Borrowed: 'a,
        V::Borrowed: 'a,
    {
        let (mut keys, mut values) = (Packed::default(), Packed::default());
        for (key, value) in pairs {
            keys.push(|out| K::encode(key, out))?;
            values.push(|out| V::encode(value, out))?;
        }
        self.collection.put_many(&keys.column()?, &values.column()?).map(drop)
    }

    /// The values of many keys, all from one state.
    pub fn get_many<'a, I>(&self, keys: I) -> Result<Vec<Option<V>>>
    where
        I: IntoIterator<Item = &'a K::Borrowed>,
        K::Borrowed: 'a,
    {
        let mut packed = Packed::default();
        for key in keys {
            packed.push(|out| K::encode(key, out))?;
        }
        let mut values = Vec::new();
        self.collection.get_many(&packed.column()?, |_, value| {
            Ok(values.try_push(value.map(V::decode).transpose()?)?)
        })?;
        Ok(values)
    }

    /// Removes many keys in one transaction; gives how many there were.
    pub fn remove_many<'a, I>(&self, keys: I) -> Result<u64>
    where
        I: IntoIterator<Item = &'a K::Borrowed>,
        K::Borrowed: 'a,
    {
        let mut packed = Packed::default();
        for key in keys {
            packed.push(|out| K::encode(key, out))?;
        }
        self.collection.remove_many(&packed.column()?)
    }

    /// Every pair in the order of keys, from one state. `for entry in &dict` does the same.
    #[allow(clippy::iter_not_returning_iterator)] // it is one, once it could be begun
    pub fn iter(&self) -> Result<Entries<K, V>> {
        self.entries(Range::all())
    }

    /// The pairs whose keys lie between two bounds.
    pub fn range<'a>(&self, range: impl RangeBounds<&'a K::Borrowed>) -> Result<Entries<K, V>>
    where
        K::Borrowed: 'a,
    {
        self.entries(encode_range::<K>(&range)?)
    }

    /// Every key in order, from one state.
    pub fn keys(&self) -> Result<Keys<K, V>> {
        Ok(Keys::new(Iter::open(&self.collection, Range::all())?, &self.env))
    }

    /// Every value in the order of keys, from one state.
    pub fn values(&self) -> Result<Values<K, V>> {
        Ok(Values::new(Iter::open(&self.collection, Range::all())?, &self.env))
    }

    /// Removes the keys between two bounds; gives how many there were.
    pub fn remove_range<'a>(&self, range: impl RangeBounds<&'a K::Borrowed>) -> Result<u64>
    where
        K::Borrowed: 'a,
    {
        self.collection.remove_range(&encode_range::<K>(&range)?)
    }

    pub(crate) fn collection(&self) -> &Collection {
        &self.collection
    }

    fn entries(&self, range: Range) -> Result<Entries<K, V>> {
        Ok(Entries::new(Iter::open(&self.collection, range)?, &self.env))
    }
}

impl<V: Stored> Dict<String, V> {
    /// The pairs whose keys begin with `prefix`.
    ///
    /// ```
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let dict = Dict::<String, bool>::open(&env, "trees")?;
    /// dict.put_many([("ash", &true), ("aspen", &true), ("oak", &false)])?;
    /// assert_eq!(dict.prefix("as")?.count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prefix(&self, prefix: &str) -> Result<Entries<String, V>> {
        let mut encoded = Vec::new();
        if !prefix.is_empty() {
            <String as Key>::encode(prefix, &mut encoded)?;
        }
        self.entries(Range::new(Bound::Unbounded, Bound::Unbounded, Some(&encoded), false)?)
    }
}

impl<K: Key, V: Stored> IntoIterator for &Dict<K, V> {
    type Item = Result<(K, V)>;
    type IntoIter = IntoIter<Entries<K, V>>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter::new(self.iter())
    }
}
