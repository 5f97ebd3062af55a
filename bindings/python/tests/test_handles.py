"""Handles under the garbage collector, which may run in the midst of any call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Whatever call of `use` starts the collector, a finalizer makes the same call inside of it. In a
# process of its own, since what could go wrong is its memory.
PROGRAM = """
import gc, os, sys
from decimal import Decimal
from persistent_collections import BadHandleError, Environment, PersistentDict, PersistentSet

class Garbage:
    def __init__(self, handled):
        self.itself, self.handled = self, handled

    def __del__(self):
        try:
            use(self.handled)
        except BadHandleError:
            pass  # Collected together with what it has, which was closed before.

def opened():
    env = Environment(sys.argv[1], durability="none")
    if sys.argv[2] == "environment":
        return env
    return PersistentSet(env, "s") if sys.argv[2] == "set" else PersistentDict(env, "d")

def use(handled):
    if sys.argv[2] == "environment":
        handled.info()
    elif sys.argv[2] == "first":
        handled["a"] = Decimal(1)
    else:
        "a" in handled

def is_a_child():
    # The first use in a process happens once.
    child = os.fork() if sys.argv[2] == "first" else None
    if child:
        assert os.waitpid(child, 0)[1] == 0
    return child == 0

gc.disable()
for later in range(60):
    if sys.argv[2] == "first" and not is_a_child():
        continue
    handled = opened()
    gc.collect()
    # Dicts that were freed would be used again, without a collection.
    taken = [{} for _ in range(200)]
    Garbage(handled)
    gc.set_threshold(gc.get_count()[0] + later)
    gc.enable()
    use(handled)
    gc.disable()
    del handled
    taken = [[object()] * 20 for _ in range(100)]
    gc.collect()
    if sys.argv[2] == "first":
        os._exit(0)
print("well")
"""


@pytest.mark.parametrize("what", ["environment", "dict", "set", "first"])
def test_a_finalizer_uses_what_is_just_being_used(what: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "e"), what],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "well\n", "")
