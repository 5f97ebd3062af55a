"""Handles and the garbage collector, which may run inside any call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# If any call in `use` starts the collector, a finalizer makes the same call inside it. In a
# separate process, since a failure would corrupt memory.
PROGRAM = """
import gc, sys
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
    return PersistentDict(env, "d") if sys.argv[2] == "dict" else PersistentSet(env, "s")

def use(handled):
    if sys.argv[2] == "environment":
        handled.info()
    else:
        "a" in handled

gc.disable()
for later in range(60):
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
print("well")
"""


@pytest.mark.parametrize("what", ["environment", "dict", "set"])
def test_a_finalizer_uses_an_object_during_its_first_use(what: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "e"), what],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "well\n", "")
