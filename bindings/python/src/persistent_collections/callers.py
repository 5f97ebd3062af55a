"""The caller of a function: the thread, greenlet and task, since several can share a thread."""

from __future__ import annotations

import _thread
import ctypes
import sys
import weakref

from ._typing import Any

__all__ = [
    "CODE_OF_THREAD",
    "MAIN_INTERPRETER",
    "Caller",
    "Owner",
    "ThreadLocal",
    "current_caller",
    "has_greenlets",
]


def _thread_local() -> Any:
    """Returns the class of thread-local data, per thread of the system.

    gevent and eventlet may replace it by a class that is local to a greenlet, but the library knows
    only threads. It is `threading.local`, which takes longer to import.
    """
    if _thread._local.__module__ == "_thread":
        return _thread._local
    classes = object.__subclasses__()
    return next(
        each for each in classes if each.__module__ == "_thread" and each.__name__ == "_local"
    )


if sys.implementation.name == "cpython":
    ThreadLocal: Any = _thread_local()
else:
    ThreadLocal = _thread._local


def _is_main_interpreter() -> bool:
    if sys.implementation.name != "cpython":
        return True
    state = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyInterpreterState_Get", ctypes.pythonapi))
    number = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(
        ("PyInterpreterState_GetID", ctypes.pythonapi)
    )
    return bool(number(state()) == 0)


#: Whether this is the process's main interpreter, and not a subinterpreter. Callbacks from C code
#: run in the main one.
MAIN_INTERPRETER: bool = _is_main_interpreter()


class Caller:
    """The greenlet and the task of a call; None for the thread's own code, outside of them."""

    __slots__ = ("greenlet", "task")

    def __init__(self, greenlet: Any, task: Any) -> None:
        self.greenlet: Any = greenlet
        self.task: Any = task


#: The caller outside of greenlets and tasks.
CODE_OF_THREAD = Caller(None, None)


def has_greenlets() -> bool:
    """Whether greenlets may exist: code that switches to one has imported greenlet."""
    return "greenlet" in sys.modules


def _greenlet() -> Any:
    """Returns the running greenlet; None if it is the thread's main one."""
    greenlet = sys.modules.get("greenlet")
    # None of it is there while it is imported.
    current = getattr(greenlet, "getcurrent", None)
    if current is None:
        return None
    running = current()
    return None if running.parent is None else running


def _asyncio_task() -> Any:
    asyncio = sys.modules.get("asyncio")
    running_loop = getattr(asyncio, "_get_running_loop", None)
    if asyncio is None or running_loop is None or running_loop() is None:
        return None
    return asyncio.current_task()


def _trio_task() -> Any:
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)
    if lowlevel is None:
        return None
    try:
        return lowlevel.current_task()
    except RuntimeError:
        # This thread runs no task of it at the moment.
        return None


def _curio_task() -> Any:
    # It has no function for this but an async one.
    state = getattr(sys.modules.get("curio.meta"), "_locals", None)
    kernel = getattr(state, "kernel", None)
    if kernel is None:
        return None
    return next((task for task in kernel._tasks.values() if task.state == "RUNNING"), None)


def current_caller() -> Caller:
    """Returns the calling greenlet and task: of asyncio, trio or curio."""
    task = _asyncio_task() or _trio_task() or _curio_task()
    greenlet = _greenlet()
    if task is None and greenlet is None:
        return CODE_OF_THREAD
    return Caller(greenlet, task)


def _remembered(it: Any) -> Any:
    if it is None:
        return None
    try:
        return weakref.ref(it)
    except TypeError:
        # A task of a user's class that has no weak references.
        return lambda: it


def _is(remembered: Any, it: Any) -> bool:
    if remembered is None or it is None:
        return remembered is it
    return remembered() is it


def _has_ended(it: Any) -> bool:
    """Whether a task or greenlet reports that it has ended."""
    done = getattr(it, "done", None)
    if callable(done):
        return bool(done())
    return bool(getattr(it, "dead", False) or getattr(it, "terminated", False))


class Owner:
    """The caller that began a block; this does not keep it alive."""

    __slots__ = ("_greenlet", "_task")

    def __init__(self, caller: Caller) -> None:
        self._greenlet = _remembered(caller.greenlet)
        self._task = _remembered(caller.task)

    def is_caller(self, caller: Caller) -> bool:
        """Returns whether it is this caller."""
        return _is(self._task, caller.task) and _is(self._greenlet, caller.greenlet)

    def has_ended(self) -> bool:
        """Whether its task or greenlet has ended, so that it can no longer leave the block."""
        for remembered in (self._task, self._greenlet):
            if remembered is not None:
                it = remembered()
                if it is None or _has_ended(it):
                    return True
        return False

    def is_around(self, caller: Caller) -> bool:
        """Whether the caller is a task of an event loop that runs inside this one's block."""
        return self._task is None and _is(self._greenlet, caller.greenlet)
