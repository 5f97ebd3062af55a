"""Several processes use one environment."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from persistent_collections import Environment, PersistentDict, PersistentSet

PROCESSES, TIMES = 3, 30


def count(directory: str, mine: int) -> None:
    with Environment(directory) as env:
        counts = PersistentDict[str, int](env, "counts")
        seen = PersistentSet[int](env, "seen")
        for n in range(TIMES):
            counts.increment("atomic")
            with env.transaction():
                counts["in a transaction"] = counts.get("in a transaction", 0) + 1
                seen.add(mine * TIMES + n)


def test_processes_write_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=count, args=(str(tmp_path / "e"), n)) for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    with Environment(tmp_path / "e") as env:
        total = PROCESSES * TIMES
        counts = PersistentDict[str, int](env, "counts")
        assert counts == {"atomic": total, "in a transaction": total}
        assert PersistentSet[int](env, "seen") == set(range(total))


def test_another_process_sees_committed_writes(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    code = (
        "import sys; from persistent_collections import Environment, PersistentDict\n"
        "with Environment(sys.argv[1]) as env:\n"
        "    d = PersistentDict(env, 'd')\n"
        "    print(sorted(d.items()))\n"
        "    if sys.argv[2:]: d['theirs'] = 1\n"
    )

    def look(*more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code, env.path, *more],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    d["a"] = 1
    with env.transaction():
        d["b"] = 2
        assert look() == "[('a', 1)]"
    with env.snapshot():
        assert look("write") == "[('a', 1), ('b', 2)]"
        assert "theirs" not in d
    assert d["theirs"] == 1


@pytest.mark.parametrize("ending", ["", "env.close()", "env.transaction().__enter__()"])
def test_interpreter_exit_is_quiet(tmp_path: Path, ending: str) -> None:
    code = (
        "import sys; from persistent_collections import Environment, PersistentDict\n"
        "env = Environment(sys.argv[1]); d = PersistentDict(env, 'd'); d['a'] = 1\n"
        f"keys = iter(d); next(keys); {ending}\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code, str(tmp_path / "e")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with Environment(tmp_path / "e") as env:
        assert PersistentDict(env, "d") == {"a": 1}
