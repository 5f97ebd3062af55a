//! Contains the code that dicts, sets and environments share: encoded records in named collections.
//!
//! | file | content |
//! |---|---|
//! | `registry.rs` | the environments that are open in this process |
//! | `stack.rs` | handles of transactions |
//! | `collection.rs` | one open collection: reading and writing encoded keys and values |
//! | `iter.rs` | iterators, and the records that they keep of a released snapshot |
//! | `packing.rs` | code that typed dicts and sets share: encoding items, comparing types |
//! | `sweep.rs` | writes that first read records: retaining, popping |
//! | `waiting.rs` | waits for commits |
//! | `moving.rs` | copying all collections into another environment |
//! | `algebra.rs` | set algebra: sets walked side by side |

pub mod algebra;
pub mod collection;
pub mod iter;
pub mod moving;
pub mod packing;
pub mod registry;
pub mod stack;
pub mod sweep;
pub mod waiting;
