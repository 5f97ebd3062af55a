"""Transactions and snapshots: blocks that group their reads and writes."""

from __future__ import annotations

from types import TracebackType

from . import _checked as checked
from . import _raw as raw
from ._typing import TYPE_CHECKING
from .acceleration import Exit, HotBlock
from .callers import CODE_OF_THREAD, current_caller
from .errors import ForkedError, InTransactionError, NotInnermostError, WrongThreadError
from .levels import Level

if TYPE_CHECKING:
    from .levels import Root, Stacks

__all__ = ["Block", "Transaction"]


class Block(HotBlock):
    """A transaction or snapshot that begins with a `with` block and ends with it."""

    __slots__ = ("_level",)

    _environment: Root
    #: The package's record of it; absent while the accelerator manages the block.
    _level: Level

    def _begin(self) -> None:
        if self._active():
            raise InTransactionError("this transaction has already begun; create another")
        environment = self._environment
        caller = current_caller()
        stacks = environment._stacks()
        if stacks.roots:
            stacks.settle()
            if self._kind != raw.PC_TXN_READ:
                stacks.refuse_write(caller)
        # If it is called directly, or by `contextlib`, it ends with this object at the latest. Not
        # kept in a variable, which a traceback would keep alive.
        self._level = level = Level(environment, stacks, self._kind, caller, self._holder)
        level.begin(stacks.of(caller), caller, self._timeout)

    def _move_to(self, stacks: Stacks) -> None:
        """Makes the block that the accelerator has begun one of the thread's levels."""
        stacks.settle()
        self._level = level = Level(
            self._environment, stacks, self._kind, CODE_OF_THREAD, self._holder
        )
        try:
            level.take_over(self)
        except BaseException:
            # The accelerator still has it, or the level has it.
            level.undo()
            raise

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_open:
            self._finish(kind is None, True)
            return
        level = getattr(self, "_level", None)
        if level is None or not self._active():
            return
        if kind is not None or (level.dead and level.kind == raw.PC_TXN_READ):
            # The exception that leaves the block matters more than a failure to abort.
            level.undo()
            return
        try:
            self._end(True)
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
        __exit__ = Exit()

    def _active(self) -> bool:
        if self._is_open:
            return True
        level = getattr(self, "_level", None)
        return level is not None and not level.lost and level.handle != 0

    def _end(self, commits: bool) -> None:
        if self._is_open:
            self._finish(commits, False)
            return
        environment, library = self._environment, self._environment._library
        level = getattr(self, "_level", None)
        if level is None or not self._active():
            raise InTransactionError("this transaction is not active")
        if level.dead:
            raise ForkedError(
                "the transaction began before a fork, and belongs to the parent; begin another"
            )
        if level.pin is not None and environment._stacks() is not level.stacks:
            raise WrongThreadError("a transaction can be ended only by the thread that began it")
        try:
            status = level.finish(library.pc_txn_commit if commits else library.pc_txn_abort)
        except BaseException:
            # An asynchronous exception, before or after the library has ended it.
            if not level.goes_on():
                level.forget()
            raise
        checked.check(library, status)


class Transaction(Block):
    """Groups the reads and writes of a `with` block; see `Environment.transaction`.

    It begins with the block, commits at its end, and is aborted if an exception leaves the block.
    It belongs to the thread that began it: a generator must not `yield` inside the block. If a
    generator is closed or garbage-collected inside the block, the transaction is aborted, with all
    that began inside it.

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

    if TYPE_CHECKING:

        def __enter__(self) -> Transaction:
            """Begins the block, by the accelerator or the base class here."""
            ...

    @property
    def active(self) -> bool:
        """Returns whether it has begun and not ended."""
        return self._active()

    def commit(self) -> None:
        """Commits before the end of the block."""
        self._end(True)

    def abort(self) -> None:
        """Aborts before the end of the block, and undoes its writes.

        >>> with env.transaction() as transaction:
        ...     d["z"] = 3
        ...     transaction.abort()
        >>> "z" in d
        False
        """
        self._end(False)

    def __repr__(self) -> str:
        what = "snapshot" if self._kind == raw.PC_TXN_READ else "transaction"
        state = "active" if self._active() else "not active"
        return f"<{what} on {self._environment.path!r}, {state}>"
