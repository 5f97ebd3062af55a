//! What the tests of behaviour share.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use persistent_collections::{Durability, Environment, Error, Options, Status};
use tempfile::TempDir;

/// An environment in a directory that is removed with it. Not durable: crashes of the system are not tested here.
pub struct Scratch {
    pub env: Environment,
    pub dir: TempDir,
}

pub fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

pub fn scratch() -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("data"), &options()).unwrap();
    Scratch { env, dir }
}

/// The status that a call fails with.
pub fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    result.unwrap_err().status()
}
