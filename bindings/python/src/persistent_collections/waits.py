"""Lets signal handlers, and other asynchronous exceptions, end waits for the write lock."""

from __future__ import annotations

import ctypes

from . import _raw as raw
from ._abstract import Generator
from ._typing import Any
from .acceleration import WRITES
from .callers import MAIN_INTERPRETER, ThreadLocal
from .errors import WaitInterruptedError

__all__ = ["make_interruptible", "what_interrupted"]


def _questions(box: list[BaseException | None]) -> Generator[int, Any, None]:
    """A generator that answers whether to end a wait; resuming it lets Python handle signals.

    It is resumed inside `try`, so that it catches an exception that arrives then, without a step
    in between at which Python could be interrupted.
    """
    try:
        while True:
            yield 0
    except GeneratorExit:
        # The check was replaced.
        return
    except BaseException as error:
        box[0] = error
        yield 1


class _Waits(ThreadLocal):  # type: ignore[misc]
    """The check of a thread, which its first access sets."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.ask(library)

    def ask(self, library: ctypes.CDLL) -> None:
        """Installs a new check, also after the old one has ended a wait."""
        box: list[BaseException | None] = [None]
        questions = _questions(box)
        next(questions)
        check = raw.pc_interrupt(questions.send)
        library.pc_set_interrupt(check, None)
        # Stops the previous one.
        self.check, self.box = check, box
        WRITES.interruptible = True


_waits: list[_Waits] = []


def make_interruptible(library: ctypes.CDLL) -> None:
    """Lets asynchronous exceptions end the waits of the calling thread."""
    if not MAIN_INTERPRETER:
        # The library would call back into the main interpreter, also after this one has ended.
        return
    if not _waits:
        _waits.append(_Waits(library))
    # The first access of each thread sets its check.
    _waits[0].check  # noqa: B018


def what_interrupted(library: ctypes.CDLL, message: str) -> BaseException:
    """Returns the exception that has ended the thread's wait."""
    found = _waits[0].box[0] if _waits else None
    if found is None:
        return WaitInterruptedError(message)
    _waits[0].ask(library)
    return found
