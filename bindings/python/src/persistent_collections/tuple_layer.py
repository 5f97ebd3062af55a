"""The tuple layer: FoundationDB's order-preserving encoding of texts, numbers and tuples.

>>> encode("a").hex(), encode(-1).hex(), encode((None, True)).hex()
('026100', '13fe', '0500ff2700')
>>> decode(encode(("x", 2.5, b"\\0")))
('x', 2.5, b'\\x00')
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Any

from . import _scalars as scalars
from .errors import BadKeyError, KeySizeError, UnstorableError, UnstorableNumberError
from .types import INTEGERS, Type

__all__ = ["MAX_KEY", "decode", "element_codec", "encode"]

#: The longest encoded key, in bytes.
MAX_KEY = 1978
#: Tuples may stand in each other so many times.
MAX_DEPTH = 128

_NULL, _BYTES, _TEXT, _NESTED = 0x00, 0x01, 0x02, 0x05
_INT_ZERO, _BIG_POSITIVE, _BIG_NEGATIVE = 0x14, 0x1D, 0x0B
_FLOAT, _DOUBLE, _FALSE, _TRUE, _UUID = 0x20, 0x21, 0x26, 0x27, 0x30


def sortable_float(number: float, layout: str) -> bytes:
    """Big-endian bits: all flipped where the sign is set, else the sign flipped."""
    if number != number:
        raise UnstorableError("NaN cannot be a key")
    # Adding 0.0 turns -0.0 into 0.0.
    data = struct.pack(layout, number + 0.0)
    if data[0] & 0x80:
        return bytes(byte ^ 0xFF for byte in data)
    return bytes((data[0] ^ 0x80,)) + data[1:]


def from_sortable_float(data: bytes, layout: str) -> float:
    """The reverse of `sortable_float`."""
    if data[0] & 0x80:
        plain = bytes((data[0] ^ 0x80,)) + data[1:]
    else:
        plain = bytes(byte ^ 0xFF for byte in data)
    (number,) = struct.unpack(layout, plain)
    if number != number:
        raise BadKeyError("a key is NaN")
    return float(number)


def _put_bytes(out: bytearray, code: int, data: bytes) -> None:
    out.append(code)
    out += data.replace(b"\0", b"\0\xff")
    out.append(0)


def _put_integer(out: bytearray, number: int) -> None:
    size = (abs(number).bit_length() + 7) // 8
    if size > 255:
        raise UnstorableNumberError("an integer key has at most 255 bytes")
    magnitude = number if number >= 0 else number + (1 << 8 * size) - 1
    if size <= 8:
        out.append(_INT_ZERO + size if number >= 0 else _INT_ZERO - size)
    elif number > 0:
        out += bytes((_BIG_POSITIVE, size))
    else:
        out += bytes((_BIG_NEGATIVE, size ^ 0xFF))
    out += magnitude.to_bytes(size, "big")


class _LongError(Exception):
    """The encoding is longer than a key can be; what follows makes no difference."""


def _put(out: bytearray, value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        _put_bytes(out, _TEXT, scalars.text(value))
    elif kind is int:
        _put_integer(out, value)
    elif kind is tuple:
        _put_tuple(out, value, depth + 1)
    elif kind is float:
        out.append(_DOUBLE)
        out += sortable_float(value, ">d")
    elif kind is bytes:
        _put_bytes(out, _BYTES, value)
    elif value is None:
        out += b"\x00\xff" if depth else b"\x00"
    elif kind is bool:
        out.append(_TRUE if value else _FALSE)
    elif isinstance(value, uuid.UUID):
        out.append(_UUID)
        out += scalars.uuid_bytes(value)
    else:
        _put(out, _plain(value), depth)


def _plain(value: Any) -> Any:
    """What a value of a subclass or of NumPy is as one of the types above."""
    if isinstance(value, str):
        return scalars.plain_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return scalars.octets(value)
    if isinstance(value, tuple):
        return scalars.items(value)
    kind = scalars.numpy_kind(value)
    if kind == "b":
        return bool(value)
    if isinstance(value, float) or kind == "f":
        return scalars.real(value)
    try:
        return scalars.index(value)
    except TypeError as error:
        if isinstance(value, int):
            raise
        kinds = "None, a bool, int, float, str, bytes, UUID or a tuple of these"
        refused = scalars.wrong(f"as a key of type any {kinds}", value)
        raise refused from error.__cause__


def _put_tuple(out: bytearray, items: tuple[Any, ...], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnstorableError(f"tuples nest at most {MAX_DEPTH} deep in a key")
    out.append(_NESTED)
    for position, item in enumerate(items):
        # Tuples that hold one another twice are exponentially many.
        if len(out) > MAX_KEY:
            raise _LongError
        try:
            _put(out, item, depth)
        except (TypeError, ValueError, OverflowError) as error:
            raise scalars.located(error, f"[{position}]") from error.__cause__
    out.append(0)


def _put_key(out: bytearray, value: Any) -> None:
    try:
        _put(out, value, 0)
    except (TypeError, ValueError, OverflowError) as error:
        if not str(error).startswith("["):
            raise
        raise scalars.located(error, "key") from error.__cause__


def encode(value: Any) -> bytes:
    """The bytes of one element."""
    out = bytearray()
    try:
        _put_key(out, value)
    except _LongError:
        raise KeySizeError(f"a key has at most {MAX_KEY} bytes, encoded; this is longer") from None
    return bytes(out)


def beginning(value: Any) -> bytes:
    """The bytes of one element as a bound: as many as tell it from all keys."""
    out = bytearray()
    try:
        _put_key(out, value)
    except _LongError:
        # No key is as long, so that none is equal, and what follows orders none.
        return bytes(out[: MAX_KEY + 1])
    return bytes(out)


def _bad(what: str) -> BadKeyError:
    return BadKeyError(f"a key is not in the tuple layer's encoding: {what}")


def _take_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\0", at)
    if end >= 0 and data[end + 1 : end + 2] != b"\xff":
        return data[at:end], end + 1
    parts, start = [], at
    while end >= 0:
        parts.append(data[start:end])
        if data[end + 1 : end + 2] != b"\xff":
            return b"\0".join(parts), end + 1
        start = end + 2
        end = data.find(b"\0", start)
    raise _bad("a text or bytes without end")


def _take_exactly(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise _bad("it is cut short")
    return data[at : at + size], at + size


def _take_integer(data: bytes, at: int, code: int) -> tuple[int, int]:
    if code in (_BIG_POSITIVE, _BIG_NEGATIVE):
        length, at = _take_exactly(data, at, 1)
        size = length[0] if code == _BIG_POSITIVE else length[0] ^ 0xFF
        negative = code == _BIG_NEGATIVE
    else:
        size = abs(code - _INT_ZERO)
        negative = code < _INT_ZERO
    digits, at = _take_exactly(data, at, size)
    number = int.from_bytes(digits, "big")
    return (number - (1 << 8 * size) + 1 if negative else number), at


def _take(data: bytes, at: int, nested: bool) -> tuple[Any, int]:
    if at >= len(data):
        raise _bad("it is cut short")
    code = data[at]
    at += 1
    if code == _TEXT:
        raw, at = _take_bytes(data, at)
        try:
            return raw.decode("utf-8"), at
        except UnicodeDecodeError as error:
            raise _bad(f"a text is not UTF-8: {error}") from None
    if _BIG_NEGATIVE <= code <= _BIG_POSITIVE:
        return _take_integer(data, at, code)
    if code == _BYTES:
        return _take_bytes(data, at)
    if code == _DOUBLE:
        raw, at = _take_exactly(data, at, 8)
        return from_sortable_float(raw, ">d"), at
    if code == _NESTED:
        return _take_tuple(data, at)
    if code == _NULL:
        if not nested:
            return None, at
        if data[at : at + 1] != b"\xff":
            raise _bad("a null in a tuple lacks its FF")
        return None, at + 1
    if code in (_FALSE, _TRUE):
        return code == _TRUE, at
    if code == _UUID:
        raw, at = _take_exactly(data, at, 16)
        return uuid.UUID(bytes=raw), at
    raise _bad(f"unknown code {code:#04x}")


def _take_tuple(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    items: list[Any] = []
    while True:
        if at >= len(data):
            raise _bad("a tuple without end")
        if data[at] == 0 and data[at + 1 : at + 2] != b"\xff":
            return tuple(items), at + 1
        item, at = _take(data, at, True)
        items.append(item)


def decode(data: bytes) -> Any:
    """The one element that these bytes encode; `BadKeyError` if they do not."""
    try:
        value, at = _take(data, 0, False)
    except RecursionError:
        raise _bad("it is nested too deeply") from None
    if at != len(data):
        raise _bad("bytes are left over")
    return value


Encode = Callable[[bytearray, Any], None]
Decode = Callable[[bytes, int], tuple[Any, int]]


def element_codec(type_: Type) -> tuple[Encode, Decode]:
    """How an element of a tuple type such as `(str,i64)` is put and taken."""
    name = type_.name
    if name in INTEGERS:
        width, signed = INTEGERS[name]
        return _integers(lambda value: scalars.integer(value, width, signed), int)
    if name == "date":
        return _integers(scalars.days, scalars.from_days)
    if name == "datetime":
        return _integers(scalars.microseconds, scalars.from_microseconds)
    if name == "f32":
        return _put_single, _take_single
    checks: dict[str, tuple[Callable[[Any], Any], Callable[[Any], bool]]] = {
        "str": (scalars.plain_text, lambda value: isinstance(value, str)),
        "bytes": (scalars.octets, lambda value: isinstance(value, bytes)),
        "bool": (scalars.boolean, lambda value: isinstance(value, bool)),
        "uuid": (
            lambda value: uuid.UUID(bytes=scalars.uuid_bytes(value)),
            lambda value: isinstance(value, uuid.UUID),
        ),
        "f64": (scalars.real, lambda value: isinstance(value, float)),
    }
    convert, fits = checks[name]

    def put(out: bytearray, value: Any) -> None:
        _put(out, convert(value), 0)

    def take(data: bytes, at: int) -> tuple[Any, int]:
        value, at = _take(data, at, False)
        if not fits(value):
            raise _bad(f"{type(value).__name__} where {name} should be")
        return value, at

    return put, take


def _integers(
    to_number: Callable[[Any], int], from_number: Callable[[int], Any]
) -> tuple[Encode, Decode]:
    def put(out: bytearray, value: Any) -> None:
        _put_integer(out, to_number(value))

    def take(data: bytes, at: int) -> tuple[Any, int]:
        number, at = _take(data, at, False)
        if type(number) is not int:
            raise _bad(f"{type(number).__name__} where an integer should be")
        return from_number(number), at

    return put, take


def _put_single(out: bytearray, value: Any) -> None:
    out.append(_FLOAT)
    out += sortable_float(scalars.exact_single(value), ">f")


def _take_single(data: bytes, at: int) -> tuple[Any, int]:
    if data[at : at + 1] != bytes((_FLOAT,)):
        raise _bad("no f32 where one should be")
    raw, at = _take_exactly(data, at + 1, 4)
    return from_sortable_float(raw, ">f"), at
