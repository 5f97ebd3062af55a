"""Greenlets, of gevent and eventlet too, and tasks of trio, anyio and curio that share a thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Each in a separate process, since they patch the standard library. Events decide the order in
# which greenlets and tasks run.
_COMMON = """
import faulthandler, sys
faulthandler.dump_traceback_later(100, exit=True)
{before}
from persistent_collections import Environment, InTransactionError, PersistentDict
{after}

env = Environment(sys.argv[1], durability="none", write_timeout=20)
d = PersistentDict(env, "d", key=str, value=int)
d["a"] = 1

class Undone(Exception):
    pass

def refused(write, *arguments):
    try:
        write(*arguments)
    except InTransactionError:
        return
    raise AssertionError("it was not refused")

def look():
    # Outside of the other's transaction.
    assert d["a"] == 1 and "mine" not in d and dict(d) == {{"a": 1}}, dict(d)
    refused(d.__setitem__, "theirs", 1)
    refused(d.update, {{"theirs": 1}})
    refused(env.transaction().__enter__)
    with env.snapshot():
        assert d["a"] == 1

def others_write():
    d["theirs"] = d.get("theirs", 0) + 1

def end():
    import subprocess
    program = (
        "import sys; from persistent_collections import Environment, PersistentDict;"
        "env = Environment(sys.argv[1]); d = PersistentDict(env, 'd', key=str, value=int);"
        "t = env.transaction(timeout=0); t.__enter__(); print(dict(d))"
    )
    seen = subprocess.run(
        [sys.executable, "-c", program, sys.argv[1]], capture_output=True, text=True, check=True
    )
    assert eval(seen.stdout) == dict(d), (seen.stdout, dict(d))
    print("done")
"""

_GREENLETS = """
begun, looked = Event(), Event()

def holder():
    try:
        with env.transaction():
            d["mine"] = 1
            begun.set()
            looked.wait()
            assert d["mine"] == 1
            d["a"] = 100
            raise Undone
    except Undone:
        pass
    assert dict(d) == {"a": 1}
    others_write()

def other():
    begun.wait()
    look()
    looked.set()

together(holder, other)
assert dict(d) == {"a": 1, "theirs": 1}

# What the greenlet that each thread begins with does is its own too.
del d["theirs"]
with env.transaction():
    d["mine"] = 1
    together(look)
    assert d["mine"] == 1
    del d["mine"]

# One that is killed inside a block has done nothing.
inside, never = Event(), Event()

def killed():
    with env.transaction():
        d["killed"] = 1
        inside.set()
        never.wait()

kill(killed, inside)
assert "killed" not in d
d["z"] = 1
del d["z"]
end()
"""

_GEVENT = """
import gevent
from gevent.event import Event
def together(*functions):
    gevent.joinall([gevent.spawn(f) for f in functions], raise_error=True)
def kill(function, inside):
    it = gevent.spawn(function)
    inside.wait()
    it.kill()
"""

_EVENTLET = """
import eventlet
import eventlet.event
class Event(eventlet.event.Event):
    set = eventlet.event.Event.send
def together(*functions):
    for it in [eventlet.spawn(f) for f in functions]:
        it.wait()
def kill(function, inside):
    it = eventlet.spawn(function)
    inside.wait()
    it.kill()
"""

_PLAIN = """
import greenlet
main = greenlet.getcurrent()
class Event:
    happened = False
    def set(self):
        self.happened = True
    def wait(self):
        while not self.happened:
            main.switch()
def together(*functions):
    waiting = [greenlet.greenlet(f) for f in functions]
    while waiting:
        for it in waiting[:]:
            it.switch()
            if it.dead:
                waiting.remove(it)
def kill(function, inside):
    it = greenlet.greenlet(function)
    it.switch()
    assert inside.happened
    it.throw()
"""

_TASKS = """
async def holder(begun, looked):
    try:
        with env.transaction():
            d["mine"] = 1
            begun.set()
            await looked.wait()
            assert d["mine"] == 1
            raise Undone
    except Undone:
        pass
    assert dict(d) == {"a": 1}
    others_write()

async def other(begun, looked):
    await begun.wait()
    look()
    looked.set()

async def two():
    begun, looked = Event(), Event()
    await both(lambda: holder(begun, looked), lambda: other(begun, looked))

run(two)
assert dict(d) == {"a": 1, "theirs": 1}

# A block around the loop is around all of its tasks.
async def inside():
    d["inside"] = 1
with env.transaction():
    run(inside)
    assert d["inside"] == 1
end()
"""

_TRIO = """
import trio
from trio import Event
run = trio.run
async def both(*calls):
    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(call)
"""

_ANYIO = """
import anyio
from anyio import Event
run = lambda f: anyio.run(f, backend=BACKEND)
async def both(*calls):
    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(call)
"""

_CURIO = """
import curio
run = curio.run
class Event:
    def __init__(self):
        self.happened = False
    def set(self):
        self.happened = True
    async def wait(self):
        while not self.happened:
            await curio.sleep(0)
async def both(*calls):
    async with curio.TaskGroup() as group:
        for call in calls:
            await group.spawn(call())
"""

_PATCHES = {"gevent": "import gevent.monkey; gevent.monkey.patch_all()"}
_PATCHES["eventlet"] = "import eventlet; eventlet.monkey_patch()"

CASES = {
    "greenlet": ("", "", _PLAIN + _GREENLETS),
    "gevent": ("", "", _GEVENT + _GREENLETS),
    "gevent, patched before": (_PATCHES["gevent"], "", _GEVENT + _GREENLETS),
    "gevent, patched after": ("", _PATCHES["gevent"], _GEVENT + _GREENLETS),
    "eventlet": ("", "", _EVENTLET + _GREENLETS),
    "eventlet, patched before": (_PATCHES["eventlet"], "", _EVENTLET + _GREENLETS),
    "eventlet, patched after": ("", _PATCHES["eventlet"], _EVENTLET + _GREENLETS),
    "trio": ("", "", _TRIO + _TASKS),
    "anyio on trio": ("", "", "BACKEND = 'trio'" + _ANYIO + _TASKS),
    "anyio on asyncio": ("", "", "BACKEND = 'asyncio'" + _ANYIO + _TASKS),
    "curio": ("", "", _CURIO + _TASKS),
}


@pytest.mark.parametrize("case", CASES)
def test_they_do_not_share_a_transaction(tmp_path: Path, case: str) -> None:
    """Greenlets and tasks of a thread shared its transaction: an exception in one undid the
    acknowledged writes of another; or the write lock was never released.
    """
    before, after, program = CASES[case]
    source = _COMMON.format(before=before, after=after) + program
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source, str(tmp_path / "env")],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
