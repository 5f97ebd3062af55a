"""Makes storage fail, by `tests/shim/faults.c`, under the library that other languages load."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from conftest import C_FLAGS, ROOT
from worker import Worker

from persistent_collections import Environment, PersistentDict, PersistentSet

# Makes each call of a workload fail in turn, each time in a new environment; plain collections are the model.
WORKLOAD = """
import ctypes, errno, itertools
faults = ctypes.CDLL(os.environ["FAULTS"])
faults.faults_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_int]
faults.faults_disarm.restype = ctypes.c_long
kind, lasting = int(os.environ["KIND"]), int(os.environ["LASTING"])

class World:
    def __init__(self, path):
        self.path = path
        self.open()

    def open(self):
        # What there was before lives until its successor is there.
        self.env = Environment(self.path, write_timeout=5)
        self.d = PersistentDict(self.env, "d", key=str, value=bytes)
        self.s = PersistentSet(self.env, "s", element=int)

    def content(self):
        return dict(self.d), set(self.s)

def several(d, s):
    d.update({f"k{n}": b"v" * 300 for n in range(100)})

def one(d, s):
    d["large"] = b"x" * 50_000

def both(d, s):
    del d["large"]
    s |= set(range(100))
    d["both"] = b""

def fewer(d, s):
    s -= set(range(0, 100, 3))

def step(world, write):
    with world.env.transaction():
        write(world.d, world.s)

undone = unknown = 0
for at in itertools.count(1):
    world = World(os.path.join(path, str(at)))
    d, s = {"before": b"1" * 2000}, {-1}
    world.d.update(d)
    world.s.update(s)
    assert faults.faults_arm(os.path.join(world.path, "data.mdb").encode(), at, kind, lasting) == 0
    failed = False
    for write in [several, one, both, fewer]:
        after = dict(d), set(s)
        write(*after)
        try:
            step(world, write)
        except CommitUnknownError:
            assert not failed
            failed = True
            faults.faults_disarm()
            unknown += 1
            calls = [lambda: len(world.d), lambda: world.s.add(1), lambda: world.d["before"], world.env.flush]
            for call in calls:
                try:
                    call()
                except EnvironmentFailedError:
                    continue
                raise AssertionError("a call on a failed environment succeeds")
            world.open()
            assert world.content() == (d, s)
            step(world, write)
        except (StorageError, DiskFullError) as error:
            assert not failed
            failed = True
            faults.faults_disarm()
            undone += 1
            assert isinstance(error, DiskFullError) == (kind in (errno.ENOSPC, errno.EDQUOT)), error
            assert world.content() == (d, s)
            step(world, write)
        d, s = after
        assert world.content() == (d, s)
    calls = faults.faults_disarm()
    tell(str(at))
    world.env.close()
    if not failed:
        assert calls < at, "a call failed without a report"
        break
print("undone", undone, "unknown", unknown)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiles the library that makes calls fail."""
    path = tmp_path_factory.mktemp("shim") / "faults.so"
    source = ROOT / "tests" / "shim" / "faults.c"
    compiler = os.environ.get("CC", "cc")
    flags = [*C_FLAGS, "-fPIC", "-shared"]
    subprocess.run([compiler, *flags, str(source), "-o", str(path), "-ldl", "-lpthread"], check=True)
    return path


@pytest.mark.parametrize(
    ("kind", "lasting"),
    [(errno.EIO, 0), (errno.EIO, 1), (errno.ENOSPC, 0), (errno.EDQUOT, 1), (-1, 0)],
    ids=["EIO", "EIO for good", "ENOSPC", "EDQUOT for good", "short writes"],
)
def test_each_write_and_sync_fails(tmp_path: Path, shim: Path, kind: int, lasting: int) -> None:
    variables = [f"LD_PRELOAD={shim}", f"FAULTS={shim}", f"KIND={kind}", f"LASTING={lasting}"]
    at = 0
    with Worker(tmp_path, WORKLOAD, "env", *variables) as worker:
        while (line := worker.heard()).isdigit():
            at = int(line)
            # While the environment is open there, another process must see what that process reports.
            with Environment(tmp_path / str(at)) as env:
                large = PersistentDict(env, "d", key=str, value=bytes)
                assert len(large) == 102
                assert "large" not in large
                assert len(PersistentSet(env, "s", element=int)) == 67
            worker.answer()
        worker.end()
    _, undone, _, unknown = line.split()
    assert at > 15
    assert int(undone) + int(unknown) == at - 1
    assert int(unknown) == 4, "one meta page for each step"
