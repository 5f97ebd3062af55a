"""Programs in C, Julia and Python on one environment, at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cbor2
import pytest
from conftest import ROOT, Compiler
from participants import Failed, Participant, source

LANGUAGES = ["C", "Julia", "Python"]
PC_ERR_WRONG_KIND, PC_ERR_TYPE_MISMATCH = -31, -32
VECTORS: list[dict[str, Any]] = json.loads(
    (ROOT / "tests" / "vectors" / "vectors.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def started(compiler: Compiler) -> Iterator[dict[str, Participant]]:
    """Starts a process of each language; Julia takes some seconds."""
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
        yield {name: stack.enter_context(Participant(name, commands[name])) for name in LANGUAGES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Returns the path of the common environment."""
    return tmp_path / "common"


@pytest.fixture
def participants(started: dict[str, Participant], path: Path) -> Iterator[dict[str, Participant]]:
    """Returns the processes, with the environment open in all of them."""
    for participant in started.values():
        participant.ask("open", path)
    yield started
    for participant in started.values():
        participant.ask("close")


def others(participants: dict[str, Participant], one: str) -> list[Participant]:
    return [participant for name, participant in participants.items() if name != one]


def test_no_addition_to_a_common_counter_is_lost(participants: dict[str, Participant]) -> None:
    times = 2000
    for participant in participants.values():
        participant.ask("add", "counters", "visits", 1)
    for participant in participants.values():
        participant.send("add", "counters", "visits", times)
    for participant in participants.values():
        participant.answer()
    total = len(participants) * (times + 1)
    for participant in participants.values():
        ((_, value),) = participant.lines("dump", "dict", "counters")
        assert int.from_bytes(bytes.fromhex(value), "little") == total


#: How often a waiting process looks by itself for commits that were not announced, in seconds.
POLL = 0.1


@pytest.mark.parametrize("writer", LANGUAGES)
@pytest.mark.parametrize("waiter", LANGUAGES)
def test_a_commit_wakes_a_process_that_waits_for_it(
    participants: dict[str, Participant], waiter: str, writer: str
) -> None:
    if waiter == writer:
        pytest.skip("one process of each language")
    waiting, writing = participants[waiter], participants[writer]
    writing.ask("add", "waited", "a", 1)
    spent = []
    for _ in range(15):
        (seen,) = waiting.ask("commit")
        waiting.send("wait", seen)
        begun = time.monotonic()
        writing.ask("add", "waited", "a", 1)
        assert waiting.answer()[0] == [str(int(seen) + 1)]
        spent.append(time.monotonic() - begun)
    # The median, since the machine may be busy at times.
    assert sorted(spent)[7] < POLL / 4, spent


@pytest.mark.parametrize("writer", LANGUAGES)
def test_other_processes_see_all_of_a_transaction_or_nothing(
    participants: dict[str, Participant], writer: str
) -> None:
    times = 1000
    watchers = others(participants, writer)
    for participant in watchers:
        participant.send("watch", "pairs", times)
    # They read from the first pair to the last one.
    for participant in watchers:
        assert participant.line() == ["watching"]
    participants[writer].ask("pairs", "pairs", times)
    assert [participant.answer()[0] for participant in watchers] == [["whole"]] * len(watchers)


@pytest.mark.parametrize("reader", LANGUAGES)
def test_iterating_sees_one_moment_while_others_write(
    participants: dict[str, Participant], reader: str
) -> None:
    count = 5000
    participants[reader].ask("fill", "numbers", 1, count, 1)
    assert participants[reader].ask("begin", "numbers") == ["1"]
    one, two = others(participants, reader)
    one.ask("fill", "numbers", 1, 2 * count, 1000)
    two.ask("empty", "numbers")
    one.ask("fill", "numbers", -10, 10, 7)
    assert participants[reader].ask("end") == [str(count), str(count)]
    # A new iteration sees the current entries.
    assert participants[reader].ask("begin", "numbers") == ["-10"]
    assert participants[reader].ask("end") == ["21", str(21 * 7)]


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
    participants: dict[str, Participant], maker: str, kind: str, key: str, value: str
) -> None:
    participants[maker].ask("declare", kind, "made", key, value)
    for participant in participants.values():
        assert participant.ask("schema", "made") == [kind, key, value]
        participant.ask("declare", kind, "made", key, value)
        other_kind = ("set", "unit") if kind == "dict" else ("dict", "str")
        with pytest.raises(Failed) as refused:
            participant.ask("declare", other_kind[0], "made", key, other_kind[1])
        assert refused.value.status == PC_ERR_WRONG_KIND
        wrong = [] if key == "any" else [("f32", value)]
        if kind == "dict" and value != "any":
            wrong.append((key, "u8"))
        for wrong_key, wrong_value in wrong:
            with pytest.raises(Failed) as refused:
                participant.ask("declare", kind, "made", wrong_key, wrong_value)
            assert refused.value.status == PC_ERR_TYPE_MISMATCH, (participant, wrong_key, wrong_value)
            # The message names both types.
            stored, asked = (key, wrong_key) if wrong_key != key else (value, wrong_value)
            assert stored in str(refused.value)
            assert asked in str(refused.value)
        assert participant.ask("schema", "made") == [kind, key, value]


@pytest.fixture
def common_golden(golden: Path, path: Path) -> Path:
    """Copies the golden environment to the place of the common one; requested before `participants`."""
    return golden.rename(path)


#: Values that come back equal, but in another order: a Julia `Dict` has no order, and is written sorted.
REORDERED = {("Julia", "any", "map in insertion order")}

#: Values that a language's own types cannot hold: the type, the role, and the vector's name.
BEYOND: dict[str, set[tuple[str, str, str]]] = {
    "C": set(),
    # Its times have milliseconds.
    "Julia": {
        ("(date,datetime)", "key", "times"),
        *(
            ("datetime", role, name)
            for role in ("key", "value")
            for name in ("2024-02-29T12:34:56.123456", "greatest", "one µs before")
        ),
    },
    # Its years are 1 to 9999.
    "Python": {
        *(("date", role, "least") for role in ("key", "value")),
        *(("datetime", role, "greatest") for role in ("key", "value")),
    },
}


def test_every_language_writes_the_same_bytes(
    common_golden: Path, participants: dict[str, Participant]
) -> None:
    collections = sorted({(vector["type"], vector["role"]) for vector in VECTORS if vector["type"] != "unit"})
    beyond: dict[str, set[tuple[str, str, str]]] = {name: set() for name in participants}
    differs = []
    for type_, role in collections:
        kind, name = "set" if role == "key" else "dict", f"{role} {type_}"
        vectors = {
            (it["hex"] if role == "key" else it["name"].encode().hex()): it
            for it in VECTORS
            if (it["type"], it["role"]) == (type_, role)
        }
        for language, participant in participants.items():
            cannot = {key for (key,) in participant.lines("copy", kind, name, f"{language} {name}")}
            beyond[language] |= {(type_, role, vectors[key]["name"]) for key in cannot}
            # All languages read the same values, whichever language wrote them.
            one, *more = (
                reader.lines("dump", kind, f"{language} {name}") for reader in participants.values()
            )
            assert all(other == one for other in more), (language, name)
            written = dict(one)
            assert set(written) == set(vectors) - cannot, (language, name)
            for key, found in written.items():
                vector = vectors[key]
                # A form that the library only reads is written again in its own form.
                is_value = role == "value" and not vector.get("read_only")
                if is_value and found != vector["hex"]:
                    differs.append((language, type_, vector["name"], vector["hex"], found))
    assert {it[:3] for it in differs} == REORDERED
    for _, _, _, expected, found in differs:
        assert cbor2.loads(bytes.fromhex(found)) == cbor2.loads(bytes.fromhex(expected))
    assert beyond == BEYOND
