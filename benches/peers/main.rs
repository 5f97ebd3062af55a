//! This library beside other stores of Rust: LMDB without a wrapper, heed, redb, fjall.
//!
//! `cargo bench -p persistent-collections-peers --bench peers`: sizes from 1,000 to 10,000,000 keys, values from 8 bytes to
//! 1 MiB, 1 to 16 threads, 1 to 4 processes, durable puts that are grouped; each section writes a file
//! `target/bench/SECTION.json` (benches/README.md describes its form). `-- --quick` takes two minutes. `-- verbs`, `growth`, `values`,
//! `threads`, `processes`, `group` or `memory` runs that section alone; `memory`, data that is larger than the memory, only
//! runs when it is named.
//!
//! The stores take turns in every row. Where waiting plays no part, processor time counts and the best round; otherwise the
//! time that passed and the median.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

mod cgroup;
mod data;
mod group;
mod growth;
mod measure;
mod memory;
mod processes;
#[path = "../common/report.rs"]
mod report;
mod stores;
mod threads;
mod values;
mod verbs;

use std::path::Path;

use measure::Scale;
use report::Report;

const CRATES: [&str; 5] = ["persistent-collections", "lmdb-master-sys", "heed", "redb", "fjall"];

/// Rows of a report, measured in a folder.
type Section = fn(&mut Report, &Path, Scale);

const SECTIONS: [(&str, Section); 7] = [
    ("verbs", verbs::rows),
    ("growth", growth::rows),
    ("values", values::rows),
    ("threads", threads::rows),
    ("processes", processes::rows),
    ("group", group::rows),
    ("memory", memory::rows),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--child", "memory", ..] => return memory::child(&arguments[2..]),
        ["--child", ..] => return processes::child(&arguments[1..]),
        _ => (),
    }
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let scale = Scale { full: !has("--quick") };
    let some = SECTIONS.iter().any(|(name, _)| has(name));
    // Not below /tmp, which may be in memory.
    let dir = tempfile::tempdir_in(report::place()).unwrap();
    for (name, rows) in SECTIONS {
        if has(name) || (!some && name != "memory") {
            let mut report = Report::new(name, scale.full);
            rows(&mut report, dir.path(), scale);
            report.write(&CRATES);
        }
    }
}
