//! Bytes to the codec's values, and to Python's objects.

use persistent_collections_codec::cbor::{TAG, head};
use persistent_collections_codec::{self as codec, Date, DateTime, Element, Type, Value};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};

use super::{COMPLEX, Classes, DAY, DECIMAL, FRACTION, INSTANT, NAMED, SHAPED};
use crate::objects::bytes;

/// Tags that mean something here or in the package; the content of any other one stays with its tag.
const KNOWN: [u64; 11] = [0, 2, 3, 4, 27, 30, 39, 40, 258, 1040, 43000];
/// Greater exponents of decimals are the package's, which knows which of them Python can have.
const MOST_EXPONENT: u64 = 1000;

/// The value of these bytes. `None`: it is the package's to decode, or to refuse.
#[cold]
pub(crate) fn decode_value<'py>(
    py: Python<'py>,
    type_: &Type,
    data: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    object(py, codec::decode_value(type_, data))
}

/// The key of these bytes. `None`: it is the package's to decode, or to refuse.
pub(crate) fn decode_key<'py>(
    py: Python<'py>,
    type_: &Type,
    data: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    object(py, codec::decode_key(type_, data))
}

fn object(py: Python<'_>, value: codec::error::Result<Value>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Ok(value) = value else { return Ok(None) };
    match (Given { py, classes: Classes::get(py)? }).value(&value, false) {
        Ok(value) => Ok(Some(value)),
        Err(Kept::Package) => Ok(None),
        Err(Kept::Raised(error)) => Err(error),
    }
}

/// What is given to Python.
struct Given<'py> {
    py: Python<'py>,
    classes: &'py Classes,
}

/// Why a value is not decoded here.
enum Kept {
    /// It is the package's to decode.
    Package,
    /// Python raised an exception, such as that of a signal's handler.
    Raised(PyErr),
}

impl<E: Into<PyErr>> From<E> for Kept {
    fn from(error: E) -> Kept {
        Kept::Raised(error.into())
    }
}

impl<'py> Given<'py> {
    /// A value; where it must be hashable, with frozensets.
    fn value(&self, value: &Value, is_hashed: bool) -> Result<Bound<'py, PyAny>, Kept> {
        let py = self.py;
        Ok(match value {
            Value::Null => py.None().into_bound(py),
            Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
            Value::I64(number) => number.into_pyobject(py)?.into_any(),
            Value::U64(number) => number.into_pyobject(py)?.into_any(),
            Value::F64(number) => PyFloat::new(py, *number).into_any(),
            Value::Str(text) => PyString::from_bytes(py, text.as_bytes())?.into_any(),
            Value::Bytes(data) => bytes(py, data)?.into_any(),
            Value::Uuid(uuid) => {
                let named = PyDict::new(py);
                named.set_item(intern!(py, "bytes"), bytes(py, uuid)?)?;
                self.classes.uuid.bind(py).call((), Some(&named))?
            }
            Value::Date(days) => {
                let (year, month, day) = Date(*days).ymd();
                self.made(&self.classes.date, year, (year, month, day))?
            }
            Value::DateTime(micros) => {
                let (days, (hour, minute, second, micros)) = parts(*micros);
                let (year, month, day) = Date(i32::try_from(days).map_err(|_| Kept::Package)?).ymd();
                self.made(&self.classes.datetime, year, (year, month, day, hour, minute, second, micros))?
            }
            Value::List(items) => self.items(items, is_hashed)?.into_any(),
            Value::Tuple(items) => self.items(items, is_hashed)?.to_tuple().into_any(),
            Value::Map(entries) => {
                let dict = PyDict::new(py);
                for (key, item) in entries {
                    dict.set_item(self.hashable(key)?, self.value(item, is_hashed)?)?;
                }
                // Keys that are equal in Python, such as 1 and 1.0, stay apart in the package.
                (dict.len() == entries.len()).then_some(dict).ok_or(Kept::Package)?.into_any()
            }
            Value::Set(elements) => {
                let list = PyList::empty(py);
                for element in elements {
                    list.append(self.hashable(element)?)?;
                }
                let set = if is_hashed {
                    PyFrozenSet::new(py, &list)?.into_any()
                } else {
                    PySet::new(py, &list)?.into_any()
                };
                (set.len()? == elements.len()).then_some(set).ok_or(Kept::Package)?
            }
            Value::BigInt { negative, magnitude } => self.integer(*negative, magnitude)?,
            Value::Array { element, bytes: numbers } => self.array(*element, numbers, None)?,
            Value::Cbor(encoded) => self.tagged(encoded, is_hashed)?,
            // Undefined.
            _ => return Err(Kept::Package),
        })
    }

    fn integer(&self, is_negative: bool, magnitude: &[u8]) -> Result<Bound<'py, PyAny>, Kept> {
        let py = self.py;
        let whole = py.get_type::<PyInt>();
        let absolute =
            whole.call_method1(intern!(py, "from_bytes"), (bytes(py, magnitude)?, intern!(py, "big")))?;
        Ok(if is_negative { absolute.neg()? } else { absolute })
    }

    /// An array of a shape, or of one dimension.
    fn array(
        &self,
        element: Element,
        numbers: &[u8],
        shape: Option<&[i64]>,
    ) -> Result<Bound<'py, PyAny>, Kept> {
        let py = self.py;
        let count = numbers.len() / element.width();
        let shape = match shape {
            None => PyTuple::new(py, [count])?,
            Some(shape) => PyTuple::new(py, shape)?,
        };
        Ok(self.classes.array.bind(py).call1((bytes(py, numbers)?, element.name(), shape))?)
    }

    /// What a tag means in Python.
    fn tagged(&self, encoded: &[u8], is_hashed: bool) -> Result<Bound<'py, PyAny>, Kept> {
        if let Some(text) = encoded.strip_prefix(INSTANT) {
            let Ok(Value::Str(text)) = codec::decode_value(&Type::Any, text) else {
                return Err(Kept::Package);
            };
            return self.instant(&text);
        }
        let content = |tag: &[u8]| {
            let Value::List(parts) = codec::decode_value(&Type::Any, encoded.strip_prefix(tag)?).ok()? else {
                return None;
            };
            <[Value; 2]>::try_from(parts).ok()
        };
        if let Some([Value::I64(exponent), Value::I64(mantissa)]) = content(DECIMAL) {
            return self.decimal(exponent, mantissa);
        }
        if let Some([Value::F64(real), Value::F64(imaginary)]) = content(COMPLEX) {
            return Ok(PyComplex::from_doubles(self.py, real, imaginary).into_any());
        }
        if let Some([numerator, Value::I64(denominator @ 1..)]) = content(FRACTION)
            && matches!(numerator, Value::I64(_) | Value::BigInt { .. })
        {
            let parts = (self.value(&numerator, false)?, denominator);
            return Ok(self.classes.fraction.bind(self.py).call1(parts)?);
        }
        if let Some([Value::List(shape), Value::Array { element, bytes: numbers }]) = content(SHAPED) {
            let lengths = |length: &Value| match length {
                Value::I64(length @ 1..) => Some(*length),
                _ => None,
            };
            let shape: Vec<i64> = shape.iter().map(lengths).collect::<Option<_>>().ok_or(Kept::Package)?;
            let count = shape
                .iter()
                .try_fold(i64::try_from(element.width()).map_err(|_| Kept::Package)?, |all, length| {
                    all.checked_mul(*length)
                });
            if !shape.is_empty() && count == i64::try_from(numbers.len()).ok() {
                return self.array(element, &numbers, Some(&shape));
            }
        }
        if let Some([Value::Str(name), Value::Str(text)]) = content(NAMED)
            && name == "time"
        {
            let DateTime(micros) = DateTime::from_iso(&format!("1970-01-01T{text}")).ok_or(Kept::Package)?;
            return Ok(self.classes.time.bind(self.py).call1(parts(micros).1)?);
        }
        self.unknown(encoded, is_hashed)
    }

    /// A date and time with an offset, of a text as RFC 3339 has it. Another one is the package's.
    fn instant(&self, text: &str) -> Result<Bound<'py, PyAny>, Kept> {
        let (DateTime(micros), offset) = parse_instant(text).ok_or(Kept::Package)?;
        let (days, (hour, minute, second, micros)) = parts(micros);
        let (year, month, day) = Date(i32::try_from(days).map_err(|_| Kept::Package)?).ymd();
        let delta = self.classes.timedelta.bind(self.py).call1((0, 0, 0, 0, offset))?;
        let zone = self.classes.timezone.bind(self.py).call1((delta,))?;
        self.made(&self.classes.datetime, year, (year, month, day, hour, minute, second, micros, zone))
    }

    /// A tag without a meaning, and what it stands around.
    fn unknown(&self, encoded: &[u8], is_hashed: bool) -> Result<Bound<'py, PyAny>, Kept> {
        let split = head(encoded, 0).ok().filter(|head| head.major == TAG);
        let (tag, content) = split.map(|head| (head.argument, &encoded[head.next..])).ok_or(Kept::Package)?;
        if KNOWN.contains(&tag) || is_hashed {
            return Err(Kept::Package);
        }
        let content = codec::decode_value(&Type::Any, content).map_err(|_| Kept::Package)?;
        Ok(self.classes.tagged.bind(self.py).call1((tag, self.value(&content, false)?))?)
    }

    /// A key or an element.
    fn hashable(&self, value: &Value) -> Result<Bound<'py, PyAny>, Kept> {
        if has_hash(value) { self.value(value, true) } else { Err(Kept::Package) }
    }

    /// A date, or a date and time. Python's are of the years 1 to 9999.
    fn made(
        &self,
        class: &Py<PyType>,
        year: i32,
        parts: impl pyo3::call::PyCallArgs<'py>,
    ) -> Result<Bound<'py, PyAny>, Kept> {
        if !(1..=9999).contains(&year) {
            return Err(Kept::Package);
        }
        Ok(class.bind(self.py).call1(parts)?)
    }

    /// A decimal of few digits.
    fn decimal(&self, exponent: i64, mantissa: i64) -> Result<Bound<'py, PyAny>, Kept> {
        if exponent.unsigned_abs() > MOST_EXPONENT {
            return Err(Kept::Package);
        }
        let digits = mantissa.unsigned_abs().to_string().into_bytes();
        let digits = PyTuple::new(self.py, digits.iter().map(|digit| digit - b'0'))?;
        let parts = (u8::from(mantissa < 0), digits, exponent);
        Ok(self.classes.decimal.bind(self.py).call1((parts,))?)
    }

    fn items(&self, items: &[Value], is_hashed: bool) -> Result<Bound<'py, PyList>, Kept> {
        let list = PyList::empty(self.py);
        for item in items {
            list.append(self.value(item, is_hashed)?)?;
        }
        Ok(list)
    }
}

/// The days of microseconds since 1970, and within a day the hours, minutes, seconds and microseconds.
fn parts(micros: i64) -> (i64, (i64, i64, i64, i64)) {
    let (days, within) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (seconds, micros) = (within / 1_000_000, within % 1_000_000);
    (days, (seconds / 3600, seconds / 60 % 60, seconds % 60, micros))
}

/// The local time of a text as RFC 3339 has it, and its offset in minutes.
fn parse_instant(text: &str) -> Option<(DateTime, i64)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((DateTime::from_iso(local)?, 0));
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let DateTime(size) = DateTime::from_iso(&format!("1970-01-01T{offset}:00"))?;
    let minutes = size / 60_000_000;
    let offset = match sign {
        "+" => minutes,
        "-" => -minutes,
        _ => return None,
    };
    Some((DateTime::from_iso(local)?, offset))
}

/// Whether what Python makes of a value has a hash: lists and dicts have none.
fn has_hash(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Map(_) | Value::Array { .. } => false,
        Value::Cbor(encoded) => !encoded.starts_with(SHAPED),
        Value::Tuple(items) => items.iter().all(has_hash),
        _ => true,
    }
}
