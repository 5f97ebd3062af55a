"""Checks the vectors, which every language reads and writes byte for byte."""

from __future__ import annotations

import datetime
import json
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from persistent_collections import Char, Pairs, SimpleValue, Symbol, Tagged, missing
from persistent_collections.keys import key_codec
from persistent_collections.types import parse
from persistent_collections.values import value_codec

VECTORS = json.loads(
    (Path(__file__).parents[3] / "tests" / "vectors" / "vectors.json").read_text(encoding="utf-8")
)
EPOCH = datetime.datetime(1970, 1, 1)


class Beyond(Exception):
    """The value is outside the range of Python's type."""


def real(bits: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(bits))[0])


def a_date(days: int) -> Any:
    try:
        return EPOCH.date() + datetime.timedelta(days)
    except OverflowError:
        raise Beyond from None


def a_datetime(text: str) -> Any:
    try:
        return EPOCH + datetime.timedelta(microseconds=int(text))
    except OverflowError:
        raise Beyond from None


def an_array(content: dict[str, Any]) -> Any:
    element = content["element"]
    number = real if element.startswith("f") else int
    dtype = f"{element[0]}{int(element[1:]) // 8}"
    return np.array([number(it) for it in content["numbers"]], dtype).reshape(content["shape"])


def a_map(pairs: list[Any]) -> Any:
    read = [(value(key), value(item)) for key, item in pairs]
    try:
        mapping = dict(read)
    except TypeError:
        return Pairs(read)
    return mapping if len(mapping) == len(read) else Pairs(read)


def a_set(items: list[Any]) -> Any:
    read = [frozen(value(item)) for item in items]
    try:
        elements = set(read)
    except TypeError:
        return Tagged(258, read)
    return elements if len(elements) == len(read) else Tagged(258, read)


def frozen(item: Any) -> Any:
    return frozenset(item) if isinstance(item, set) else item


def an_instant(text: str) -> Any:
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return Tagged(0, text)


def a_time(text: str) -> Any:
    return datetime.time.fromisoformat(text)


def a_decimal(content: dict[str, str]) -> Any:
    return Decimal(content["mantissa"] + "E" + content["exponent"])


READERS: dict[str, Callable[[Any], Any]] = {
    "null": lambda _: None,
    "undefined": lambda _: missing,
    "bool": bool,
    "int": int,
    "float": real,
    "str": str,
    "bytes": bytes.fromhex,
    "uuid": uuid.UUID,
    "date": a_date,
    "datetime": a_datetime,
    "array": an_array,
    "tuple": lambda items: tuple(map(value, items)),
    "list": lambda items: list(map(value, items)),
    "set": a_set,
    "map": a_map,
    "instant": an_instant,
    "time": a_time,
    "symbol": Symbol,
    "char": Char,
    "decimal": a_decimal,
    "rational": lambda parts: Fraction(*map(int, parts)),
    "complex": lambda parts: complex(*map(real, parts)),
    "struct": lambda content: Tagged(
        27, [content["name"], {name: value(item) for name, item in content["fields"]}]
    ),
    "tag": lambda content: Tagged(content["number"], value(content["content"])),
    "simple": SimpleValue,
}


def value(description: dict[str, Any]) -> Any:
    ((kind, content),) = description.items()
    return READERS[kind](content)


def same(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
    if isinstance(one, float):
        return one == two or (one != one and two != two)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict):
        return same(list(one.items()), list(two.items()))
    if isinstance(one, Tagged):
        return one.tag == two.tag and same(one.content, two.content)
    return bool(one == two)


@pytest.mark.parametrize(
    "vector", VECTORS, ids=[f"{it['type']}-{it['role']}-{it['name']}" for it in VECTORS]
)
def test_vector(vector: dict[str, Any]) -> None:
    make = key_codec if vector["role"] == "key" else value_codec
    codec = make(parse(vector["type"]))
    data = bytes.fromhex(vector["hex"])
    try:
        expected = value(vector["value"])
    except Beyond:
        with pytest.raises(OverflowError):
            codec.decode(data)
        return
    found = codec.decode(data)
    assert same(found, expected)
    for written in (found, expected):
        assert (codec.encode(written) == data) != vector.get("read_only", False)


def test_there_are_many() -> None:
    kinds = {kind for vector in VECTORS for kind in vector["value"]}
    assert kinds == set(READERS)
