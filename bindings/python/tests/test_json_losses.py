"""JSON and CSV that Python would read as a different value is refused, with its line.

Nanoseconds of a time were cut off, also in exports of other languages; a time with an offset of
less than a second came back without it; an integer for a float was rounded, a number too small
for a float became 0, `true` became the integer 1, and spare bits of base64 were dropped: all
without an error.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import Environment, PersistentDict
from persistent_collections.command import main
from persistent_collections.command.texts import from_cell, load
from persistent_collections.json_form import from_json, to_json, typed_from_json
from persistent_collections.types import parse

LOSSES: list[tuple[str, Any, str]] = [
    ("datetime", "2024-01-01T00:00:00.123456789", "finer than a microsecond"),
    ("datetime", "2024-01-01 00:00:00.0000001", "finer than a microsecond"),
    ("(datetime,str)", ["2024-01-01T00:00:00.0000001Z", "a"], "finer than a microsecond"),
    ("any", {"$datetime": "2024-01-01T00:00:00.1234567+01:00"}, "finer than a microsecond"),
    ("any", {"$datetime": "2024-01-01T00:00:00+00:00:00.0000001"}, "finer than a microsecond"),
    ("any", {"$time": "01:02:03.123456789"}, "finer than a microsecond"),
    ("any", [{"$tuple": [{"$time": "01:02:03.0000009"}]}], "finer than a microsecond"),
    ("f64", 2**53 + 1, "9007199254740993 is not a float"),
    ("f32", 2**53 + 1, "is not a float"),
    ("f64[]", [0.5, 2**53 + 1], "is not a float"),
    ("f64", 10**400, "is not a float"),
    ("f64", -(10**5000), "is not a float"),
    ("any", {"$complex": [0, 2**53 + 1]}, "is not a float"),
    ("any", {"$array": {"type": "f64", "shape": [1], "data": [2**53 + 1]}}, "is not a float"),
    ("i64", True, "True is not an integer"),
    ("u8", False, "False is not an integer"),
    ("(i64,str)", [True, "a"], "True is not an integer"),
    ("bytes", "eB==", "is not base64"),
    ("opaque[1]", "eB==", "is not base64"),
    ("any", {"$bytes": "eHl="}, "is not base64"),
]


# Numbered, since Python does not print ints of over 4300 digits.
@pytest.mark.parametrize(("type_", "form", "message"), LOSSES, ids=range(len(LOSSES)))
def test_json_that_would_lose_information_is_refused(type_: str, form: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed_from_json(parse(type_), form)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e-400", "1e-400 is too small for a float"),
        ("-0.000001e-400", "too small for a float"),
        ('{"a": [1e-400]}', "too small for a float"),
        ("1" * 5000, "more digits than Python reads"),
        ('[{"a": -' + "1" * 5000 + "}]", "more digits than Python reads"),
    ],
)
def test_numbers_that_json_readers_round(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("type_", "form", "value"),
    [
        ("f64", 2**53, 2.0**53),
        # The form of JavaScript and others: the fewest digits that identify the float.
        ("f64", 1180591620717411300000, 2.0**70),
        ("f64", 10**23, 1e23),
        ("f64", -(10**22), -1e22),
        ("f64", 0.1, 0.1),
        ("datetime", "2024-01-01T00:00:00.120000", datetime.datetime(2024, 1, 1, 0, 0, 0, 120000)),
        ("bytes", "eA==", b"x"),
        ("i64", 1, 1),
        ("bool", True, True),
    ],
)
def test_json_that_loses_nothing_is_read(type_: str, form: Any, value: Any) -> None:
    found = typed_from_json(parse(type_), form)
    assert found == value and type(found) is type(value)
    if type_ not in ("datetime", "bytes"):
        assert from_cell(parse(type_), json.dumps(form)) == value


def test_small_numbers_that_are_floats() -> None:
    for text in ("5e-324", "1e-320", "0e-400", "-0.0", "0.000"):
        assert load(text) == float(text)


@pytest.mark.parametrize("seconds", [90, -90, 0.5, 1e-6, -1e-6])
def test_an_offset_with_seconds_comes_back(seconds: float) -> None:
    zone = datetime.timezone(datetime.timedelta(seconds=seconds))
    for value in (datetime.time(1, 2, 3, tzinfo=zone), datetime.datetime(2024, 1, 1, tzinfo=zone)):
        back = from_json(json.loads(json.dumps(to_json(value))))
        assert back == value and back.utcoffset() == value.utcoffset()


@pytest.mark.parametrize(("extension", "at"), [("jsonl", 2), ("csv", 3)])
def test_a_line_with_nanoseconds(
    extension: str, at: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = "2024-01-01T00:00:00.000001", "2024-01-01T00:00:00.000000999"
    file = tmp_path / f"in.{extension}"
    if extension == "csv":
        file.write_text(f"key,value\na,{good}\nb,{bad}\n", encoding="utf-8")
    else:
        lines = [
            json.dumps({"key": key, "value": value}) for key, value in (("a", good), ("b", bad))
        ]
        file.write_text("\n".join(lines), encoding="utf-8")
    arguments = ["import", str(tmp_path / "env"), str(file), "--into", "d"]
    assert main([*arguments, "--key", "str", "--value", "datetime", "--quiet"]) == 2
    assert f"line {at}: '{bad}' is finer than a microsecond" in capsys.readouterr().err
    with Environment(tmp_path / "env") as env:
        assert not PersistentDict(env, "d", key=str)


def test_keys_that_python_takes_for_one_are_all_imported(tmp_path: Path) -> None:
    # 1, 1.0 and true are three keys of any, also in a file.
    with Environment(tmp_path / "one") as env:
        d: PersistentDict[Any, Any] = PersistentDict(env, "d")
        d.update([(1, {"set": 1}), (1.0, "float"), (True, "bool"), ((1, True), 5)])
    for name in ("all.jsonl", "all.csv"):
        out = tmp_path / name
        assert main(["export", str(tmp_path / "one"), "d", "-o", str(out), "--quiet"]) == 0
        target = str(tmp_path / f"into {name}")
        types = ["--key", "any", "--value", "any"]
        assert main(["import", target, str(out), "--into", "d", *types, "--quiet"]) == 0
        with Environment(target) as there, Environment(tmp_path / "one") as here:
            assert PersistentDict(there, "d") == PersistentDict(here, "d")
