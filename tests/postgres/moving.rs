//! Copies from files to a server and back.

use persistent_collections::{Dict, Environment, Set, Status};

use crate::common::{Scratch, scratch, status};
use crate::server::open;

type Content = (Vec<(Vec<u8>, Vec<u8>)>, Vec<String>, Vec<(String, u64)>);

/// Returns the records of each collection that `fill` makes.
fn content(env: &Environment) -> Content {
    (
        Dict::open_existing(env, "").unwrap().iter().unwrap().map(Result::unwrap).collect(),
        Set::open_existing(env, "set").unwrap().iter().unwrap().map(Result::unwrap).collect(),
        (0..100)
            .map(|n| (format!("c{n}"), Dict::<String, u64>::open_existing(env, &format!("c{n}")).unwrap()))
            .map(|(name, dict)| (name, dict.get("n").unwrap().unwrap()))
            .collect(),
    )
}

/// Makes several pages, the largest key, large and empty values, and empty and many collections.
fn fill(env: &Environment) {
    let bytes = Dict::<Vec<u8>, Vec<u8>>::open(env, "").unwrap();
    let keys: Vec<[u8; 4]> = (0..20_000_u32).map(u32::to_le_bytes).collect();
    bytes.put_many(keys.iter().map(|key| (key.as_slice(), &key[..2]))).unwrap();
    bytes.put(&vec![255; 1978], &[]).unwrap();
    bytes.put(&[0; 9][..], &vec![9; 1 << 20]).unwrap();
    let set = Set::<String>::open(env, "set").unwrap();
    for element in ["x", "ä", "\u{10ffff}"] {
        set.add(element).unwrap();
    }
    Dict::<(String, i64), f64>::open(env, "empty dict").unwrap();
    Set::<u8>::open(env, "empty set").unwrap();
    for n in 0..100_u64 {
        Dict::<String, u64>::open(env, &format!("c{n}")).unwrap().put("n", &n).unwrap();
    }
}

#[test]
fn a_round_trip_returns_the_same() {
    let Scratch { env: files, dir } = scratch();
    fill(&files);
    let server = open();
    files.copy_into(&server, false, |_| false).unwrap();
    assert_eq!(server.collections().unwrap(), files.collections().unwrap());
    assert_eq!(content(&server), content(&files));
    let back = Environment::open(dir.path().join("back"), &crate::common::options()).unwrap();
    server.copy_into(&back, false, |_| false).unwrap();
    assert_eq!(back.collections().unwrap(), files.collections().unwrap());
    assert_eq!(content(&back), content(&files));
}

#[test]
fn an_interrupted_copy_to_a_server_goes_on() {
    let source = scratch();
    let files = &source.env;
    fill(files);
    let server = open();
    let mut pages = 0;
    let outcome = files.copy_into(&server, false, |_| {
        pages += 1;
        pages == 2
    });
    assert_eq!(status(outcome), Status::Interrupted);
    assert_ne!(server.collections().unwrap(), files.collections().unwrap());
    let bytes = Dict::<Vec<u8>, Vec<u8>>::open(files, "").unwrap();
    bytes.remove(&0_u32.to_le_bytes()).unwrap();
    bytes.put(&1_u32.to_le_bytes(), b"changed").unwrap();
    assert_eq!(status(files.copy_into(&server, false, |_| false)), Status::InvalidArgument);
    files.copy_into(&server, true, |_| false).unwrap();
    assert_eq!(server.collections().unwrap(), files.collections().unwrap());
    assert_eq!(content(&server), content(files));
}
