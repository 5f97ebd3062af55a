//! Dictionaries and sets that live on disk.
//!
//! An *environment* holds any number of named *dicts* and *sets*, ordered by key, with transactions over all
//! of them. What Rust writes, C, C++, Python and Julia read, at the same time, in other processes; the types
//! of keys and values are stored with each collection.
//!
//! ```
//! use persistent_collections::{Dict, Environment, Options, Set};
//!
//! # let dir = tempfile::tempdir()?;
//! let env = Environment::open(dir.path().join("data"), &Options::default())?;
//! let ages = Dict::<String, i64>::open(&env, "ages")?;
//! let seen = Set::<String>::open(&env, "seen")?;
//! env.transaction(|| {
//!     ages.put("Ada", &36)?;
//!     seen.add("Ada")
//! })?;
//! assert_eq!(ages.get("Ada")?, Some(36));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rooms of the code
//!
//! | room | what is in it |
//! |---|---|
//! | [`Environment`], [`Transaction`], [`Dict`], [`Set`] | the nouns, typed |
//! | `store` | what the nouns share: collections of encoded records, the catalog, iteration, set algebra |
//! | [`codec`] | type strings, keys whose byte order is the order of their meaning, values: a crate of its own |
//! | `engine` | ordered bytes in named spaces with snapshots and transactions; `engine::lmdb` is the one in use |
//! | `ffi` | the C ABI; nothing inside knows of it |

pub mod ffi;

mod dict;
mod engine;
mod entry;
mod environment;
mod iterators;
mod options;
mod platform;
mod report;
mod set;
mod store;
mod transaction;

use persistent_collections_codec::memory;

pub use persistent_collections_codec as codec;
pub use persistent_collections_codec::error;

pub use codec::{Date, DateTime, Element, Key, KeyElement, Stored, Type, Uuid, Value};
pub use dict::Dict;
pub use engine::interrupt::set_interrupt;
pub use engine::{Durability, Wait};
pub use entry::Entry;
pub use environment::Environment;
pub use error::{Error, Result, Status};
pub use iterators::{Elements, Entries, IntoIter, Keys, Values};
pub use options::Options;
pub use report::{Info, ReaderInfo, Report};
pub use set::Set;
pub use store::catalog::{CollectionInfo, Kind, MAX_NAME, Schema};
pub use store::collection::Exchange;
pub use store::stack::Access;
pub use transaction::Transaction;

/// The Rust example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
