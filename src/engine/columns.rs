//! Records that were read, as columns.

use crate::engine::Limit;
use crate::memory::{NoMemory, TryGrow};

/// Records as columns: concatenated bytes, and one more offset than records.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub keys: Vec<u8>,
    pub key_offsets: Vec<u64>,
    pub values: Vec<u8>,
    pub value_offsets: Vec<u64>,
}

impl Default for Columns {
    fn default() -> Self {
        Self { keys: Vec::new(), key_offsets: vec![0], values: Vec::new(), value_offsets: vec![0] }
    }
}

impl Columns {
    /// Returns columns that take no memory. They hold no record, and must be cleared before one is appended.
    pub(crate) const fn without_memory() -> Self {
        Self { keys: Vec::new(), key_offsets: Vec::new(), values: Vec::new(), value_offsets: Vec::new() }
    }

    /// Returns the number of bytes that it has allocated.
    pub(crate) fn memory(&self) -> usize {
        let offsets = self.key_offsets.capacity() + self.value_offsets.capacity();
        self.keys.capacity() + self.values.capacity() + offsets * size_of::<u64>()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.value_offsets.len().saturating_sub(1)
    }

    /// Returns true if a scan with this limit could have returned these records.
    pub(crate) fn fits(&self, limit: Limit) -> bool {
        self.len() <= limit.items && (self.len() == 1 || self.keys.len() + self.values.len() <= limit.bytes)
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
        for offsets in [&mut self.key_offsets, &mut self.value_offsets] {
            offsets.clear();
            offsets.push(0);
        }
    }

    /// Reserves memory for many records of about this size at once: growing step by step takes as long as reading a few
    /// records.
    #[cold]
    pub(crate) fn expect(&mut self, records: usize, key: &[u8], value: &[u8]) {
        const FIRST: usize = 64;
        const BYTES: usize = 4096;
        let records = records.min(FIRST);
        // If the reservation fails, each record reserves its own memory, and reports a failure.
        let _ = self
            .keys
            .try_room((records * key.len()).min(BYTES))
            .and_then(|()| self.values.try_room((records * value.len()).min(BYTES)))
            .and_then(|()| self.key_offsets.try_room(records))
            .and_then(|()| self.value_offsets.try_room(records));
    }

    /// Appends a record. On failure all columns are unchanged.
    #[inline]
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), NoMemory> {
        // Appended one after the other, so that each checks its capacity once.
        if self.keys.try_extend(key).is_ok()
            && self.values.try_extend(value).is_ok()
            && self.key_offsets.try_push(self.keys.len() as u64).is_ok()
            && self.value_offsets.try_push(self.values.len() as u64).is_ok()
        {
            return Ok(());
        }
        Err(self.cut_back(key.len() + value.len()))
    }

    /// Removes the parts of a record that did not fit into memory.
    #[cold]
    #[allow(clippy::cast_possible_truncation)] // offsets are lengths of vectors in memory
    fn cut_back(&mut self, more: usize) -> NoMemory {
        self.key_offsets.truncate(self.value_offsets.len());
        self.keys.truncate(self.key_offsets[self.len()] as usize);
        self.values.truncate(self.value_offsets[self.len()] as usize);
        NoMemory { bytes: self.keys.len() + self.values.len() + more }
    }

    /// Returns record `index`, which must be less than the length.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // offsets are lengths of vectors in memory
    pub(crate) fn record(&self, index: usize) -> (&[u8], &[u8]) {
        let cut = |offsets: &[u64]| offsets[index] as usize..offsets[index + 1] as usize;
        (&self.keys[cut(&self.key_offsets)], &self.values[cut(&self.value_offsets)])
    }
}
