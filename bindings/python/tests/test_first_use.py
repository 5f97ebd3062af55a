"""The first use in the child of a fork."""

from __future__ import annotations

from pathlib import Path

from forking import run


def test_a_fork_beside_a_thread_that_is_loading(tmp_path: Path) -> None:
    """A thread of the parent may be anywhere when another forks; the child does not have it.

    The locks that it held for loading the library, and for connecting the accelerator, were locked
    for ever in the child, whose first opening waited for them.
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
        def connect(addresses):
            return stay(module.connect)(addresses)
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
