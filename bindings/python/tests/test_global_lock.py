"""Calls that wait for the write lock or the disk let other threads run Python.

Otherwise a thread that computes inside its transaction would wait for the interpreter's lock, and
the thread with that lock would wait for the end of the transaction.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# In a separate process: a deadlock on the interpreter's lock stops every thread that could report
# it. The environment's timeout is far longer than the watchdog's.
_PROGRAM = """
import faulthandler, sys, threading
faulthandler.dump_traceback_later(100, exit=True)
from persistent_collections import Environment, PersistentDict, PersistentSet

env = Environment(sys.argv[1], write_timeout=3600)
counts = PersistentDict(env, "counts", key=str, value=int)
texts = PersistentDict(env, "texts", key=str, value=str)
seen = PersistentSet(env, "seen", element=int)
counts["computed"] = 0
ROUNDS, WRITERS = 30, 3
inside = threading.Event()

def compute():
    for _ in range(ROUNDS):
        with env.transaction():
            inside.set()
            # Long enough that the interpreter changes threads many times.
            total = sum(n * n for n in range(60_000))
            counts["computed"] += 1
            assert [key for key, _ in counts.items()]
            assert total

WRITES = {
    "put": lambda name, n: texts.__setitem__(f"{name} {n}", "x"),
    "add": lambda name, n: seen.add(n),
    "update": lambda name, n: texts.update({f"{name} {n}": "x", name: "y"}),
    "increment": lambda name, n: counts.increment(name),
    "transaction": lambda name, n: in_transaction(name),
    "delete": lambda name, n: texts.pop(name, None),
    "flush": lambda name, n: env.flush(),
}

def in_transaction(name):
    with env.transaction():
        counts[name] = counts.get(name, 0) + 1

def write(name):
    inside.wait()
    for n in range(ROUNDS):
        for call in WRITES.values():
            call(name, n)
        assert counts["computed"] >= 0
        assert list(texts.items()) is not None

threads = [threading.Thread(target=compute)]
threads += [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(WRITERS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert counts["computed"] == ROUNDS
for n in range(WRITERS):
    assert counts[f"writer {n}"] == 2 * ROUNDS
assert seen == set(range(ROUNDS))
print("done")
"""


# A read waits for the write lock if it must look up its collection again: this one was created
# here in an aborted transaction, then by another process, while another thread writes.
_READS = """
import faulthandler, subprocess, sys, threading
faulthandler.dump_traceback_later(100, exit=True)
from persistent_collections import Environment, PersistentDict, PersistentSet

env = Environment(sys.argv[1], write_timeout=3600)

class Undone(Exception):
    pass

MAKE = '''
import sys
from persistent_collections import Environment, PersistentDict, PersistentSet
with Environment(sys.argv[1]) as env:
    PersistentDict(env, sys.argv[2] + " dict", key=str, value=int).update(x=2)
    PersistentSet(env, sys.argv[2] + " set", element=str).add("x")
'''

def made(name):
    try:
        with env.transaction():
            d = PersistentDict(env, name + " dict", key=str, value=int)
            s = PersistentSet(env, name + " set", element=str)
            d["x"] = 1
            raise Undone
    except Undone:
        pass
    # From now on their handles are used as they are.
    assert "x" not in d and "x" not in s
    subprocess.run([sys.executable, "-c", MAKE, sys.argv[1], name], check=True)
    return d, s

READS = {
    "item": lambda d, s: d["x"] == 2,
    "get": lambda d, s: d.get("x") == 2,
    "dict": lambda d, s: "x" in d,
    "set": lambda d, s: "x" in s,
    "walk": lambda d, s: list(d.items()) == [("x", 2)],
    "column": lambda d, s: d.to_numpy().tolist() == [2],
}
for name, read in READS.items():
    collections = made(name)
    inside, reading = threading.Event(), threading.Event()

    def compute():
        with env.transaction():
            inside.set()
            reading.wait()
            sum(n * n for n in range(300_000))

    thread = threading.Thread(target=compute)
    thread.start()
    inside.wait()
    reading.set()
    assert read(*collections), name
    thread.join()
print("done")
"""


@pytest.mark.parametrize("program", [_PROGRAM, _READS], ids=["writes", "reads"])
@pytest.mark.parametrize("accelerated", [True, False])
def test_a_thread_computes_in_its_transaction_while_others_wait(
    tmp_path: Path, accelerated: bool, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if accelerated:
        monkeypatch.delenv("PERSISTENT_COLLECTIONS_ACCELERATOR", raising=False)
    else:
        monkeypatch.setenv("PERSISTENT_COLLECTIONS_ACCELERATOR", "0")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "env")],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
