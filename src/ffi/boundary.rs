//! The one macro that every export goes through.
//!
//! It catches panics, since unwinding into C is undefined behaviour. It turns an error into its status, and keeps the message
//! for `pc_last_error`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::last_error::record;
use crate::error::{Error, Result, Status};

/// Runs the body of an export.
///
/// `boundary!({ … })` is for exports that return a status: the body is a `Result<pc_status>`, and `?` works in it.
/// `boundary!(fallback, { … })` is for the others: it returns the body's value, or the fallback after a panic.
macro_rules! boundary {
    ($body:block) => {
        $crate::ffi::boundary::status(|| $body)
    };
    ($fallback:expr, $body:block) => {
        $crate::ffi::boundary::value(|| $body, $fallback)
    };
}
pub(super) use boundary;

/// Runs `call`. An error or a panic becomes a status and the thread's last error.
// Later calls do not see half of a change after a panic: the steps that change the table and the iterators do not panic,
// and the safe API is responsible for its own state.
pub(super) fn status(call: impl FnOnce() -> Result<i32>) -> i32 {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => record(&failure),
        Err(payload) => record(&panicked(payload)),
    }
}

/// Runs `call`. After a panic, returns `fallback` and sets the thread's last error.
pub(super) fn value<T>(call: impl FnOnce() -> T, fallback: T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        record(&panicked(payload));
        fallback
    })
}

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let said = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            let text =
                payload.downcast_ref::<&str>().map_or_else(|| "no message".to_owned(), ToString::to_string);
            // Dropping a payload runs unknown code, which could panic again.
            std::mem::forget(payload);
            text
        }
    };
    Error::new(Status::Panic, format!("panic inside the library (a defect, please report it): {said}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::last_error::last_message;
    use super::super::status::{PC_ERR_BUSY, PC_ERR_PANIC, PC_OK};
    use super::*;

    #[test]
    fn answers_pass_through() {
        assert_eq!(boundary!({ Ok(PC_OK) }), PC_OK);
        assert_eq!(boundary!(1, { 7 }), 7);
    }

    #[test]
    fn an_error_becomes_its_status_and_message() {
        let status = boundary!({ Err(Error::new(Status::Busy, "held by process 7")) });
        assert_eq!(status, PC_ERR_BUSY);
        assert_eq!(last_message(), "held by process 7");
    }

    #[test]
    fn a_panic_becomes_a_status_with_its_message() {
        let number = 7;
        assert_eq!(boundary!({ panic!("found {number}") }), PC_ERR_PANIC);
        assert!(last_message().ends_with("found 7"), "{}", last_message());
        assert_eq!(boundary!({ panic!("plain") }), PC_ERR_PANIC);
        assert!(last_message().ends_with("plain"), "{}", last_message());
        assert_eq!(boundary!(3, { std::panic::panic_any(5_u8) }), 3);
        assert!(last_message().ends_with("no message"), "{}", last_message());
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_caught() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        assert_eq!(boundary!({ std::panic::panic_any(Bomb) }), PC_ERR_PANIC);
    }
}
