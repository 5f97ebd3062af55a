//! What stands behind an iterator's handle, and what is kept of it for who still reads.

use crate::engine::Columns;
use crate::ffi::buffer::OwnBuffer;
use crate::store::collection::Collection;
use crate::store::iter::Scan;

/// What stands behind an iterator's handle.
pub(in crate::ffi) struct IterState {
    pub scan: Scan,
    pub collection: Collection,
    /// Of a set there are none.
    pub with_values: bool,
    /// What the entry that was given out last is made of, where it was decoded.
    pub key: OwnBuffer,
    pub value: OwnBuffer,
}

/// The memory of what an iterator has given out last.
#[allow(dead_code)] // the caller reads it
pub(in crate::ffi) struct Given {
    columns: Columns,
    key: OwnBuffer,
    value: OwnBuffer,
}

impl IterState {
    /// Lets all go but what was given out last.
    pub(in crate::ffi) fn into_given(self) -> Given {
        Given { columns: self.scan.into_given(), key: self.key, value: self.value }
    }
}
