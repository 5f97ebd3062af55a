//! The form in which every benchmark writes its figures: benches/README.md describes it.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// A figure of one store, with what it depends on.
pub struct Row(Map<String, Value>);

impl Row {
    /// A row of what `who` takes for `what`, in a group of rows that belong together.
    pub fn new(group: &str, what: &str, who: &str, unit: &str, figure: f64) -> Row {
        let mut row = Map::new();
        for (name, text) in [("group", group), ("what", what), ("who", who), ("unit", unit)] {
            row.insert(name.to_owned(), text.into());
        }
        row.insert("figure".to_owned(), round(figure));
        Row(row)
    }

    /// Adds a condition or a further figure.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Row {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a further figure, rounded as the main one.
    pub fn figure(self, name: &str, figure: f64) -> Row {
        let figure = round(figure);
        self.with(name, figure)
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Three digits or a tenth: more are noise.
fn round(figure: f64) -> Value {
    let digits = if figure.abs() < 10.0 { 1000.0 } else { 10.0 };
    json!((figure * digits).round() / digits)
}

/// Rows as they come; each is printed at once.
pub struct Report {
    name: &'static str,
    full: bool,
    began: u64,
    load: f64,
    rows: Vec<Row>,
}

impl Report {
    pub fn new(name: &'static str, full: bool) -> Report {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Report { name, full, began, load: load(), rows: Vec::new() }
    }

    pub fn add(&mut self, row: Row) {
        let conditions: Vec<_> = ["keys", "value", "threads", "processes"]
            .iter()
            .filter_map(|name| row.0.get(*name).map(|value| format!("{name} {value}")))
            .collect();
        println!(
            "{:<46} {:<21} {:>12} {:<3} {}",
            row.text("what"),
            row.text("who"),
            row.0["figure"],
            row.text("unit"),
            conditions.join(", ")
        );
        self.keep(row);
    }

    /// Adds a row that was printed in another way.
    pub fn keep(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Writes `target/bench/NAME.json`, with the versions of these crates of `Cargo.lock`.
    pub fn write(self, crates: &[&str]) {
        let about = json!({
            "form": 1,
            "bench": self.name,
            "began": self.began,
            "full": self.full,
            "load": [self.load, load()],
            "machine": machine(),
            "versions": versions(crates),
        });
        // A line for each row, so that two reports can be compared by eye.
        let rows: Vec<_> = self.rows.into_iter().map(|row| Value::Object(row.0).to_string()).collect();
        let about = about.to_string();
        let text = format!("{},\n\"rows\": [\n{}\n]}}\n", &about[..about.len() - 1], rows.join(",\n"));
        let file = place().join(self.name).with_extension("json");
        std::fs::write(&file, text).unwrap();
        println!("{}", file.display());
    }
}

/// The folder of the workspace, above the package that is built.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).unwrap().to_owned()
}

/// `target/bench`, where reports go.
pub fn place() -> PathBuf {
    let place = root().join("target/bench");
    std::fs::create_dir_all(&place).unwrap();
    place
}

/// How many programs wanted a processor in the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|figure| figure.parse().ok()).unwrap_or(0.0)
}

/// The value of a line `NAME : VALUE` of a file of `/proc`.
fn line_of(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value.trim()).to_owned()
}

fn machine() -> Value {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "processor": line_of("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": line_of("/proc/meminfo", "MemTotal"),
        "system": format!("{} {}", std::env::consts::OS, kernel.trim()),
    })
}

fn versions(crates: &[&str]) -> Value {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let version = |name: &str| {
        let after = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1).unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    Value::Object(crates.iter().map(|name| ((*name).to_owned(), version(name).into())).collect())
}
