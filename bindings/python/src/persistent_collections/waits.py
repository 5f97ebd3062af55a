"""Waits for the write lock that signal handlers, and other exceptions from outside, can end."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from typing import Any

from . import _raw as raw
from .acceleration import WRITES
from .callers import MAIN_INTERPRETER, ThreadLocal
from .errors import WaitInterruptedError

__all__ = ["make_interruptible", "what_interrupted"]


def _questions(box: list[BaseException | None]) -> Generator[int, Any, None]:
    """Answers whether to end a wait; a question lets Python handle the signals that are pending.

    It is resumed inside of `try`, so that an exception which arrives with that is caught, and
    nothing that Python could interrupt lies between that and the answer.
    """
    try:
        while True:
            yield 0
    except GeneratorExit:
        # It is not asked any more.
        return
    except BaseException as error:
        box[0] = error
        yield 1


class _Waits(ThreadLocal):  # type: ignore[misc]
    """What a thread asks, set once for each thread, when it first comes here."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.ask(library)

    def ask(self, library: ctypes.CDLL) -> None:
        """Asks from now on, also after a wait was ended."""
        box: list[BaseException | None] = [None]
        questions = _questions(box)
        next(questions)
        check = raw.pc_interrupt(questions.send)
        library.pc_set_interrupt(check, None)
        # The one before is not asked any more.
        self.check, self.box = check, box
        WRITES.interruptible = True


_waits: list[_Waits] = []


def make_interruptible(library: ctypes.CDLL) -> None:
    """Lets exceptions from outside end the waits of the calling thread."""
    if not MAIN_INTERPRETER:
        # The library would ask in the first one, also when this one is gone.
        return
    if not _waits:
        _waits.append(_Waits(library))
    # The first look of each thread sets its check.
    _waits[0].check  # noqa: B018


def what_interrupted(library: ctypes.CDLL, message: str) -> BaseException:
    """The exception that has ended the thread's wait."""
    found = _waits[0].box[0] if _waits else None
    if found is None:
        return WaitInterruptedError(message)
    _waits[0].ask(library)
    return found
