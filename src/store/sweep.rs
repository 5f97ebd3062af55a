//! Implements writes that first read records: removing records that a predicate rejects, and popping the first or last.
//!
//! All run in a write transaction that the caller has begun.

use crate::engine::Range;
use crate::error::Result;
use crate::memory::{self, TryGrow};
use crate::store::collection::Collection;
use crate::store::iter::Iter;
use crate::store::packing::Packed;

/// The number of bytes of keys to collect before removing them.
const BATCH: usize = 256 << 10;

/// Removes the records that `keep` rejects, and returns their number.
pub(crate) fn retain(
    collection: &Collection,
    mut keep: impl FnMut(&[u8], &[u8]) -> Result<bool>,
) -> Result<u64> {
    let mut scan = Iter::open(collection, Range::all())?;
    let mut refused = Packed::default();
    let mut removed = 0;
    while let Some((key, value)) = scan.next()? {
        if keep(key, value)? {
            continue;
        }
        refused.push(|out| Ok(out.try_extend(key)?))?;
        // Removed in batches: a scan rereads after each write.
        if refused.size() >= BATCH {
            removed += collection.remove_many(&refused.column()?)?;
            refused = Packed::default();
        }
    }
    Ok(removed + collection.remove_many(&refused.column()?)?)
}

/// Removes the first or the last record and returns it. Returns `None` if the collection is empty.
pub(crate) fn pop(collection: &Collection, last: bool) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let found = collection.edge(last, |key, value| (memory::copy(key), memory::copy(value)))?;
    let Some((key, value)) = found else { return Ok(None) };
    let (key, value) = (key?, value?);
    collection.remove(&key)?;
    Ok(Some((key, value)))
}
