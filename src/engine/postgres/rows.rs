//! The result of a statement.

use std::ffi::c_int;
use std::ptr::NonNull;

use crate::engine::postgres::libpq::{self, Libpq, PGresult};
use crate::engine::postgres::status::Refusal;

/// The rows, or the number of affected rows, of one statement.
pub(super) struct Rows {
    pq: &'static Libpq,
    result: NonNull<PGresult>,
}

// SAFETY: libpq's results do not belong to a thread.
unsafe impl Send for Rows {}

impl Drop for Rows {
    fn drop(&mut self) {
        // SAFETY: owned by this value only.
        unsafe { (self.pq.clear)(self.result.as_ptr()) };
    }
}

impl Rows {
    /// # Safety
    /// A result of libpq, which nothing else frees.
    pub(super) unsafe fn new(pq: &'static Libpq, result: NonNull<PGresult>) -> Rows {
        Rows { pq, result }
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: the result is valid until it is dropped.
        usize::try_from(unsafe { (self.pq.rows)(self.result.as_ptr()) }).unwrap_or(0)
    }

    /// Returns a value in binary form, or `None` if it is NULL or does not exist.
    pub(super) fn get(&self, row: usize, column: usize) -> Option<&[u8]> {
        let (row, column) = (c_int::try_from(row).ok()?, c_int::try_from(column).ok()?);
        let result = self.result.as_ptr();
        // SAFETY: the result is valid; the row and the column are checked to exist before they are read. The value lives
        // as long as the result, and libpq gives its length.
        unsafe {
            if row >= (self.pq.rows)(result)
                || column >= (self.pq.columns)(result)
                || (self.pq.is_null)(result, row, column) != 0
            {
                return None;
            }
            let length = usize::try_from((self.pq.length)(result, row, column)).ok()?;
            let value = (self.pq.value)(result, row, column);
            if value.is_null() {
                return None;
            }
            Some(std::slice::from_raw_parts(value.cast(), length))
        }
    }

    /// Returns a `bigint`, or `None` if it is NULL.
    pub(super) fn int(&self, row: usize, column: usize) -> Option<i64> {
        Some(i64::from_be_bytes(self.get(row, column)?.try_into().ok()?))
    }

    pub(super) fn text(&self, row: usize, column: usize) -> Option<&str> {
        std::str::from_utf8(self.get(row, column)?).ok()
    }

    pub(super) fn is_true(&self, row: usize, column: usize) -> bool {
        self.get(row, column) == Some(&[1])
    }

    /// Returns the number of rows that the statement wrote.
    pub(super) fn affected(&self) -> u64 {
        // SAFETY: the result is valid, and the text is a part of it.
        let text = unsafe { libpq::copied((self.pq.affected)(self.result.as_ptr())) };
        text.parse().unwrap_or(0)
    }

    /// Returns the status that libpq gives the result.
    pub(super) fn status(&self) -> c_int {
        // SAFETY: the result is valid.
        unsafe { (self.pq.result_status)(self.result.as_ptr()) }
    }

    fn field(&self, code: c_int) -> String {
        // SAFETY: the result is valid, and the text is a part of it.
        unsafe { libpq::copied((self.pq.error_field)(self.result.as_ptr(), code)) }
    }

    /// Returns the server's error.
    pub(super) fn refusal(&self) -> Refusal {
        Refusal { state: self.field(libpq::DIAG_SQLSTATE), message: self.field(libpq::DIAG_MESSAGE) }
    }
}
