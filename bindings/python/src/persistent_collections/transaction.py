"""Transactions and snapshots: blocks in which all reads and writes belong together."""

from __future__ import annotations

import math
import numbers
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _checked as checked
from . import _raw as raw
from .errors import ForkedError, InTransactionError, NotInnermostError, WrongThreadError
from .lending import Lender, Pin

if TYPE_CHECKING:
    from .environment import Environment

__all__ = ["Stacks", "Transaction", "current_task", "milliseconds"]

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


class Stacks:
    """One thread's open transactions of an environment: stacks of blocks inside each other.

    There is one stack for all that was begun outside of asyncio tasks, and one for each task
    that has begun something outside of that.
    """

    __slots__ = ("current", "roots", "thread")

    def __init__(self) -> None:
        self.thread: threading.Thread = threading.current_thread()
        self.roots: list[list[Transaction]] = []
        #: The handle of the one that the library takes the thread's calls for part of.
        self.current: int = 0

    def of(self, task: Any) -> list[Transaction] | None:
        """The stack that a task's calls are part of: its own, or the one around all tasks."""
        around = None
        for root in self.roots:
            owner = root[0]._task
            if owner is task:
                return root
            if owner is None:
                around = root
        return around

    def refuse_write(self, task: Any) -> None:
        """Refuses a write of a task while another one has a write transaction open."""
        root = self.of(task)
        if root is not None:
            innermost = root[-1]._task
            refused = innermost is not None and innermost is not task
        else:
            refused = any(other[0]._kind == raw.PC_TXN_WRITE for other in self.roots)
        if refused:
            raise InTransactionError(
                "another asyncio task has a transaction open on this thread; "
                "it must not await inside"
            )


class Transaction:
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

    __slots__ = (
        *("_dead", "_environment", "_handle", "_kind", "_lender", "_pin"),
        *("_root", "_stacks", "_task", "_timeout"),
    )

    #: Those of the thread that began it.
    _stacks: Stacks

    def __init__(self, environment: Environment, kind: int, timeout: float | None) -> None:
        self._environment = environment
        self._kind = kind
        self._timeout = -1 if timeout is None else milliseconds(timeout)
        self._handle = 0
        self._task: Any = None
        #: The blocks around it, itself and those inside it.
        self._root: list[Transaction] = []
        #: What the snapshot was begun in; the outermost block has it.
        self._lender: Lender | None = None
        #: Holds the snapshot where it has lent arrays; the outermost block has it.
        self._pin: Pin | None = None
        #: Whether it was begun before a fork, and this is the child.
        self._dead = False

    def __enter__(self) -> Transaction:
        if self._handle:
            raise InTransactionError("this transaction has begun already; make another")
        task = current_task()
        environment = self._environment
        stacks = environment._stacks()
        if self._kind == raw.PC_TXN_WRITE:
            stacks.refuse_write(task)
        root = stacks.of(task)
        if task is not None:
            environment._guard(self)
        try:
            handle = environment._handle
            if root is None and self._kind == raw.PC_TXN_READ:
                self._lender = environment._lender_of_snapshots()
                handle = self._lender.handle
            library = environment._library
            self._handle = checked.opened(
                library, library.pc_txn_begin, handle, self._kind, self._timeout
            )
        except BaseException:
            environment._guards.discard(self)
            raise
        self._task, self._stacks = task, stacks
        if root is None:
            root = []
            stacks.roots.append(root)
        root.append(self)
        self._root = root
        stacks.current = self._handle
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
        if kind is not None or (self._dead and self._kind == raw.PC_TXN_READ):
            # The exception that leaves the block matters more than a failure to abort.
            self._undo()
            return
        try:
            self.commit()
        except (ForkedError, NotInnermostError, WrongThreadError):
            self._undo()
            raise

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
        environment = self._environment
        library = environment._library
        if not self._handle:
            raise InTransactionError("this transaction is not active")
        if self._dead:
            raise ForkedError(
                "the transaction began before a fork, and is the parent's; begin another"
            )
        if self._root[-1] is not self or environment._stacks() is not self._stacks:
            # The library refuses with the right words and changes nothing, or marks it.
            checked.check(library, getattr(library, call)(self._handle))
        status = self._finish(getattr(library, call))
        checked.check(library, status)

    def _undo(self) -> None:
        """Aborts it with all that was begun inside."""
        library = self._environment._library
        for transaction in reversed(self._root[self._root.index(self) :]):
            transaction._finish(library.pc_txn_abort)

    def _finish(self, end: Any) -> int:
        """Ends it in the library and forgets it, whatever the library says."""
        environment, stacks, root = self._environment, self._stacks, self._root
        handle, self._handle = self._handle, 0
        pin, self._pin, self._lender = self._pin, None, None
        root.remove(self)
        if not root:
            stacks.roots.remove(root)
        checked.WRITES.count += 1
        status = raw.PC_OK
        if not self._dead:
            if pin is None:
                status = end(handle)
                if stacks.current == handle:
                    stacks.current = root[-1]._handle if root else 0
            elif environment._stacks() is stacks:
                # It goes on without the thread, as long as anything that it lent is alive.
                pin.leave_thread()
                stacks.current = 0
            elif stacks.thread.is_alive():
                # Its own thread leaves it with its next call.
                environment._guard(stacks)
            if environment._guards and environment._stacks() is stacks:
                environment._arrange(ending=True)
        environment._guards.discard(self)
        self._task = None
        return int(status)

    def __repr__(self) -> str:
        what = "snapshot" if self._kind == raw.PC_TXN_READ else "transaction"
        state = "active" if self._handle else "not active"
        return f"<{what} on {self._environment.path!r}, {state}>"
