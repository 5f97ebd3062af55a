"""Programs in C, Julia and Python on one environment, at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cbor2
import pytest
from conftest import ROOT, Compiler
from workers import Failed, Worker, source

LANGUAGES = ["C", "Julia", "Python"]
PC_ERR_WRONG_KIND, PC_ERR_TYPE_MISMATCH = -31, -32
VECTORS: list[dict[str, Any]] = json.loads(
    (ROOT / "tests" / "vectors" / "vectors.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def started(compiler: Compiler) -> Iterator[dict[str, Worker]]:
    """A process of each language; starting Julia takes some seconds."""
    julia = os.environ.get("JULIA")
    if not julia:
        julia = subprocess.run(
            [str(ROOT / "tools" / "find-julia")], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
    project = f"--project={ROOT / 'bindings' / 'julia'}"
    commands = {
        "C": [str(compiler.compile(source("c")))],
        "Julia": [julia, "--startup-file=no", project, str(source("jl"))],
        "Python": [sys.executable, str(source("py"))],
    }
    with ExitStack() as stack:
        yield {name: stack.enter_context(Worker(name, commands[name])) for name in LANGUAGES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the common environment is."""
    return tmp_path / "common"


@pytest.fixture
def workers(started: dict[str, Worker], path: Path) -> Iterator[dict[str, Worker]]:
    """The processes, with the environment open in all of them."""
    for worker in started.values():
        worker.ask("open", path)
    yield started
    for worker in started.values():
        worker.ask("close")


def others(workers: dict[str, Worker], one: str) -> list[Worker]:
    return [worker for name, worker in workers.items() if name != one]


def test_no_addition_to_a_common_counter_is_lost(workers: dict[str, Worker]) -> None:
    times = 2000
    for worker in workers.values():
        worker.ask("add", "counters", "visits", 1)
    for worker in workers.values():
        worker.send("add", "counters", "visits", times)
    for worker in workers.values():
        worker.answer()
    total = len(workers) * (times + 1)
    for worker in workers.values():
        ((_, value),) = worker.lines("dump", "dict", "counters")
        assert int.from_bytes(bytes.fromhex(value), "little") == total


@pytest.mark.parametrize("writer", LANGUAGES)
def test_a_transaction_is_seen_whole_or_not_at_all(
    workers: dict[str, Worker], writer: str
) -> None:
    times = 1000
    watchers = others(workers, writer)
    for worker in watchers:
        worker.send("watch", "pairs", times)
    # They look already when the first pair is written, and until the last one.
    for worker in watchers:
        assert worker.line() == ["watching"]
    workers[writer].ask("pairs", "pairs", times)
    assert [worker.answer()[0] for worker in watchers] == [["whole"]] * len(watchers)


@pytest.mark.parametrize("reader", LANGUAGES)
def test_iterating_sees_one_moment_while_others_write(
    workers: dict[str, Worker], reader: str
) -> None:
    count = 5000
    workers[reader].ask("fill", "numbers", 1, count, 1)
    assert workers[reader].ask("begin", "numbers") == ["1"]
    one, two = others(workers, reader)
    one.ask("fill", "numbers", 1, 2 * count, 1000)
    two.ask("empty", "numbers")
    one.ask("fill", "numbers", -10, 10, 7)
    assert workers[reader].ask("end") == [str(count), str(count)]
    # A new look sees what is there now.
    assert workers[reader].ask("begin", "numbers") == ["-10"]
    assert workers[reader].ask("end") == ["21", str(21 * 7)]


@pytest.mark.parametrize("maker", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("dict", "str", "i64"),
        ("dict", "(str,i64)", "f32[3]"),
        ("dict", "u16", "bytes"),
        ("dict", "uuid", "datetime"),
        ("dict", "any", "any"),
        ("dict", "date", "f64[2,3]"),
        ("set", "str", "unit"),
        ("set", "(i64,bool)", "unit"),
    ],
)
def test_types_are_stored_for_all(
    workers: dict[str, Worker], maker: str, kind: str, key: str, value: str
) -> None:
    workers[maker].ask("declare", kind, "made", key, value)
    for worker in workers.values():
        assert worker.ask("schema", "made") == [kind, key, value]
        worker.ask("declare", kind, "made", key, value)
        other_kind = ("set", "unit") if kind == "dict" else ("dict", "str")
        with pytest.raises(Failed) as refused:
            worker.ask("declare", other_kind[0], "made", key, other_kind[1])
        assert refused.value.status == PC_ERR_WRONG_KIND
        wrong = [] if key == "any" else [("f32", value)]
        if kind == "dict" and value != "any":
            wrong.append((key, "u8"))
        for wrong_key, wrong_value in wrong:
            with pytest.raises(Failed) as refused:
                worker.ask("declare", kind, "made", wrong_key, wrong_value)
            assert refused.value.status == PC_ERR_TYPE_MISMATCH, (worker, wrong_key, wrong_value)
            # The message names both types.
            stored, asked = (key, wrong_key) if wrong_key != key else (value, wrong_value)
            assert stored in str(refused.value)
            assert asked in str(refused.value)
        assert worker.ask("schema", "made") == [kind, key, value]


@pytest.fixture
def common_golden(golden: Path, path: Path) -> Path:
    """The golden environment in the place of the common one; requested before `workers`."""
    return golden.rename(path)


#: What comes back equal, but in another order: a Julia `Dict` has none, and is written sorted.
REORDERED = {("Julia", "any", "map in insertion order")}

#: What a language's own types cannot hold: the type, the role, and the vector's name.
BEYOND = {
    "C": set[tuple[str, str, str]](),
    "Julia": set[tuple[str, str, str]](),
    "Python": set[tuple[str, str, str]](),
}


def test_every_language_writes_the_same_bytes(
    common_golden: Path, workers: dict[str, Worker]
) -> None:
    collections = sorted(
        {(vector["type"], vector["role"]) for vector in VECTORS if vector["type"] != "unit"}
    )
    beyond: dict[str, set[tuple[str, str, str]]] = {name: set() for name in workers}
    differs = []
    for type_, role in collections:
        kind, name = "set" if role == "key" else "dict", f"{role} {type_}"
        vectors = {
            (it["hex"] if role == "key" else it["name"].encode().hex()): it
            for it in VECTORS
            if (it["type"], it["role"]) == (type_, role)
        }
        for language, worker in workers.items():
            cannot = {key for (key,) in worker.lines("copy", kind, name, f"{language} {name}")}
            beyond[language] |= {(type_, role, vectors[key]["name"]) for key in cannot}
            # All languages read the same from what one wrote.
            one, *more = (
                reader.lines("dump", kind, f"{language} {name}") for reader in workers.values()
            )
            assert all(other == one for other in more), (language, name)
            written = {key: value for key, value in one}
            assert set(written) == set(vectors) - cannot, (language, name)
            for key, found in written.items():
                vector = vectors[key]
                # What is only read is written in the form that writing has.
                is_value = role == "value" and not vector.get("read_only")
                if is_value and found != vector["hex"]:
                    differs.append((language, type_, vector["name"], vector["hex"], found))
    assert {it[:3] for it in differs} == REORDERED
    for _, _, _, expected, found in differs:
        assert cbor2.loads(bytes.fromhex(found)) == cbor2.loads(bytes.fromhex(expected))
    assert beyond == BEYOND
