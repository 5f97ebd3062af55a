"""Missing memory raises an exception, and buffers are freed after an exception."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from interrupting import Watched, at_each_step

from persistent_collections import _checked as checked

HERE = Path(__file__).parent

_PROGRAM = """
import ctypes, gc, sys
from persistent_collections import Environment, Error, PersistentDict, PersistentSet
fail = ctypes.CDLL(None).fail_memory
fail.argtypes, fail.restype = (ctypes.c_size_t, ctypes.c_long), ctypes.c_long
LARGE = 1 << 20
env = Environment(sys.argv[1], durability="none")
b = PersistentDict(env, "b", key=bytes, value=bytes)
t = PersistentDict(env, "t", key=str, value=str)
a = PersistentDict(env, "a")
n = PersistentDict(env, "n", key=int, value=float)
x, y = (PersistentSet(env, name, element=int) for name in "xy")
value, text, many = b"v" * LARGE, "t" * LARGE, ["i" * 100] * 1000
numbers = {number: float(number) for number in range(3000)}

def fill():
    b.update({b"k": value, b"l": value})
    t["k"] = text
    a.update(k=many, b=value, d={"x": text})
    n.update(numbers)
    x.update(range(3000))
    y.update(range(1500, 4500))

def committed():
    with env.transaction():
        b[b"k"] = value
        t["k"] = text

def edited():
    with b.edit(b"k") as found:
        assert found == value

def in_snapshot():
    with env.snapshot():
        return b[b"k"], list(n)

CALLS = {
    "get bytes": lambda: b[b"k"],
    "get text": lambda: t["k"],
    "get a list": lambda: a["k"],
    "get any bytes": lambda: a["b"],
    "get a dict": lambda: a.get("d"),
    "contains": lambda: b"k" in b,
    "put bytes": lambda: b.__setitem__(b"k", value),
    "put text": lambda: t.__setitem__("k", text),
    "put a list": lambda: a.__setitem__("k", many),
    "put any bytes": lambda: a.__setitem__("b", value),
    "put_new": lambda: b.put_new(b"new", value),
    "setdefault": lambda: b.setdefault(b"k", value),
    "compare_exchange": lambda: b.compare_exchange(b"k", value, value),
    "update": lambda: b.update({b"k": value, b"l": value}),
    "update numbers": lambda: n.update(numbers),
    "put_many": lambda: n.put_many(list(numbers), list(numbers.values())),
    "get_many": lambda: n.get_many(list(numbers)),
    "get_many large": lambda: b.get_many([b"k", b"l"]),
    "take": lambda: b.take(b"l"),
    "pop": lambda: b.pop(b"k"),
    "popitem": lambda: t.popitem(),
    "last": lambda: b.last(),
    "items": lambda: list(b.items()),
    "keys": lambda: list(n),
    "values": lambda: list(a.values()),
    "range": lambda: list(n.range(10, 2000).items()),
    "copy": lambda: n.copy(),
    "or": lambda: n | {1: 1.0},
    "equal": lambda: n == numbers,
    "remove_many": lambda: n.remove_many(list(numbers)),
    "add all": lambda: x.update(range(3000)),
    "and": lambda: x & y,
    "minus": lambda: x - set(y),
    "difference_update": lambda: x.difference_update(range(2000)),
    "intersection_update": lambda: x.intersection_update(y),
    "set": lambda: set(x),
    "transaction": committed,
    "edit": edited,
    "snapshot": in_snapshot,
    "run": lambda: env.run(b.__setitem__, b"k", value),
    "collections": lambda: env.collections(),
    "clear": lambda: n.clear(),
}
failed = 0
for name, call in CALLS.items():
    at = 0
    while True:
        at += 1
        with env.transaction():
            fill()
        gc.collect()
        fail(4096, at)
        try:
            call()
        except MemoryError:
            pass
        except Error as error:
            assert "memory" in str(error), (name, at, error)
        left = fail(0, 0)
        # Nothing is left open, and all that is there is whole.
        with env.transaction(timeout=0):
            assert not env.check().lost
            for each in (b, t, a, n):
                dict(each.items())
        if left > 0:
            break
        failed += 1
    print(name, at - 1, flush=True)
assert failed > 100, failed
print("done")
"""


def test_each_large_allocation_fails_once(tmp_path: Path) -> None:
    """A value without enough memory ended the process, or, with a backtrace, hung it.

    The accelerator allocated Python objects and vectors by calls that panic.
    """
    shim = tmp_path / "failing_memory.so"
    source = HERE / "failing_memory.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, source], check=True)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "e")],
        env={**os.environ, "LD_PRELOAD": str(shim), "RUST_BACKTRACE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.stdout[-5:], done.returncode) == ("done\n", 0), done.stdout[-300:] + done.stderr


def test_a_buffer_is_freed_after_an_exception(tmp_path: Path) -> None:
    """An exception between taking a buffer and giving it back leaked its memory."""
    watched = Watched(tmp_path / "env")
    free = watched.env._library.pc_buffer_free

    def fetch() -> None:
        watched.d.first()
        watched.d.get_many(["a", "b"])

    def check(where: str) -> None:
        idle = [id(buffer) for buffer in checked._idle]
        for end in free.kept.ends:
            buffer = end()
            kept = buffer is not None and id(buffer) in idle
            assert end._as_parameter_.contents.cap == 0 or kept, where

    for where in at_each_step(fetch, lambda where: None):
        check(where)
    watched.close()
