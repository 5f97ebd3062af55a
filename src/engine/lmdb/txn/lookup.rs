//! Looking up a space inside a call, where it cannot be opened.

use std::sync::Arc;

use crate::engine::lmdb::txn::Place;
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::error::Result;

/// What a look needs before it can be had.
pub(crate) enum Looked<T> {
    Is(T),
    /// This space must be opened first, outside of the call.
    Open(Arc<Space>),
}

/// Opens a space as a reader sees it: `None` where there is none of that name.
#[inline]
pub(crate) fn place(reader: &mut Reader<'_>, space: &Arc<Space>) -> Result<Looked<Option<Db>>> {
    Ok(match reader.resolve(space)? {
        Place::Open(db) => Looked::Is(Some(db)),
        Place::Unopened if reader.named(space.as_str())?.is_some() => Looked::Open(Arc::clone(space)),
        Place::Unopened | Place::Absent => Looked::Is(None),
    })
}
