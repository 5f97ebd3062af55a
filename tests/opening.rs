//! Opening an environment: creation, sharing, and refusals.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
use common::{in_child, options, scratch, status};
use persistent_collections::{Dict, Durability, Environment, Status};

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn the_last_directory_of_the_path_is_created() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    drop(Environment::open(&path, &options()).unwrap());
    assert!(path.join("data.mdb").is_file());
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_missing_parent_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Environment::open(dir.path().join("a/b"), &options()).unwrap_err();
    assert_eq!(error.status(), Status::NoEnvironment);
    assert!(error.message().contains("parent"), "{error}");
    let file = options().no_subdir(true);
    assert_eq!(status(Environment::open(dir.path().join("a/b"), &file)), Status::NoEnvironment);
}

#[test]
fn nothing_is_created_if_the_options_forbid_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    for options in [options().create(false), options().read_only(true), options().immutable(true)] {
        assert_eq!(status(Environment::open(&path, &options)), Status::NoEnvironment);
        assert!(!path.exists());
    }
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_path_can_name_the_data_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let options = options().no_subdir(true);
    let env = Environment::open(&path, &options).unwrap();
    Dict::<i64, i64>::open(&env, "x").unwrap().put(&1, &1).unwrap();
    assert!(path.is_file());
    assert!(env.info().unwrap().no_subdir);
    assert_eq!(status(Environment::open(dir.path(), &options)), Status::InvalidArgument);
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
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
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn other_options_for_an_open_environment_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let first = options().map_size(1 << 24);
    let env = Environment::open(dir.path().join("env"), &first).unwrap();
    for (name, other) in [
        ("max_readers", first.clone().max_readers(5000)),
        ("max_collections", first.clone().max_collections(5000)),
        ("map_size", first.clone().map_size(1 << 25)),
        ("durability", first.clone().durability(Durability::Full)),
    ] {
        let error = Environment::open(env.path(), &other).unwrap_err();
        assert_eq!(error.status(), Status::OptionsDiffer);
        assert!(error.message().contains(name), "{error}");
    }
}

/// A library that asked for fewer collections than the program that had opened the environment could not open it.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn smaller_numbers_for_an_open_environment_are_enough() {
    let dir = tempfile::tempdir().unwrap();
    let first = options().map_size(1 << 24);
    let env = Environment::open(dir.path().join("env"), &first).unwrap();
    for smaller in [
        first.clone().max_readers(7),
        first.clone().max_collections(1),
        first.clone().map_size(1 << 20),
        options(),
    ] {
        let other = Environment::open(env.path(), &smaller).unwrap();
        // The open environment keeps its limits.
        for name in ["one", "two"] {
            Dict::<i64, i64>::open(&other, name).unwrap();
        }
        assert_eq!(other.info().unwrap().max_readers, 1024);
        assert_eq!(other.info().unwrap().map_size, 1 << 24);
    }
    // A map without a size grows as needed.
    let s = scratch();
    Environment::open(s.env.path(), &options().map_size(1 << 20)).unwrap();
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
    let env = Environment::open(path, &options().max_readers(7)).unwrap();
    assert_eq!(Dict::<i64, i64>::open(&env, "x").unwrap().get(&1).unwrap(), Some(1));
}

/// Returns the error of opening a directory whose data file has this content, which must stay the same.
fn refused(content: &[u8]) -> persistent_collections::Error {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data.mdb");
    std::fs::write(&file, content).unwrap();
    let mut all = Vec::new();
    for options in [options(), options().read_only(true), options().immutable(true)] {
        let error = Environment::open(dir.path(), &options).unwrap_err();
        assert!(error.message().contains("data.mdb"), "{error}");
        assert!(std::fs::read(&file).unwrap() == content, "the file was changed: {error}");
        all.push(error);
    }
    assert!(all.iter().all(|error| *error == all[0]), "{all:?}");
    let alone = options().no_subdir(true);
    assert_eq!(Environment::open(&file, &alone).unwrap_err().status(), all[0].status());
    assert!(std::fs::read(&file).unwrap() == content);
    all.remove(0)
}

/// Returns the data file of an environment with some hundred pages.
fn used() -> Vec<u8> {
    let s = scratch();
    let dict = Dict::<i64, Vec<u8>>::open(&s.env, "x").unwrap();
    for key in 0..100 {
        dict.put(&key, &[7; 3000]).unwrap();
    }
    drop(dict);
    let path = s.env.path().join("data.mdb");
    drop(s.env);
    std::fs::read(path).unwrap()
}

fn with(mut content: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    content[at..at + bytes.len()].copy_from_slice(bytes);
    content
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_file_that_is_not_a_database_is_reported_and_unchanged() {
    let text = "Not a database, but a text that is long enough to be taken for one. ".repeat(200);
    for content in [text.as_bytes(), b"short", &[0xff; 8192], &[0; 8193]] {
        let error = refused(content);
        assert_eq!(error.status(), Status::NotADatabase);
        assert!(error.message().contains("not an LMDB data file"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, &text).unwrap();
    let error = Environment::open(&path, &options()).unwrap_err();
    assert_eq!(error.status(), Status::NotADatabase);
    assert!(error.message().contains("no_subdir"), "{error}");
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn formats_of_other_versions_are_distinguished() {
    // LMDB 1.0 puts a transaction number into each page's header, before the magic number.
    let mut lmdb_1 = vec![0; 16384];
    lmdb_1[18] = 8;
    lmdb_1[24..28].copy_from_slice(&0xBEEF_C0DE_u32.to_ne_bytes());
    lmdb_1[28..32].copy_from_slice(&2_u32.to_ne_bytes());
    for content in [lmdb_1, with(used(), 20, &2_u32.to_ne_bytes())] {
        let error = refused(&content);
        assert_eq!(error.status(), Status::FormatVersion);
        assert!(error.message().contains("LMDB 1.0"), "{error}");
    }
    let future = refused(&with(used(), 20, &999_u32.to_ne_bytes()));
    assert_eq!(future.status(), Status::FormatVersion);
    assert!(future.message().contains("format 999"), "{future}");
    let swapped = refused(&with(used(), 16, &0xBEEF_C0DE_u32.swap_bytes().to_ne_bytes()));
    assert_eq!(swapped.status(), Status::FormatVersion);
    assert!(swapped.message().contains("byte order"), "{swapped}");
    let page_size = refused(&with(used(), 40, &65536_u32.to_ne_bytes()));
    assert_eq!(page_size.status(), Status::PageSize);
    assert!(page_size.message().contains("65536"), "{page_size}");
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_truncated_file_is_reported() {
    let whole = used();
    for length in [8191, 8192, 3 * 4096, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        let error = refused(&whole[..length]);
        assert_eq!(error.status(), Status::Truncated, "{length}: {error}");
        assert!(error.message().contains(&format!("{length} bytes")), "{error}");
    }
    let damaged = refused(&with(whole, 4096 + 16, &[0; 4]));
    assert_eq!(damaged.status(), Status::Corrupted, "{damaged}");
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_file_that_lacks_free_pages_only_is_whole() {
    let s = scratch();
    let dict = Dict::<i64, Vec<u8>>::open(&s.env, "x").unwrap();
    dict.put(&1, &vec![7; 100_000]).unwrap();
    dict.put(&2, &vec![7; 100_000]).unwrap();
    dict.put(&3, &vec![7; 100_000]).unwrap();
    // Free pages in the middle take the next free list, so that the last pages are never written.
    dict.remove(&2).unwrap();
    dict.put(&4, &vec![7; 1000]).unwrap();
    s.env
        .transaction(|| {
            // More free pages than the list in one page can hold.
            dict.put(&5, &vec![7; 10_000_000])?;
            dict.remove(&5)
        })
        .unwrap();
    let info = s.env.info().unwrap();
    assert!(info.file_size < (info.pages_used + info.pages_free) * info.page_size, "{info:?}");
    let path = s.env.path().to_owned();
    drop((dict, s.env));
    let env = Environment::open(&path, &options()).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "x").unwrap();
    assert_eq!(dict.get(&1).unwrap().unwrap().len(), 100_000);
    drop((dict, env));
    // If used pages are missing, too, it is damaged.
    let content = std::fs::read(path.join("data.mdb")).unwrap();
    assert_eq!(refused(&content[..content.len() / 2]).status(), Status::Truncated);
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn an_interrupted_creation_is_repeated() {
    let s = scratch();
    let path = s.env.path().to_owned();
    drop(s.env);
    let file = path.join("data.mdb");
    let made = std::fs::read(&file).unwrap();
    assert_eq!(made.len(), 8192, "nothing was written yet");
    let mut cut: Vec<Vec<u8>> =
        [0, 1, 17, 100, 4095, 4096, 4097, 8191].iter().map(|n| made[..*n].to_vec()).collect();
    cut.extend([
        vec![0; 8192],
        vec![0; 5],
        with(made.clone(), 0, &[0; 512]),
        with(made.clone(), 4096, &[0; 4096]),
    ]);
    for content in cut {
        std::fs::write(&file, &content).unwrap();
        for refusing in [options().read_only(true), options().immutable(true)] {
            let error = Environment::open(&path, &refusing).unwrap_err();
            assert_eq!(error.status(), Status::Truncated, "{}: {error}", content.len());
            assert!(error.message().contains("interrupted creation"), "{error}");
            assert_eq!(std::fs::read(&file).unwrap(), content);
        }
        let env = Environment::open(&path, &options()).unwrap();
        Dict::<i64, i64>::open(&env, "x").unwrap().put(&1, &1).unwrap();
        drop(env);
        let env = Environment::open(&path, &options()).unwrap();
        assert_eq!(Dict::<i64, i64>::open(&env, "x").unwrap().get(&1).unwrap(), Some(1));
    }
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn links_to_a_data_file_are_one_environment() {
    let dir = tempfile::tempdir().unwrap();
    let alone = options().no_subdir(true);
    let real = dir.path().join("real");
    let (soft, hard) = (dir.path().join("soft"), dir.path().join("hard"));
    let env = Environment::open(&real, &alone).unwrap();
    std::os::unix::fs::symlink("real", &soft).unwrap();
    std::fs::hard_link(&real, &hard).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "x").unwrap();
    for link in [&soft, &hard] {
        let again = Environment::open(link, &alone).unwrap();
        let txn = again.begin_write().unwrap();
        dict.put(&1, &1).unwrap();
        txn.abort().unwrap();
        assert_eq!(dict.len().unwrap(), 0, "the transaction was of both");
    }
    drop((dict, env));
    // Opened only by a link, it has the lock files of the real one, where another process finds it.
    for lock in ["real-lock", "real-lock.pc"] {
        std::fs::remove_file(dir.path().join(lock)).unwrap();
    }
    drop(Environment::open(&soft, &alone).unwrap());
    assert!(dir.path().join("real-lock").exists() && dir.path().join("real-lock.pc").exists());
    assert!(!dir.path().join("soft-lock").exists() && !dir.path().join("soft-lock.pc").exists());
    // A directory whose data file is a link to that of another environment is that environment.
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let env = Environment::open(&one, &options()).unwrap();
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink("../one/data.mdb", other.join("data.mdb")).unwrap();
    drop(env);
    drop(Environment::open(&other, &options()).unwrap());
    assert!(!other.join("lock.mdb").exists() && !other.join("lock.pc").exists());
    // A link to nothing is not followed.
    let nothing = dir.path().join("nothing");
    std::os::unix::fs::symlink("nowhere", &nothing).unwrap();
    assert_eq!(status(Environment::open(&nothing, &alone)), Status::NoEnvironment);
    assert!(!dir.path().join("nowhere").exists());
}

#[test]
fn a_hundred_environments_in_a_process() {
    let dir = tempfile::tempdir().unwrap();
    let open = |n: i64| Environment::open(dir.path().join(n.to_string()), &options()).unwrap();
    let envs: Vec<Environment> = (0..100).map(open).collect();
    let dicts: Vec<_> = envs.iter().map(|env| Dict::<i64, i64>::open(env, "x").unwrap()).collect();
    let transactions: Vec<_> = envs.iter().map(|env| env.begin_write().unwrap()).collect();
    for (n, dict) in (0..).zip(&dicts) {
        dict.put(&n, &n).unwrap();
    }
    for transaction in transactions {
        transaction.commit().unwrap();
    }
    for (n, dict) in (0..).zip(&dicts) {
        assert_eq!((dict.len().unwrap(), dict.get(&n).unwrap()), (1, Some(n)));
    }
    drop((dicts, envs));
    for n in 0..100 {
        assert_eq!(Dict::<i64, i64>::open(&open(n), "x").unwrap().get(&n).unwrap(), Some(n));
    }
}

fn limit_of_open_files() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the result.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit
}

fn set_limit_of_open_files(limit: libc::rlimit) {
    // SAFETY: `limit` is a valid value.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// Each environment reserved 1 TiB of addresses, so that a process could open about 160 of them.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_thousand_environments_in_a_process() {
    let dir = tempfile::tempdir().unwrap();
    let limit = limit_of_open_files();
    assert!(limit.rlim_max >= 16384, "the hard limit on open files is {}", limit.rlim_max);
    assert!(in_child(|| {
        set_limit_of_open_files(libc::rlimit { rlim_cur: 16384, ..limit });
        // Copies of one environment, since a creation waits for the disk.
        let first = dir.path().join("0");
        drop(Dict::<i64, Vec<u8>>::open(&Environment::open(&first, &options()).unwrap(), "x").unwrap());
        let open = |n: i64| {
            let path = dir.path().join(n.to_string());
            if n > 0 {
                std::fs::create_dir(&path).unwrap();
                std::fs::copy(first.join("data.mdb"), path.join("data.mdb")).unwrap();
            }
            Environment::open(path, &options()).unwrap()
        };
        let envs: Vec<Environment> = (0..1000).map(open).collect();
        let last = Dict::<i64, Vec<u8>>::open(&envs[999], "x").unwrap();
        last.put(&1, &vec![1; 1 << 20]).unwrap();
        assert_eq!(last.get(&1).unwrap().unwrap().len(), 1 << 20);
        assert!(envs[999].info().unwrap().map_size >= 1 << 30);
    }));
}

/// The child of a process with many environments inherits their maps, and used up the remaining addresses with a few.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_child_has_addresses_for_many_more() {
    let dir = tempfile::tempdir().unwrap();
    let limit = limit_of_open_files();
    let open = |n: i64| Environment::open(dir.path().join(n.to_string()), &options()).unwrap();
    assert!(in_child(|| {
        set_limit_of_open_files(libc::rlimit { rlim_cur: 16384, ..limit });
        let envs: Vec<Environment> = (0..160).map(open).collect();
        assert!(in_child(|| {
            let more: Vec<Environment> = (1000..1200).map(open).collect();
            Dict::<i64, i64>::open(&more[199], "x").unwrap().put(&1, &1).unwrap();
        }));
        drop(envs);
    }));
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn the_limit_on_open_files_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let limit = limit_of_open_files();
    assert!(in_child(|| {
        set_limit_of_open_files(libc::rlimit { rlim_cur: 64, ..limit });
        let open = |n: i64| Environment::open(dir.path().join(n.to_string()), &options());
        let mut envs = Vec::new();
        let error = loop {
            match open(i64::try_from(envs.len()).unwrap()) {
                Ok(env) => envs.push(env),
                Err(error) => break error,
            }
        };
        assert!(error.message().contains("may have 64; see ulimit -n"), "{error}");
        let left = envs.len();
        drop(envs);
        // A failed opening leaves nothing open.
        assert_eq!((0..1000).map(open).take_while(Result::is_ok).collect::<Vec<_>>().len(), left);
    }));
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn new_files_have_the_permission_bits_that_were_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    for mode in [0o600, 0o400 | 0o200, 0o640] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        drop(Environment::open(&path, &options().mode(mode)).unwrap());
        for file in ["data.mdb", "lock.mdb", "lock.pc"] {
            let found = path.join(file).metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{file}: {found:o}");
        }
    }
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn an_immutable_environment_makes_no_files_and_takes_no_writes() {
    let s = scratch();
    let path = s.env.path().to_owned();
    Dict::<i64, i64>::open(&s.env, "x").unwrap().put(&1, &1).unwrap();
    drop(s.env);
    std::fs::remove_file(path.join("lock.mdb")).unwrap();
    std::fs::remove_file(path.join("lock.pc")).unwrap();
    let before = std::fs::read(path.join("data.mdb")).unwrap();
    let env = Environment::open(&path, &options().immutable(true)).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "x").unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    assert_eq!(status(dict.put(&2, &2)), Status::ReadOnly);
    assert_eq!(status(env.begin_write()), Status::ReadOnly);
    assert!(env.info().unwrap().immutable && env.info().unwrap().read_only);
    let files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["data.mdb"]);
    assert_eq!(std::fs::read(path.join("data.mdb")).unwrap(), before);
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_read_only_environment_takes_no_writes() {
    let s = scratch();
    let path = s.env.path().to_owned();
    Dict::<i64, i64>::open(&s.env, "x").unwrap().put(&1, &1).unwrap();
    drop(s.env);
    let before = std::fs::read(path.join("data.mdb")).unwrap();
    let env = Environment::open(&path, &options().read_only(true)).unwrap();
    let dict = Dict::<i64, i64>::open(&env, "x").unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    assert_eq!(status(dict.put(&2, &2)), Status::ReadOnly);
    assert_eq!(status(env.begin_write()), Status::ReadOnly);
    env.flush().unwrap();
    assert!(env.info().unwrap().read_only);
    assert_eq!(std::fs::read(path.join("data.mdb")).unwrap(), before);
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn the_map_starts_with_the_requested_size() {
    let dir = tempfile::tempdir().unwrap();
    let asked = options().map_size(8 << 20).max_readers(9).max_collections(3);
    let env = Environment::open(dir.path(), &asked).unwrap();
    let info = env.info().unwrap();
    assert_eq!((info.map_size, info.max_readers, info.max_collections), (8 << 20, 9, 3));
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn a_path_below_a_file_is_not_an_environment() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "text").unwrap();
    let error = Environment::open(dir.path().join("file/x"), &options()).unwrap_err();
    assert_eq!(error.status(), Status::NoEnvironment);
    assert!(error.message().contains("is a file"), "{error}");
}

#[test]
fn schemes_are_reserved() {
    let error = Environment::open("fdb://cluster/data", &options()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn info_describes_the_files() {
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
    assert!(info.last_commit >= 102);
    assert_eq!(info.oldest_reader_commit, info.last_commit);
    let dir = s.dir.path().join("data/data.mdb");
    assert_eq!(info.file_size, std::fs::metadata(dir).unwrap().len());
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn impossible_numbers_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("max_collections", options().max_collections(87_652_393)),
        ("max_collections", options().max_collections(0)),
        ("max_readers", options().max_readers(0)),
    ] {
        let error = Environment::open(dir.path().join("x"), &options).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains(name), "{error}");
    }
    let largest = options().map_size(u64::MAX);
    assert!(Environment::open(dir.path().join("x"), &largest).unwrap().info().unwrap().map_size > 1 << 30);
}
