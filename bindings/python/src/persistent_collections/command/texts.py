"""Converts keys and values to texts and back, for the command line and the cells of CSV files.

>>> key_from_text(parse("str"), "Ada"), key_from_text(parse("(str,i64)"), '["Ada", 1]')
('Ada', ('Ada', 1))
>>> key_from_text(parse("bytes"), r"a\\x00")
b'a\\x00'
>>> to_cell(parse("str"), "1"), to_cell(parse("any"), "1")
('1', '"1"')
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from typing import Any

from ..errors import InvalidArgumentError
from ..json_form import from_json, typed_from_json, typed_to_json
from ..types import INTEGERS, Type, parse

__all__ = [
    "dump",
    "from_cell",
    "key_from_text",
    "load",
    "parse",
    "prefix_from_text",
    "to_cell",
]

# Types whose JSON form is a text, which a cell contains without quotes.
_TEXTS = ("str", "bytes", "opaque", "uuid", "date", "datetime")


def _no_constant(name: str) -> Any:
    raise InvalidArgumentError(f'{name} is not JSON; write {{"$float": "nan"}} or "inf" as text')


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidArgumentError(f"{text} is too large for a float")
    if number == 0 and re.match(r"[-0.]*[1-9]", text):
        raise InvalidArgumentError(f"{text} is too small for a float")
    return number


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise InvalidArgumentError("an object has the same name twice")
    return mapping


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_finite, parse_constant=_no_constant
)


def load(text: str) -> Any:
    """Parses a text as JSON; `ValueError` if it is not JSON."""
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise InvalidArgumentError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidArgumentError(f"not JSON: {error.msg} at column {error.colno}") from None
    except ValueError as error:
        if "set_int_max_str_digits" not in str(error):
            raise
        raise InvalidArgumentError(
            'an integer has more digits than Python reads; write {"$int": "0x…"}'
        ) from None


def dump(value: Any, ascii_only: bool = False) -> str:
    """Returns one line of JSON."""
    return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)


def to_cell(type_: Type, value: Any) -> str:
    """Returns the text of a key or value: its JSON, without quotes if its form is a text."""
    form = typed_to_json(type_, value)
    if type(form) is str and type_.name != "any":
        return form
    return dump(form)


def _integer(text: str) -> int:
    # Python's `int` would accept spaces and underscores.
    if re.fullmatch(r"[+-]?\d+", text, re.ASCII) is None:
        raise InvalidArgumentError(f"{text!r} is not an integer")
    return int(text)


def from_cell(type_: Type, text: str) -> Any:
    """Reverses `to_cell`."""
    if type_.name in _TEXTS or type_.name in ("f32", "f64"):
        # A float may be "nan", or be written as an int.
        if type_.name in ("f32", "f64") and text not in ("nan", "inf", "-inf"):
            return typed_from_json(type_, load(text))
        return typed_from_json(type_, text)
    if type_.name in INTEGERS:
        return _integer(text)
    return typed_from_json(type_, load(text))


def _octets(text: str) -> bytes:
    r"""Returns the bytes that were typed; `\xNN` stands for a byte and `\\` for a backslash."""

    def plain(match: re.Match[bytes]) -> bytes:
        if match[1] is not None:
            return bytes((int(match[1], 16),))
        if match[0] == rb"\\":
            return b"\\"
        raise InvalidArgumentError(f"{text!r}: a backslash is typed as \\\\, any byte as \\xNN")

    return re.sub(rb"\\(?:x([0-9a-fA-F]{2})|.?)", plain, os.fsencode(text), flags=re.DOTALL)


def _any_from_text(text: str) -> Any:
    """Parses JSON; returns the text itself if it is not JSON."""
    try:
        form = load(text)
    except ValueError:
        return text
    return from_json(form)


def key_from_text(type_: Type, text: str) -> Any:
    """Parses a key or element on the command line; `ValueError` if it is not of the type."""
    if type_.name in ("bytes", "opaque"):
        return _octets(text)
    if type_.name == "any":
        return _any_from_text(text)
    return from_cell(type_, text)


def prefix_from_text(type_: Type, text: str) -> Any:
    """Parses a prefix of keys: a text, bytes, or leading elements of a tuple."""
    if type_.name != "tuple":
        return key_from_text(type_, text)
    leading = load(text)
    if type(leading) is not list or len(leading) > len(type_.elements):
        raise InvalidArgumentError(f"{text!r} is not a list of leading elements of {type_}")
    return tuple(map(typed_from_json, type_.elements, leading))


def only_ascii() -> bool:
    """Whether standard output cannot encode all characters of JSON."""
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
