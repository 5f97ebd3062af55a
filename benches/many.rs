//! Gets where there are very many collections, beside LMDB itself with the same names and one number open.
//!
//! `cargo bench --bench many`: prints nanoseconds and ratios, the best of rounds that take turns; with `-- --check` it also
//! fails where the project's bounds are broken. `-- --quick` makes fewer names.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::ffi::CString;
use std::hint::black_box;
use std::path::Path;
use std::ptr;
use std::time::Instant;

use persistent_collections::{Dict, Durability, Environment, Options};

const ROUNDS: usize = 15;
const GETS: usize = 200_000;

/// Raw LMDB with one named database open.
struct Bare {
    env: *mut lmdb_sys::MDB_env,
    txn: *mut lmdb_sys::MDB_txn,
    dbi: lmdb_sys::MDB_dbi,
}

impl Bare {
    fn open(path: &Path, name: &str) -> Bare {
        let (path, name) = (CString::new(path.to_str().unwrap()).unwrap(), CString::new(name).unwrap());
        let mut bare = Bare { env: ptr::null_mut(), txn: ptr::null_mut(), dbi: 0 };
        // SAFETY: LMDB's calls in the order that its manual gives; every pointer is valid for its call.
        unsafe {
            assert_eq!(lmdb_sys::mdb_env_create(&raw mut bare.env), 0);
            assert_eq!(lmdb_sys::mdb_env_set_maxdbs(bare.env, 1), 0);
            let flags = lmdb_sys::MDB_NOTLS | lmdb_sys::MDB_RDONLY;
            assert_eq!(lmdb_sys::mdb_env_open(bare.env, path.as_ptr(), flags, 0o644), 0);
            let begin = |txn| lmdb_sys::mdb_txn_begin(bare.env, ptr::null_mut(), lmdb_sys::MDB_RDONLY, txn);
            assert_eq!(begin(&raw mut bare.txn), 0);
            assert_eq!(lmdb_sys::mdb_dbi_open(bare.txn, name.as_ptr(), 0, &raw mut bare.dbi), 0);
            assert_eq!(lmdb_sys::mdb_txn_commit(bare.txn), 0);
            assert_eq!(begin(&raw mut bare.txn), 0);
            lmdb_sys::mdb_txn_reset(bare.txn);
        }
        bare
    }

    fn get(&self, key: i64) -> i64 {
        let key = (key ^ i64::MIN).to_be_bytes();
        let mut k = lmdb_sys::MDB_val { mv_size: 8, mv_data: key.as_ptr().cast_mut().cast() };
        let mut v = lmdb_sys::MDB_val { mv_size: 0, mv_data: ptr::null_mut() };
        // SAFETY: the transaction is reset between the calls, and what it finds is read before that.
        unsafe {
            assert_eq!(lmdb_sys::mdb_txn_renew(self.txn), 0);
            assert_eq!(lmdb_sys::mdb_get(self.txn, self.dbi, &raw mut k, &raw mut v), 0);
            let value = v.mv_data.cast::<[u8; 8]>().read();
            lmdb_sys::mdb_txn_reset(self.txn);
            i64::from_le_bytes(value)
        }
    }
}

fn name(n: usize) -> String {
    format!("collection {n:06}")
}

fn open(path: &Path) -> Environment {
    Environment::open(path, &Options::default().durability(Durability::None)).unwrap()
}

/// The nanoseconds of one of `count`.
fn time(count: usize, mut one: impl FnMut(usize)) -> f64 {
    let begun = Instant::now();
    (0..count).for_each(&mut one);
    begun.elapsed().as_nanos() as f64 / count as f64
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let (names, handles) = if has("--quick") { (5_000, 2_000) } else { (100_000, 20_000) };
    let dir = tempfile::tempdir().unwrap();
    let (path, copy, one) = (dir.path().join("many"), dir.path().join("copy"), dir.path().join("one"));
    let env = open(&path);
    for first in (0..names).step_by(500) {
        env.transaction(|| {
            (first..first + 500).try_for_each(|n| Dict::<i64, i64>::open(&env, &name(n))?.put(&1, &1))
        })
        .unwrap();
    }
    assert!(env.copy_to(&copy, true).unwrap());
    drop(env);
    // Anew, since the transactions of before have given out many numbers at once.
    let env = open(&path);
    let dicts: Vec<_> = (0..handles).map(|n| Dict::<i64, i64>::open(&env, &name(n)).unwrap()).collect();
    let bare = Bare::open(&copy, &name(handles / 2));
    let single_env = open(&one);
    let single = Dict::<i64, i64>::open(&single_env, "one").unwrap();
    single.put(&1, &1).unwrap();
    let hot = &dicts[handles / 2];

    let mut best = [f64::MAX; 5];
    for _ in 0..ROUNDS {
        let in_snapshot = |env: &Environment, dict: &Dict<i64, i64>| {
            let snapshot = env.begin_snapshot().unwrap();
            dict.get(&1).unwrap();
            let time = time(GETS, |_| {
                black_box(dict.get(&1).unwrap());
            });
            snapshot.commit().unwrap();
            time
        };
        let times = [
            time(GETS, |_| {
                black_box(bare.get(1));
            }),
            time(GETS, |_| {
                black_box(hot.get(&1).unwrap());
            }),
            in_snapshot(&single_env, &single),
            in_snapshot(&env, hot),
            time(GETS / 10, |n| {
                black_box(dicts[n * 7919 % handles].get(&1).unwrap());
            }),
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time);
        }
    }
    let [bare, hot, single, snapshot, random] = best;
    println!(
        "{names} collections, {handles} of them open here; nanoseconds of one get, best of {ROUNDS} rounds"
    );
    println!("LMDB, one number open:          {bare:7.0}");
    println!("one of them, again and again:   {hot:7.0}  {:.2} × LMDB", hot / bare);
    println!(
        "in a snapshot, from the second: {snapshot:7.0}  {:.2} × with one collection",
        snapshot / single
    );
    println!("any of them, each open:         {random:7.0}");
    if has("--check") {
        assert!(hot / bare <= 1.5 && snapshot / single <= 1.25 && random <= 15.0 * bare, "a bound is broken");
    }
}
