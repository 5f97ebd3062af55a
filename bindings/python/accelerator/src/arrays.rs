//! Columns of `NumPy` arrays, from the memory of these.

use std::slice;

use persistent_collections_codec::{MAX_KEY, integer, key};
use pyo3::prelude::*;

use crate::columns::{Column, Growing};
use crate::keys::{KeyEncoding, Keys};
use crate::values::{NAN, ValueEncoding, Values};

/// Where the items of an array lie: as `kind` and `itemsize` of its dtype say, in the machine's byte order, without gaps.
struct Items {
    kind: char,
    size: usize,
    address: usize,
    count: usize,
}

impl Items {
    /// The memory as `count` items of `each` parts of a type; `None`: there is none, or not for that type.
    fn parts<T>(&self, each: usize) -> Option<&[T]> {
        let at = self.address as *const T;
        let length = self.count.checked_mul(each).filter(|length| *length > 0)?;
        if at.is_null() || !at.is_aligned() || each * size_of::<T>() != self.size {
            return None;
        }
        // SAFETY: the package gives the address and the size of an array that it holds, contiguous, of numbers or characters of
        // this type, for which all bits are valid; nothing changes it while the interpreter's lock is held, as it is here.
        Some(unsafe { slice::from_raw_parts(at, length) })
    }

    fn each_number<T: Copy + Into<i128>>(&self, mut f: impl FnMut(i128) -> bool) -> bool {
        self.parts::<T>(1).is_some_and(|items| items.iter().all(|item| f((*item).into())))
    }

    /// Shows the integers to `f`. `false`: they are none, or `f` has refused one.
    #[inline]
    fn integers(&self, f: impl FnMut(i128) -> bool) -> bool {
        match (self.kind, self.size) {
            ('i', 1) => self.each_number::<i8>(f),
            ('i', 2) => self.each_number::<i16>(f),
            ('i', 4) => self.each_number::<i32>(f),
            ('i', 8) => self.each_number::<i64>(f),
            ('u', 1) => self.each_number::<u8>(f),
            ('u', 2) => self.each_number::<u16>(f),
            ('u', 4) => self.each_number::<u32>(f),
            ('u', 8) => self.each_number::<u64>(f),
            _ => false,
        }
    }

    /// Shows floats, and integers that are exact as floats, to `f`.
    fn floats(&self, mut f: impl FnMut(f64) -> bool) -> bool {
        match (self.kind, self.size) {
            ('f', 4) => self.parts::<f32>(1).is_some_and(|items| items.iter().all(|item| f((*item).into()))),
            ('f', 8) => self.parts::<f64>(1).is_some_and(|items| items.iter().all(|item| f(*item))),
            _ => self.integers(|number| {
                #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
                // refused where it is lost
                let float = number as f64;
                #[allow(clippy::cast_possible_truncation)]
                let same = float as i128 == number;
                same && f(float)
            }),
        }
    }

    /// Shows the UTF-8 of texts to `f`: without the NULs at their ends, which `NumPy` does not tell from none.
    fn texts(&self, mut f: impl FnMut(&[u8]) -> bool) -> bool {
        let each = self.size / size_of::<u32>();
        let Some(items) = self.parts::<u32>(each).filter(|_| self.kind == 'U') else { return false };
        let mut text = Vec::new();
        // No character takes more.
        if text.try_reserve_exact(self.size).is_err() {
            return false;
        }
        items.chunks_exact(each).all(|item| {
            text.clear();
            for &character in trimmed(item) {
                match u8::try_from(character) {
                    Ok(ascii) if ascii.is_ascii() => text.push(ascii),
                    _ => {
                        let Some(character) = char::from_u32(character) else { return false };
                        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            }
            f(&text)
        })
    }

    /// Shows bytes to `f`, without the NULs at their ends.
    fn octets(&self, mut f: impl FnMut(&[u8]) -> bool) -> bool {
        let items = self.parts::<u8>(self.size).filter(|_| self.kind == 'S');
        items.is_some_and(|items| items.chunks_exact(self.size).all(|item| f(trimmed(item))))
    }

    fn bools(&self, mut f: impl FnMut(bool) -> bool) -> bool {
        let items = self.parts::<u8>(1).filter(|_| self.kind == 'b');
        items.is_some_and(|items| items.iter().all(|item| f(*item != 0)))
    }
}

/// An item without the zeros at its end.
#[inline]
fn trimmed<T: Default + PartialEq>(item: &[T]) -> &[T] {
    let end = item.iter().rposition(|part| *part != T::default());
    &item[..end.map_or(0, |last| last + 1)]
}

/// The column of an array of keys. None where one is not plain, so that the package says what is wrong with it.
#[pyfunction]
pub(crate) fn key_array(
    kind: char,
    size: usize,
    address: usize,
    count: usize,
    keys: &Bound<'_, Keys>,
) -> Option<Column> {
    let (keys, items) = (keys.get(), Items { kind, size, address, count });
    let mut column = Growing::new(count, keys.width())?;
    let whole = match *keys.kind() {
        KeyEncoding::Integer(kind) => items.integers(|number| {
            integer::to_key(number, kind).is_some_and(|key| column.push(&key[8 - kind.0..]))
        }),
        KeyEncoding::Text => {
            items.texts(|text| key::is_its_key(text) && text.len() <= MAX_KEY && column.push(text))
        }
        KeyEncoding::Bytes => {
            items.octets(|data| !data.is_empty() && data.len() <= MAX_KEY && column.push(data))
        }
        KeyEncoding::Any | KeyEncoding::Other => false,
    };
    whole.then(|| column.done())
}

/// The column of an array of values. None as in [`key_array`].
#[pyfunction]
pub(crate) fn value_array(
    kind: char,
    size: usize,
    address: usize,
    count: usize,
    values: &Bound<'_, Values>,
) -> Option<Column> {
    let (values, items) = (values.get(), Items { kind, size, address, count });
    let mut column = Growing::new(count, values.width())?;
    let whole = match *values.kind() {
        ValueEncoding::Integer(kind) => items.integers(|number| {
            integer::to_value(number, kind).is_some_and(|value| column.push(&value[..kind.0]))
        }),
        ValueEncoding::Double => {
            items.floats(|number| column.push(&if number.is_nan() { NAN } else { number.to_le_bytes() }))
        }
        ValueEncoding::Single => items.floats(|number| {
            #[allow(clippy::cast_possible_truncation)] // what would become infinite is refused
            let single = number as f32;
            number.is_finite() == single.is_finite() && !number.is_nan() && column.push(&single.to_le_bytes())
        }),
        ValueEncoding::Bool => items.bools(|value| column.push(&[u8::from(value)])),
        ValueEncoding::Text => items.texts(|text| column.push(text)),
        ValueEncoding::Bytes => items.octets(|data| column.push(data)),
        ValueEncoding::Any | ValueEncoding::Array | ValueEncoding::Other => false,
    };
    whole.then(|| column.done())
}
