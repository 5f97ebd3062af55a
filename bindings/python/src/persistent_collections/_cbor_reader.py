"""Reading CBOR: `cbor2` for what has no tags, our own reader for the rest."""

from __future__ import annotations

import datetime
import fractions
import math
import re
import struct
import uuid
from collections.abc import Callable
from typing import Any

import cbor2

from . import arrays, decimals
from .errors import BadValueError
from .tagged import Char, Pairs, Symbol, Tagged, missing

# Heads of tags, of simple values beyond false, true and null, and the break. A text or
# a number can hold such bytes too; then our own reader does what cbor2 would have done.
_perhaps_not_plain = re.compile(rb"[\xc0-\xdb\xe0-\xf3\xf7\xf8\xff]").search


class _NotPlainError(Exception):
    pass


def _text_keys_only(*arguments: Any) -> Any:
    # The arguments differ between the versions of cbor2; the map is the one dict.
    for mapping in arguments:
        if type(mapping) is dict:
            # Keys of other types may be equal in Python and yet be two in the map.
            if all(type(key) is str for key in mapping):
                return mapping
            break
    raise _NotPlainError


def decode(data: bytes) -> Any:
    """The value of one CBOR item; `BadValueError` if these bytes are none."""
    if _perhaps_not_plain(data) is None:
        try:
            # Inside a list without length, since loads() ignores what follows an item.
            items = cbor2.loads(b"\x9f" + data + b"\xff", object_hook=_text_keys_only)
        except Exception:
            # Whatever it was, our own reader meets it again and names it.
            items = ()
        if len(items) == 1:
            return items[0]
    reader = _Reader(data)
    try:
        value = reader.item(False)
    except RecursionError:
        raise _bad("it is nested too deeply") from None
    if reader.at != len(data):
        raise _bad("bytes follow its end")
    return value


def _bad(what: str) -> BadValueError:
    return BadValueError(f"a value is not CBOR as it should be: {what}")


_BREAK = object()
_UNIT = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


class _Reader:
    """`item(hashable)` reads the next item; `hashable` asks for frozensets, not sets."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise _bad("it is cut short")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def item(self, hashable: bool) -> Any:
        value = self._item_or_break(hashable)
        if value is _BREAK:
            raise _bad("a break where an item should be")
        return value

    def _item_or_break(self, hashable: bool) -> Any:
        head = self._take(1)[0]
        major, short = head >> 5, head & 31
        if short < 24:
            number = short
        elif short in _UNIT:
            raw = self._take(_UNIT[short])
            if major == 7 and short != 24:
                (real,) = struct.unpack(_FLOATS[short], raw)
                return real
            number = int.from_bytes(raw, "big")
        elif short == 31 and 2 <= major <= 5:
            return self._indefinite(major, hashable)
        elif head == 0xFF:
            return _BREAK
        else:
            raise _bad(f"unknown head {head:#04x}")
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if major == 2:
            return self._take(number)
        if major == 3:
            return self._text(number)
        if major == 4:
            return self._list(number, hashable)
        if major == 5:
            return self._map(
                self.item(True) if at % 2 == 0 else self.item(hashable)
                for at in range(2 * self._count(number, 2))
            )
        if major == 6:
            return self._tag(number, hashable)
        if short == 24 and number < 32:
            raise _bad(f"simple value {number} in two bytes")
        return self._simple(number)

    def _count(self, number: int, least: int) -> int:
        """A length that the bytes left could hold, so that no huge one is believed."""
        if number * least > len(self.data) - self.at:
            raise _bad("it is cut short")
        return number

    def _text(self, size: int) -> str:
        try:
            return str(self._take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise _bad(f"a text is not UTF-8: {error}") from None

    def _list(self, count: int, hashable: bool) -> list[Any]:
        return [self.item(hashable) for _ in range(self._count(count, 1))]

    def _indefinite(self, major: int, hashable: bool) -> Any:
        if major == 4:
            return list(iter(lambda: self._item_or_break(hashable), _BREAK))
        if major == 5:
            return self._map(self._until_break(hashable))
        parts = list(iter(lambda: self._item_or_break(hashable), _BREAK))
        kind = bytes if major == 2 else str
        if not all(type(part) is kind for part in parts):
            raise _bad("a chunk of another type")
        return kind().join(parts)

    def _until_break(self, hashable: bool) -> Any:
        while True:
            key = self._item_or_break(True)
            if key is _BREAK:
                return
            yield key
            yield self.item(hashable)

    def _map(self, items: Any) -> Any:
        pairs = [(key, next(items)) for key in items]
        try:
            mapping = dict(pairs)
        except TypeError:
            return Pairs(pairs)
        return mapping if len(mapping) == len(pairs) else Pairs(pairs)

    def _simple(self, number: int) -> Any:
        if number in (20, 21):
            return number == 21
        if number == 22:
            return None
        if number == 23:
            return missing
        return cbor2.CBORSimpleValue(number)

    def _tag(self, tag: int, hashable: bool) -> Any:
        if tag == 258:
            return _set(self.item(True), hashable)
        content = self.item(hashable)
        read = _TAGS.get(tag)
        if read is not None:
            try:
                value = read(content)
            except (ValueError, OverflowError, TypeError, ArithmeticError):
                # Not as the tag's definition has it, or beyond what Python can hold.
                value = _KEEP
            if value is not _KEEP:
                return value
        return Tagged(tag, content)


_KEEP = object()


def _set(content: Any, hashable: bool) -> Any:
    if type(content) is list:
        try:
            elements = frozenset(content) if hashable else set(content)
        except TypeError:
            return Tagged(258, content)
        # Elements that are equal in Python, such as 1 and 1.0, stay apart.
        if len(elements) == len(content):
            return elements
    return Tagged(258, content)


def _big(negative: bool) -> Callable[[Any], Any]:
    def read(content: Any) -> Any:
        if type(content) is not bytes:
            return _KEEP
        number = int.from_bytes(content, "big")
        return -1 - number if negative else number

    return read


_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)


def _microseconds(digits: str | None) -> int:
    digits = (digits or "").rstrip("0")
    if len(digits) > 6:
        raise BadValueError("finer than a microsecond")
    return int(digits.ljust(6, "0"))


def _moment(content: Any, zoned: bool) -> Any:
    match = _INSTANT.fullmatch(content)
    if match is None:
        return _KEEP
    *clock, fraction, zulu, sign, hours, minutes = match.groups()
    if bool(zulu or sign) != zoned:
        return _KEEP
    zone = None
    if zoned:
        offset = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = datetime.timezone(-offset if sign == "-" else offset)
    year, month, day, hour, minute, second = map(int, clock)
    return datetime.datetime(
        year, month, day, hour, minute, second, _microseconds(fraction), tzinfo=zone
    )


_TIME = re.compile(
    r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([+-])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{6}))?)?)?",
    re.ASCII,
)


def _time(content: Any) -> Any:
    match = _TIME.fullmatch(content)
    if match is None:
        return _KEEP
    hour, minute, second, fraction, sign, *offset = match.groups()
    zone = None
    if sign:
        # Not by `fromisoformat`, for which an offset of less than a second is none.
        hours, minutes, seconds, finer = (int(number or 0) for number in offset)
        size = datetime.timedelta(0, seconds, finer, 0, minutes, hours)
        zone = datetime.timezone(-size if sign == "-" else size)
    return datetime.time(int(hour), int(minute), int(second), _microseconds(fraction), zone)


def _char(content: Any) -> Any:
    return Char(content) if type(content) is str and len(content) == 1 else _KEEP


def _named(content: Any) -> Any:
    """27([name, …]), a named object."""
    if type(content) is not list or not content or type(content[0]) is not str:
        return _KEEP
    name, rest = content[0], content[1:]
    if name == "tuple":
        return tuple(rest)
    read = {"datetime": lambda text: _moment(text, False), "time": _time, "char": _char}.get(name)
    if read is None or len(rest) != 1:
        return _KEEP
    return read(rest[0])


def _decimal(content: Any) -> Any:
    exponent, mantissa = content
    if type(exponent) is not int or type(mantissa) is not int:
        return _KEEP
    return decimals.number(mantissa, exponent)


def _fraction(content: Any) -> Any:
    numerator, denominator = content
    if type(numerator) is not int or type(denominator) is not int or denominator < 1:
        return _KEEP
    return fractions.Fraction(numerator, denominator)


def _complex(content: Any) -> Any:
    real, imaginary = content
    if type(real) is not float or type(imaginary) is not float:
        return _KEEP
    return complex(real, imaginary)


def _typed_array(element: str, big_endian: bool) -> Callable[[Any], Any]:
    width = int(element[1:]) // 8

    def read(content: Any) -> Any:
        if type(content) is not bytes or len(content) % width:
            return _KEEP
        if big_endian:
            swapped = bytearray(len(content))
            for at in range(width):
                swapped[at::width] = content[width - 1 - at :: width]
            content = bytes(swapped)
        return arrays.from_bytes(content, element, (len(content) // width,))

    return read


def _shaped(order: str) -> Callable[[Any], Any]:
    def read(content: Any) -> Any:
        shape, flat = content
        if not arrays.is_array(flat) or flat.ndim != 1 or type(shape) is not list:
            return _KEEP
        if not all(type(length) is int and length >= 0 for length in shape):
            return _KEEP
        if math.prod(shape) != flat.size:
            return _KEEP
        return flat.reshape(shape, order=order)

    return read


def _shaped_view(content: Any) -> Any:
    """Without NumPy: a memoryview with the shape."""
    shape, flat = content
    if not isinstance(flat, memoryview) or flat.ndim != 1 or not shape or not flat.nbytes:
        return _KEEP
    octets: Any = flat.cast("B")
    return octets.cast(flat.format, shape)


def _shaped_rows(content: Any) -> Any:
    return _shaped("C")(content) if arrays.numpy() is not None else _shaped_view(content)


def _uuid(content: Any) -> Any:
    return uuid.UUID(bytes=content) if type(content) is bytes else _KEEP


def _date(content: Any) -> Any:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", content, re.ASCII):
        return _KEEP
    return datetime.date.fromisoformat(content)


# Each gives the value, or _KEEP (or fails) where only `Tagged` can hold it.
_TAGS: dict[int, Callable[[Any], Any]] = {
    0: lambda content: _moment(content, True),
    2: _big(False),
    3: _big(True),
    4: _decimal,
    27: _named,
    30: _fraction,
    37: _uuid,
    39: lambda content: Symbol(content) if type(content) is str else _KEEP,
    40: _shaped_rows,
    1004: _date,
    1040: _shaped("F"),
    43000: _complex,
    **{
        tag: _typed_array(element, big)
        for big, tags in (
            (
                True,
                dict(
                    zip(
                        (65, 66, 67, 73, 74, 75, 81, 82),
                        ["u16", "u32", "u64", "i16", "i32", "i64", "f32", "f64"],
                    )
                ),
            ),
            (
                False,
                dict(
                    zip(
                        (69, 70, 71, 77, 78, 79, 85, 86),
                        ["u16", "u32", "u64", "i16", "i32", "i64", "f32", "f64"],
                    )
                ),
            ),
            (False, {64: "u8", 72: "i8"}),
        )
        for tag, element in tags.items()
    },
}
