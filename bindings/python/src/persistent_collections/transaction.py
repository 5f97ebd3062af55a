"""Transactions and snapshots: blocks in which all reads and writes belong together."""

from __future__ import annotations

import functools
import math
import numbers
import weakref
from types import TracebackType
from typing import TYPE_CHECKING

from . import _checked as checked
from . import _raw as raw
from .callers import current_caller
from .errors import ForkedError, InTransactionError, NotInnermostError, WrongThreadError
from .levels import Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from .environment import Environment

__all__ = ["Block", "Transaction", "milliseconds"]

_LONGEST = 10 * 365 * 24 * 3600 * 1000


def milliseconds(seconds: float) -> int:
    """A waiting time for the library, rounded up; `inf` is ten years."""
    if not isinstance(seconds, numbers.Real):
        raise TypeError(f"a number of seconds is needed, not {type(seconds).__name__}")
    if seconds < 0 or seconds != seconds:
        raise ValueError("a waiting time is not negative")
    return _LONGEST if seconds * 1000 > _LONGEST else math.ceil(seconds * 1000)


class _Exit:
    """`__exit__` of blocks: one object for each block, whose end is the block's end.

    `with` looks `__exit__` up before it calls `__enter__`, and is alone to hold what it has found,
    until the block is left, in whichever way: by an exception inside `__enter__` or `__exit__`, or
    between these and the block. An object that each look-up makes tells the end of the block
    without a step of Python.
    """

    def __get__(self, block: Block | None, of: type[Block]) -> Callable[..., None]:
        if block is None:
            return of._leave
        leaving = functools.partial(of._leave, block)
        block._leaving = weakref.ref(leaving)
        return leaving


class Block:
    """A transaction or snapshot that begins with a `with` block and ends with it."""

    __slots__ = ("__weakref__", "_environment", "_kind", "_leaving", "_level", "_timeout")

    def __init__(self, environment: Environment, kind: int, timeout: float | None) -> None:
        self._environment = environment
        self._kind = kind
        self._timeout = -1 if timeout is None else milliseconds(timeout)
        self._level: Level | None = None
        #: What `with` has found as `__exit__`.
        self._leaving: Callable[[], object | None] | None = None

    def _begin(self) -> None:
        if self._active():
            raise InTransactionError("this transaction has begun already; make another")
        environment = self._environment
        caller = current_caller()
        stacks = environment._stacks()
        if stacks.roots:
            stacks.settle()
            if self._kind == raw.PC_TXN_WRITE:
                stacks.refuse_write(caller)
        # Called by hand, or by `contextlib`, it ends with this object at the latest. In no variable
        # here, which a traceback would keep.
        self._level = level = Level(
            environment, self._kind, caller, (self._leaving and self._leaving()) or self
        )
        level.begin(stacks.of(caller), caller, self._timeout)

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        level = self._level
        if level is None or not self._active():
            return
        if kind is not None or (level.dead and level.kind == raw.PC_TXN_READ):
            # The exception that leaves the block matters more than a failure to abort.
            level.undo()
            return
        try:
            self._end(self._environment._library.pc_txn_commit)
        except (ForkedError, NotInnermostError, WrongThreadError):
            level.undo()
            raise

    if TYPE_CHECKING:

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None: ...

    else:
        __exit__ = _Exit()

    def _active(self) -> bool:
        level = self._level
        return level is not None and not level.lost and level.handle != 0

    def _end(self, end: Callable[[int], int]) -> None:
        environment, level = self._environment, self._level
        if level is None or not self._active():
            raise InTransactionError("this transaction is not active")
        if level.dead:
            raise ForkedError(
                "the transaction began before a fork, and is the parent's; begin another"
            )
        if level.pin is not None and environment._stacks() is not level.stacks:
            raise WrongThreadError("a transaction can be ended only by the thread that began it")
        try:
            status = level.finish(end)
        except BaseException:
            # From outside, before the library has ended it or after.
            if not level.goes_on():
                level.forget()
            raise
        checked.check(environment._library, status)


class Transaction(Block):
    """A block of reads and writes that happen together; see `Environment.transaction`.

    It begins with the `with` block, commits at its end, and is aborted where an
    exception leaves the block. It belongs to the thread that began it, until it ends: do
    not `yield` inside the block from a generator. A generator that is closed or dropped
    inside of it aborts it, with what was begun inside since.

    >>> with env.transaction():
    ...     d["x"] = 1
    ...     d["y"] = 2
    >>> try:
    ...     with env.transaction():
    ...         d["x"] = 100
    ...         raise ValueError
    ... except ValueError:
    ...     d["x"]
    1
    """

    __slots__ = ()

    def __enter__(self) -> Transaction:
        self._begin()
        return self

    @property
    def active(self) -> bool:
        """Whether it has begun and not ended."""
        return self._active()

    def commit(self) -> None:
        """Ends the block early and keeps what was written."""
        self._end(self._environment._library.pc_txn_commit)

    def abort(self) -> None:
        """Ends the block early and undoes what was written.

        >>> with env.transaction() as transaction:
        ...     d["z"] = 3
        ...     transaction.abort()
        >>> "z" in d
        False
        """
        self._end(self._environment._library.pc_txn_abort)

    def __repr__(self) -> str:
        what = "snapshot" if self._kind == raw.PC_TXN_READ else "transaction"
        state = "active" if self._active() else "not active"
        return f"<{what} on {self._environment.path!r}, {state}>"
