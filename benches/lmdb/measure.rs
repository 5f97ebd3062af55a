//! Rows of the table: the same work done by the library and by bare LMDB, in rounds that take turns.

use std::time::Duration;

use crate::report::{self, Report};

/// How often each side runs; the best of its times counts.
#[derive(Clone, Copy)]
pub struct Rounds(pub usize);

/// A row: nanoseconds an operation on both sides, or whatever else is the same on both.
pub struct Row {
    pub what: String,
    /// What LMDB does for it.
    pub reference: &'static str,
    pub unit: &'static str,
    pub ours: f64,
    pub bare: f64,
    /// The ratio that the library is to reach.
    pub goal: f64,
}

impl Row {
    pub fn ratio(&self) -> f64 {
        self.ours / self.bare
    }

    /// Prints it.
    pub fn show(&self) {
        println!(
            "{:<46}{:>10.1} {:>10.1} {:<3}{:>8.2}{:>8.2}",
            self.what,
            self.ours,
            self.bare,
            self.unit,
            self.ratio(),
            self.goal
        );
    }
}

/// The processor time that this thread has used.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// The nanoseconds of thread time of one of `count` operations, which `work` does.
pub fn time(count: usize, work: impl FnOnce()) -> f64 {
    let begun = thread_time();
    work();
    let taken = thread_time().checked_sub(begun).unwrap();
    taken.as_nanos() as f64 / count as f64
}

/// Runs both sides in turns and keeps the best time of each.
pub fn compare(
    rounds: Rounds,
    (what, reference, goal): (&str, &'static str, f64),
    mut ours: impl FnMut() -> f64,
    mut bare: impl FnMut() -> f64,
) -> Row {
    let mut row = Row { what: what.to_owned(), reference, unit: "ns", ours: f64::MAX, bare: f64::MAX, goal };
    for _ in 0..rounds.0 {
        row.ours = row.ours.min(ours());
        row.bare = row.bare.min(bare());
    }
    row.show();
    row
}

/// Writes `target/bench/lmdb.json`.
pub fn write(mut report: Report, rows: &[Row]) {
    for row in rows {
        report.keep(
            report::Row::new("lmdb", &row.what, "ours", row.unit, row.ours)
                .with("reference", row.reference)
                .figure("bare", row.bare)
                .figure("ratio", row.ratio())
                .with("goal", row.goal)
                .with("clock", "processor"),
        );
    }
    report.write(&["persistent-collections", "lmdb-master-sys"]);
}
