"""Converts values to JSON and back without loss, for `export`, `import` and `--json`.

The form of `any` names the type of each value that JSON lacks: it is an object with one name, which
begins with `$`. The form for a known type does not repeat it. docs/json.md is the specification.

>>> to_json([1, 2.0, b"x", (1, "a"), {1: "int key"}])
[1, 2.0, {'$bytes': 'eA=='}, {'$tuple': [1, 'a']}, {'$map': [[1, 'int key']]}]
>>> from_json({"$tuple": [1, {"$date": "2024-02-29"}]})
(1, datetime.date(2024, 2, 29))
>>> typed_to_json(parse("(date,i64)"), (datetime.date(2024, 2, 29), 7))
['2024-02-29', 7]
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import fractions
import math
import re
import struct
import uuid

from . import _scalars as scalars
from . import arrays, cbor
from ._abstract import Callable
from ._typing import Any
from .errors import ArgumentTypeError, InvalidArgumentError
from .tagged import Char, MissingType, Pairs, SimpleValue, Symbol, Tagged, missing
from .types import INTEGERS, NUMBERS, Type, parse

__all__ = ["from_json", "parse", "to_json", "typed_from_json", "typed_to_json"]

_LARGEST, _LEAST = 2**64 - 1, -(2**63)
_NOT_FINITE = ("nan", "inf", "-inf")
_TEXTS = frozenset({"bytes", "opaque", "uuid", "date", "datetime"})


# Parts that both forms share.


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: Any) -> bytes:
    try:
        data = base64.b64decode(_text(text), validate=True)
    except binascii.Error as error:
        raise InvalidArgumentError(f"{text!r} is not base64: {error}") from None
    if _base64(data) != text:
        raise InvalidArgumentError(f"{text!r} is not base64: it has surplus bits")
    return data


def _number(value: float) -> Any:
    """Returns a float, or a text for a float that JSON lacks."""
    return value if math.isfinite(value) else str(value)


def _real(json: Any) -> float:
    if type(json) is str and json in _NOT_FINITE:
        return float(json)
    if type(json) is float:
        return json
    if type(json) is int:
        return _float_of(json)
    raise InvalidArgumentError(f"{json!r} is neither a number nor 'nan', 'inf' or '-inf'")


def _float_of(whole: int) -> float:
    """Returns the float that equals an integer, or that some programs write as this integer."""
    try:
        number = float(whole)
    except OverflowError:
        number = math.inf
    if number == whole or (math.isfinite(number) and decimal.Decimal(repr(number)) == whole):
        return number
    raise InvalidArgumentError(f"{scalars.shown(whole)} is not a float")


def _whole(json: Any) -> int:
    if type(json) is not int:
        raise InvalidArgumentError(f"{json!r} is not an integer")
    return json


def _text(json: Any) -> str:
    if type(json) is not str:
        raise InvalidArgumentError(f"{json!r} is not text")
    return json


def _list(json: Any, length: int | None = None) -> list[Any]:
    if type(json) is not list or length not in (None, len(json)):
        what = "a list" if length is None else f"a list of {length}"
        raise InvalidArgumentError(f"{json!r} is not {what}")
    return json


# Python would drop the digits of a fraction after the sixth, unless they are 0.
_finer = re.compile(r"[.,]\d{6}\d*[1-9]", re.ASCII).search
_offset_with_seconds = re.compile(r"([+-])(\d\d):(\d\d):(\d\d)(?:\.(\d{6}))?$", re.ASCII).search


def _timed(json: Any, read: Callable[[str], Any]) -> Any:
    """Reads a text by `fromisoformat` of a class; refuses it if a part of it would be lost."""
    text = _text(json)
    if _finer(text):
        raise InvalidArgumentError(f"{text!r} is finer than a microsecond")
    offset = _offset_with_seconds(text)
    if offset is not None:
        # Python ignores an offset of less than a second.
        sign, hours, minutes, seconds, finer = offset.groups(default="0")
        size = datetime.timedelta(0, int(seconds), int(finer), 0, int(minutes), int(hours))
        zone = datetime.timezone(-size if sign == "-" else size)
        return read(text[: offset.start()]).replace(tzinfo=zone)
    # Python before 3.11 does not accept the Z.
    return read(text[:-1] + "+00:00" if text.endswith("Z") else text)


def _moment(json: Any) -> datetime.datetime:
    found: datetime.datetime = _timed(json, datetime.datetime.fromisoformat)
    return found


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    for length in reversed(shape[1:]):
        flat = [flat[at : at + length] for at in range(0, len(flat), length)]
    return flat


def _flattened(json: Any, shape: tuple[int, ...]) -> list[Any]:
    rows = _list(json, shape[0])
    if len(shape) == 1:
        return rows
    return [item for row in rows for item in _flattened(row, shape[1:])]


def _elements(value: Any) -> tuple[str, tuple[int, ...], list[Any]]:
    """Returns element type, shape and elements of an array, NumPy's or a memoryview."""
    if isinstance(value, memoryview):
        sizes = {"f": "f32", "d": "f64"}
        letter = value.format
        sign = "i" if letter.islower() else "u"
        name = sizes.get(letter) or f"{sign}{8 * value.itemsize}"
        octets: Any = value.cast("B")
        flat = octets.cast(letter).tolist()
        return name, value.shape or (), flat
    element = arrays.element_type(value)
    if element is None:
        raise ArgumentTypeError(f"an array of {value.dtype} has no JSON form")
    return element, value.shape, value.ravel().tolist()


def _array_bytes(element: str, flat: list[Any]) -> bytes:
    if element in INTEGERS:
        width, signed = INTEGERS[element]
        try:
            return b"".join(_whole(n).to_bytes(width, "little", signed=signed) for n in flat)
        except OverflowError:
            raise InvalidArgumentError(f"a number does not fit {element}") from None
    letter = "f" if element == "f32" else "d"
    try:
        return struct.pack(f"<{len(flat)}{letter}", *map(_real, flat))
    except OverflowError:
        raise InvalidArgumentError(f"a number does not fit {element}") from None


# Values whose form names their type.


def _map_to_json(value: Any) -> Any:
    pairs = value if isinstance(value, Pairs) else value.items()
    if type(value) is dict and all(type(key) is str and key[:1] != "$" for key in value):
        return {key: to_json(item) for key, item in pairs}
    return {"$map": [[to_json(key), to_json(item)] for key, item in pairs]}


def _set_to_json(value: Any) -> Any:
    # In stored order, since the order of hashes differs between runs.
    return {"$set": [to_json(item) for item in sorted(value, key=cbor.encode)]}


def _array_to_json(value: Any) -> Any:
    element, shape, flat = _elements(value)
    data = list(map(_number, flat)) if element in ("f32", "f64") else flat
    return {"$array": {"type": element, "shape": list(shape), "data": data}}


_TO_JSON: dict[type, Callable[[Any], Any]] = {
    type(None): lambda value: None,
    bool: lambda value: value,
    int: lambda value: value if _LEAST <= value <= _LARGEST else {"$int": hex(value)},
    float: lambda value: value if math.isfinite(value) else {"$float": str(value)},
    str: lambda value: value,
    bytes: lambda value: {"$bytes": _base64(value)},
    list: lambda value: [to_json(item) for item in value],
    tuple: lambda value: {"$tuple": [to_json(item) for item in value]},
    dict: _map_to_json,
    Pairs: _map_to_json,
    set: _set_to_json,
    frozenset: _set_to_json,
    datetime.datetime: lambda value: {"$datetime": value.isoformat()},
    datetime.date: lambda value: {"$date": value.isoformat()},
    datetime.time: lambda value: {"$time": value.isoformat()},
    uuid.UUID: lambda value: {"$uuid": str(value)},
    decimal.Decimal: lambda value: {"$decimal": str(value)},
    fractions.Fraction: lambda value: {
        "$rational": [to_json(value.numerator), to_json(value.denominator)]
    },
    complex: lambda value: {"$complex": [_number(value.real), _number(value.imag)]},
    Symbol: lambda value: {"$symbol": str(value)},
    Char: lambda value: {"$char": str(value)},
    MissingType: lambda value: {"$missing": None},
    Tagged: lambda value: {"$tag": [to_json(value.tag), to_json(value.content)]},
    SimpleValue: lambda value: {"$simple": value.value},
    memoryview: _array_to_json,
}


def to_json(value: Any) -> Any:
    """Converts a value from a collection of `any` to an object that `json.dumps` can write."""
    write = _TO_JSON.get(type(value))
    if write is not None:
        return write(value)
    if arrays.is_array(value):
        return _array_to_json(value)
    raise ArgumentTypeError(f"{type(value).__qualname__} has no JSON form")


def _from_map(json: Any, hashable: bool) -> Any:
    pairs = []
    for pair in _list(json):
        key, item = _list(pair, 2)
        pairs.append((_from(key, True), _from(item, hashable)))
    try:
        mapping = dict(pairs)
    except TypeError:
        return Pairs(pairs)
    return mapping if len(mapping) == len(pairs) else Pairs(pairs)


def _from_set(json: Any, hashable: bool) -> Any:
    items = [_from(item, True) for item in _list(json)]
    try:
        elements = frozenset(items) if hashable else set(items)
    except TypeError:
        raise InvalidArgumentError("an element of a $set is a list or an object") from None
    if len(elements) != len(items):
        raise InvalidArgumentError("a $set contains an element twice")
    return elements


#: Tag of the typed array of each element type, little-endian (RFC 8746).
_ARRAY_TAGS = {
    **dict(zip(("u8", "u16", "u32", "u64"), (64, 69, 70, 71))),
    **dict(zip(("i8", "i16", "i32", "i64"), (72, 77, 78, 79))),
    "f32": 85,
    "f64": 86,
}


def _from_array(json: Any, hashable: bool) -> Any:
    if type(json) is not dict or json.keys() != {"type", "shape", "data"}:
        raise InvalidArgumentError("an $array has type, shape and data")
    element, flat = _text(json["type"]), _list(json["data"])
    if element not in NUMBERS:
        raise InvalidArgumentError(f"an $array has numbers, not {element!r}")
    shape = tuple(map(_whole, _list(json["shape"])))
    if min(shape, default=0) < 0 or math.prod(shape) != len(flat):
        what = f"an $array of shape {list(shape)}"
        raise InvalidArgumentError(f"{what} cannot have {len(flat)} elements")
    data = _array_bytes(element, flat)
    if arrays.numpy() is not None:
        return arrays.from_bytes(data, element, shape)
    # The stored tags can represent arrays that a memoryview cannot.
    tagged = Tagged(_ARRAY_TAGS[element], data)
    return tagged if len(shape) == 1 else Tagged(40, [list(shape), tagged])


def _from_tag(json: Any, hashable: bool) -> Tagged:
    tag, content = _list(json, 2)
    return Tagged(_whole(_from(tag, False)), _from(content, hashable))


def _from_rational(json: Any, hashable: bool) -> fractions.Fraction:
    numerator, denominator = (_whole(_from(item, False)) for item in _list(json, 2))
    if denominator < 1:
        raise InvalidArgumentError("the denominator of a $rational is positive")
    return fractions.Fraction(numerator, denominator)


def _from_decimal(json: Any, hashable: bool) -> decimal.Decimal:
    try:
        return decimal.Decimal(_text(json))
    except decimal.InvalidOperation:
        raise InvalidArgumentError(f"{json!r} is not a decimal number") from None


def _from_float(json: Any, hashable: bool) -> float:
    if json not in _NOT_FINITE:
        raise InvalidArgumentError(f"{json!r} is not 'nan', 'inf' or '-inf'")
    return float(json)


def _from_missing(json: Any, hashable: bool) -> MissingType:
    if json is not None:
        raise InvalidArgumentError(f"a $missing holds null, not {json!r}")
    return missing


_FROM_JSON: dict[str, Callable[[Any, bool], Any]] = {
    "$int": lambda json, hashable: int(_text(json), 16),
    "$float": _from_float,
    "$bytes": lambda json, hashable: _from_base64(json),
    "$tuple": lambda json, hashable: tuple(_from(item, hashable) for item in _list(json)),
    "$map": _from_map,
    "$set": _from_set,
    "$datetime": lambda json, hashable: _moment(json),
    "$date": lambda json, hashable: datetime.date.fromisoformat(_text(json)),
    "$time": lambda json, hashable: _timed(json, datetime.time.fromisoformat),
    "$uuid": lambda json, hashable: uuid.UUID(_text(json)),
    "$decimal": _from_decimal,
    "$rational": _from_rational,
    "$complex": lambda json, hashable: complex(*map(_real, _list(json, 2))),
    "$symbol": lambda json, hashable: Symbol(_text(json)),
    "$char": lambda json, hashable: Char(_text(json)),
    "$missing": _from_missing,
    "$tag": _from_tag,
    "$simple": lambda json, hashable: SimpleValue(_whole(json)),
    "$array": _from_array,
}


def from_json(json: Any) -> Any:
    """Converts what `json.loads` returned to a value; `ValueError` if it is not the form of one."""
    return _from(json, False)


def _from(json: Any, hashable: bool) -> Any:
    if type(json) is list:
        return [_from(item, hashable) for item in json]
    if type(json) is not dict:
        return json
    if len(json) == 1:
        ((name, content),) = json.items()
        read = _FROM_JSON.get(name)
        if read is not None:
            return read(content, hashable)
        if name.startswith("$"):
            raise InvalidArgumentError(
                f"{name} is not known; a map with such a key is written as $map"
            )
    return {key: _from(item, hashable) for key, item in json.items()}


# Values of a known type.


def typed_to_json(type_: Type, value: Any) -> Any:
    """Converts a key or value of this type to an object that `json.dumps` can write."""
    name = type_.name
    if name == "any":
        return to_json(value)
    if name in ("f32", "f64"):
        return _number(value)
    if name in ("bytes", "opaque"):
        return _base64(value)
    if name == "uuid":
        return str(value)
    if name in ("date", "datetime"):
        return value.isoformat()
    if name == "tuple":
        return [typed_to_json(element, item) for element, item in zip(type_.elements, value)]
    if name == "array":
        element, shape, flat = _elements(value)
        return _nested(list(map(_number, flat)) if element in ("f32", "f64") else flat, shape)
    return value


def typed_from_json(type_: Type, json: Any) -> Any:
    """Converts what `json.loads` returned to a value of this type; `ValueError` if it is not one.

    It also accepts the form of `any`. The collection checks whether a number fits.
    """
    name = type_.name
    if name == "any" or type(json) is dict:
        return from_json(json)
    if name in ("f32", "f64"):
        return _real(json)
    if name in INTEGERS and type(json) is bool:
        return _whole(json)
    if name in _TEXTS:
        return _TYPED_TEXTS[name](json)
    if name == "tuple":
        items = _list(json, len(type_.elements))
        return tuple(map(typed_from_json, type_.elements, items))
    if name == "array":
        shape = type_.shape or (len(_list(json)),)
        element = type_.elements[0].name
        return arrays.from_bytes(_array_bytes(element, _flattened(json, shape)), element, shape)
    return json


_TYPED_TEXTS: dict[str, Callable[[Any], Any]] = {
    "bytes": _from_base64,
    "opaque": _from_base64,
    "uuid": lambda json: uuid.UUID(_text(json)),
    "date": lambda json: datetime.date.fromisoformat(_text(json)),
    "datetime": _moment,
}
