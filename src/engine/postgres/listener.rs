//! Learns of the commits of other processes by `LISTEN`, if the URL says `notify=yes`.
//!
//! Each write then notifies a channel that is named after the schema. Without it, threads that wait for a commit ask the
//! server every 100 ms.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::engine::postgres::Engine;
use crate::engine::postgres::connection::{Connection, Fault};
use crate::engine::postgres::sql::{identifier, literal};
use crate::engine::postgres::statement::Step;
use crate::error::Result;
use crate::platform::system;

/// How long the thread may outlive its environment.
const LOOK: Duration = Duration::from_millis(500);

impl Engine {
    /// Returns the statement by which a write notifies those who wait, or `None` if it need not.
    pub(super) fn notification(&self) -> Option<String> {
        self.url.notifies.then(|| format!("SELECT pg_notify({}, '')", literal(&self.channel())))
    }

    fn channel(&self) -> String {
        // A name of a channel has less than 64 bytes, as a schema's does.
        let mut channel = format!("pc:{}", self.url.schema);
        while channel.len() > 63 {
            channel.pop();
        }
        channel
    }

    /// Begins to listen, unless it does already. From then on, a commit that notifies wakes the threads that wait.
    pub(crate) fn listen(self: &Arc<Self>) -> Result<()> {
        if !self.url.notifies || self.listens.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let begun = self.begin_to_listen();
        if begun.is_err() {
            self.listens.store(false, Ordering::Release);
        }
        begun
    }

    fn begin_to_listen(self: &Arc<Self>) -> Result<()> {
        // Beside the pool: it stays as long as the environment.
        let mut connection = self.connect()?;
        let listen = format!("LISTEN {}", identifier(&self.channel()));
        connection.run(&[Step::once(&listen)], &self.waiting()).map_err(Fault::error)?;
        let engine = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("pc-listen".to_owned());
        // If no thread can be made, the threads that wait look by themselves.
        let started = system::without_signals(|| thread.spawn(move || run(&engine, connection)));
        self.listens.store(started.is_ok(), Ordering::Release);
        Ok(())
    }
}

/// Wakes the threads that wait, until the environment is closed or the connection is lost.
fn run(engine: &Weak<Engine>, mut connection: Connection) {
    loop {
        let heard = connection.wait_for_notification(Instant::now() + LOOK);
        let Some(engine) = engine.upgrade() else { return };
        match heard {
            Ok(true) => engine.notice.wake(),
            Ok(false) => {}
            Err(_) => {
                // The next thread that waits listens on a new connection.
                engine.listens.store(false, Ordering::Release);
                engine.notice.wake();
                return;
            }
        }
    }
}
