//! Values of a Rust type, stored as `any` through serde, for `test_typed_values.py`: the programs beside this one read
//! and write them in the other languages.
//!
//!     typed_values COMMAND ENVIRONMENT KEY
//!
//! `write` stores a job, `check` compares the stored one with it, `finished` compares with the result of `finish` in
//! another language, `refuse` expects that the stored value is not a job, and prints the message.

use std::collections::BTreeMap;
use std::error::Error;

use persistent_collections::{Dict, Environment, Serde, Status};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum State {
    Waiting,
    Running { worker: u16, since: Option<i64> },
    Failed(String),
    Retried(u8, bool),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    title: String,
    initial: char,
    tries: u32,
    largest: u64,
    huge: i128,
    weight: f64,
    samples: Vec<f64>,
    urgent: bool,
    place: (i8, String),
    nothing: Option<i32>,
    sizes: BTreeMap<String, i64>,
    by_number: BTreeMap<i64, Vec<String>>,
    history: Vec<State>,
    state: State,
    parent: Option<Box<Job>>,
}

fn job() -> Job {
    let parent = Job {
        title: "parent".to_owned(),
        initial: 'p',
        tries: 0,
        largest: 0,
        huge: -1,
        weight: -0.5,
        samples: Vec::new(),
        urgent: false,
        place: (0, String::new()),
        nothing: Some(7),
        sizes: BTreeMap::new(),
        by_number: BTreeMap::new(),
        history: Vec::new(),
        state: State::Waiting,
        parent: None,
    };
    Job {
        title: "straße 😀".to_owned(),
        initial: 'ß',
        tries: 3,
        largest: u64::MAX,
        huge: 1 << 100,
        weight: 2.0,
        samples: vec![0.1, -1.0, 1e300],
        urgent: true,
        place: (-128, "here".to_owned()),
        nothing: None,
        sizes: [("a".to_owned(), 1), ("b".to_owned(), i64::MIN)].into(),
        by_number: [(-1, vec!["x".to_owned(), String::new()]), (i64::MAX, Vec::new())].into(),
        history: vec![State::Waiting, State::Failed("disk".to_owned()), State::Retried(255, false)],
        state: State::Running { worker: 65535, since: None },
        parent: Some(Box::new(parent)),
    }
}

fn finished() -> Job {
    let mut job = job();
    job.tries -= 1;
    job.history.push(job.state);
    job.state = State::Running { worker: 4, since: Some(-5) };
    job.parent = None;
    job
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, command, path, key] = &arguments[..] else { return Err("COMMAND ENVIRONMENT KEY".into()) };
    let env = Environment::open(path, &persistent_collections::Options::default())?;
    let jobs = Dict::<String, Serde<Job>>::open(&env, "jobs")?;
    let expected = match command.as_str() {
        "write" => return Ok(jobs.put(key.as_str(), &job())?),
        "check" => job(),
        "finished" => finished(),
        "refuse" => {
            let error = jobs.get(key.as_str()).err().ok_or("it was accepted")?;
            println!("{error}");
            return if error.status() == Status::BadValue { Ok(()) } else { Err("another status".into()) };
        }
        _ => return Err(format!("unknown command {command}").into()),
    };
    let stored = jobs.get(key.as_str())?.map(|Serde(job)| job);
    if stored.as_ref() == Some(&expected) { Ok(()) } else { Err(format!("{stored:#?}").into()) }
}
