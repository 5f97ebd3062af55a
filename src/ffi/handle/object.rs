//! The objects that handles stand for.

use std::sync::Arc;

use super::table::kind_of;
use crate::engine::Columns;
use crate::environment::Environment;
use crate::ffi::buffer::OwnBuffer;
use crate::platform::sync::Mutex;
use crate::store::collection::Collection;
use crate::store::iter::Iter;
use crate::store::stack::TxnRef;

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ObjectKind {
    Env = 1,
    Dict = 2,
    Set = 3,
    Iter = 4,
    Txn = 5,
}

impl ObjectKind {
    /// Returns the kind that an id names, or `None` if the number is not an id.
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

/// The shared position of an iterator. Its snapshot ends with the handle, even if a thread's cache still holds the
/// slot.
pub(in crate::ffi) type IterSlot = Arc<Mutex<IterPlace>>;

/// The state of an iterator's slot.
#[allow(clippy::large_enum_variant)] // an iterator is open for nearly all of its life, and each step uses it
pub(in crate::ffi) enum IterPlace {
    Open(IterState),
    /// The handle was retired with a parent, perhaps by a thread other than the one that still reads the entry that the
    /// iterator returned last. That thread's cache holds the slot, and so the memory, until a later call.
    Retired(#[allow(dead_code)] Given),
    /// The handle was retired, and no thread reads the entry that the iterator returned last.
    Closed,
}

/// An open iterator.
pub(in crate::ffi) struct IterState {
    pub scan: Iter,
    pub collection: Collection,
    /// `false` for a set.
    pub with_values: bool,
    /// The decoded entry that was returned last.
    pub key: OwnBuffer,
    pub value: OwnBuffer,
}

/// The memory of the entry that an iterator returned last.
#[allow(dead_code)] // the caller reads it
pub(in crate::ffi) struct Given {
    columns: Columns,
    key: OwnBuffer,
    value: OwnBuffer,
}

impl IterState {
    /// Releases everything except the entry that was returned last.
    pub(in crate::ffi) fn into_given(self) -> Given {
        Given { columns: self.scan.into_given(), key: self.key, value: self.value }
    }
}

/// The object of a handle. Cloning shares it.
#[derive(Clone)]
pub(super) enum Object {
    Env(Arc<Environment>),
    Collection(Collection),
    Iter(IterSlot),
    Txn(TxnRef),
}

impl Object {
    /// Returns the Rust API's number of a transaction, or `None` for other objects.
    pub(super) fn transaction(&self) -> Option<u64> {
        if let Self::Txn(txn) = self { Some(txn.id()) } else { None }
    }
}
