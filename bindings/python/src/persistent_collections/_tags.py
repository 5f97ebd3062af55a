"""Reading CBOR: turns the tags in what the library decodes into Python's values."""

from __future__ import annotations

import datetime
import fractions
import math
import re

from . import arrays, decimals, dynamic, moments
from ._abstract import Callable, Iterator
from ._typing import Any
from .dynamic import Given, Row
from .errors import BadValueError, DateOverflowError
from .tagged import Char, Pairs, SimpleValue, Symbol, Tagged, missing

#: The greatest depth of containers and tags.
MAX_DEPTH = 128


def head(major: int, number: int) -> bytes:
    """Returns the head of an item of a major type, in the fewest bytes."""
    if number < 24:
        return bytes((major << 5 | number,))
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes((major << 5 | 23 + size.bit_length(),)) + number.to_bytes(size, "big")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number in the head at a place, and where the head ends."""
    short = data[at] & 31
    if short < 24:
        return short, at + 1
    end = at + 1 + (1 << short - 24)
    return int.from_bytes(data[at + 1 : end], "big"), end


def decode(data: bytes) -> Any:
    """Decodes one CBOR item; raises `BadValueError` if the bytes are not one."""
    try:
        given = Given(b"any", data)
    except BadValueError:
        if not _perhaps_indefinite(data):
            raise
        given = Given(b"any", _definite(data))
    return _item(given, given.row, False)


def _item(given: Given, row: Row, hashable: bool) -> Any:
    """Returns the value of a row; with `hashable`, frozensets instead of sets."""
    read = dynamic.READ.get(row[0])
    return _KINDS[row[0]](given, row, hashable) if read is None else read(given, row)


def _items(given: Given, row: Row, hashable: bool) -> list[Any]:
    return [_item(given, item, hashable) for item in given.items(row)]


def _map(given: Given, rows: Iterator[Row], hashable: bool) -> Any:
    pairs = [(_item(given, key, True), _item(given, next(rows), hashable)) for key in rows]
    try:
        mapping = dict(pairs)
    except TypeError:
        return Pairs(pairs)
    return mapping if len(mapping) == len(pairs) else Pairs(pairs)


def _array(given: Given, row: Row, hashable: bool) -> Any:
    element, data = dynamic.ELEMENTS[row[1]], given.octets(row)
    return arrays.from_bytes(data, element, (8 * len(data) // int(element[1:]),))


def _in_year_0(moment: datetime.timedelta) -> datetime.datetime:
    """Moves a date or time of the year 0, which Python cannot represent, 400 years later.

    The calendar repeats after 400 years.
    """
    return datetime.datetime(1970, 1, 1) + (moment + datetime.timedelta(days=146_097))


def _days(given: Given, row: Row, hashable: bool) -> Any:
    try:
        return moments.from_days(row[2])
    except DateOverflowError:
        day = _in_year_0(datetime.timedelta(days=row[2])).date()
        return Tagged(1004, f"0000{day.isoformat()[4:]}")


def _microseconds_since(given: Given, row: Row, hashable: bool) -> Any:
    try:
        return moments.from_microseconds(row[2])
    except DateOverflowError:
        moment = _in_year_0(datetime.timedelta(microseconds=row[2]))
        return Tagged(27, ["datetime", f"0000{moment.isoformat()[4:]}"])


def _encoded(given: Given, row: Row, hashable: bool) -> Any:
    """Decodes an item that no kind of `pc_value` can represent."""
    data = given.octets(row)
    major = data[0] >> 5
    number, at = _number(data, 0)
    if major == 6:
        return _tag(number, data[at:], hashable)
    if major == 5:
        # A map with a repeated key comes as a list of its keys and values.
        flat = Given(b"any", head(4, 2 * number) + data[at:])
        return _map(flat, flat.items(flat.row), hashable)
    return -1 - number if major == 1 else SimpleValue(number)


def _tag(tag: int, data: bytes, hashable: bool) -> Any:
    given = Given(b"any", data)
    # A set comes here as tag and list if an element is repeated.
    content = _item(given, given.row, hashable or tag == 258)
    read = _TAGS.get(tag)
    if read is not None:
        try:
            value = read(content)
        except (ValueError, OverflowError, TypeError, ArithmeticError):
            # The content does not fit the tag's definition, or Python cannot represent it.
            value = _KEEP
        if value is not _KEEP:
            return value
    return Tagged(tag, content)


_KINDS: dict[int, Callable[[Given, Row, bool], Any]] = {
    dynamic.UNDEFINED: lambda given, row, hashable: missing,
    dynamic.DATE: _days,
    dynamic.DATETIME: _microseconds_since,
    dynamic.ARRAY: _array,
    dynamic.TUPLE: lambda given, row, hashable: tuple(_items(given, row, hashable)),
    dynamic.LIST: _items,
    dynamic.MAP: lambda given, row, hashable: _map(given, given.items(row, 2), hashable),
    dynamic.SET: lambda given, row, hashable: _set(_items(given, row, True), hashable),
    dynamic.ENCODED: _encoded,
}

# Heads of items without a length. A text or a number can hold such bytes too.
_perhaps_indefinite = re.compile(rb"[\x5f\x7f\x9f\xbf]").search


def _definite(data: bytes) -> bytes:
    """Returns the same item with lengths, for an item that another program wrote without them."""
    try:
        item, end = _with_length(data, 0, MAX_DEPTH)
    except IndexError:
        raise BadValueError("a value is not valid CBOR: it is truncated") from None
    # The library reports what is wrong with it.
    return item + data[end:]


def _with_length(data: bytes, at: int, depth: int) -> tuple[bytes, int]:
    major, is_endless = data[at] >> 5, data[at] & 31 == 31
    if not depth or (is_endless and not 2 <= major <= 5):
        return data[at:], len(data)
    number, end = (0, at + 1) if is_endless else _number(data, at)
    begin = data[at:end]
    parts: list[bytes] = []
    if not is_endless and major in (2, 3):
        return data[at : end + number], end + number
    count = {4: number, 5: 2 * number, 6: 1}.get(major, 0)
    while data[end] != 0xFF if is_endless else len(parts) < count:
        part, end = _with_length(data, end, depth - 1)
        if is_endless and major < 4:
            if part[0] >> 5 != major:
                raise BadValueError("a value is not valid CBOR: a chunk of another type")
            part = part[_number(part, 0)[1] :]
        parts.append(part)
    if not is_endless:
        return begin + b"".join(parts), end
    content = b"".join(parts)
    length = len(content) if major < 4 else len(parts) // (major - 3)
    if major == 5 and len(parts) % 2:
        raise BadValueError("a value is not valid CBOR: a key without a value")
    return head(major, length) + content, end + 1


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
        # `fromisoformat` would ignore an offset of less than a second.
        hours, minutes, seconds, finer = (int(number or 0) for number in offset)
        size = datetime.timedelta(0, seconds, finer, 0, minutes, hours)
        zone = datetime.timezone(-size if sign == "-" else size)
    return datetime.time(int(hour), int(minute), int(second), _microseconds(fraction), zone)


def _char(content: Any) -> Any:
    return Char(content) if type(content) is str and len(content) == 1 else _KEEP


def _named(content: Any) -> Any:
    """Decodes 27([name, …]), a named object."""
    if type(content) is not list or not content or type(content[0]) is not str:
        return _KEEP
    name, rest = content[0], content[1:]
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
    """Returns a memoryview with the shape, where NumPy is missing."""
    shape, flat = content
    if not isinstance(flat, memoryview) or flat.ndim != 1 or not shape or not flat.nbytes:
        return _KEEP
    octets: Any = flat.cast("B")
    return octets.cast(flat.format, shape)


def _shaped_rows(content: Any) -> Any:
    return _shaped("C")(content) if arrays.numpy() is not None else _shaped_view(content)


# Each returns the value, or returns _KEEP or raises if only `Tagged` can hold it.
_TAGS: dict[int, Callable[[Any], Any]] = {
    0: lambda content: _moment(content, True),
    2: _big(False),
    3: _big(True),
    4: _decimal,
    27: _named,
    30: _fraction,
    39: lambda content: Symbol(content) if type(content) is str else _KEEP,
    40: _shaped_rows,
    1040: _shaped("F"),
    43000: _complex,
}
