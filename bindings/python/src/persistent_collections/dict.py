"""`PersistentDict`: a dict on disk, ordered by key."""

from __future__ import annotations

from ctypes import byref, c_int64, c_size_t

from . import _checked as checked
from . import _raw as raw
from . import _scalars as scalars
from . import acceleration, arrays
from ._abstract import Iterable, Mapping, MutableMapping
from ._typing import TYPE_CHECKING, Any, cast, overload
from .arguments import listed
from .collection import key_codec_for, value_codec_for
from .comparison import equal_mappings, joined, plain_dict
from .environment import Environment
from .many import NO_DEFAULT
from .one import OneKey
from .types import parse, request
from .values import ArrayValues, CodecValues, value_codec

__all__ = ["ABSENT", "PersistentDict"]

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar

    from .codec import Codec
    from .editing import Edit

    # If type checkers cannot see the type, as in `key="u32"`, keys and values are Any.
    K = TypeVar("K", default=Any)
    V = TypeVar("V", default=Any)
else:
    from ._typing import TypeVar

    K = TypeVar("K")
    V = TypeVar("V")
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


#: Means in `PersistentDict.compare_exchange` that the key is absent.
ABSENT = _Absent()


class PersistentDict(acceleration.HotDict, OneKey[K, V], MutableMapping[K, V]):
    """A dict on disk: the collection `name` of an environment, ordered by key.

    `key` and `value` are Python types (`str bytes int float bool UUID date datetime`,
    tuples of these as keys), type strings (`"u32"`, `"f32[768]"`), NumPy dtypes, or `"any"`
    for all that can be stored. None takes the stored type, or `any` if the dict is new;
    `int` and `float` take any stored width. With `create=False`, the dict must exist.

    Each write is stored before it returns, by itself or as part of the thread's
    transaction. Looking up a key that the dict cannot hold finds nothing; storing it raises
    `UnstorableError`, a `TypeError` and `ValueError`. Returned values are copies: to change a list
    in place and store it, use `edit`.

    `codec` is an object with `encode(value) -> bytes` and `decode(bytes) -> value`, for values
    of which only the bytes are stored; other languages, and programs without the codec, read the
    bytes. A codec can use pickle if all writers are trusted: unpickling can run arbitrary code.

    `copy.copy`, `copy.deepcopy` and `copy()` return a plain dict with the same entries. A pickle
    holds the path and the name, and opens the same dict again.

    An iterator sees the dict as it was when the iteration began, whatever is written meanwhile.
    Inside a write transaction, it sees the transaction's own writes: a loop that adds keys ahead
    of the iterator reaches them.

    >>> ages = PersistentDict(env, "ages", key=str, value=int)
    >>> ages["Ada"] = 36
    >>> ages["Alan"] = 41
    >>> list(ages.items())
    [('Ada', 36), ('Alan', 41)]
    >>> PersistentDict[str, int](env, "ages") == {"Ada": 36, "Alan": 41}
    True
    """

    _close_call = "pc_dict_close"

    @overload
    def __init__(
        self,
        environment: Environment,
        name: str,
        *,
        key: type[K],
        value: type[V],
        create: bool = True,
    ) -> None: ...

    @overload
    def __init__(
        self,
        environment: Environment,
        name: str,
        *,
        key: type[K],
        codec: Codec[V],
        create: bool = True,
    ) -> None: ...

    @overload
    def __init__(
        self,
        environment: Environment,
        name: str,
        *,
        key: Any = None,
        value: Any = None,
        codec: Codec[Any] | None = None,
        create: bool = True,
    ) -> None: ...

    def __init__(
        self,
        environment: Environment,
        name: str,
        *,
        key: Any = None,
        value: Any = None,
        codec: Codec[Any] | None = None,
        create: bool = True,
    ) -> None:
        if codec is not None:
            value = bytes if value is None else value
            # Refused before a new dict is created.
            CodecValues(value_codec(parse(str(request(value).text))), codec)
        (key_asked, value_asked), (key_stored, value_stored) = self._open(
            environment,
            name,
            {"key": key, "value": value},
            "pc_dict_open",
            "pc_dict_schema",
            create,
        )
        self._keys = key_codec_for("keys", name, key_asked, key_stored, self._is_raw)
        self._values = value_codec_for(name, value_asked, value_stored, self._is_raw)
        self._codec = codec
        if codec is not None:
            self._values = CodecValues(self._values, codec)
        self._key_type, self._value_type = key_stored, value_stored
        #: Whether snapshots lend its values.
        self._lends = (
            isinstance(self._values, ArrayValues)
            and arrays.CAN_BORROW
            and not environment._is_remote
        )
        acceleration.prepare(self, self._keys, self._values)

    @property
    def key_type(self) -> str:
        """Returns the stored type of the keys."""
        return self._key_type

    @property
    def value_type(self) -> str:
        """Returns the stored type of the values."""
        return self._value_type

    def __repr__(self) -> str:
        types = f"key={self._key_type!r}, value={self._value_type!r}"
        return f"{type(self).__name__}({self._name!r}, {types})"

    def _how_to_reopen(self) -> dict[str, Any]:
        return {**super()._how_to_reopen(), "codec": self._codec}

    def _repr_html_(self) -> str:
        from .notebook import table

        return self._table(lambda: table(repr(self), ("key", "value"), self.items(), len(self)))

    @classmethod
    def fromkeys(
        cls,
        environment: Environment,
        name: str,
        keys: Iterable[K],
        default: Any = None,
        **types: Any,
    ) -> Self:
        """Opens a dict and stores one value under many keys, in one transaction.

        `types` are the keyword arguments of the constructor. Other keys stay as they are.

        >>> dict(PersistentDict[str, int].fromkeys(env, "counts", ["a", "b"], 0))
        {'a': 0, 'b': 0}
        """
        made = cls(environment, name, **types)
        made.update((key, default) for key in listed(made._what, keys))
        return made

    # One key.

    def put_new(self, key: K, value: V) -> bool:
        """Stores a value if the key is absent, and returns whether it stored it.

        >>> d.put_new("a", 1), d.put_new("a", 2), d["a"]
        (True, False, 1)
        """
        return self._put(self._library.pc_dict_put_new, key, value) == raw.PC_OK

    @overload
    def setdefault(self: PersistentDict[K, T | None], key: K, default: None = None) -> T | None: ...

    @overload
    def setdefault(self, key: K, default: V) -> V: ...

    def setdefault(self, key: K, default: Any = None) -> Any:
        """Returns the value of a key; if it is absent, stores `default` first. It is atomic."""
        while True:
            data = self._fetch(key)
            if data is not None:
                return self._decoded(key, data)
            if self.put_new(key, default):
                return default

    def take(self, key: K) -> V:
        """Removes a key and returns its value, atomically; `KeyError` if it is absent.

        >>> d["job"] = 7
        >>> d.take("job"), "job" in d
        (7, False)
        """
        value = self._take(key, NO_DEFAULT)
        if value is NO_DEFAULT:
            raise KeyError(key)
        return cast("V", value)

    @overload
    def pop(self, key: K) -> V: ...

    @overload
    def pop(self, key: K, default: V) -> V: ...

    @overload
    def pop(self, key: K, default: T) -> V | T: ...

    def pop(self, key: K, default: Any = NO_DEFAULT) -> Any:
        """Removes a key and returns its value, or `default` if it is absent."""
        value = self._take(key, default)
        if value is NO_DEFAULT:
            raise KeyError(key)
        return value

    def _take(self, key: Any, default: Any) -> Any:
        encoded = self._lookup(key)
        self._environment._writing()
        if encoded is None:
            return default
        while True:
            data = self._copied(encoded)
            if data is not None:
                # Decoded first, so that a value that cannot be read is not removed.
                value = self._decoded(key, data)
                # Another thread or process may have changed it since: if so, look again.
                if self._exchange(encoded, data, None):
                    return value
                continue
            # This write is refused wherever a write would be. With no space, it can only take
            # an empty value, which was stored just now.
            status = self._library.pc_dict_take(
                self._handle, encoded, len(encoded), None, 0, byref(c_size_t())
            )
            if status != raw.PC_TOO_SMALL:
                return self._decoded(key, b"") if self._found(status) else default

    def popitem(self, *, last: bool = True) -> tuple[K, V]:
        """Removes the last pair, or the first, and returns it; `KeyError` if the dict is empty.

        >>> d.update(a=1, b=2)
        >>> d.popitem(last=False)
        ('a', 1)
        """
        library = self._library
        find = library.pc_dict_last if last else library.pc_dict_first
        while True:
            status, key, value = checked.fetched_pair(library, find, self._handle)
            if status == raw.PC_NOT_FOUND:
                raise KeyError(f"{self!r} is empty")
            # Decoded first, so that a value that cannot be read is not removed.
            pair = self._pair(key, value)
            # Another thread or process may have changed it since: if so, look again.
            if self._exchange(key, value, None):
                return pair

    def compare_exchange(self, key: K, expected: V | _Absent, desired: V | _Absent) -> bool:
        """Stores `desired` if the value is `expected`, and returns whether it stored it.

        `ABSENT` as `expected` means that the key is absent; as `desired`, it removes the key. The
        comparison is of stored bytes.

        >>> d.compare_exchange("lock", ABSENT, 1)
        True
        >>> d.compare_exchange("lock", ABSENT, 1)
        False
        >>> d.compare_exchange("lock", 1, ABSENT)
        True
        """
        behind = ""
        try:
            encoded = self._keys.encode(key)
            behind = ", value"
            values = [
                None if isinstance(it, _Absent) else self._values.encode(it)
                for it in (expected, desired)
            ]
            behind = ""
            return self._exchange(encoded, *values)
        except scalars.REFUSED as error:
            raise self._located(error, key, behind) from error.__cause__

    def _exchange(self, key: bytes, expected: bytes | None, desired: bytes | None) -> bool:
        flags = 0
        if expected is None:
            flags |= raw.PC_EXPECT_ABSENT
        if desired is None:
            flags |= raw.PC_DESIRE_ABSENT
        self._environment._writing()
        status = self._library.pc_dict_compare_exchange(
            *(self._handle, key, len(key)),
            *(expected, len(expected or b""), desired, len(desired or b"")),
            *(flags, None),
        )
        return checked.check(self._library, status) == raw.PC_OK

    def increment(self, key: K, by: int = 1) -> int:
        """Adds to an integer, atomically, and returns the sum; an absent key counts as 0.

        >>> d.increment("visits"), d.increment("visits", 10)
        (1, 11)
        """
        result = c_int64()
        behind = ", by"
        try:
            by = scalars.integer(by, 8, True)
            behind = ""
            encoded = self._keys.encode(key)
            self._environment._writing()
            status = self._library.pc_dict_add_i64(
                self._handle, encoded, len(encoded), by, byref(result)
            )
            checked.check(self._library, status)
        except scalars.REFUSED as error:
            raise self._located(error, key, behind) from error.__cause__
        return result.value

    def edit(self, key: K) -> Edit[V]:
        """Lends a value to a block, which changes it in place, and stores it at the block's end.

        It does both in one transaction. Changing a list that `d[key]` returned changes a copy.

        >>> anything = PersistentDict(env, "anything")
        >>> anything["list"] = [1]
        >>> with anything.edit("list") as value:
        ...     value.append(2)
        >>> anything["list"]
        [1, 2]
        """
        from .editing import Edit

        return Edit(self._environment, raw.PC_TXN_WRITE, -1, self, key)

    # All of it.

    def clear(self) -> None:
        """Removes all entries."""
        self._environment._writing()
        checked.check(self._library, self._library.pc_dict_clear(self._handle))

    def copy(self) -> dict[K, V]:
        """Returns a plain dict of all entries; `EqualKeysError` if two keys are equal in Python."""
        return plain_dict(list(self.items()))

    def __copy__(self) -> dict[K, V]:
        # Not the `copy` of a subclass, which may be written in terms of this one.
        return PersistentDict.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[K, V]:
        # Fetched keys and values are new objects, and not shared.
        return PersistentDict.copy(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        if self is other:
            return True
        return len(self) == len(other) and equal_mappings(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Mapping[A, B]) -> dict[K | A, V | B]:
        if not isinstance(other, Mapping):
            return NotImplemented
        if type(other) is not dict and not isinstance(other, PersistentDict):
            answer = getattr(type(other), "__ror__", None)
            if answer is not None:
                # As with a dict, a ChainMap or an OrderedDict returns one of its own class.
                given: Any = answer(other, PersistentDict.copy(self))
                if given is not NotImplemented:
                    return cast("dict[K | A, V | B]", given)
        return joined(self, other, True)

    def __ror__(self, other: Mapping[A, B]) -> dict[K | A, V | B]:
        return joined(self, other, False) if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]
        self.update(other)
        return self
