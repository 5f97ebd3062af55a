//! Code that typed dicts and sets share: comparing Rust's types with the stored ones, and encoding items.

use std::ops::{Bound, RangeBounds};

use crate::codec::{Key, Stored, Type};
use crate::engine::{Column, Range};
use crate::error::{Error, Result, Status};
use crate::memory::{Short, TryGrow};
use crate::store::collection::Collection;

/// Refuses stored types that differ from Rust's own; only other languages may use `any` instead.
pub fn require_types(collection: &Collection, types: &[(&Type, &Type)]) -> Result<()> {
    for (asked, stored) in types {
        if asked != stored {
            return Err(Error::new(
                Status::TypeMismatch,
                format!(
                    "collection {:?} stores {}, not {asked}; open it with Value as that type",
                    collection.name(),
                    Short(stored)
                ),
            ));
        }
    }
    if collection.is_raw() {
        return Err(Error::new(
            Status::TypeMismatch,
            format!(
                "collection {:?} has no schema: another LMDB program made it, and its types are unknown",
                collection.name()
            ),
        ));
    }
    Ok(())
}

pub fn encode_key<K: Key>(key: &K::Borrowed) -> Result<Vec<u8>> {
    let mut encoded = Vec::new();
    K::encode(key, &mut encoded)?;
    Ok(encoded)
}

pub fn encode_value<V: Stored>(value: &V::Borrowed) -> Result<Vec<u8>> {
    let mut encoded = Vec::new();
    V::encode(value, &mut encoded)?;
    Ok(encoded)
}

pub fn encode_range<'a, K: Key>(range: &impl RangeBounds<&'a K::Borrowed>) -> Result<Range>
where
    K::Borrowed: 'a,
{
    let bound = |bound: Bound<&&'a K::Borrowed>| -> Result<_> {
        Ok(match bound {
            Bound::Included(key) => Bound::Included(encode_key::<K>(key)?),
            Bound::Excluded(key) => Bound::Excluded(encode_key::<K>(key)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    };
    Ok(Range { lower: bound(range.start_bound())?, upper: bound(range.end_bound())?, ..Range::all() })
}

/// Encoded items, one after another.
pub struct Packed {
    bytes: Vec<u8>,
    offsets: Vec<u64>,
}

impl Default for Packed {
    fn default() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl Packed {
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        encode(&mut self.bytes).map_err(|error| error.at(self.offsets.len() - 1))?;
        Ok(self.offsets.try_push(self.bytes.len() as u64)?)
    }

    /// Returns the number of bytes of all items.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub fn column(&self) -> Result<Column<'_>> {
        Column::variable(&self.bytes, &self.offsets)
    }
}
