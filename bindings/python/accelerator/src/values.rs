//! Converts values to bytes and back.

use persistent_collections_codec::{Type, integer};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use crate::any;
use crate::dynamic;
use crate::objects::{byte_array, bytes, utf8, whole};

/// How the values of a dict are encoded.
pub(crate) enum ValueEncoding {
    Bytes,
    Text,
    /// Width and sign.
    Integer((usize, bool)),
    Double,
    Single,
    Bool,
    Any,
    Array,
    Other,
}

/// Encodes and decodes the values of one type: plain ones here, by the codec of the library, and others in the package.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Values {
    kind: ValueEncoding,
    type_: Type,
    /// The package's own functions.
    encode: Py<PyAny>,
    decode: Py<PyAny>,
}

#[pymethods]
impl Values {
    /// Makes the codec of a type, with the package's functions.
    #[new]
    fn new(type_: &str, encode: Py<PyAny>, decode: Py<PyAny>) -> PyResult<Values> {
        let type_ = dynamic::parse(type_)?;
        let kind = match (&type_, type_.integer()) {
            (Type::Bytes, _) => ValueEncoding::Bytes,
            (Type::Str, _) => ValueEncoding::Text,
            (Type::F64, _) => ValueEncoding::Double,
            (Type::F32, _) => ValueEncoding::Single,
            (Type::Bool, _) => ValueEncoding::Bool,
            (Type::Any, _) => ValueEncoding::Any,
            (Type::Array { .. }, _) => ValueEncoding::Array,
            (_, Some(kind)) => ValueEncoding::Integer(kind),
            _ => ValueEncoding::Other,
        };
        Ok(Values { kind, type_, encode, decode })
    }

    /// Encodes a value.
    #[pyo3(name = "encode")]
    fn encoded<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        if let ValueEncoding::Bytes = self.kind
            && value.is_exact_instance_of::<PyBytes>()
        {
            return Ok(value.clone());
        }
        match self.with(value, |value| bytes(py, value)) {
            Some(encoded) => encoded.map(Bound::into_any),
            None => self.encode.bind(py).call1((value,)),
        }
    }

    /// Decodes a value.
    #[pyo3(name = "decode")]
    fn decoded<'py>(&self, data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
        if let ValueEncoding::Bytes = self.kind {
            return Ok(data.clone().into_any());
        }
        self.decode(data.py(), data.as_bytes())
    }
}

/// The one NaN.
pub(crate) const NAN: [u8; 8] = 0x7ff8_0000_0000_0000_u64.to_le_bytes();

impl Values {
    /// The package's own encoder.
    pub(crate) fn package_encode(&self) -> &Py<PyAny> {
        &self.encode
    }

    /// How they are encoded.
    pub(crate) fn kind(&self) -> &ValueEncoding {
        &self.kind
    }

    /// The width of all of them, if they have one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.type_.value_width()
    }

    /// Encodes a value and passes it to `f`. Returns `None` if it is not plain.
    #[inline]
    pub(crate) fn with<R>(&self, value: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.kind {
            ValueEncoding::Bytes => Some(f(value.cast_exact::<PyBytes>().ok()?.as_bytes())),
            ValueEncoding::Text => Some(f(utf8(value.cast_exact::<PyString>().ok()?)?)),
            ValueEncoding::Integer(kind) => {
                let number: i64 = value.cast_exact::<PyInt>().ok()?.extract().ok()?;
                Some(f(&integer::to_value(number.into(), kind)?[..kind.0]))
            }
            ValueEncoding::Double => {
                let number = value.cast_exact::<PyFloat>().ok()?.value();
                Some(f(&if number.is_nan() { NAN } else { number.to_le_bytes() }))
            }
            ValueEncoding::Single => {
                let number = value.cast_exact::<PyFloat>().ok()?.value();
                #[allow(clippy::cast_possible_truncation)] // a number that would become infinite is refused
                let single = number as f32;
                (number.is_finite() == single.is_finite() && !number.is_nan())
                    .then(|| f(&single.to_le_bytes()))
            }
            ValueEncoding::Bool => Some(f(&[u8::from(value.cast_exact::<PyBool>().ok()?.is_true())])),
            ValueEncoding::Array => None,
            ValueEncoding::Any | ValueEncoding::Other => Some(f(&self.encode_other(value)?)),
        }
    }

    // A function of its own, so that the commonest values need no call.
    #[inline(never)]
    fn encode_other(&self, value: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        if matches!(self.kind, ValueEncoding::Any) && any::write(&mut out, value, 0) {
            return Some(out);
        }
        dynamic::encode_value(&self.type_, value)
    }

    /// Decodes a value.
    #[allow(clippy::inline_always)] // of a walk, each entry
    #[inline(always)]
    pub(crate) fn decode<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let found = match self.kind {
            ValueEncoding::Bytes => return bytes(py, data).map(Bound::into_any),
            ValueEncoding::Text => PyString::from_bytes(py, data).ok().map(Bound::into_any),
            ValueEncoding::Integer(kind) => whole(py, integer::of_value(data, kind))?,
            ValueEncoding::Double => {
                data.try_into().ok().map(|data| PyFloat::new(py, f64::from_le_bytes(data)).into_any())
            }
            ValueEncoding::Single => {
                data.try_into().ok().map(|data| PyFloat::new(py, f32::from_le_bytes(data).into()).into_any())
            }
            ValueEncoding::Bool => match data {
                [0] => Some(PyBool::new(py, false).to_owned().into_any()),
                [1] => Some(PyBool::new(py, true).to_owned().into_any()),
                _ => None,
            },
            ValueEncoding::Array => return self.decode_array(py, data),
            ValueEncoding::Any | ValueEncoding::Other => self.decode_other(py, data)?,
        };
        match found {
            Some(value) => Ok(value),
            None => self.decode_by_package(py, data),
        }
    }

    #[inline(never)]
    fn decode_other<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        if matches!(self.kind, ValueEncoding::Any)
            && let Some(plain) = any::read(py, data)?
        {
            return Ok(Some(plain));
        }
        dynamic::decode_value(py, &self.type_, data)
    }

    /// The package makes an array of memory that is its own.
    #[inline(never)]
    fn decode_array<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.decode.bind(py).call1((byte_array(py, data)?,))
    }

    #[cold]
    fn decode_by_package<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.decode.bind(py).call1((bytes(py, data)?,))
    }
}
