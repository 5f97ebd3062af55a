//! Keys of the common types to bytes and back.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use crate::any;
use crate::objects::{bytes, utf8};
use crate::values::integer;

/// The longest encoded key.
const MAX_KEY: usize = 1978;

/// How the keys of a collection are encoded.
#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Text,
    Integer { width: usize, signed: bool },
    Any,
}

/// The codec of a collection's keys.
pub(crate) struct Keys {
    kind: Kind,
    /// The package's own, for what is out of the ordinary.
    decode: Py<PyAny>,
}

impl Keys {
    /// For a type; `None`: these keys are the package's to encode.
    pub(crate) fn new(type_: &str, decode: Py<PyAny>) -> Option<Keys> {
        let kind = match type_ {
            "bytes" => Kind::Bytes,
            "str" => Kind::Text,
            "any" => Kind::Any,
            _ => integer(type_).map(|(width, signed)| Kind::Integer { width, signed })?,
        };
        Some(Keys { kind, decode })
    }

    /// The width of all of them, if they have one.
    pub(crate) fn width(&self) -> Option<usize> {
        match self.kind {
            Kind::Integer { width, .. } => Some(width),
            _ => None,
        }
    }

    /// Shows the encoded key to `f`. `None`: it is not plain.
    #[inline]
    pub(crate) fn with<R>(&self, key: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.kind {
            Kind::Bytes => {
                let data = key.cast_exact::<PyBytes>().ok()?.as_bytes();
                (!data.is_empty() && data.len() <= MAX_KEY).then(|| f(data))
            }
            Kind::Text => {
                let text = utf8(key.cast_exact::<PyString>().ok()?)?;
                (text.first().is_some_and(|first| *first != 0) && text.len() <= MAX_KEY).then(|| f(text))
            }
            Kind::Integer { width, signed } => {
                let number: i64 = key.cast_exact::<PyInt>().ok()?.extract().ok()?;
                Some(f(&ordered(number, width, signed)?[8 - width..]))
            }
            Kind::Any => any::with_key(key, MAX_KEY, f),
        }
    }

    /// The key of these bytes.
    #[inline]
    pub(crate) fn decode<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let found = match self.kind {
            Kind::Bytes => return bytes(py, data).map(Bound::into_any),
            Kind::Text => {
                let text = if data.first() == Some(&0) { &data[1..] } else { data };
                PyString::from_bytes(py, text).ok().map(Bound::into_any)
            }
            Kind::Integer { width, signed } => number(py, data, width, signed)?,
            Kind::Any => any::key(py, data)?,
        };
        match found {
            Some(key) => Ok(key),
            None => self.decode.bind(py).call1((bytes(py, data)?,)),
        }
    }
}

/// Big-endian in the last `width` bytes, the sign turned. `None`: it does not fit.
#[inline]
fn ordered(number: i64, width: usize, signed: bool) -> Option<[u8; 8]> {
    let bits = 8 * width;
    let turned = if signed {
        let half = 1_i128 << (bits - 1);
        let number = i128::from(number);
        if number < -half || number >= half {
            return None;
        }
        u64::try_from(number + half).ok()?
    } else {
        let number = u64::try_from(number).ok()?;
        if bits < 64 && number >> bits != 0 {
            return None;
        }
        number
    };
    Some(turned.to_be_bytes())
}

fn number<'py>(
    py: Python<'py>,
    data: &[u8],
    width: usize,
    signed: bool,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if data.len() != width {
        return Ok(None);
    }
    let mut whole = [0; 8];
    whole[8 - width..].copy_from_slice(data);
    let turned = u64::from_be_bytes(whole);
    if !signed {
        return Ok(Some(turned.into_pyobject(py)?.into_any()));
    }
    // Modulo 2^64 this is the difference, which fits.
    let number = i64::from_ne_bytes(turned.wrapping_sub(1 << (8 * width - 1)).to_ne_bytes());
    Ok(Some(number.into_pyobject(py)?.into_any()))
}
