"""Converts `any` values to CBOR (RFC 8949): each Python value to a value of the library.

The library writes and reads the bytes. A Python type that it has no kind for becomes a tag with a
content, such as tag 4 with exponent and mantissa for `Decimal`; `_tags` reads it back.

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
import uuid
from itertools import islice

from . import _scalars as scalars
from . import arrays, decimals, dynamic, moments
from ._abstract import Callable, Collection, Iterable
from ._tags import MAX_DEPTH, decode, head
from ._typing import Any
from .dynamic import ROW, Rows
from .errors import BadValueError, UnstorableError
from .tagged import Char, MissingType, Pairs, SimpleValue, Symbol, Tagged

__all__ = ["MAX_DEPTH", "decode", "encode"]

#: The longest encoded value, in bytes.
MAX_VALUE = (1 << 31) - (1 << 16) - 16
_LARGE = 1 << 20
#: The number of items of a container that are encoded at a time, if each is encoded on its own.
_PART = 4096


class _RefusedError(Exception):
    """A value cannot be stored; the containers around it add its place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[str] = []


class _LargeError(Exception):
    """The output has become large before the size of the whole was estimated."""


class _Output(Rows):
    """The rows of a value."""

    __slots__ = ("apart", "checked")

    def __init__(self, checked: bool = False, apart: bool = False) -> None:
        super().__init__()
        #: Whether the size of the whole value was estimated.
        self.checked = checked
        #: Whether each container is encoded on its own: if all their rows took too much memory,
        #: or if a map has a repeated key or a set a repeated element, such as two NaN.
        self.apart = apart

    def inner(self) -> _Output:
        """Returns the output for a part that is encoded on its own."""
        return _Output(self.checked, self.apart)


def encode(value: Any) -> bytes:
    """Encodes a value as CBOR; `UnstorableError` says what cannot be stored, and where."""
    try:
        try:
            return _encoded(_Output(), value, MAX_DEPTH)
        except _LargeError:
            if _least_size(value, MAX_DEPTH, {}) > MAX_VALUE:
                raise _RefusedError(f"it has more than {MAX_VALUE} bytes, encoded") from None
        except BadValueError:
            # The library found a map with a repeated key.
            pass
        return _encoded(_Output(checked=True, apart=True), value, MAX_DEPTH)
    except _RefusedError as refused:
        where = "value" + "".join(reversed(refused.path))
        raise UnstorableError(f"{where}: {refused}") from refused.__cause__


def _encoded(out: _Output, value: Any, depth: int) -> bytes:
    _write(out, 0, value, depth)
    return _bytes(out)


def _bytes(out: Rows) -> bytes:
    return out.encoded("pc_encode_value", b"any")


def _least_size(value: Any, depth: int, known: dict[int, int]) -> int:
    """Returns a lower bound of the encoded size; visits a shared object only once."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if depth and isinstance(value, Tagged):
        return 1 + _least_size(value.content, depth - 1, known)
    if depth == 0 or not isinstance(value, (list, tuple, set, frozenset, dict)):
        return 1
    size = known.get(id(value))
    if size is None:
        size = sum(_least_size(item, depth - 1, known) for item in value)
        if isinstance(value, dict):
            size += sum(_least_size(item, depth - 1, known) for item in value.values())
        known[id(value)] = size = size + 1
    return size


def _inside(depth: int) -> int:
    if depth == 0:
        raise _RefusedError(f"it contains itself or is nested over {MAX_DEPTH} deep")
    return depth - 1


def _write_text(out: _Output, at: int, value: str, depth: int) -> None:
    try:
        data = str.encode(value, "utf-8")
    except UnicodeEncodeError as error:
        raise _RefusedError(f"a str that is not Unicode text: {error}") from None
    out.octets(at, dynamic.STR, data)


def _write_bytes(out: _Output, at: int, value: bytes, depth: int) -> None:
    out.octets(at, dynamic.BYTES, value)


def _write_int(out: _Output, at: int, value: int, depth: int) -> None:
    if -(1 << 63) <= value < 1 << 64:
        out.integer(at, value)
    elif -(1 << 64) <= value < 0:
        out.octets(at, dynamic.ENCODED, head(1, -1 - value))
    else:
        tag, magnitude = (2, value) if value > 0 else (3, -1 - value)
        _write_tag(
            out, at, tag, magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big"), depth
        )


def _write_bool(out: _Output, at: int, value: bool, depth: int) -> None:
    out.number(at, dynamic.BOOL, value)


def _write_none(out: _Output, at: int, value: None, depth: int) -> None:
    out.plain(at, dynamic.NULL)


def _write_missing(out: _Output, at: int, value: MissingType, depth: int) -> None:
    out.plain(at, dynamic.UNDEFINED)


def _write_simple(out: _Output, at: int, value: SimpleValue, depth: int) -> None:
    out.octets(at, dynamic.ENCODED, head(7, value.value))


def _write_float(out: _Output, at: int, value: float, depth: int) -> None:
    out.real(at, value)


def _write_uuid(out: _Output, at: int, value: uuid.UUID, depth: int) -> None:
    _inside(depth)
    out.uuid(at, value.bytes)


def _write_date(out: _Output, at: int, value: datetime.date, depth: int) -> None:
    _inside(depth)
    out.number(at, dynamic.DATE, moments.days(value))


def _write_tag(out: _Output, at: int, tag: int, content: Any, depth: int) -> None:
    """Writes a tag, for which the library has no kind, and its content."""
    data = _encoded(out.inner(), content, _inside(depth))
    out.octets(at, dynamic.ENCODED, head(6, tag) + data)


#: The items of a container; the text of a step in the path to a refused item, and its argument.
_Steps = Iterable[tuple[Any, Callable[[Any], str], Any]]


def _write_each(out: _Output, at: int, items: _Steps, depth: int) -> None:
    """Writes the rows of the items from `at` on."""
    step: Callable[[Any], str] = _of_item
    where: Any = 0
    try:
        for item, step, where in items:  # noqa: B007
            if out.size > _LARGE and not out.checked:
                # Containers that each hold the next one twice have exponentially many items.
                raise _LargeError
            writer = _WRITERS.get(type(item))
            if writer is None:
                _write(out, at, item, depth)
            else:
                writer(out, at, item, depth)
            at += ROW
    except _RefusedError as refused:
        refused.path.append(step(where))
        raise


def _write_container(
    out: _Output, at: int, kind: int, length: int, count: int, items: _Steps, depth: int
) -> None:
    if out.apart:
        out.octets(at, dynamic.ENCODED, _apart(out, kind, length, items, depth))
    else:
        _write_each(out, out.items(at, kind, length, count), items, depth)


def _apart(out: _Output, kind: int, length: int, items: _Steps, depth: int) -> bytes:
    """Encodes a container part by part, and joins the bytes."""
    items = iter(items)
    parts = []
    while part := list(islice(items, 1 if kind == dynamic.SET else _PART)):
        inner = out.inner()
        _write_each(inner, inner.items(0, dynamic.LIST, len(part), len(part)), part, depth)
        # Skips the head of the list.
        parts.append(_bytes(inner)[len(head(4, len(part))) :])
    if kind == dynamic.SET:
        parts.sort()
    return _HEADS[kind](length) + b"".join(parts)


_HEADS: dict[int, Callable[[int], bytes]] = {
    dynamic.LIST: lambda length: head(4, length),
    dynamic.MAP: lambda length: head(5, length),
    dynamic.SET: lambda length: head(6, 258) + head(4, length),
    dynamic.TUPLE: lambda length: head(6, 27) + head(4, length + 1) + b"\x65tuple",
}


def _of_item(place: int) -> str:
    return f"[{place}]"


def _of_key(key: Any) -> str:
    return f" key {scalars.shown(key)}"


def _of_value(key: Any) -> str:
    return f"[{scalars.shown(key)}]"


def _of_element(element: Any) -> str:
    return f"{{{scalars.shown(element)}}}"


def _places(items: Iterable[Any]) -> _Steps:
    return ((item, _of_item, place) for place, item in enumerate(items))


def _entries(pairs: Iterable[tuple[Any, Any]]) -> _Steps:
    for key, value in pairs:
        yield key, _of_key, key
        yield value, _of_value, key


def _write_list(out: _Output, at: int, value: list[Any], depth: int) -> None:
    depth = _inside(depth)
    _write_container(out, at, dynamic.LIST, len(value), len(value), _places(value), depth)


def _write_tuple(out: _Output, at: int, value: tuple[Any, ...], depth: int) -> None:
    depth = _inside(_inside(depth))
    _write_container(out, at, dynamic.TUPLE, len(value), len(value), _places(value), depth)


def _is_bytes(value: memoryview) -> bool:
    return value.format == "B" and value.ndim == 1


def _check_hashable(key: Any) -> None:
    """Refuses a value that would come back as an array, which cannot be a key or in a set."""
    if isinstance(key, memoryview) and not _is_bytes(key):
        raise _RefusedError("a view of an array cannot be stored in a key")
    if isinstance(key, (tuple, frozenset)):
        for item in key:
            _check_hashable(item)


def _write_map(out: _Output, at: int, value: dict[Any, Any], depth: int) -> None:
    depth = _inside(depth)
    for key in value:
        _check_hashable(key)
    length = len(value)
    _write_container(out, at, dynamic.MAP, length, 2 * length, _entries(value.items()), depth)


def _write_map_pairs(out: _Output, at: int, value: Pairs, depth: int) -> None:
    depth = _inside(depth)
    length = len(value)
    _write_container(out, at, dynamic.MAP, length, 2 * length, _entries(value), depth)


def _write_set(out: _Output, at: int, value: Collection[Any], depth: int) -> None:
    depth = _inside(_inside(depth))
    for item in value:
        try:
            _check_hashable(item)
        except _RefusedError as refused:
            refused.path.append(_of_element(item))
            raise
    items = ((item, _of_element, item) for item in value)
    _write_container(out, at, dynamic.SET, len(value), len(value), items, depth)


def _offset(value: datetime.datetime | datetime.time) -> datetime.timedelta | None:
    """Returns the offset of a value's zone."""
    try:
        return value.utcoffset()
    except RecursionError:
        raise
    except scalars.FAILURES as error:
        reason = f"its zone gives no offset: {type(error).__name__}: {error}"
        raise _RefusedError(reason) from error


def _write_datetime(out: _Output, at: int, value: datetime.datetime, depth: int) -> None:
    offset = _offset(value)
    value = value.replace(tzinfo=None)
    if offset is None:
        _inside(_inside(depth))
        out.number(at, dynamic.DATETIME, moments.microseconds(value))
        return
    if offset % datetime.timedelta(minutes=1):
        # RFC 3339 has no seconds in an offset.
        try:
            value -= offset
        except OverflowError:
            raise _RefusedError(f"{value!r} is beyond the years 1 to 9999 in UTC") from None
        offset = datetime.timedelta(0)
    text = value.replace(tzinfo=datetime.timezone(offset)).isoformat()
    _write_tag(out, at, 0, text.replace("+00:00", "Z"), depth)


def _write_time(out: _Output, at: int, value: datetime.time, depth: int) -> None:
    offset = _offset(value)
    if value.tzinfo is not None:
        if offset is None:
            raise _RefusedError(f"a time in {value.tzinfo} has no offset without its day")
        value = value.replace(tzinfo=datetime.timezone(offset))
    _write_tag(out, at, 27, ["time", value.isoformat()], depth)


def _write_decimal(out: _Output, at: int, value: decimal.Decimal, depth: int) -> None:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise _RefusedError(f"Decimal({str(value)!r}) is not a number")
    mantissa = decimals.whole(digits)
    _write_tag(out, at, 4, [exponent, -mantissa if sign else mantissa], depth)


def _write_fraction(out: _Output, at: int, value: fractions.Fraction, depth: int) -> None:
    _write_tag(out, at, 30, [value.numerator, value.denominator], depth)


def _write_complex(out: _Output, at: int, value: complex, depth: int) -> None:
    _write_tag(out, at, 43000, [value.real, value.imag], depth)


def _write_symbol(out: _Output, at: int, value: Symbol, depth: int) -> None:
    _write_tag(out, at, 39, str.__str__(value), depth)


def _write_char(out: _Output, at: int, value: Char, depth: int) -> None:
    _write_tag(out, at, 27, ["char", str.__str__(value)], depth)


def _write_array(out: _Output, at: int, value: Any, depth: int) -> None:
    if arrays.is_masked(value):
        raise _RefusedError("a masked array cannot be stored; store its filled() array")
    element = arrays.element_type(value)
    if element is None:
        what = value.dtype if arrays.is_array(value) else f"{value.itemsize} bytes an item"
        raise _RefusedError(f"an array of {what} cannot be stored")
    shape = (len(value),) if isinstance(value, array.array) else value.shape
    data = arrays.plain_bytes(value)
    depth = _inside(depth)
    if len(shape) == 1:
        out.array(at, element, data)
        return
    depth = _inside(_inside(depth))
    flat = out.inner()
    flat.array(0, element, data)
    dimensions = _encoded(out.inner(), list(shape), depth + 1)
    encoded = head(6, 40) + head(4, 2) + dimensions + _bytes(flat)
    out.octets(at, dynamic.ENCODED, encoded)


def _write_tagged(out: _Output, at: int, value: Tagged, depth: int) -> None:
    try:
        tag = scalars.index(value.tag)
    except TypeError:
        raise _RefusedError(f"a tag is an int, not {scalars.shown(value.tag)}") from None
    if not 0 <= tag < 1 << 64:
        raise _RefusedError(f"tag {scalars.shown(tag)} is not between 0 and 2**64 - 1")
    try:
        _write_tag(out, at, tag, value.content, depth)
    except _RefusedError as refused:
        refused.path.append(".content")
        raise


_Writer = Callable[[_Output, int, Any, int], None]
_WRITERS: dict[type, _Writer] = {
    str: _write_text,
    int: _write_int,
    bool: _write_bool,
    bytes: _write_bytes,
    type(None): _write_none,
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
    SimpleValue: _write_simple,
}


def _number(value: Any) -> Any:
    """Converts a number of a subclass or of NumPy; returns None if it is not a number."""
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


# Converts a value of a subclass, or of another kind, to one that has a writer. An earlier class may
# be a subclass of a later one.
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
    (datetime.datetime, moments.moment),
    (datetime.date, moments.date),
    (datetime.time, moments.clock),
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


def _write_other(out: _Output, at: int, value: Any, depth: int) -> None:
    """Writes a value whose exact type has no writer."""
    if arrays.is_array(value):
        _write_array(out, at, arrays.base(value), depth)
        return
    if isinstance(value, memoryview):
        if _is_bytes(value):
            _write_bytes(out, at, value.tobytes(), depth)
        else:
            _write_array(out, at, value, depth)
        return
    found = _plain(value)
    _WRITERS[type(found)](out, at, found, depth)


def _write(out: _Output, at: int, value: Any, depth: int) -> None:
    writer = _WRITERS.get(type(value))
    if writer is not None:
        writer(out, at, value, depth)
        return
    try:
        _write_other(out, at, value, depth)
    except (TypeError, ValueError) as error:
        raise _RefusedError(str(error)) from error.__cause__
