from __future__ import annotations

import datetime
import sys
import types
import typing
import uuid
from typing import Any, Optional, Union

import numpy as np
import pytest

from persistent_collections import BadTypeError
from persistent_collections.types import Request, parse, request


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("str", "str"),
        (" i64 ", "i64"),
        ("( str , i64 )", "(str,i64)"),
        ("(str,)", "(str)"),
        ("(opaque[3],u8)", None),
        ("f32[768]", "f32[768]"),
        ("f64[3, 4]", "f64[3,4]"),
        ("u8[]", "u8[]"),
        ("opaque[16]", "opaque[16]"),
        ("any", "any"),
        ("unit", "unit"),
        ("int", None),
        ("", None),
        ("()", None),
        ("(any)", None),
        ("((str))", None),
        ("str[]", None),
        ("f32[0]", None),
        ("f32[-1]", None),
        ("f32[1,]", None),
        ("opaque", None),
        ("opaque[]", None),
        ("opaque[0]", None),
        ("opaque[2,2]", None),
        ("f32[3", None),
        ("i٣[2]", None),
    ],
)
def test_parse(text: str, normal: str | None) -> None:
    if normal is None:
        with pytest.raises(BadTypeError) as caught:
            parse(text)
        assert isinstance(caught.value, (TypeError, ValueError))
    else:
        assert str(parse(text)) == normal
        assert parse(normal) == parse(text)


@pytest.mark.parametrize(
    ("text", "width"),
    [("i8", 1), ("f64", 8), ("bool", 1), ("uuid", 16), ("date", 4), ("datetime", 8)]
    + [("f32[2,3]", 24), ("opaque[5]", 5), ("unit", 0)]
    + [("str", None), ("bytes", None), ("any", None), ("f32[]", None), ("(i64,i64)", None)],
)
def test_width(text: str, width: int | None) -> None:
    assert parse(text).width == width


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (str, "str"),
        (bytes, "bytes"),
        (bool, "bool"),
        (uuid.UUID, "uuid"),
        (datetime.date, "date"),
        (datetime.datetime, "datetime"),
        (object, "any"),
        (Any, "any"),
        (None, None),
        (typing.TypeVar("T"), None),
        (Optional[int], "any"),
        (Union[int, str], "any"),
        (typing.Tuple[str, int], "(str,i64)"),  # noqa: UP006
        (tuple[str, float], "(str,f64)"),
        (tuple[int, ...], "any"),
        (list[int], "any"),
        (np.float32, "f32"),
        (np.dtype("u2"), "u16"),
        (np.dtype(">i8"), "i64"),
        (np.dtype(("f4", (2, 3))), "f32[2,3]"),
        (np.bool_, "bool"),
        ("u32", "u32"),
    ]
    # X | Y is an object from Python 3.10 on.
    + ([(int | None, "any")] if sys.version_info >= (3, 10) else []),
)
def test_request(spec: Any, text: str | None) -> None:
    assert request(spec) == Request(text)


def test_host_numbers_take_any_width() -> None:
    assert request(int) == Request("i64", host_number=True)
    assert request(float) == Request("f64", host_number=True)
    assert not request("i64").host_number


@pytest.mark.parametrize("spec", [complex, np.dtype("f2"), np.complex64, 3, 0])
def test_refused_by_name(spec: Any) -> None:
    with pytest.raises(BadTypeError, match="not a type of a collection"):
        request(spec)


@pytest.mark.parametrize("spec", [(str, int), ("str", "i64"), tuple[str, int]])
def test_a_tuple_of_types(spec: Any) -> None:
    assert request(spec) == Request("(str,i64)")


@pytest.mark.parametrize(
    "spec", [(str, (int, int)), (str, tuple[int, int]), tuple[str, tuple[int, int]], "((str))"]
)
def test_tuples_do_not_nest(spec: Any) -> None:
    with pytest.raises(BadTypeError, match="tuples do not nest"):
        request(spec)


def test_the_hint_lists_tuples() -> None:
    with pytest.raises(BadTypeError, match=r"\(str, int\) or tuple\[str, int\]"):
        request(complex)
    for spec in ((), (object, str), (None, str)):
        with pytest.raises(BadTypeError):
            request(spec)


def test_where_python_has_no_union_type(monkeypatch: pytest.MonkeyPatch) -> None:
    # In Python 3.9, a tuple of types and a dtype were taken for a Union, and so for `any`.
    monkeypatch.setattr("persistent_collections.types._types", types.SimpleNamespace())
    assert request((str, int)) == Request("(str,i64)")
    assert request(np.float32) == Request("f32")
    with pytest.raises(BadTypeError):
        request(complex)
