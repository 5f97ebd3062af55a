"""The package's records of open transactions: each thread's stacks of them."""

from __future__ import annotations

import ctypes
import weakref
from ctypes import addressof, byref, c_uint64

from . import _checked as checked
from . import _raw as raw
from ._abstract import Callable
from ._typing import TYPE_CHECKING, Any
from .callers import CODE_OF_THREAD, Caller, Owner, has_greenlets
from .errors import InTransactionError
from .handles import environments, process
from .owned import End, end_with

if TYPE_CHECKING:
    from typing import Protocol

    from .acceleration import HotBlock
    from .lending import Lender, Pin

    class Root(Protocol):
        """The environment of a transaction."""

        path: str
        _handle: int
        _library: ctypes.CDLL
        _lenders: dict[int, Lender]

        @property
        def _guards(self) -> set[Any]: ...

        @property
        def _held(self) -> int: ...

        def _stacks(self) -> Stacks: ...

        def _guard(self, by: Level | Stacks) -> None: ...

        def _arrange(self, ending: bool = False) -> None: ...

        def _lender_of_snapshots(self) -> Lender: ...


__all__ = ["Level", "Root", "Stacks"]

#: Statuses after which a transaction stays open.
_GOES_ON = (raw.PC_ERR_WRONG_THREAD, raw.PC_ERR_NOT_INNERMOST, raw.PC_ERR_FORKED)


class Level:
    """One transaction, from before it begins until the library reports that it has ended.

    It ends with `held`, an object that lives as long as the block: C code then aborts it, so that
    an asynchronous exception loses no handle, wherever it arrives. Python updates the package's own
    records then, or when the thread begins its next transaction.
    """

    __slots__ = (
        *("__weakref__", "_cell", "_end", "_gone", "_library", "dead", "environment", "kind"),
        *("lender", "owner", "pin", "root", "stacks"),
    )

    def __init__(
        self, environment: Root, stacks: Stacks, kind: int, caller: Caller, held: object
    ) -> None:
        self.environment: Root = environment
        self.kind: int = kind
        self._library = environment._library
        #: Whether it began before a fork, and this is the child.
        self.dead: bool = False
        #: The opening that a snapshot began in; only the outermost one has it.
        self.lender: Lender | None = None
        #: Keeps the snapshot open if it has lent arrays; only the outermost one has it.
        self.pin: Pin | None = None
        self.stacks: Stacks = stacks
        self.owner: Owner = Owner(caller)
        #: The stack: those around it, itself and those inside it.
        self.root: list[Level] = []
        self._cell = c_uint64()
        self._end: End | None = end_with(held, self._library.pc_txn_abort, self._cell)
        # Called before or after the one above; the order does not matter.
        self._gone: object = weakref.ref(held, self._left)

    @property
    def handle(self) -> int:
        """Returns the library's handle; 0 before it has begun, and after it has ended."""
        pin = self.pin
        return self._cell.value or (pin.transaction if pin is not None else 0)

    @property
    def lost(self) -> bool:
        """Whether it needs tidying up: it has ended, or the object that it ends with is gone."""
        return self._end is None or self._end() is None

    def begin(self, around: list[Level] | None, caller: Caller, timeout: int) -> None:
        """Begins it inside the transactions `around` it, or as an outermost one."""
        environment, stacks = self.environment, self.stacks
        try:
            handle = environment._handle
            # Recorded before it begins, so that it is never unknown.
            if around is None:
                self.root = [self]
                stacks.roots.append(self.root)
            else:
                self.root = around
                around.append(self)
            if caller is not CODE_OF_THREAD or has_greenlets():
                environment._guard(self)
            if around is None and self.kind == raw.PC_TXN_READ:
                self.lender = environment._lender_of_snapshots()
                handle = self.lender.handle
            stacks.current = None
            checked.WRITES.count += 1
            library = self._library
            self._refuse_unknown(handle)
            checked.check(
                library, library.pc_txn_begin(handle, self.kind, timeout, byref(self._cell))
            )
        except BaseException:
            self.undo()
            raise

    def _refuse_unknown(self, handle: int) -> None:
        """Refuses to begin inside a transaction that was not begun by a block of this package."""
        current = c_uint64()
        status = self._library.pc_txn_current(handle, byref(current))
        if status != raw.PC_OK or not current.value or self.stacks.has(current.value):
            return
        # Openings of the same files are part of the same transactions.
        if True not in [other._stacks().has(current.value) for other in environments()]:
            raise InTransactionError(
                "this thread has an open transaction that no block of this package began; "
                "the caller that began it must end it first (pc_txn_commit or pc_txn_abort)"
            )

    def take_over(self, block: HotBlock) -> None:
        """Takes over an outermost transaction that the accelerator has begun."""
        environment = self.environment
        self.root = [self]
        self.stacks.roots.append(self.root)
        if self.kind == raw.PC_TXN_READ:
            self.lender = environment._lenders.get(process())
        self.stacks.current = None
        block._hand_over(addressof(self._cell))

    def lend(self, lender: Lender) -> Pin:
        """Returns the pin that keeps the snapshot open while memory that it has lent is in use."""
        pin = self.pin
        if pin is None:
            pin = lender.pin()
            self.pin = pin
        if self._cell.value:
            # For a moment, both own it; no memory is lent yet.
            pin.take_from(self._cell)
            self._cell.value = 0
        return pin

    def finish(self, end: Callable[[int], int]) -> int:
        """Ends it, as the innermost one, and returns the library's status."""
        status = raw.PC_OK
        pin = self.pin
        if self.dead:
            pass
        elif self._cell.value:
            status = end(self._cell)  # type: ignore[arg-type]
            if status in _GOES_ON:
                return status
        elif pin is not None and self.environment._stacks() is self.stacks:
            # It stays open without the thread while memory that it lent is in use.
            self.stacks.current = None
            pin.leave_thread()
        elif pin is not None and self.stacks.thread_lives():
            # Its own thread leaves it at the next call.
            self.environment._guard(self.stacks)
        self.forget()
        return status

    def forget(self) -> None:
        """Removes it from the package's records after its end. Can be called twice."""
        environment, stacks, root = self.environment, self.stacks, self.root
        self._cell.value = 0
        self._end = None
        self.pin = self.lender = None
        checked.WRITES.count += 1
        stacks.current = None
        if self in root:
            root.remove(self)
        stacks.drop_empty()
        if environment._guards:
            if environment._stacks() is stacks:
                environment._arrange(ending=True)
            environment._guards.discard(self)
        self._gone = None

    def is_over(self, stacks: Stacks) -> bool:
        """Returns whether it belonged to the thread and has ended."""
        return self.stacks is stacks and self._end is None

    def goes_on(self) -> bool:
        """Returns whether it is still open in the library."""
        environment, set_current = self.environment._held, self._library.pc_txn_set_current
        before = c_uint64()
        self.stacks.current = None
        status = set_current(environment, self.handle, byref(before))
        if status == raw.PC_OK:
            set_current(environment, before, None)
        return bool(status != raw.PC_ERR_BAD_HANDLE)

    def undo(self) -> None:
        """Aborts it with all that was begun inside."""
        root = self.root
        inside = root[root.index(self) :] if self in root else [self]
        for level in reversed(inside):
            level.finish(self._library.pc_txn_abort)

    def _left(self, _: object) -> None:
        self.undo()


class _Alive:
    """An object that lives as long as the thread that owns it."""

    __slots__ = ("__weakref__",)


class Stacks:
    """One thread's open transactions in an environment: stacks of nested blocks.

    One stack is for blocks begun outside of tasks and greenlets. Each task or greenlet that began a
    block outside of these has a stack of its own.
    """

    __slots__ = ("_alive", "current", "roots")

    def __init__(self, local: Any) -> None:
        alive = local.alive = _Alive()
        self._alive = weakref.ref(alive)
        self.roots: list[list[Level]] = []
        #: The handle of the transaction that the library uses for the thread's calls; None if
        #: unknown.
        self.current: int | None = None

    def has(self, handle: int) -> bool:
        """Whether one of them has this handle."""
        # Without a generator: an asynchronous exception that closes one is lost.
        return handle in [level.handle for root in self.roots for level in root]

    def thread_lives(self) -> bool:
        """Whether the thread has not ended."""
        return self._alive() is not None

    def is_over(self, stacks: Stacks) -> bool:
        """Whether these are the calling thread's: its calls left what another thread has ended."""
        return self is stacks

    def settle(self) -> None:
        """Tidies up after an asynchronous exception."""
        for root in self.roots[:]:
            for level in root[:]:
                if level.lost:
                    level.undo()
        self.drop_empty()

    def drop_empty(self) -> None:
        """Removes empty stacks."""
        # In one step, for other code that the thread runs meanwhile: a signal handler, a finalizer.
        self.roots[:] = [root for root in self.roots if root]

    def of(self, caller: Caller) -> list[Level] | None:
        """Returns the stack that calls are part of: the caller's, or the one around its tasks."""
        around = None
        for root in self.roots:
            if not root:
                continue
            owner = root[0].owner
            if owner.is_caller(caller):
                return root
            if owner.is_around(caller):
                around = root
        return around

    def refuse_write(self, caller: Caller) -> None:
        """Refuses a write while another task or greenlet has a write transaction open."""
        root = self.of(caller)
        if root is not None:
            innermost = root[-1].owner
            if innermost.is_caller(caller) or innermost.is_around(caller):
                return
            owners = [innermost]
        else:
            owners = [
                other[0].owner for other in self.roots if other and other[0].kind != raw.PC_TXN_READ
            ]
        if not owners:
            return
        if True in [owner.has_ended() for owner in owners]:
            raise InTransactionError(
                "a transaction that began earlier on this thread, for example in another cell of "
                "a notebook, was left open; end it with its commit() or abort()"
            )
        raise InTransactionError(
            "another task (of asyncio, trio or curio) or greenlet has a transaction open on "
            "this thread; it must not await, or switch, inside"
        )
