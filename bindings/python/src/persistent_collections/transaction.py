"""Transactions and snapshots: blocks in which all reads and writes belong together."""

from __future__ import annotations

import math
import numbers
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _checked as checked
from . import _raw as raw
from .errors import InTransactionError

if TYPE_CHECKING:
    from .environment import Environment

__all__ = ["Transaction", "current_task", "milliseconds"]

_LONGEST = 10 * 365 * 24 * 3600 * 1000


def milliseconds(seconds: float) -> int:
    """A waiting time for the library, rounded up; `inf` is ten years."""
    if not isinstance(seconds, numbers.Real):
        raise TypeError(f"a number of seconds is needed, not {type(seconds).__name__}")
    if seconds < 0 or seconds != seconds:
        raise ValueError("a waiting time is not negative")
    return _LONGEST if seconds * 1000 > _LONGEST else math.ceil(seconds * 1000)


def current_task() -> Any:
    """The running asyncio task, or None."""
    # Whoever runs a task has imported asyncio.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return None
    return asyncio.current_task()


class Transaction:
    """A block of reads and writes that happen together; see `Environment.transaction`.

    It begins with the `with` block, commits at its end, and is aborted where an
    exception leaves the block. It belongs to the thread that began it, until it ends: do
    not `yield` inside the block from a generator.

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

    __slots__ = ("_environment", "_handle", "_kind", "_task", "_timeout")

    def __init__(self, environment: Environment, kind: int, timeout: float | None) -> None:
        self._environment = environment
        self._kind = kind
        self._timeout = -1 if timeout is None else milliseconds(timeout)
        self._handle = 0
        self._task: Any = None

    def __enter__(self) -> Transaction:
        if self._handle:
            raise InTransactionError("this transaction has begun already; make another")
        task = current_task()
        environment = self._environment
        outer = environment._innermost()
        if outer is not None and outer._task is not task:
            raise InTransactionError(
                "another asyncio task has a transaction open on this thread; end it before awaiting"
            )
        library = environment._library
        self._handle = checked.opened(
            library, library.pc_txn_begin, environment._handle, self._kind, self._timeout
        )
        self._task = task
        environment._stack().append(self)
        checked.WRITES.count += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._handle:
            return
        if kind is None:
            self.commit()
            return
        library = self._environment._library
        # The exception that leaves the block matters more than a failure to abort.
        library.pc_txn_abort(self._retire())

    def _retire(self) -> int:
        """Forgets the handle, whatever ending it will return."""
        handle, self._handle = self._handle, 0
        stack = self._environment._stack()
        if self in stack:
            stack.remove(self)
        checked.WRITES.count += 1
        self._task = None
        return handle

    @property
    def active(self) -> bool:
        """Whether it has begun and not ended."""
        return self._handle != 0

    def commit(self) -> None:
        """Ends the block early and keeps what was written."""
        self._end("pc_txn_commit")

    def abort(self) -> None:
        """Ends the block early and undoes what was written.

        >>> with env.transaction() as transaction:
        ...     d["z"] = 3
        ...     transaction.abort()
        >>> "z" in d
        False
        """
        self._end("pc_txn_abort")

    def _end(self, call: str) -> None:
        library = self._environment._library
        if not self._handle:
            raise InTransactionError("this transaction is not active")
        if self._environment._innermost() is not self:
            # The library refuses with the right words and changes nothing.
            checked.check(library, getattr(library, call)(self._handle))
        checked.check(library, getattr(library, call)(self._retire()))

    def __repr__(self) -> str:
        what = "snapshot" if self._kind == raw.PC_TXN_READ else "transaction"
        state = "active" if self._handle else "not active"
        return f"<{what} on {self._environment.path!r}, {state}>"
