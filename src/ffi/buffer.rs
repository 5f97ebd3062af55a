//! `pc_buffer`: memory for answers of unknown size, reused from call to call.

use super::argument::invalid;
use super::boundary::boundary;
use crate::error::{Error, Result, Status};

/// A growing piece of memory for answers whose size the caller cannot know.
///
/// Initialize it with zeros (`pc_buffer b = {0};`), pass it to any number of calls, one at a time, and free it with
/// `pc_buffer_free`. A call that fills it replaces its content and may move it: `data` is valid until the next call
/// that gets this buffer. The library allocates and frees the memory; the caller only reads it.
#[repr(C)]
pub struct pc_buffer {
    /// The bytes; `NULL` until a call stores something.
    pub data: *mut u8,
    /// The number of bytes that the last call stored.
    pub len: usize,
    /// The number of bytes that are allocated.
    pub cap: usize,
}

/// Frees the buffer's memory and sets it to zeros, ready to be used again.
///
/// - `buffer`: may be `NULL`, or all zeros.
///
/// No other thread may be using the buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_buffer_free(buffer: *mut pc_buffer) {
    boundary!((), {
        if !buffer.is_null() {
            // SAFETY: not NULL, so by the header's contract a buffer; `data` is NULL or came from `reserve`.
            unsafe {
                libc::free((*buffer).data.cast());
                *buffer = pc_buffer::empty();
            }
        }
    });
}

/// The first size of a buffer, so that small answers do not grow it again and again.
const SMALLEST: usize = 64;

impl pc_buffer {
    /// Makes an empty buffer.
    pub(super) const fn empty() -> Self {
        Self { data: std::ptr::null_mut(), len: 0, cap: 0 }
    }

    /// Returns the buffer of an argument.
    ///
    /// # Safety
    /// `pointer` is NULL or a buffer that no other thread uses during the call that `'a` stands for.
    pub(super) unsafe fn required<'a>(name: &str, pointer: *mut pc_buffer) -> Result<&'a mut pc_buffer> {
        // SAFETY: this function has the same contract.
        match unsafe { Self::optional(name, pointer) }? {
            Some(buffer) => Ok(buffer),
            None => Err(invalid(format!("{name} is NULL; a pc_buffer is needed"))),
        }
    }

    /// Returns the buffer of an argument as `required` does, or `None` for NULL.
    ///
    /// # Safety
    /// As for `required`.
    pub(super) unsafe fn optional<'a>(
        name: &str,
        pointer: *mut pc_buffer,
    ) -> Result<Option<&'a mut pc_buffer>> {
        if !pointer.is_aligned() {
            return Err(invalid(format!("{name} is not aligned as a pc_buffer is")));
        }
        // SAFETY: aligned, and NULL or a buffer by this function's contract.
        let Some(buffer) = (unsafe { pointer.as_mut() }) else { return Ok(None) };
        if buffer.data.is_null() && buffer.cap != 0 {
            return Err(invalid(format!("{name} has a capacity but no memory; begin with all zeros")));
        }
        Ok(Some(buffer))
    }

    /// Makes room for `size` bytes in all, and keeps the content.
    #[inline]
    pub(super) fn reserve(&mut self, size: usize) -> Result<()> {
        if size <= self.cap { Ok(()) } else { self.grow(size) }
    }

    #[cold]
    fn grow(&mut self, size: usize) -> Result<()> {
        let cap = size.max(self.cap.saturating_mul(2)).max(SMALLEST);
        // SAFETY: `data` is NULL or came from `malloc` or `realloc` and was not freed.
        let data = unsafe { libc::realloc(self.data.cast(), cap) };
        if data.is_null() {
            return Err(Error::new(Status::NoMemory, format!("no memory for a buffer of {cap} bytes")));
        }
        self.data = data.cast();
        self.cap = cap;
        Ok(())
    }

    /// Replaces the content. A failure leaves it unchanged.
    pub(super) fn store(&mut self, bytes: &[u8]) -> Result<()> {
        self.reserve(bytes.len())?;
        // SAFETY: `reserve` made the room; a slice of Rust's cannot overlap memory that `realloc` may have moved.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start(), bytes.len()) };
        self.len = bytes.len();
        Ok(())
    }

    /// Appends to the content. A failure leaves it unchanged.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let len = self.len;
        let grown = len
            .checked_add(bytes.len())
            .filter(|size| isize::try_from(*size).is_ok())
            .ok_or_else(|| Error::new(Status::NoMemory, "the answer is beyond any memory"))?;
        self.reserve(grown)?;
        // SAFETY: `realloc` keeps the first `len` bytes, and `reserve` made room for the others after them.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start().add(len), bytes.len()) };
        self.len = grown;
        Ok(())
    }

    /// Returns where the content begins. It is not NULL even if the buffer is empty.
    pub(super) fn start(&self) -> *mut u8 {
        if self.data.is_null() { std::ptr::dangling_mut() } else { self.data }
    }
}

/// A buffer that the library owns and frees.
pub(super) struct OwnBuffer(pub(super) pc_buffer);

// SAFETY: the memory is the buffer's alone and has no tie to a thread.
unsafe impl Send for OwnBuffer {}

impl OwnBuffer {
    pub(super) const fn new() -> Self {
        Self(pc_buffer::empty())
    }
}

impl Drop for OwnBuffer {
    fn drop(&mut self) {
        // SAFETY: a buffer that only this value uses.
        unsafe { pc_buffer_free(&raw mut self.0) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn held(buffer: &OwnBuffer) -> &[u8] {
        // SAFETY: the buffer holds `len` bytes.
        unsafe { std::slice::from_raw_parts(buffer.0.start(), buffer.0.len) }
    }

    #[test]
    fn a_buffer_is_replaced_appended_and_freed() {
        let mut buffer = OwnBuffer::new();
        buffer.0.store(b"").unwrap();
        assert_eq!((held(&buffer), buffer.0.cap), (&b""[..], 0));
        buffer.0.store(b"first").unwrap();
        assert_eq!((held(&buffer), buffer.0.cap), (&b"first"[..], SMALLEST));
        buffer.0.append(&[7; SMALLEST]).unwrap();
        assert_eq!((held(&buffer).len(), buffer.0.cap), (5 + SMALLEST, 2 * SMALLEST));
        assert_eq!(&held(&buffer)[..6], b"first\x07");
        buffer.0.store(b"second").unwrap();
        assert_eq!((held(&buffer), buffer.0.cap), (&b"second"[..], 2 * SMALLEST));
        // SAFETY: only this test uses the buffer.
        unsafe { pc_buffer_free(&raw mut buffer.0) };
        assert!(buffer.0.data.is_null() && buffer.0.len == 0 && buffer.0.cap == 0);
    }

    #[test]
    fn missing_memory_is_a_status() {
        let mut buffer = OwnBuffer::new();
        buffer.0.store(b"kept").unwrap();
        let error = buffer.0.reserve(isize::MAX.unsigned_abs()).unwrap_err();
        assert_eq!(error.status(), Status::NoMemory);
        assert_eq!(held(&buffer), b"kept");
    }
}
