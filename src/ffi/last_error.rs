//! The thread's last error.

use std::cell::RefCell;
use std::ffi::{CString, c_char};

use crate::error::Error;
use crate::platform::ending::WhileEnding;

thread_local! {
    /// The message of the thread's last failure, or `None` before the first.
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// The last failure of a thread that is ending, whose `LAST` is gone.
static WHILE_ENDING: WhileEnding<RefCell<Option<CString>>> = WhileEnding::new();

fn address_of(last: &RefCell<Option<CString>>) -> *const c_char {
    last.borrow().as_ref().map_or(c"".as_ptr(), |line| line.as_ptr())
}

/// Keeps a failure as the thread's last one, and returns its number.
pub(super) fn record(failure: &Error) -> i32 {
    let line: Vec<u8> = failure
        .message()
        .bytes()
        // One line that C can read, since a name in the message may contain any character.
        .map(|byte| if byte.is_ascii_control() { b' ' } else { byte })
        .collect();
    let line = CString::new(line).ok();
    let mut line = Some(line);
    let mut keep = |last: &RefCell<Option<CString>>| last.replace(line.take().flatten());
    if LAST.try_with(&mut keep).is_err() {
        // If the system has no memory for the message, the failure has only its status.
        drop(WHILE_ENDING.with(keep));
    }
    failure.status() as i32
}

/// Returns the message of the last failure, which is empty if there was none. It is valid until the thread's next failure.
pub(super) fn text() -> *const c_char {
    LAST.try_with(address_of).unwrap_or_else(|_| WHILE_ENDING.with(address_of).unwrap_or(c"".as_ptr()))
}

#[cfg(test)]
pub(super) fn last_message() -> String {
    // SAFETY: a NUL-terminated text, good until this thread's next failing call.
    unsafe { std::ffi::CStr::from_ptr(text()) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Status;

    #[test]
    fn a_message_is_one_line_and_belongs_to_its_thread() {
        assert_eq!(record(&Error::new(Status::BadName, "name a\nb\0c")), Status::BadName as i32);
        assert_eq!(last_message(), "name a b c");
        std::thread::spawn(|| assert_eq!(last_message(), "")).join().unwrap();
    }
}
