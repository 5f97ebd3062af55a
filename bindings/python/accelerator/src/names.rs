//! Keeps the names of fields: short texts that the maps of many values share.
//!
//! A map's key is then made once, and not again for each value: a text that Python has hashed before.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::objects::utf8;

/// How many are kept: a power of two.
const KEPT: usize = 512;

/// The longest that is kept, in bytes.
const LONGEST: usize = 32;

/// The texts, each at the place that its bytes give; null where there is none yet. They are read and replaced only under
/// the interpreter's lock, and owned by this list for the life of the process.
static NAMES: [AtomicPtr<ffi::PyObject>; KEPT] = [const { AtomicPtr::new(ptr::null_mut()) }; KEPT];

/// Returns the text of UTF-8. Returns `None` if it is invalid.
#[inline]
pub(crate) fn name<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyString>> {
    // Other texts than ASCII would get a second copy, in UTF-8, for the comparison.
    if text.len() > LONGEST || !text.is_ascii() {
        return PyString::from_bytes(py, text).ok();
    }
    let place = &NAMES[place(text)];
    let kept = place.load(Ordering::Relaxed);
    // SAFETY: it is null, or a text that the list owns while the interpreter's lock is held, as it is here.
    if let Some(kept) = unsafe { Bound::from_borrowed_ptr_or_opt(py, kept) } {
        // SAFETY: only texts are kept.
        let kept = unsafe { kept.cast_into_unchecked::<PyString>() };
        if utf8(&kept) == Some(text) {
            return Some(kept);
        }
    }
    let made = PyString::from_bytes(py, text).ok()?;
    let before = place.swap(made.clone().into_ptr(), Ordering::Relaxed);
    // SAFETY: the list owned it, or it is null, which is allowed.
    drop(unsafe { Bound::from_owned_ptr_or_opt(py, before) });
    Some(made)
}

/// Returns the place of a text, by its length and its first and last eight bytes.
#[inline]
fn place(text: &[u8]) -> usize {
    let word = |bytes: &[u8]| bytes.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
    let (first, last) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (word(text), text.len() as u64),
    };
    let mixed = (first ^ last.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The upper bits depend on all bytes.
    #[allow(clippy::cast_possible_truncation)]
    let place = (mixed >> (64 - KEPT.trailing_zeros())) as usize;
    place
}
