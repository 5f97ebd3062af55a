"""Converts keys and values of a type to rows that the library encodes, and back.

>>> TypedKey(parse("(str,i64)")).encode(("a", -1)).hex()
'02610013fe'
>>> Typed(parse("f32"), "value").decode(bytes.fromhex("0000003f"))
0.5
"""

from __future__ import annotations

import math

from . import _scalars as scalars
from . import any_keys, dynamic
from ._abstract import Callable
from ._typing import TYPE_CHECKING, Any
from .dynamic import ROW, Given, Row, Rows
from .errors import UnstorableError
from .types import INTEGERS, Type, parse

if TYPE_CHECKING:
    from typing import Literal

    Role = Literal["key", "value"]

__all__ = ["Put", "Typed", "TypedKey", "parse"]

#: Fills the row at a place with a Python object, or raises an `Error` if the type cannot hold it.
Put = Callable[[Rows, int, Any], None]


def _integers(name: str) -> Put:
    width, signed = INTEGERS[name]
    return lambda rows, at, value: rows.integer(at, scalars.integer(value, width, signed))


def _real(rows: Rows, at: int, value: Any) -> None:
    number = scalars.real(value)
    # All NaNs are stored as the same one.
    rows.real(at, number if number == number else math.nan)


def _single(rows: Rows, at: int, value: Any) -> None:
    rows.real(at, scalars.single(value))


def _ordered(to_float: Callable[[Any], float]) -> Put:
    """Returns the function for floats that are keys."""

    def put(rows: Rows, at: int, value: Any) -> None:
        rows.real(at, scalars.ordered(to_float(value)))

    return put


def _octets(kind: int, to_bytes: Callable[[Any], bytes]) -> Put:
    return lambda rows, at, value: rows.octets(at, kind, to_bytes(value))


def _number(kind: int, to_int: Callable[[Any], int]) -> Put:
    return lambda rows, at, value: rows.number(at, kind, to_int(value))


def _uuid(rows: Rows, at: int, value: Any) -> None:
    rows.uuid(at, scalars.uuid_bytes(value))


def _date(rows: Rows, at: int, value: Any) -> None:
    from . import moments

    rows.number(at, dynamic.DATE, moments.days(value))


def _datetime(rows: Rows, at: int, value: Any) -> None:
    from . import moments

    rows.number(at, dynamic.DATETIME, moments.microseconds(value))


_PUT: dict[str, Put] = {
    **{name: _integers(name) for name in INTEGERS},
    "f64": _real,
    "f32": _single,
    "bool": _number(dynamic.BOOL, scalars.boolean),
    "str": _octets(dynamic.STR, scalars.text),
    "bytes": _octets(dynamic.BYTES, scalars.octets),
    "uuid": _uuid,
    "date": _date,
    "datetime": _datetime,
}
_PUT_KEY = {**_PUT, "f64": _ordered(scalars.real), "f32": _ordered(scalars.exact_single)}


def _tuple(type_: Type, whole: bool) -> Put:
    """Returns the function for tuples, or for their leading elements alone."""
    puts = [_PUT_KEY[element.name] for element in type_.elements]

    def put(rows: Rows, at: int, value: Any) -> None:
        if not isinstance(value, tuple):
            needed = f"a tuple {type_}" if whole else "a tuple of leading elements"
            raise scalars.wrong(needed, value)
        items = scalars.items(value)
        if whole and len(items) != len(puts):
            raise UnstorableError(f"a tuple {type_} is needed, not one of {len(items)} elements")
        if len(items) > len(puts):
            raise UnstorableError(f"keys of type {type_} have only {len(puts)} elements")
        place = rows.items(at, dynamic.TUPLE, len(items), len(items))
        for position, (item, put_item) in enumerate(zip(items, puts)):
            try:
                put_item(rows, place, item)
            except (TypeError, OverflowError, ValueError) as error:
                where = f"element {position} of the key"
                raise scalars.located(error, where) from error.__cause__
            place += ROW

    return put


def _tuple_of(given: Given, row: Row) -> tuple[Any, ...]:
    return tuple([_read(given, item) for item in given.items(row)])


def _date_of(given: Given, row: Row) -> Any:
    from . import moments

    return moments.from_days(row[2])


def _datetime_of(given: Given, row: Row) -> Any:
    from . import moments

    return moments.from_microseconds(row[2])


_READ: dict[int, Callable[[Given, Row], Any]] = {
    **dynamic.READ,
    dynamic.DATE: _date_of,
    dynamic.DATETIME: _datetime_of,
    dynamic.TUPLE: _tuple_of,
    # The only element of a key that the library has no kind for.
    dynamic.ENCODED: lambda given, row: any_keys.from_large(given.octets(row)),
}


def _read(given: Given, row: Row) -> Any:
    return _READ[row[0]](given, row)


class Typed:
    """Encodes and decodes the keys or the values of one type by calls of the library.

    `encode` raises an `Error` for an object that the type cannot hold, `decode` for bytes that are
    not a key or value of it.
    """

    __slots__ = ("_calls", "_name", "_put")

    def __init__(self, type_: Type, role: Role) -> None:
        self._name = str(type_).encode("ascii")
        self._calls = f"pc_encode_{role}", f"pc_decode_{role}"
        if type_.name == "opaque":
            self._put = _octets(dynamic.BYTES, lambda value: scalars.opaque(value, type_.size))
        elif type_.name == "tuple":
            self._put = _tuple(type_, True)
        elif type_.name == "any":
            self._put = any_keys.put
        else:
            self._put = (_PUT_KEY if role == "key" else _PUT)[type_.name]

    def encode(self, value: Any) -> bytes:
        """Encodes a key or value."""
        return self._encoded(self._put, self._calls[0], value)

    def _encoded(self, put: Put, call: str, value: Any) -> bytes:
        rows = Rows()
        put(rows, 0, value)
        return rows.encoded(call, self._name)

    def decode(self, data: bytes) -> Any:
        """Decodes a key or value."""
        given = Given(self._name, data, self._calls[1])
        return _READ[given.row[0]](given, given.row)


class TypedKey(Typed):
    """Encodes and decodes keys, and encodes the bounds and prefixes of ranges."""

    __slots__ = ("_put_bound", "_put_prefix")

    def __init__(self, type_: Type) -> None:
        super().__init__(type_, "key")
        self._put_bound = self._put_prefix = self._put
        if type_.name == "opaque":
            self._put_prefix = _PUT["bytes"]
        elif type_.name == "tuple":
            self._put_prefix = _tuple(type_, False)
        elif type_.name == "any":
            self._put_bound, self._put_prefix = any_keys.put_beginning, any_keys.put_prefix

    def bound(self, value: Any) -> bytes:
        """Encodes a bound, which need not be a key that can be stored."""
        return self._encoded(self._put_bound, "pc_encode_key_bound", value)

    def prefix(self, value: Any) -> bytes:
        """Encodes the beginning that keys with the prefix `value` share."""
        return self._encoded(self._put_prefix, "pc_encode_key_prefix", value)
