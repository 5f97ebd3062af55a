"""Waiting for commits of other processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from worker import Worker

from persistent_collections import Environment, PersistentDict

#: How often a waiting thread looks by itself for commits that were not announced, in seconds.
POLL = 0.1
LONG = 60

WAITER = """
with Environment(path, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    seen = env.last_commit()
    tell("ready")
    while d.get("a", 0) < {last}:
        newest = env.wait({long}, since=seen)
        assert newest is not None and newest > seen
        seen = newest
    tell("seen")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "env"


def test_the_last_of_many_commits_is_seen(path: Path) -> None:
    """The waiter reads, then waits: a commit in between must end the wait at once."""
    last = 2000
    with Environment(path, durability="none") as env:
        d = PersistentDict(env, "d", key=str, value=int)
        with Worker(path, WAITER.format(last=last, long=LONG)) as waiter:
            assert waiter.heard() == "ready"
            waiter.answer()
            for value in range(1, last + 1):
                d["a"] = value
            assert waiter.heard() == "seen"
            waiter.answer()
            waiter.end()


def test_processes_answer_each_other_without_polling(path: Path) -> None:
    rounds = 100
    answering = """
with Environment(path, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    seen = 0
    while True:
        seen = env.wait(60, since=seen)
        if d.get("a", 0) % 2:
            d["a"] += 1
        if d.get("a", 0) >= 2 * ROUNDS:
            break
""".replace("ROUNDS", str(rounds))
    with Environment(path, durability="none") as env:
        d = PersistentDict(env, "d", key=str, value=int)
        with Worker(path, answering) as worker:
            spent = []
            for number in range(rounds):
                begun = time.monotonic()
                seen = env.last_commit()
                d["a"] = 2 * number + 1
                while d["a"] % 2:
                    seen = env.wait(LONG, since=seen) or seen
                spent.append(time.monotonic() - begun)
            worker.end()
    # Twice as many wake-ups as rounds. The median, since the machine may be busy at times.
    assert sorted(spent)[rounds // 2] < POLL / 4, sorted(spent)


def test_a_read_only_opener_is_not_left_out(path: Path) -> None:
    waiting = """
with Environment(path, read_only=True) as env:
    seen = env.last_commit()
    tell("ready")
    assert env.wait(60, since=seen) > seen
"""
    with Environment(path, durability="none") as env:
        d = PersistentDict(env, "d", key=str, value=int)
        with Worker(path, waiting) as waiter:
            assert waiter.heard() == "ready"
            waiter.answer()
            d["a"] = 1
            waiter.end()


def test_a_killed_writer_is_no_commit_and_the_next_one_is_seen(path: Path) -> None:
    holding = """
with Environment(path, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    with env.transaction():
        d["a"] = 1
        tell("holding")
"""
    with Environment(path, durability="none") as env:
        d = PersistentDict(env, "d", key=str, value=int)
        with Worker(path, holding) as writer:
            assert writer.heard() == "holding"
            seen = env.last_commit()
            writer.kill()
        assert env.wait(POLL / 2, since=seen) is None
        d["a"] = 2
        assert env.wait(LONG, since=seen) == seen + 1
