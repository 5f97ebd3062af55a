//! How each operation grows with the number of records: values of 100 bytes.

use std::hint::black_box;
use std::path::Path;

use crate::data::{Numbers, Order, shuffled, values};
use crate::measure::{About, Clock, Scale, Stores, compare, time, typical};
use crate::report::Report;
use crate::stores::Kind;

const VALUE: usize = 100;

pub fn rows(report: &mut Report, dir: &Path, scale: Scale) {
    let sizes: &[u64] =
        if scale.full { &[1_000, 10_000, 100_000, 1_000_000, 10_000_000] } else { &[1_000, 10_000, 100_000] };
    for keys in sizes {
        // Fewer rounds where each takes long.
        let rounds = match *keys {
            0..=100_000 => 5,
            100_001..=1_000_000 => 2,
            _ => 1,
        };
        loads(report, dir, *keys, rounds);
        let stores = Stores::open(dir, "growth", &Kind::ALL, false);
        for (_, store) in &stores.0 {
            store.load(&(0..*keys).collect::<Vec<_>>(), &values(VALUE), true);
        }
        reads(report, &stores, *keys, rounds.max(3));
        puts(report, &stores, *keys, rounds.max(3));
    }
}

/// Loads into nothing. Each round begins with a new store.
fn loads(report: &mut Report, dir: &Path, keys: u64, rounds: usize) {
    let sorted: Vec<u64> = (0..keys).collect();
    let random = shuffled(keys);
    let count = usize::try_from(keys).unwrap();
    for (what, order, durable) in [
        ("bulk load, sorted", &sorted, false),
        ("bulk load, random", &random, false),
        ("bulk load, random, durable", &random, true),
    ] {
        let clock = if durable { Clock::Wall } else { Clock::Processor };
        let about = About { group: "growth", what, keys, durable, writes: true, ..About::default() };
        let mut times = vec![Vec::new(); Kind::ALL.len()];
        for _ in 0..rounds {
            for (kind, times) in Kind::ALL.iter().zip(&mut times) {
                let stores = Stores::open(dir, "load", &[*kind], durable);
                let load = || stores.0[0].1.load(order, &values(VALUE), what == "bulk load, sorted");
                times.push(time(*kind, clock, load) / count as f64);
            }
        }
        for (kind, times) in Kind::ALL.iter().zip(times) {
            report.add(about.row(*kind, clock, typical(clock, times)));
        }
    }
}

fn reads(report: &mut Report, stores: &Stores, keys: u64, rounds: usize) {
    const GETS: usize = 20_000;
    let about = |what: &'static str| About { group: "growth", what, keys, ..About::default() };
    for (what, order) in [
        ("get, sequential keys", Order::Sequential),
        ("get, random keys", Order::Random),
        ("get, Zipf keys", Order::Zipf),
    ] {
        let asked = order.keys(keys, GETS);
        compare(report, stores, &about(what), Clock::Processor, (rounds, GETS), |store| {
            let mut reader = store.reader();
            for key in &asked {
                black_box(reader.get(*key));
            }
        });
    }
    let mut asked = Order::Random.keys(keys, 10_000);
    compare(
        report,
        stores,
        &about("get_many, 10,000 random keys"),
        Clock::Processor,
        (rounds, 10_000),
        |store| {
            black_box(store.reader().get_many(&asked));
        },
    );
    asked.sort_unstable();
    compare(
        report,
        stores,
        &about("get_many, 10,000 sorted keys"),
        Clock::Processor,
        (rounds, 10_000),
        |store| {
            black_box(store.reader().get_many(&asked));
        },
    );
    for (what, length) in [("range of 10 records", 10), ("range of 100 records", 100)] {
        const RANGES: usize = 1_000;
        let mut numbers = Numbers(3);
        let starts: Vec<u64> = (0..RANGES).map(|_| numbers.below(keys - length)).collect();
        compare(
            report,
            stores,
            &About { ranges: true, ..about(what) },
            Clock::Processor,
            (rounds, RANGES),
            |store| {
                let mut reader = store.reader();
                for start in &starts {
                    black_box(reader.range(*start, start + length));
                }
            },
        );
    }
    let count = usize::try_from(keys).unwrap();
    compare(
        report,
        stores,
        &About { ranges: true, ..about("iterate, a record") },
        Clock::Processor,
        (rounds, count),
        |store| {
            black_box(store.reader().range(0, u64::MAX));
        },
    );
}

fn puts(report: &mut Report, stores: &Stores, keys: u64, rounds: usize) {
    const PUTS: usize = 2_000;
    let (asked, value) = (Order::Random.keys(keys, PUTS), values(VALUE));
    let about = About { group: "growth", what: "put, random keys", keys, writes: true, ..About::default() };
    compare(report, stores, &about, Clock::Processor, (rounds, PUTS), |store| {
        for key in &asked {
            store.put(*key, value(key + 1));
        }
    });
}
