"""`export` and `import`: all values come back, and an error names its line."""

from __future__ import annotations

import datetime
import json
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_cbor import values

from persistent_collections import (
    Environment,
    PersistentDict,
    PersistentSet,
    SimpleValue,
    Tagged,
    cbor,
)
from persistent_collections.command import importing, main

Capture = pytest.CaptureFixture[str]
GOLDEN = Path(__file__).parents[3] / "tests" / "vectors" / "golden"

# The csv module of older Pythons cannot read these.
NUL = "\0" if sys.version_info >= (3, 11) else ""

# For every type: a key, and a value.
TYPED: list[tuple[str, Any]] = [
    ("str", "a,\"b'\r\n\t é" + NUL),
    ("str", "\r"),
    ("bytes", b"\x00\xff,\n"),
    *((f"{sign}{bits}", 100) for sign in "iu" for bits in (8, 16, 32, 64)),
    ("u64", 2**64 - 1),
    ("f32", 0.5),
    ("f64", 0.1),
    ("f64", -0.0),
    ("f64", float("inf")),
    ("bool", True),
    ("uuid", uuid.UUID(int=5)),
    ("date", datetime.date(2024, 2, 29)),
    ("datetime", datetime.datetime(2024, 2, 29, 1, 2, 3, 4)),
    ("opaque[3]", b"\x00\x01\xff"),
    ("any", ("t", 1, 2.5, None, b"x")),
]
KEYS = [*TYPED, ("(str,i64,date)", ("a", -1, datetime.date(2024, 2, 29)))]
VALUES = [
    *TYPED,
    ("f64", float("nan")),
    ("f32[]", np.array([], "f4")),
    ("i64[]", np.array([-(2**63), 2**63 - 1])),
    ("f32[2,3]", np.array([[0.1, 1, 2], [3, np.inf, 5]], "f4")),
]


def stored(directory: Path) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Returns the bytes of every collection, as another program sees them."""
    with lmdb.open(str(directory), max_dbs=200, readonly=True) as env, env.begin() as txn:
        names = [bytes(name) for name, _ in txn.cursor()]
        return {
            name: [
                (bytes(k), bytes(v)) for k, v in txn.cursor(env.open_db(name, txn, create=False))
            ]
            for name in names
            if not name.startswith(b"pc:")
        }


def schemas(directory: Path) -> list[Any]:
    with Environment(directory, read_only=True) as env:
        return [(info.name, info.kind, info.key, info.value) for info in env.collections()]


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """An environment with keys, elements and values of every type."""
    with Environment(tmp_path / "full") as env:
        for at, (text, key) in enumerate(KEYS):
            PersistentDict(env, f"key {at} {text}", key=text, value="str")[key] = "x"
            PersistentSet(env, f"element {at} {text}", element=text).add(key)
        for at, (text, value) in enumerate(VALUES):
            PersistentDict(env, f"value {at} {text}", key="str", value=text)["k"] = value
        PersistentDict(env, "empty", key="str", value="f32[2]")
        PersistentSet(env, "no elements", element="u8")
    return tmp_path / "full"


def test_every_type_comes_back_by_json_lines(full: Path, tmp_path: Path) -> None:
    file, new = str(tmp_path / "all.jsonl"), tmp_path / "new"
    assert main(["export", str(full), "-o", file]) == 0
    assert main(["import", str(new), file]) == 0
    assert schemas(new) == schemas(full)
    assert stored(new) == stored(full)


def test_every_type_comes_back_by_csv(full: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    for name, kind, key, value in schemas(full):
        file = str(tmp_path / "one.csv")
        assert main(["export", str(full), name, "-o", file]) == 0
        types = ["--key", key, *(["--value", value] if kind == "dict" else [])]
        assert main(["import", str(new), file, "--into", name, *types]) == 0
    assert schemas(new) == schemas(full)
    assert stored(new) == stored(full)


@pytest.mark.parametrize("extension", ["jsonl", "csv"])
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=values)
def test_any_value_comes_back(value: Any, extension: str, tmp_path: Path) -> None:
    one, two, file = tmp_path / "one", tmp_path / "two", str(tmp_path / f"file.{extension}")
    for directory in (one, two):
        shutil.rmtree(directory, ignore_errors=True)
    with Environment(one, durability="none") as env:
        PersistentDict(env, "d")["key"] = value
    assert main(["export", str(one), "d", "-o", file]) == 0
    types = ["--key", "any", "--value", "any"]
    assert main(["import", str(two), file, "--into", "d", *types]) == 0
    with Environment(two) as env:
        back = PersistentDict(env, "d")["key"]
    assert cbor.encode(back) == cbor.encode(value)


def test_values_of_other_languages_come_back(tmp_path: Path, capsys: Capture) -> None:
    golden = tmp_path / "golden"
    shutil.copytree(GOLDEN, golden)
    names = []
    for name, *_ in schemas(golden):
        if main(["export", str(golden), name, "-o", "/dev/null"]) == 0:
            names.append(name)
        else:
            # Dates that Python cannot hold.
            assert "beyond the years 1 to 9999" in capsys.readouterr().err
    assert len(names) > len(schemas(golden)) / 2
    file, new = str(tmp_path / "golden.jsonl"), tmp_path / "new"
    assert main(["export", str(golden), *names, "-o", file]) == 0
    assert main(["import", str(new), file]) == 0
    again = str(tmp_path / "again.jsonl")
    assert main(["export", str(new), "-o", again]) == 0
    assert Path(again).read_bytes() == Path(file).read_bytes()


def test_values_without_a_python_type_come_back(tmp_path: Path) -> None:
    odd = [Tagged(0, "202"), Tagged(258, [1, 1.0]), SimpleValue(5), {"$map": 1}]
    with Environment(tmp_path / "one") as env:
        PersistentDict(env, "d")["odd"] = odd
    file = str(tmp_path / "odd.jsonl")
    assert main(["export", str(tmp_path / "one"), "-o", file]) == 0
    assert main(["import", str(tmp_path / "two"), file]) == 0
    assert stored(tmp_path / "two") == stored(tmp_path / "one")


def imported(
    text: str, *arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, Path]:
    (tmp_path / "input").write_bytes(text.encode("utf-8"))
    with open(tmp_path / "input", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        code = main(["import", str(tmp_path / "e"), "-", *arguments])
    return code, tmp_path / "e"


def content(directory: Path, name: str) -> Any:
    with Environment(directory, create=False) as env:
        if env.schema(name).kind == "set":
            return sorted(PersistentSet(env, name))
        return dict(PersistentDict(env, name))


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ('{"key": "a", "value": [1]}\n\n{"value": 2, "key": 3}', [], {"a": [1], 3: 2}),
        ('\ufeff{"element": "a"}\r\n{"element": "b"}\r\n', [], ["a", "b"]),
        ('{"element": 1}\n', ["--key", "f64"], [1.0]),
        ('{"key": "2024-02-29", "value": {"$float": "inf"}}',
         ["--key", "date", "--value", "f64"], {datetime.date(2024, 2, 29): float("inf")}),
        ("key,value\nAda,36\n", ["--format", "csv"], {"Ada": "36"}),
        ("key,value\r\nAda,36\r\n", ["--format", "csv", "--value", "f64"], {"Ada": 36.0}),
        ('element\n"a\nb"\n""\n', ["--format", "csv"], ["", "a\nb"]),
        ("", [], None),
        ("element\n", ["--format", "csv"], []),
    ],
)  # fmt: skip
def test_files_of_other_programs_are_read(
    text: str,
    arguments: list[str],
    expected: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, directory = imported(
        text, "--into", "d", *arguments, tmp_path=tmp_path, monkeypatch=monkeypatch
    )
    assert code == 0
    if expected is None:
        assert schemas(directory) == []
    else:
        assert content(directory, "d") == expected


HEADER = '{"$collection": {"name": "d", "kind": "dict", "key": "str", "value": "i64"}}\n'


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ('{"element": 1}\n', [], "line 1: it does not name its collection"),
        (HEADER + '{"key": "a", "value": 1}\n{"key": 2, "value": 1}\n', [],
         "line 3: a str is needed, not int (0 items before it are stored)"),
        (HEADER + '{"key": "a", "value": 9223372036854775808}\n', [], "line 2: 92233720368547758"),
        (HEADER + '{"element": 1}\n', [], "line 2: 'd' is a dict"),
        (HEADER + '{"key": 1}\n', [], 'line 2: neither {"key"'),
        (HEADER + "[1]\n", [], 'line 2: neither {"key"'),
        (HEADER + "{\n", [], "line 2: not JSON: "),
        (HEADER + '{"key": "a", "key": "b", "value": 1}\n', [], "line 2: an object has the same"),
        (HEADER + '{"key": "a", "value": NaN}\n', [], "line 2: NaN is not JSON"),
        (HEADER + '{"key": "a", "value": {"$x": 1}}\n', [], "line 2: $x is not known"),
        (HEADER + HEADER, ["--into", "x"], "line 2: there are several collections in it"),
        (HEADER, ["--key", "i64", "--into", "old"], "line 1: "),
        ('{"$collection": {"name": "d"}}\n', [], "line 1: a $collection has a name, a kind"),
        ('{"$collection": {"name": "d", "kind": "x", "key": "str"}}\n', [], "line 1: a $coll"),
        ('{"$collection": {"name": "", "kind": "set", "key": "what"}}\n', [], "line 1: unknown"),
        ('{"element": 1}\n', ["--into", "old"], "line 1: "),
        ('{"key": 1, "value": 1e999}\n', ["--into", "d"], "line 1: 1e999 is too large for a float"),
        pytest.param("[" * 100_000 + "\n", ["--into", "d"], "line 1: ", id="deep"),
        ("a,b\n1,2\n", ["--into", "d", "--format", "csv"], "line 1: the first row of a CSV file"),
        ("key,value\n1\n", ["--into", "d", "--format", "csv"], "line 2: 2 cells are needed, not 1"),
        ("key,value\n1,x\n", ["--into", "d", "--format", "csv", "--value", "i64"], "2: 'x' is no"),
        ('element\n"a\n', ["--into", "d", "--format", "csv"], "line 2: not CSV: "),
        ("element\n", ["--format", "csv"], "give it with --into"),
    ],
)  # fmt: skip
def test_an_error_names_its_line(
    text: str,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "old")["kept"] = 1
    code, directory = imported(text, *arguments, tmp_path=tmp_path, monkeypatch=monkeypatch)
    assert code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("persistent_collections: ")
    assert error.count("\n") == 1
    assert content(directory, "old") == {"kept": 1}


def test_bytes_that_are_not_text_are_named(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "f.jsonl").write_bytes(b'{"element": "a"}\n{"element": "\xff"}\n')
    code = main(["import", str(tmp_path / "e"), str(tmp_path / "f.jsonl"), "--into", "d"])
    assert code == 2
    assert "f.jsonl: line 2: not UTF-8: " in capsys.readouterr().err


def test_batches_before_a_bad_line_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    text = HEADER + "".join(f'{{"key": "{at}", "value": {at}}}\n' for at in range(8))
    code, directory = imported(
        text + '{"key": "9", "value": "x"}\n', tmp_path=tmp_path, monkeypatch=monkeypatch
    )
    assert code == 2
    assert "line 10: an int is needed, not str (6 items before it are stored)" in (
        capsys.readouterr().err
    )
    assert content(directory, "d") == {str(at): at for at in range(6)}


def test_importing_again_changes_nothing_else(full: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "all.jsonl")
    before = stored(full)
    assert main(["export", str(full), "-o", file]) == 0
    with Environment(full) as env:
        PersistentDict(env, "empty")["new"] = [1, 2]
    assert main(["import", str(full), file]) == 0
    assert content(full, "empty").keys() == {"new"}
    assert {name: items for name, items in stored(full).items() if name != b"empty"} == {
        name: items for name, items in before.items() if name != b"empty"
    }


def test_into_another_name(full: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "one.jsonl")
    assert main(["export", str(full), "key 0 str", "-o", file]) == 0
    assert main(["import", str(tmp_path / "new"), file, "--into", "other"]) == 0
    assert schemas(tmp_path / "new") == [("other", "dict", "str", "str")]


def test_export_to_standard_output(tmp_path: Path, capsys: Capture) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentSet[str](env, "s").update(["é", "b"])
    assert main(["export", str(tmp_path / "e")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        '{"$collection": {"name": "s", "kind": "set", "key": "str"}}',
        '{"element": "b"}',
        '{"element": "é"}',
    ]
    assert main(["export", str(tmp_path / "e"), "s", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "element\nb\né\n"


def test_an_export_that_fails_leaves_the_old_file(full: Path, tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    file.write_text("old")
    with lmdb.open(str(full), max_dbs=200) as env, env.begin(write=True) as txn:
        # Invalid text in the last of many.
        txn.put(b"k", b"\xff", db=env.open_db(b"value 0 str", txn, create=False))
    assert main(["export", str(full), "-o", str(file)]) == 2
    assert file.read_text() == "old"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "csv"], "a CSV file holds one collection: give its NAME"),
        (["--key", "str"], "types are those of one collection: give its NAME"),
        (["nothing"], "no collection named 'nothing'"),
    ],
)
def test_export_refuses(arguments: list[str], message: str, full: Path, capsys: Capture) -> None:
    assert main(["export", str(full), *arguments]) == 2
    assert capsys.readouterr() == ("", f"persistent_collections: {message}\n")


def test_a_raw_collection_becomes_a_typed_one(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "raw"), max_dbs=1) as env, env.begin(write=True) as txn:
        txn.put(b"Ada", (36).to_bytes(8, "little"), db=env.open_db(b"ages", txn))
    file = str(tmp_path / "ages.jsonl")
    types = ["--key", "str", "--value", "i64"]
    assert main(["export", str(tmp_path / "raw"), "ages", *types, "-o", file]) == 0
    assert json.loads(Path(file).read_text().splitlines()[1]) == {"key": "Ada", "value": 36}
    assert main(["import", str(tmp_path / "new"), file]) == 0
    assert content(tmp_path / "new", "ages") == {"Ada": 36}


def test_a_long_cell(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, str](env, "d")["long"] = "x" * 1_000_000
    file = str(tmp_path / "long.csv")
    assert main(["export", str(tmp_path / "e"), "d", "-o", file]) == 0
    assert main(["import", str(tmp_path / "new"), file, "--into", "d"]) == 0
    assert content(tmp_path / "new", "d") == {"long": "x" * 1_000_000}


def test_a_pipe_as_output(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentSet[str](env, "s").add("a")
    assert main(["export", str(tmp_path / "e"), "-o", "/dev/null"]) == 0
    assert not Path("/dev/null").is_file()
