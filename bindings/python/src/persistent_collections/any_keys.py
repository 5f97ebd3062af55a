"""Turns keys of `any`, which may be nested tuples, into rows that the library encodes.

>>> rows = Rows()
>>> put(rows, 0, (None, True))
>>> rows.encoded("pc_encode_key", b"any").hex()
'0500ff2700'
>>> from_large(_large(1 << 64)) == 1 << 64
True
"""

from __future__ import annotations

from . import _scalars as scalars
from . import dynamic
from ._typing import Any
from .dynamic import ROW, Rows
from .errors import KeySizeError, UnstorableError, UnstorableNumberError
from .types import MAX_KEY

__all__ = ["MAX_KEY", "from_large", "put", "put_beginning", "put_prefix"]

#: The greatest depth of nested tuples.
MAX_DEPTH = 128

# An integer of more than 64 bits, for which `pc_value` has no kind, goes to and from the library
# in the form of the tuple layer: a code, the length of the magnitude unless that is 8, and the
# magnitude. In a negative integer all bytes but the code are complemented.
_POSITIVE, _NEGATIVE, _NEGATIVE_8 = 0x1D, 0x0B, 0x0C


def _complement(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def _large(number: int) -> bytes:
    """Encodes an integer that is too large for the kinds of `pc_value`."""
    size = (abs(number).bit_length() + 7) // 8
    if size > 255:
        raise UnstorableNumberError("an integer key has at most 255 bytes")
    magnitude = abs(number).to_bytes(size, "big")
    if number > 0:
        return bytes((_POSITIVE, size)) + magnitude
    if size == 8:
        return bytes((_NEGATIVE_8,)) + _complement(magnitude)
    return bytes((_NEGATIVE, size ^ 0xFF)) + _complement(magnitude)


def from_large(data: bytes) -> int:
    """Decodes an integer that `_large` encoded."""
    if data[0] == _POSITIVE:
        return int.from_bytes(data[2:], "big")
    return -int.from_bytes(_complement(data[1 if data[0] == _NEGATIVE_8 else 2 :]), "big")


class _LongError(Exception):
    """The key is already too long, whatever the remaining items are."""


class _Filling:
    """Fills the rows of a key in the order of its items."""

    __slots__ = ("_rows", "_size")

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        #: A lower bound of the encoded size of the items filled so far.
        self._size = 0

    def put(self, at: int, value: Any, depth: int) -> None:
        rows, kind = self._rows, type(value)
        self._size += 1
        if kind is str:
            data = scalars.text(value)
            self._size += len(data)
            rows.octets(at, dynamic.STR, data)
        elif kind is int:
            if -(1 << 63) <= value < 1 << 64:
                rows.integer(at, value)
            else:
                rows.octets(at, dynamic.ENCODED, _large(value))
        elif kind is tuple:
            self._put_tuple(at, value, depth + 1)
        elif kind is float:
            rows.real(at, scalars.ordered(value))
        elif kind is bytes:
            self._size += len(value)
            rows.octets(at, dynamic.BYTES, value)
        elif value is None:
            rows.plain(at, dynamic.NULL)
        elif kind is bool:
            rows.number(at, dynamic.BOOL, value)
        elif scalars.is_uuid(value):
            rows.uuid(at, scalars.uuid_bytes(value))
        else:
            self.put(at, _plain(value), depth)

    def _put_tuple(self, at: int, items: tuple[Any, ...], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise UnstorableError(f"tuples nest at most {MAX_DEPTH} deep in a key")
        # Each item takes at least one byte.
        count = min(len(items), MAX_KEY + 1)
        place = self._rows.items(at, dynamic.TUPLE, count, count)
        for position, item in enumerate(items):
            # Tuples that each contain the next one twice have exponentially many items.
            if self._size > MAX_KEY:
                raise _LongError
            try:
                self.put(place, item, depth)
            except (TypeError, ValueError, OverflowError) as error:
                raise scalars.located(error, f"[{position}]") from error.__cause__
            place += ROW


def _plain(value: Any) -> Any:
    """Converts a value of a subclass or of NumPy to one of the types above."""
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


def _fill(rows: Rows, at: int, value: Any) -> None:
    try:
        _Filling(rows).put(at, value, 0)
    except (TypeError, ValueError, OverflowError) as error:
        if not str(error).startswith("["):
            raise
        raise scalars.located(error, "key") from error.__cause__


def put(rows: Rows, at: int, value: Any) -> None:
    """Fills the rows of a key."""
    try:
        _fill(rows, at, value)
    except _LongError:
        raise KeySizeError(f"a key has at most {MAX_KEY} bytes, encoded; this is longer") from None


def put_beginning(rows: Rows, at: int, value: Any) -> None:
    """Fills the rows of a bound, with only as many items as are needed to order it."""
    # No stored key is this long, so none is equal, and the rest does not change the order.
    try:  # noqa: SIM105 (the package does not import `contextlib`)
        _fill(rows, at, value)
    except _LongError:
        pass


def put_prefix(rows: Rows, at: int, value: Any) -> None:
    """Fills the rows of a prefix: a text, bytes, or a tuple of leading elements."""
    if not isinstance(value, (str, bytes, tuple)):
        raise scalars.wrong("a str, bytes or a tuple as a prefix", value)
    put_beginning(rows, at, value)
