//! The five handles, as C has them. `tests/header.rs` puts each into the section of its noun.

/// A handle of an environment: a directory, or a file, that holds many dicts and sets.
///
/// It may be used from any thread. Zero is never a valid handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_env {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    pub id: u64,
}

/// A handle of a dict: keys and their values, ordered by key. It may be used from any thread. Zero is never a valid
/// handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_dict {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    pub id: u64,
}

/// A handle of a set: elements in order. It may be used from any thread. Zero is never a valid handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_set {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    pub id: u64,
}

/// A handle of an iterator. Zero is never a valid handle.
///
/// An iterator opened outside of transactions owns a snapshot until it is closed: the collection may be changed
/// meanwhile, and it does not see that. Opened inside a transaction it belongs to that, sees what that sees, own
/// writes included, and ends with it.
///
/// An iterator may be used from any thread, but what it gives out holds until the next call on it, from any thread:
/// threads that share one must take turns themselves. Where another thread closes the collection or the environment
/// meanwhile, what a thread was given holds until that thread's next call of the library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_iter {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    pub id: u64,
}

/// A handle of a transaction. Zero is never a valid handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_txn {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    pub id: u64,
}
