//! Arrays of byte strings, as PostgreSQL receives them: the binary form of `bytea[]`.
//!
//! Source: `array_recv` of PostgreSQL. Numbers are big endian: dimensions (1), a flag for NULLs (0), the element's type
//! (17), the length, the first index (1); then each element's length and bytes.

use crate::engine::Column;
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, TryGrow};

/// The number of records of a statement.
pub(super) const MOST_RECORDS: usize = 4096;

/// The size of a statement's records, unless a single one is larger.
const MOST_BYTES: usize = 8 << 20;

/// An array under construction.
#[derive(Default)]
pub(super) struct ByteArray(Vec<u8>);

impl ByteArray {
    fn of(len: usize) -> Result<ByteArray, NoMemory> {
        let mut bytes = Vec::new();
        // An array of 4,096 elements at most.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        for number in [1, 0, 17, len, 1] {
            bytes.try_extend(&u32::to_be_bytes(number))?;
        }
        Ok(ByteArray(bytes))
    }

    fn push(&mut self, item: &[u8]) -> Result<()> {
        let len = u32::try_from(item.len()).map_err(|_| too_large())?;
        self.0.try_extend(&len.to_be_bytes())?;
        self.0.try_extend(item)?;
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cold]
fn too_large() -> Error {
    Error::new(Status::ValueSize, "a record is larger than 4 GiB")
}

/// The records of a batch in the order of their keys, each key once: the last of several records with the same key.
///
/// The order keeps two batches from waiting for each other, and PostgreSQL refuses a key that occurs twice.
pub(super) struct Batch<'a> {
    keys: &'a Column<'a>,
    values: Option<&'a Column<'a>>,
    order: Vec<usize>,
}

/// The records of one statement.
pub(super) struct Chunk {
    pub keys: ByteArray,
    pub values: ByteArray,
    pub len: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(keys: &'a Column<'a>, values: Option<&'a Column<'a>>) -> Result<Batch<'a>, NoMemory> {
        let mut order = memory::room_for(keys.len())?;
        order.extend(0..keys.len());
        // The greatest index comes first among equal keys, and is the one that stays.
        order.sort_unstable_by(|a, b| keys.item(*a).cmp(keys.item(*b)).then(b.cmp(a)));
        order.dedup_by(|later, kept| keys.item(*later) == keys.item(*kept));
        Ok(Batch { keys, values, order })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the next records, from position `from` on, or `None` at the end.
    pub(super) fn chunk(&self, from: usize) -> Result<Option<Chunk>> {
        let rest = &self.order[from.min(self.order.len())..];
        if rest.is_empty() {
            return Ok(None);
        }
        let size =
            |index: usize| self.keys.item(index).len() + self.values.map_or(0, |v| v.item(index).len());
        let mut bytes = 0_usize;
        let len = rest
            .iter()
            .take(MOST_RECORDS)
            .take_while(|index| {
                bytes = bytes.saturating_add(size(**index));
                bytes <= MOST_BYTES
            })
            .count()
            .max(1);
        let mut keys = ByteArray::of(len)?;
        let mut values = ByteArray::of(len)?;
        for index in &rest[..len] {
            keys.push(self.keys.item(*index))?;
            if let Some(column) = self.values {
                values.push(column.item(*index))?;
            }
        }
        Ok(Some(Chunk { keys, values, len }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_batch_is_sorted_and_keeps_the_last_of_equal_keys() {
        let keys = Column::fixed(b"bacab", 1, 5).unwrap();
        let values = Column::fixed(b"12345", 1, 5).unwrap();
        let chunk = Batch::new(&keys, Some(&values)).unwrap().chunk(0).unwrap().unwrap();
        assert_eq!(chunk.len, 3);
        assert_eq!(chunk.keys.bytes()[20..], *b"\0\0\0\x01a\0\0\0\x01b\0\0\0\x01c");
        assert_eq!(chunk.values.bytes()[20..], *b"\0\0\0\x014\0\0\0\x015\0\0\0\x013");
        assert_eq!(chunk.keys.bytes()[..20], *b"\0\0\0\x01\0\0\0\0\0\0\0\x11\0\0\0\x03\0\0\0\x01");
    }

    #[test]
    fn a_large_batch_becomes_several_statements() {
        let bytes: Vec<u8> = (0..10_000_u32).flat_map(u32::to_be_bytes).collect();
        let keys = Column::fixed(&bytes, 4, 10_000).unwrap();
        let batch = Batch::new(&keys, None).unwrap();
        let (mut from, mut lens) = (0, Vec::new());
        while let Some(chunk) = batch.chunk(from).unwrap() {
            from += chunk.len;
            lens.push(chunk.len);
        }
        assert_eq!(lens, [4096, 4096, 1808]);
    }
}
