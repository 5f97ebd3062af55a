"""`any` values as CBOR (RFC 8949): our own handling of containers and tags around `cbor2`.

What has no tags and no containers inside goes to `cbor2` in one call. The rest is
walked here: `cbor2` freezes containers inside tags, writes NaN and infinities as
half floats and sets in hash order.

>>> encode([1, "a", None]).hex()
'83016161f6'
>>> decode(encode({"x": (1, {2, 3}), "y": float("inf")}))
{'x': (1, {2, 3}), 'y': inf}
>>> encode({"a": [0, object()]})
Traceback (most recent call last):
...
persistent_collections.errors.UnstorableError: value['a'][1]: object cannot be stored
"""

from __future__ import annotations

import array
import collections.abc
import datetime
import decimal
import enum
import fractions
import math
import struct
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import cbor2

from . import _scalars as scalars
from . import arrays, decimals
from ._cbor_reader import decode
from .errors import UnstorableError
from .tagged import Char, MissingType, Pairs, Symbol, Tagged

__all__ = ["MAX_DEPTH", "decode", "encode"]

#: Containers and tags may stand in each other so many times.
MAX_DEPTH = 128

#: The longest encoded value, in bytes.
MAX_VALUE = (1 << 31) - (1 << 16) - 16
_LARGE = 1 << 20

#: Tag of the typed array of each element type, little-endian (RFC 8746).
ARRAY_TAGS = {
    **dict(zip(("u8", "u16", "u32", "u64"), (64, 69, 70, 71))),
    **dict(zip(("i8", "i16", "i32", "i64"), (72, 77, 78, 79))),
    "f32": 85,
    "f64": 86,
}

_LEAVES = frozenset({str, int, bool, bytes, type(None)})
_LEAVES_AND_FLOAT = _LEAVES | {float}
_pack_double = struct.Struct(">d").pack


class _RefusedError(Exception):
    """What cannot be stored; the containers around it add where it sits."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[str] = []


class _LargeError(Exception):
    """The output has become large before the size of the whole was estimated."""


class _Checked(bytearray):
    """An output of a value whose size was estimated."""


def encode(value: Any) -> bytes:
    """The CBOR of a value; `UnstorableError` says what cannot be stored, and where."""
    out = bytearray()
    try:
        try:
            _write(out, value, MAX_DEPTH)
        except _LargeError:
            if _least_size(value, MAX_DEPTH, {}) > MAX_VALUE:
                raise _RefusedError(f"it has more than {MAX_VALUE} bytes, encoded") from None
            out = _Checked()
            _write(out, value, MAX_DEPTH)
    except _RefusedError as refused:
        where = "value" + "".join(reversed(refused.path))
        raise UnstorableError(f"{where}: {refused}") from refused.__cause__
    return bytes(out)


def _least_size(value: Any, depth: int, known: dict[int, int]) -> int:
    """Estimates the encoded size from below; visits what is held many times only once."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if depth == 0 or not isinstance(value, (list, tuple, set, frozenset, dict)):
        return 1
    size = known.get(id(value))
    if size is None:
        size = sum(_least_size(item, depth - 1, known) for item in value)
        if isinstance(value, dict):
            size += sum(_least_size(item, depth - 1, known) for item in value.values())
        known[id(value)] = size = size + 1
    return size


def _check_size(out: bytearray) -> None:
    # Containers that hold one another twice are exponentially many.
    if len(out) > _LARGE and type(out) is bytearray:
        raise _LargeError


def _head(out: bytearray, major: int, number: int) -> None:
    if number < 24:
        out.append(major << 5 | number)
        return
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            out.append(major << 5 | code)
            out += number.to_bytes(size, "big")
            return
    raise _RefusedError(f"{number} does not fit a CBOR head")


def _inside(depth: int) -> int:
    if depth == 0:
        raise _RefusedError(f"it contains itself or is nested over {MAX_DEPTH} deep")
    return depth - 1


def _is_flat(items: Iterable[Any]) -> bool:
    """Whether these are all leaves that `cbor2` writes as we do."""
    kinds = set(map(type, items))
    if kinds <= _LEAVES:
        return True
    return kinds <= _LEAVES_AND_FLOAT and all(
        math.isfinite(item) for item in items if type(item) is float
    )


def _write_leaf(out: bytearray, value: Any, depth: int) -> None:
    try:
        out += cbor2.dumps(value)
    except UnicodeEncodeError as error:
        raise _RefusedError(f"a str that is not Unicode text: {error}") from None


def _write_text(out: bytearray, value: str) -> None:
    try:
        data = str.encode(value, "utf-8")
    except UnicodeEncodeError as error:
        raise _RefusedError(f"a str that is not Unicode text: {error}") from None
    _head(out, 3, len(data))
    out += data


def _write_bytes(out: bytearray, value: Any) -> None:
    _head(out, 2, len(value))
    out += value


def _write_float(out: bytearray, value: float, depth: int) -> None:
    out.append(0xFB)
    out += _pack_double(value) if value == value else b"\x7f\xf8\0\0\0\0\0\0"


def _write_items(out: bytearray, items: Iterable[Any], depth: int) -> None:
    index = 0
    try:
        for item in items:
            _check_size(out)
            _write(out, item, depth)
            index += 1
    except _RefusedError as refused:
        refused.path.append(f"[{index}]")
        raise


def _write_list(out: bytearray, value: list[Any], depth: int) -> None:
    depth = _inside(depth)
    if _is_flat(value):
        try:
            out += cbor2.dumps(value)
            return
        except UnicodeEncodeError:
            # Item by item, to name the one.
            pass
    _head(out, 4, len(value))
    _write_items(out, value, depth)


def _write_pairs(out: bytearray, pairs: Iterable[tuple[Any, Any]], depth: int) -> None:
    for key, value in pairs:
        _check_size(out)
        try:
            _write(out, key, depth)
        except _RefusedError as refused:
            refused.path.append(f" key {scalars.shown(key)}")
            raise
        try:
            _write(out, value, depth)
        except _RefusedError as refused:
            refused.path.append(f"[{scalars.shown(key)}]")
            raise


def _is_bytes(value: memoryview) -> bool:
    return value.format == "B" and value.ndim == 1


def _check_hashable(key: Any) -> None:
    """Refuses what comes back as an array, which cannot be in a dict's keys or a set."""
    if isinstance(key, memoryview) and not _is_bytes(key):
        raise _RefusedError("a view of an array cannot be stored in a key")
    if isinstance(key, (tuple, frozenset)):
        for item in key:
            _check_hashable(item)


def _write_map(out: bytearray, value: dict[Any, Any], depth: int) -> None:
    depth = _inside(depth)
    if type(value) is dict and _is_flat(value.keys()) and _is_flat(value.values()):
        try:
            out += cbor2.dumps(value)
            return
        except UnicodeEncodeError:
            pass
    for key in value:
        _check_hashable(key)
    _head(out, 5, len(value))
    _write_pairs(out, value.items(), depth)


def _write_map_pairs(out: bytearray, value: Pairs, depth: int) -> None:
    depth = _inside(depth)
    _head(out, 5, len(value))
    _write_pairs(out, value, depth)


def _write_set(out: bytearray, value: Iterable[Any], depth: int) -> None:
    depth = _inside(_inside(depth))
    encoded = []
    for item in value:
        element = type(out)()
        try:
            _check_hashable(item)
            _write(element, item, depth)
        except _RefusedError as refused:
            refused.path.append(f"{{{scalars.shown(item)}}}")
            raise
        encoded.append(bytes(element))
        _check_size(element)
    _head(out, 6, 258)
    _head(out, 4, len(encoded))
    for data in sorted(encoded):
        out += data


def _open_named(out: bytearray, name: str, count: int) -> None:
    """Begins 27([name, …]), the tag of a named object; `count` items follow."""
    _head(out, 6, 27)
    _head(out, 4, count + 1)
    _write_text(out, name)


def _write_tuple(out: bytearray, value: tuple[Any, ...], depth: int) -> None:
    depth = _inside(_inside(depth))
    _open_named(out, "tuple", len(value))
    _write_items(out, value, depth)


def _offset(value: datetime.datetime | datetime.time) -> datetime.timedelta | None:
    """The offset that a value's zone gives."""
    try:
        return value.utcoffset()
    except RecursionError:
        raise
    except scalars.FAILURES as error:
        reason = f"its zone gives no offset: {type(error).__name__}: {error}"
        raise _RefusedError(reason) from error


def _write_datetime(out: bytearray, value: datetime.datetime, depth: int) -> None:
    offset = _offset(value)
    value = value.replace(tzinfo=None)
    if offset is None:
        _open_named(out, "datetime", 1)
        _write_text(out, value.isoformat())
        return
    if offset % datetime.timedelta(minutes=1):
        # RFC 3339 has no seconds in an offset.
        try:
            value -= offset
        except OverflowError:
            raise _RefusedError(f"{value!r} is beyond the years 1 to 9999 in UTC") from None
        offset = datetime.timedelta(0)
    text = value.replace(tzinfo=datetime.timezone(offset)).isoformat()
    _head(out, 6, 0)
    _write_text(out, text.replace("+00:00", "Z"))


def _write_date(out: bytearray, value: datetime.date, depth: int) -> None:
    _head(out, 6, 1004)
    _write_text(out, value.isoformat())


def _write_time(out: bytearray, value: datetime.time, depth: int) -> None:
    offset = _offset(value)
    if value.tzinfo is not None:
        if offset is None:
            raise _RefusedError(f"a time in {value.tzinfo} has no offset without its day")
        value = value.replace(tzinfo=datetime.timezone(offset))
    _open_named(out, "time", 1)
    _write_text(out, value.isoformat())


def _write_uuid(out: bytearray, value: uuid.UUID, depth: int) -> None:
    _head(out, 6, 37)
    _write_bytes(out, value.bytes)


def _write_decimal(out: bytearray, value: decimal.Decimal, depth: int) -> None:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise _RefusedError(f"Decimal({str(value)!r}) is no number")
    mantissa = decimals.whole(digits)
    _head(out, 6, 4)
    out += cbor2.dumps([exponent, -mantissa if sign else mantissa])


def _write_fraction(out: bytearray, value: fractions.Fraction, depth: int) -> None:
    _head(out, 6, 30)
    out += cbor2.dumps([value.numerator, value.denominator])


def _write_complex(out: bytearray, value: complex, depth: int) -> None:
    _head(out, 6, 43000)
    _head(out, 4, 2)
    _write_float(out, value.real, depth)
    _write_float(out, value.imag, depth)


def _write_symbol(out: bytearray, value: Symbol, depth: int) -> None:
    _head(out, 6, 39)
    _write_text(out, value)


def _write_char(out: bytearray, value: Char, depth: int) -> None:
    _open_named(out, "char", 1)
    _write_text(out, value)


def _write_array(out: bytearray, value: Any, depth: int) -> None:
    if arrays.is_masked(value):
        raise _RefusedError("a masked array cannot be stored; store what fills it")
    element = arrays.element_type(value)
    if element is None:
        what = value.dtype if arrays.is_array(value) else f"{value.itemsize} bytes an item"
        raise _RefusedError(f"an array of {what} cannot be stored")
    shape = (len(value),) if isinstance(value, array.array) else value.shape
    if len(shape) != 1:
        _head(out, 6, 40)
        _head(out, 4, 2)
        out += cbor2.dumps(list(shape))
    _head(out, 6, ARRAY_TAGS[element])
    _write_bytes(out, arrays.plain_bytes(value))


def _write_tagged(out: bytearray, value: Tagged, depth: int) -> None:
    depth = _inside(depth)
    try:
        tag = scalars.index(value.tag)
    except TypeError:
        raise _RefusedError(f"a tag is an int, not {scalars.shown(value.tag)}") from None
    if not 0 <= tag < 1 << 64:
        raise _RefusedError(f"tag {scalars.shown(tag)} is not between 0 and 2**64 - 1")
    _head(out, 6, tag)
    try:
        _write(out, value.content, depth)
    except _RefusedError as refused:
        refused.path.append(".content")
        raise


def _write_missing(out: bytearray, value: MissingType, depth: int) -> None:
    out.append(0xF7)


_Writer = Callable[[bytearray, Any, int], None]
_WRITERS: dict[type, _Writer] = {
    str: _write_leaf,
    int: _write_leaf,
    bool: _write_leaf,
    bytes: _write_leaf,
    type(None): _write_leaf,
    float: _write_float,
    list: _write_list,
    dict: _write_map,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_set,
    datetime.datetime: _write_datetime,
    datetime.date: _write_date,
    datetime.time: _write_time,
    uuid.UUID: _write_uuid,
    decimal.Decimal: _write_decimal,
    fractions.Fraction: _write_fraction,
    complex: _write_complex,
    Symbol: _write_symbol,
    Char: _write_char,
    Tagged: _write_tagged,
    MissingType: _write_missing,
    Pairs: _write_map_pairs,
    array.array: _write_array,
    cbor2.CBORSimpleValue: _write_leaf,
}


def _number(value: Any) -> Any:
    """A number of a subclass or of NumPy; None if it is not one."""
    kind = scalars.numpy_kind(value)
    if kind == "b":
        return bool(value)
    if kind == "f" or isinstance(value, float):
        return scalars.real(value)
    if kind == "c" or isinstance(value, complex):
        return scalars.complex_number(value)
    if kind in ("i", "u") or isinstance(value, int):
        return scalars.index(value)
    return None


def _mapping(value: Any) -> dict[Any, Any]:
    pairs = list(value.items())
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnstorableError("two of its keys are equal in Python")
    return found


def _as(what: str, take: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: scalars.plain(value, what, take)


# What a value of a subclass, or of another kind, is as one that there is a writer for. What comes
# first may be a subclass of what comes later.
_PLAIN: list[tuple[type, Callable[[Any], Any]]] = [
    (Symbol, _as("Symbol", lambda value: Symbol(str.__str__(value)))),
    (Char, _as("Char", lambda value: Char(str.__str__(value)))),
    (str, scalars.plain_text),
    (bytes, scalars.octets),
    (bytearray, scalars.octets),
    (enum.Enum, _number),
    (Pairs, _as("list of pairs", lambda value: Pairs(list.__getitem__(value, slice(None))))),
    (list, scalars.listed),
    (tuple, scalars.items),
    (datetime.datetime, scalars.moment),
    (datetime.date, scalars.date),
    (datetime.time, scalars.clock),
    (uuid.UUID, lambda value: uuid.UUID(bytes=scalars.uuid_bytes(value))),
    (decimal.Decimal, _as("Decimal", decimal.Decimal)),
    (
        fractions.Fraction,
        _as("Fraction", lambda value: fractions.Fraction(value.numerator, value.denominator)),
    ),
    (Tagged, _as("Tagged", lambda value: Tagged(value.tag, value.content))),
    (array.array, _as("array", lambda value: array.array(value.typecode, value))),
    (collections.abc.Mapping, _as("dict", _mapping)),
    (collections.abc.Set, _as("set", set)),
]


def _plain(value: Any) -> Any:
    for kind, take in _PLAIN:
        if isinstance(value, kind):
            found = take(value)
            break
    else:
        found = _number(value)
    if found is not None:
        return found
    if isinstance(value, enum.Enum):
        raise _RefusedError(f"{value!r} cannot be stored; store its value")
    prefix = "numpy." if scalars.numpy_kind(value) else ""
    raise _RefusedError(f"{prefix}{type(value).__qualname__} cannot be stored")


def _write_other(out: bytearray, value: Any, depth: int) -> None:
    """Writes what has no writer for its very type."""
    if arrays.is_array(value):
        _write_array(out, arrays.base(value), depth)
        return
    if isinstance(value, memoryview):
        if _is_bytes(value):
            _write_bytes(out, value.tobytes())
        else:
            _write_array(out, value, depth)
        return
    found = _plain(value)
    _WRITERS[type(found)](out, found, depth)


def _write(out: bytearray, value: Any, depth: int) -> None:
    writer = _WRITERS.get(type(value))
    if writer is not None:
        writer(out, value, depth)
        return
    try:
        _write_other(out, value, depth)
    except (TypeError, ValueError) as error:
        raise _RefusedError(str(error)) from error.__cause__
