//! Raw SQL through libpq: what a program would write by hand for each row.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

type Conn = *mut c_void;
type Res = *mut c_void;

macro_rules! symbols {
    ($($field:ident = $name:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        struct Symbols { $($field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)* }

        impl Symbols {
            fn load() -> Symbols {
                // SAFETY: the declarations are those of libpq-fe.h; the library is never unloaded.
                unsafe {
                    let library = Box::leak(Box::new(libloading::Library::new("libpq.so.5").unwrap()));
                    Symbols { $($field: *library.get($name).unwrap(),)* }
                }
            }
        }
    };
}

symbols! {
    connect = c"PQconnectdb": fn(*const c_char) -> Conn;
    status = c"PQstatus": fn(Conn) -> c_int;
    message = c"PQerrorMessage": fn(Conn) -> *const c_char;
    exec = c"PQexec": fn(Conn, *const c_char) -> Res;
    prepare = c"PQprepare": fn(Conn, *const c_char, *const c_char, c_int, *const c_uint) -> Res;
    exec_prepared = c"PQexecPrepared":
        fn(Conn, *const c_char, c_int, *const *const c_char, *const c_int, *const c_int, c_int) -> Res;
    send_prepared = c"PQsendQueryPrepared":
        fn(Conn, *const c_char, c_int, *const *const c_char, *const c_int, *const c_int, c_int) -> c_int;
    send = c"PQsendQueryParams":
        fn(Conn, *const c_char, c_int, *const c_uint, *const *const c_char, *const c_int, *const c_int, c_int) -> c_int;
    single_row = c"PQsetSingleRowMode": fn(Conn) -> c_int;
    enter_pipeline = c"PQenterPipelineMode": fn(Conn) -> c_int;
    exit_pipeline = c"PQexitPipelineMode": fn(Conn) -> c_int;
    sync = c"PQpipelineSync": fn(Conn) -> c_int;
    result = c"PQgetResult": fn(Conn) -> Res;
    result_status = c"PQresultStatus": fn(Res) -> c_int;
    rows = c"PQntuples": fn(Res) -> c_int;
    columns = c"PQnfields": fn(Res) -> c_int;
    length = c"PQgetlength": fn(Res, c_int, c_int) -> c_int;
    clear = c"PQclear": fn(Res);
    copy = c"PQputCopyData": fn(Conn, *const c_char, c_int) -> c_int;
    end_copy = c"PQputCopyEnd": fn(Conn, *const c_char) -> c_int;
}

pub struct Bare {
    pq: Symbols,
    conn: Conn,
}

impl Bare {
    pub fn connect(url: &str) -> Bare {
        let pq = Symbols::load();
        let url = CString::new(url).unwrap();
        // SAFETY: a C string.
        let conn = unsafe { (pq.connect)(url.as_ptr()) };
        let bare = Bare { pq, conn };
        // SAFETY: the connection is valid, here and in all methods.
        assert_eq!(unsafe { (bare.pq.status)(conn) }, 0, "{}", bare.message());
        bare
    }

    fn message(&self) -> String {
        // SAFETY: a C string of the connection.
        unsafe { CStr::from_ptr((self.pq.message)(self.conn)) }.to_string_lossy().into_owned()
    }

    fn check(&self, result: Res) -> Res {
        // SAFETY: a result of libpq. Commands (1), rows (2), copies (4) and single rows (9) are good.
        let status = unsafe { (self.pq.result_status)(result) };
        assert!(matches!(status, 1 | 2 | 4 | 9), "{status}: {}", self.message());
        result
    }

    pub fn exec(&self, sql: &str) {
        let sql = CString::new(sql).unwrap();
        // SAFETY: a C string; the result is freed once.
        unsafe { (self.pq.clear)(self.check((self.pq.exec)(self.conn, sql.as_ptr()))) };
    }

    pub fn prepare(&self, name: &CStr, sql: &str, types: &[c_uint]) {
        let sql = CString::new(sql).unwrap();
        let count = c_int::try_from(types.len()).unwrap();
        // SAFETY: C strings, and as many types as said.
        unsafe {
            let done = (self.pq.prepare)(self.conn, name.as_ptr(), sql.as_ptr(), count, types.as_ptr());
            (self.pq.clear)(self.check(done));
        }
    }

    /// Runs a prepared statement with binary parameters. Returns the number of rows and the bytes of their last column.
    pub fn run(&self, name: &CStr, params: &[&[u8]]) -> (usize, usize) {
        let (values, lengths, formats) = arrays(params);
        // SAFETY: the arrays have one entry for each parameter.
        unsafe {
            let done = (self.pq.exec_prepared)(
                self.conn,
                name.as_ptr(),
                lengths.len() as c_int,
                values.as_ptr(),
                lengths.as_ptr(),
                formats.as_ptr(),
                1,
            );
            self.count(self.check(done))
        }
    }

    /// Frees a result, and returns its rows and the bytes of their last column.
    fn count(&self, result: Res) -> (usize, usize) {
        // SAFETY: a valid result, which is freed once.
        unsafe {
            let rows = (self.pq.rows)(result);
            let last = (self.pq.columns)(result) - 1;
            let bytes = (0..rows).map(|row| (self.pq.length)(result, row, last) as usize).sum();
            (self.pq.clear)(result);
            (rows as usize, bytes)
        }
    }

    /// Runs a prepared statement for each key, all under one synchronization point.
    pub fn pipeline(&self, name: &CStr, keys: &[Vec<u8>]) -> usize {
        let mut found = 0;
        // SAFETY: as above.
        unsafe {
            assert_eq!((self.pq.enter_pipeline)(self.conn), 1);
            for key in keys {
                let (values, lengths, formats) = arrays(&[key]);
                let sent = (self.pq.send_prepared)(
                    self.conn,
                    name.as_ptr(),
                    1,
                    values.as_ptr(),
                    lengths.as_ptr(),
                    formats.as_ptr(),
                    1,
                );
                assert_eq!(sent, 1);
            }
            assert_eq!((self.pq.sync)(self.conn), 1);
            for _ in keys {
                found += self.count(self.check((self.pq.result)(self.conn))).0;
                assert!((self.pq.result)(self.conn).is_null());
            }
            (self.pq.clear)((self.pq.result)(self.conn));
            assert_eq!((self.pq.exit_pipeline)(self.conn), 1);
        }
        found
    }

    /// Streams a query row by row.
    pub fn stream(&self, sql: &str) -> usize {
        let sql = CString::new(sql).unwrap();
        let mut found = 0;
        // SAFETY: as above.
        unsafe {
            let none = (ptr::null(), ptr::null(), ptr::null(), ptr::null());
            assert_eq!((self.pq.send)(self.conn, sql.as_ptr(), 0, none.0, none.1, none.2, none.3, 1), 1);
            assert_eq!((self.pq.single_row)(self.conn), 1);
            loop {
                let result = (self.pq.result)(self.conn);
                if result.is_null() {
                    return found;
                }
                found += self.count(self.check(result)).0;
            }
        }
    }

    /// Loads records by `COPY … FROM STDIN (FORMAT binary)`.
    pub fn copy_in(&self, table: &str, records: &[(Vec<u8>, Vec<u8>)]) {
        let sql = CString::new(format!("COPY {table} FROM STDIN (FORMAT binary)")).unwrap();
        let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        // SAFETY: as above; the buffer has the length given.
        unsafe {
            (self.pq.clear)(self.check((self.pq.exec)(self.conn, sql.as_ptr())));
            for (key, value) in records {
                bytes.extend(2_u16.to_be_bytes());
                for field in [key, value] {
                    bytes.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
                    bytes.extend(field);
                }
                if bytes.len() > 64 << 10 {
                    assert_eq!((self.pq.copy)(self.conn, bytes.as_ptr().cast(), bytes.len() as c_int), 1);
                    bytes.clear();
                }
            }
            bytes.extend(u16::MAX.to_be_bytes());
            assert_eq!((self.pq.copy)(self.conn, bytes.as_ptr().cast(), bytes.len() as c_int), 1);
            assert_eq!((self.pq.end_copy)(self.conn, ptr::null()), 1);
            (self.pq.clear)(self.check((self.pq.result)(self.conn)));
            assert!((self.pq.result)(self.conn).is_null());
        }
    }
}

type Arrays = (Vec<*const c_char>, Vec<c_int>, Vec<c_int>);

fn arrays(params: &[impl AsRef<[u8]>]) -> Arrays {
    (
        params.iter().map(|param| param.as_ref().as_ptr().cast()).collect(),
        params.iter().map(|param| c_int::try_from(param.as_ref().len()).unwrap()).collect(),
        vec![1; params.len()],
    )
}

/// The binary form of an array of `bytea`.
pub fn array_of<'a>(items: impl ExactSizeIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let len = u32::try_from(items.len()).unwrap();
    let mut bytes: Vec<u8> = [1, 0, 17, len, 1].into_iter().flat_map(u32::to_be_bytes).collect();
    for item in items {
        bytes.extend(u32::try_from(item.len()).unwrap().to_be_bytes());
        bytes.extend(item);
    }
    bytes
}
