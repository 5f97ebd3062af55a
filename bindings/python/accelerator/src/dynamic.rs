//! Values of `any` that are not plain: tuples, sets, dates, UUIDs, decimals, fractions, complex and large numbers, times,
//! moments, arrays and tags, by the codec of the library.

use persistent_collections_codec::memory::{self, TryGrow};
use persistent_collections_codec::{Date, Element, Type, Value, decode_value, encode_value};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyComplex, PyComplexMethods, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
    PyString, PyTuple, PyType,
};

use crate::objects::{bytes, utf8};

/// Containers nested deeper are the package's, which has the limit.
const DEEPEST: usize = 32;

/// What holds more values, too: containers that hold one another twice have no end in sight, as the package sees.
const MOST: usize = 1 << 16;

/// Tag of moments with a zone: their text.
const INSTANT: &[u8] = &[0xc0];
/// Tag of named objects: their name, and what they hold.
const NAMED: &[u8] = &[0xd8, 27];
/// Tags that mean something here or in the package; the content of any other one stays with its tag.
const KNOWN: [u64; 11] = [0, 2, 3, 4, 27, 30, 39, 40, 258, 1040, 43000];
/// Tag of decimals: exponent and mantissa.
const DECIMAL: &[u8] = &[0xc4];
/// Tag of fractions: numerator and denominator.
const FRACTION: &[u8] = &[0xd8, 30];
/// Tag of arrays of several dimensions: their shape, and the numbers in C order.
const SHAPED: &[u8] = &[0xd8, 40];
/// Tag of complex numbers: the real and the imaginary part.
const COMPLEX: &[u8] = &[0xd9, 0xa7, 0xf8];

/// Greater exponents of decimals are the package's, which knows which of them Python can have.
const MOST_EXPONENT: u64 = 1000;

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
        static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
        CLASSES.get_or_try_init(py, || {
            let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
                Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            Ok(Classes {
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
            })
        })
    }
}

/// The CBOR of a value. `None`: it is the package's to encode, or to refuse.
#[cold]
pub(crate) fn encode(value: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    let mut taken = Taken { classes: Classes::get(value.py()).ok()?, left: MOST };
    let value = taken.value(value, 0)?;
    let mut out = Vec::new();
    encode_value(&Type::Any, &value, &mut out).ok()?;
    Some(out)
}

/// What is taken over from Python.
struct Taken<'a> {
    classes: &'a Classes,
    left: usize,
}

impl Taken<'_> {
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        if let Ok(text) = value.cast_exact::<PyString>() {
            return Some(Value::Str(memory::text(std::str::from_utf8(utf8(text)?).ok()?).ok()?));
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            return integer(number);
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            return Some(Value::F64(number.value()));
        }
        if value.is_none() {
            return Some(Value::Null);
        }
        if let Ok(truth) = value.cast_exact::<PyBool>() {
            return Some(Value::Bool(truth.is_true()));
        }
        if let Ok(data) = value.cast_exact::<PyBytes>() {
            return memory::copy(data.as_bytes()).ok().map(Value::Bytes);
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.items(list.len(), list.iter(), depth).map(Value::List);
        }
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return self.items(tuple.len(), tuple.iter(), depth).map(Value::Tuple);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            let mut entries = memory::room_for(self.plausible(dict.len())?).ok()?;
            for (key, item) in dict {
                entries.try_push((self.value(&key, depth + 1)?, self.value(&item, depth + 1)?)).ok()?;
            }
            return Some(Value::Map(entries));
        }
        if let Ok(set) = value.cast_exact::<PySet>() {
            return self.items(set.len(), set.iter(), depth).map(Value::Set);
        }
        if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
            return self.items(set.len(), set.iter(), depth).map(Value::Set);
        }
        self.of_class(value, depth)
    }

    /// A number of items, if they may be so many.
    fn plausible(&self, count: usize) -> Option<usize> {
        (count <= self.left).then_some(count)
    }

    fn items<'py>(
        &mut self,
        count: usize,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> Option<Vec<Value>> {
        let mut taken = memory::room_for(self.plausible(count)?).ok()?;
        for item in items {
            taken.try_push(self.value(&item, depth + 1)?).ok()?;
        }
        Some(taken)
    }

    /// None of these runs code written in Python, in which a signal's handler could raise an exception.
    fn of_class(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Option<Value> {
        let (py, classes, class) = (value.py(), self.classes, value.get_type());
        if class.is(&classes.date) {
            return date(value).map(|Date(days)| Value::Date(days));
        }
        if class.is(&classes.datetime) {
            return moment(classes, value);
        }
        if class.is(&classes.time) {
            return time(value);
        }
        if class.is(&classes.tagged) {
            let tag: u64 =
                value.getattr(intern!(py, "tag")).ok()?.cast_exact::<PyInt>().ok()?.extract().ok()?;
            let content = self.value(&value.getattr(intern!(py, "content")).ok()?, depth + 1)?;
            let mut out = Vec::new();
            head(6, tag, &mut out);
            encode_value(&Type::Any, &content, &mut out).ok()?;
            return Some(Value::Cbor(out));
        }
        if class.is(&classes.uuid) {
            let number: u128 = value.getattr(intern!(py, "int")).ok()?.extract().ok()?;
            return Some(Value::Uuid(number.to_be_bytes()));
        }
        if class.is(&classes.decimal) {
            return decimal(value);
        }
        if let Ok(number) = value.cast_exact::<PyComplex>() {
            return tagged(COMPLEX, [number.real(), number.imag()].map(Value::F64));
        }
        if class.is(&classes.fraction) {
            // The properties without the underscore are written in Python.
            let numerator = value.getattr(intern!(py, "_numerator")).ok()?;
            let denominator = value.getattr(intern!(py, "_denominator")).ok()?;
            return tagged(
                FRACTION,
                [self.value(&numerator, depth + 1)?, self.value(&denominator, depth + 1)?],
            );
        }
        let is_array = class.name().ok()? == "ndarray" && class.module().ok()? == "numpy";
        if is_array { array(value) } else { None }
    }
}

/// A tag around a list of two.
fn tagged(tag: &[u8], parts: [Value; 2]) -> Option<Value> {
    let mut out = memory::copy(tag).ok()?;
    encode_value(&Type::Any, &Value::List(parts.into()), &mut out).ok()?;
    Some(Value::Cbor(out))
}

fn integer(number: &Bound<'_, PyInt>) -> Option<Value> {
    if let Ok(small) = number.extract() {
        return Some(Value::I64(small));
    }
    let py = number.py();
    let is_negative = number.lt(0).ok()?;
    let absolute = if is_negative { number.neg().ok()? } else { number.clone().into_any() };
    if !is_negative && let Ok(number) = absolute.extract() {
        return Some(Value::U64(number));
    }
    let bits: usize = absolute.call_method0(intern!(py, "bit_length")).ok()?.extract().ok()?;
    let magnitude = absolute.call_method1(intern!(py, "to_bytes"), (bits.div_ceil(8), "big")).ok()?;
    let magnitude = memory::copy(magnitude.cast::<PyBytes>().ok()?.as_bytes()).ok()?;
    Some(Value::BigInt { negative: is_negative, magnitude })
}

/// An array of `NumPy`. One of another byte order or of other elements is the package's.
fn array(value: &Bound<'_, PyAny>) -> Option<Value> {
    let py = value.py();
    let dtype = value.getattr(intern!(py, "dtype")).ok()?;
    let order: String = dtype.getattr(intern!(py, "byteorder")).ok()?.extract().ok()?;
    if cfg!(target_endian = "big") || order == ">" {
        return None;
    }
    let kind: String = dtype.getattr(intern!(py, "kind")).ok()?.extract().ok()?;
    let width: usize = dtype.getattr(intern!(py, "itemsize")).ok()?.extract().ok()?;
    let name = format!("{kind}{}", 8 * width);
    let element = Element::ALL.into_iter().find(|element| element.name() == name)?;
    let shape: Vec<i64> = value.getattr(intern!(py, "shape")).ok()?.extract().ok()?;
    let numbers = value.call_method0(intern!(py, "tobytes")).ok()?;
    let flat =
        Value::Array { element, bytes: memory::copy(numbers.cast::<PyBytes>().ok()?.as_bytes()).ok()? };
    if shape.len() == 1 {
        return Some(flat);
    }
    tagged(SHAPED, [Value::List(shape.into_iter().map(Value::I64).collect()), flat])
}

/// The day of a date, or of a date and time.
fn date(value: &Bound<'_, PyAny>) -> Option<Date> {
    let py = value.py();
    let year = value.getattr(intern!(py, "year")).ok()?.extract().ok()?;
    let month = value.getattr(intern!(py, "month")).ok()?.extract().ok()?;
    Date::from_ymd(year, month, value.getattr(intern!(py, "day")).ok()?.extract().ok()?)
}

/// What an item of a major type begins with, in the fewest bytes.
fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let (short, width) = match number {
        0..24 => (bytes[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | short);
    out.extend_from_slice(&bytes[8 - width..]);
}

/// A date and time. A zone that is written in Python is the package's to ask.
fn moment(classes: &Classes, value: &Bound<'_, PyAny>) -> Option<Value> {
    let (py, Date(days)) = (value.py(), date(value)?);
    let zone = value.getattr(intern!(py, "tzinfo")).ok()?;
    if !zone.is_none() {
        return if zone.get_type().is(&classes.timezone) { instant(value) } else { None };
    }
    let hour: i64 = value.getattr(intern!(py, "hour")).ok()?.extract().ok()?;
    let minute: i64 = value.getattr(intern!(py, "minute")).ok()?.extract().ok()?;
    let second: i64 = value.getattr(intern!(py, "second")).ok()?.extract().ok()?;
    let micros: i64 = value.getattr(intern!(py, "microsecond")).ok()?.extract().ok()?;
    Some(Value::DateTime(i64::from(days) * DAY + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros))
}

/// A date and time with an offset of whole minutes, as text.
fn instant(value: &Bound<'_, PyAny>) -> Option<Value> {
    let text = value.call_method0(intern!(value.py(), "isoformat")).ok()?;
    let text = std::str::from_utf8(utf8(text.cast_exact::<PyString>().ok()?)?).ok()?;
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let mut out = memory::copy(INSTANT).ok()?;
    let text = match offset {
        "+00:00" => format!("{local}Z"),
        _ if offset.starts_with(['+', '-']) => text.to_owned(),
        // With seconds, which RFC 3339 has not.
        _ => return None,
    };
    encode_value(&Type::Any, &Value::Str(text), &mut out).ok()?;
    Some(Value::Cbor(out))
}

/// A time without a zone, as text.
fn time(value: &Bound<'_, PyAny>) -> Option<Value> {
    let py = value.py();
    if !value.getattr(intern!(py, "tzinfo")).ok()?.is_none() {
        return None;
    }
    let text = value.call_method0(intern!(py, "isoformat")).ok()?;
    let text = memory::text(std::str::from_utf8(utf8(text.cast_exact::<PyString>().ok()?)?).ok()?).ok()?;
    tagged(NAMED, [Value::Str("time".to_owned()), Value::Str(text)])
}

/// A decimal of few digits, as exponent and mantissa.
fn decimal(value: &Bound<'_, PyAny>) -> Option<Value> {
    let parts = value.call_method0(intern!(value.py(), "as_tuple")).ok()?;
    let (is_negative, digits, exponent): (u8, Bound<'_, PyTuple>, i64) = parts.extract().ok()?;
    let mut mantissa = 0_i64;
    for digit in digits.iter() {
        mantissa = mantissa.checked_mul(10)?.checked_add(digit.extract().ok()?)?;
    }
    tagged(DECIMAL, [exponent, if is_negative == 1 { -mantissa } else { mantissa }].map(Value::I64))
}

/// The value of a CBOR item. `None`: it is the package's to decode, or to refuse.
#[cold]
pub(crate) fn decode<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(value) = decode_value(&Type::Any, data) else { return Ok(None) };
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
                let (days, within) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
                let (year, month, day) = Date(i32::try_from(days).map_err(|_| Kept::Package)?).ymd();
                let (seconds, micros) = (within / 1_000_000, within % 1_000_000);
                let clock = (seconds / 3600, seconds / 60 % 60, seconds % 60, micros);
                let all = (year, month, day, clock.0, clock.1, clock.2, clock.3);
                self.made(&self.classes.datetime, year, all)?
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
            let Ok(Value::Str(text)) = decode_value(&Type::Any, text) else { return Err(Kept::Package) };
            return self.instant(&text);
        }
        let content = |tag: &[u8]| {
            let Value::List(parts) = decode_value(&Type::Any, encoded.strip_prefix(tag)?).ok()? else {
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
            let (clock, rest) = clock(text.as_bytes()).ok_or(Kept::Package)?;
            if rest.is_empty() {
                return Ok(self.classes.time.bind(self.py).call1(clock)?);
            }
        }
        self.unknown(encoded, is_hashed)
    }

    /// A date and time with an offset, of a text as RFC 3339 has it. Another one is the package's.
    fn instant(&self, text: &str) -> Result<Bound<'py, PyAny>, Kept> {
        let parsed = parse_instant(text.as_bytes()).ok_or(Kept::Package)?;
        let ((year, month, day), (hour, minute, second, micros), offset) = parsed;
        let delta = self.classes.timedelta.bind(self.py).call1((0, 0, 0, 0, offset))?;
        let zone = self.classes.timezone.bind(self.py).call1((delta,))?;
        let all = (year, month, day, hour, minute, second, micros, zone);
        Ok(self.classes.datetime.bind(self.py).call1(all)?)
    }

    /// A tag without a meaning, and what it stands around.
    fn unknown(&self, encoded: &[u8], is_hashed: bool) -> Result<Bound<'py, PyAny>, Kept> {
        let (tag, content) = split_tag(encoded).ok_or(Kept::Package)?;
        if KNOWN.contains(&tag) || is_hashed {
            return Err(Kept::Package);
        }
        let content = decode_value(&Type::Any, content).map_err(|_| Kept::Package)?;
        Ok(self.classes.tagged.bind(self.py).call1((tag, self.value(&content, false)?))?)
    }

    /// A key or an element.
    fn hashable(&self, value: &Value) -> Result<Bound<'py, PyAny>, Kept> {
        if has_hash(value) { self.value(value, true) } else { Err(Kept::Package) }
    }

    /// A date, or a date and time. Python's have no year 0.
    fn made(
        &self,
        class: &Py<PyType>,
        year: i32,
        parts: impl pyo3::call::PyCallArgs<'py>,
    ) -> Result<Bound<'py, PyAny>, Kept> {
        if year < 1 {
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

/// The number of a tag, and its content.
fn split_tag(encoded: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = encoded.split_first()?;
    let width = match first {
        0xc0..0xd8 => return Some((u64::from(first & 31), rest)),
        0xd8..0xdc => 1 << (first - 0xd8),
        _ => return None,
    };
    let (number, content) = rest.split_at_checked(width)?;
    Some((number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), content))
}

/// Two digits, and what follows them.
fn two(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[tens, ones], rest) = text.split_first_chunk::<2>()?;
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| ((tens - b'0') * 10 + ones - b'0', rest))
}

type Clock = (u8, u8, u8, u32);

/// Hours, minutes, seconds and microseconds, and what follows them; times that Python can hold.
fn clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (hour, rest) = two(text)?;
    let (minute, rest) = two(rest.strip_prefix(b":")?)?;
    let (second, mut rest) = two(rest.strip_prefix(b":")?)?;
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=6).contains(&digits) {
            return None;
        }
        for place in 0..6 {
            micros = micros * 10 + fraction[..digits].get(place).map_or(0, |digit| u32::from(digit - b'0'));
        }
        rest = &fraction[digits..];
    }
    (hour < 24 && minute < 60 && second < 60).then_some(((hour, minute, second, micros), rest))
}

/// The date, the time, and the offset in minutes.
fn parse_instant(text: &[u8]) -> Option<((i32, u8, u8), Clock, i32)> {
    let (century, rest) = two(text)?;
    let (year, rest) = two(rest)?;
    let (month, rest) = two(rest.strip_prefix(b"-")?)?;
    let (day, rest) = two(rest.strip_prefix(b"-")?)?;
    let (clock, rest) = clock(rest.strip_prefix(b"T")?)?;
    let year = i32::from(century) * 100 + i32::from(year);
    if year < 1 {
        return None;
    }
    Date::from_ymd(year, month.into(), day.into())?;
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, rest) = two(rest)?;
            let (minutes, rest) = two(rest.strip_prefix(b":")?)?;
            let offset = i32::from(hours) * 60 + i32::from(minutes);
            if !rest.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(((year, month, day), clock, offset))
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
