"""Maps of `any` share the texts of their keys, which the accelerator keeps."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from typing import Any

import pytest

from persistent_collections import Environment, PersistentDict, acceleration

#: Names of the same length, beginning and end, and others that could be taken for each other.
NAMES = [
    *(
        "",
        "a",
        "b",
        "ab",
        "ba",
        "abcdefgh",
        "abcdefghi",
        "abcdefgh-1-abcdefgh",
        "abcdefgh-2-abcdefgh",
    ),
    *("é", "é" * 20, "\0", "a\0", "a" * 32, "a" * 33, "b" * 32, "日本", "\N{GRINNING FACE}"),
    *(f"field{number}" for number in range(2000)),
]


@pytest.fixture
def d(env: Environment) -> PersistentDict[int, Any]:
    return PersistentDict(env, "d", key=int, value="any")


def test_each_key_is_the_text_that_was_stored(d: PersistentDict[int, Any]) -> None:
    """There are more names than are kept, so that each replaces others."""
    d.update((at, {name: name, "k" + name: at}) for at, name in enumerate(NAMES))
    for _ in range(3):
        for at, name in enumerate(NAMES):
            assert d[at] == {name: name, "k" + name: at}


@pytest.mark.skipif(acceleration.status() != "on", reason="only the accelerator keeps them")
def test_maps_share_their_keys(d: PersistentDict[int, Any]) -> None:
    d[1], d[2] = {"a name": 1}, {"a name": [{"a name": 2}]}
    (one,), (two,) = d[1], d[2]
    (three,) = d[2]["a name"][0]
    assert one is two is three


def test_threads_may_read_maps_at_the_same_time(d: PersistentDict[int, Any]) -> None:
    d.update((at, {name: at}) for at, name in enumerate(NAMES))
    wrong: list[object] = []

    def read(begin: int) -> None:
        for at in [*range(begin, len(NAMES)), *range(begin)]:
            if d[at] != {NAMES[at]: at}:
                wrong.append(at)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=read, args=(500 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_names_that_were_replaced_are_freed(d: PersistentDict[int, Any]) -> None:
    d.update((at, {name: at}) for at, name in enumerate(NAMES))

    def read() -> None:
        for at in range(len(NAMES)):
            d[at]

    read()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        read()
    gc.collect()
    assert sys.getallocatedblocks() - before < 1000


def test_an_interpreter_ends_with_names_kept(tmp_path: Any) -> None:
    code = """
import sys
from persistent_collections import Environment, PersistentDict
with Environment(sys.argv[1]) as env:
    d = PersistentDict(env, "d", key=int)
    d[1] = {"a name": 1}
    kept = d[1]
"""
    subprocess.run([sys.executable, "-X", "dev", "-c", code, str(tmp_path / "e")], check=True)
