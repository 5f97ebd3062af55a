"""Compares a dict and a set with Python's: transactions, aborts, reopening, a second process."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import shutil
import tempfile
from multiprocessing.connection import Connection
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from persistent_collections import (
    BusyError,
    Environment,
    PersistentDict,
    PersistentSet,
    Transaction,
)

keys = st.one_of(st.text("ab\0é", max_size=3), st.integers(-300, 300).map(str))
numbers = st.integers(-(2**63), 2**63 - 1)
bounds = st.one_of(st.none(), keys)


def order(key: str) -> bytes:
    return key.encode("utf-8")


def done(d: PersistentDict[str, int], s: PersistentSet[str], what: str, *arguments: Any) -> Any:
    """Returns the outcome of one command."""
    if what == "put":
        d[arguments[0]] = arguments[1]
        return None
    if what == "pop":
        return d.pop(arguments[0], None)
    if what == "toggle":
        s.symmetric_difference_update(arguments[0])
        return None
    return list(d.items()), list(s)


def serve(commands: Connection) -> None:
    """The second process, which executes commands on the same environment."""
    env: Environment | None = None
    while (command := commands.recv()) is not None:
        what, *arguments = command
        if what == "open":
            if env is not None:
                env.close()
            env = Environment(arguments[0], durability="none", write_timeout=0.001)
            d, s = PersistentDict[str, int](env, "d"), PersistentSet[str](env, "s")
            commands.send(None)
            continue
        try:
            commands.send(done(d, s, what, *arguments))
        except BusyError:
            commands.send("busy")


@functools.cache
def second_process() -> Connection:
    """Starts it once, since that takes long."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()

    def stop() -> None:
        ours.send(None)
        process.join(60)

    atexit.register(stop)
    return ours


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.saved: list[tuple[Transaction, dict[str, int], set[str]]] = []
        self.dict: dict[str, int] = {}
        self.set: set[str] = set()
        self.open()
        self.tell("open", self.directory)

    def open(self) -> None:
        self.env = Environment(self.directory, durability="none")
        self.d = PersistentDict[str, int](self.env, "d")
        self.s = PersistentSet[str](self.env, "s")

    def tell(self, *command: Any) -> Any:
        """Sends a command to the second process."""
        process = second_process()
        process.send(command)
        assert process.poll(60)
        return process.recv()

    def teardown(self) -> None:
        while self.saved:
            self.saved.pop()[0].abort()
        self.env.close()
        shutil.rmtree(self.directory)

    @initialize(pairs=st.dictionaries(keys, numbers))
    def begin(self, pairs: dict[str, int]) -> None:
        self.d.update(pairs)
        self.dict.update(pairs)

    @rule(key=keys, value=numbers)
    def put(self, key: str, value: int) -> None:
        self.d[key] = value
        self.dict[key] = value

    @rule(key=keys, value=numbers)
    def setdefault(self, key: str, value: int) -> None:
        assert self.d.setdefault(key, value) == self.dict.setdefault(key, value)

    @rule(key=keys)
    def pop(self, key: str) -> None:
        assert self.d.pop(key, None) == self.dict.pop(key, None)

    @rule(wanted=st.lists(keys, max_size=6))
    def get_many(self, wanted: list[str]) -> None:
        assert self.d.get_many(wanted, default=None) == [self.dict.get(key) for key in wanted]

    @rule(pairs=st.lists(st.tuples(keys, numbers), max_size=6))
    def update(self, pairs: list[tuple[str, int]]) -> None:
        self.d.update(pairs)
        self.dict.update(pairs)

    @rule(gone=st.lists(keys, max_size=6))
    def remove_many(self, gone: list[str]) -> None:
        there = set(gone) & set(self.dict)
        assert self.d.remove_many(gone) == len(there)
        for key in there:
            del self.dict[key]

    @rule(key=keys, old=numbers, new=numbers)
    def exchange(self, key: str, old: int, new: int) -> None:
        expected = self.dict.get(key, old)
        assert self.d.compare_exchange(key, expected, new) == (key in self.dict)
        if key in self.dict:
            self.dict[key] = new

    def inside(self, low: Any, high: Any, inclusive: tuple[bool, bool]) -> list[str]:
        found = []
        for key in sorted(self.dict, key=order):
            at = order(key)
            if low is not None and (at < order(low) or (key == low and not inclusive[0])):
                continue
            if high is not None and (at > order(high) or (key == high and not inclusive[1])):
                continue
            found.append(key)
        return found

    @rule(low=bounds, high=bounds, inclusive=st.tuples(st.booleans(), st.booleans()))
    def range(self, low: Any, high: Any, inclusive: tuple[bool, bool]) -> None:
        expected = self.inside(low, high, inclusive)
        part = self.d.range(low, high, inclusive=inclusive)
        assert list(part) == expected
        assert list(self.d.irange(low, high, inclusive, reverse=True)) == expected[::-1]
        assert len(part) == len(expected)
        assert all((key in part) == (key in expected) for key in self.dict)

    @rule(low=bounds, high=bounds)
    def remove_range(self, low: Any, high: Any) -> None:
        gone = self.inside(low, high, (True, False))
        if low is None and high is None:
            assert self.d.range().clear() == len(gone)
        else:
            assert self.d.remove_range(low, high) == len(gone)
        for key in gone:
            del self.dict[key]

    @rule(prefix=st.text("ab\0é1-", max_size=2), reverse=st.booleans())
    def prefix(self, prefix: str, reverse: bool) -> None:
        expected = sorted((key for key in self.dict if key.startswith(prefix)), key=order)
        assert list(self.d.prefix(prefix, reverse=reverse)) == expected[:: -1 if reverse else 1]

    @rule(element=keys)
    def add(self, element: str) -> None:
        self.s.add(element)
        self.set.add(element)

    @rule(element=keys)
    def discard(self, element: str) -> None:
        self.s.discard(element)
        self.set.discard(element)

    @rule(elements=st.sets(keys, max_size=5))
    def symmetric(self, elements: set[str]) -> None:
        self.s ^= elements
        self.set ^= elements

    @precondition(lambda self: len(self.saved) < 3)
    @rule()
    def begin_transaction(self) -> None:
        transaction = self.env.transaction()
        transaction.__enter__()
        self.saved.append((transaction, dict(self.dict), set(self.set)))

    @precondition(lambda self: self.saved)
    @rule(keep=st.booleans())
    def end_transaction(self, keep: bool) -> None:
        transaction, before, before_set = self.saved.pop()
        if keep:
            transaction.commit()
        else:
            transaction.abort()
            self.dict, self.set = before, before_set

    @precondition(lambda self: not self.saved)
    @rule()
    def reopen(self) -> None:
        self.env.close()
        self.open()

    @rule(key=keys, value=numbers)
    def they_put(self, key: str, value: int) -> None:
        answer = self.tell("put", key, value)
        # While a transaction is open here, its writes have to wait.
        assert answer == ("busy" if self.saved else None)
        if not self.saved:
            self.dict[key] = value

    @rule(key=keys)
    def they_pop(self, key: str) -> None:
        answer = self.tell("pop", key)
        # A pop of an absent key is a write, too.
        assert answer == ("busy" if self.saved else self.dict.pop(key, None))

    @precondition(lambda self: not self.saved)
    @rule(elements=st.sets(keys, min_size=1, max_size=4))
    def they_toggle(self, elements: set[str]) -> None:
        assert self.tell("toggle", elements) is None
        self.set ^= elements

    @rule()
    def they_read(self) -> None:
        expected, elements = self.saved[0][1:] if self.saved else (self.dict, self.set)
        pairs = sorted(expected.items(), key=lambda pair: order(pair[0]))
        assert self.tell("read") == (pairs, sorted(elements, key=order))

    @precondition(lambda self: not self.saved)
    @rule(key=keys, value=numbers)
    def they_put_beside_a_snapshot(self, key: str, value: int) -> None:
        with self.env.snapshot():
            assert self.tell("put", key, value) is None
            self.same()
        self.dict[key] = value

    @invariant()
    def same(self) -> None:
        assert list(self.d.items()) == sorted(self.dict.items(), key=lambda pair: order(pair[0]))
        assert len(self.d) == len(self.dict)
        assert list(reversed(self.s)) == sorted(self.set, key=order, reverse=True)
        assert self.s == self.set


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
