"""Environments: directories on disk that contain named dicts and sets."""

from __future__ import annotations

import ctypes
import math
import os
from ctypes import byref, c_int32, c_uint32, sizeof
from types import CoroutineType, TracebackType

from . import _checked as checked
from . import _raw as raw
from . import acceleration, commits
from ._abstract import Callable
from ._typing import TYPE_CHECKING, Any, TypeVar
from .arguments import (
    count,
    files_at,
    is_url,
    milliseconds,
    name_bytes,
    path_bytes,
    place_of,
    renamed,
)
from .callers import ThreadLocal
from .errors import (
    ArgumentTypeError,
    ConflictError,
    InvalidArgumentError,
    MapFullError,
    NoCollectionError,
    PathExistsError,
)
from .handles import Opening, Registry, process, register
from .opened import Opened
from .transaction import Transaction
from .waits import make_interruptible

if TYPE_CHECKING:
    from .reports import CheckReport, CollectionInfo, EnvironmentInfo, ReaderInfo

__all__ = ["Environment"]

T = TypeVar("T")

_DURABILITY = {
    "full": raw.PC_DURABILITY_FULL,
    "no_meta_sync": raw.PC_DURABILITY_NO_META_SYNC,
    "none": raw.PC_DURABILITY_NONE,
}
#: The kind of a transaction whose commit does not wait for stable storage.
_UNSYNCED = raw.PC_TXN_WRITE | raw.PC_TXN_NO_SYNC
_KINDS = {raw.PC_KIND_DICT: "dict", raw.PC_KIND_SET: "set", raw.PC_KIND_RAW: "raw"}


def _unescaped(text: str) -> str:
    parts = text.split("\\\\")
    return "\\".join(
        part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts
    )


class Environment(Opened):
    """An environment that holds named collections.

    `path` is a directory, which opening creates unless `create` is false (its parent must exist),
    or a URL `postgresql://host/database`: the environment is then in a PostgreSQL database.
    With `no_subdir`, `path` is the data file itself; a file called `data.mdb` is that of its
    directory. Other processes, in any language, can have the same environment open at the same
    time. If its files are removed or replaced meanwhile, calls raise `ReplacedError`.

    - `read_only`: refuse all writes. `immutable`: the same, and no other process writes either, so
      that no lock file is used.
    - `durability`: `"full"` (a write that returned survives a power loss), `"no_meta_sync"`
      (a crash of the system may undo the last writes), `"none"` (it may damage what was
      written since the last `flush`); `flush_interval` seconds between background flushes.
    - `write_timeout`: seconds that a write waits for another writer; `math.inf` has no timeout.
    - `map_size`, `mode`, `max_collections`, `max_readers`: zero means the default.
      `check_on_open`: first check the structure of the data file, as `check` does.

    Threads can share it. Use it as a context manager, or call `close`.

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
        check_on_open: bool = False,
        verify_on_open: bool | None = None,
    ) -> None:
        if verify_on_open is not None:
            renamed("verify_on_open", "check_on_open")
            check_on_open = check_on_open or verify_on_open
        self._options = {
            name: value
            for name, value in locals().items()
            if name not in ("self", "path", "verify_on_open")
        }
        #: Whether it can be written to, and no write waits for stable storage.
        self._forgets: bool = durability == "none" and not (read_only or immutable)
        encoded_path = path_bytes(path)
        self.path: str = os.fspath(path)
        #: Whether its calls wait for a server, so that none is made while Python's lock is held.
        self._is_remote: bool = is_url(encoded_path)
        self._local = ThreadLocal()
        self._parts = Registry()
        self._guards = set()
        self._lenders = {}
        self._settled = process()
        self._library = library = raw.load()
        acceleration.connect(library, lambda: make_interruptible(library))
        #: Makes the exception for a status of this thread's last call.
        self._failure: Callable[[int], BaseException] = lambda status: checked.failure(
            library, status
        )
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
            # Zero means the default, so the shortest timeout is a millisecond.
            wait = milliseconds("write_timeout", write_timeout)
            options.write_timeout_ms = -1 if write_timeout == math.inf else max(1, wait)
        for wanted, flag in (
            (read_only, raw.PC_ENV_READ_ONLY),
            (immutable, raw.PC_ENV_IMMUTABLE),
            (not create, raw.PC_ENV_NO_CREATE),
            (no_subdir, raw.PC_ENV_NO_SUBDIR),
            (check_on_open, raw.PC_ENV_VERIFY),
        ):
            if wanted:
                options.flags |= flag
        opening = Opening(library.pc_env_close)
        status = library.pc_env_open(encoded_path, byref(options), byref(opening.out))
        checked.check(library, status)
        self._begin_life(opening)
        if self._is_remote:
            # Without passwords, as it may be shown and pickled.
            _, shown = checked.fetched(library, library.pc_env_path, self._handle)
            self.path = shown.decode()
        #: The path in a pickle, which is valid in every working directory.
        self._place: str | None = place_of(os.fsdecode(self.path))
        self._files = None if self._is_remote else files_at(os.fsdecode(path), no_subdir)
        register(self)

    def close(self) -> None:
        """Closes the environment with all that was opened in it. Can be called twice.

        Arrays that a snapshot has lent stay valid, and keep the files open, until the last of them
        is garbage-collected.
        """
        self._closed = True
        # So that each raises an error that says its name.
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
        """Returns whether the environment was closed."""
        return self._closed

    def __enter__(self) -> Environment:
        # Raises if it is closed.
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
            from .errors import UnpicklableError

            raise UnpicklableError(
                f"{self!r} was opened by a path relative to a working directory that had none; "
                "open it by an absolute path to pickle it"
            )
        return _reopen, (self._place, self._options)

    def _repr_html_(self) -> str:
        from .notebook import escaped, table

        if self.closed:
            return f"<p>{escaped(repr(self))}</p>"
        found = self.collections()
        columns = ("name", "kind", "key", "value", "count")
        rows = ((it.name, it.kind, it.key, it.value, it.count) for it in found)
        return table(repr(self), columns, rows, len(found))

    # Transactions.

    def transaction(self, timeout: float | None = None, *, sync: bool = True) -> Transaction:
        """Returns a write transaction for a `with` block.

        All writes of this thread in the block, to any collection of the environment, are committed
        together at its end, or undone if an exception leaves it. Blocks nest, and an inner one can
        be undone alone. Beginning waits at most `timeout` seconds for another writer (None: the
        environment's `write_timeout`), then raises `BusyError`.

        With `sync=False`, the commit does not wait for stable storage, whatever the environment's
        `durability` is. A crash of the system may then lose the commits since the last `flush` or
        durable commit, or damage the file; a crash of the process loses nothing. Inside another
        transaction, `sync` has no effect.

        It belongs to the thread until it ends: all code that runs on the thread meanwhile is part
        of it. A generator must not `yield` inside it, since its caller would then run inside it.
        If tasks or greenlets share the thread, it belongs to the one that began it: the others read
        outside of it, and their writes raise `InTransactionError`.

        >>> with env.transaction():
        ...     d["here"] = 1
        ...     d["there"] = 1
        """
        wait = -1 if timeout is None else milliseconds("timeout", timeout)
        return Transaction(self, raw.PC_TXN_WRITE if sync else _UNSYNCED, wait)

    def snapshot(self) -> Transaction:
        """Returns a read transaction for a `with` block: all reads see one commit.

        Arrays of a dict with `value="f32[768]"`, for example, are then read-only views of the
        stored bytes, without a copy. An array that outlives the block keeps the snapshot, and the
        files, open until it is garbage-collected.

        >>> with env.snapshot():
        ...     before = len(d)
        ...     assert before == len(list(d))
        """
        return Transaction(self, raw.PC_TXN_READ, -1)

    def run(
        self,
        function: Callable[..., T],
        *arguments: Any,
        timeout: float | None = None,
        sync: bool = True,
    ) -> T:
        """Calls `function(*arguments)` in a write transaction and returns what it returned.

        `timeout` and `sync` are those of `transaction`.

        If the data outgrew the map, or another writer came first, it calls the function again in a
        new transaction. So the function must not have other effects.

        >>> env.run(d.increment, "visits")
        1
        """
        if not callable(function):
            raise ArgumentTypeError(f"run takes a function, not {type(function).__name__}")
        full_at = -1
        while True:
            try:
                with self.transaction(timeout, sync=sync):
                    result = function(*arguments)
                    if isinstance(result, CoroutineType):
                        # The caller would await it, and so run it, after the transaction has ended.
                        result.close()
                        raise ArgumentTypeError("run takes a plain function, not an async one")
                    return result
            except ConflictError:
                # Inside another transaction, that one has failed too, and must run again.
                if self._in_transaction():
                    raise
            except MapFullError:
                # If the map did not grow since the last try, it would be too small again.
                size = self.info().map_size
                if size == full_at or self._in_transaction():
                    raise
                full_at = size

    def flush(self) -> None:
        """Makes all commits so far durable, whatever `durability` is."""
        make_interruptible(self._library)
        checked.check(self._library, self._library.pc_flush(self._handle))

    # Commits of others.

    def last_commit(self) -> int:
        """Returns the number of the newest commit, for `wait`; 0 if there was none yet."""
        return commits.last_commit(self._library, self._handle)

    def wait(self, timeout: float = math.inf, *, since: int | None = None) -> int | None:
        """Waits for a commit newer than `since`, and returns the number of the newest commit.

        Commits of all processes and threads count, whichever collection they change. Returns None
        if there was none for `timeout` seconds; `math.inf` has no timeout. Without `since`, it
        waits for a commit after the call. To miss none, pass the number that the last wait
        returned or, before the first read, that of `last_commit`. Raises `InTransactionError`
        inside a transaction.

        >>> seen = env.last_commit()
        >>> d["Ada"] = 36  # in another process, for example
        >>> env.wait(since=seen) > seen
        True
        >>> env.wait(timeout=0) is None
        True
        """
        library = self._library
        make_interruptible(library)
        since = self.last_commit() if since is None else since
        return commits.wait(library, self._handle, since, commits.limit(timeout))

    async def wait_async(
        self, timeout: float = math.inf, *, since: int | None = None
    ) -> int | None:
        """Waits as `wait` does, in a task of asyncio: other tasks run meanwhile.

        The wait has a thread of its own, which ends soon after a cancellation.

        >>> async def follow():
        ...     seen = env.last_commit()
        ...     d["Ada"] = 37
        ...     return await env.wait_async(since=seen) > seen
        >>> asyncio.run(follow())
        True
        """
        since = self.last_commit() if since is None else since
        return await commits.wait_in_thread(
            self._library, self._handle, since, commits.limit(timeout), self._in_transaction()
        )

    def traits(self) -> frozenset[str]:
        """Returns what the environment's engine can do, of these.

        `"remote"`: each call may be a round trip. `"lends"`: arrays in a snapshot are views of the
        stored bytes. `"raw"`: collections of other LMDB programs can be used. `"copy"`, `"check"`:
        these methods work. `"len_is_cheap"`: lengths are stored. `"conflicts"`: a commit can raise
        `ConflictError`.

        >>> "copy" in env.traits()
        True
        """
        return commits.traits(self._library, self._handle)

    # The catalog.

    def info(self) -> EnvironmentInfo:
        """Returns sizes and counts of the environment.

        >>> env.info().page_size >= 4096
        True
        """
        from .reports import EnvironmentInfo

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
            last_commit=stat.last_txn,
            oldest_reader_commit=stat.oldest_reader_txn,
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
        """Copies the newest commit to `path`, while others can read and write.

        The copy is a directory, or a file if this environment is one (`no_subdir`). With `compact`,
        the copy has no free pages, and copying takes longer. If `path` is anything but an empty
        directory, nothing is changed, and it raises `PathExistsError`, a `FileExistsError`. It
        cannot be called inside a write transaction.

        >>> env.copy(directory, compact=True)
        >>> with Environment(directory, create=False) as copied:
        ...     copied.schema("d").key
        'str'
        """
        library = self._library
        flags = raw.PC_COPY_COMPACT if compact else 0
        status = library.pc_env_copy(self._handle, path_bytes(path), flags)
        if checked.check(library, status) == raw.PC_EXISTS:
            raise PathExistsError(f"{os.fspath(path)!r} exists; nothing was changed")

    def readers(self) -> list[ReaderInfo]:
        """Lists the reader slots in use, of all processes.

        A snapshot that is far behind prevents free pages from being reused, so that the file grows.

        >>> with env.snapshot():
        ...     _ = len(d)
        ...     any(reader.process == os.getpid() for reader in env.readers())
        True
        """
        from .reports import ReaderInfo

        library = self._library
        _, listing = checked.fetched(library, library.pc_env_readers, self._handle)
        found = []
        for line in listing.decode("ascii").splitlines():
            process, thread, commit, behind = line.split("\t")
            seen = None if commit == "-" else int(commit)
            found.append(ReaderInfo(int(process), int(thread), seen, int(behind)))
        return found

    def check(self) -> CheckReport:
        """Reads every page in use, and reports how many there are.

        If the data file is damaged, it raises `CorruptedError`, which names the first damaged page.
        Other threads and processes can read and write meanwhile. Values are not decoded. With
        `check_on_open`, opening checks the file before anything else reads it.

        >>> env.check().lost
        0
        """
        from .reports import CheckReport

        library = self._library
        _, listing = checked.fetched(library, library.pc_env_check, self._handle)
        figures = dict(line.split("\t") for line in listing.decode("ascii").splitlines())
        return CheckReport(*(int(figures[name]) for name in CheckReport._fields))

    def reap_readers(self) -> int:
        """Frees the reader slots of processes that were killed, and returns their number."""
        reaped = c_uint32()
        library = self._library
        checked.check(library, library.pc_env_reap_readers(self._handle, byref(reaped)))
        return reaped.value

    def collections(self) -> list[CollectionInfo]:
        """Lists all collections, ordered by name."""
        from .reports import CollectionInfo

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
        """Returns the kind and the types of a collection.

        Raises `NoCollectionError`, a `KeyError`, if it does not exist.
        """
        from .reports import CollectionInfo

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
        """Removes a collection with all its entries.

        Raises `NoCollectionError`, a `KeyError`, if it does not exist.
        """
        self._writing()
        library = self._library
        status = library.pc_collection_drop(self._handle, name_bytes(name))
        if checked.check(library, status) == raw.PC_NOT_FOUND:
            raise self._without(name)

    def _without(self, name: str) -> NoCollectionError:
        return NoCollectionError(f"{self!r} has no collection {name!r}")


def _reopen(path: str, options: dict[str, Any]) -> Environment:
    # A pickled collection existed; an empty new one in its place would be a different one.
    return Environment(path, **{**options, "create": False})


def library_of(environment: Environment) -> ctypes.CDLL:
    """The library, for the collections of an environment."""
    if not isinstance(environment, Environment):
        raise ArgumentTypeError(f"an Environment is needed, not {type(environment).__name__}")
    return environment._library
