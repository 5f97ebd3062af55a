//! Processes with several threads use one environment, which starts small, in every way at once, and are killed at any
//! moment: commits stay, sums are right, and a name never shows the elements of another.
//!
//! `PC_TORTURE_ROUNDS` is the number of killed processes: a few in the tests, many with `make torture`.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use persistent_collections::{Dict, Durability, Environment, Error, Options, Set, Status};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const PROCESSES: usize = 3;
const THREADS: usize = 3;
const ACCOUNTS: i64 = 50;
const TOTAL: i64 = ACCOUNTS * 100;
const NAMES: i64 = 6;
/// The byte that a process writes after each step.
const STEP: u8 = 1;
const DIRECTORY: &str = "PC_TORTURE_DIRECTORY";
const PROCESS: &str = "PC_TORTURE_PROCESS";
const SEED: &str = "PC_TORTURE_SEED";

fn options() -> Options {
    Options::new().map_size(1 << 20).durability(Durability::None)
}

/// The commits that a thread was acknowledged, in the system's page cache, which survives a kill.
struct Told(File);

impl Told {
    fn open(directory: &Path, who: &str) -> Told {
        let path = directory.join(format!("told-{who}"));
        Told(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap())
    }

    fn get(&self, slot: u64) -> i64 {
        let mut bytes = [0; 8];
        match self.0.read_exact_at(&mut bytes, slot * 8) {
            Ok(()) => i64::from_le_bytes(bytes),
            Err(_) => 0,
        }
    }

    fn set(&self, slot: u64, number: i64) {
        self.0.write_all_at(&number.to_le_bytes(), slot * 8).unwrap();
    }
}

/// One thread of one process; the process that follows a killed one continues in its place.
struct Worker {
    env: Environment,
    who: String,
    log: Dict<String, Vec<u8>>,
    accounts: Dict<i64, i64>,
    counts: Dict<String, i64>,
    told: Told,
    random: StdRng,
    directory: PathBuf,
}

const LOGGED: u64 = 0;
const COUNTED: u64 = 1;

fn content_of(number: i64) -> Vec<u8> {
    vec![u8::try_from(number % 251).unwrap(); usize::try_from(number * 7919 % 9000).unwrap()]
}

impl Worker {
    fn new(env: &Environment, directory: &Path, who: String, seed: u64) -> Worker {
        let worker = Worker {
            log: Dict::open(env, "log").unwrap(),
            accounts: Dict::open(env, "accounts").unwrap(),
            counts: Dict::open(env, "counts").unwrap(),
            told: Told::open(directory, &who),
            random: StdRng::seed_from_u64(seed),
            env: env.clone(),
            directory: directory.to_owned(),
            who,
        };
        worker.find_what_was_committed();
        worker
    }

    fn key(&self, number: i64) -> String {
        format!("{}:{number:09}", self.who)
    }

    /// Checks that all acknowledged commits are there, and at most one more per thread, whose process was killed before it could
    /// record it.
    fn find_what_was_committed(&self) {
        let own = format!("{}:", self.who);
        let mut last = 0;
        for entry in self.log.prefix(&own).unwrap() {
            let (key, value) = entry.unwrap();
            last += 1;
            assert_eq!(key, self.key(last), "no record is missing");
            assert!(value == content_of(last), "{key} is as it was written");
        }
        let told = self.told.get(LOGGED);
        assert!(last == told || last == told + 1, "{}: {told} records were told, {last} are there", self.who);
        self.told.set(LOGGED, last);
        let counted = self.counts.get(&self.who).unwrap().unwrap_or(0);
        let told = self.told.get(COUNTED);
        assert!(counted == told || counted == told + 1, "{}: {told} were counted, {counted} kept", self.who);
        self.told.set(COUNTED, counted);
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..30 => self.append(),
            30..50 => self.count(),
            50..70 => self.transfer(),
            70..80 => self.audit(),
            80..97 => self.use_a_name(),
            97..99 => self.drop_a_name(),
            _ => self.back_up(),
        }
    }

    fn append(&mut self) {
        let next = self.told.get(LOGGED) + 1;
        self.log.put(&self.key(next), &content_of(next)).unwrap();
        self.told.set(LOGGED, next);
        let any = self.random.random_range(1..=next);
        assert!(self.log.get(&self.key(any)).unwrap().unwrap() == content_of(any));
    }

    fn count(&mut self) {
        let counted = self.counts.increment(&self.who, 1).unwrap();
        self.told.set(COUNTED, counted);
    }

    fn transfer(&mut self) {
        let (from, to) = (self.random.random_range(0..ACCOUNTS), self.random.random_range(0..ACCOUNTS));
        let (amount, undo) = (self.random.random_range(1..50), self.random.random_bool(0.2));
        let moved = self.env.transaction(|| {
            self.accounts.increment(&from, -amount)?;
            let inner = self.env.begin_write()?;
            self.accounts.increment(&to, 1000)?;
            inner.abort()?;
            if undo {
                return Err(Error::new(Status::Overflow, "undone on purpose"));
            }
            self.accounts.increment(&to, amount)?;
            Ok(())
        });
        assert_eq!(moved.err().map(|error| error.status()), undo.then_some(Status::Overflow));
    }

    fn audit(&mut self) {
        let sum = || -> Result<i64, Error> {
            self.accounts.iter()?.map(|account| account.map(|(_, amount)| amount)).sum()
        };
        assert_eq!(sum().unwrap(), TOTAL);
        let (first, again) = self
            .env
            .snapshot(|| Ok::<_, Error>((self.counts.get(&self.who)?, self.counts.get(&self.who)?)))
            .unwrap();
        assert_eq!(first, again);
        assert_eq!(self.env.snapshot(sum).unwrap(), TOTAL);
    }

    /// Elements contain the name that they belong to.
    fn use_a_name(&mut self) {
        let name = self.random.random_range(0..NAMES);
        let element = self.random.random_range(0..1000) * NAMES + name;
        let used = (|| {
            let set = Set::<i64>::open(&self.env, &format!("name{name}"))?;
            set.add(&element)?;
            for found in set.iter()? {
                let found = found?;
                assert_eq!(found % NAMES, name, "an element of another name");
            }
            set.remove(&element)
        })();
        // Another thread or process has dropped it in between.
        if let Err(error) = used {
            assert_eq!(error.status(), Status::NoCollection, "{error}");
        }
    }

    fn drop_a_name(&mut self) {
        let name = self.random.random_range(0..NAMES);
        self.env.drop_collection(&format!("name{name}")).unwrap();
    }

    fn back_up(&mut self) {
        let path = self.directory.join(format!("copy-{}", self.who));
        // The unfinished copy of a killed predecessor is beside it.
        let _ = std::fs::remove_dir_all(&path);
        self.env.copy_to(&path, self.random.random_bool(0.5)).unwrap();
        let copy = Environment::open(&path, &options().check_on_open(true)).unwrap();
        let accounts = Dict::<i64, i64>::open(&copy, "accounts").unwrap();
        assert_eq!(accounts.iter().unwrap().map(|account| account.unwrap().1).sum::<i64>(), TOTAL);
        drop((accounts, copy));
        std::fs::remove_dir_all(&path).unwrap();
    }
}

/// Works until it is killed, and reports every step.
fn work(directory: &Path) {
    let process = std::env::var(PROCESS).unwrap();
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    // A thread that fails ends the process, so that the parent notices.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        hook(info);
        std::process::exit(99);
    }));
    let env = Environment::open(directory.join("env"), &options()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (env, who) = (&env, format!("p{process}t{thread}"));
            scope.spawn(move || {
                let mut worker = Worker::new(env, directory, who, seed + thread as u64);
                loop {
                    worker.step();
                    std::io::stderr().write_all(&[STEP]).unwrap();
                }
            });
        }
    });
}

fn start(directory: &Path, process: usize, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes_that_are_killed_at_any_moment_lose_nothing", "--nocapture"])
        .envs([(PROCESS, process.to_string()), (SEED, seed.to_string())])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for some steps of a process. Fails with its message if it ends.
fn follow(child: &mut Child, steps: usize) {
    let (mut left, mut said) = (steps, Vec::new());
    let mut bytes = [0; 1];
    while left > 0 {
        if child.stderr.as_mut().unwrap().read(&mut bytes).unwrap() == 0 {
            let status = child.wait().unwrap();
            panic!("a process ended: {status}: {}", String::from_utf8_lossy(&said));
        }
        if bytes == [STEP] { left -= 1 } else { said.extend(bytes) }
    }
}

#[test]
fn processes_that_are_killed_at_any_moment_lose_nothing() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return work(Path::new(&directory));
    }
    let rounds: u64 = std::env::var("PC_TORTURE_ROUNDS").map_or(12, |rounds| rounds.parse().unwrap());
    let seed: u64 =
        std::env::var("PC_TORTURE_SEED_OF_ALL").map_or_else(|_| rand::rng().random(), |s| s.parse().unwrap());
    println!("PC_TORTURE_SEED_OF_ALL={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let env = Environment::open(directory.path().join("env"), &options()).unwrap();
    let accounts = Dict::<i64, i64>::open(&env, "accounts").unwrap();
    accounts
        .put_many((0..ACCOUNTS).map(|n| (n, 100)).collect::<Vec<_>>().iter().map(|(n, a)| (n, a)))
        .unwrap();
    let mut children: Vec<Child> =
        (0..PROCESSES).map(|process| start(directory.path(), process, random.random())).collect();
    for _ in 0..rounds {
        let process = random.random_range(0..PROCESSES);
        follow(&mut children[process], random.random_range(1..600));
        children[process].kill().unwrap();
        children[process].wait().unwrap();
        children[process] = start(directory.path(), process, random.random());
    }
    for child in &mut children {
        // Each has found the writes of its predecessors.
        follow(child, THREADS * 5);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(accounts.iter().unwrap().map(|account| account.unwrap().1).sum::<i64>(), TOTAL);
    env.check().unwrap();
    env.reap_readers().unwrap();
    assert_eq!(
        env.readers().unwrap().iter().filter(|reader| reader.process != std::process::id()).count(),
        0
    );
}
