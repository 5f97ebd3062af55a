//! What the verbs of this library cost, one beside another, and how much room records take: for choosing among them.

use std::hint::black_box;
use std::path::Path;

use persistent_collections::{Dict, Durability, Environment, Options, Set};

use crate::data::{Order, shuffled, values};
use crate::measure::{Clock, Scale, time, typical};
use crate::report::{Report, Row};
use crate::stores::Kind;

const KEYS: u64 = 100_000;
const VALUE: usize = 100;
/// Records of one transaction or one call.
const MANY: usize = 1_000;

type Numbers = Dict<u64, Vec<u8>>;

fn open(dir: &Path, name: &str, durability: Durability) -> Environment {
    let place = dir.join(name);
    let _ = std::fs::remove_dir_all(&place);
    Environment::open(place, &Options::new().durability(durability)).unwrap()
}

fn load(dict: &Numbers, keys: &[u64], length: usize) {
    let value = values(length);
    dict.put_many(keys.iter().map(|key| (key, value(*key)))).unwrap();
}

pub fn rows(report: &mut Report, dir: &Path, scale: Scale) {
    let rounds = if scale.full { 15 } else { 5 };
    let env = open(dir, "verbs", Durability::None);
    let dict = Numbers::open(&env, "data").unwrap();
    load(&dict, &(0..KEYS).collect::<Vec<_>>(), VALUE);
    reads(report, rounds, &env, &dict);
    writes(report, rounds, &env, &dict);
    sets(report, rounds, &env);
    durable(report, dir, if scale.full { 9 } else { 3 });
    room(report, dir);
    orders(report, dir);
}

/// Adds a row of what one of `count` operations costs.
fn cost(report: &mut Report, what: &str, rounds: usize, count: usize, clock: Clock, mut work: impl FnMut()) {
    let times = (0..rounds).map(|_| time(Kind::Ours, clock, &mut work) / count as f64).collect();
    let clock_name = if matches!(clock, Clock::Wall) { "wall" } else { "processor" };
    let row = Row::new("verbs", what, "ours", "ns", typical(clock, times));
    report.add(row.with("keys", KEYS).with("value", VALUE).with("clock", clock_name));
}

fn reads(report: &mut Report, rounds: usize, env: &Environment, dict: &Numbers) {
    let asked = Order::Random.keys(KEYS, 10_000);
    let mut cost = |what: &str, count: usize, work: &mut dyn FnMut()| {
        cost(report, what, rounds, count, Clock::Processor, work);
    };
    let gets = || {
        for key in &asked {
            black_box(dict.get(key).unwrap());
        }
    };
    cost("get", asked.len(), &mut || gets());
    cost("get, inside a snapshot", asked.len(), &mut || {
        let snapshot = env.begin_snapshot().unwrap();
        gets();
        snapshot.commit().unwrap();
    });
    cost("contains", asked.len(), &mut || {
        for key in &asked {
            black_box(dict.contains(key).unwrap());
        }
    });
    cost("get_many", asked.len(), &mut || {
        black_box(dict.get_many(&asked).unwrap());
    });
    cost("a snapshot, begun and ended", 1_000, &mut || {
        for _ in 0..1_000 {
            env.begin_snapshot().unwrap().commit().unwrap();
        }
    });
    let all = usize::try_from(KEYS).unwrap();
    cost("iterate, a record", all, &mut || {
        black_box(dict.iter().unwrap().fold(0, |sum, entry| sum + entry.unwrap().1.len()));
    });
    cost("keys, a record", all, &mut || {
        black_box(dict.keys().unwrap().fold(0, |sum, key| sum ^ key.unwrap()));
    });
    cost("len", 1_000, &mut || {
        for _ in 0..1_000 {
            black_box(dict.len().unwrap());
        }
    });
}

fn writes(report: &mut Report, rounds: usize, env: &Environment, dict: &Numbers) {
    let (asked, value) = (Order::Random.keys(KEYS, MANY), values(VALUE));
    let mut cost = |what: &str, work: &mut dyn FnMut()| {
        cost(report, what, rounds, MANY, Clock::Processor, work);
    };
    let puts = || {
        for key in &asked {
            dict.put(key, value(key + 1)).unwrap();
        }
    };
    cost("put, not durable", &mut || puts());
    cost("put, 1,000 in a transaction", &mut || {
        let transaction = env.begin_write().unwrap();
        puts();
        transaction.commit().unwrap();
    });
    cost("put_many of 1,000", &mut || dict.put_many(asked.iter().map(|key| (key, value(*key)))).unwrap());
}

fn sets(report: &mut Report, rounds: usize, env: &Environment) {
    let [even, third, into] = ["even", "third", "into"].map(|name| Set::<u64>::open(env, name).unwrap());
    for (set, step) in [(&even, 2), (&third, 3)] {
        set.extend((0..KEYS).map(|n| n * step)).unwrap();
    }
    let asked = Order::Random.keys(KEYS, 10_000);
    cost(report, "contains, of a set", rounds, asked.len(), Clock::Processor, || {
        for element in &asked {
            black_box(even.contains(element).unwrap());
        }
    });
    let both = 2 * usize::try_from(KEYS).unwrap();
    cost(report, "union of two sets, an element", rounds, both, Clock::Processor, || {
        even.union_into(&third, &into).unwrap();
    });
    cost(report, "intersection of two sets, an element", rounds, both, Clock::Processor, || {
        even.intersection_into(&third, &into).unwrap();
    });
}

/// Writes that wait for the disk.
fn durable(report: &mut Report, dir: &Path, rounds: usize) {
    let value = values(VALUE);
    for (what, durability) in
        [("put, durable", Durability::Full), ("put, no meta sync", Durability::NoMetaSync)]
    {
        let env = open(dir, "durable", durability);
        let dict = Numbers::open(&env, "data").unwrap();
        load(&dict, &(0..KEYS).collect::<Vec<_>>(), VALUE);
        let asked = Order::Random.keys(KEYS, MANY);
        cost(report, what, rounds, 20, Clock::Wall, || {
            for key in &asked[..20] {
                dict.put(key, value(key + 1)).unwrap();
            }
        });
        if durability == Durability::Full {
            cost(report, "put, durable, 1,000 in a transaction", rounds, MANY, Clock::Wall, || {
                let transaction = env.begin_write().unwrap();
                for key in &asked {
                    dict.put(key, value(*key)).unwrap();
                }
                transaction.commit().unwrap();
            });
            cost(report, "put_many of 1,000, durable", rounds, MANY, Clock::Wall, || {
                dict.put_many(asked.iter().map(|key| (key, value(key + 1)))).unwrap();
            });
        }
    }
}

/// Bytes of the pages of a file, which have records or keep others in order.
fn bytes(env: &Environment) -> f64 {
    let info = env.info().unwrap();
    (info.pages_used * info.page_size) as f64
}

/// What a record takes on the disk, by the size of its value.
fn room(report: &mut Report, dir: &Path) {
    for length in [8, 100, 500, 1_000, 1_500, 2_000, 2_100, 3_000, 4_000, 5_000, 10_000, 100_000] {
        let env = open(dir, "room", Durability::None);
        let keys = (20_000_000 / length as u64).min(KEYS);
        load(&Numbers::open(&env, "data").unwrap(), &(0..keys).collect::<Vec<_>>(), length);
        let row =
            Row::new("room", "bytes of a record, loaded sorted", "ours", "B", bytes(&env) / keys as f64);
        report.add(row.with("keys", keys).with("value", length));
    }
}

/// What the order of writing leaves: the time of a put, the size of the file, and of a compact copy.
fn orders(report: &mut Report, dir: &Path) {
    let (sorted, random): (Vec<u64>, _) = ((0..KEYS).collect(), shuffled(KEYS));
    for (order, keys) in [("ascending", &sorted), ("random", &random)] {
        let env = open(dir, "orders", Durability::None);
        let (dict, value) = (Numbers::open(&env, "data").unwrap(), values(VALUE));
        let what = format!("put, 1,000 in a transaction, {order} keys");
        cost(report, &what, 1, keys.len(), Clock::Processor, || {
            for part in keys.chunks(MANY) {
                let transaction = env.begin_write().unwrap();
                for key in part {
                    dict.put(key, value(*key)).unwrap();
                }
                transaction.commit().unwrap();
            }
        });
        let (copy, all) = (dir.join("orders copy"), keys.len() as f64);
        let _ = std::fs::remove_dir_all(&copy);
        env.copy_to(&copy, true).unwrap();
        let compact = Environment::open(&copy, &Options::new()).unwrap();
        let size = |env: &Environment| env.info().unwrap().file_size as f64 / all;
        for (what, size) in [("file", size(&env)), ("file of a compact copy", size(&compact))] {
            let what = format!("{what}, a record, {order} keys");
            report.add(Row::new("orders", &what, "ours", "B", size).with("keys", KEYS).with("value", VALUE));
        }
    }
}
