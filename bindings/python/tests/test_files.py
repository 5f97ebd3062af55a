"""The files of an environment: removed, replaced, with two names, with closed standard streams."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import (
    Environment,
    LockFilesError,
    PersistentDict,
    ReplacedError,
    SecondCopyError,
    _raw,
)


def command(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "persistent_collections", *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("by_link", [False, True])
def test_a_directory_by_its_data_file(tmp_path: Path, by_link: bool) -> None:
    """The command, given `DIR/data.mdb`, wrote at the same time as programs that had DIR open.

    It opened the file as a separate environment, with other lock files, so that two writers ran at
    once: acknowledged writes were lost, and the file was damaged.
    """
    place = tmp_path / "e"
    file = place / "data.mdb"
    with Environment(place) as env:
        d = PersistentDict[str, int](env, "d")
        d["here"] = 1
        if by_link:
            file = tmp_path / "link.db"
            file.symlink_to(place / "data.mdb")
        exported = command("export", file)
        assert exported.returncode == 0, exported.stderr
        with env.transaction():
            d["during"] = 2
            # It waits for the same write lock, so no write comes in between.
            program = (
                "import sys; from persistent_collections import *\n"
                "env = Environment(sys.argv[1], no_subdir=True, write_timeout=0.01)\n"
                "PersistentDict[str, int](env, 'd')['other'] = 3\n"
            )
            other = subprocess.run(
                [sys.executable, "-c", program, str(file)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert "BusyError" in other.stderr
        imported = command("import", file, "-", input=exported.stdout)
        assert imported.returncode == 0, imported.stderr
        assert command("get", file, "d", "during").stdout == "2\n"
        assert dict(d) == {"during": 2, "here": 1}
        env.check()
    assert sorted(path.name for path in place.iterdir()) == ["data.mdb", "lock.mdb", "lock.pc"]


def test_one_data_file_under_two_names(tmp_path: Path) -> None:
    """With hard links, each of two processes used separate lock files."""
    place, linked = tmp_path / "e", tmp_path / "linked.db"
    with Environment(place) as env:
        PersistentDict[str, int](env, "d")["a"] = 1
        os.link(place / "data.mdb", linked)
        refused = command("info", linked)
        assert refused.returncode == 2
        assert str(linked) in refused.stderr and str(place) in refused.stderr
    with Environment(linked, no_subdir=True) as env:
        assert PersistentDict[str, int](env, "d") == {"a": 1}


@pytest.mark.parametrize("lost", ["data.mdb", "lock.mdb", "lock.pc", "all"])
def test_a_file_that_is_removed(tmp_path: Path, lost: str) -> None:
    """Writes to a removed file, or concurrent with another writer, were still acknowledged."""
    place = tmp_path / "e"
    env = Environment(place)
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    if lost == "all":
        shutil.rmtree(place)
    else:
        (place / lost).unlink()
    with pytest.raises(ReplacedError) as caught:
        d["a"] = 2
    assert isinstance(caught.value, OSError) and len(str(caught.value)) > 20
    with pytest.raises(ReplacedError):
        d["a"]
    env.close()
    # The path now has another environment.
    with Environment(place) as again:
        PersistentDict[str, int](again, "d")["b"] = 3


def test_a_backup_that_is_renamed_over_the_data_file(tmp_path: Path) -> None:
    """The process opened the path again and closed the first opening: LMDB's locks were lost."""
    place = tmp_path / "e"
    env = Environment(place)
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    env.copy(tmp_path / "backup")
    d["a"] = 2
    (tmp_path / "backup" / "data.mdb").replace(place / "data.mdb")
    with pytest.raises(ReplacedError):
        d["a"] = 3
    env.close()
    with Environment(place) as again:
        restored = PersistentDict[str, int](again, "d")
        assert restored == {"a": 1}
        restored["a"] = 4


def test_two_copies_of_the_library(tmp_path: Path) -> None:
    """Closing an environment in one copy cleared the other's reader slots."""
    copy = tmp_path / "copy.so"
    shutil.copy(next(path for path in _raw.candidates() if path.is_file()), copy)
    other = _raw._open(copy)
    place = tmp_path / "e"
    handle = ctypes.c_uint64()
    with Environment(place) as env:
        d = PersistentDict[str, int](env, "d")
        d["a"] = 1
        with env.snapshot():
            status = other.pc_env_open(os.fsencode(place), None, ctypes.byref(handle))
            assert status == SecondCopyError.status
            assert d["a"] == 1
        d["a"] = 2
    assert other.pc_env_open(os.fsencode(place), None, ctypes.byref(handle)) == 0
    with pytest.raises(SecondCopyError):
        Environment(place)
    assert other.pc_env_close(handle) == 0
    with Environment(place) as env:
        assert PersistentDict[str, int](env, "d") == {"a": 2}


def test_a_lock_files_error_is_raised(tmp_path: Path) -> None:
    place, linked = tmp_path / "e", tmp_path / "linked.db"
    program = (
        "import sys; from persistent_collections import *\n"
        "with Environment(sys.argv[1]):\n    print(flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        os.link(place / "data.mdb", linked)
        with pytest.raises(LockFilesError, match=r"linked\.db"):
            Environment(linked, no_subdir=True)
        holder.stdin.close()
    assert holder.returncode == 0


def test_a_daemon_without_standard_streams(tmp_path: Path) -> None:
    """In a daemon that had closed them, the data file became descriptor 1 or 2, and log lines
    were written to it."""
    program = (
        "import os, sys\n"
        "from persistent_collections import *\n"
        "for fd in range(3):\n    os.close(fd)\n"
        "env = Environment(sys.argv[1])\n"
        "d = PersistentDict[str, int](env, 'd')\n"
        "for n in range(50):\n"
        "    d[str(n)] = n\n"
        "    for fd in range(3):\n"
        "        try:\n            os.write(fd, b'a line of a log\\n' * 100)\n"
        "        except OSError:\n            pass\n"
        "with env.snapshot():\n    ok = d['49'] == 49\n"
        "env.check()\n"
        "env.close()\n"
        "os._exit(0 if ok else 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "e")], check=False)
    assert done.returncode == 0
    with Environment(tmp_path / "e", create=False, check_on_open=True) as env:
        assert len(PersistentDict[str, int](env, "d")) == 50


def test_no_descriptor_is_inherited(tmp_path: Path) -> None:
    """Every program that the process ran inherited the data file's descriptor."""
    place = tmp_path / "e"
    with Environment(place) as env:
        d = PersistentDict[str, int](env, "d")
        d["a"] = 1
        with env.snapshot():
            d["a"]
            program = (
                "import os\n"
                "for fd in range(3, 100):\n"
                "    link = f'/proc/self/fd/{fd}'\n"
                "    if os.path.lexists(link):\n        print(os.readlink(link))\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", program],
                capture_output=True,
                text=True,
                check=True,
                close_fds=False,
            )
    assert str(place) not in done.stdout
