//! The library, by its C ABI, beside bare LMDB that does the same by hand, through the same LMDB.
//!
//! `cargo bench --bench lmdb`: prints a table, nanoseconds of thread time on both sides, the ratio, and the ratio that is the
//! goal; writes it to `target/bench/lmdb.json`. Both sides take turns in every row, and the best of each counts. `-- --quick`
//! has fewer rounds and smaller batches; `-- reads` or `-- writes` runs these rows alone.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::wildcard_imports,
    clippy::needless_for_each
)]

mod bare;
mod large;
mod measure;
mod ours;
mod reads;
#[path = "../common/report.rs"]
#[allow(dead_code)]
mod report;
mod writes;

use measure::Rounds;

/// Numbers that jump about, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }
}

/// The key of a number, as `u64` is stored. Others lie between two of them.
fn key(n: usize) -> [u8; 8] {
    (n as u64 * 16).to_be_bytes()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let (rounds, large) = if has("--quick") { (Rounds(5), 100_000) } else { (Rounds(15), 1_000_000) };
    let report = report::Report::new("lmdb", !has("--quick"));
    let dir = tempfile::tempdir().unwrap();
    println!("{:<46}{:>10}{:>10}    {:>8}{:>8}", "", "ours", "LMDB", "ratio", "goal");
    let mut rows = Vec::new();
    if !has("writes") {
        rows.extend(reads::rows(dir.path(), rounds, large));
        rows.extend(large::rows(dir.path(), rounds));
    }
    if !has("reads") {
        rows.extend(writes::rows(dir.path(), rounds, large));
    }
    measure::write(report, &rows);
}
