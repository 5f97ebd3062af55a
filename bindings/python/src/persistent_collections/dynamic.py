"""`pc_value`: keys and values of any type, as the library takes and returns them.

Each is a row of 32 bytes. Rows are packed and unpacked many at a time, which costs less than the
fields of a `ctypes` structure do.

>>> rows = Rows()
>>> at = rows.items(0, LIST, 2, 2)
>>> rows.integer(at, 1)
>>> rows.octets(at + ROW, STR, b"a")
>>> rows.encoded("pc_encode_value", b"any").hex()
'82016161'
>>> Given(b"any", bytes.fromhex("820102")).row[0] == LIST
True
"""

from __future__ import annotations

import struct
from ctypes import addressof, byref

from . import _checked as checked
from . import _raw as raw
from ._abstract import Callable, Iterator
from ._typing import Any

__all__ = ["ROW", "Given", "Rows"]

#: Bytes of a row.
ROW = 32

# Kinds, `PC_VALUE_*` of the header.
NULL, UNDEFINED, BOOL, I64, U64, F64, STR, BYTES = range(8)
UUID, DATE, DATETIME, ARRAY, TUPLE, LIST, MAP, SET, ENCODED = range(8, 17)
#: The element types of arrays, by their `PC_ELEMENT_*`.
ELEMENTS = ("", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64")

#: Kind and subtype, and three words: a number, or a pointer and a length.
Row = tuple[int, int, int, int, int]

_put_number = struct.Struct("=Qq").pack_into
_put_unsigned = struct.Struct("=QQ").pack_into
_put_real = struct.Struct("=Qd").pack_into
_put_uuid = struct.Struct("=Q16s").pack_into
_put_data = struct.Struct("=QQQ").pack_into
_put_pointer = struct.Struct("=Q").pack_into
_get_pointer = struct.Struct("=Q").unpack_from
_row = struct.Struct("=IIqQQ")
_pack_word = struct.Struct("=q").pack
_unpack_real = struct.Struct("=d").unpack
_pack_words = struct.Struct("=qQ").pack


class Rows:
    """Builds a value: its row at 0, and the rows of its items.

    Each method fills the row at a place.
    """

    __slots__ = ("_data", "_linked", "_texts", "size")

    def __init__(self) -> None:
        self._data = bytearray(ROW)
        # Rows that point to rows, and rows that point to bytes, with these.
        self._linked: list[int] = []
        self._texts: list[tuple[int, bytes]] = []
        #: A lower bound of the encoded size.
        self.size: int = 1

    def plain(self, at: int, kind: int) -> None:
        """Writes a kind without content."""
        _put_pointer(self._data, at, kind)

    def number(self, at: int, kind: int, number: int) -> None:
        """Writes a date, a datetime, or a bool."""
        _put_number(self._data, at, kind, number)

    def integer(self, at: int, number: int) -> None:
        """Writes an integer, signed or not, of 64 bits."""
        if number < 1 << 63:
            _put_number(self._data, at, I64, number)
        else:
            _put_unsigned(self._data, at, U64, number)

    def real(self, at: int, number: float) -> None:
        """Writes a float."""
        _put_real(self._data, at, F64, number)

    def uuid(self, at: int, data: bytes) -> None:
        """Writes a UUID."""
        _put_uuid(self._data, at, UUID, data)

    def octets(self, at: int, kind: int, data: bytes) -> None:
        """Writes a text, bytes, or an item that is already encoded."""
        _put_data(self._data, at, kind, 0, len(data))
        self._texts.append((at, data))
        self.size += len(data)

    def array(self, at: int, element: str, data: bytes) -> None:
        """Writes an array of numbers."""
        self.octets(at, ARRAY | ELEMENTS.index(element) << 32, data)

    def items(self, at: int, kind: int, length: int, count: int) -> int:
        """Writes a container; returns the place of the first of its `count` rows."""
        start = len(self._data)
        self._data += bytes(ROW * count)
        _put_data(self._data, at, kind, start, length)
        self._linked.append(at)
        self.size += count
        return start

    def encoded(self, call: str, type_: bytes) -> bytes:
        """Encodes it for a type, by `pc_encode_value` or another call of the same form."""
        data = self._data
        end = len(data)
        if self._texts:
            data += b"".join([text for _, text in self._texts])
        value = raw.pc_value.from_buffer(data)
        # Places become addresses, which are valid until a row is added.
        start = addressof(value)
        for at in self._linked:
            (place,) = _get_pointer(data, at + 8)
            _put_pointer(data, at + 8, start + place)
        place = start + end
        for at, text in self._texts:
            _put_pointer(data, at + 8, place)
            place += len(text)
        library = raw.load()
        return checked.fetched(library, getattr(library, call), type_, byref(value))[1]


class Given:
    """A key or value that the library has decoded: its row, and the memory behind the row."""

    __slots__ = ("_data", "_start", "row")

    def __init__(self, type_: bytes, encoded: bytes, call: str = "pc_decode_value") -> None:
        """Decodes a value of this type; `BadValueError` if the bytes are not one.

        Keys are decoded by `pc_decode_key`.
        """
        library = raw.load()
        value = raw.pc_value()
        buffer = checked.take_buffer(library)
        try:
            status = getattr(library, call)(
                type_, encoded, len(encoded), byref(value), byref(buffer)
            )
            if status < 0:
                raise checked.failure(library, status)
            self.row: Row = _row.unpack_from(value)
            self._data = checked.content(buffer)
            self._start: int = buffer.data or 0
        finally:
            checked.give_back(library, buffer)

    def octets(self, row: Row) -> bytes:
        """Returns the content of a row of bytes, text, an array or an encoded item."""
        at = row[2] - self._start
        return self._data[at : at + row[3]]

    def items(self, row: Row, each: int = 1) -> Iterator[Row]:
        """Returns the rows of a container, `each` for each of its items."""
        at = row[2] - self._start
        return _row.iter_unpack(self._data[at : at + row[3] * each * ROW])


def _real(given: Given, row: Row) -> float:
    number: float
    (number,) = _unpack_real(_pack_word(row[2]))
    return number


def _uuid(given: Given, row: Row) -> Any:
    import uuid

    return uuid.UUID(bytes=_pack_words(row[2], row[3]))


#: The Python object of a row, by its kind: of those for which no more than the row has to be known.
READ: dict[int, Callable[[Given, Row], Any]] = {
    NULL: lambda given, row: None,
    BOOL: lambda given, row: row[2] != 0,
    I64: lambda given, row: row[2],
    U64: lambda given, row: row[2] & 0xFFFF_FFFF_FFFF_FFFF,
    F64: _real,
    STR: lambda given, row: str(given.octets(row), "utf-8"),
    BYTES: lambda given, row: given.octets(row),
    UUID: _uuid,
}
