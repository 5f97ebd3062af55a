"""`list`, `get`, `items` and `stat`."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import lmdb
import numpy as np
import pytest

from persistent_collections import Environment, PersistentDict, PersistentSet
from persistent_collections.command import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def directory(tmp_path: Path) -> str:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "ages").update(Ada=36, Alan=41, Grace=85)
        PersistentSet(env, "seen", element=(str, int)).update([("Ada", 1843), ("Alan", 1936)])
        PersistentDict(env, "notes", key=bytes, value=str)[b"\x00a"] = "é\n"
        PersistentDict(env, "anything").update({1: b"\xff", "1": [2.5], ("t", 1): None})
        PersistentDict(env, "vectors", key=str, value="f32[2,2]")["one"] = np.eye(2, dtype="f4")
    return str(tmp_path / "e")


def test_list(directory: str, capsys: Capture) -> None:
    assert main(["list", directory]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ages\tdict\tstr -> i64\t3",
        "anything\tdict\tany -> any\t3",
        "notes\tdict\tbytes -> str\t1",
        "seen\tset\t(str,i64)\t2",
        "vectors\tdict\tstr -> f32[2,2]\t1",
    ]
    assert main(["list", directory, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"name": "ages", "kind": "dict", "key": "str", "value": "i64", "count": 3}
    assert lines[3] == {"name": "seen", "kind": "set", "key": "(str,i64)", "count": 2}


def test_a_name_does_not_break_the_line(tmp_path: Path, capsys: Capture) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "a\tb\nc")
    assert main(["list", str(tmp_path / "e")]) == 0
    assert capsys.readouterr().out == "a\\tb\\nc\tdict\tstr -> i64\t0\n"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["ages"], ["'Ada'\t36", "'Alan'\t41", "'Grace'\t85"]),
        (["ages", "--limit", "1"], ["'Ada'\t36"]),
        (["ages", "--limit", "0"], []),
        (["ages", "--reverse", "--limit", "1"], ["'Grace'\t85"]),
        (["ages", "--prefix", "A"], ["'Ada'\t36", "'Alan'\t41"]),
        (["ages", "--prefix", "A", "--reverse"], ["'Alan'\t41", "'Ada'\t36"]),
        (["ages", "--json", "--limit", "1"], ['{"key": "Ada", "value": 36}']),
        (["seen"], ["('Ada', 1843)", "('Alan', 1936)"]),
        (["seen", "--prefix", '["Alan"]'], ["('Alan', 1936)"]),
        (["seen", "--json", "--limit", "1"], ['{"element": ["Ada", 1843]}']),
        (["notes"], ["b'\\x00a'\t'é\\n'"]),
        (["notes", "--prefix", r"\x00"], ["b'\\x00a'\t'é\\n'"]),
        (["notes", "--json"], ['{"key": "AGE=", "value": "é\\n"}']),
        (["anything", "--prefix", '{"$tuple": ["t"]}'], ["('t', 1)\tNone"]),
        (["vectors"], ["'one'\tarray([[1., 0.],        [0., 1.]], dtype=float32)"]),
        (["vectors", "--json"], ['{"key": "one", "value": [[1.0, 0.0], [0.0, 1.0]]}']),
    ],
)
def test_items(arguments: list[str], lines: list[str], directory: str, capsys: Capture) -> None:
    assert main(["items", directory, *arguments]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["ages", "Ada"], "36\n"),
        (["ages", "Ada", "--json"], "36\n"),
        (["notes", r"\x00a"], "é\n\n"),
        (["notes", r"\x00a", "--json"], '"é\\n"\n'),
        (["anything", '"1"'], "[2.5]\n"),
        (["anything", '{"$tuple": ["t", 1]}'], "None\n"),
        (["anything", '{"$tuple": ["t", 1]}', "--json"], "null\n"),
        (["seen", '["Ada", 1843]'], "('Ada', 1843)\n"),
        (["vectors", "one", "--json"], "[[1.0, 0.0], [0.0, 1.0]]\n"),
    ],
)
def test_get(arguments: list[str], shown: str, directory: str, capsys: Capture) -> None:
    assert main(["get", directory, *arguments]) == 0
    assert capsys.readouterr().out == shown


def test_get_writes_bytes_as_they_are(
    directory: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["get", directory, "anything", "1"]) == 0
    assert capfdbinary.readouterr().out == b"\xff"


def test_text_that_is_not_json_is_a_key_of_any(tmp_path: Path, capsys: Capture) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict(env, "d")["Ada"] = 36
    assert main(["get", str(tmp_path / "e"), "d", "Ada"]) == 0
    assert capsys.readouterr().out == "36\n"


def test_keys_from_standard_input(
    directory: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Grace\nBob\nAda"))
    assert main(["get", directory, "ages", "-"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "85\n36\n"
    assert captured.err == "persistent_collections: 'ages' has no key 'Bob'\n"


def test_a_line_that_is_not_a_key_is_named(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict(env, "squares", key=int, value=int)[3] = 9
    for line in ("1_0", " 3", "0x3", "three"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"3\n{line}\n"))
        assert main(["get", str(tmp_path / "e"), "squares", "-"]) == 2
        wrong = f"persistent_collections: line 2: {line!r} is not an integer\n"
        assert capsys.readouterr() == ("9\n", wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ages", "Bob"], "'ages' has no key 'Bob'"),
        (["seen", '["Ada", 0]'], "'seen' has no element ('Ada', 0)"),
    ],
)
def test_an_absent_key_is_a_no(
    arguments: list[str], message: str, directory: str, capsys: Capture
) -> None:
    assert main(["get", directory, *arguments]) == 1
    assert capsys.readouterr() == ("", f"persistent_collections: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["get", "DIR", "seen", "Ada"], "not JSON: Expecting value at column 1"),
        (["get", "DIR", "notes", r"\n"], r"'\\n': a backslash is typed as \\, any byte as \xNN"),
        (["items", "DIR", "nothing"], "no collection named 'nothing'"),
        (["items", "DIR", "ages", "--key", "i64"], "stored as str, but were requested as i64"),
        (["items", "DIR", "seen", "--value", "i64"], "which has no values to give a type for"),
        (["items", "DIR", "ages", "--key", "nonsense"], "unknown type 'nonsense'"),
        (["items", "DIR", "seen", "--prefix", "5"], "not a list of leading elements"),
        (["items", "DIR", "vectors", "--key", "f32[2]"], "f32[2]"),
        (["list", "DIR-none"], "nothing is made when opening read-only"),
    ],
)
def test_a_failure_is_one_line(
    arguments: list[str], message: str, directory: str, capsys: Capture
) -> None:
    assert main([argument.replace("DIR", directory) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("persistent_collections: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not os.path.exists(f"{directory}-none")


def test_info(directory: str, capsys: Capture) -> None:
    assert main(["info", directory]) == 0
    fields = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert fields["page_size"] == "4096"
    assert fields["collections"] == "5"
    assert main(["info", directory, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["durability"] == "full"


def test_stat_is_deprecated(directory: str, capsys: Capture) -> None:
    """The command was called stat; it still prints the old names, and names its replacement."""
    assert main(["info", directory]) == 0
    info = capsys.readouterr()
    assert info.err == ""
    assert main(["stat", directory]) == 0
    stat = capsys.readouterr()
    assert stat.err == "persistent_collections: stat is deprecated: use info\n"
    fields = dict(line.split("\t") for line in stat.out.splitlines())
    assert fields["last_transaction"] == fields["last_commit"]
    assert fields["oldest_reader_transaction"] == fields["oldest_reader_commit"]
    assert set(info.out.splitlines()) < set(stat.out.splitlines())


def test_a_data_file_of_its_own(tmp_path: Path, capsys: Capture) -> None:
    with Environment(tmp_path / "one.db", no_subdir=True) as env:
        PersistentDict[str, int](env, "d")["a"] = 1
    assert main(["items", str(tmp_path / "one.db"), "d"]) == 0
    assert capsys.readouterr().out == "'a'\t1\n"


def test_a_raw_collection_has_the_types_that_are_given(tmp_path: Path, capsys: Capture) -> None:
    path = str(tmp_path / "raw")
    with lmdb.open(path, max_dbs=1) as other, other.begin(write=True) as txn:
        txn.put(b"Ada", (36).to_bytes(8, "little"), db=other.open_db(b"ages", txn))
    assert main(["list", path]) == 0
    assert main(["items", path, "ages"]) == 0
    assert main(["items", path, "ages", "--key", "str", "--value", "i64"]) == 0
    assert main(["get", path, "ages", "Ada", "--key", "str", "--value", "i64"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ages\traw\t-\t1",
        "b'Ada'\tb'$\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
        "'Ada'\t36",
        "36",
    ]
