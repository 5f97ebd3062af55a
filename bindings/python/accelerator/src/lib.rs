//! The hot calls of Persistent Collections for Python, as an extension module.
//!
//! The package works without it, through `ctypes`. With it, look-ups, walks and the columns of bulk writes need
//! no `ctypes`. It is not linked to the library: the package calls `connect` with the addresses of the functions in
//! the one that it has loaded.
//!
//! It only does plain cases: exact types, a handle that may be used directly (no task or greenlet has a transaction open,
//! nothing was forked or closed), no failure. It leaves other cases to the package, so that there is one place for
//! every rule and every message.
//!
//! - `library.rs`: the library's functions, and calls of them
//! - `keys.rs`, `values.rs`, `any.rs`, `dynamic.rs`, `objects.rs`, `names.rs`: Python objects to bytes and back
//! - `calls.rs`: look-ups and single writes; `hot.rs`: the base classes that have them
//! - `blocks.rs`: transactions and snapshots; `walk.rs`: iteration; `ranges.rs`: parts of collections; `columns.rs`: columns for calls of many keys;
//!   `arrays.rs`: those of `NumPy` arrays; `many.rs`: looking up many keys, `found.rs`: their values
//! - `writes.rs`: what a thread has for itself; `errors.rs`: the exceptions that are made here

mod any;
mod arrays;
mod blocks;
mod calls;
mod columns;
mod dynamic;
mod errors;
mod found;
mod hot;
mod keys;
mod library;
mod many;
mod names;
mod objects;
mod ranges;
mod values;
mod walk;
mod writes;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod persistent_collections_python {
    use pyo3::PyTypeInfo;
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::arrays::{key_array, value_array};
    #[pymodule_export]
    use crate::blocks::{Exit, HotBlock, HotEnvironment, open_block};
    #[pymodule_export]
    use crate::columns::{Column, key_column, pair_columns, value_column};
    #[pymodule_export]
    use crate::hot::{HotDict, HotSet};
    #[pymodule_export]
    use crate::keys::Keys;
    #[pymodule_export]
    use crate::library::connect;
    #[pymodule_export]
    use crate::many::get_many;
    #[pymodule_export]
    use crate::ranges::Bounds;
    #[pymodule_export]
    use crate::values::Values;
    #[pymodule_export]
    use crate::walk::Walk;
    #[pymodule_export]
    use crate::writes::Writes;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // Looked up now: inside a call, the look-up could start the garbage collector, and a finalizer that makes the same
        // call would wait for the look-up.
        pyo3::types::PySuper::type_object(module.py());
        // Rises with each change of what the package calls here; the package takes no other.
        module.add("INTERFACE", 9)
    }
}
