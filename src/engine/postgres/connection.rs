//! One connection to the server, in libpq's pipeline mode: several statements are one round trip.

use std::collections::{HashSet, VecDeque};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::libpq::{self, Libpq, PGconn, PGresult};
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::statement::{Prepared, Sql, Step};
use crate::engine::postgres::status::{CANCELED, Refusal};
use crate::error::{Error, Result, Status};
use crate::memory::NoMemory;
use crate::platform::fork::ClosedInChild;
use crate::platform::system;

/// The number of statements that a connection keeps prepared.
const MOST_PREPARED: usize = 1000;

/// How long to wait for the answer to a cancelled statement before the connection is given up.
const GRACE: Duration = Duration::from_secs(5);

/// The formats of parameters: all are binary.
const BINARY: [c_int; MOST_PARAMS] = [1; MOST_PARAMS];

/// The most parameters of a statement.
const MOST_PARAMS: usize = 8;

/// The reason why statements did not run.
#[derive(Debug)]
pub(super) enum Fault {
    Refused(Refusal),
    /// The connection is lost, and whether the statements ran is not known.
    Lost(String),
    /// Nothing was sent, or everything was undone.
    Failed(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Failed(error)
    }
}

impl From<NoMemory> for Fault {
    fn from(none: NoMemory) -> Fault {
        Fault::Failed(none.into())
    }
}

impl Fault {
    /// Returns the error of a call that changed nothing.
    pub(super) fn error(self) -> Error {
        match self {
            Fault::Refused(refusal) => refusal.error(),
            Fault::Lost(why) => unreachable_server(&why),
            Fault::Failed(error) => error,
        }
    }
}

/// Returns the error of a call that did not reach the server.
#[cold]
pub(super) fn unreachable_server(why: &str) -> Error {
    Error::new(Status::Unavailable, format!("PostgreSQL cannot be reached: {why}; try again later"))
}

/// How long to wait for an answer, and what may end the wait before.
pub(super) struct Waiting {
    pub patience: Option<Duration>,
    /// The calling thread's check, or `None` inside a seat, where the check might call the library.
    pub interrupt: Option<Interrupt>,
}

/// A connection. One thread uses it at a time.
pub(super) struct Connection {
    pq: &'static Libpq,
    conn: NonNull<PGconn>,
    socket: c_int,
    /// Closes the socket in a child of a fork.
    inherited: Option<ClosedInChild>,
    prepared: HashSet<u64>,
    /// Set by [`on_notice`]. Boxed, since libpq keeps its address.
    not_replicated: Box<AtomicBool>,
    /// What was sent, and whose results have not been read.
    sent: VecDeque<Sent>,
    is_lost: bool,
    /// True once a statement was cancelled: the request may arrive late, and must not meet another caller's statement.
    was_cancelled: bool,
}

/// A command whose results are still to come.
enum Sent {
    /// The number of a statement, which counts as prepared until the server refuses it.
    Prepare(u64),
    Statement,
    /// A statement of this module, which no caller expects results of.
    Own,
    /// The end of a round trip.
    Sync,
}

// SAFETY: libpq's connections do not belong to a thread; only one uses it at a time.
unsafe impl Send for Connection {}

/// Detects the warning that a commit is durable here, but not on the standby that it should have reached.
///
/// # Safety
/// libpq calls it with the address that was registered, and with a valid result.
unsafe extern "C" fn on_notice(flag: *mut c_void, notice: *const PGresult) {
    let Ok(pq) = libpq::libpq() else { return };
    // SAFETY: the result is valid during this call.
    let function = unsafe { libpq::copied((pq.error_field)(notice, libpq::DIAG_SOURCE_FUNCTION)) };
    // Its words depend on the server's language, the function's name does not.
    if function == "SyncRepWaitForLSN" {
        // SAFETY: the address of the connection's flag, which lives longer than the connection.
        unsafe { &*flag.cast::<AtomicBool>() }.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    /// Connects. `parameters` come before those of the URL, which override them.
    pub(super) fn open(conninfo: &CString, parameters: &[(&str, String)]) -> Result<Connection> {
        let pq = libpq::libpq()?;
        let mut texts = Vec::with_capacity(parameters.len() + 1);
        for (name, value) in parameters {
            let nul =
                |_| Error::new(Status::InvalidArgument, "a connection parameter contains a NUL character");
            texts.push((CString::new(*name).map_err(nul)?, CString::new(value.as_str()).map_err(nul)?));
        }
        texts.push((CString::from(c"dbname"), conninfo.clone()));
        let mut names: Vec<*const c_char> = texts.iter().map(|(name, _)| name.as_ptr()).collect();
        let mut values: Vec<*const c_char> = texts.iter().map(|(_, value)| value.as_ptr()).collect();
        names.push(ptr::null());
        values.push(ptr::null());
        // SAFETY: both lists end with a null and live until the call returns. `1` expands the URL.
        let conn = NonNull::new(unsafe { (pq.connect)(names.as_ptr(), values.as_ptr(), 1) })
            .ok_or_else(|| Error::new(Status::NoMemory, "there is no memory for a connection"))?;
        let mut connection = Connection {
            pq,
            conn,
            socket: -1,
            inherited: None,
            prepared: HashSet::new(),
            not_replicated: Box::default(),
            sent: VecDeque::new(),
            is_lost: true,
            was_cancelled: false,
        };
        // SAFETY: the connection is valid, here and below.
        if unsafe { (pq.status)(conn.as_ptr()) } != libpq::CONNECTION_OK {
            return Err(connection.refused(conninfo));
        }
        let flag: *const AtomicBool = &raw const *connection.not_replicated;
        // SAFETY: as above; the flag is boxed and lives longer than the connection.
        unsafe {
            connection.socket = (pq.socket)(conn.as_ptr());
            (pq.set_notice_receiver)(conn.as_ptr(), Some(on_notice), flag.cast_mut().cast());
            if (pq.set_nonblocking)(conn.as_ptr(), 1) != 0 || (pq.enter_pipeline)(conn.as_ptr()) != 1 {
                return Err(unreachable_server(&connection.words()));
            }
        }
        connection.inherited = Some(ClosedInChild::new(connection.socket));
        connection.is_lost = false;
        Ok(connection)
    }

    /// Returns the error of a connection that was not established.
    fn refused(&self, conninfo: &CStr) -> Error {
        if !self.can_read(conninfo) {
            // libpq's own words quote the URL, and perhaps a password.
            return Error::new(
                Status::InvalidArgument,
                "libpq cannot read the URL: check its host, port and parameters, and encode special characters in names \
                 and passwords as % and two hexadecimal digits",
            );
        }
        let words = self.words();
        // libpq gives no SQLSTATE here, but these words of the server, which few languages translate in part.
        let is_about_rights = ["authentication failed", "password", "pg_hba.conf", "role \""];
        if is_about_rights.iter().any(|part| words.contains(part)) {
            return Error::new(Status::Permission, format!("PostgreSQL refused the connection: {words}"));
        }
        if words.contains("database \"") && words.contains("does not exist") {
            return Error::new(Status::NoEnvironment, format!("PostgreSQL refused the connection: {words}"));
        }
        unreachable_server(&words)
    }

    fn can_read(&self, conninfo: &CStr) -> bool {
        // SAFETY: a C string; the list is freed here.
        unsafe {
            let options = (self.pq.parse_url)(conninfo.as_ptr(), ptr::null_mut());
            if options.is_null() {
                return false;
            }
            (self.pq.free_options)(options);
        }
        true
    }

    fn words(&self) -> String {
        // SAFETY: the connection is valid, and the text is a part of it.
        let words = unsafe { libpq::copied((self.pq.error_message)(self.conn.as_ptr())) };
        words.lines().map(str::trim).collect::<Vec<_>>().join("; ")
    }

    /// Returns a parameter that the server reported when the connection began.
    pub(super) fn parameter(&self, name: &CStr) -> String {
        // SAFETY: the connection is valid, and the text is a part of it.
        unsafe { libpq::copied((self.pq.parameter)(self.conn.as_ptr(), name.as_ptr())) }
    }

    /// Returns the version of the server, for example 150018.
    pub(super) fn server_version(&self) -> c_int {
        // SAFETY: the connection is valid.
        unsafe { (self.pq.server_version)(self.conn.as_ptr()) }
    }

    /// Returns true if another caller can use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_lost && !self.was_cancelled && matches!(self.sent.back(), None | Some(Sent::Sync))
    }

    /// Gives the connection up if statements were sent without an end: the next round trip would contain them.
    fn give_up_unended(&mut self) {
        self.is_lost |= !matches!(self.sent.back(), None | Some(Sent::Sync));
    }

    /// Returns true if the server has not closed it while nobody used it.
    pub(super) fn is_alive(&mut self) -> bool {
        if self.is_lost {
            return false;
        }
        if self.sent.is_empty() && !self.poll(libc::POLLIN, Some(Instant::now())) {
            return true;
        }
        // There are results of earlier commands, notices, or the end of the connection.
        // SAFETY: the connection is valid.
        let is_read = unsafe { (self.pq.consume)(self.conn.as_ptr()) } == 1;
        // SAFETY: as above.
        self.is_lost = !is_read || unsafe { (self.pq.status)(self.conn.as_ptr()) } != libpq::CONNECTION_OK;
        !self.is_lost
    }

    /// Waits for notifications of other connections until `deadline`. Returns whether there were any.
    pub(super) fn wait_for_notification(&mut self, deadline: Instant) -> Result<bool, Fault> {
        if self.poll(libc::POLLIN, Some(deadline)) {
            // SAFETY: the connection is valid.
            if unsafe { (self.pq.consume)(self.conn.as_ptr()) } != 1 {
                let words = self.words();
                return Err(self.lost(&words));
            }
        }
        let mut any = false;
        loop {
            // SAFETY: as above; each notification is freed once.
            unsafe {
                let notification = (self.pq.notifies)(self.conn.as_ptr());
                if notification.is_null() {
                    return Ok(any);
                }
                (self.pq.free)(notification.cast());
            }
            any = true;
        }
    }

    /// Returns true if a commit was not confirmed by the standby, and clears the mark.
    pub(super) fn take_not_replicated(&mut self) -> bool {
        self.not_replicated.swap(false, Ordering::Relaxed)
    }

    /// Forgets the prepared statements, which the server no longer has.
    pub(super) fn forget_prepared(&mut self) {
        self.prepared.clear();
    }

    /// Runs statements in one round trip, all or none unless a transaction was begun before. Returns their results.
    pub(super) fn run(&mut self, steps: &[Step<'_>], waiting: &Waiting) -> Result<Vec<Rows>, Fault> {
        self.send(steps)?;
        self.finish(waiting)
    }

    /// Runs statements, the result of which nobody needs, without waiting for them.
    pub(super) fn run_unseen(&mut self, steps: &[Step<'_>]) {
        if self.is_lost {
            return;
        }
        if self.send(steps).is_err() || self.sync().is_err() {
            self.is_lost = true;
        }
    }

    /// Sends statements that belong to the same round trip as those that follow.
    pub(super) fn send(&mut self, steps: &[Step<'_>]) -> Result<(), Fault> {
        if self.is_lost {
            return Err(Fault::Lost("the connection was given up".to_owned()));
        }
        steps.iter().try_for_each(|step| self.send_one(step)).inspect_err(|_| self.give_up_unended())
    }

    /// Sends what `send` sends, which belongs to the same round trip as what follows.
    pub(super) fn send_by(
        &mut self,
        send: impl FnOnce(&mut Connection) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        send(self).inspect_err(|_| self.give_up_unended())
    }

    /// Sends what was not sent yet, and returns when the system has taken all of it.
    pub(super) fn drain(&mut self, waiting: &Waiting) -> Result<(), Fault> {
        let deadline = deadline(waiting);
        // SAFETY: the connection is valid, here and below.
        while let code @ 1.. = unsafe { (self.pq.flush)(self.conn.as_ptr()) } {
            debug_assert_eq!(code, 1);
            if !self.poll(libc::POLLIN | libc::POLLOUT, deadline) {
                return Err(self.lost("the server takes no more data"));
            }
            // SAFETY: as above. The server may wait until its results are read.
            if unsafe { (self.pq.consume)(self.conn.as_ptr()) } != 1 {
                let words = self.words();
                return Err(self.lost(&words));
            }
        }
        Ok(())
    }

    /// Ends a round trip and returns the results of its statements.
    pub(super) fn finish(&mut self, waiting: &Waiting) -> Result<Vec<Rows>, Fault> {
        self.sync()?;
        loop {
            let answer = self.read_to_sync(waiting);
            // Earlier ones are those that nobody waited for.
            if self.sent.is_empty() || self.is_lost {
                return answer;
            }
        }
    }

    fn sync(&mut self) -> Result<(), Fault> {
        // SAFETY: the connection is valid.
        if unsafe { (self.pq.sync)(self.conn.as_ptr()) } == 1 {
            self.sent.push_back(Sent::Sync);
            return Ok(());
        }
        let words = self.words();
        Err(self.lost(&words))
    }

    fn lost(&mut self, why: &str) -> Fault {
        self.is_lost = true;
        Fault::Lost(why.to_owned())
    }

    fn send_one(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let count = c_int::try_from(step.params.len().min(MOST_PARAMS)).unwrap_or(0);
        let mut types = [0; MOST_PARAMS];
        let mut values = [ptr::null(); MOST_PARAMS];
        let mut lengths = [0; MOST_PARAMS];
        for (at, param) in step.params.iter().enumerate().take(MOST_PARAMS) {
            let bytes = param.bytes();
            types[at] = param.type_number();
            // An empty slice may dangle, but is not null.
            values[at] = bytes.as_ptr().cast::<c_char>();
            lengths[at] = c_int::try_from(bytes.len()).map_err(|_| {
                Error::new(Status::ValueSize, format!("{} bytes are too many for one statement", bytes.len()))
            })?;
        }
        let conn = self.conn.as_ptr();
        let (values, lengths, formats) = (values.as_ptr(), lengths.as_ptr(), BINARY.as_ptr());
        let once;
        let sql = match step.sql {
            Sql::Prepared(statement) => {
                self.prepare(statement, count, &types)?;
                // SAFETY: the connection is valid, the name is a C string, and the arrays have at least `count` entries;
                // each value is valid for its length, and has the binary form.
                let sent = unsafe {
                    (self.pq.send_prepared)(conn, statement.name.as_ptr(), count, values, lengths, formats, 1)
                };
                return self.was_sent(sent, Sent::Statement);
            }
            Sql::NotPrepared(sql) => sql,
            Sql::Once(sql) => {
                once = CString::new(sql).map_err(|_| {
                    Error::new(Status::InvalidArgument, "a statement contains a NUL character")
                })?;
                once.as_c_str()
            }
        };
        // SAFETY: as above.
        let sent = unsafe {
            (self.pq.send_params)(conn, sql.as_ptr(), count, types.as_ptr(), values, lengths, formats, 1)
        };
        self.was_sent(sent, Sent::Statement)
    }

    /// Prepares a statement, unless the connection has it.
    fn prepare(
        &mut self,
        statement: &Prepared,
        count: c_int,
        types: &[c_uint; MOST_PARAMS],
    ) -> Result<(), Fault> {
        if self.prepared.contains(&statement.number) {
            return Ok(());
        }
        if self.prepared.len() >= MOST_PREPARED {
            self.prepared.clear();
            self.send_one(&Step::once("DEALLOCATE ALL"))?;
            self.sent.pop_back();
            self.sent.push_back(Sent::Own);
        }
        let (name, sql) = (statement.name.as_ptr(), statement.sql.as_ptr());
        // SAFETY: the connection is valid, the texts are C strings, and there are at least `count` types.
        let sent = unsafe { (self.pq.send_prepare)(self.conn.as_ptr(), name, sql, count, types.as_ptr()) };
        self.was_sent(sent, Sent::Prepare(statement.number))?;
        self.prepared.insert(statement.number);
        Ok(())
    }

    fn was_sent(&mut self, code: c_int, what: Sent) -> Result<(), Fault> {
        if code == 1 {
            self.sent.push_back(what);
            return Ok(());
        }
        let words = self.words();
        Err(self.lost(&words))
    }

    /// Reads the results up to the next synchronization point.
    fn read_to_sync(&mut self, waiting: &Waiting) -> Result<Vec<Rows>, Fault> {
        let mut wait = Wait { deadline: deadline(waiting), waiting, why: None };
        let mut results = Vec::with_capacity(4);
        let mut refusal = None;
        while let Some(sent) = self.sent.pop_front() {
            // A statement has one result and then none; a synchronization point has one.
            let first = self.next_result(&mut wait)?;
            if matches!(sent, Sent::Sync) {
                return match refusal {
                    None => Ok(results),
                    Some(refusal) => Err(self.refused_with(refusal, wait.why)),
                };
            }
            let Some(rows) = first else { return Err(self.lost("libpq gives no result for a statement")) };
            let is_done = matches!(rows.status(), libpq::PGRES_COMMAND_OK | libpq::PGRES_TUPLES_OK);
            if !is_done {
                if let Sent::Prepare(number) = &sent {
                    self.prepared.remove(number);
                }
                if rows.status() != libpq::PGRES_PIPELINE_ABORTED {
                    let found = rows.refusal();
                    if found.state.is_empty() {
                        let words = self.words();
                        return Err(self.lost(&words));
                    }
                    refusal.get_or_insert(found);
                }
            }
            if is_done && matches!(sent, Sent::Statement) {
                results.push(rows);
            }
            while self.next_result(&mut wait)?.is_some() {}
        }
        Err(self.lost("libpq gives no end of a round trip"))
    }

    fn refused_with(&mut self, refusal: Refusal, why: Option<Error>) -> Fault {
        if refusal.state.starts_with("57P") || refusal.state.starts_with("08") {
            self.is_lost = true;
        }
        match why {
            Some(why) if refusal.is(CANCELED) => Fault::Failed(why),
            _ => Fault::Refused(refusal),
        }
    }

    /// Returns the next result, or `None` at the end of a statement's results.
    fn next_result(&mut self, wait: &mut Wait<'_>) -> Result<Option<Rows>, Fault> {
        self.wait_for_result(wait)?;
        // SAFETY: the connection is valid; the result is owned from here on.
        let result = unsafe { (self.pq.result)(self.conn.as_ptr()) };
        let Some(result) = NonNull::new(result) else {
            // SAFETY: as above.
            if unsafe { (self.pq.status)(self.conn.as_ptr()) } != libpq::CONNECTION_OK {
                let words = self.words();
                return Err(self.lost(&words));
            }
            return Ok(None);
        };
        // SAFETY: as above.
        Ok(Some(unsafe { Rows::new(self.pq, result) }))
    }

    /// Waits until a result can be read. Cancels the statement when the wait ends too early.
    fn wait_for_result(&mut self, wait: &mut Wait<'_>) -> Result<(), Fault> {
        loop {
            // SAFETY: the connection is valid, here and below.
            if unsafe { (self.pq.is_busy)(self.conn.as_ptr()) } == 0 {
                return Ok(());
            }
            // SAFETY: as above.
            let unsent = unsafe { (self.pq.flush)(self.conn.as_ptr()) } == 1;
            let events = if unsent { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN };
            let until = match &wait.waiting.interrupt {
                Some(interrupt) if wait.why.is_none() => interrupt.next(wait.deadline),
                _ => wait.deadline,
            };
            if self.poll(events, until) {
                // SAFETY: as above.
                if unsafe { (self.pq.consume)(self.conn.as_ptr()) } != 1 {
                    let words = self.words();
                    return Err(self.lost(&words));
                }
                continue;
            }
            let is_over = wait.deadline.is_some_and(|deadline| deadline <= Instant::now());
            if is_over && wait.why.is_some() {
                return Err(self.lost("the server does not answer, and did not cancel the statement"));
            }
            let why = if is_over {
                let waited = wait.waiting.patience.unwrap_or_default().as_secs();
                Err(Error::new(
                    Status::Unavailable,
                    format!("PostgreSQL did not answer within {waited} s; the statement was cancelled"),
                ))
            } else {
                wait.waiting.interrupt.as_ref().map_or(Ok(()), Interrupt::ask)
            };
            if let Err(why) = why {
                wait.why = Some(why);
                wait.deadline = Some(Instant::now() + GRACE);
                self.was_cancelled = true;
                self.cancel();
            }
        }
    }

    /// Asks the server to cancel the statement. Does not wait: the request needs a connection of its own, which a server
    /// that cannot be reached delays.
    fn cancel(&self) {
        struct Request(*mut libpq::PGcancel);
        // SAFETY: it does not belong to a thread.
        unsafe impl Send for Request {}
        let pq = self.pq;
        // SAFETY: the connection is valid.
        let request = Request(unsafe { (pq.get_cancel)(self.conn.as_ptr()) });
        if request.0.is_null() {
            return;
        }
        let run = move || {
            let Request(cancel) = { request };
            let mut words = [0; 256];
            // SAFETY: valid until it is freed here; the buffer has the size given.
            unsafe {
                (pq.cancel)(cancel, words.as_mut_ptr(), 256);
                (pq.free_cancel)(cancel);
            }
        };
        // If no thread can be made, the wait ends with the connection instead.
        let _ =
            system::without_signals(|| std::thread::Builder::new().name("pc-cancel".to_owned()).spawn(run));
    }

    /// Waits for the socket. Returns false at the deadline.
    fn poll(&self, events: libc::c_short, deadline: Option<Instant>) -> bool {
        loop {
            let left = match deadline {
                None => -1,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    // Rounded up: a wait must not end before its deadline.
                    c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
                }
            };
            let mut entry = libc::pollfd { fd: self.socket, events, revents: 0 };
            // SAFETY: one valid entry.
            let ready = unsafe { libc::poll(&raw mut entry, 1, left) };
            if ready > 0 {
                return true;
            }
            let is_interrupted =
                ready < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
            if !is_interrupted {
                return false;
            }
        }
    }
}

struct Wait<'w> {
    deadline: Option<Instant>,
    waiting: &'w Waiting,
    /// The reason for which the statement was cancelled.
    why: Option<Error>,
}

fn deadline(waiting: &Waiting) -> Option<Instant> {
    waiting.patience.and_then(|patience| Instant::now().checked_add(patience))
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.inherited.as_ref().is_some_and(|inherited| !inherited.is_ours()) {
            // A child's: the socket is closed already, and a farewell would end the parent's session.
            return;
        }
        self.inherited = None;
        // SAFETY: owned by this value only.
        unsafe { (self.pq.finish)(self.conn.as_ptr()) };
    }
}
