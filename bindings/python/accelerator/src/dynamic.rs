//! Keys and values of the less common types, and those of `any` that are not plain: tuples, sets, dates, UUIDs,
//! decimals, fractions, complex and large numbers, times, moments, arrays and tags, by the codec of the library.

mod decode;
mod encode;

use std::sync::OnceLock;

use persistent_collections_codec::Type;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::errors::error;

pub(crate) use decode::{decode_key, decode_value};
pub(crate) use encode::{encode_key, encode_value};

/// Reads a type string.
pub(crate) fn parse(type_: &str) -> PyResult<Type> {
    Type::parse(type_).map_err(|failure| error("BadTypeError", &failure.to_string()))
}

/// Tag of moments with a zone, around their text.
const INSTANT: &[u8] = &[0xc0];
/// Tag of named objects, around their name and content.
const NAMED: &[u8] = &[0xd8, 27];
/// Tag of decimals, around exponent and mantissa.
const DECIMAL: &[u8] = &[0xc4];
/// Tag of fractions, around numerator and denominator.
const FRACTION: &[u8] = &[0xd8, 30];
/// Tag of arrays of several dimensions, around their shape and the numbers in C order.
const SHAPED: &[u8] = &[0xd8, 40];
/// Tag of complex numbers, around the real and the imaginary part.
const COMPLEX: &[u8] = &[0xd9, 0xa7, 0xf8];

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// Python's classes.
struct Classes {
    date: Py<PyType>,
    datetime: Py<PyType>,
    time: Py<PyType>,
    timedelta: Py<PyType>,
    timezone: Py<PyType>,
    uuid: Py<PyType>,
    decimal: Py<PyType>,
    fraction: Py<PyType>,
    tagged: Py<PyType>,
    /// `arrays.from_bytes` of the package.
    array: Py<PyAny>,
}

impl Classes {
    fn get(py: Python<'_>) -> PyResult<&Classes> {
        static CLASSES: OnceLock<Classes> = OnceLock::new();
        if let Some(classes) = CLASSES.get() {
            return Ok(classes);
        }
        let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
            Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        let classes = Classes {
            date: class("datetime", "date")?,
            datetime: class("datetime", "datetime")?,
            time: class("datetime", "time")?,
            timedelta: class("datetime", "timedelta")?,
            timezone: class("datetime", "timezone")?,
            uuid: class("uuid", "UUID")?,
            decimal: class("decimal", "Decimal")?,
            fraction: class("fractions", "Fraction")?,
            tagged: class("persistent_collections.tagged", "Tagged")?,
            array: py.import("persistent_collections.arrays")?.getattr("from_bytes")?.unbind(),
        };
        // Looked up before: the look-up runs Python, and a finalizer that came here meanwhile would wait for itself.
        Ok(CLASSES.get_or_init(|| classes))
    }
}
