//! Every status of the header is produced here, by a call of the C ABI that a program can make.
//!
//! The header is the list: a status without a producer fails the test, and so does a producer whose call returns
//! another status. Conditions that only the system can cause (a network file system, missing memory) are caused by
//! replacing the system's calls, in [`system`].
#![allow(missing_docs, clippy::unwrap_used)]

mod abi;
mod calls;
mod failing;
#[allow(dead_code)] // not every fault is needed here
#[path = "../shim/faults.rs"]
mod faults;
mod opening;
mod system;

use std::collections::BTreeMap;
use std::path::Path;

/// The statuses that only a build with PostgreSQL can return.
const OF_SERVERS: &[&str] = &["PC_ERR_UNAVAILABLE"];

/// Produces a status, in an empty directory: returns the status of the call.
type Producer = fn(&Path) -> i32;

/// The statuses of the header, by name.
fn in_the_header() -> BTreeMap<String, i32> {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/persistent_collections.h");
    let header = std::fs::read_to_string(header).unwrap();
    let is_status = |name: &str| {
        name.starts_with("PC_ERR_")
            || ["PC_OK", "PC_NOT_FOUND", "PC_EXISTS", "PC_END", "PC_TOO_SMALL", "PC_TIMEOUT"].contains(&name)
    };
    header
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.split_once(' '))
        .filter(|(name, _)| is_status(name))
        .map(|(name, number)| (name.to_owned(), number.trim_matches(['(', ')']).parse().unwrap()))
        .collect()
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn every_status_of_the_header_is_produced() {
    let mut left = in_the_header();
    assert!(left.len() > 40, "the header's statuses are found: {left:?}");
    let mut wrong = Vec::new();
    for (name, produce) in calls::PRODUCERS.iter().chain(opening::PRODUCERS).chain(failing::PRODUCERS) {
        let number =
            left.remove(*name).unwrap_or_else(|| panic!("{name} is in the header, and produced once"));
        // Each on a separate thread, since transactions and replaced calls belong to a thread.
        let given = std::thread::spawn(move || produce(tempfile::tempdir().unwrap().path())).join();
        if given.as_ref().ok() != Some(&number) {
            wrong.push(format!("{name} ({number}): {given:?}"));
        }
    }
    assert!(wrong.is_empty(), "other answers than these were given: {wrong:#?}");
    if cfg!(feature = "postgres") {
        assert!(left.is_empty(), "these are not produced: {left:?}");
    } else {
        assert_eq!(left.into_keys().collect::<Vec<_>>(), OF_SERVERS, "these are not produced");
    }
}
