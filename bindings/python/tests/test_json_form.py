"""Converts every value of every type to JSON and back, as docs/json.md specifies."""

from __future__ import annotations

import builtins
import datetime
import decimal
import fractions
import json
import math
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_cbor import same, values

import persistent_collections
from persistent_collections import cbor
from persistent_collections.json_form import (
    from_json,
    to_json,
    typed_from_json,
    typed_to_json,
)
from persistent_collections.keys import key_codec
from persistent_collections.types import parse
from persistent_collections.values import value_codec

ROOT = Path(__file__).parents[3]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "vectors.json").read_text(encoding="utf-8"))

numbers = st.sampled_from(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"])
arrays = numbers.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)


def through_text(form: Any) -> Any:
    """Returns the JSON of a file, without NaN and infinities."""
    return json.loads(json.dumps(form, allow_nan=False))


@given(st.one_of(values, arrays, st.lists(arrays, max_size=2)))
def test_any_value_comes_back(value: Any) -> None:
    stored = cbor.encode(value)
    back = from_json(through_text(to_json(cbor.decode(stored))))
    assert cbor.encode(back) == stored or has_nan(value)
    assert same(back, cbor.decode(stored))


def has_nan(value: Any) -> bool:
    """Whether an array has a NaN, whose bits may change."""
    if isinstance(value, list):
        return any(map(has_nan, value))
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and np.isnan(value).any()


@pytest.mark.parametrize(
    "vector", VECTORS, ids=[f"{v['type']} {v['role']} {v['name']}" for v in VECTORS]
)
def test_every_type_comes_back_byte_for_byte(vector: dict[str, Any]) -> None:
    type_, data = parse(vector["type"]), bytes.fromhex(vector["hex"])
    codec: Any = key_codec(type_) if vector["role"] == "key" else value_codec(type_)
    try:
        value = codec.decode(data)
    except OverflowError:
        assert vector["name"] in ("least", "greatest") and type_.name in ("date", "datetime")
        return
    back = typed_from_json(type_, through_text(typed_to_json(type_, value)))
    assert codec.encode(back) == codec.encode(value)
    # The form that names its type is accepted for every type.
    if type_.name not in ("array", "unit"):
        assert codec.encode(typed_from_json(type_, through_text(to_json(value)))) == codec.encode(
            value
        )


NAMES = {
    **{name: getattr(persistent_collections, name) for name in persistent_collections.__all__},
    **vars(builtins),
    "datetime": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "timezone": datetime.timezone,
    "UUID": uuid.UUID,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "array": np.array,
}
DOCUMENT = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.*)` \| `(.*)` \|$", DOCUMENT.split("## Values of `any`")[1], re.M)


@pytest.mark.parametrize(("expression", "text"), ROWS)
def test_the_table_of_the_document(expression: str, text: str) -> None:
    value = eval(expression, NAMES)
    assert json.dumps(to_json(value), ensure_ascii=False) == text
    assert same(from_json(json.loads(text)), value)


def test_the_table_has_every_form() -> None:
    from persistent_collections import json_form

    shown = {next(iter(form)) for _, text in ROWS if isinstance(form := json.loads(text), dict)}
    assert set(json_form._FROM_JSON) <= shown


MOMENT = datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ({"$map": [[[1], 2]]}, [([1], 2)]),
        ({"$map": [[1, "a"], [True, "b"]]}, [(1, "a"), (True, "b")]),
        ({"$set": [{"$set": [1]}, {"$tuple": [2]}]}, {frozenset({1}), (2,)}),
        ({"$datetime": "2024-02-29T00:00:00Z"}, MOMENT),
        ({"$a": 1, "b": 2}, {"$a": 1, "b": 2}),
        ({}, {}),
    ],
)
def test_is_read_as(form: Any, value: Any) -> None:
    assert from_json(form) == value


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"$nothing": 1}, r"\$nothing is not known; a map with such a key is written as \$map"),
        ({"$bytes": "?"}, "not base64"),
        ({"$bytes": 3}, "3 is not text"),
        ({"$set": [1, 1]}, "twice"),
        ({"$set": [[1]]}, "is a list or an object"),
        ({"$map": [[1]]}, "a list of 2"),
        ({"$map": {}}, "not a list"),
        ({"$float": "x"}, "'nan', 'inf' or '-inf'"),
        ({"$int": "x"}, "invalid literal"),
        ({"$char": "ab"}, "one character"),
        ({"$date": "2024-02-30"}, "day"),
        ({"$rational": [1, 0]}, "positive"),
        ({"$rational": [1, 2.0]}, "not an integer"),
        ({"$decimal": "x"}, "not a decimal"),
        ({"$complex": [1]}, "a list of 2"),
        ({"$complex": [1, None]}, "neither a number"),
        ({"$missing": 0}, "null, not 0"),
        ({"$array": []}, "type, shape and data"),
        ({"$array": {"type": "str", "shape": [0], "data": []}}, "not 'str'"),
        ({"$array": {"type": "i8", "shape": [2], "data": [1]}}, "cannot have 1 elements"),
        ({"$array": {"type": "i8", "shape": [-1], "data": [1]}}, "cannot have 1 elements"),
        ({"$array": {"type": "i8", "shape": [1], "data": [128]}}, "does not fit i8"),
        ({"$array": {"type": "i8", "shape": [1], "data": [1.0]}}, "not an integer"),
        ({"$array": {"type": "f32", "shape": [1], "data": [1e300]}}, "does not fit f32"),
    ],
)
def test_is_refused(form: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(form)


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("f64", "x", "neither a number"),
        ("f64", True, "neither a number"),
        ("bytes", "?", "not base64"),
        ("uuid", 5, "not text"),
        ("(str,i64)", ["a"], "a list of 2"),
        ("f32[2,2]", [[1, 2], [3]], "a list of 2"),
        ("f32[2]", 3, "a list of 2"),
        ("u8[]", [256], "does not fit u8"),
    ],
)
def test_of_a_type_is_refused(text: str, form: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed_from_json(parse(text), form)


def test_a_value_without_a_json_form_raises_a_type_error() -> None:
    for value in (object(), np.array(["a"]), np.array([1j])):
        with pytest.raises(TypeError, match="has no JSON form"):
            to_json(value)


def test_without_numpy_arrays_come_back_too(tmp_path: Path) -> None:
    program = """
import json, sys
sys.modules["numpy"] = None
from persistent_collections import cbor
from persistent_collections.json_form import from_json, to_json, typed_from_json, typed_to_json
from persistent_collections.types import parse
from persistent_collections.values import value_codec
for data in json.loads(sys.argv[1]):
    stored = bytes.fromhex(data)
    assert cbor.encode(from_json(to_json(cbor.decode(stored)))) == stored, data
type_ = parse("f32[2,2]")
codec = value_codec(type_)
form = typed_to_json(type_, codec.decode(codec.encode([[1, 2], [3, 4]])))
assert form == [[1.0, 2.0], [3.0, 4.0]], form
assert codec.encode(typed_from_json(type_, form)) == codec.encode(form)
"""
    samples = [np.arange(6, dtype="f4").reshape(2, 3), np.array([1, -2], "i2"), np.zeros((2, 0))]
    samples += [np.array(5, "u8"), np.array([math.inf])]
    data = json.dumps([cbor.encode(sample).hex() for sample in samples])
    subprocess.run([sys.executable, "-c", program, data], check=True)
