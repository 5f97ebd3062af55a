//! Calls on PostgreSQL beside raw SQL through the same libpq, in one run.
//!
//! `PC_POSTGRES_URL=postgresql://… cargo bench --bench postgres`: prints the least of many interleaved rounds, and the
//! ratio of ours to raw SQL. `-- --quick` makes fewer rounds; a word selects rows. `benches/README.md` describes the JSON.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_truncation)]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, clippy::too_many_lines)]

mod bare;

use std::collections::HashSet;
use std::time::Instant;

use bare::{Bare, array_of};
use persistent_collections::{Dict, Durability, Environment, Options};

const RECORDS: usize = 100_000;
const VALUE: usize = 100;
const BYTEA: u32 = 17;
const BYTEA_ARRAY: u32 = 1001;

fn record(n: usize) -> (Vec<u8>, Vec<u8>) {
    (format!("key{:08}", n * 7919 % RECORDS).into_bytes(), vec![7; VALUE])
}

fn pairs(records: &[(Vec<u8>, Vec<u8>)]) -> impl Iterator<Item = (&[u8], &[u8])> {
    records.iter().map(|(key, value)| (&key[..], &value[..]))
}

/// One row: what it does `count` times a round, and both ways to do it.
struct Row<'a> {
    name: &'static str,
    count: usize,
    rounds: usize,
    ours: Box<dyn FnMut(usize) + 'a>,
    raw: Box<dyn FnMut(usize) + 'a>,
}

impl Row<'_> {
    /// Returns the least time of each way, in microseconds for one of `count`.
    fn measure(&mut self) -> (f64, f64) {
        let (mut ours, mut raw) = (f64::MAX, f64::MAX);
        for round in 0..self.rounds {
            for (run, least) in [(&mut self.ours, &mut ours), (&mut self.raw, &mut raw)] {
                let begun = Instant::now();
                run(round);
                *least = least.min(begun.elapsed().as_secs_f64() * 1e6 / self.count as f64);
            }
        }
        (ours, raw)
    }
}

/// Removes the library's own parameters from a URL.
fn for_libpq(url: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let own: HashSet<_> = ["schema", "pool", "writers", "prepare", "notify", "answer_timeout"].into();
    let rest: Vec<_> =
        query.split('&').filter(|p| !own.contains(p.split('=').next().unwrap_or(""))).collect();
    format!("{base}?{}", rest.join("&"))
}

fn main() {
    let url =
        std::env::var("PC_POSTGRES_URL").expect("set PC_POSTGRES_URL to a database that may be written");
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = |full: usize| if quick { full.div_ceil(5) } else { full };
    let separator = if url.contains('?') { '&' } else { '?' };
    let options = |durability| Options::new().durability(durability);
    let open = |schema: &str, durability| {
        Environment::open(format!("{url}{separator}schema={schema}"), &options(durability)).unwrap()
    };
    let raw = Bare::connect(&for_libpq(&url));
    raw.exec("SET client_min_messages = warning");
    raw.exec("DROP SCHEMA IF EXISTS pc_bench CASCADE");
    raw.exec("DROP SCHEMA IF EXISTS pc_bench_sync CASCADE");
    raw.exec("DROP SCHEMA IF EXISTS pc_bench_raw CASCADE");
    raw.exec("CREATE SCHEMA pc_bench_raw");
    raw.exec("CREATE TABLE pc_bench_raw.t (key bytea PRIMARY KEY, value bytea NOT NULL)");
    raw.exec("CREATE TABLE pc_bench_raw.empty (key bytea PRIMARY KEY, value bytea NOT NULL)");
    let env = open("pc_bench", Durability::None);
    let synced = open("pc_bench_sync", Durability::Full);
    let dict = Dict::<Vec<u8>, Vec<u8>>::open(&env, "records").unwrap();
    let empty = Dict::<Vec<u8>, Vec<u8>>::open(&env, "empty").unwrap();
    let durable = Dict::<Vec<u8>, Vec<u8>>::open(&synced, "records").unwrap();
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    dict.put_many(pairs(&records)).unwrap();
    raw.copy_in("pc_bench_raw.t", &records);
    raw.exec("VACUUM ANALYZE");
    let t = "pc_bench_raw.t";
    let upsert = "ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    raw.prepare(c"get", &format!("SELECT value FROM {t} WHERE key = $1"), &[BYTEA]);
    raw.prepare(c"put", &format!("INSERT INTO {t} VALUES ($1, $2) {upsert}"), &[BYTEA, BYTEA]);
    raw.prepare(c"any", &format!("SELECT key, value FROM {t} WHERE key = ANY($1)"), &[BYTEA_ARRAY]);
    raw.prepare(
        c"many",
        &format!("INSERT INTO pc_bench_raw.empty SELECT * FROM unnest($1, $2) {upsert}"),
        &[BYTEA_ARRAY, BYTEA_ARRAY],
    );
    raw.prepare(
        c"range",
        &format!("SELECT key, value FROM {t} WHERE key >= $1 AND key < $2 ORDER BY key"),
        &[BYTEA, BYTEA],
    );
    let keys: Vec<Vec<u8>> = records.iter().take(1000).map(|(key, _)| key.clone()).collect();
    let bounds = |n: usize| {
        let at = |n: usize| format!("key{n:08}").into_bytes();
        (at(n), at(n + 100))
    };
    raw.exec("SET synchronous_commit = off");
    let (sorted, arrays) = {
        let mut sorted = records.clone();
        sorted.sort();
        let arrays: Vec<_> = sorted
            .chunks(4096)
            .map(|chunk| (array_of(chunk.iter().map(|(k, _)| k)), array_of(chunk.iter().map(|(_, v)| v))))
            .collect();
        (sorted, arrays)
    };
    drop(sorted);
    let mut rows = vec![
        Row {
            name: "get",
            count: 1000,
            rounds: rounds(30),
            ours: Box::new(|_| keys.iter().for_each(|key| assert!(dict.get(key).unwrap().is_some()))),
            raw: Box::new(|_| keys.iter().for_each(|key| assert_eq!(raw.run(c"get", &[key]).0, 1))),
        },
        Row {
            name: "put, not durable",
            count: 1000,
            rounds: rounds(30),
            ours: Box::new(|_| records[..1000].iter().for_each(|(key, value)| dict.put(key, value).unwrap())),
            raw: Box::new(|_| {
                for (key, value) in &records[..1000] {
                    raw.run(c"put", &[key, value]);
                }
            }),
        },
        Row {
            name: "get_many of 1,000 (raw: = ANY)",
            count: 1,
            rounds: rounds(30),
            ours: Box::new(|_| {
                assert_eq!(dict.get_many(keys.iter().map(Vec::as_slice)).unwrap().len(), 1000);
            }),
            raw: Box::new(|_| assert_eq!(raw.run(c"any", &[&array_of(keys.iter())]).0, 1000)),
        },
        Row {
            name: "get_many of 1,000 (raw: pipelined)",
            count: 1,
            rounds: rounds(30),
            ours: Box::new(|_| {
                assert_eq!(dict.get_many(keys.iter().map(Vec::as_slice)).unwrap().len(), 1000);
            }),
            raw: Box::new(|_| assert_eq!(raw.pipeline(c"get", &keys), 1000)),
        },
        Row {
            name: "a range of 100",
            count: 100,
            rounds: rounds(30),
            ours: Box::new(|round| {
                for n in 0..100 {
                    let (from, to) = bounds(n * 200 + round);
                    assert_eq!(dict.range(&from[..]..&to[..]).unwrap().count(), 100);
                }
            }),
            raw: Box::new(|round| {
                for n in 0..100 {
                    let (from, to) = bounds(n * 200 + round);
                    assert_eq!(raw.run(c"range", &[&from, &to]).0, 100);
                }
            }),
        },
        Row {
            name: "iterate 100,000 (raw: one streamed SELECT)",
            count: 1,
            rounds: rounds(15),
            ours: Box::new(|_| assert_eq!(dict.iter().unwrap().count(), RECORDS)),
            raw: Box::new(|_| {
                assert_eq!(raw.stream("SELECT key, value FROM pc_bench_raw.t ORDER BY key"), RECORDS);
            }),
        },
        Row {
            name: "put_many of 100,000 into an empty dict (raw: UNNEST)",
            count: 1,
            rounds: rounds(15),
            ours: Box::new(|_| {
                empty.clear().unwrap();
                empty.put_many(pairs(&records)).unwrap();
            }),
            raw: Box::new(|_| {
                raw.exec("DELETE FROM pc_bench_raw.empty");
                raw.exec("BEGIN");
                for (keys, values) in &arrays {
                    raw.run(c"many", &[keys, values]);
                }
                raw.exec("COMMIT");
            }),
        },
        Row {
            name: "put_many of 100,000 into an empty dict (raw: COPY)",
            count: 1,
            rounds: rounds(15),
            ours: Box::new(|_| {
                empty.clear().unwrap();
                empty.put_many(pairs(&records)).unwrap();
            }),
            raw: Box::new(|_| {
                raw.exec("DELETE FROM pc_bench_raw.empty");
                raw.copy_in("pc_bench_raw.empty", &records);
            }),
        },
    ];
    println!("{:<55} {:>12} {:>12} {:>7}", "row", "ours µs", "raw µs", "ratio");
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    for row in
        rows.iter_mut().filter(|row| wanted.as_ref().is_none_or(|name| row.name.contains(name.as_str())))
    {
        let (ours, raw) = row.measure();
        println!("{:<55} {ours:>12.1} {raw:>12.1} {:>7.2}", row.name, ours / raw);
    }
    drop(rows);
    raw.exec("SET synchronous_commit = on");
    let mut row = Row {
        name: "put, durable",
        count: 100,
        rounds: rounds(15),
        ours: Box::new(|_| records[..100].iter().for_each(|(key, value)| durable.put(key, value).unwrap())),
        raw: Box::new(|_| {
            for (key, value) in &records[..100] {
                raw.run(c"put", &[key, value]);
            }
        }),
    };
    let (ours, raw_time) = row.measure();
    println!("{:<55} {ours:>12.1} {raw_time:>12.1} {:>7.2}", row.name, ours / raw_time);
}
