//! The values of many keys, as `pc_dict_get_many` gives them.

use std::ffi::c_void;
use std::ptr;
use std::slice;

/// A `pc_buffer`.
#[repr(C)]
pub(crate) struct Buffer {
    data: *mut u8,
    len: usize,
    cap: usize,
}

/// The values of keys; some may be absent.
pub(crate) struct Found {
    present: Vec<u8>,
    /// Of types with a width: the values.
    space: Vec<u8>,
    width: Option<usize>,
    /// Of the others: the values, and one offset more than keys.
    buffer: Buffer,
    places: Vec<u64>,
    free: unsafe extern "C" fn(*mut Buffer),
}

// SAFETY: the buffer is its alone.
unsafe impl Send for Found {}

/// Zeros; `None`: there is no memory for so many.
fn zeros<T: Clone + Default>(count: usize) -> Option<Vec<T>> {
    let mut made = Vec::new();
    made.try_reserve_exact(count).ok()?;
    made.resize(count, T::default());
    Some(made)
}

impl Found {
    /// Makes room for the answers of a call.
    pub(crate) fn for_many(
        count: usize,
        width: Option<usize>,
        free: unsafe extern "C" fn(*mut Buffer),
    ) -> Option<Found> {
        let (mut space, mut places) = (Vec::new(), Vec::new());
        match width {
            Some(width) => space = zeros(count.checked_mul(width)?)?,
            None => places = zeros(count.checked_add(1)?)?,
        }
        let buffer = Buffer { data: ptr::null_mut(), len: 0, cap: 0 };
        Some(Found { present: zeros(count)?, space, width, buffer, places, free })
    }

    /// What the call fills: whether keys are present; values and how many bytes of them; or a buffer and offsets.
    pub(crate) fn space(&mut self) -> (*mut u8, *mut c_void, usize, *mut Buffer, *mut u64) {
        let present = self.present.as_mut_ptr();
        if self.width.is_some() {
            let room = self.space.len();
            (present, self.space.as_mut_ptr().cast(), room, ptr::null_mut(), ptr::null_mut())
        } else {
            (present, ptr::null_mut(), 0, &raw mut self.buffer, self.places.as_mut_ptr())
        }
    }

    /// The value of the key with this index; `None`: it is absent.
    #[inline]
    pub(crate) fn value(&self, index: usize) -> Option<&[u8]> {
        if *self.present.get(index)? == 0 {
            return None;
        }
        if let Some(width) = self.width {
            return self.space.get(index * width..(index + 1) * width);
        }
        let (start, end) = (*self.places.get(index)?, *self.places.get(index + 1)?);
        self.content().get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    fn content(&self) -> &[u8] {
        if self.buffer.data.is_null() {
            return &[];
        }
        // SAFETY: the library has filled so many bytes, and they are this object's until they are freed with it.
        unsafe { slice::from_raw_parts(self.buffer.data, self.buffer.len) }
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        // SAFETY: it is zeros, or what the library has made of it, and is not used again.
        unsafe { (self.free)(&raw mut self.buffer) };
    }
}
