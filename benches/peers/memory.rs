//! Data that is ten times as large as the memory, which a cgroup limits: this library, LMDB with and without its read-ahead,
//! and redb, one after another. Where `PC_BENCH_PYTHON` names a Python with `rocksdict`, `RocksDB` too.
//!
//! `-- memory --mib N` has N MiB of data (10,240 unless said otherwise) and a tenth of it as memory. Needs root, for the cgroup,
//! and twice the data as room on the disk. *Cold*: no page of the files is in memory at first.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::data::{Numbers, values};
use crate::measure::Scale;
use crate::report::{self, Report, Row};
use crate::stores::{Kind, Store};

const KINDS: [Kind; 4] = [Kind::Ours, Kind::Bare, Kind::NoReadAhead, Kind::Redb];
const VALUE: usize = 1_000;
/// Records of a transaction of the load: its pages fit into the memory.
const BATCH: usize = 10_000;

pub fn rows(report: &mut Report, dir: &Path, _: Scale) {
    let mib = std::env::args().skip_while(|argument| argument != "--mib").nth(1);
    let bytes = mib.map_or(10_240, |mib| mib.parse::<u64>().unwrap()) << 20;
    for kind in KINDS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--child", "memory", kind.name()]);
        measure(report, kind.name(), dir, bytes, command);
    }
    if let Some(python) = std::env::var_os("PC_BENCH_PYTHON") {
        let mut command = Command::new(python);
        command.arg(report::root().join("bindings/python/bench/peers_memory.py"));
        measure(report, "RocksDB", dir, bytes, command);
    }
}

/// Runs a process in a group of its own, which gets a place and a number of keys, and reports a line for each figure.
fn measure(report: &mut Report, who: &str, dir: &Path, bytes: u64, mut command: Command) {
    let keys = bytes / (VALUE as u64 + 8);
    let group = Cgroup::new(bytes / 10).expect("a cgroup that limits memory: is this root, on Linux?");
    let place = dir.join(format!("memory {who}"));
    let mut child = command
        .arg(&place)
        .arg(keys.to_string())
        // The caches of their own that some stores have; half of the memory.
        .env("PC_BENCH_CACHE", (bytes / 20).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    group.take(&child).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let step: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (what, unit) = (step["what"].as_str().unwrap(), step["unit"].as_str().unwrap());
        let mut row = Row::new("memory", what, who, unit, step["figure"].as_f64().unwrap())
            .with("keys", keys)
            .with("value", VALUE)
            .with("memory", bytes / 10)
            .with("clock", "wall");
        for name in ["p50", "p99"] {
            if let Some(figure) = step[name].as_f64() {
                row = row.figure(name, figure);
            }
        }
        report.add(row);
    }
    let status = child.wait().unwrap();
    if !status.success() {
        // The system kills a process that needs more memory than there is: the rows of this store end here, and others follow.
        eprintln!("{who} ended with {status}: the rows that are missing were not measured");
    }
    std::fs::remove_dir_all(&place).unwrap();
}

/// What the process in the group does: KIND PLACE KEYS.
pub fn child(arguments: &[String]) {
    let [kind, place, keys] = arguments else { panic!("three arguments, not {arguments:?}") };
    let kind = KINDS.into_iter().find(|known| known.name() == kind).unwrap();
    let (place, keys, value) = (Path::new(place), keys.parse::<u64>().unwrap(), values(VALUE));
    std::io::stdin().lines().next().unwrap().unwrap();

    let begun = Instant::now();
    let store = kind.open(place, false);
    for first in (0..keys).step_by(BATCH) {
        let batch: Vec<u64> = (first..keys.min(first + BATCH as u64)).collect();
        store.load(&batch, &value, true);
    }
    drop(store);
    sync(place);
    tell("bulk load, sorted, synced at the end, a record", begun.elapsed().as_nanos() as f64 / keys as f64);

    forget(place);
    let begun = Instant::now();
    let store = kind.open(place, false);
    black_box(store.reader().get(0));
    tell("open and a first get, cold", begun.elapsed().as_nanos() as f64);
    reads(store.as_ref(), keys);
    drop(store);
    forget(place);
    let store = kind.open(place, false);
    let (mut numbers, mut reader) = (Numbers(9), store.reader());
    each("range of 100 records, cold", 200, || {
        let start = numbers.below(keys - 100);
        black_box(reader.range(start, start + 100));
    });
    drop(reader);
    drop(store);
    let begun = Instant::now();
    let mut store = kind.open(place, false);
    tell("open, warm", begun.elapsed().as_nanos() as f64);
    let mut numbers = Numbers(13);
    each("put, random keys", 500, || {
        let key = numbers.below(keys);
        store.put(key, value(key + 1));
    });
    let begun = Instant::now();
    if store.check() {
        tell("check", begun.elapsed().as_nanos() as f64);
    }
    let copy = place.with_extension("copy");
    let begun = Instant::now();
    if store.compact(&copy) {
        tell("compact", begun.elapsed().as_nanos() as f64);
        let _ = std::fs::remove_dir_all(&copy);
    }
    drop(store);
    let store = kind.open(place, true);
    let mut numbers = Numbers(17);
    each("put, durable, random keys", 100, || {
        let key = numbers.below(keys);
        store.put(key, value(key + 2));
    });
}

fn reads(store: &dyn Store, keys: u64) {
    let mut reader = store.reader();
    let mut numbers = Numbers(19);
    each("get, random keys, cold", 500, || {
        black_box(reader.get(numbers.below(keys)));
    });
    let hot: Vec<u64> = (0..100).map(|_| numbers.below(keys)).collect();
    for key in &hot {
        black_box(reader.get(*key));
    }
    let mut again = hot.iter().cycle();
    each("get, a hundred keys again and again, warm", 2_000, || {
        black_box(reader.get(*again.next().unwrap()));
    });
    let mut numbers = Numbers(23);
    each("get, random keys, when the memory is full", 2_000, || {
        black_box(reader.get(numbers.below(keys)));
    });
    drop(reader);
    // As many as are asked for in one call fit into the memory.
    let mut numbers = Numbers(29);
    let asked: Vec<u64> = (0..1_000).map(|_| numbers.below(keys)).collect();
    let begun = Instant::now();
    black_box(store.reader().get_many(&asked));
    tell("get_many, 1,000 random keys, a key", begun.elapsed().as_nanos() as f64 / 1_000.0);
}

/// Reports one figure.
fn tell(what: &str, nanoseconds: f64) {
    println!("{}", json!({ "what": what, "figure": nanoseconds, "unit": "ns" }));
}

/// Reports the mean, the median and the 99th percentile of some operations.
fn each(what: &str, times: usize, mut one: impl FnMut()) {
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            one();
            begun.elapsed()
        })
        .collect();
    taken.sort_unstable();
    let at = |part: usize| taken[taken.len() * part / 100].as_nanos() as f64;
    let mean = taken.iter().sum::<Duration>().as_nanos() as f64 / times as f64;
    println!("{}", json!({ "what": what, "figure": mean, "unit": "ns", "p50": at(50), "p99": at(99) }));
}

/// The files of a store, in folders below it too.
fn files(place: &Path, of: &mut impl FnMut(std::fs::File)) {
    for entry in std::fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, of);
        } else {
            of(std::fs::File::open(path).unwrap());
        }
    }
}

fn sync(place: &Path) {
    files(place, &mut |file| file.sync_all().unwrap());
}

/// Has the system drop its pages of the files of a store that is closed.
fn forget(place: &Path) {
    sync(place);
    files(place, &mut |file| {
        // SAFETY: the descriptor is open.
        assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) }, 0);
    });
}
