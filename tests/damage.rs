//! Data files with one bit changed: what `verify_on_open` lets pass is read, written to, copied, compacted and checked
//! again, in a child process, without a crash, a hang or later damage.
//!
//! `PC_DAMAGE=all` tries every bit of structure of every base file; without it, one of so many.
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
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use exercise::{copies, verifying, with_lmdb};
use persistent_collections::{Dict, Environment, Key, Options, Set, Status, Stored};
use tempfile::TempDir;

const FROM_0_9_24: &[u8] = include_bytes!("damage/lmdb-0.9.24.packed");
const FROM_0_9_36: &[u8] = include_bytes!("damage/lmdb-0.9.36.packed");

/// An environment of the library's own, with free pages and values in pages of their own.
fn own() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { verify_on_open: false, ..verifying() };
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

/// What the parent and its children both see.
#[derive(Default)]
struct Shared {
    /// The mutant that is tried.
    at: AtomicUsize,
    passed: AtomicUsize,
}

/// Memory that children of a fork share with their parent; it stays for the process.
fn shared() -> &'static Shared {
    // SAFETY: a mapping of its own, large enough and aligned, whose zeros are a value of the type.
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

/// A base file, and where it lies while its mutants are tried.
struct Base {
    bytes: Vec<u8>,
    dir: TempDir,
}

impl Base {
    fn new(bytes: Vec<u8>) -> Base {
        let dir = tempfile::tempdir().unwrap();
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

    fn restore(&self) {
        let file = self.file();
        file.write_all_at(&self.bytes, 0).unwrap();
        file.set_len(self.bytes.len() as u64).unwrap();
    }

    /// Tries one mutant. Gives whether it passed.
    fn try_one(&self, bit: usize) -> bool {
        let at = bit / 8;
        let byte = self.bytes[at] ^ 1 << (bit % 8);
        self.file().write_all_at(&[byte], at as u64).unwrap();
        let passed = self.pass();
        if passed {
            self.restore();
        } else {
            self.file().write_all_at(&[self.bytes[at]], at as u64).unwrap();
        }
        passed
    }

    /// Gives whether what is there passes, and uses it if so.
    fn pass(&self) -> bool {
        let Ok(env) = Environment::open(self.env(), &verifying()) else { return false };
        self.with_library(&env);
        drop(env);
        with_lmdb(&self.env());
        let env = Environment::open(self.env(), &verifying()).unwrap();
        env.check().unwrap();
        copies(&env, self.dir.path());
        true
    }

    /// Reads, writes and copies with the library.
    fn with_library(&self, env: &Environment) {
        copies(env, self.dir.path());
        let collections = env.collections().unwrap();
        for collection in &collections {
            let name = &collection.name;
            // What it holds is another matter than the structure: names and types may have changed.
            if let Ok(dict) = Dict::<Vec<u8>, Vec<u8>>::open_existing(env, name) {
                use_dict(&dict, &vec![1; 700]);
            } else if let Ok(dict) = Dict::<i64, Vec<u8>>::open_existing(env, name) {
                use_dict(&dict, &vec![1; 700]);
            } else if let Ok(dict) = Dict::<String, String>::open_existing(env, name) {
                use_dict(&dict, &"v".repeat(700));
            }
        }
        env.check().unwrap();
    }
}

/// Walks over a dict both ways, and writes to it.
fn use_dict<K, V>(dict: &Dict<K, V>, value: &V::Borrowed)
where
    K: Key + Borrow<K::Borrowed>,
    V: Stored,
{
    let forwards: Vec<_> = dict.iter().unwrap().map(|record| record.map(|(key, _)| key)).collect();
    let backwards = dict.iter().unwrap().reversed().count();
    assert_eq!(forwards.len(), backwards);
    if dict.name().is_empty() {
        // Records of databases stand among its own.
        return;
    }
    for key in forwards.iter().step_by(7).flatten() {
        match dict.put(key.borrow(), value) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.status(), Status::ReadOnly, "{error}"),
        }
    }
}

/// What bounds a child, which a damaged file may lead anywhere.
fn bound() {
    let limit = |resource, most| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: it only reads the limit.
        assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
    };
    limit(libc::RLIMIT_CORE, 0);
    limit(libc::RLIMIT_DATA, 1 << 30);
    limit(libc::RLIMIT_FSIZE, 1 << 27);
    // SAFETY: a write beyond the limit is then an error.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Tries mutants, in children that each try as many as they survive. Gives how many passed.
fn try_all(name: &str, base: &Base, bits: &[usize]) -> usize {
    const SECONDS: u32 = 30;
    let shared = shared();
    let mut failures = Vec::new();
    while shared.at.load(Ordering::SeqCst) < bits.len() {
        // SAFETY: the child uses the library, which is made to be used after a fork, and ends without the harness.
        let outcome = unsafe {
            match libc::fork() {
                0 => {
                    bound();
                    let mut is_good = true;
                    while is_good && shared.at.load(Ordering::SeqCst) < bits.len() {
                        libc::alarm(SECONDS);
                        let bit = bits[shared.at.load(Ordering::SeqCst)];
                        let tried = std::panic::catch_unwind(|| base.try_one(bit));
                        is_good = tried.is_ok();
                        if let Ok(passed) = tried {
                            shared.passed.fetch_add(usize::from(passed), Ordering::SeqCst);
                            shared.at.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    libc::_exit(i32::from(!is_good))
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
            let at = shared.at.fetch_add(1, Ordering::SeqCst);
            let (byte, bit) = (bits[at] / 8, bits[at] % 8);
            let (page, within) = (byte / structure::PAGE, byte % structure::PAGE);
            let what = if libc::WIFSIGNALED(outcome) {
                format!("signal {}", libc::WTERMSIG(outcome))
            } else {
                "a panic".to_owned()
            };
            let failure = format!("{name}: page {page}, byte {within}, bit {bit}: {what}");
            eprintln!("{failure}");
            failures.push(failure);
            // What a child leaves behind that was ended.
            for left in ["plain", "compact"] {
                drop(fs::remove_dir_all(base.dir.path().join(left)));
            }
            for lock in ["lock.mdb", "write.lock"] {
                drop(fs::remove_file(base.env().join(lock)));
            }
            base.restore();
        }
    }
    assert!(failures.is_empty(), "{} of {} mutants: {:#?}", failures.len(), bits.len(), failures);
    shared.passed.load(Ordering::SeqCst)
}

fn is_long() -> bool {
    std::env::var("PC_DAMAGE").is_ok_and(|which| which == "all")
}

/// Tries the bits of structure of a file: all, or about so many.
fn mutants(name: &str, file: Vec<u8>, about: usize) {
    let base = Base::new(file);
    // As it is, it passes.
    assert!(base.pass(), "{name}");
    base.restore();
    let bytes = structure::places(&base.bytes).bytes;
    // Coprime to 8, so that all bits have their turn.
    let every = if is_long() { 1 } else { (bytes.len() * 8 / about) | 1 };
    let bits: Vec<usize> =
        bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte * 8 + bit)).step_by(every).collect();
    assert!(bits.len() * 10 >= about * 9, "{name}: {}", bits.len());
    let passed = try_all(name, &base, &bits);
    println!("{name}: {} mutants, {passed} passed and were used", bits.len());
    assert!(passed > 0, "{name}");
}

#[test]
fn mutants_of_a_file_of_lmdb_0_9_24_harm_nobody() {
    mutants("0.9.24", packed::unpack(FROM_0_9_24), 400);
}

#[test]
fn mutants_of_a_file_of_lmdb_0_9_36_harm_nobody() {
    mutants("0.9.36", packed::unpack(FROM_0_9_36), 400);
}

#[test]
fn mutants_of_an_own_file_harm_nobody() {
    mutants("own", own(), 400);
}

/// Where the fixed fields stand that the next test changes.
const FREE_LIST_FLAGS: usize = 40 + 4;

/// What one bit did in files that passed: a crash at the first write or walk, pages given out twice, or damage later.
/// Each is a bit of the file of LMDB 0.9.24 or 0.9.36, found by what stands there.
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
