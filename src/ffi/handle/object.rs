//! What handles stand for.

use std::sync::Arc;

use super::table::kind_of;
use crate::engine::Columns;
use crate::environment::Environment;
use crate::ffi::buffer::OwnBuffer;
use crate::platform::sync::Mutex;
use crate::store::collection::Collection;
use crate::store::iter::Scan;
use crate::store::stack::TxnRef;

/// What a handle can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Env = 1,
    Dict = 2,
    Set = 3,
    Iter = 4,
    Txn = 5,
}

impl Kind {
    /// Returns the kind that an id names, or `None` if it names none: then it is not an id.
    pub(super) fn of(id: u64) -> Option<Self> {
        [Self::Env, Self::Dict, Self::Set, Self::Iter, Self::Txn]
            .into_iter()
            .find(|kind| *kind as u8 == kind_of(id))
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Env => "environment",
            Self::Dict => "dict",
            Self::Set => "set",
            Self::Iter => "iterator",
            Self::Txn => "transaction",
        }
    }
}

/// An iterator's place. Its snapshot ends with the handle and not with the last thread that remembers it.
pub(in crate::ffi) type IterSlot = Arc<Mutex<IterPlace>>;

/// What is in an iterator's place.
#[allow(clippy::large_enum_variant)] // nearly all of an iterator's life it is open, and each step goes through it
pub(in crate::ffi) enum IterPlace {
    Open(IterState),
    /// Its handle was retired, with what it hung on: by another thread perhaps, while one still reads what the
    /// iterator has given it. That thread remembers the place until a later call, and so keeps the memory.
    Retired(#[allow(dead_code)] Given),
    /// Its handle was retired, and nobody reads what it has given.
    Closed,
}

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

/// What stands behind a handle. Cloning shares it.
#[derive(Clone)]
pub(super) enum Object {
    Env(Arc<Environment>),
    Collection(Collection),
    Iter(IterSlot),
    Txn(TxnRef),
}

impl Object {
    /// The safe API's number of a transaction.
    pub(super) fn transaction(&self) -> Option<u64> {
        if let Self::Txn(txn) = self { Some(txn.id()) } else { None }
    }
}
