//! Opening an environment: what is made, what is shared, what is refused.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
use common::{options, scratch, status};
use persistent_collections::{Dict, Environment, Options, Status};

#[test]
fn the_last_directory_of_the_path_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    drop(Environment::open(&path, &options()).unwrap());
    assert!(path.join("data.mdb").is_file());
}

#[test]
fn a_missing_parent_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Environment::open(dir.path().join("a/b"), &options()).unwrap_err();
    assert_eq!(error.status(), Status::NoEnvironment);
    assert!(error.message().contains("parent"), "{error}");
    let file = Options { no_subdir: true, ..options() };
    assert_eq!(status(Environment::open(dir.path().join("a/b"), &file)), Status::NoEnvironment);
}

#[test]
fn nothing_is_made_where_that_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    for options in [
        Options { create: false, ..options() },
        Options { read_only: true, ..options() },
        Options { immutable: true, ..options() },
    ] {
        assert_eq!(status(Environment::open(&path, &options)), Status::NoEnvironment);
        assert!(!path.exists());
    }
}

#[test]
fn a_path_can_name_the_data_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let options = Options { no_subdir: true, ..options() };
    let env = Environment::open(&path, &options).unwrap();
    Dict::<i64, i64>::open(&env, "x").unwrap().put(&1, &1).unwrap();
    assert!(path.is_file());
    assert!(env.info().unwrap().no_subdir);
    assert_eq!(status(Environment::open(dir.path(), &options)), Status::InvalidArgument);
}

#[test]
fn two_openings_by_any_path_are_one_environment() {
    let s = scratch();
    let link = s.dir.path().join("link");
    std::os::unix::fs::symlink(s.env.path(), &link).unwrap();
    let again = Environment::open(&link, &options()).unwrap();
    let txn = again.begin_write().unwrap();
    let dict = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    dict.put(&1, &1).unwrap();
    txn.abort().unwrap();
    assert_eq!(dict.len().unwrap(), 0, "the transaction was of both");
    drop(s.env);
    dict.put(&1, &1).unwrap();
}

#[test]
fn other_options_for_an_open_environment_are_refused_by_name() {
    let s = scratch();
    let error = Environment::open(s.env.path(), &Options { max_readers: 7, ..options() }).unwrap_err();
    assert_eq!(error.status(), Status::OptionsDiffer);
    assert!(error.message().contains("max_readers"), "{error}");
}

#[test]
fn an_environment_closes_with_its_last_holder_and_opens_again() {
    let s = scratch();
    let path = s.env.path().to_owned();
    let dict = Dict::<i64, i64>::open(&s.env, "x").unwrap();
    dict.put(&1, &1).unwrap();
    drop(s.env);
    assert_eq!(dict.get(&1).unwrap(), Some(1), "a dict keeps it open");
    drop(dict);
    let env = Environment::open(path, &Options { max_readers: 7, ..options() }).unwrap();
    assert_eq!(Dict::<i64, i64>::open(&env, "x").unwrap().get(&1).unwrap(), Some(1));
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    std::fs::create_dir(&path).unwrap();
    let text = "Not a database, but a text that is long enough to be taken for one. ".repeat(200);
    std::fs::write(path.join("data.mdb"), &text).unwrap();
    let error = Environment::open(&path, &options()).unwrap_err();
    assert_eq!(error.status(), Status::NotADatabase);
    assert!(error.message().contains("data.mdb"), "{error}");
    assert_eq!(std::fs::read_to_string(path.join("data.mdb")).unwrap(), text);
    assert_eq!(status(Environment::open(path.join("data.mdb"), &options())), Status::NotADatabase);
}

/// Changes some bytes of a fresh data file and tells what opening it says.
fn opened_with(at: usize, bytes: &[u8], length: Option<u64>) -> persistent_collections::Error {
    let s = scratch();
    let path = s.env.path().to_owned();
    Dict::<i64, i64>::open(&s.env, "x").unwrap().put(&1, &1).unwrap();
    drop(s.env);
    let file = path.join("data.mdb");
    let mut content = std::fs::read(&file).unwrap();
    content[at..at + bytes.len()].copy_from_slice(bytes);
    std::fs::write(&file, &content).unwrap();
    if let Some(length) = length {
        std::fs::File::options().write(true).open(&file).unwrap().set_len(length).unwrap();
    }
    Environment::open(&path, &options()).unwrap_err()
}

#[test]
fn the_header_is_read_before_lmdb_sees_the_file() {
    let version_of_lmdb_1 = opened_with(20, &2_u32.to_ne_bytes(), None);
    assert_eq!(version_of_lmdb_1.status(), Status::FormatVersion);
    assert!(version_of_lmdb_1.message().contains("LMDB 1.0"), "{version_of_lmdb_1}");
    assert_eq!(opened_with(20, &999_u32.to_ne_bytes(), None).status(), Status::FormatVersion);
    assert_eq!(opened_with(16, &0xBEEF_C0DE_u32.to_be_bytes(), None).status(), Status::FormatVersion);
    let page_size = opened_with(40, &65536_u32.to_ne_bytes(), None);
    assert_eq!(page_size.status(), Status::PageSize);
    assert!(page_size.message().contains("65536"), "{page_size}");
    assert_eq!(opened_with(0, &[], Some(30)).status(), Status::Truncated);
    assert_eq!(opened_with(0, &[], Some(5000)).status(), Status::Truncated);
}

#[test]
fn a_directory_without_permission_is_told() {
    use std::os::unix::fs::PermissionsExt;
    // The superuser may do everything: a process of nobody's tries.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    // SAFETY-free way to ask who we are: the owner of a file just made.
    let is_root = {
        use std::os::unix::fs::MetadataExt;
        dir.path().metadata().unwrap().uid() == 0
    };
    if is_root {
        // A path below a file is as unreachable for the superuser.
        let error = Environment::open("/proc/version/x", &options()).unwrap_err();
        assert_eq!(error.status(), Status::NoEnvironment);
        let error = Environment::open("/proc/no-such", &options()).unwrap_err();
        assert!(matches!(error.status(), Status::NoEnvironment | Status::Permission), "{error}");
    } else {
        let error = Environment::open(dir.path().join("x"), &options()).unwrap_err();
        assert_eq!(error.status(), Status::Permission);
    }
}

#[test]
fn schemes_are_reserved() {
    let error = Environment::open("fdb://cluster/data", &options()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
}

#[test]
fn figures_tell_of_the_files() {
    let s = scratch();
    let dict = Dict::<i64, Vec<u8>>::open(&s.env, "x").unwrap();
    for key in 0..100 {
        dict.put(&key, &[7; 1000]).unwrap();
    }
    dict.clear().unwrap();
    dict.put(&1, &[1]).unwrap();
    let info = s.env.info().unwrap();
    assert_eq!(info.collections, 1);
    assert_eq!(info.max_collections, 1024);
    assert_eq!(info.max_readers, 1024);
    assert!(info.map_size >= 1 << 20);
    assert!(info.file_size >= info.page_size * (info.pages_used + info.pages_free));
    assert!(info.pages_free > 10, "{info:?}");
    assert!(info.last_txn >= 102);
    assert_eq!(info.oldest_reader_txn, info.last_txn);
    let dir = s.dir.path().join("data/data.mdb");
    assert_eq!(info.file_size, std::fs::metadata(dir).unwrap().len());
}
