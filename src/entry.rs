//! Updating one key of a dict in place.

use std::borrow::Borrow;

use crate::codec::{Key, Stored};
use crate::dict::Dict;
use crate::error::{Error, Result, Status};
use crate::store::packing::{encode_key, encode_value};

/// One key of a dict, to be changed or filled: [`Dict::entry`].
///
/// Nothing happens before the last call of the chain, which runs in the thread's write transaction or in one of its own: no
/// thread, process or language writes the key between the look and the write.
///
/// ```
/// # use persistent_collections::{Dict, Environment, Options};
/// # let dir = tempfile::tempdir()?;
/// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let words = Dict::<String, i64>::open(&env, "words")?;
/// for word in ["to", "be", "or", "not", "to", "be"] {
///     words.entry(word).and_modify(|count| *count += 1).or_insert(1)?;
/// }
/// assert_eq!(words.get("be")?, Some(2));
/// assert_eq!(words.entry("or").or_insert_with(|| unreachable!())?, 1);
/// assert_eq!(words.entry("that").and_modify(|count| *count += 1).or_none()?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an entry does nothing before `or_insert` or its like is called"]
pub struct Entry<'d, K, V> {
    dict: &'d Dict<K, V>,
    /// The encoded key; the last call reports why there is none.
    key: Result<Vec<u8>>,
    modify: Option<Modify<'d, V>>,
}

type Modify<'d, V> = Box<dyn FnMut(&mut V) + 'd>;

impl<K: Key, V: Stored + Borrow<V::Borrowed>> Dict<K, V> {
    /// Begins a change of one key where it is there, or its filling where it is absent: see [`Entry`].
    pub fn entry(&self, key: &K::Borrowed) -> Entry<'_, K, V> {
        Entry { dict: self, key: encode_key::<K>(key), modify: None }
    }
}

impl<'d, K: Key, V: Stored + Borrow<V::Borrowed>> Entry<'d, K, V> {
    /// Changes the value, where there is one. `modify` may run more than once, each time on the stored value: as
    /// [`Environment::transaction`](crate::Environment::transaction) says.
    pub fn and_modify(self, mut modify: impl FnMut(&mut V) + 'd) -> Self {
        let Self { dict, key, modify: before } = self;
        let modify: Modify<'d, V> = match before {
            None => Box::new(modify),
            Some(mut before) => Box::new(move |value| {
                before(value);
                modify(value);
            }),
        };
        Self { dict, key, modify: Some(modify) }
    }

    /// Stores `value` where the key is absent. Returns the value that the key has now.
    pub fn or_insert(self, value: V) -> Result<V> {
        self.or_insert_with(|| value)
    }

    /// Stores what `make` returns where the key is absent; else `make` is not called. Returns the value that the key has
    /// now. `make` runs within the write transaction, and never twice.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> Result<V> {
        let (mut make, mut fresh) = (Some(make), None);
        let found = self.run(|| {
            if let Some(make) = make.take() {
                fresh = Some(make());
            }
            fresh.as_ref().map(|value| encode_value::<V>(value.borrow())).transpose()
        })?;
        found
            .or(fresh)
            .ok_or_else(|| Error::new(Status::Panic, "an entry was neither found nor filled; this is a bug"))
    }

    /// Stores the type's default value where the key is absent. Returns the value that the key has now.
    pub fn or_default(self) -> Result<V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Leaves an absent key absent. Returns the value that the key has now, or `None` if it is absent.
    pub fn or_none(self) -> Result<Option<V>> {
        self.run(|| Ok(None))
    }

    /// Changes what is there, or stores what `absent` returns. Returns the value that was there, changed.
    fn run(self, mut absent: impl FnMut() -> Result<Option<Vec<u8>>>) -> Result<Option<V>> {
        let Self { dict, key, mut modify } = self;
        let key = key?;
        let collection = dict.collection();
        if modify.is_none()
            && let Some(value) = collection.get(&key, V::decode)?
        {
            return value.map(Some);
        }
        dict.environment().transaction(|| {
            let Some(mut value) = collection.get(&key, V::decode)?.transpose()? else {
                if let Some(made) = absent()? {
                    collection.put(&key, &made)?;
                }
                return Ok(None);
            };
            if let Some(modify) = &mut modify {
                modify(&mut value);
                collection.put(&key, &encode_value::<V>(value.borrow())?)?;
            }
            Ok(Some(value))
        })
    }
}

impl<K, V> std::fmt::Debug for Entry<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({:?})", self.dict)
    }
}
