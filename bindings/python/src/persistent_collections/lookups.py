"""Numbers as they are looked up: 2.0 and True find what 2 and 1 would, as in a dict.

>>> as_number(parse("i64"), 2.0), as_number(parse("i64"), 2.5)
(2, 2.5)
>>> as_number(parse("(str,f64)"), ("a", 1))
('a', 1.0)

Where a range begins or ends, any number will do:

>>> nearest(parse("u8"), 2.5, down=True), nearest(parse("u8"), 2.5, down=False)
(2, 3)
>>> nearest(parse("u8"), 300, down=True), nearest(parse("u8"), 300, down=False)
(255, None)
"""

from __future__ import annotations

import decimal
import math
import numbers
import struct
from typing import Any

from . import tuple_layer
from .types import INTEGERS, Type, parse

__all__ = ["as_number", "is_between", "nearest", "parse"]

_HOSTS: dict[str, type] = {
    **dict.fromkeys(INTEGERS, int),
    "f32": float,
    "f64": float,
    "bool": bool,
}


def _is_number(value: Any) -> bool:
    # NumPy's bool is no Number.
    return isinstance(value, numbers.Number) or (
        type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
    )


def as_number(type_: Type, value: Any) -> Any:
    """The number of a type that equals `value`; `value` itself where there is none.

    In `any`, 1, 1.0 and True are three keys, so there nothing changes.
    """
    if type_.name == "tuple":
        if not isinstance(value, tuple) or len(value) != len(type_.elements):
            return value
        return tuple(map(as_number, type_.elements, value))
    host = _HOSTS.get(type_.name)
    if host is None or type(value) is host or not _is_number(value):
        return value
    try:
        number = host(value.real if isinstance(value, complex) else value)
    except (TypeError, ValueError, OverflowError):
        return value
    return number if number == value else value


def is_between(type_: Type, value: Any) -> bool:
    """Whether a value has a place among the numbers of a type, as one of them or between them."""
    if not isinstance(value, numbers.Real) and not isinstance(value, decimal.Decimal):
        return False
    return value == value and (type_.name in INTEGERS or type_.name in ("f32", "f64"))


def nearest(type_: Type, value: Any, down: bool) -> Any:
    """The greatest number of a type that is not above `value`, or the least not below it.

    None where the type has none. `value` has its place among them.
    """
    if type_.name in INTEGERS:
        width, signed = INTEGERS[type_.name]
        bits = 8 * width
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if low <= value <= high:
            return math.floor(value) if down else math.ceil(value)
        return {(True, True): high, (False, False): low}.get((value > high, down))
    layout = ">f" if type_.name == "f32" else ">d"
    try:
        (number,) = struct.unpack(layout, struct.pack(layout, float(value)))
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    bits = int.from_bytes(tuple_layer.sortable_float(number, layout), "big")
    while number > value if down else number < value:
        bits += -1 if down else 1
        number = tuple_layer.from_sortable_float(
            bits.to_bytes(struct.calcsize(layout), "big"), layout
        )
    return number
