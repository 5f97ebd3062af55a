//! Dictionaries and sets that live on disk.
//!
//! An [`Environment`] holds any number of named dicts and sets, ordered by key, with transactions over all of them. What Rust
//! writes, C, C++, Python and Julia read, at the same time, in other processes. The files are those of LMDB.
//!
//! ```
//! use persistent_collections::{Dict, Environment, Options, Set};
//!
//! # let dir = tempfile::tempdir()?;
//! let env = Environment::open(dir.path().join("data"), &Options::new())?;
//! let ages = Dict::<String, i64>::open(&env, "ages")?;
//! let seen = Set::<String>::open(&env, "seen")?;
//! env.transaction(|| {
//!     ages.put("Ada", &36)?;
//!     seen.add("Ada")
//! })?;
//! for entry in &ages {
//!     let (name, age) = entry?;
//!     println!("{name} is {age}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Dicts and sets
//!
//! A [`Dict`] is used as a `BTreeMap` is, a [`Set`] as a `BTreeSet`, with these differences: every call can fail, and returns a
//! [`Result`]; values are copied out and in, not borrowed; and methods take `&self`, since others may write at the same time.
//!
//! ```
//! # use persistent_collections::{Dict, Environment, Options};
//! # let dir = tempfile::tempdir()?;
//! # let env = Environment::open(dir.path().join("data"), &Options::new())?;
//! let words = Dict::<String, u64>::open(&env, "words")?;
//! for word in "the cat and the dog".split(' ') {
//!     words.entry(word).and_modify(|count| *count += 1).or_insert(1)?;
//! }
//! assert_eq!(words.get("the")?, Some(2));
//! assert_eq!(words.first()?, Some(("and".to_owned(), 1)));
//! let from_d: Vec<String> = words.range("d"..)?.map(|entry| Ok(entry?.0)).collect::<persistent_collections::Result<_>>()?;
//! assert_eq!(from_d, ["dog", "the"]);
//! assert_eq!(words.keys()?.next_back(), Some(Ok("the".to_owned())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The types of keys and values are stored with each collection: opening it as another type fails. [`Key`] and [`Stored`] list
//! the types there are, and show how to add your own. A [`Value`] is of any type, under the type `any`.
//!
//! # Transactions
//!
//! A call outside of transactions is a transaction of its own: when a write returns, it is on stable storage, unless
//! [`Options::durability`] says otherwise. [`Environment::transaction`] joins the calls of a closure into one, over all
//! collections of the environment: all are committed, or none. [`Environment::snapshot`] reads many things from one state. A
//! transaction is its thread's: calls inside it need no argument that names it. Transactions nest.
//!
//! Readers never wait. Writers of all threads and processes wait for one another, up to [`Options::write_timeout`].
//!
//! # Iterators
//!
//! [`Dict::iter`], [`Dict::range`], [`Dict::prefix`] and their like read from one snapshot, in either direction and from both
//! ends. Their items are `Result`s. A loop may write what it iterates over.
//!
//! # Errors
//!
//! An [`Error`] has a [`Status`], which programs act on, and a message, which says what was found and what to do. No call panics
//! because of what a file holds.
//!
//! # Threads, processes and forks
//!
//! Environments, dicts and sets may be used from any thread, and cloned at no cost. Any number of processes can have the same
//! files open. The child of a fork must not use what its parent opened ([`Status::Forked`]), but can
//! [`Environment::reopen`] it.
//!
//! # Features
//!
//! All are off by default.
//!
//! | feature | adds |
//! |---|---|
//! | `serde` | `Serde<T>`: values of any type that serde can serialize, as `any` |
//! | `uuid` | `uuid::Uuid` as a key and a value of type `uuid` |
//! | `chrono` | `chrono::NaiveDate` and `chrono::NaiveDateTime` as `date` and `datetime` |
//! | `jiff` | `jiff::civil::Date` and `jiff::civil::DateTime` as `date` and `datetime` |
//!
//! With the feature `serde`, a struct is stored as a map that other languages read:
//!
#![cfg_attr(feature = "serde", doc = "```")]
#![cfg_attr(not(feature = "serde"), doc = "```ignore")]
//! # use persistent_collections::{Dict, Environment, Options};
//! # let dir = tempfile::tempdir()?;
//! # let env = Environment::open(dir.path().join("data"), &Options::new())?;
//! use persistent_collections::Serde;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Job {
//!     command: Vec<String>,
//!     tries: u32,
//! }
//!
//! let jobs = Dict::<u64, Serde<Job>>::open(&env, "jobs")?;
//! jobs.put(&1, &Job { command: vec!["make".to_owned()], tries: 3 })?;
//! jobs.entry(&1).and_modify(|Serde(job)| job.tries -= 1).or_none()?;
//! assert_eq!(jobs.get(&1)?.map(|Serde(job)| job.tries), Some(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The library for other languages
//!
//! The same crate, built as a shared library, is what the other languages use, through the C header in the repository's
//! `include` directory. `docs/format.md` there is the format of every byte on disk.

// Exported to C, and called by the tests: not for Rust programs.
#[doc(hidden)]
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

#[cfg(feature = "serde")]
pub use codec::Serde;
pub use codec::{Date, DateTime, Element, Key, KeyElement, Stored, Type, Uuid, Value};
pub use dict::Dict;
pub use engine::interrupt::set_interrupt;
pub use engine::schema::{CollectionInfo, Kind, MAX_NAME, Schema};
pub use engine::{Access, Durability, Traits, Wait};
pub use entry::Entry;
pub use environment::Environment;
pub use error::{Error, Result, Status};
pub use iterators::{Elements, Entries, IntoIter, Keys, Values};
pub use options::Options;
pub use report::{Info, Progress, ReaderInfo, Report};
pub use set::Set;
pub use store::collection::Exchange;
pub use transaction::Transaction;

/// The Rust example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the guide compile and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct Guide;
