//! Loads libpq, PostgreSQL's own client library, and declares the calls that this engine uses.
//!
//! It is loaded when the first URL is opened: programs that use files alone need no libpq. It is never unloaded. The
//! declarations follow `libpq-fe.h` of PostgreSQL 14, the first version with pipelines.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

use crate::error::{Error, Result, Status};

/// A connection of libpq.
#[repr(C)]
pub(super) struct PGconn {
    _private: [u8; 0],
}

/// A result of libpq.
#[repr(C)]
pub(super) struct PGresult {
    _private: [u8; 0],
}

/// What libpq needs to cancel a statement.
#[repr(C)]
pub(super) struct PGcancel {
    _private: [u8; 0],
}

/// A notification of another connection. Only that there is one matters here.
#[repr(C)]
pub(super) struct PGnotify {
    _private: [u8; 0],
}

/// A connection option; only a null `keyword`, which ends a list, matters here.
#[repr(C)]
pub(super) struct ConninfoOption {
    pub keyword: *const c_char,
    envvar: *const c_char,
    compiled: *const c_char,
    pub val: *const c_char,
    label: *const c_char,
    dispchar: *const c_char,
    dispsize: c_int,
}

/// Receives the notices of a connection.
pub(super) type NoticeReceiver = unsafe extern "C" fn(*mut c_void, *const PGresult);

pub(super) const CONNECTION_OK: c_int = 0;

pub(super) const PGRES_COMMAND_OK: c_int = 1;
pub(super) const PGRES_TUPLES_OK: c_int = 2;
pub(super) const PGRES_PIPELINE_ABORTED: c_int = 11;

/// Fields of an error (`PG_DIAG_…` in `postgres_ext.h`).
pub(super) const DIAG_SQLSTATE: c_int = b'C' as c_int;
pub(super) const DIAG_MESSAGE: c_int = b'M' as c_int;
pub(super) const DIAG_SOURCE_FUNCTION: c_int = b'R' as c_int;

macro_rules! symbols {
    ($($field:ident = $name:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The calls of libpq.
        pub(super) struct Libpq {
            $(pub $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Libpq {
            fn find(library: &'static libloading::Library) -> Result<Libpq, libloading::Error> {
                Ok(Libpq {
                    $(
                        // SAFETY: the types are those of `libpq-fe.h`, and the library is never unloaded.
                        $field: unsafe { *library.get($name)? },
                    )*
                })
            }
        }
    };
}

symbols! {
    connect = c"PQconnectdbParams": fn(*const *const c_char, *const *const c_char, c_int) -> *mut PGconn;
    parse_url = c"PQconninfoParse": fn(*const c_char, *mut *mut c_char) -> *mut ConninfoOption;
    free_options = c"PQconninfoFree": fn(*mut ConninfoOption);
    finish = c"PQfinish": fn(*mut PGconn);
    status = c"PQstatus": fn(*const PGconn) -> c_int;
    parameter = c"PQparameterStatus": fn(*const PGconn, *const c_char) -> *const c_char;
    error_message = c"PQerrorMessage": fn(*const PGconn) -> *const c_char;
    socket = c"PQsocket": fn(*const PGconn) -> c_int;
    server_version = c"PQserverVersion": fn(*const PGconn) -> c_int;
    set_nonblocking = c"PQsetnonblocking": fn(*mut PGconn, c_int) -> c_int;
    set_notice_receiver = c"PQsetNoticeReceiver":
        fn(*mut PGconn, Option<NoticeReceiver>, *mut c_void) -> Option<NoticeReceiver>;
    enter_pipeline = c"PQenterPipelineMode": fn(*mut PGconn) -> c_int;
    sync = c"PQpipelineSync": fn(*mut PGconn) -> c_int;
    send_prepare = c"PQsendPrepare":
        fn(*mut PGconn, *const c_char, *const c_char, c_int, *const c_uint) -> c_int;
    send_prepared = c"PQsendQueryPrepared":
        fn(*mut PGconn, *const c_char, c_int, *const *const c_char, *const c_int, *const c_int, c_int) -> c_int;
    send_params = c"PQsendQueryParams":
        fn(*mut PGconn, *const c_char, c_int, *const c_uint, *const *const c_char, *const c_int, *const c_int, c_int)
            -> c_int;
    flush = c"PQflush": fn(*mut PGconn) -> c_int;
    is_busy = c"PQisBusy": fn(*mut PGconn) -> c_int;
    consume = c"PQconsumeInput": fn(*mut PGconn) -> c_int;
    result = c"PQgetResult": fn(*mut PGconn) -> *mut PGresult;
    notifies = c"PQnotifies": fn(*mut PGconn) -> *mut PGnotify;
    free = c"PQfreemem": fn(*mut c_void);
    result_status = c"PQresultStatus": fn(*const PGresult) -> c_int;
    error_field = c"PQresultErrorField": fn(*const PGresult, c_int) -> *const c_char;
    rows = c"PQntuples": fn(*const PGresult) -> c_int;
    columns = c"PQnfields": fn(*const PGresult) -> c_int;
    value = c"PQgetvalue": fn(*const PGresult, c_int, c_int) -> *const c_char;
    length = c"PQgetlength": fn(*const PGresult, c_int, c_int) -> c_int;
    is_null = c"PQgetisnull": fn(*const PGresult, c_int, c_int) -> c_int;
    affected = c"PQcmdTuples": fn(*mut PGresult) -> *const c_char;
    clear = c"PQclear": fn(*mut PGresult);
    get_cancel = c"PQgetCancel": fn(*mut PGconn) -> *mut PGcancel;
    cancel = c"PQcancel": fn(*mut PGcancel, *mut c_char, c_int) -> c_int;
    free_cancel = c"PQfreeCancel": fn(*mut PGcancel);
}

/// The names under which systems have the library.
const NAMES: [&str; 4] = ["libpq.so.5", "libpq.so", "libpq.5.dylib", "libpq.dylib"];

/// Returns the library, which the first call loads.
pub(super) fn libpq() -> Result<&'static Libpq> {
    static LOADED: OnceLock<Libpq> = OnceLock::new();
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let loaded = load()?;
    Ok(LOADED.get_or_init(|| loaded))
}

fn load() -> Result<Libpq> {
    let mut why = String::new();
    for name in NAMES {
        // SAFETY: libpq's initializers may run in any thread.
        match unsafe { libloading::Library::new(name) } {
            Ok(library) => {
                return Libpq::find(Box::leak(Box::new(library))).map_err(|error| {
                    Error::new(Status::Unsupported, format!("{name} is older than PostgreSQL 14: {error}"))
                });
            }
            Err(error) if why.is_empty() => why = error.to_string(),
            Err(_) => {}
        }
    }
    Err(Error::new(
        Status::Unsupported,
        format!(
            "a postgresql:// URL needs PostgreSQL's client library libpq (Debian and Ubuntu: libpq5, Fedora: libpq, \
             Homebrew: libpq), which cannot be loaded: {why}"
        ),
    ))
}

/// Returns a copy of a C string as text.
///
/// # Safety
/// `text` is null or a C string.
pub(super) unsafe fn copied(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string by this function's contract.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().trim_end().to_owned()
}
