//! Python's objects to the codec's values, and to bytes.

use persistent_collections_codec::cbor::{TAG, put_head};
use persistent_collections_codec::memory::{self, TryGrow};
use persistent_collections_codec::{self as codec, Date, Element, MAX_KEY, Type, Value};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyComplex, PyComplexMethods, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
    PyString, PyTuple,
};

use super::{COMPLEX, Classes, DAY, DECIMAL, FRACTION, INSTANT, NAMED, SHAPED};
use crate::objects::utf8;

/// Containers nested deeper are the package's, which has the limit.
const DEEPEST: usize = 32;

/// What holds more values, too: containers that hold one another twice have no end in sight, as the package sees.
const MOST: usize = 1 << 16;

/// The bytes of a value. `None`: it is the package's to encode, or to refuse.
#[cold]
pub(crate) fn encode_value(type_: &Type, value: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    let mut taken = Taken { classes: Classes::get(value.py()).ok()?, left: MOST };
    let value = taken.value(value, 0)?;
    let mut out = Vec::new();
    codec::encode_value(type_, &value, &mut out).ok()?;
    Some(out)
}

/// The bytes of a key. `None`: it is the package's to encode, or to refuse.
pub(crate) fn encode_key(type_: &Type, key: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    // Each item has a byte at least.
    let mut taken = Taken { classes: Classes::get(key.py()).ok()?, left: MAX_KEY };
    let key = taken.value(key, 0)?;
    let mut out = Vec::new();
    codec::encode_key(type_, &key, &mut out).ok()?;
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
            put_head(TAG, tag, &mut out).ok()?;
            codec::encode_value(&Type::Any, &content, &mut out).ok()?;
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
    codec::encode_value(&Type::Any, &Value::List(parts.into()), &mut out).ok()?;
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
    codec::encode_value(&Type::Any, &Value::Str(text), &mut out).ok()?;
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
