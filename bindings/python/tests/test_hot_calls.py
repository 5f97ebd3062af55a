"""What the hot calls cost: how many functions of Python they run, with the accelerator.

`python bench/rows.py` measures their time. A function of Python costs about as much as a look-up in
LMDB, and their number does not differ from run to run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from persistent_collections import Environment, PersistentDict, PersistentSet, acceleration

pytestmark = pytest.mark.skipif(
    acceleration.status() != "on", reason="it runs only Python without the accelerator"
)

KEYS = [b"key%04d" % number for number in range(1000)]


def functions(call: Callable[[], object]) -> list[str]:
    """Returns the names of the functions of Python that a call runs, itself left out."""
    found: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.append(frame.f_code.co_name)

    # What its first use imports or prepares is not counted.
    call()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found[1:]


@pytest.fixture
def d(env: Environment) -> PersistentDict[bytes, bytes]:
    made = PersistentDict[bytes, bytes](env, "d")
    made.update((key, key) for key in KEYS)
    return made


def test_single_calls_run_none(env: Environment, d: PersistentDict[bytes, bytes]) -> None:
    s = PersistentSet[bytes](env, "s")

    def calls() -> None:
        d[b"a"] = b"b"
        assert d[b"a"] == d.get(b"a") == b"b"
        assert b"a" in d and b"b" not in d and d.get(b"b") is None
        s.add(b"a")
        s.add(b"a")
        assert b"a" in s and b"b" not in s

    assert functions(calls) == []


def test_values_of_any_run_none(env: Environment) -> None:
    d = PersistentDict[str, Any](env, "any")
    value = {"name": "a", "numbers": [1, 2.5, None, True], "inner": {"b": b"c"}}

    def calls() -> None:
        d["k"] = value
        assert d["k"] == value

    assert functions(calls) == []


def test_ranges_run_few(env: Environment, d: PersistentDict[bytes, bytes]) -> None:
    """A range of ten entries took twelve times as long as as many steps of lmdb's cursor.

    Most of that was functions of Python, which encoded bounds, opened cursors and copied batches.
    """
    s = PersistentSet[bytes](env, "s")
    s.update(KEYS)
    low, high = KEYS[100], KEYS[110]
    assert list(d.range(low, high)) == KEYS[100:110]
    assert len(functions(lambda: list(d.range(low, high).items()))) <= 9
    assert len(functions(lambda: list(d.range(low, high)))) <= 5
    assert len(functions(lambda: list(d.irange(low, high)))) <= 1
    assert len(functions(lambda: list(s.irange(low, high)))) <= 1
    assert len(functions(lambda: len(d.range(low, high)))) <= 3
    assert len(functions(lambda: list(d.items()))) <= 6
