//! Values of the common types to bytes and back.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use crate::any;
use crate::dynamic;
use crate::objects::{bytes, utf8};

/// How the values of a dict are encoded.
#[derive(Clone, Copy)]
enum Kind {
    None,
    Bytes,
    Text,
    Integer { width: usize, signed: bool },
    Double,
    Single,
    Bool,
    Any,
}

/// The codec of a dict's values.
pub(crate) struct Values {
    kind: Kind,
    /// The package's own, for what is out of the ordinary.
    decode: Option<Py<PyAny>>,
}

/// Width and sign of an integer type.
pub(crate) fn integer(type_: &str) -> Option<(usize, bool)> {
    Some(match type_ {
        "i8" => (1, true),
        "i16" => (2, true),
        "i32" => (4, true),
        "i64" => (8, true),
        "u8" => (1, false),
        "u16" => (2, false),
        "u32" => (4, false),
        "u64" => (8, false),
        _ => return None,
    })
}

const NAN: [u8; 8] = 0x7ff8_0000_0000_0000_u64.to_le_bytes();

impl Values {
    /// For a type; `None`: these values are the package's to encode.
    pub(crate) fn new(type_: &str, decode: Py<PyAny>) -> Option<Values> {
        let kind = match type_ {
            "bytes" => Kind::Bytes,
            "str" => Kind::Text,
            "f64" => Kind::Double,
            "f32" => Kind::Single,
            "bool" => Kind::Bool,
            "any" => Kind::Any,
            _ => integer(type_).map(|(width, signed)| Kind::Integer { width, signed })?,
        };
        Some(Values { kind, decode: Some(decode) })
    }

    /// Of a set.
    pub(crate) fn none() -> Values {
        Values { kind: Kind::None, decode: None }
    }

    /// The width of all of them, if they have one.
    pub(crate) fn width(&self) -> Option<usize> {
        match self.kind {
            Kind::Integer { width, .. } => Some(width),
            Kind::Double => Some(8),
            Kind::Single => Some(4),
            Kind::Bool => Some(1),
            Kind::None | Kind::Bytes | Kind::Text | Kind::Any => None,
        }
    }

    /// Shows the encoded value to `f`. `None`: it is not plain.
    #[inline]
    pub(crate) fn with<R>(&self, value: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.kind {
            Kind::None => None,
            Kind::Bytes => Some(f(value.cast_exact::<PyBytes>().ok()?.as_bytes())),
            Kind::Text => Some(f(utf8(value.cast_exact::<PyString>().ok()?)?)),
            Kind::Integer { width, signed } => {
                let number: i64 = value.cast_exact::<PyInt>().ok()?.extract().ok()?;
                let fits = if signed {
                    let unused = 64 - 8 * width;
                    number << unused >> unused == number
                } else {
                    number >= 0 && (width == 8 || number >> (8 * width) == 0)
                };
                fits.then(|| f(&number.to_le_bytes()[..width]))
            }
            Kind::Double => {
                let number = value.cast_exact::<PyFloat>().ok()?.value();
                Some(f(&if number.is_nan() { NAN } else { number.to_le_bytes() }))
            }
            Kind::Single => {
                let number = value.cast_exact::<PyFloat>().ok()?.value();
                #[allow(clippy::cast_possible_truncation)] // what would become infinite is refused
                let single = number as f32;
                (number.is_finite() == single.is_finite() && !number.is_nan())
                    .then(|| f(&single.to_le_bytes()))
            }
            Kind::Bool => Some(f(&[u8::from(value.cast_exact::<PyBool>().ok()?.is_true())])),
            Kind::Any => {
                let mut out = Vec::new();
                if any::write(&mut out, value, 0) {
                    return Some(f(&out));
                }
                dynamic::encode(value).map(|out| f(&out))
            }
        }
    }

    /// The value of these bytes.
    #[inline]
    pub(crate) fn decode<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let found = match self.kind {
            Kind::None => None,
            Kind::Bytes => return bytes(py, data).map(Bound::into_any),
            Kind::Text => PyString::from_bytes(py, data).ok().map(Bound::into_any),
            Kind::Integer { width, signed } => number(py, data, width, signed)?,
            Kind::Double => {
                data.try_into().ok().map(|data| PyFloat::new(py, f64::from_le_bytes(data)).into_any())
            }
            Kind::Single => {
                data.try_into().ok().map(|data| PyFloat::new(py, f32::from_le_bytes(data).into()).into_any())
            }
            Kind::Bool => match data {
                [0] => Some(PyBool::new(py, false).to_owned().into_any()),
                [1] => Some(PyBool::new(py, true).to_owned().into_any()),
                _ => None,
            },
            Kind::Any => match any::read(py, data)? {
                None => dynamic::decode(py, data)?,
                plain => plain,
            },
        };
        match (found, &self.decode) {
            (Some(value), _) => Ok(value),
            (None, Some(decode)) => decode.bind(py).call1((bytes(py, data)?,)),
            (None, None) => Ok(py.None().into_bound(py)),
        }
    }
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
    whole[..width].copy_from_slice(data);
    let number = u64::from_le_bytes(whole);
    Ok(Some(if signed {
        let unused = 64 - 8 * width;
        (i64::from_ne_bytes((number << unused).to_ne_bytes()) >> unused).into_pyobject(py)?.into_any()
    } else {
        number.into_pyobject(py)?.into_any()
    }))
}
