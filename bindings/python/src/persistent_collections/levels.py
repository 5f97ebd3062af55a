"""Begun transactions, as the package knows them: each thread's stacks of them."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from ctypes import addressof, byref, c_uint64
from typing import TYPE_CHECKING, Any, Protocol

from . import _checked as checked
from . import _raw as raw
from .callers import CODE_OF_THREAD, Caller, Owner, has_greenlets
from .errors import InTransactionError
from .handles import environments, process
from .owned import End, end_with

if TYPE_CHECKING:
    from .acceleration import HotBlock
    from .lending import Lender, Pin

__all__ = ["Level", "Root", "Stacks"]

#: Statuses after which a transaction goes on.
_GOES_ON = (raw.PC_ERR_WRONG_THREAD, raw.PC_ERR_NOT_INNERMOST, raw.PC_ERR_FORKED)


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


class Level:
    """One transaction, from before it begins until the library reports that it has ended.

    It ends with `held`, an object that lives as long as the block: C code then aborts it, so that
    an exception from outside loses no handle, wherever it arrives. Python updates the package's own
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
        #: Whether it was begun before a fork, and this is the child.
        self.dead: bool = False
        #: The opening that a snapshot was begun in; the outermost one has it.
        self.lender: Lender | None = None
        #: What holds the snapshot where it has lent arrays; the outermost one has it.
        self.pin: Pin | None = None
        self.stacks: Stacks = stacks
        self.owner: Owner = Owner(caller)
        #: Those around it, itself and those inside it.
        self.root: list[Level] = []
        self._cell = c_uint64()
        self._end: End | None = end_with(held, self._library.pc_txn_abort, self._cell)
        # Called before or after the one above, in which order does not matter.
        self._gone: object = weakref.ref(held, self._left)

    @property
    def handle(self) -> int:
        """Returns the library's handle; 0 before it has begun, and after it has ended."""
        pin = self.pin
        return self._cell.value or (pin.transaction if pin is not None else 0)

    @property
    def lost(self) -> bool:
        """Whether it is to be put in order: over, or left by what it should end with."""
        return self._end is None or self._end() is None

    def begin(self, around: list[Level] | None, caller: Caller, timeout: int) -> None:
        """Begins it inside of the transactions `around` it, or as an outermost one."""
        environment, stacks = self.environment, self.stacks
        try:
            handle = environment._handle
            # In its place before it begins, so that it is never unknown.
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
        """Refuses to begin inside of a transaction that no block of this package has begun."""
        current = c_uint64()
        status = self._library.pc_txn_current(handle, byref(current))
        if status != raw.PC_OK or not current.value or self.stacks.has(current.value):
            return
        # Openings of the same files are part of the same transactions.
        if True not in [other._stacks().has(current.value) for other in environments()]:
            raise InTransactionError(
                "this thread has a transaction open that no block of this package has begun; "
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
        """What holds the snapshot as long as something that it has lent is alive."""
        pin = self.pin
        if pin is None:
            pin = lender.pin()
            self.pin = pin
        if self._cell.value:
            # For a moment it is both's; nothing is lent yet.
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
            # It goes on without the thread, as long as anything that it lent is alive.
            self.stacks.current = None
            pin.leave_thread()
        elif pin is not None and self.stacks.thread_lives():
            # Its own thread leaves it with its next call.
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
    """Alive as long as the thread that has it as its own."""

    __slots__ = ("__weakref__",)


class Stacks:
    """One thread's open transactions of an environment: stacks of blocks inside each other.

    There is one stack for what was begun outside of tasks and greenlets, and one for each of these
    that has begun something outside of that.
    """

    __slots__ = ("_alive", "current", "roots")

    def __init__(self, local: Any) -> None:
        alive = local.alive = _Alive()
        self._alive = weakref.ref(alive)
        self.roots: list[list[Level]] = []
        #: The handle of the one that the library takes the thread's calls for part of; None: it
        #: may be any.
        self.current: int | None = None

    def has(self, handle: int) -> bool:
        """Whether that is the handle of one of them."""
        # Not by a generator: an exception from outside that closes one is lost.
        return handle in [level.handle for root in self.roots for level in root]

    def thread_lives(self) -> bool:
        """Whether the thread has not ended."""
        return self._alive() is not None

    def is_over(self, stacks: Stacks) -> bool:
        """Whether it is the thread's own: its calls have left what another thread has ended."""
        return self is stacks

    def settle(self) -> None:
        """Puts what an exception from outside has left in order."""
        for root in self.roots[:]:
            for level in root[:]:
                if level.lost:
                    level.undo()
        self.drop_empty()

    def drop_empty(self) -> None:
        """Forgets stacks that hold nothing any more."""
        # One step for other code of the thread that looks meanwhile: a signal handler, a finalizer.
        self.roots[:] = [root for root in self.roots if root]

    def of(self, caller: Caller) -> list[Level] | None:
        """The stack that calls are part of: the caller's own, or the one around all its tasks."""
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
                "a transaction that was begun earlier on this thread, in another cell of a "
                "notebook say, was left open; end it with its commit() or abort()"
            )
        raise InTransactionError(
            "another task (of asyncio, trio or curio) or greenlet has a transaction open on "
            "this thread; it must not await, or switch, inside"
        )
