//! Threads that read, or write without durability, side by side: the time that passes for one operation of all of them.

use std::hint::black_box;
use std::path::Path;

use crate::data::{Order, values};
use crate::measure::{About, Clock, Scale, Stores, compare, together};
use crate::report::Report;
use crate::stores::Kind;

pub fn rows(report: &mut Report, dir: &Path, scale: Scale) {
    const KEYS: u64 = 100_000;
    let value = values(100);
    let stores = Stores::open(dir, "threads", &Kind::ALL, false);
    for (_, store) in &stores.0 {
        store.load(&(0..KEYS).collect::<Vec<_>>(), &value, true);
    }
    let counts: &[usize] = if scale.full { &[1, 2, 4, 8, 16] } else { &[1, 2, 16] };
    let (rounds, gets, puts) = if scale.full { (7, 200_000, 10_000) } else { (3, 50_000, 4_000) };
    let asked = Order::Random.keys(KEYS, gets);
    for threads in counts {
        let about = |what, writes| About {
            group: "threads",
            what,
            keys: KEYS,
            threads: *threads,
            writes,
            ..About::default()
        };
        let work = (rounds, gets);
        compare(report, &stores, &about("get, random keys", false), Clock::Wall, work, |store| {
            together(*threads, |thread| {
                let mut reader = store.reader();
                for key in asked.iter().skip(thread).step_by(*threads) {
                    black_box(reader.get(*key));
                }
            });
        });
        let work = (rounds, puts);
        compare(report, &stores, &about("put, random keys", true), Clock::Wall, work, |store| {
            together(*threads, |thread| {
                for key in asked[..puts].iter().skip(thread).step_by(*threads) {
                    store.put(*key, value(*key));
                }
            });
        });
    }
}
