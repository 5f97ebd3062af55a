//! What the nouns share: encoded records in named collections.
//!
//! | file | what it does |
//! |---|---|
//! | `catalog.rs` | the names of collections, with their kinds and types |
//! | `collection.rs` | one open collection: reading and writing encoded keys and values |
//! | `iter.rs` | iterators, and what they keep of a snapshot |
//! | `algebra.rs` | set algebra: sets walked side by side |

pub mod algebra;
pub mod catalog;
pub mod collection;
pub mod iter;
