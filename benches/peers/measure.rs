//! Rounds in which the stores take turns, and the rows that come of them.

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::report::{Report, Row};
use crate::stores::{Kind, Store};

/// Which time counts.
#[derive(Clone, Copy)]
pub enum Clock {
    /// Processor time of the thread; of the process where the store works in threads of its own.
    Processor,
    /// The time that passes, where waiting is part of the work or threads work side by side.
    Wall,
}

/// The smaller form, or the whole one.
#[derive(Clone, Copy)]
pub struct Scale {
    pub full: bool,
}

/// Some stores that are open at the same time, with the same records.
pub struct Stores(pub Vec<(Kind, Box<dyn Store>)>);

impl Stores {
    /// Opens one of each kind in a new folder below `dir`.
    pub fn open(dir: &Path, name: &str, kinds: &[Kind], durable: bool) -> Stores {
        let open = |kind: &Kind| {
            let place = dir.join(format!("{name} {}", kind.name()));
            let _ = std::fs::remove_dir_all(&place);
            (*kind, kind.open(&place, durable))
        };
        Stores(kinds.iter().map(open).collect())
    }
}

/// What a row is about.
pub struct About<'a> {
    pub group: &'a str,
    pub what: &'a str,
    pub keys: u64,
    pub value: usize,
    pub threads: usize,
    pub durable: bool,
    /// The row is of writes.
    pub writes: bool,
    /// The row is of ranges.
    pub ranges: bool,
}

impl Default for About<'_> {
    fn default() -> Self {
        About {
            group: "",
            what: "",
            keys: 0,
            value: 100,
            threads: 1,
            durable: false,
            writes: false,
            ranges: false,
        }
    }
}

impl About<'_> {
    pub fn row(&self, kind: Kind, clock: Clock, nanoseconds: f64) -> Row {
        let mut row = Row::new(self.group, self.what, kind.name(), "ns", nanoseconds)
            .with("keys", self.keys)
            .with("value", self.value)
            .with("threads", self.threads)
            .with("clock", if matches!(clock, Clock::Wall) { "wall" } else { "processor" });
        let mut note = None;
        if self.writes {
            row = row.with("durable", self.durable);
            note = kind.note_on_writes();
        } else if self.ranges {
            note = kind.note_on_ranges();
        }
        if let Some(note) = note {
            row = row.with("note", note);
        }
        row
    }
}

fn processor_time(kind: Kind) -> Duration {
    let which = if kind.works_in_background() {
        libc::CLOCK_PROCESS_CPUTIME_ID
    } else {
        libc::CLOCK_THREAD_CPUTIME_ID
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    assert_eq!(unsafe { libc::clock_gettime(which, &raw mut time) }, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// The nanoseconds that work takes.
pub fn time(kind: Kind, clock: Clock, work: impl FnOnce()) -> f64 {
    match clock {
        Clock::Wall => {
            let begun = Instant::now();
            work();
            begun.elapsed().as_nanos() as f64
        }
        Clock::Processor => {
            let begun = processor_time(kind);
            work();
            processor_time(kind).checked_sub(begun).unwrap().as_nanos() as f64
        }
    }
}

/// The best of processor times, since other programs only ever add to them; the median of others.
pub fn typical(clock: Clock, mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[if matches!(clock, Clock::Wall) { times.len() / 2 } else { 0 }]
}

/// Times `work` of `count` operations by every store in turns, and adds a row for each.
pub fn compare(
    report: &mut Report,
    stores: &Stores,
    about: &About,
    clock: Clock,
    (rounds, count): (usize, usize),
    work: impl Fn(&dyn Store),
) {
    let mut times = vec![Vec::new(); stores.0.len()];
    for _ in 0..rounds {
        for ((kind, store), times) in stores.0.iter().zip(&mut times) {
            times.push(time(*kind, clock, || work(store.as_ref())) / count as f64);
        }
    }
    for ((kind, _), times) in stores.0.iter().zip(times) {
        report.add(about.row(*kind, clock, typical(clock, times)));
    }
}

/// Runs `work` in some threads at once; each gets its number.
pub fn together(threads: usize, work: impl Fn(usize) + Sync) {
    let (barrier, work) = (&Barrier::new(threads), &work);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                barrier.wait();
                work(thread);
            });
        }
    });
}
