"""Converts numbers for look-ups: 2.0 and True find the same as 2 and 1, as in a dict.

>>> as_number(parse("i64"), 2.0), as_number(parse("i64"), 2.5)
(2, 2.5)
>>> as_number(parse("(str,f64)"), ("a", 1))
('a', 1.0)

The bounds of a range may be any numbers:

>>> nearest(parse("u8"), 2.5, down=True), nearest(parse("u8"), 2.5, down=False)
(2, 3)
>>> nearest(parse("u8"), 300, down=True), nearest(parse("u8"), 300, down=False)
(255, None)
"""

from __future__ import annotations

import math
import struct
import sys

from . import _scalars as scalars
from ._typing import Any
from .types import INTEGERS, Type, parse

__all__ = ["as_number", "is_between", "nearest", "nearest_whole", "parse"]

_HOSTS: dict[str, type] = {
    **dict.fromkeys(INTEGERS, int),
    "f32": float,
    "f64": float,
    "bool": bool,
}


#: More digits than a number of 64 bits can have.
_DIGITS = 20


def _is_number(value: Any) -> bool:
    kind = scalars.numpy_kind(value)
    # NumPy's bool is not registered as a Number, but its durations are.
    if kind:
        return kind in ("b", "i", "u", "f", "c")
    from numbers import Number

    return isinstance(value, Number)


def _is_decimal(value: Any) -> bool:
    # Before the module is imported, no object is a Decimal.
    module = sys.modules.get("decimal")
    return module is not None and isinstance(value, module.Decimal)


def _may_be_whole(value: Any) -> bool:
    """Whether an int can equal a number, in time that does not grow with the number."""
    if _is_decimal(value):
        return value.is_finite() and (not value or 0 <= value.adjusted() < _DIGITS)
    from numbers import Rational

    if isinstance(value, Rational):
        return value.denominator == 1
    return True


def as_number(type_: Type, value: Any) -> Any:
    """Returns the number of a type that equals `value`, or `value` itself without one.

    In `any`, 1, 1.0 and True are three keys, so `value` does not change.
    """
    if type_.name == "tuple":
        if not isinstance(value, tuple):
            return value
        items = scalars.items(value)
        if len(items) != len(type_.elements):
            return value
        return tuple(map(as_number, type_.elements, items))
    host = _HOSTS.get(type_.name)
    if host is None or type(value) is host:
        return value
    from numbers import Complex, Real

    try:
        if not _is_number(value) or (host is not float and not _may_be_whole(value)):
            return value
        is_complex = isinstance(value, Complex) and not isinstance(value, Real)
        part: Any = value.real if is_complex else value
        number = host(part)
        return number if number == value else value
    except RecursionError:
        raise
    except scalars.FAILURES:
        # A signaling NaN, or an object whose own methods raise: it does not equal a number.
        return value


def is_between(type_: Type, value: Any) -> bool:
    """Whether a value can be ordered among the numbers of a type."""
    if type_.name not in INTEGERS and type_.name not in ("f32", "f64"):
        return False
    from numbers import Real

    try:
        if not _is_number(value):
            return False
        if not (isinstance(value, Real) or _is_decimal(value)):
            return False
        return bool(value == value)
    except RecursionError:
        raise
    except scalars.FAILURES:
        return False


def nearest_whole(low: int, high: int, value: Any, down: bool) -> int | None:
    """Does the same as `nearest`, for the ints from `low` to `high`."""
    if low <= value <= high:
        within: int = math.floor(value) if down else math.ceil(value)
        return within
    return {(True, True): high, (False, False): low}.get((value > high, down))


def nearest(type_: Type, value: Any, down: bool) -> Any:
    """Returns the greatest number of a type that is not above `value`, or the least not below it.

    Returns None if the type has none. `value` must be ordered among them.
    """
    if type_.name in INTEGERS:
        width, signed = INTEGERS[type_.name]
        bits = 8 * width
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return nearest_whole(low, high, value, down)
    try:
        number = float(value)
        if type_.name == "f32":
            number = scalars.rounded(number)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    # After rounding to 64 bits and then to 32, at most three steps are needed.
    for _ in range(3):
        if not (number > value if down else number < value):
            break
        toward = -math.inf if down else math.inf
        number = (_next_single if type_.name == "f32" else math.nextafter)(number, toward)
    return number


def _next_single(number: float, toward: float) -> float:
    """Returns the next f32."""
    if not number:
        return math.copysign(2.0**-149, toward)
    (bits,) = struct.unpack("=i", struct.pack("=f", number))
    # The bits are a sign and a magnitude.
    bits += 1 if (number > 0) == (toward > 0) else -1
    found: float
    (found,) = struct.unpack("=f", struct.pack("=i", bits))
    return found
