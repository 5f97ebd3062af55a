"""Numbers as they are looked up: 2.0 and True find what 2 and 1 would, as in a dict.

>>> as_number(parse("i64"), 2.0), as_number(parse("i64"), 2.5)
(2, 2.5)
>>> as_number(parse("(str,f64)"), ("a", 1))
('a', 1.0)
"""

from __future__ import annotations

import numbers
from typing import Any

from .types import INTEGERS, Type, parse

__all__ = ["as_number", "parse"]

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
