//! Checks the arguments that C passes.
//!
//! The functions that follow pointers are `unsafe`: they cannot check the header's general contract, that a pointer which
//! is not NULL is valid for the length that goes with it, or up to its NUL, during the call.

use std::ffi::{CStr, c_char, c_void};

use crate::error::{Error, Result, Status};

/// Makes an error with the status `PC_ERR_INVALID_ARGUMENT`.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

#[cold]
fn null(name: &str) -> Error {
    invalid(format!("{name} is NULL"))
}

/// Checks a pointer to items that are not empty. Refuses lengths that a slice cannot have: they are garbage or an
/// overflow.
#[inline]
fn check_items<T>(name: &str, pointer: *const T, count: usize) -> Result<()> {
    let fits = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if pointer.is_null() || !pointer.is_aligned() || !fits {
        return Err(wrong_items(name, pointer, count));
    }
    Ok(())
}

#[cold]
fn wrong_items<T>(name: &str, pointer: *const T, count: usize) -> Error {
    if pointer.is_null() {
        return invalid(format!("{name} is NULL, though its length is {count}"));
    }
    if !pointer.is_aligned() {
        return invalid(format!("{name} is not aligned to {} bytes", align_of::<T>()));
    }
    invalid(format!("{name}: a length of {count} is beyond any memory"))
}

/// Returns the items at `pointer`. With count 0, the input is empty, and any pointer is allowed, also NULL.
///
/// # Safety
/// `pointer` is NULL or good for reading `count` items during the call that `'a` stands for.
#[inline]
pub(super) unsafe fn items<'a, T>(name: &str, pointer: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_items(name, pointer, count)?;
    // SAFETY: not NULL, aligned, of a possible length, and good for `count` items by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Returns the items at `pointer` for writing, otherwise as [`items`] does.
///
/// # Safety
/// `pointer` is NULL or good for writing `count` items, by this call alone, during the call that `'a` stands for.
/// The items are initialised, or of a type for which any bytes will do.
pub(super) unsafe fn items_mut<'a, T>(name: &str, pointer: *mut T, count: usize) -> Result<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    check_items(name, pointer, count)?;
    // SAFETY: not NULL, aligned, of a possible length, and good for `count` items by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// Returns the bytes at `pointer`.
///
/// # Safety
/// As for [`items`].
#[inline]
pub(super) unsafe fn bytes<'a>(name: &str, pointer: *const c_void, len: usize) -> Result<&'a [u8]> {
    // SAFETY: this function has the same contract.
    unsafe { items(name, pointer.cast::<u8>(), len) }
}

/// Returns the text at `pointer`, which is NUL-terminated UTF-8.
///
/// # Safety
/// `pointer` is NULL or good for reading up to its NUL during the call that `'a` stands for.
pub(super) unsafe fn text<'a>(name: &str, pointer: *const c_char) -> Result<&'a str> {
    // SAFETY: this function has the same contract.
    match unsafe { optional_text(name, pointer) }? {
        Some(text) => Ok(text),
        None => Err(null(name)),
    }
}

/// Returns the text at `pointer` as [`text`] does, or `None` for NULL.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(name: &str, pointer: *const c_char) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and NUL-terminated by this function's contract.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|error| {
        invalid(format!(
            "{name} is not UTF-8 (first wrong byte at {}); pass names, types and paths as UTF-8",
            error.valid_up_to()
        ))
    })
}

/// A pointer for one output. It is checked before the work begins, and written after it has succeeded.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Takes a pointer that must not be NULL.
    #[inline]
    pub(super) fn required(name: &str, pointer: *mut T) -> Result<Self> {
        if pointer.is_null() { Err(null(name)) } else { Ok(Self(pointer)) }
    }

    /// Takes a pointer that may be NULL: the output is then dropped.
    pub(super) fn optional(pointer: *mut T) -> Self {
        Self(pointer)
    }

    /// Returns true if the caller wants the output.
    pub(super) fn is_wanted(&self) -> bool {
        !self.0.is_null()
    }

    /// Writes the output.
    ///
    /// # Safety
    /// The pointer is NULL or good for writing a `T`, by this call alone, until it returns.
    #[inline]
    pub(super) unsafe fn write(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: not NULL, and good for writing by this function's contract; alignment is not asked for.
            unsafe { self.0.write_unaligned(value) }
        }
    }
}

/// Refuses flags that this version does not know.
pub(super) fn check_flags(call: &str, flags: u32, known: u32) -> Result<()> {
    let unknown = flags & !known;
    if unknown == 0 {
        return Ok(());
    }
    Err(invalid(format!("{call}: unknown flags {unknown:#x}; this version knows {known:#x}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::ptr;

    #[test]
    fn null_with_length_zero_is_empty() {
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { bytes("key", ptr::null(), 0) }.unwrap(), b"");
        // SAFETY: NULL is allowed.
        let error = unsafe { bytes("key", ptr::null(), 3) }.unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("key is NULL"), "{error}");
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let byte = 0_u8;
        // SAFETY: the length is refused before the pointer is dereferenced.
        let error = unsafe { bytes("value", (&raw const byte).cast(), usize::MAX) }.unwrap_err();
        assert!(error.message().contains("value"), "{error}");
        let word = 0_u64;
        // SAFETY: as above; the size in bytes overflows.
        assert!(unsafe { items("offsets", &raw const word, usize::MAX / 4) }.is_err());
    }

    #[test]
    #[allow(clippy::cast_ptr_alignment)] // the test needs an unaligned pointer
    fn unaligned_items_are_refused() {
        let words = [0_u64; 2];
        let crooked = (&raw const words).cast::<u8>().wrapping_add(1).cast::<u64>();
        // SAFETY: the pointer is refused before it is dereferenced.
        let error = unsafe { items("offsets", crooked, 1) }.unwrap_err();
        assert!(error.message().contains("aligned"), "{error}");
    }

    #[test]
    fn text_must_be_utf8() {
        // SAFETY: NUL-terminated literals, or NULL.
        unsafe {
            assert_eq!(text("name", c"år".as_ptr()).unwrap(), "år");
            assert!(text("name", c"\xff".as_ptr()).unwrap_err().message().contains("UTF-8"));
            assert!(text("name", ptr::null()).unwrap_err().message().contains("name is NULL"));
            assert_eq!(optional_text("name", ptr::null()).unwrap(), None);
        }
    }

    #[test]
    fn unknown_flags_are_named() {
        check_flags("pc_dict_open", 3, 3).unwrap();
        assert!(check_flags("pc_dict_open", 9, 3).unwrap_err().message().contains("0x8"));
    }
}
