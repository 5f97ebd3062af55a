"""Programs that fork, for the tests: a child must not end pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run(code: str, *arguments: Path, **variables: str | None) -> str:
    """Runs a program in a separate process, which must succeed without a warning.

    `variables` are set in its environment, or removed if they are None.
    """
    changed = {**os.environ, **variables}
    environment = {name: value for name, value in changed.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr + done.stdout
    return done.stdout


# The code of a forked child is in separate functions: it ends without pytest.
PRELUDE = """
import os, sys, threading
from persistent_collections import *
env = Environment(sys.argv[1], durability="none")
d = PersistentDict[str, int](env, "d")
s = PersistentSet[str](env, "s")
d["a"] = 1
s.add("x")

def child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def refused(call, error=ForkedError):
    try:
        call()
    except error as caught:
        assert "fork" in str(caught), caught
    else:
        raise AssertionError("not refused")
"""

# Calls `watch` with its arguments before each opening of a dict, also of one that is reopened.
WATCHED = """
from persistent_collections import _raw
library = _raw.load()
real_open = library.pc_dict_open
watch = lambda *arguments: None
def watched(*arguments):
    watch(*arguments)
    return real_open(*arguments)
library.pc_dict_open = watched
"""

# A child that exchanges messages with its parent, which decides when it continues.
STEPS = """
def child_in_steps(work, between):
    to_child, to_parent = os.pipe(), os.pipe()
    def wait_for_parent():
        os.write(to_parent[1], b"x")
        assert os.read(to_child[0], 1) == b"x"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(to_child[1])
            os.close(to_parent[0])
            work(wait_for_parent)
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(to_child[0])
    os.close(to_parent[1])
    # Nothing to read: the child has failed, and its exit code says so.
    if os.read(to_parent[0], 1):
        between()
        os.write(to_child[1], b"x")
    os.close(to_child[1])
    os.close(to_parent[0])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
