//! Processes that read or write one environment: this library and LMDB, since the other stores belong to one process, or are
//! LMDB.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::data::{Order, values};
use crate::measure::{About, Clock, Scale, typical};
use crate::report::Report;
use crate::stores::Kind;

const KEYS: u64 = 100_000;
const KINDS: [Kind; 2] = [Kind::Ours, Kind::Bare];

pub fn rows(report: &mut Report, dir: &Path, scale: Scale) {
    let place = |kind: Kind| dir.join(format!("processes {}", kind.name()));
    for kind in KINDS {
        kind.open(&place(kind), true).load(&(0..KEYS).collect::<Vec<_>>(), &values(100), true);
    }
    let (rounds, gets, puts) = if scale.full { (7, 200_000, 400) } else { (3, 50_000, 100) };
    for processes in [1, 2, 4] {
        for (what, job, count) in
            [("get, random keys", "get", gets), ("put, durable, random keys", "put", puts)]
        {
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                for (kind, times) in KINDS.into_iter().zip(&mut times) {
                    times.push(run(kind, &place(kind), job, processes, count));
                }
            }
            for (kind, times) in KINDS.into_iter().zip(times) {
                let (writes, durable) = (job == "put", job == "put");
                let about =
                    About { group: "processes", what, keys: KEYS, durable, writes, ..About::default() };
                let row = about.row(kind, Clock::Wall, typical(Clock::Wall, times));
                report.add(row.with("processes", processes));
            }
        }
    }
}

/// The nanoseconds that pass for one of the operations of all processes, which begin at the same time.
fn run(kind: Kind, place: &Path, job: &str, processes: usize, count: usize) -> f64 {
    let start = |_| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--child", kind.name(), job]).arg(place).arg((count / processes).to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut children: Vec<Child> = (0..processes).map(start).collect();
    let mut outputs: Vec<_> =
        children.iter_mut().map(|child| BufReader::new(child.stdout.take().unwrap()).lines()).collect();
    for output in &mut outputs {
        assert_eq!(output.next().unwrap().unwrap(), "ready");
    }
    let begun = Instant::now();
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    for output in &mut outputs {
        assert_eq!(output.next().unwrap().unwrap(), "done");
    }
    let taken = begun.elapsed().as_nanos() as f64;
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    taken / (count / processes * processes) as f64
}

/// What one of the processes does: KIND JOB PLACE COUNT.
pub fn child(arguments: &[String]) {
    let [kind, job, place, count] = arguments else { panic!("four arguments, not {arguments:?}") };
    let kind = KINDS.into_iter().find(|known| known.name() == kind).unwrap();
    let store = kind.open(Path::new(place), true);
    let (asked, value) = (Order::Random.keys(KEYS, count.parse().unwrap()), values(100));
    let mut reader = store.reader();
    black_box(reader.get(asked[0]));
    println!("ready");
    std::io::stdin().lines().next().unwrap().unwrap();
    for key in asked {
        if job == "get" {
            black_box(reader.get(key));
        } else {
            store.put(key, value(key));
        }
    }
    println!("done");
}
