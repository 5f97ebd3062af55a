//! `any`: the common part of the tuple layer (keys) and of CBOR (values), by the codec's parts. `dynamic` does the rest.

use persistent_collections_codec::Type;
use persistent_collections_codec::cbor::{
    ARRAY, BYTES, Head, MAP, NEGATIVE, SIMPLE, TEXT, UNSIGNED, content, float, head, put_head,
};
use persistent_collections_codec::memory::{NoMemory, TryGrow};
use persistent_collections_codec::tuple::{Reader as KeyReader, Token, put};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::dynamic;
use crate::names::name;
use crate::objects::{as_str, bytes, utf8, whole};

/// A short key, on the stack.
struct Short {
    bytes: [u8; 128],
    len: usize,
}

impl TryGrow<u8> for Short {
    #[inline]
    fn try_room(&mut self, more: usize) -> Result<(), NoMemory> {
        if more <= self.bytes.len() - self.len { Ok(()) } else { Err(NoMemory { bytes: more }) }
    }

    #[inline]
    fn try_push(&mut self, byte: u8) -> Result<(), NoMemory> {
        self.try_extend(&[byte])
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        self.try_room(bytes.len())?;
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }
}

/// Encodes a key and passes it to `f`. Returns `None` if the package has to encode or refuse it.
#[inline]
pub(crate) fn with_key<R>(key: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
    let mut short = Short { bytes: [0; 128], len: 0 };
    if write_key(&mut short, key) {
        return Some(f(&short.bytes[..short.len]));
    }
    Some(f(&dynamic::encode_key(&Type::Any, key)?))
}

/// Encodes a short text, short bytes, or an integer, and passes it to `f`. Returns `None` for anything else.
pub(crate) fn with_plain_key<R>(key: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
    let mut short = Short { bytes: [0; 128], len: 0 };
    write_key(&mut short, key).then(|| f(&short.bytes[..short.len]))
}

/// Writes a short text, short bytes, or an integer. Returns `false` for anything else.
#[inline]
fn write_key(out: &mut Short, key: &Bound<'_, PyAny>) -> bool {
    // Each byte may be a NUL, which takes two bytes.
    let most = out.bytes.len() / 2 - 1;
    let is_short = |len: usize| len <= most;
    if let Ok(text) = key.cast_exact::<PyString>() {
        return utf8(text).is_some_and(|text| is_short(text.len()) && put::str(as_str(text), out).is_ok());
    }
    if let Ok(number) = key.cast_exact::<PyInt>() {
        let Ok(number) = number.extract::<i64>() else { return false };
        return put::integer(number < 0, number.unsigned_abs(), out).is_ok();
    }
    let Ok(data) = key.cast_exact::<PyBytes>() else { return false };
    is_short(data.as_bytes().len()) && put::bytes(data.as_bytes(), out).is_ok()
}

/// Decodes a key. Returns `None` if the package has to decode or refuse it.
#[inline]
pub(crate) fn key<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut reader = KeyReader::new(data);
    let token = reader.token();
    if reader.finish().is_ok() {
        match token {
            Ok(Token::Str(text)) => {
                if let Some(text) = text.plain() {
                    return Ok(PyString::from_bytes(py, text).ok().map(Bound::into_any));
                }
            }
            Ok(Token::Integer { negative, magnitude }) => {
                let number = i128::from(magnitude);
                return whole(py, Some(if negative { -number } else { number }));
            }
            Ok(Token::Bytes(data)) => {
                if let Some(data) = data.plain() {
                    return bytes(py, data).map(|found| Some(found.into_any()));
                }
            }
            _ => {}
        }
    }
    dynamic::decode_key(py, &Type::Any, data)
}

/// Simple values of CBOR.
const FALSE: u64 = 20;
const TRUE: u64 = 21;
const NONE: u64 = 22;
/// The code in a head of a float of 64 bits.
const DOUBLE: u8 = 27;

/// The package encodes containers that are nested deeper; it checks the limit.
const DEEPEST: usize = 32;

/// It also encodes longer values: containers that hold each other twice would grow without bound.
const LONGEST: usize = 1 << 26;

/// Writes text or bytes. Returns `false` without memory for them.
#[inline]
fn write_content(out: &mut Vec<u8>, major: u8, data: &[u8]) -> bool {
    put_head(major, data.len() as u64, out).is_ok() && out.try_extend(data).is_ok()
}

/// Writes a value as CBOR. Returns `false` if it or a part of it is not plain, or without memory for it; the output is
/// then invalid.
pub(crate) fn write(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: usize) -> bool {
    if let Ok(text) = value.cast_exact::<PyString>() {
        utf8(text).is_some_and(|text| write_content(out, TEXT, text))
    } else if let Ok(number) = value.cast_exact::<PyInt>() {
        let Ok(number) = number.extract::<i64>() else { return false };
        // −1 − n is the complement.
        let (major, magnitude) = if number < 0 { (NEGATIVE, !number) } else { (UNSIGNED, number) };
        put_head(major, magnitude.unsigned_abs(), out).is_ok()
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        float(number.value(), out).is_ok()
    } else if value.is_none() {
        put_head(SIMPLE, NONE, out).is_ok()
    } else if let Ok(truth) = value.cast_exact::<PyBool>() {
        put_head(SIMPLE, if truth.is_true() { TRUE } else { FALSE }, out).is_ok()
    } else if let Ok(data) = value.cast_exact::<PyBytes>() {
        write_content(out, BYTES, data.as_bytes())
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        depth < DEEPEST
            && put_head(ARRAY, list.len() as u64, out).is_ok()
            && list.iter().all(|item| out.len() < LONGEST && write(out, &item, depth + 1))
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        depth < DEEPEST
            && put_head(MAP, dict.len() as u64, out).is_ok()
            && dict.iter().all(|(key, item)| {
                out.len() < LONGEST && write(out, &key, depth + 1) && write(out, &item, depth + 1)
            })
    } else {
        false
    }
}

/// Decodes a CBOR item. Returns `None` if it is not plain, or invalid.
pub(crate) fn read<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut reader = Reader { py, data, at: 0 };
    let value = reader.item(0)?;
    Ok(value.filter(|_| reader.at == data.len()))
}

struct Reader<'py, 'd> {
    py: Python<'py>,
    data: &'d [u8],
    at: usize,
}

impl<'py, 'd> Reader<'py, 'd> {
    /// Returns the text or bytes after a head.
    fn content(&mut self, head: &Head) -> Option<&'d [u8]> {
        let found = content(self.data, head).ok()?;
        self.at = head.next + found.len();
        Some(found)
    }

    fn item(&mut self, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = self.py;
        let Ok(head) = head(self.data, self.at) else { return Ok(None) };
        self.at = head.next;
        Ok(match (head.major, head.argument) {
            (UNSIGNED, number) => Some(number.into_pyobject(py)?.into_any()),
            (NEGATIVE, number) => match i64::try_from(number) {
                Ok(number) => Some((!number).into_pyobject(py)?.into_any()),
                Err(_) => None,
            },
            (BYTES, _) => match self.content(&head) {
                Some(data) => Some(bytes(py, data)?.into_any()),
                None => None,
            },
            (TEXT, _) => {
                let text = self.content(&head);
                text.and_then(|text| PyString::from_bytes(py, text).ok()).map(Bound::into_any)
            }
            (ARRAY, count) => self.list(count, depth)?,
            (MAP, count) => self.map(count, depth)?,
            (SIMPLE, bits) if head.info == DOUBLE => Some(PyFloat::new(py, f64::from_bits(bits)).into_any()),
            (SIMPLE, FALSE) => Some(PyBool::new(py, false).to_owned().into_any()),
            (SIMPLE, TRUE) => Some(PyBool::new(py, true).to_owned().into_any()),
            (SIMPLE, NONE) => Some(py.None().into_bound(py)),
            _ => None,
        })
    }

    /// Returns the key of a map; most are texts that other maps have too.
    fn map_key(&mut self, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        match head(self.data, self.at) {
            Ok(head) if head.major == TEXT => {
                let text = self.content(&head);
                Ok(text.and_then(|text| name(self.py, text)).map(Bound::into_any))
            }
            _ => self.item(depth),
        }
    }

    /// Whether the remaining bytes can contain `count` items, and a container may be nested here.
    fn is_plausible(&self, count: u64, depth: usize) -> bool {
        depth < DEEPEST && count <= (self.data.len() - self.at) as u64
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
            // A list or a map cannot be a key of a dict, and a tag may mean one.
            let first = self.data.get(self.at).map(|first| first >> 5);
            if !matches!(first, Some(UNSIGNED | NEGATIVE | BYTES | TEXT | SIMPLE)) {
                return Ok(None);
            }
            let Some(key) = self.map_key(depth + 1)? else { return Ok(None) };
            let Some(item) = self.item(depth + 1)? else { return Ok(None) };
            dict.set_item(key, item)?;
        }
        // The package keeps keys apart that are equal in Python, such as 1 and 1.0.
        Ok((dict.len() as u64 == count).then(|| dict.into_any()))
    }
}
