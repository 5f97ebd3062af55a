"""Environments: directories on disk that hold named dicts and sets."""

from __future__ import annotations

import ctypes
import functools
import html
import inspect
import math
import os
from collections.abc import Callable
from ctypes import byref, c_int32, c_uint32, sizeof
from types import TracebackType
from typing import Any, TypeVar

from . import _checked as checked
from . import _raw as raw
from . import acceleration
from .arguments import count, files_at, milliseconds, name_bytes, path_bytes, place_of
from .callers import ThreadLocal, current_caller
from .errors import (
    ArgumentTypeError,
    BadHandleError,
    ConflictError,
    Error,
    ForkedError,
    InvalidArgumentError,
    MapFullError,
    NoCollectionError,
    PathExistsError,
    UnpicklableError,
    WaitInterruptedError,
)
from .handles import Handled, Opening, Registry, environments, process, register
from .lending import Lender, Pin
from .levels import Level, Stacks
from .notebook import table
from .reports import CheckReport, CollectionInfo, EnvironmentInfo, ReaderInfo
from .transaction import Transaction
from .waits import make_interruptible

__all__ = ["Environment"]

T = TypeVar("T")

_DURABILITY = {
    "full": raw.PC_DURABILITY_FULL,
    "no_meta_sync": raw.PC_DURABILITY_NO_META_SYNC,
    "none": raw.PC_DURABILITY_NONE,
}
_KINDS = {raw.PC_KIND_DICT: "dict", raw.PC_KIND_SET: "set", raw.PC_KIND_RAW: "raw"}


def _unescaped(text: str) -> str:
    parts = text.split("\\\\")
    return "\\".join(
        part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts
    )


class Environment(acceleration.HotEnvironment, Handled):
    """An LMDB environment that holds named collections.

    `path` is a directory, made with the first use unless `create` is false (its
    parent must exist); with `no_subdir` it is the data file itself, of which one called
    `data.mdb` is its directory's. Other processes, in any language, may have the same environment
    open at the same time. Files that are removed or replaced meanwhile are a `ReplacedError`.

    - `read_only`: refuse all writes. `immutable`: as well, nobody else writes; no lock file.
    - `durability`: `"full"` (a write that returned survives a power loss), `"no_meta_sync"`
      (a crash of the system may undo the last writes), `"none"` (it may damage what was
      written since the last `flush`); `flush_interval` seconds between background flushes.
    - `write_timeout`: seconds that a write waits for another writer; `math.inf` for ever.
    - `map_size`, `mode`, `max_collections`, `max_readers`, `verify_on_open`: zero or false
      is the default, which is good.

    Threads may share it. Use it as a context manager, or `close` it.

    >>> with Environment(directory) as env:
    ...     d = PersistentDict(env, "ages", key=str, value=int)
    ...     d["Ada"] = 36
    ...     d["Ada"]
    36
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        immutable: bool = False,
        create: bool = True,
        no_subdir: bool = False,
        durability: str = "full",
        flush_interval: float | None = None,
        write_timeout: float | None = None,
        map_size: int = 0,
        mode: int = 0,
        max_collections: int = 0,
        max_readers: int = 0,
        verify_on_open: bool = False,
    ) -> None:
        self._options = {
            name: value for name, value in locals().items() if name not in ("self", "path")
        }
        encoded_path = path_bytes(path)
        self.path: str = os.fspath(path)
        self._local = ThreadLocal()
        self._parts = Registry()
        #: What calls must look at first: open transactions of tasks and greenlets, and dead ones.
        self._guards: set[Level | Stacks] = set()
        #: What its snapshots are begun in, by process.
        self._lenders: dict[int, Lender] = {}
        #: The process in which it and its collections are open.
        self._settled: int = process()
        self._library = library = raw.load()
        acceleration.connect(library, functools.partial(make_interruptible, library))
        #: Gives the exception for a status of this thread's last call.
        self._failure: Callable[[int], BaseException] = functools.partial(checked.failure, library)
        self._fail_by(self._failure)
        make_interruptible(library)
        if not isinstance(durability, str):
            raise ArgumentTypeError(f"durability is a str, not {type(durability).__name__}")
        if durability not in _DURABILITY:
            raise InvalidArgumentError(
                f"durability is one of {', '.join(_DURABILITY)}, not {durability!r}"
            )
        options = raw.pc_env_options()
        size = sizeof(options)
        checked.check(library, library.pc_env_options_init(byref(options), size))
        options.map_size = count("map_size", map_size, 64)
        options.mode = count("mode", mode, 32)
        options.max_collections = count("max_collections", max_collections, 32)
        options.max_readers = count("max_readers", max_readers, 32)
        options.durability = _DURABILITY[durability]
        if flush_interval is not None:
            options.flush_interval_ms = milliseconds("flush_interval", flush_interval)
        if write_timeout is not None:
            # Zero asks for the default; the shortest wait is a millisecond.
            wait = milliseconds("write_timeout", write_timeout)
            options.write_timeout_ms = -1 if write_timeout == math.inf else max(1, wait)
        for wanted, flag in (
            (read_only, raw.PC_ENV_READ_ONLY),
            (immutable, raw.PC_ENV_IMMUTABLE),
            (not create, raw.PC_ENV_NO_CREATE),
            (no_subdir, raw.PC_ENV_NO_SUBDIR),
            (verify_on_open, raw.PC_ENV_VERIFY),
        ):
            if wanted:
                options.flags |= flag
        opening = Opening(library.pc_env_close)
        status = library.pc_env_open(encoded_path, byref(options), byref(opening.out))
        checked.check(library, status)
        self._begin_life(opening)
        #: What a pickle says of it: the path only, whatever the working directory becomes.
        self._place: str | None = place_of(os.fsdecode(path))
        self._files: tuple[int, int] | None = files_at(os.fsdecode(path), no_subdir)
        register(self)

    def close(self) -> None:
        """Closes it with all that was opened in it; again does nothing.

        Arrays that a snapshot of it has lent stay good; until the last of them is gone, the
        files stay open.
        """
        self._closed = True
        # So that each says by name why it cannot be used.
        for part in self._parts.living():
            part._hide()
        checked.WRITES.count += 1
        status = self._close_held()
        lender = self._lenders.get(process())
        if lender is not None:
            lender.close()
        checked.check(self._library, status)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

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
        """Notes, in a child, that all of it is the parent's."""
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
        """Reopens in this process, the child of a fork, what the parent had open.

        All of it, before any of it is used: inside a transaction or a snapshot, the rest could
        not be opened without waiting for other threads, or at all. Threads that come here at once
        each open what is left; none of them waits for another.
        """
        while self._settled != process() and not self._closed:
            self._reopen()
            for other in environments():
                # One that was opened again is part of the same transactions.
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
        """Another opening of the files that are open in this process, or were in the parent."""
        library = self._library
        opening = Opening(library.pc_env_close)
        checked.check(library, library.pc_env_reopen(first.handle, byref(opening.out)))
        return opening

    def __enter__(self) -> Environment:
        # Closed, this is the place to say so.
        self._handle  # noqa: B018
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __copy__(self) -> Environment:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Environment:
        return self

    def __repr__(self) -> str:
        return f"Environment({self.path!r}{', closed' if self.closed else ''})"

    def __reduce__(self) -> tuple[Callable[..., Environment], tuple[Any, ...]]:
        if self._place is None:
            raise UnpicklableError(
                f"{self!r} was opened by a path relative to a working directory that had none; "
                "open it by an absolute path to pickle it"
            )
        return _reopen, (self._place, self._options)

    def _repr_html_(self) -> str:
        if self.closed:
            return f"<p>{html.escape(repr(self))}</p>"
        found = self.collections()
        columns = ("name", "kind", "key", "value", "count")
        rows = ((it.name, it.kind, it.key, it.value, it.count) for it in found)
        return table(repr(self), columns, rows, len(found))

    # Transactions.

    def transaction(self, timeout: float | None = None) -> Transaction:
        """A write transaction, to be used with `with`.

        Everything that this thread does in the block, on any collection of the
        environment, happens together at its end, or not at all if an exception leaves
        the block. Blocks nest: an inner one can be undone alone. Waits `timeout` seconds
        for another writer (None: the environment's `write_timeout`), then `BusyError`.

        It is the thread's until it ends: whatever runs on the thread meanwhile is part of it.
        So do not `yield` inside it from a generator, whose caller would then run inside it.
        Where tasks or greenlets share the thread it is theirs: others that run meanwhile read
        outside of it, and their writes are an `InTransactionError`.

        >>> with env.transaction():
        ...     d["here"] = 1
        ...     d["there"] = 1
        """
        wait = -1 if timeout is None else milliseconds("timeout", timeout)
        return Transaction(self, raw.PC_TXN_WRITE, wait)

    def snapshot(self) -> Transaction:
        """A read transaction, to be used with `with`: all reads see one moment.

        Arrays of a dict such as `value="f32[768]"` are read-only views of the stored bytes then,
        which nobody copies. One that is kept keeps the snapshot, and the files open, until it
        is gone.

        >>> with env.snapshot():
        ...     before = len(d)
        ...     assert before == len(list(d))
        """
        return Transaction(self, raw.PC_TXN_READ, -1)

    def run(self, function: Callable[..., T], *arguments: Any, timeout: float | None = None) -> T:
        """Calls `function(*arguments)` in a write transaction and returns what it returned.

        It is called again, in a new transaction, where the data outgrew the map or
        another writer came first; so it must have no other effects.

        >>> env.run(d.increment, "visits")
        1
        """
        if not callable(function):
            raise ArgumentTypeError(f"run takes a function, not {type(function).__name__}")
        full_at = -1
        while True:
            try:
                with self.transaction(timeout):
                    result = function(*arguments)
                    if inspect.iscoroutine(result):
                        # Whoever awaits it would run it when the transaction is over.
                        result.close()
                        raise ArgumentTypeError("run takes a plain function, not an async one")
                    return result
            except ConflictError:
                # Inside another transaction that one failed too, and must run again.
                if self._in_transaction():
                    raise
            except MapFullError:
                # A map that did not grow since the last time will not hold it this time.
                size = self.info().map_size
                if size == full_at or self._in_transaction():
                    raise
                full_at = size

    def flush(self) -> None:
        """Makes everything written so far durable, whatever `durability` is."""
        make_interruptible(self._library)
        checked.check(self._library, self._library.pc_flush(self._handle))

    def _stacks(self) -> Stacks:
        """This thread's open transactions."""
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
        """Before each write: refuses it in another task's transaction, and tells iterators."""
        make_interruptible(self._library)
        if self._guards:
            self._stacks().refuse_write(current_caller())
        checked.WRITES.count += 1

    def _guard(self, by: Level | Stacks) -> None:
        """From now on calls look first at which transaction they are part of."""
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
        # One that is about to begin is not there yet.
        innermost = next((level for level in reversed(root) if level.handle), None)
        if innermost is not None and innermost.dead:
            if ending:
                return
            raise ForkedError(
                "a transaction or snapshot around this call began before a fork, and is the "
                "parent's; leave its block first"
            )
        wanted = innermost.handle if innermost is not None else 0
        # In a child that has not opened anything anew, the library has no transaction.
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
        """The opening that this environment's snapshots are begun in."""
        here = process()
        lender = self._lenders.get(here)
        if lender is None:
            opening = self._reopened(self._openings[here])
            lender = self._lenders.setdefault(here, Lender(self._library, opening))
        if self._closed:
            # By another thread meanwhile.
            lender.close()
        self._check_open()
        self._heat_lender(lender.handle)
        return lender

    def _pin(self) -> Pin | None:
        """What holds this thread's snapshot; None outside of one, and in a write transaction."""
        stacks = self._stacks()
        if not stacks.roots:
            return None
        root = stacks.of(current_caller())
        outermost = root[0] if root else None
        if outermost is None or outermost.dead or outermost.lender is None:
            return None
        # That of its beginning: where the environment is closed since, there is no other.
        return outermost.lend(outermost.lender) if outermost.handle else None

    def _in_transaction(self) -> bool:
        """Whether this thread has a current transaction, begun in Python or not."""
        library = self._library
        return checked.number(library, library.pc_txn_current, self._handle) != 0

    # The catalog.

    def info(self) -> EnvironmentInfo:
        """Sizes and counts.

        >>> env.info().page_size >= 4096
        True
        """
        stat = raw.pc_env_stat()
        stat.struct_size = sizeof(stat)
        checked.check(self._library, self._library.pc_env_info(self._handle, byref(stat)))
        names = {number: name for name, number in _DURABILITY.items()}
        return EnvironmentInfo(
            map_size=stat.map_size,
            file_size=stat.file_size,
            page_size=stat.page_size,
            pages_used=stat.pages_used,
            pages_free=stat.pages_free,
            last_transaction=stat.last_txn,
            oldest_reader_transaction=stat.oldest_reader_txn,
            max_readers=stat.max_readers,
            readers=stat.readers,
            max_collections=stat.max_collections,
            collections=stat.collections,
            durability=names[stat.durability],
            pages_held=stat.pages_held,
            data_format=stat.data_format,
            lock_format=stat.lock_format,
        )

    def copy(self, path: str | os.PathLike[str], compact: bool = False) -> None:
        """Copies the newest commit to `path`, while others go on reading and writing.

        The copy is a directory, or a file where this environment is one (`no_subdir`). With
        `compact` it has no free pages, and takes longer. If anything but an empty directory
        is there, that is left and a `PathExistsError` raised, a `FileExistsError`. Not
        inside one's own write transaction.

        >>> env.copy(directory, compact=True)
        >>> with Environment(directory, create=False) as copied:
        ...     copied.schema("d").key
        'str'
        """
        library = self._library
        flags = raw.PC_COPY_COMPACT if compact else 0
        status = library.pc_env_copy(self._handle, path_bytes(path), flags)
        if checked.check(library, status) == raw.PC_EXISTS:
            raise PathExistsError(f"{os.fspath(path)!r} exists; it was left as it is")

    def readers(self) -> list[ReaderInfo]:
        """The reader slots that are taken, by all processes.

        A snapshot that is far behind keeps free pages from being used, so that the file grows.

        >>> with env.snapshot():
        ...     _ = len(d)
        ...     any(reader.process == os.getpid() for reader in env.readers())
        True
        """
        library = self._library
        _, listing = checked.fetched(library, library.pc_env_readers, self._handle)
        found = []
        for line in listing.decode("ascii").splitlines():
            process, thread, transaction, behind = line.split("\t")
            seen = None if transaction == "-" else int(transaction)
            found.append(ReaderInfo(int(process), int(thread), seen, int(behind)))
        return found

    def check(self) -> CheckReport:
        """Reads every page in use and tells whether the data file is whole.

        Damage is a `CorruptedError` that names the first page. Others go on reading and
        writing. Values are not decoded. `verify_on_open` does the same before anything else
        reads the file.

        >>> env.check().lost
        0
        """
        library = self._library
        _, listing = checked.fetched(library, library.pc_env_check, self._handle)
        figures = dict(line.split("\t") for line in listing.decode("ascii").splitlines())
        return CheckReport(*(int(figures[name]) for name in CheckReport._fields))

    def reap_readers(self) -> int:
        """Frees the reader slots of processes that were killed; returns how many there were."""
        reaped = c_uint32()
        library = self._library
        checked.check(library, library.pc_env_reap_readers(self._handle, byref(reaped)))
        return reaped.value

    def collections(self) -> list[CollectionInfo]:
        """All collections, ordered by name."""
        library = self._library
        _, listing = checked.fetched(library, library.pc_env_list, self._handle)
        found = []
        for line in listing.decode("utf-8").split("\n")[:-1]:
            name, kind, key, value, count = line.split("\t")
            if kind == "raw":
                key = value = ""
            found.append(CollectionInfo(_unescaped(name), kind, key, value, int(count)))
        return found

    def schema(self, name: str) -> CollectionInfo:
        """Kind and types of one collection.

        If there is none of that name, that is a `NoCollectionError`, a `KeyError`.
        """
        kind = c_int32()
        library = self._library
        status, types = checked.fetched(
            library, library.pc_collection_schema, self._handle, name_bytes(name), byref(kind)
        )
        if status == raw.PC_NOT_FOUND:
            raise self._without(name)
        key, value = types.decode("utf-8").split("\0")[:2]
        return CollectionInfo(name, _KINDS[kind.value], key, value, None)

    def drop(self, name: str) -> None:
        """Removes a collection with all it holds.

        If there is none of that name, that is a `NoCollectionError`, a `KeyError`.
        """
        self._writing()
        library = self._library
        status = library.pc_collection_drop(self._handle, name_bytes(name))
        if checked.check(library, status) == raw.PC_NOT_FOUND:
            raise self._without(name)

    def _without(self, name: str) -> NoCollectionError:
        return NoCollectionError(f"{self!r} has no collection {name!r}")


def _try_to_reopen(handled: Any) -> None:
    try:
        handled._reopen()
    except WaitInterruptedError:
        raise
    except Error:
        # What cannot be reopened, a collection that was dropped meanwhile say, does not keep the
        # rest from it. It is tried again, and says why it cannot be, where it is used.
        return


def _reopen(path: str, options: dict[str, Any]) -> Environment:
    # What a pickle is of was there; an empty one in its place would be another.
    return Environment(path, **{**options, "create": False})


def library_of(environment: Environment) -> ctypes.CDLL:
    """The library, for the collections of an environment."""
    if not isinstance(environment, Environment):
        raise ArgumentTypeError(f"an Environment is needed, not {type(environment).__name__}")
    return environment._library
