//! What the nouns share: encoded records in named collections.
//!
//! | file | what it does |
//! |---|---|
//! | `catalog.rs` | the names of collections, with their kinds and types |
//! | `registry.rs` | what is open in this process |
//! | `stack.rs` | the calling thread's stack of transactions |
//! | `collection.rs` | one open collection: reading and writing encoded keys and values |
//! | `iter.rs` | iterators, and what they keep of a snapshot |
//! | `packing.rs` | what typed dicts and sets share: items encoded, types compared |
//! | `sweep.rs` | writes that look at records first: retaining, popping |
//! | `algebra.rs` | set algebra: sets walked side by side |

pub mod algebra;
pub mod catalog;
pub mod collection;
pub mod iter;
pub mod packing;
pub mod registry;
pub mod stack;
pub mod sweep;
