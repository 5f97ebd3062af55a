//! Durable puts by some threads at once: this library commits for threads that wait together. Beside it one raw transaction of
//! LMDB for each put, the other stores, and grouping without any waiting: one thread that puts as many records in a
//! transaction as there are threads.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::data::{Order, values};
use crate::measure::{About, Clock, Scale, Stores, together, typical};
use crate::report::Report;
use crate::stores::Kind;

const KEYS: u64 = 100_000;

pub fn rows(report: &mut Report, dir: &Path, scale: Scale) {
    let stores = Stores::open(dir, "group", &Kind::ALL, true);
    let perfect = Stores::open(dir, "perfect", &[Kind::Bare], true);
    for (_, store) in stores.0.iter().chain(&perfect.0) {
        store.load(&(0..KEYS).collect::<Vec<_>>(), &values(100), true);
    }
    let counts: &[usize] = if scale.full { &[1, 2, 4, 8, 16] } else { &[1, 8, 16] };
    let (rounds, puts) = if scale.full { (10, 100) } else { (4, 25) };
    for threads in counts {
        measure(report, &stores, &perfect, *threads, (rounds, puts));
    }
}

/// Every thread puts `puts` records in each round.
fn measure(
    report: &mut Report,
    stores: &Stores,
    perfect: &Stores,
    threads: usize,
    (rounds, puts): (usize, usize),
) {
    let mut measured: Vec<_> = stores.0.iter().map(|_| (Vec::new(), Vec::new())).collect();
    let mut grouped = Vec::new();
    let asked = Order::Random.keys(KEYS, threads * puts);
    let value = values(100);
    for _ in 0..rounds {
        for ((_, store), (times, waits)) in stores.0.iter().zip(&mut measured) {
            let all = Mutex::new(Vec::with_capacity(threads * puts));
            let begun = Instant::now();
            together(threads, |thread| {
                let mut waits = Vec::with_capacity(puts);
                for key in &asked[thread * puts..(thread + 1) * puts] {
                    let begun = Instant::now();
                    store.put(*key, value(*key));
                    waits.push(begun.elapsed());
                }
                all.lock().unwrap().append(&mut waits);
            });
            times.push(begun.elapsed().as_nanos() as f64 / (threads * puts) as f64);
            waits.append(&mut all.into_inner().unwrap());
        }
        let begun = Instant::now();
        for together in asked.chunks(threads) {
            perfect.0[0].1.load(together, &value, false);
        }
        grouped.push(begun.elapsed().as_nanos() as f64 / asked.len() as f64);
    }
    let about = About {
        group: "durable puts",
        what: "put, durable, random keys",
        keys: KEYS,
        threads,
        durable: true,
        writes: true,
        ..About::default()
    };
    for ((kind, _), (times, mut waits)) in stores.0.iter().zip(measured) {
        waits.sort_unstable();
        let at = |part: usize| waits[(waits.len() * part / 100).min(waits.len() - 1)].as_nanos() as f64;
        let row = about.row(*kind, Clock::Wall, typical(Clock::Wall, times));
        report.add(row.figure("p50", at(50)).figure("p99", at(99)).with("histogram", histogram(&waits)));
    }
    let row = about.row(Kind::Bare, Clock::Wall, typical(Clock::Wall, grouped));
    report.add(
        row.with("who", "LMDB, grouped by hand").with("note", "one thread, a transaction for as many puts"),
    );
}

/// Counts of waits, by the bound below which they lie, as `[nanoseconds, count]`.
fn histogram(sorted: &[Duration]) -> serde_json::Value {
    let mut counts: Vec<(u128, usize)> = Vec::new();
    let mut below = 1_024;
    for wait in sorted {
        // Half of a doubling at a time: 1, 1.5, 2, 3, 4, 6 and so on.
        while wait.as_nanos() >= below {
            below = if below.is_power_of_two() { below / 2 * 3 } else { below / 3 * 4 };
        }
        match counts.last_mut() {
            Some((edge, count)) if *edge == below => *count += 1,
            _ => counts.push((below, 1)),
        }
    }
    json!(counts.iter().map(|(edge, count)| json!([*edge as f64, count])).collect::<Vec<_>>())
}
