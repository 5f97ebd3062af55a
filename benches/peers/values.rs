//! What values of different sizes cost.

use std::hint::black_box;
use std::path::Path;

use crate::data::{Order, values};
use crate::measure::{About, Clock, Scale, Stores, compare};
use crate::report::Report;
use crate::stores::Kind;

pub fn rows(report: &mut Report, dir: &Path, scale: Scale) {
    let sizes: &[usize] =
        if scale.full { &[8, 100, 1_000, 10_000, 100_000, 1 << 20] } else { &[8, 1_000, 100_000] };
    let (volume, rounds) = if scale.full { (1 << 28, 5) } else { (1 << 25, 3) };
    for length in sizes {
        let (keys, bytes) = ((volume / length).clamp(16, 100_000) as u64, values(*length));
        let stores = Stores::open(dir, "values", &Kind::ALL, false);
        for (_, store) in &stores.0 {
            store.load(&(0..keys).collect::<Vec<_>>(), &bytes, true);
        }
        let about =
            |what, writes| About { group: "values", what, keys, value: *length, writes, ..About::default() };
        let gets = ((1 << 24) / length).clamp(64, 10_000);
        let asked = Order::Random.keys(keys, gets);
        compare(
            report,
            &stores,
            &about("get, random keys", false),
            Clock::Processor,
            (rounds, gets),
            |store| {
                let mut reader = store.reader();
                for key in &asked {
                    black_box(reader.get(*key));
                }
            },
        );
        let puts = ((1 << 23) / length).clamp(8, 1_000);
        compare(
            report,
            &stores,
            &about("put, random keys", true),
            Clock::Processor,
            (rounds, puts),
            |store| {
                for key in &asked[..puts] {
                    store.put(*key, bytes(key + 1));
                }
            },
        );
        drop(stores);

        let stores = Stores::open(dir, "values", &Kind::ALL, true);
        let about = About { durable: true, ..about("put, durable, random keys", true) };
        let puts = puts.min(50);
        compare(report, &stores, &about, Clock::Wall, (rounds, puts), |store| {
            for key in &asked[..puts] {
                store.put(*key, bytes(*key));
            }
        });
    }
}
