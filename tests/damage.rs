//! Data files with one changed bit: those that `check_on_open` accepts are read, written to, copied, compacted and
//! checked again, in a child process, without a crash, a hang or later damage.
//!
//! `PC_DAMAGE=all` tries every bit of structure of every base file, bytes with other values, and pairs of bytes; without
//! it, a part of the bits.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "damage/exercise.rs"]
mod exercise;
#[path = "damage/packed.rs"]
mod packed;
#[path = "damage/structure.rs"]
mod structure;

use std::borrow::Borrow;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use exercise::{copies, verifying, with_lmdb, with_raw_collections};
use persistent_collections::{Dict, Environment, Key, Set, Status, Stored};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

const FROM_0_9_24: &[u8] = include_bytes!("damage/lmdb-0.9.24.packed");
const FROM_0_9_36: &[u8] = include_bytes!("damage/lmdb-0.9.36.packed");

/// An environment of this library, with free pages and overflow pages.
fn own() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let options = verifying().check_on_open(false);
    let env = Environment::open(dir.path(), &options).unwrap();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let texts = Dict::<String, String>::open(&env, "texts").unwrap();
    let set = Set::<i64>::open(&env, "set").unwrap();
    env.transaction(|| {
        for key in 0..60 {
            dict.put(&key, &vec![7; 300])?;
        }
        dict.put(&100, &vec![7; 9000])?;
        texts.put("key", "value")
    })
    .unwrap();
    set.add_many(&(0..40).collect::<Vec<i64>>()).unwrap();
    let gone = Dict::<i64, Vec<u8>>::open(&env, "gone").unwrap();
    gone.put(&1, &vec![7; 300 * structure::PAGE]).unwrap();
    env.drop_collection("gone").unwrap();
    for key in 0..3 {
        dict.remove(&key).unwrap();
    }
    drop(env);
    fs::read(dir.path().join("data.mdb")).unwrap()
}

/// Memory that the parent and its children share.
#[derive(Default)]
struct Shared {
    /// The mutant under test.
    at: AtomicUsize,
    passed: AtomicUsize,
}

/// Memory that children of a fork share with their parent; it stays for the process.
fn shared() -> &'static Shared {
    // SAFETY: a new mapping, large enough and aligned, whose zeros are a valid value of the type.
    unsafe {
        let place = libc::mmap(
            std::ptr::null_mut(),
            size_of::<Shared>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(place, libc::MAP_FAILED);
        &*place.cast::<Shared>()
    }
}

/// The changed bytes of a file.
type Mutant = Vec<(usize, u8)>;

/// A base file, and its directory while its mutants are tried.
struct Base {
    bytes: Vec<u8>,
    dir: TempDir,
}

impl Base {
    fn new(bytes: Vec<u8>) -> Base {
        // In a file system in memory, if there is one, since thousands of copies are synced.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        fs::create_dir(dir.path().join("env")).unwrap();
        let base = Base { bytes, dir };
        base.restore();
        base
    }

    fn env(&self) -> PathBuf {
        self.dir.path().join("env")
    }

    fn file(&self) -> File {
        OpenOptions::new().write(true).create(true).truncate(false).open(self.env().join("data.mdb")).unwrap()
    }

    /// Removes the files of a child that was killed.
    fn clean(&self) {
        for left in fs::read_dir(self.dir.path()).unwrap() {
            let left = left.unwrap().path();
            drop(fs::remove_dir_all(&left).or_else(|_| fs::remove_file(&left)));
        }
        fs::create_dir(self.env()).unwrap();
        self.restore();
    }

    fn restore(&self) {
        let file = self.file();
        file.write_all_at(&self.bytes, 0).unwrap();
        file.set_len(self.bytes.len() as u64).unwrap();
    }

    /// Tries one mutant. Returns whether it passed.
    fn try_one(&self, mutant: &Mutant) -> bool {
        let file = self.file();
        for (at, byte) in mutant {
            file.write_all_at(&[*byte], *at as u64).unwrap();
        }
        let passed = self.pass();
        if passed {
            self.restore();
        } else {
            for (at, _) in mutant {
                file.write_all_at(&[self.bytes[*at]], *at as u64).unwrap();
            }
        }
        passed
    }

    /// Returns the mutants of the file: all, or about `about` of them.
    fn mutants(&self, about: usize) -> Vec<Mutant> {
        const PAIRS: usize = 10_000;
        let structure: Vec<usize> = structure::places(&self.bytes).bytes.into_iter().collect();
        let flips = |at: usize| (0..8).map(move |bit| self.bytes[at] ^ 1 << bit);
        let bits = structure.iter().flat_map(|at| flips(*at).map(|byte| vec![(*at, byte)]));
        if !is_long() {
            // Coprime to 8, so that all bits are changed.
            return bits.step_by((structure.len() * 8 / about) | 1).collect();
        }
        let mut mutants: Vec<Mutant> = bits.collect();
        for &at in &structure {
            let byte = self.bytes[at];
            for other in [0, 0xff, byte.wrapping_add(1), byte.wrapping_sub(1)] {
                if other != byte && !flips(at).any(|flipped| flipped == other) {
                    mutants.push(vec![(at, other)]);
                }
            }
        }
        // Near each other, since one may hide the other; the same in each run.
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..PAIRS {
            let first = random.random_range(0..structure.len());
            let second = (first + random.random_range(1..40)) % structure.len();
            mutants.push([first, second].map(|index| (structure[index], random.random())).to_vec());
        }
        mutants
    }

    /// Returns whether the file passes the check, and uses it if so.
    fn pass(&self) -> bool {
        let Ok(env) = Environment::open(self.env(), &verifying()) else { return false };
        let names = self.with_library(&env);
        drop(env);
        with_raw_collections(&self.env(), &names);
        with_lmdb(&self.env());
        let env = Environment::open(self.env(), &verifying()).unwrap();
        env.check().unwrap();
        copies(&env, self.dir.path());
        true
    }

    /// Reads, writes and copies with the library. Returns the names of the collections.
    fn with_library(&self, env: &Environment) -> Vec<String> {
        copies(env, self.dir.path());
        let collections = env.collections().unwrap();
        for collection in &collections {
            let name = &collection.name;
            // The content is not part of the structure: names and types may have changed.
            if let Ok(dict) = Dict::<i64, Vec<u8>>::open_existing(env, name) {
                use_dict(&dict, &vec![1; 700]);
            } else if let Ok(dict) = Dict::<String, String>::open_existing(env, name) {
                use_dict(&dict, &"v".repeat(700));
            }
        }
        env.check().unwrap();
        collections.into_iter().map(|collection| collection.name).collect()
    }
}

/// Walks over a dict in both directions, and writes to it.
fn use_dict<K, V>(dict: &Dict<K, V>, value: &V::Borrowed)
where
    K: Key + Borrow<K::Borrowed>,
    V: Stored,
{
    let forwards: Vec<_> = dict.iter().unwrap().map(|record| record.map(|(key, _)| key)).collect();
    let backwards = dict.iter().unwrap().reversed().count();
    assert_eq!(forwards.len(), backwards);
    if dict.name().is_empty() {
        // Records of databases are among its own.
        return;
    }
    for key in forwards.iter().step_by(7).flatten() {
        match dict.put(key.borrow(), value) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.status(), Status::ReadOnly, "{error}"),
        }
    }
}

/// Sets limits for a child, since a damaged file may make it do anything.
fn bound() {
    let limit = |resource, most| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: it only reads the limit.
        assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
    };
    limit(libc::RLIMIT_CORE, 0);
    limit(libc::RLIMIT_DATA, 1 << 30);
    limit(libc::RLIMIT_FSIZE, 1 << 27);
    // SAFETY: with the signal ignored, a write beyond the limit is an error.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Tries mutants, in children that each try as many as they survive. Returns how many passed.
fn try_all(name: &str, base: &Base, mutants: &[Mutant]) -> usize {
    const SECONDS: u32 = 30;
    let shared = shared();
    let said = base.dir.path().join("said");
    let mut failures = Vec::new();
    while shared.at.load(Ordering::SeqCst) < mutants.len() {
        // SAFETY: the child uses only the library, which supports use after a fork, and exits without the harness.
        let outcome = unsafe {
            match libc::fork() {
                0 => {
                    bound();
                    while let Some(mutant) = mutants.get(shared.at.load(Ordering::SeqCst)) {
                        libc::alarm(SECONDS);
                        match std::panic::catch_unwind(|| base.try_one(mutant)) {
                            Ok(passed) => shared.passed.fetch_add(usize::from(passed), Ordering::SeqCst),
                            Err(panic) => {
                                let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
                                drop(fs::write(&said, text));
                                libc::_exit(1)
                            }
                        };
                        shared.at.fetch_add(1, Ordering::SeqCst);
                    }
                    libc::_exit(0)
                }
                child => {
                    assert!(child > 0);
                    let mut outcome = 0;
                    assert_eq!(libc::waitpid(child, &raw mut outcome, 0), child);
                    outcome
                }
            }
        };
        if outcome != 0 {
            let mutant = &mutants[shared.at.fetch_add(1, Ordering::SeqCst)];
            let what = if libc::WIFSIGNALED(outcome) {
                format!("signal {}", libc::WTERMSIG(outcome))
            } else {
                fs::read_to_string(&said).unwrap_or_default()
            };
            let places: Vec<String> = mutant
                .iter()
                .map(|(at, byte)| {
                    let (page, within) = (at / structure::PAGE, at % structure::PAGE);
                    format!("page {page}, byte {within}: {:#04x} instead of {:#04x}", byte, base.bytes[*at])
                })
                .collect();
            eprintln!("{name}: {}: {what}", places.join(" and "));
            failures.push(format!("{}: {what}", places.join(" and ")));
            base.clean();
        }
    }
    assert!(failures.is_empty(), "{name}: {} of {} mutants: {failures:#?}", failures.len(), mutants.len());
    shared.passed.load(Ordering::SeqCst)
}

fn is_long() -> bool {
    std::env::var("PC_DAMAGE").is_ok_and(|which| which == "all")
}

/// Tries the mutants of a file: all, or about `about` of them.
fn mutants(name: &str, file: Vec<u8>, about: usize) {
    let base = Base::new(file);
    // Unchanged, it passes.
    assert!(base.pass(), "{name}");
    base.restore();
    let mutants = base.mutants(about);
    assert!(mutants.len() * 10 >= about * 9, "{name}: {}", mutants.len());
    let passed = try_all(name, &base, &mutants);
    println!("{name}: {} mutants, {passed} passed and were used", mutants.len());
    assert!(passed > 0, "{name}");
}

#[test]
fn mutants_of_a_file_of_lmdb_0_9_24_do_no_harm() {
    mutants("0.9.24", packed::unpack(FROM_0_9_24), 400);
}

#[test]
fn mutants_of_a_file_of_lmdb_0_9_36_do_no_harm() {
    mutants("0.9.36", packed::unpack(FROM_0_9_36), 400);
}

#[test]
fn mutants_of_an_own_file_do_no_harm() {
    mutants("own", own(), 400);
}

/// The places of the fixed fields that the next test changes.
const FREE_LIST_FLAGS: usize = 40 + 4;

/// Faults of one bit in files that passed: a crash at the first write or walk, pages allocated twice, or later damage.
/// Each is a bit of the file of LMDB 0.9.24 or 0.9.36, found by the content at its place.
#[test]
fn faults_that_crashed_are_found() {
    for packed in [FROM_0_9_24, FROM_0_9_36] {
        let base = Base::new(packed::unpack(packed));
        let refused = |what: &str, at: usize, mask: u8| {
            let mut bytes = base.bytes.clone();
            bytes[at] ^= mask;
            fs::write(base.env().join("data.mdb"), &bytes).unwrap();
            let error = Environment::open(base.env(), &verifying()).unwrap_err();
            assert_eq!(error.status(), Status::Corrupted, "{what}: {error}");
        };
        let places = structure::places(&base.bytes);
        let newest = places.newest;
        refused("DUPSORT of the free list", newest + FREE_LIST_FLAGS, 0x04);
        refused("DUPFIXED of the free list", newest + FREE_LIST_FLAGS, 0x10);
        assert!(
            places.values_records.len() >= 3 && places.inner_pages.len() >= 3,
            "{:?} {:?}",
            places.values_records,
            places.inner_pages
        );
        for record in &places.values_records {
            refused("DUPSORT of the values' tree", record + 4, 0x04);
            refused("DUPFIXED of the values' tree", record + 4, 0x10);
        }
        for page in &places.inner_pages {
            refused("the mark of a page that is written to, inside of a node", page + 10, 0x10);
        }
        assert!(places.free_keys.len() >= 3);
        let first = places.free_keys[0];
        let mut bytes = base.bytes.clone();
        bytes[first..first + 8].fill(0);
        fs::write(base.env().join("data.mdb"), &bytes).unwrap();
        assert!(Environment::open(base.env(), &verifying()).is_err(), "key 0 of the free list");
    }
}
