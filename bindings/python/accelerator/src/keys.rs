//! Converts keys to bytes and back.

use persistent_collections_codec::{MAX_KEY, Type, integer, key};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use crate::any;
use crate::dynamic;
use crate::objects::{bytes, utf8, whole};

/// How the keys of a collection are encoded.
pub(crate) enum KeyEncoding {
    Bytes,
    Text,
    /// Width and sign.
    Integer((usize, bool)),
    Any,
    Other,
}

/// Encodes and decodes the keys of one type: plain ones here, by the codec of the library, and others in the package.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Keys {
    kind: KeyEncoding,
    type_: Type,
    /// The package's own functions.
    encode: Py<PyAny>,
    decode: Py<PyAny>,
}

#[pymethods]
impl Keys {
    /// Makes the codec of a type, with the package's functions.
    #[new]
    fn new(type_: &str, encode: Py<PyAny>, decode: Py<PyAny>) -> PyResult<Keys> {
        let type_ = dynamic::parse(type_)?;
        let kind = match (&type_, type_.integer()) {
            (Type::Bytes, _) => KeyEncoding::Bytes,
            (Type::Str, _) => KeyEncoding::Text,
            (Type::Any, _) => KeyEncoding::Any,
            (_, Some(kind)) => KeyEncoding::Integer(kind),
            _ => KeyEncoding::Other,
        };
        Ok(Keys { kind, type_, encode, decode })
    }

    /// Encodes a key.
    #[pyo3(name = "encode")]
    fn encoded<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        if let KeyEncoding::Bytes = self.kind
            && self.with(key, |_| ()).is_some()
        {
            return Ok(key.clone());
        }
        match self.with(key, |key| bytes(py, key)) {
            Some(encoded) => encoded.map(Bound::into_any),
            None => self.encode.bind(py).call1((key,)),
        }
    }

    /// Decodes a key.
    #[pyo3(name = "decode")]
    fn decoded<'py>(&self, data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
        if let KeyEncoding::Bytes = self.kind {
            return Ok(data.clone().into_any());
        }
        self.decode(data.py(), data.as_bytes())
    }
}

impl Keys {
    /// The package's own encoder.
    pub(crate) fn package_encode(&self) -> &Py<PyAny> {
        &self.encode
    }

    /// How they are encoded.
    pub(crate) fn kind(&self) -> &KeyEncoding {
        &self.kind
    }

    /// The width of all of them, if they have one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.type_.key_width()
    }

    /// Encodes a key and passes it to `f`. Returns `None` if it is not plain.
    #[inline]
    pub(crate) fn with<R>(&self, key: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.kind {
            KeyEncoding::Bytes => {
                let data = key.cast_exact::<PyBytes>().ok()?.as_bytes();
                (!data.is_empty() && data.len() <= MAX_KEY).then(|| f(data))
            }
            KeyEncoding::Text => {
                let text = utf8(key.cast_exact::<PyString>().ok()?)?;
                (key::is_its_key(text) && text.len() <= MAX_KEY).then(|| f(text))
            }
            KeyEncoding::Integer(kind) => {
                let number: i64 = key.cast_exact::<PyInt>().ok()?.extract().ok()?;
                Some(f(&integer::to_key(number.into(), kind)?[8 - kind.0..]))
            }
            KeyEncoding::Any | KeyEncoding::Other => self.with_other(key, f),
        }
    }

    /// Encodes a bound of a range that is a plain key, and passes it to `f`. Returns `None` for other bounds, which need
    /// not be keys.
    pub(crate) fn plain<R>(&self, bound: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.kind {
            KeyEncoding::Any => any::with_plain_key(bound, f),
            KeyEncoding::Other => None,
            KeyEncoding::Bytes | KeyEncoding::Text | KeyEncoding::Integer(_) => self.with(bound, f),
        }
    }

    // A function of its own, so that the commonest keys need no call.
    #[inline(never)]
    fn with_other<R>(&self, key: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.kind {
            KeyEncoding::Any => any::with_key(key, f),
            _ => Some(f(&dynamic::encode_key(&self.type_, key)?)),
        }
    }

    /// Decodes a key.
    #[allow(clippy::inline_always)] // of a walk, each entry
    #[inline(always)]
    pub(crate) fn decode<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let found = match self.kind {
            KeyEncoding::Bytes => return bytes(py, data).map(Bound::into_any),
            KeyEncoding::Text => PyString::from_bytes(py, key::text_of(data)).ok().map(Bound::into_any),
            KeyEncoding::Integer(kind) => whole(py, integer::of_key(data, kind))?,
            KeyEncoding::Any | KeyEncoding::Other => self.decode_other(py, data)?,
        };
        match found {
            Some(key) => Ok(key),
            None => self.decode_by_package(py, data),
        }
    }

    #[inline(never)]
    fn decode_other<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.kind {
            KeyEncoding::Any => any::key(py, data),
            _ => dynamic::decode_key(py, &self.type_, data),
        }
    }

    #[cold]
    fn decode_by_package<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.decode.bind(py).call1((bytes(py, data)?,))
    }
}
