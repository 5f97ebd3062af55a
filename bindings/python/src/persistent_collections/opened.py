"""The base of environments: their transactions, and their state after a fork."""

from __future__ import annotations

import ctypes
from ctypes import byref

from . import _checked as checked
from . import acceleration
from ._typing import Any
from .callers import current_caller
from .errors import BadHandleError, Error, ForkedError, WaitInterruptedError
from .handles import Handled, Opening, Registry, environments, process
from .lending import Lender, Pin
from .levels import Level, Stacks
from .waits import make_interruptible

__all__ = ["Opened"]


class Opened(acceleration.HotEnvironment, Handled):
    """The part of `Environment` that its calls and those of its collections use."""

    path: str
    _is_remote: bool
    _library: ctypes.CDLL
    #: The transactions of each thread.
    _local: Any
    #: The collections that were opened in it.
    _parts: Registry
    #: What calls must check first: open transactions of tasks and greenlets, and dead ones.
    _guards: set[Level | Stacks]
    #: The openings that its snapshots begin in, by process.
    _lenders: dict[int, Lender]
    #: The process in which it and its collections are open.
    _settled: int
    #: Device and inode of its data file.
    _files: tuple[int, int] | None

    def _usable(self) -> int:
        self._check_open()
        if self._guards:
            self._arrange()
        if self._settled != process():
            self._settle()
            # Another thread may have closed it meanwhile.
            self._check_open()
        return self._expose(self)

    def _check_open(self) -> None:
        if self._closed:
            raise BadHandleError(f"the environment {self.path!r} was closed")

    # In the child of a fork.

    def _inherit(self) -> None:
        """Marks, in a child, everything that is open as the parent's."""
        self._hide()
        for part in self._parts.living():
            part._hide()
        stacks = self._stacks()
        stacks.current = None
        dead = [level for root in stacks.roots for level in root]
        for level in dead:
            level.dead = True
        self._guards = set(dead)

    def _settle(self) -> None:
        """Reopens the parent's environment and collections in this process, the child of a fork.

        It reopens all of them before one is used: inside a transaction or a snapshot, the others
        could not be opened without waiting for other threads, or at all. Threads that call it at
        the same time each open the remaining ones, without waiting for each other.
        """
        while self._settled != process() and not self._closed:
            self._reopen()
            for other in environments():
                # A reopened environment is part of the same transactions.
                if self._files is not None and other._files == self._files:
                    _try_to_reopen(other)

    def _reopen(self) -> None:
        here = process()
        if self._settled != here and not self._closed:
            if here not in self._openings:
                self._hold(self._reopened(list(self._openings.values())[-1]))
            for part in self._parts.living():
                _try_to_reopen(part)
            self._settled = here

    def _reopened(self, first: Opening) -> Opening:
        """Opens again the files that are open in this process, or were in the parent."""
        library = self._library
        opening = Opening(library.pc_env_close)
        checked.check(library, library.pc_env_reopen(first.handle, byref(opening.out)))
        return opening

    # Transactions.

    def _stacks(self) -> Stacks:
        """Returns the open transactions of this thread."""
        try:
            stacks: Stacks = self._local.stacks
        except AttributeError:
            make_interruptible(self._library)
            stacks = self._local.stacks = Stacks(self._local)
        block = acceleration.open_block(self)
        if block is not None:
            block._move_to(stacks)
        return stacks

    def _writing(self) -> None:
        """Refuses a write in another task's transaction; otherwise makes iterators fetch again."""
        make_interruptible(self._library)
        if self._guards:
            self._stacks().refuse_write(current_caller())
        checked.WRITES.count += 1

    def _guard(self, by: Level | Stacks) -> None:
        """Makes calls check first which transaction they are part of."""
        self._guards.add(by)
        self._hide()
        for part in self._parts.living():
            part._hide()

    def _arrange(self, ending: bool = False) -> None:
        """Makes the caller's transaction the one that the thread's calls are part of."""
        stacks = self._stacks()
        if not ending:
            stacks.settle()
        root = stacks.of(current_caller()) or ()
        # It does not exist yet if it is about to begin.
        innermost = next((level for level in reversed(root) if level.handle), None)
        if innermost is not None and innermost.dead:
            if ending:
                return
            raise ForkedError(
                "a transaction or snapshot around this call began before a fork, and belongs to "
                "the parent; leave its block first"
            )
        wanted = innermost.handle if innermost is not None else 0
        # In a child that has not reopened anything, the library has no transaction.
        if wanted != stacks.current and self._settled == process():
            stacks.current = None
            library = self._library
            status = library.pc_txn_set_current(self._held, wanted, None)
            if not ending:
                checked.check(library, status)
            stacks.current = wanted
        if not ending:
            self._guards -= {by for by in self._guards.copy() if by.is_over(stacks)}

    def _lender_of_snapshots(self) -> Lender:
        """Returns the opening that this environment's snapshots begin in."""
        here = process()
        lender = self._lenders.get(here)
        if lender is None:
            opening = self._reopened(self._openings[here])
            lender = self._lenders.setdefault(here, Lender(self._library, opening))
        if self._closed:
            # Another thread has closed it meanwhile.
            lender.close()
        self._check_open()
        self._heat_lender(lender.handle)
        return lender

    def _pin(self) -> Pin | None:
        """Returns the pin of this thread's snapshot; None outside a snapshot."""
        stacks = self._stacks()
        if not stacks.roots:
            return None
        root = stacks.of(current_caller())
        outermost = root[0] if root else None
        if outermost is None or outermost.dead or outermost.lender is None:
            return None
        # The opening that it began in: after a close of the environment, it is the only one.
        return outermost.lend(outermost.lender) if outermost.handle else None

    def _in_transaction(self) -> bool:
        """Whether this thread has a current transaction, begun in Python or not."""
        library = self._library
        return checked.number(library, library.pc_txn_current, self._handle) != 0


def _try_to_reopen(handled: Any) -> None:
    try:
        handled._reopen()
    except WaitInterruptedError:
        raise
    except Error:
        # An object that cannot be reopened, such as a collection dropped meanwhile, does not stop
        # the others. Its next use tries again, and raises the reason.
        return
