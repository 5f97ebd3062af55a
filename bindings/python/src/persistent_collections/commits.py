"""Waits for commits, in a thread or in a task of asyncio."""

from __future__ import annotations

import ctypes
import math
from ctypes import byref, c_uint64, c_void_p

from . import _checked as checked
from . import _raw as raw
from ._typing import TYPE_CHECKING, Any
from .arguments import count, milliseconds
from .errors import InTransactionError, InvalidArgumentError

if TYPE_CHECKING:
    import asyncio

__all__ = ["last_commit", "limit", "traits", "wait", "wait_in_thread"]

_TRAITS = {
    raw.PC_TRAIT_REMOTE: "remote",
    raw.PC_TRAIT_LENDS: "lends",
    raw.PC_TRAIT_RAW: "raw",
    raw.PC_TRAIT_COPY: "copy",
    raw.PC_TRAIT_CHECK: "check",
    raw.PC_TRAIT_LEN_IS_CHEAP: "len_is_cheap",
    raw.PC_TRAIT_CONFLICTS: "conflicts",
}


def limit(timeout: float) -> int:
    """Returns a timeout for the library."""
    if timeout == math.inf:
        return -1
    limited = milliseconds("timeout", timeout)
    # As long as the library's longest timeout: a mistake rather than a wish.
    if limited >= milliseconds("timeout", math.inf):
        raise InvalidArgumentError("timeout is longer than ten years; give math.inf for no timeout")
    return limited


def last_commit(library: ctypes.CDLL, handle: int) -> int:
    """Returns the number of the newest commit."""
    commit = c_uint64()
    checked.check(library, library.pc_env_wait(handle, byref(commit), 0))
    return commit.value


def wait(library: ctypes.CDLL, handle: int, since: int, timeout: int) -> int | None:
    """Returns the number of a commit that is newer than `since`; None on a timeout."""
    commit = c_uint64(count("since", since, 64))
    status = checked.check(library, library.pc_env_wait(handle, byref(commit), timeout))
    return None if status == raw.PC_TIMEOUT else commit.value


def traits(library: ctypes.CDLL, handle: int) -> frozenset[str]:
    """Returns the names of what the engine can do."""
    bits = ctypes.c_uint32()
    checked.check(library, library.pc_env_traits(handle, byref(bits)))
    return frozenset(name for bit, name in _TRAITS.items() if bits.value & bit)


async def wait_in_thread(
    library: ctypes.CDLL, handle: int, since: int, timeout: int, in_transaction: bool
) -> int | None:
    """Does the same as `wait` in a thread of its own, which ends when the task is cancelled."""
    import asyncio
    import threading

    if in_transaction:
        raise InTransactionError("a wait inside a transaction would see no commit; end it first")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[int | None] = loop.create_future()
    # While it waits, the library asks for the length of this text, which is not 0 after a
    # cancellation. A check in Python would need the global lock 20 times in a second.
    asked = ctypes.create_string_buffer(2)
    check = ctypes.cast(ctypes.CDLL(None).strlen, raw.pc_interrupt)

    def run() -> None:
        result: int | None = None
        failure: BaseException | None = None
        try:
            library.pc_set_interrupt(check, ctypes.cast(asked, c_void_p))
            result = wait(library, handle, since, timeout)
        except BaseException as error:
            failure = error
        finally:
            library.pc_set_interrupt(raw.pc_interrupt(), None)
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, done, result, failure)

    # Not a worker of an executor: as many waits as there are workers would stop all other work.
    threading.Thread(target=run, name="persistent_collections wait", daemon=True).start()
    try:
        return await done
    finally:
        asked[0] = b"\1"


def _settle(done: asyncio.Future[Any], result: int | None, failure: BaseException | None) -> None:
    if done.cancelled():
        return
    if failure is None:
        done.set_result(result)
    else:
        done.set_exception(failure)
