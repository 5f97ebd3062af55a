//! A server of the tests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use persistent_collections::{Durability, Environment, Options};

use crate::proxy::Proxy;

/// A server, which ends with this value or with the process.
pub struct Server {
    urls: HashMap<String, String>,
    input: Mutex<ChildStdin>,
    output: Mutex<BufReader<ChildStdout>>,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The server that most tests share. It ends when its input does, at the end of the process.
pub static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&[]));

impl Server {
    pub fn start(options: &[&str]) -> Server {
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/postgres"))
            .arg("serve")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut urls = HashMap::new();
        loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "the server does not start");
            match line.trim().split_once('=') {
                Some((name, value)) => drop(urls.insert(name.to_owned(), value.to_owned())),
                None => break,
            }
        }
        Server { urls, input: Mutex::new(child.stdin.take().unwrap()), output: Mutex::new(output), child }
    }

    /// Gives one of the commands of `tools/postgres`.
    pub fn command(&self, command: &str) {
        writeln!(self.input.lock().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        self.output.lock().unwrap().read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "done");
    }

    pub fn url(&self, name: &str) -> &str {
        &self.urls[name]
    }

    /// Returns a URL with the library's own parameters.
    pub fn with(&self, parameters: &str) -> String {
        joined(self.url("socket"), parameters)
    }

    /// The path of the server's Unix socket.
    fn socket(&self) -> String {
        let value = |name: &str| {
            let (_, rest) = self.url("socket").split_once(name).unwrap();
            rest.split('&').next().unwrap().to_owned()
        };
        format!("{}/.s.PGSQL.{}", value("host="), value("port="))
    }

    /// Starts a proxy in front of the server.
    pub fn proxy(&self) -> Proxy {
        Proxy::start(self.socket())
    }

    /// Runs a statement by `psql`, and returns what it prints.
    pub fn sql(&self, statement: &str) -> String {
        let done = Command::new("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url("socket")])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}

impl Proxy {
    /// Returns a URL that leads through the proxy.
    pub fn url(&self, parameters: &str) -> String {
        let base = format!(
            "postgresql://pc@127.0.0.1:{}/pc?password=correct%20horse&sslmode=disable&gssencmode=disable",
            self.port
        );
        joined(&base, parameters)
    }
}

fn joined(url: &str, parameters: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameters}")
}

/// Returns the name of a schema that no other test uses.
pub fn schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

/// Opens an environment in a schema of its own.
pub fn open() -> Environment {
    open_with("")
}

/// Opens an environment in a schema of its own, with further parameters that begin with `&`.
pub fn open_with(parameters: &str) -> Environment {
    Environment::open(SERVER.with(&format!("schema={}{parameters}", schema())), &options()).unwrap()
}

/// Not durable: most tests are not about crashes.
pub fn options() -> Options {
    Options::new().durability(Durability::None)
}
