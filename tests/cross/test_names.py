"""Names that one process has open while another removes them, creates them again, or outgrows the map."""

from __future__ import annotations

from pathlib import Path

import pytest
from worker import Worker

from persistent_collections import Environment, NoCollectionError, PersistentDict

RECLAIM = """
with Environment(path, max_collections=8, durability="none") as env:
    env.drop("x")
    for n in range(40):
        PersistentSet(env, f"n{n % 7}", element=int)
        env.drop(f"n{n % 7}")
"""

OUTGROW = """
with Environment(path, durability="none") as env:
    tell("ready")
    with env.transaction():
        for n in range(100):
            PersistentDict(env, f"n{n}", key=int, value=int)
    big = PersistentDict(env, "big", key=int, value=bytes)
    for n in range(8):
        big[n] = b"x" * 300_000
"""


def test_a_name_that_another_process_removed_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "env"
    with Environment(path, durability="none") as env:
        old = PersistentDict(env, "x", key=str, value=int)
        old["a"] = 1
        with Worker(path, RECLAIM) as worker:
            worker.end()
        with pytest.raises(NoCollectionError):
            old["a"]
        new = PersistentDict(env, "x", key=str, value=int)
        assert len(new) == 0
        new["b"] = 2
        assert dict(new) == {"b": 2}


def test_snapshots_go_on_while_another_process_makes_names_and_outgrows_the_map(tmp_path: Path) -> None:
    for n in range(5):
        path = tmp_path / f"env{n}"
        with Environment(path, map_size=1 << 20, durability="none") as env, Worker(path, OUTGROW) as worker:
            assert worker.heard() == "ready"
            worker.answer()
            while worker.process.poll() is None:
                with env.snapshot():
                    env.collections()
            worker.end()
            assert len(PersistentDict(env, "big", key=int, value=bytes)) == 8
