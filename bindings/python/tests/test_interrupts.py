"""Exceptions from outside lose nothing, wherever they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interrupting import Watched, at_each_step

from persistent_collections import Environment, PersistentDict


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "env")
    yield watched
    watched.close()


def transaction(w: Watched) -> None:
    with w.env.transaction():
        w.d["a"] = w.d["b"] = w.d["a"] + 1


def transaction_that_is_kept(w: Watched) -> None:
    kept = w.env.transaction()
    with kept as same:
        assert same is kept
        w.d["a"] = w.d["b"] = w.d["a"] + 1


def ended_early(w: Watched) -> None:
    with w.env.transaction() as transaction:
        w.d["a"] = w.d["b"] = w.d["a"] + 1
        transaction.commit()
    with w.env.transaction() as transaction:
        w.d["a"] = -1
        transaction.abort()


def undone(w: Watched) -> None:
    class Undone(Exception):
        pass

    try:
        with w.env.transaction():
            w.d["a"] = -1
            raise Undone
    except Undone:
        pass


def nested(w: Watched) -> None:
    with w.env.transaction():
        w.d["a"] += 1
        with w.env.transaction(), w.env.snapshot():
            len(w.d)
        with w.env.transaction():
            w.d["b"] = w.d["a"]


def snapshot(w: Watched) -> None:
    with w.env.snapshot():
        assert w.d["a"] == w.d["b"]
        with w.env.snapshot():
            assert list(w.d.items())


def run(w: Watched) -> None:
    def both() -> int:
        w.d["a"] = w.d["b"] = w.d["a"] + 1
        return w.d["a"]

    assert w.env.run(both) == w.d["b"]


def edit(w: Watched) -> None:
    with w.env.transaction(), w.lists.edit("x") as x:
        x.append(1)
        w.d["a"] = w.d["b"] = len(x)


def edit_alone(w: Watched) -> None:
    with w.lists.edit("x") as x:
        x.append(1)


def loops(w: Watched) -> None:
    for key in w.d:
        assert key
    for _ in w.d.values():
        break
    next(iter(w.d.items()))
    iter(w.sets[0])


def ranges(w: Watched) -> None:
    assert list(reversed(w.d))[-1] == "a" and len(w.d.range("b", "c")) == 1


def loops_inside(w: Watched) -> None:
    with w.env.transaction():
        for _, value in w.d.items():
            if value < 0:
                break
        w.d["a"] += 1
        for key in w.d:
            if key == "a":
                w.d["b"] = w.d["a"]


def difference(w: Watched) -> None:
    few, many = w.sets
    assert many - few == {3, 4}


def difference_in_place(w: Watched) -> None:
    few, many = w.sets
    many.difference_update(few, few)


def arrays(w: Watched) -> None:
    with w.env.snapshot():
        kept = w.rows["x"]
        assert kept.tolist() == [1, 2]
    assert kept.tolist() == [1, 2]


def many_keys(w: Watched) -> None:
    assert w.d.get_many(["a", "b"])[0] >= 0
    w.d.update(a=1, b=1)


def opening(w: Watched) -> None:
    with Environment(w.path, durability="none") as other:
        d = PersistentDict(other, "d", key=str, value=int)
        assert d["a"] == d["b"]
        d.close()


STATEMENTS = [
    *(transaction, transaction_that_is_kept, ended_early, undone, nested, snapshot, run, edit),
    *(edit_alone, loops, ranges, loops_inside, difference, difference_in_place, arrays),
    *(many_keys, opening),
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_at_each_step(watched: Watched, statement: Callable[[Watched], None]) -> None:
    """An exception from outside could arrive between the library's call and the object.

    A signal's handler, a timeout or a `RecursionError` while a transaction began or ended left it
    open in the library, which the package did not know: what the thread wrote afterwards was
    acknowledged and lost, and other processes were locked out. Iterators lost reader slots so.
    """
    for where in at_each_step(lambda: statement(watched), watched.write):
        watched.check(where)
