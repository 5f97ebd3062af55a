//! The check of a data file's structure: undamaged files pass, and damage is found and named.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Scratch, options, scratch, status};
use persistent_collections::{Dict, Environment, Error, Options, Report, Set, Status};
use tempfile::TempDir;

const PAGE_HEADER: usize = 16;
/// The offset in a header page of the record of the free list; that of the main database follows.
const RECORDS: usize = PAGE_HEADER + 24;
const RECORD: usize = 48;
const LAST_PAGE: usize = RECORDS + 2 * RECORD;
const HEADER_END: usize = LAST_PAGE + 16;
// Offsets in a record.
const DEPTH: usize = 6;
const ENTRIES: usize = 32;
const ROOT: usize = 40;

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end
    }
}

fn verifying() -> Options {
    options().check_on_open(true)
}

fn sound(env: &Environment) -> Report {
    let report = env.check().unwrap();
    assert_eq!(report.pages, report.used + report.free + report.lost);
    let info = env.info().unwrap();
    assert_eq!(report.free, info.pages_free);
    assert_eq!(report.used + report.lost, info.pages_used);
    report
}

/// One step of a workload: small and large values, removals, dropped collections, savepoints.
fn step(env: &Environment, numbers: &mut Numbers) {
    let name = format!("dict {}", numbers.below(4));
    let dict = Dict::<String, Vec<u8>>::open(env, &name).unwrap();
    match numbers.below(20) {
        0 => assert!(env.drop_collection(&name).unwrap()),
        1 => {
            let before = env.begin_write().unwrap();
            dict.put("gone", &vec![1; 20_000]).unwrap();
            before.abort().unwrap();
        }
        2 => drop(dict.remove_range(..format!("{:03}", numbers.below(300)).as_str()).unwrap()),
        _ => env
            .transaction(|| {
                for _ in 0..numbers.below(60) {
                    let key = format!("{:03}", numbers.below(500)).repeat(1 + numbers.below(40));
                    if numbers.below(3) == 0 {
                        dict.remove(&key)?;
                    } else {
                        let large = numbers.below(8) == 0;
                        let size = numbers.below(if large { 30_000 } else { 300 });
                        dict.put(&key, &vec![7; size])?;
                    }
                }
                Ok::<_, Error>(())
            })
            .unwrap(),
    }
}

#[test]
fn undamaged_files_pass() {
    let Scratch { env, dir } = scratch();
    assert_eq!(sound(&env).collections, 0);
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for _ in 0..400 {
        step(&env, &mut numbers);
        sound(&env);
    }
    let set = Set::<i64>::open(&env, "set").unwrap();
    set.add_many(&(0..50_000).collect::<Vec<i64>>()).unwrap();
    let report = sound(&env);
    assert_eq!(report.collections, env.collections().unwrap().len() as u64);
    assert!(report.free > 0 && report.lost == 0, "{report:?}");
    for (name, compact) in [("plain", false), ("compact", true)] {
        let path = dir.path().join(name);
        assert!(env.copy_to(&path, compact).unwrap());
        let copy = Environment::open(&path, &verifying()).unwrap();
        // A compacting copy does not have a free list either.
        let found = sound(&copy);
        assert!(if compact { found.free == 0 && found.used <= report.used } else { found == report });
        let read_only = verifying().immutable(true);
        drop(copy);
        sound(&Environment::open(&path, &read_only).unwrap());
    }
}

#[test]
fn it_sees_the_newest_commit_inside_transactions_too() {
    let Scratch { env, dir: _dir } = scratch();
    let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
    let snapshot = env.begin_snapshot().unwrap();
    let used = env.check().unwrap().used;
    let on_another_thread = || dict.put(&1, &vec![7; 100_000]).unwrap();
    std::thread::scope(|scope| scope.spawn(on_another_thread).join().unwrap());
    assert!(env.check().unwrap().used > used + 20);
    drop(snapshot);
    let used = env.check().unwrap().used;
    let txn = env.begin_write().unwrap();
    dict.put(&2, &vec![7; 100_000]).unwrap();
    assert_eq!(env.check().unwrap().used, used);
    txn.abort().unwrap();
}

#[test]
fn a_writer_raises_no_false_alarm() {
    let Scratch { env, dir: _dir } = scratch();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = Numbers(1);
            while !done.load(Ordering::Relaxed) {
                step(&env, &mut numbers);
            }
        });
        let mut checks = 0;
        while checks < 300 || env.info().unwrap().last_commit < 400 {
            checks += 1;
            let checked = env.check().map(|_| ());
            if checked.is_err() {
                done.store(true, Ordering::Relaxed);
            }
            checked.unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    sound(&env);
}

/// Fills databases of another program, of every kind, through LMDB itself.
fn foreign(path: &Path, databases: &[(Option<&str>, u32)], seed: u64) {
    let done = |code: i32| assert_eq!(code, 0);
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let mut numbers = Numbers(seed);
    let mut env = std::ptr::null_mut();
    // SAFETY: only this test uses the environment, on one thread, and calls LMDB as its header says.
    unsafe {
        done(lmdb_sys::mdb_env_create(&raw mut env));
        done(lmdb_sys::mdb_env_set_mapsize(env, 1 << 30));
        done(lmdb_sys::mdb_env_set_maxdbs(env, 32));
        done(lmdb_sys::mdb_env_open(env, path.as_ptr(), lmdb_sys::MDB_NOSYNC, 0o644));
        for _ in 0..12 {
            let mut txn = std::ptr::null_mut();
            done(lmdb_sys::mdb_txn_begin(env, std::ptr::null_mut(), 0, &raw mut txn));
            for &(name, flags) in databases {
                let name = name.map(|name| CString::new(name).unwrap());
                let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
                let mut dbi = 0;
                done(lmdb_sys::mdb_dbi_open(txn, name, flags | lmdb_sys::MDB_CREATE, &raw mut dbi));
                let is = |flag: u32| flags & flag != 0;
                for _ in 0..1500 {
                    let key = numbers.below(30) as u64;
                    let key = if is(lmdb_sys::MDB_INTEGERKEY) {
                        (key * 77).to_ne_bytes().to_vec()
                    } else {
                        format!("{}", key * 77).repeat(1 + numbers.below(3)).into_bytes()
                    };
                    let value = numbers.below(1 << 16);
                    let value = if is(lmdb_sys::MDB_INTEGERDUP) {
                        (value as u64).to_ne_bytes().to_vec()
                    } else if is(lmdb_sys::MDB_DUPFIXED) {
                        value.to_ne_bytes()[..if name.is_null() { 1 } else { 3 }].to_vec()
                    } else {
                        format!("{value}").repeat(1 + numbers.below(20)).into_bytes()
                    };
                    let mut k =
                        lmdb_sys::MDB_val { mv_size: key.len(), mv_data: key.as_ptr().cast_mut().cast() };
                    let mut v =
                        lmdb_sys::MDB_val { mv_size: value.len(), mv_data: value.as_ptr().cast_mut().cast() };
                    if numbers.below(400) == 0 {
                        let code = lmdb_sys::mdb_del(txn, dbi, &raw mut k, std::ptr::null_mut());
                        assert!(code == 0 || code == lmdb_sys::MDB_NOTFOUND);
                    } else if numbers.below(4) == 0 {
                        let code = lmdb_sys::mdb_del(txn, dbi, &raw mut k, &raw mut v);
                        assert!(code == 0 || code == lmdb_sys::MDB_NOTFOUND);
                    } else {
                        done(lmdb_sys::mdb_put(txn, dbi, &raw mut k, &raw mut v, 0));
                    }
                }
            }
            done(lmdb_sys::mdb_txn_commit(txn));
        }
        lmdb_sys::mdb_env_close(env);
    }
}

#[test]
fn databases_of_other_programs_pass() {
    use lmdb_sys::{
        MDB_DUPFIXED, MDB_DUPSORT, MDB_INTEGERDUP, MDB_INTEGERKEY, MDB_REVERSEDUP, MDB_REVERSEKEY,
    };
    let named = [
        (Some("plain"), 0),
        (Some("reverse"), MDB_REVERSEKEY),
        (Some("integers"), MDB_INTEGERKEY),
        (Some("many"), MDB_DUPSORT),
        (Some("many of integers"), MDB_DUPSORT | MDB_INTEGERKEY),
        (Some("many reversed"), MDB_DUPSORT | MDB_REVERSEDUP | MDB_REVERSEKEY),
        (Some("many fixed"), MDB_DUPSORT | MDB_DUPFIXED),
        (Some("many reversed fixed"), MDB_DUPSORT | MDB_DUPFIXED | MDB_REVERSEDUP),
        (Some("many integers"), MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP),
        (Some("many integers with room"), MDB_DUPSORT | MDB_INTEGERDUP),
    ];
    let unnamed = [[(None, MDB_DUPSORT)], [(None, MDB_DUPSORT | MDB_DUPFIXED)], [(None, MDB_INTEGERKEY)]];
    let mut found = 0;
    let all = std::iter::once(&named[..]).chain(unnamed.iter().map(|one| &one[..]));
    for (seed, databases) in (1..).zip(all) {
        let dir = tempfile::tempdir().unwrap();
        foreign(dir.path(), databases, seed);
        let env = Environment::open(dir.path(), &verifying()).unwrap();
        let named = databases.iter().filter(|(name, _)| name.is_some()).count();
        assert_eq!(env.check().unwrap().collections, named as u64);
        found += damage(&env, 60);
    }
    assert!(found > 5, "{found}");
}

/// Flips bits in the pages of an open environment, every one or a part of them, checks after each, and restores it.
/// Returns how many were found.
fn damage(env: &Environment, at_most: usize) -> usize {
    let file = OpenOptions::new().read(true).write(true).open(env.path().join("data.mdb")).unwrap();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let mut numbers = Numbers(3);
    let mut found = 0;
    for at in (2 * page_size()..length).step_by((length / at_most).max(1)) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at as u64).unwrap();
        let damaged = [byte[0] ^ u8::try_from(1 + numbers.below(255)).unwrap()];
        file.write_all_at(&damaged, at as u64).unwrap();
        match env.check() {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.status(), Status::Corrupted, "{at}: {error}");
                assert!(error.message().contains("page "), "{at}: {error}");
                found += 1;
            }
        }
        file.write_all_at(&byte, at as u64).unwrap();
    }
    env.check().unwrap();
    found
}

fn page_size() -> usize {
    // SAFETY: it only reads a setting.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

/// A data file of a few pages of every kind, all of them used.
struct DataFile {
    bytes: Vec<u8>,
    dir: TempDir,
}

impl DataFile {
    fn new(compact: bool) -> DataFile {
        let Scratch { env, dir } = scratch();
        let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
        for key in 0..200 {
            dict.put(&key, &[7; 40]).unwrap();
        }
        dict.put(&500, &vec![7; 2 * page_size()]).unwrap();
        let path = dir.path().join("copy");
        assert!(env.copy_to(&path, compact).unwrap());
        let bytes = fs::read(path.join("data.mdb")).unwrap();
        drop(env);
        DataFile { bytes, dir }
    }

    fn short(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.bytes[at..at + 2].try_into().unwrap())
    }

    fn word(&self, at: usize) -> usize {
        usize::from_ne_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    fn set_word(&mut self, at: usize, word: usize) {
        self.bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
    }

    /// The place of the valid header page.
    fn header(&self) -> usize {
        let is_second = self.word(page_size() + LAST_PAGE + 8) > self.word(LAST_PAGE + 8);
        usize::from(is_second) * page_size()
    }

    /// The pages with these flags, in a file without free pages.
    fn pages(&self, flags: u16) -> Vec<usize> {
        let pages = 2..self.bytes.len() / page_size();
        pages.filter(|page| self.short(page * page_size() + 10) == flags).collect()
    }

    /// The place of a node.
    fn node(&self, page: usize, index: usize) -> usize {
        page * page_size() + usize::from(self.short(page * page_size() + PAGE_HEADER + 2 * index))
    }

    /// The place of the record of "dict", and its page.
    fn record(&self) -> (usize, usize) {
        let main = self.word(self.header() + RECORDS + RECORD + ROOT);
        let page = main * page_size()..(main + 1) * page_size();
        let at = self.bytes[page].windows(4).position(|name| name == b"dict").unwrap();
        (main * page_size() + at + 4, main)
    }

    /// Writes the damaged content to another file, and opens that.
    fn open(&self, name: &str) -> Result<Environment, Error> {
        let path = self.dir.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("data.mdb"), &self.bytes).unwrap();
        let opened = Environment::open(&path, &verifying());
        if opened.is_err() {
            // Nothing must stay open, since an opening with other options would fail for that reason.
            let other = verifying().max_readers(5000);
            assert_ne!(status(Environment::open(&path, &other)), Status::OptionsDiffer);
        }
        opened
    }
}

#[test]
fn damage_anywhere_is_survived() {
    let file = DataFile::new(true);
    drop(file.open("whole").unwrap());
    let env = Environment::open(file.dir.path().join("whole"), &options()).unwrap();
    assert_eq!(sound(&env).used, (file.bytes.len() / page_size()) as u64);
    // Values and free space are not part of the structure.
    assert!(damage(&env, usize::MAX) > 2_000);
}

#[test]
fn damage_of_the_header_is_survived() {
    let whole = DataFile::new(true);
    for page in 0..2 {
        for at in 0..HEADER_END {
            let mut file = DataFile { bytes: whole.bytes.clone(), dir: tempfile::tempdir().unwrap() };
            file.bytes[page * page_size() + at] ^= 0x41;
            // LMDB does not check the map's size and the address.
            drop(file.open("damaged"));
        }
    }
}

#[test]
fn opening_again_checks_what_is_open() {
    let file = DataFile::new(true);
    let env = file.open("env").unwrap();
    drop(Environment::open(env.path(), &verifying()).unwrap());
    let page = file.pages(4)[0];
    let data = OpenOptions::new().write(true).open(env.path().join("data.mdb")).unwrap();
    data.write_all_at(&[9], (page * page_size()) as u64).unwrap();
    assert_eq!(status(Environment::open(env.path(), &verifying())), Status::Corrupted);
    // The first opening is unchanged.
    assert_eq!(env.collections().unwrap().len(), 1);
}

/// A kind of damage: its name, the page that the check reports, and the message.
type Damage = (&'static str, fn(&mut DataFile) -> usize, &'static str);

const DAMAGES: &[Damage] = &[
    (
        "page number",
        |file| {
            let page = file.pages(2)[1];
            file.set_word(page * page_size(), page + 1);
            page
        },
        "its number is",
    ),
    (
        "flags",
        |file| {
            let page = file.pages(2)[1];
            file.bytes[page * page_size() + 10] = 1;
            page
        },
        "its flags",
    ),
    (
        "swapped keys",
        |file| {
            let page =
                *file.pages(2).iter().max_by_key(|page| file.short(**page * page_size() + 12)).unwrap();
            let at = page * page_size() + PAGE_HEADER;
            file.bytes[at..at + 4].rotate_left(2);
            page
        },
        "order",
    ),
    (
        "node beyond the page",
        |file| {
            let page = file.pages(2)[1];
            let beyond = u16::try_from(page_size() - 4).unwrap();
            file.bytes[page * page_size() + PAGE_HEADER..][..2].copy_from_slice(&beyond.to_ne_bytes());
            page
        },
        "does not lie",
    ),
    (
        "one node twice",
        |file| {
            let page = file.pages(2)[1];
            let at = page * page_size() + PAGE_HEADER;
            file.bytes.copy_within(at..at + 2, at + 2);
            page
        },
        "overlap",
    ),
    (
        "key longer than the page",
        |file| {
            let page = file.pages(2)[1];
            let at = file.node(page, 0);
            file.bytes[at + 6..at + 8].fill(0xff);
            page
        },
        "does not lie",
    ),
    (
        "bounds of free space",
        |file| {
            let page = file.pages(2)[1];
            file.bytes[page * page_size() + 14..][..2].fill(0xff);
            page
        },
        "bounds",
    ),
    (
        "a branch that leads to itself",
        |file| {
            let page = file.pages(1)[0];
            let at = file.node(page, 1);
            file.bytes[at..at + 4].copy_from_slice(&u32::try_from(page).unwrap().to_ne_bytes());
            page
        },
        "and so does another",
    ),
    (
        "one child twice",
        |file| {
            let page = file.pages(1)[0];
            let (first, second) = (file.node(page, 0), file.node(page, 1));
            file.bytes.copy_within(first..first + 4, second);
            usize::from(file.short(first))
        },
        "and so does another",
    ),
    (
        "a child that is not there",
        |file| {
            let page = file.pages(1)[0];
            let at = file.node(page, 1);
            file.bytes[at + 4] = 9;
            page
        },
        "it leads to page",
    ),
    (
        "separator above its child's keys",
        |file| {
            let page = file.pages(1)[0];
            let at = file.node(page, 1);
            let child = usize::from(file.short(at));
            let key = at + 8 + usize::from(file.short(at + 6)) - 1;
            file.bytes[key] += 1;
            // Now the first key of the child, or that of its neighbour, is too low.
            child
        },
        "order",
    ),
    (
        "entries",
        |file| {
            let (record, page) = file.record();
            file.set_word(record + ENTRIES, 7);
            page
        },
        "counts 7 entries",
    ),
    (
        "depth of another tree",
        |file| {
            let (record, _) = file.record();
            file.bytes[record + DEPTH] = 1;
            file.pages(1)[0]
        },
        "its flags",
    ),
    (
        "depth without end",
        |file| {
            let (record, page) = file.record();
            file.bytes[record + DEPTH..record + DEPTH + 2].fill(0xff);
            page
        },
        "depth",
    ),
    (
        "a root that is a header page",
        |file| {
            let (record, page) = file.record();
            file.set_word(record + ROOT, 1);
            page
        },
        "it leads to page 1",
    ),
    (
        "overflow cut short",
        |file| {
            let page = file.pages(4)[0];
            file.bytes[page * page_size() + 12] = 1;
            page
        },
        "cannot hold",
    ),
    (
        "overflow beyond the file",
        |file| {
            let page = file.pages(4)[0];
            file.bytes[page * page_size() + 12..][..4].fill(0xff);
            page
        },
        "it leads to page",
    ),
    (
        "flags of a database",
        |file| {
            let (record, page) = file.record();
            file.bytes[record + 5] = 0x40;
            page
        },
        "flags",
    ),
    // The next kinds can come from one changed bit, or a hostile file, and LMDB does not survive them: it crashes at the
    // first walk or write, allocates pages twice, or leaves pages that the next deletion corrupts.
    (
        "an empty key",
        |file| {
            let page = file.pages(2)[1];
            let at = file.node(page, 0);
            // As much space as before.
            file.bytes[at] += u8::try_from(file.short(at + 6)).unwrap();
            file.bytes[at + 6] = 0;
            page
        },
        "length",
    ),
    (
        "an offset to the end of the page, where a key is empty",
        |file| {
            let page = file.pages(2)[1];
            let end = (page + 1) * page_size();
            file.bytes[end - 8..end].fill(0);
            let last = u16::try_from(page_size() - 8).unwrap();
            file.bytes[page * page_size() + PAGE_HEADER..][..2].copy_from_slice(&last.to_ne_bytes());
            page
        },
        "belongs to no node",
    ),
    (
        "the first key and the last one swapped",
        |file| {
            let page = file.pages(2)[1];
            let at = page * page_size() + PAGE_HEADER;
            let last = at + usize::from(file.short(at - 4)) - PAGE_HEADER - 2;
            let (first, other) = (file.short(at), file.short(last));
            file.bytes[at..at + 2].copy_from_slice(&other.to_ne_bytes());
            file.bytes[last..last + 2].copy_from_slice(&first.to_ne_bytes());
            page
        },
        "order",
    ),
    (
        "a gap between nodes",
        |file| {
            let page = file.pages(2)[1];
            let at = file.node(page, 1);
            file.bytes[at] -= 2;
            page
        },
        "belongs to no node",
    ),
    (
        "a gap below all nodes",
        |file| {
            let page = file.pages(2)[1];
            file.bytes[page * page_size() + 14] -= 2;
            page
        },
        "belongs to no node",
    ),
    (
        "an entry longer than half a page",
        |file| {
            let page = file.pages(2)[1];
            let at = page * page_size();
            let key = file.node(page, 0) + 8;
            let key = file.bytes[key..key + 8].to_vec();
            let (length, node) = (page_size() / 2 + 200, at + page_size() / 2 - 200);
            file.set_word(at + PAGE_HEADER, page_size() / 2 - 200);
            // One entry, from there to the end, and its two sizes.
            file.set_word(at + 8, 2 << 16 | 18 << 32 | (page_size() / 2 - 200) << 48);
            file.set_word(node, (length - 16) | 8 << 48);
            file.bytes[node + 8..node + 16].copy_from_slice(&key);
            page
        },
        "an entry takes",
    ),
    (
        "a free list with several values for a key",
        |file| {
            let header = file.header();
            file.bytes[header + RECORDS + 4] |= 4;
            header / page_size()
        },
        "flags",
    ),
    (
        "a database of values of one width, one for each key",
        |file| {
            let (record, page) = file.record();
            file.bytes[record + 4] = 0x10;
            page
        },
        "flags",
    ),
    (
        "a depth that leaves no room for a new root",
        |file| {
            let (record, page) = file.record();
            file.bytes[record + DEPTH] = 32;
            page
        },
        "depth",
    ),
    (
        "the last number of a commit",
        |file| {
            for header in [0, page_size()] {
                file.set_word(header + LAST_PAGE + 8, usize::MAX);
            }
            1
        },
        "no room",
    ),
    (
        "the last number of a commit but one",
        |file| {
            file.set_word(LAST_PAGE + 8, usize::MAX - 1);
            file.set_word(page_size() + LAST_PAGE + 8, usize::MAX);
            1
        },
        "no room",
    ),
    (
        "one commit that is two",
        |file| {
            let txn = file.word(page_size() + LAST_PAGE + 8);
            file.set_word(LAST_PAGE + 8, txn);
            0
        },
        "of the same",
    ),
    (
        "a header page of another commit",
        |file| {
            let txn = file.word(page_size() + LAST_PAGE + 8);
            file.set_word(LAST_PAGE + 8, (txn + 1) | 1);
            0
        },
        "commit's number",
    ),
];

#[test]
fn each_kind_of_damage_is_named() {
    let whole = DataFile::new(true);
    for &(kind, damage, said) in DAMAGES {
        let mut file = DataFile { bytes: whole.bytes.clone(), dir: tempfile::tempdir().unwrap() };
        let page = damage(&mut file);
        let error = file.open("damaged").unwrap_err();
        assert_eq!(error.status(), Status::Corrupted, "{kind}: {error}");
        assert!(error.message().contains(&format!("page {page} ")), "{kind}, {page}: {error}");
        assert!(error.message().contains(said), "{kind}: {error}");
    }
}

/// A walk over an unverified file took the address of an empty key, which LMDB leaves unset, for one in a page, and the
/// process crashed; in a page whose keys are out of order it looped for ever.
#[test]
fn a_walk_over_unchecked_damage_ends() {
    let whole = DataFile::new(true);
    for kind in [
        "an empty key",
        "an offset to the end of the page, where a key is empty",
        "swapped keys",
        "the first key and the last one swapped",
    ] {
        let mut file = DataFile { bytes: whole.bytes.clone(), dir: tempfile::tempdir().unwrap() };
        let (_, damage, _) = DAMAGES.iter().find(|(name, ..)| *name == kind).unwrap();
        damage(&mut file);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("data.mdb"), &file.bytes).unwrap();
        assert!(
            common::in_child(|| {
                let env = Environment::open(dir.path(), &options()).unwrap();
                let dict = Dict::<i64, Vec<u8>>::open(&env, "dict").unwrap();
                assert!(dict.iter().unwrap().take(1000).take_while(Result::is_ok).count() < 1000);
                assert!(dict.iter().unwrap().reversed().take(1000).take_while(Result::is_ok).count() < 1000);
            }),
            "{kind}"
        );
    }
    // In the unnamed collection, where the walk searches for names.
    let mut file = DataFile { bytes: whole.bytes.clone(), dir: tempfile::tempdir().unwrap() };
    let (_, main) = file.record();
    let at = file.node(main, 0);
    file.bytes[at + 6..at + 8].fill(0);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("data.mdb"), &file.bytes).unwrap();
    assert!(common::in_child(|| {
        let env = Environment::open(dir.path(), &options()).unwrap();
        drop(env.collections());
    }));
}

/// The free list: the place of each list, and its numbers.
fn free_lists(file: &DataFile) -> Vec<(usize, Vec<usize>)> {
    let root = file.word(RECORDS + ROOT);
    assert_eq!(file.short(RECORDS + DEPTH), 1);
    let count = (usize::from(file.short(root * page_size() + 12)) - PAGE_HEADER) / 2;
    let lists = (0..count).map(|index| {
        let at = file.node(root, index) + 8 + 8;
        (at, (1..=file.word(at)).map(|index| file.word(at + 8 * index)).collect())
    });
    lists.collect()
}

#[test]
fn used_pages_in_the_free_list_are_named() {
    let whole = DataFile::new(false);
    let lists = free_lists(&whole);
    let free: BTreeSet<usize> = lists.iter().flat_map(|(_, list)| list.clone()).collect();
    let highest = whole.word(LAST_PAGE);
    let (at, list) = lists.iter().max_by_key(|(_, list)| list.len()).unwrap().clone();
    assert!(list.len() > 1, "{lists:?}");
    let check = |damage: &dyn Fn(&mut DataFile), page: usize, said: &str| {
        let mut file = DataFile { bytes: whole.bytes.clone(), dir: tempfile::tempdir().unwrap() };
        damage(&mut file);
        let error = file.open("damaged").unwrap_err();
        assert_eq!(error.status(), Status::Corrupted, "{error}");
        assert!(error.message().contains(&format!("page {page} ")), "{page}: {error}");
        assert!(error.message().contains(said), "{error}");
    };
    let root = whole.word(RECORDS + ROOT);
    // Listed at a place that the order allows.
    let used = (2..=highest).rev().find(|page| !free.contains(page) && *page > list[1]).unwrap();
    check(&|file| file.set_word(at + 8, used), used, "listed twice");
    check(&|file| file.set_word(at + 8, highest + 1), root, "as free");
    check(&|file| file.set_word(at + 8, list[1]), root, "in order");
    check(&|file| file.set_word(at, 1 << 40), root, "longer than its room");
    check(&|file| file.set_word(at - 8, 1 << 40), root, "commit");
    // LMDB looks for lists from 1 on: it would reuse the pages of this one again and again.
    let first = lists.iter().map(|(at, _)| *at).min_by_key(|at| whole.word(at - 8)).unwrap();
    check(&|file| file.set_word(first - 8, 0), root, "commit");
    // A page that is no longer listed is lost, which is not damage.
    let mut file = DataFile { bytes: whole.bytes.clone(), dir: tempfile::tempdir().unwrap() };
    file.set_word(at, list.len() - 1);
    assert_eq!(file.open("lost").unwrap().check().unwrap().lost, 1);
}

/// After a crash of a system without durability, the older header page may be of any commit before the newest.
#[test]
fn an_older_header_page_of_any_commit_is_not_damage() {
    let mut file = DataFile::new(true);
    let txn = |file: &DataFile, page: usize| file.word(page * page_size() + LAST_PAGE + 8);
    let newest = usize::from(txn(&file, 1) > txn(&file, 0));
    let later = txn(&file, newest) + 2;
    file.set_word(newest * page_size() + LAST_PAGE + 8, later);
    file.open("env").unwrap();
}

/// A check of an undamaged environment reported damage, and a copy of it failed. Another process had been killed after its
/// commit wrote the header page and before it published the commit's number. So snapshots were of the commit before,
/// and both calls took the newer header for the work of a running writer.
#[test]
fn a_commit_cut_off_before_its_publication_is_not_damage() {
    const PATH: &str = "PC_CHECK_PATH";
    if let Some(path) = std::env::var_os(PATH) {
        sound(&Environment::open(path, &verifying()).unwrap());
        return;
    }
    let Scratch { env, .. } = &scratch();
    let dict = Dict::<i64, i64>::open(env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    let path = env.path().join("data.mdb");
    let data = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut headers = vec![0; 2 * page_size()];
    data.read_exact_at(&mut headers, 0).unwrap();
    let number = |at: usize| {
        let at = at * page_size() + HEADER_END - 8;
        u64::from_ne_bytes(headers[at..at + 8].try_into().unwrap())
    };
    // The next commit, with the same content, in the header page of the commit before the last.
    let last = usize::from(number(1) > number(0));
    let mut next = headers[last * page_size()..][..HEADER_END].to_vec();
    let older = 1 - last;
    next[..8].copy_from_slice(&(older as u64).to_ne_bytes());
    next[HEADER_END - 8..].copy_from_slice(&(number(last) + 1).to_ne_bytes());
    data.write_all_at(&next, (older * page_size()) as u64).unwrap();

    sound(env);
    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("copy");
    env.copy_to(&copy, false).unwrap();
    let copy = Environment::open(&copy, &verifying()).unwrap();
    assert_eq!(Dict::<i64, i64>::open(&copy, "dict").unwrap().get(&1).unwrap(), Some(1));
    // Another process reads the same lock file, and checks the data file before it opens it.
    let opened = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_commit_cut_off_before_its_publication_is_not_damage"])
        .env(PATH, env.path())
        .status();
    assert!(opened.unwrap().success());
}
