//! A proxy between libpq and a server: it counts round trips, delays what it passes on, and cuts connections.
//!
//! It follows the framing of PostgreSQL's protocol 3: a type byte, a length that includes itself, and the rest; the first
//! message of a connection has no type. A round trip is a `Sync` or a simple query, which the client then waits on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server does not see the round trip.
    BeforeTheServer,
    /// The server has answered the round trip, and the client does not see the answer.
    AfterTheServer,
}

#[derive(Default)]
struct State {
    trips: AtomicU64,
    delay: Mutex<Duration>,
    /// The number of round trips to pass on before the cut.
    cut: Mutex<Option<(u64, Cut)>>,
    /// True while nothing is passed on, as by a network that drops everything.
    is_deaf: AtomicBool,
}

/// A proxy that listens on a port of the loopback address.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Starts a proxy for a server's Unix socket.
    pub fn start(socket: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                client.set_nodelay(true).unwrap();
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                pass(&client, &server, &shared);
            }
        });
        Proxy { port, state }
    }

    /// Returns the number of round trips during `f`.
    pub fn trips<R>(&self, f: impl FnOnce() -> R) -> (u64, R) {
        let before = self.state.trips.load(Ordering::SeqCst);
        let result = f();
        (self.state.trips.load(Ordering::SeqCst) - before, result)
    }

    /// Delays everything by this time in each direction.
    pub fn delay(&self, delay: Duration) {
        *self.state.delay.lock().unwrap() = delay;
    }

    /// Cuts the connection whose round trip comes after `more` others.
    pub fn cut(&self, more: u64, how: Cut) {
        *self.state.cut.lock().unwrap() = Some((more, how));
    }

    /// Returns true if a cut is still to come.
    pub fn will_cut(&self) -> bool {
        self.state.cut.lock().unwrap().is_some()
    }

    /// Passes nothing on while it is deaf.
    pub fn be_deaf(&self, is_deaf: bool) {
        self.state.is_deaf.store(is_deaf, Ordering::SeqCst);
    }
}

/// The way from a reader to a writer, on which everything is due after the delay.
fn delayed(mut to: impl Write + Send + 'static, state: &Arc<State>) -> mpsc::Sender<Vec<u8>> {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    let (front, back) = mpsc::channel::<Vec<u8>>();
    let shared = Arc::clone(state);
    thread::spawn(move || {
        for bytes in back {
            let due = Instant::now() + *shared.delay.lock().unwrap();
            if sender.send((due, bytes)).is_err() {
                return;
            }
        }
    });
    let shared = Arc::clone(state);
    thread::spawn(move || {
        for (due, bytes) in receiver {
            // Waiting is what a delay is.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if shared.is_deaf.load(Ordering::SeqCst) {
                continue;
            }
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    front
}

/// Takes complete messages from the front of a buffer. The first message of a client has no type.
fn messages(buffer: &mut Vec<u8>, is_first: &mut bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    loop {
        let typed = usize::from(!*is_first);
        let Some(length) = buffer.get(typed..typed + 4) else { return found };
        let end = typed + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if buffer.len() < end {
            return found;
        }
        found.push(buffer.drain(..end).collect());
        *is_first = false;
    }
}

fn pass(client: &TcpStream, server: &UnixStream, state: &Arc<State>) {
    let close = close_of(client, server);
    // Set when the answer to a round trip must not reach the client.
    let swallows = Arc::new(AtomicBool::new(false));
    let (mut from_client, to_client) = (client.try_clone().unwrap(), client.try_clone().unwrap());
    let (mut from_server, to_server) = (server.try_clone().unwrap(), server.try_clone().unwrap());
    let (shared, mark, end) = (Arc::clone(state), Arc::clone(&swallows), close_of(client, server));
    let to_server = delayed(to_server, state);
    thread::spawn(move || {
        let (mut buffer, mut chunk, mut is_first) = (Vec::new(), vec![0; 65536], true);
        // The server runs a statement when it has its messages, and not only when the round trip ends: a cut before the
        // server must hold all of them back.
        let mut held = Vec::new();
        while let Ok(count @ 1..) = from_client.read(&mut chunk) {
            buffer.extend(&chunk[..count]);
            for message in messages(&mut buffer, &mut is_first) {
                let is_trip = matches!(message[0], b'S' | b'Q');
                if is_trip {
                    shared.trips.fetch_add(1, Ordering::SeqCst);
                    match due(&shared) {
                        Some(Cut::BeforeTheServer) => return end(),
                        Some(Cut::AfterTheServer) => mark.store(true, Ordering::SeqCst),
                        None => {}
                    }
                }
                // Parse, Bind, Describe, Execute and Close belong to a round trip that goes on.
                let goes_on = matches!(message[0], b'P' | b'B' | b'D' | b'E' | b'C');
                held.extend(message);
                if !goes_on && to_server.send(std::mem::take(&mut held)).is_err() {
                    return end();
                }
            }
        }
        end();
    });
    let to_client = delayed(to_client, state);
    thread::spawn(move || {
        let (mut buffer, mut chunk, mut is_first) = (Vec::new(), vec![0; 65536], false);
        while let Ok(count @ 1..) = from_server.read(&mut chunk) {
            buffer.extend(&chunk[..count]);
            for message in messages(&mut buffer, &mut is_first) {
                // The client reads nothing of an answer that is swallowed, and the cut comes after its end.
                if swallows.load(Ordering::SeqCst) {
                    if message[0] == b'Z' {
                        return close();
                    }
                } else if to_client.send(message).is_err() {
                    return close();
                }
            }
        }
        close();
    });
}

fn close_of(client: &TcpStream, server: &UnixStream) -> impl Fn() + Send + 'static + use<> {
    let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    move || {
        // Either may be closed already.
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    }
}

/// Returns the cut that is due at this round trip.
fn due(state: &State) -> Option<Cut> {
    let mut cut = state.cut.lock().unwrap();
    match &mut *cut {
        Some((0, how)) => {
            let how = *how;
            *cut = None;
            Some(how)
        }
        Some((more, _)) => {
            *more -= 1;
            None
        }
        None => None,
    }
}
