"""Forks at any moment: by a child, during a reopening, and during calls of other threads."""

from __future__ import annotations

from pathlib import Path

import pytest
from forking import PRELUDE, WATCHED, run


@pytest.mark.parametrize("in_a_thread", [False, True])
def test_forks_of_forks(tmp_path: Path, in_a_thread: bool) -> None:
    """Each child reopens its parent's objects, even if the parent, itself a child, has not."""
    code = f"""
def generation(left):
    def work():
        if left % 2:
            d.increment("n")
        if left:
            thread = threading.Thread(target=child, args=(generation(left - 1),))
            if {in_a_thread}:
                failures = []
                threading.excepthook = failures.append
                thread.start()
                thread.join()
                assert not failures
            else:
                thread.run()
        with env.transaction():
            d.increment("n")
            s.add(str(left))
        with env.snapshot():
            assert str(left) in s
    return work

child(generation(5))
assert d["n"] == 9 and len(s) == 7
env.close()
"""
    warns = "import warnings; warnings.simplefilter('ignore')\n"
    run(warns + PRELUDE + code, tmp_path / "e")


def test_a_fork_during_the_first_use(tmp_path: Path) -> None:
    """A child may fork during a reopening, in a signal handler; its child reopens everything."""
    code = """
other = PersistentDict[str, int](env, "other")

def work():
    global watch
    forked = []
    def fork(*arguments):
        if not forked:
            forked.append(os.fork())
    watch = fork
    assert d["a"] == 1
    with env.transaction():
        d.increment("n")
        other.increment("n")
    if forked != [0]:
        assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 0

child(work)
assert d["n"] == other["n"] == 2
env.close()
"""
    run(WATCHED + PRELUDE + code, tmp_path / "e")


def test_a_fork_beside_a_thread_that_is_loading(tmp_path: Path) -> None:
    """A thread of the parent may be in any call when another forks; the child lacks that thread.

    Its locks for loading the library, and for connecting the accelerator, stayed locked in the
    child, whose first opening waited for ever.
    """
    code = """
import os, signal, sys, threading
from persistent_collections import Environment, PersistentDict, _raw, acceleration

there, forked = threading.Event(), threading.Event()
def stay(call):
    def stayed(*arguments):
        if threading.current_thread() is thread:
            there.set()
            forked.wait()
        return call(*arguments)
    return stayed

def use(name):
    with Environment(os.path.join(sys.argv[1], name)) as env:
        d = PersistentDict[str, int](env, "d")
        d["a"] = 1
        assert d["a"] == 1

os.mkdir(sys.argv[1])
if sys.argv[2] == "library":
    _raw._open = stay(_raw._open)
elif acceleration._module is not None:
    class Watched:
        def __getattr__(self, name):
            return getattr(module, name)
        @staticmethod
        def connect(*arguments):
            return stay(module.connect)(*arguments)
    module, acceleration._module = acceleration._module, Watched()
else:
    there.set()
thread = threading.Thread(target=use, args=("parent",))
thread.start()
there.wait()
pid = os.fork()
if pid == 0:
    signal.alarm(20)
    use("child")
    os._exit(0)
forked.set()
thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
use("after")
"""
    warns = "import warnings; warnings.simplefilter('ignore')\n"
    for what in ("library", "accelerator"):
        run(warns + code, tmp_path / what, Path(what))


def test_threads_fork_while_another_thread_opens(tmp_path: Path) -> None:
    """A child works after a fork during any call of its parent's other threads."""
    code = """
stop = threading.Event()
failures = []
def busy(number):
    try:
        while not stop.is_set():
            mine = PersistentDict[str, int](env, f"mine {number}")
            with env.snapshot():
                assert len(mine) <= 1
            with env.transaction():
                mine["n"] = number
            mine.close()
            with Environment(sys.argv[1], durability="none") as again:
                assert PersistentDict[str, int](again, "d")["a"] == 1
    except BaseException as error:
        failures.append(error)

def work():
    threads = [threading.Thread(target=each) for _ in range(2) for each in (reads, writes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def reads():
    with env.snapshot():
        assert d["a"] == 1 and "x" in s

def writes():
    with env.transaction():
        d.increment("children")

threads = [threading.Thread(target=busy, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
try:
    for _ in range(20):
        child(work)
finally:
    stop.set()
for thread in threads:
    thread.join()
assert not failures, failures
assert d["children"] == 40
env.close()
"""
    warns = "import warnings; warnings.simplefilter('ignore')\n"
    run(warns + PRELUDE + code, tmp_path / "e")
