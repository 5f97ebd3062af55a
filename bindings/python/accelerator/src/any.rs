//! `any`: the common part of the tuple layer (keys) and of CBOR (values). The rest is the package's.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::objects::{bytes, utf8};

// Codes of the tuple layer.
const BYTES: u8 = 0x01;
const TEXT: u8 = 0x02;
const ZERO: u8 = 0x14;

/// Shows an encoded key to `f`. `None`: it is not plain, or longer than `longest`.
#[inline]
pub(crate) fn with_key<R>(key: &Bound<'_, PyAny>, longest: usize, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
    if let Ok(text) = key.cast_exact::<PyString>() {
        return with_terminated(TEXT, utf8(text)?, longest, f);
    }
    if let Ok(number) = key.cast_exact::<PyInt>() {
        let number: i64 = number.extract().ok()?;
        let magnitude = number.unsigned_abs();
        let size = (71 - magnitude.leading_zeros() as usize) / 8;
        let shown = if number < 0 { !magnitude } else { magnitude };
        let mut out = [0; 9];
        out[1..].copy_from_slice(&shown.to_be_bytes());
        let begin = 8 - size;
        // No more than 8.
        let size = u8::try_from(size).ok()?;
        out[begin] = if number < 0 { ZERO - size } else { ZERO + size };
        return Some(f(&out[begin..]));
    }
    let data = key.cast_exact::<PyBytes>().ok()?.as_bytes();
    with_terminated(BYTES, data, longest, f)
}

#[inline]
fn with_terminated<R>(code: u8, data: &[u8], longest: usize, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
    if data.len() + 2 > longest || data.contains(&0) {
        return None;
    }
    let mut small = [0; 128];
    if let Some(room) = small.get_mut(..data.len() + 2) {
        room[0] = code;
        room[1..=data.len()].copy_from_slice(data);
        return Some(f(room));
    }
    let mut out = Vec::with_capacity(data.len() + 2);
    out.push(code);
    out.extend_from_slice(data);
    out.push(0);
    Some(f(&out))
}

/// The key of these bytes. `None`: they are not plain.
#[inline]
pub(crate) fn key<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some((&code, rest)) = data.split_first() else { return Ok(None) };
    match code {
        TEXT | BYTES => {
            let Some((0, content)) = rest.split_last() else { return Ok(None) };
            if content.contains(&0) {
                return Ok(None);
            }
            if code == BYTES {
                return bytes(py, content).map(|found| Some(found.into_any()));
            }
            Ok(PyString::from_bytes(py, content).ok().map(Bound::into_any))
        }
        ZERO..=0x1c if rest.len() == usize::from(code - ZERO) && rest.first() != Some(&0) => {
            let mut whole = [0; 8];
            whole[8 - rest.len()..].copy_from_slice(rest);
            Ok(Some(u64::from_be_bytes(whole).into_pyobject(py)?.into_any()))
        }
        0x0c..ZERO if rest.len() == usize::from(ZERO - code) && rest.first() != Some(&0xff) => {
            let mut whole = [0xff; 8];
            whole[8 - rest.len()..].copy_from_slice(rest);
            let magnitude = !u64::from_be_bytes(whole);
            let Some(number) = 0_i64.checked_sub_unsigned(magnitude) else { return Ok(None) };
            Ok(Some(number.into_pyobject(py)?.into_any()))
        }
        _ => Ok(None),
    }
}

/// Containers nested deeper are the package's, which has the limit.
const DEEPEST: usize = 32;

/// What grows longer, too: containers that hold one another twice have no end in sight, as the package sees.
const LONGEST: usize = 1 << 26;

const NAN: u64 = 0x7ff8_0000_0000_0000;

/// Appends bytes. `false`: there is no memory for them.
#[inline]
fn push(out: &mut Vec<u8>, data: &[u8]) -> bool {
    let fits = out.try_reserve(data.len()).is_ok();
    if fits {
        out.extend_from_slice(data);
    }
    fits
}

/// Writes a major type and its number in the fewest bytes. `false`: there is no memory for it.
pub(crate) fn head(out: &mut Vec<u8>, major: u8, number: u64) -> bool {
    let mut bytes = [0; 9];
    bytes[1..].copy_from_slice(&number.to_be_bytes());
    let (code, size) = match number {
        // No more than 23.
        0..24 => return push(out, &[major << 5 | bytes[8]]),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    bytes[8 - size] = major << 5 | code;
    push(out, &bytes[8 - size..])
}

/// Writes a value as CBOR. `false`: it, or what it holds, is not plain, or there is no memory for it; then what was written
/// means nothing.
pub(crate) fn write(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: usize) -> bool {
    if let Ok(text) = value.cast_exact::<PyString>() {
        let Some(text) = utf8(text) else { return false };
        head(out, 3, text.len() as u64) && push(out, text)
    } else if let Ok(number) = value.cast_exact::<PyInt>() {
        let Ok(number) = number.extract::<i64>() else { return false };
        // −1 − n is the complement.
        let (major, magnitude) = if number < 0 { (1, !number) } else { (0, number) };
        head(out, major, magnitude.unsigned_abs())
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        let number = number.value();
        let bits = if number.is_nan() { NAN } else { number.to_bits() };
        push(out, &[0xfb]) && push(out, &bits.to_be_bytes())
    } else if value.is_none() {
        push(out, &[0xf6])
    } else if let Ok(truth) = value.cast_exact::<PyBool>() {
        push(out, &[if truth.is_true() { 0xf5 } else { 0xf4 }])
    } else if let Ok(data) = value.cast_exact::<PyBytes>() {
        head(out, 2, data.as_bytes().len() as u64) && push(out, data.as_bytes())
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        depth < DEEPEST
            && head(out, 4, list.len() as u64)
            && list.iter().all(|item| out.len() < LONGEST && write(out, &item, depth + 1))
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        depth < DEEPEST
            && head(out, 5, dict.len() as u64)
            && dict.iter().all(|(key, item)| {
                out.len() < LONGEST && write(out, &key, depth + 1) && write(out, &item, depth + 1)
            })
    } else {
        false
    }
}

/// The value of a CBOR item. `None`: it is not plain, or not as it should be.
pub(crate) fn read<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut reader = Reader { py, rest: data };
    let value = reader.item(0)?;
    Ok(value.filter(|_| reader.rest.is_empty()))
}

struct Reader<'py, 'd> {
    py: Python<'py>,
    rest: &'d [u8],
}

impl<'py, 'd> Reader<'py, 'd> {
    fn take(&mut self, size: u64) -> Option<&'d [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(size).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// Major type and number of a head.
    fn head(&mut self) -> Option<(u8, u64)> {
        let &[first] = self.take(1)? else { return None };
        let number = match first & 31 {
            short @ 0..24 => u64::from(short),
            code @ 24..28 => {
                let raw = self.take(1 << (code - 24))?;
                let mut whole = [0; 8];
                whole[8 - raw.len()..].copy_from_slice(raw);
                u64::from_be_bytes(whole)
            }
            _ => return None,
        };
        // Of the simple values only these: a float of 64 bits comes as its bits.
        (first < 0xe0 || matches!(first, 0xf4..=0xf6 | 0xfb)).then_some((first >> 5, number))
    }

    fn item(&mut self, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = self.py;
        let Some((major, number)) = self.head() else { return Ok(None) };
        Ok(match major {
            0 => Some(number.into_pyobject(py)?.into_any()),
            1 => match i64::try_from(number) {
                Ok(number) => Some((!number).into_pyobject(py)?.into_any()),
                Err(_) => None,
            },
            2 => match self.take(number) {
                Some(data) => Some(bytes(py, data)?.into_any()),
                None => None,
            },
            3 => self.take(number).and_then(|text| PyString::from_bytes(py, text).ok()).map(Bound::into_any),
            4 => self.list(number, depth)?,
            5 => self.map(number, depth)?,
            7 => Some(match number {
                20 | 21 => PyBool::new(py, number == 21).to_owned().into_any(),
                22 => py.None().into_bound(py),
                bits => PyFloat::new(py, f64::from_bits(bits)).into_any(),
            }),
            _ => None,
        })
    }

    /// Whether so many items can stand in what is left, and may be nested here.
    fn is_plausible(&self, count: u64, depth: usize) -> bool {
        depth < DEEPEST && count <= self.rest.len() as u64
    }

    fn list(&mut self, count: u64, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.is_plausible(count, depth) {
            return Ok(None);
        }
        let list = PyList::empty(self.py);
        for _ in 0..count {
            let Some(item) = self.item(depth + 1)? else { return Ok(None) };
            list.append(item)?;
        }
        Ok(Some(list.into_any()))
    }

    fn map(&mut self, count: u64, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.is_plausible(count, depth) {
            return Ok(None);
        }
        let dict = PyDict::new(self.py);
        for _ in 0..count {
            // A list or a map is no key of a dict.
            if !matches!(self.rest.first(), Some(0..0x80 | 0xe0..)) {
                return Ok(None);
            }
            let Some(key) = self.item(depth + 1)? else { return Ok(None) };
            let Some(item) = self.item(depth + 1)? else { return Ok(None) };
            dict.set_item(key, item)?;
        }
        // Keys that are equal in Python, such as 1 and 1.0, stay apart in the package.
        Ok((dict.len() as u64 == count).then(|| dict.into_any()))
    }
}
