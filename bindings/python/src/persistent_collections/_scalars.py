"""Python values to plain numbers and bytes, checked; shared by keys and values."""

from __future__ import annotations

import datetime
import math
import operator
import struct
import uuid
from typing import Any

from .errors import UnstorableError

_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


def wrong(needed: str, value: Any) -> TypeError:
    """The exception for a value of the wrong type."""
    return TypeError(f"{needed} is needed, not {type(value).__name__}")


def located(error: Exception, place: str) -> Exception:
    """An error of the same kind that says where the bad value stands."""
    for kind in (UnstorableError, TypeError, OverflowError):
        if isinstance(error, kind):
            return kind(f"{place}: {error}")
    return ValueError(f"{place}: {error}")


def index(value: Any) -> int:
    """`operator.index`, but not of the bools of NumPy, which its older versions take for ints."""
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
        raise wrong("an int", value)
    # Python 3.9 leaves a bool as it is.
    return int(operator.index(value))


def integer(value: Any, width: int, signed: bool) -> int:
    """An int of `width` bytes."""
    try:
        number = index(value)
    except TypeError:
        raise wrong("an int", value) from None
    bits = 8 * width
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= number <= high:
        name = f"{'i' if signed else 'u'}{bits}"
        raise OverflowError(f"{number} does not fit {name} ({low} to {high})")
    return number


def real(value: Any) -> float:
    """A float; an int is taken where a float holds it exactly."""
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bool):
        raise wrong("a float", value)
    if type(value).__module__ == "numpy" and hasattr(value, "dtype") and value.dtype.kind == "f":
        number = float(value)
        if number == value or number != number:
            return number
        raise ValueError(f"{value!r} has no exact float")
    try:
        whole = index(value)
    except TypeError:
        raise wrong("a float", value) from None
    number = float(whole)
    if number != whole:
        raise ValueError(f"{whole} has no exact float")
    return number


def single(value: Any) -> bytes:
    """A float rounded to 32 bits, little-endian."""
    number = real(value)
    if math.isnan(number):
        return b"\x00\x00\xc0\x7f"
    try:
        return struct.pack("<f", number)
    except OverflowError:
        raise too_large(number, "f32") from None


def too_large(number: Any, name: str) -> OverflowError:
    """The exception for a finite number that would become infinite."""
    return OverflowError(f"{number} does not fit {name}")


def exact_single(value: Any) -> float:
    """A float that 32 bits hold exactly: rounding would make one key of two."""
    number = real(value)
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        rounded = None
    if rounded != number and number == number:
        raise ValueError(f"{number} is not exact as f32, so it cannot be a key of that type")
    return number


def boolean(value: Any) -> bool:
    """A bool, NumPy's too."""
    if isinstance(value, bool):
        return value
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise wrong("a bool", value)


def text(value: Any) -> bytes:
    """A str as UTF-8."""
    if not isinstance(value, str):
        raise wrong("a str", value)
    return value.encode("utf-8")


def octets(value: Any) -> bytes:
    """Bytes of anything bytes-like."""
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise wrong("bytes", value)


def opaque(value: Any, size: int) -> bytes:
    """Exactly `size` bytes."""
    data = octets(value)
    if len(data) != size:
        raise ValueError(f"opaque[{size}] holds {size} bytes, not {len(data)}")
    return data


def uuid_bytes(value: Any) -> bytes:
    """The 16 bytes of a UUID."""
    if not isinstance(value, uuid.UUID):
        raise wrong("a UUID", value)
    return value.bytes


def days(value: Any) -> int:
    """Days of a date since 1970-01-01."""
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise wrong("a date", value)
    return value.toordinal() - _EPOCH_DAY


def from_days(number: int) -> datetime.date:
    """The reverse of `days`."""
    try:
        return datetime.date.fromordinal(number + _EPOCH_DAY)
    except (ValueError, OverflowError):
        raise OverflowError(
            f"day {number} from 1970-01-01 is beyond the years 1 to 9999 of Python's date"
        ) from None


def microseconds(value: Any) -> int:
    """Microseconds of a datetime without zone since 1970-01-01."""
    if not isinstance(value, datetime.datetime):
        raise wrong("a datetime", value)
    if value.tzinfo is not None:
        raise TypeError("a datetime without zone is needed; the type datetime keeps no zone")
    return (value - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime.datetime:
    """The reverse of `microseconds`."""
    try:
        return _EPOCH + datetime.timedelta(microseconds=number)
    except OverflowError:
        raise OverflowError(
            f"{number} µs from 1970-01-01 is beyond the years 1 to 9999 of Python's datetime"
        ) from None
