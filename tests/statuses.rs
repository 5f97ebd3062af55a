//! Every status of the header is expected by some test.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use persistent_collections::Status;

/// Numbers that are reserved for engines to come: nothing gives them yet.
const RESERVED: &[Status] = &[Status::Unavailable];

/// All source files below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "c" || e == "py") {
            found.push(path);
        }
    }
}

/// What is test in a file: all of it under `tests`, what follows `#[cfg(test)]` elsewhere.
fn tests_of(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    if path.components().any(|part| part.as_os_str() == "tests") {
        return text;
    }
    text.split_once("#[cfg(test)]").map(|(_, tests)| tests.to_owned()).unwrap_or_default()
}

#[test]
fn every_status_is_expected_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    files(&root.join("tests"), &mut sources);
    files(&root.join("src"), &mut sources);
    let own = root.join(file!());
    // The table of constants names them all and expects none.
    let table = root.join("src/ffi/error.rs");
    let tests: String =
        sources.iter().filter(|path| **path != own && **path != table).map(|path| tests_of(path)).collect();
    let is_expected = |status: &Status| {
        let names = [format!("Status::{status:?}"), status.c_name().to_owned()];
        names.iter().any(|name| {
            tests.match_indices(name.as_str()).any(|(at, name)| {
                let next = tests[at + name.len()..].chars().next();
                !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        })
    };
    let missing: Vec<&str> = Status::ALL
        .iter()
        .filter(|status| !RESERVED.contains(status) && !is_expected(status))
        .map(|status| status.c_name())
        .collect();
    assert!(missing.is_empty(), "no test expects {missing:?}");
}
