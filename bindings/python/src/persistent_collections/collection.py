"""The base of dicts and sets: opening, types, closing, pickling."""

from __future__ import annotations

import os
import types
from ctypes import byref

from . import _checked as checked
from . import _raw as raw
from . import _scalars as scalars
from . import acceleration, bulk
from ._abstract import Callable, Iterator, Sequence
from ._typing import TYPE_CHECKING, Any, TypeVar, cast
from .arguments import name_bytes
from .environment import Environment, library_of
from .errors import (
    ArgumentTypeError,
    BadHandleError,
    BadKeyError,
    KeySizeError,
    TypeMismatchError,
)
from .handles import Handled, Opening, process
from .iteration import Bounds, between, c_range
from .keys import KeyCodec, key_codec
from .types import INTEGERS, Request, parse
from .types import request as type_request
from .values import ValueCodec, value_codec

if TYPE_CHECKING:
    from typing import ClassVar

__all__ = ["Collection", "Typed"]

C = TypeVar("C", bound="Collection")


class Typed(types.GenericAlias):
    """`PersistentDict[str, int]`: a class with its types, which passes them to the constructor."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Opens a collection with these types."""
        origin: Any = self.__origin__
        types = _types_of(self)
        if named.get("codec") is not None:
            # The codec turns its values into bytes, which are stored.
            types.pop("value", None)
        return origin(*arguments, **{**types, **named})

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name != "fromkeys":
            return found
        from functools import partial

        # Class methods belong to the class, which does not know the types.
        return partial(found, **_types_of(self))


def _types_of(alias: Any) -> dict[str, Any]:
    # Some callers pass the None of PersistentDict[str, None] as NoneType.
    given = [None if type_ is type(None) else type_ for type_ in alias.__args__]
    return dict(zip(alias.__origin__._type_arguments, given))


def _is_width_of(request: Request, stored: str) -> bool:
    """Whether a stored number type is suitable for Python's int or float."""
    if not request.host_number:
        return False
    return stored in INTEGERS if request.text == "i64" else stored in ("f32", "f64")


def _narrower(what: str, name: str, request: Request, stored: str, is_raw: bool) -> bool:
    """Whether `any` is stored and a narrower type requested; raises for a mismatch."""
    if request.text is None or is_raw or request.text == stored:
        return False
    if stored == "any":
        return True
    if _is_width_of(request, stored):
        return False
    raise TypeMismatchError(
        f"collection {name!r} has {what} of type {stored}, it was opened with {request.text}"
    )


def key_codec_for(what: str, name: str, request: Request, stored: str, is_raw: bool) -> KeyCodec:
    """Returns the codec for keys that are stored as one type and requested as another."""
    if _narrower(what, name, request, stored, is_raw):
        from .narrow import NarrowKeys

        return NarrowKeys(request)
    return key_codec(parse(stored), is_raw)


def value_codec_for(name: str, request: Request, stored: str, is_raw: bool) -> ValueCodec:
    """Returns the codec for values that are stored as one type and requested as another."""
    if _narrower("values", name, request, stored, is_raw):
        from .narrow import NarrowValues

        return NarrowValues(request)
    return value_codec(parse(stored))


class Collection(Handled):
    """Base of `PersistentDict` and `PersistentSet`."""

    _type_arguments: ClassVar[tuple[str, ...]]
    _environment: Environment
    _is_set: ClassVar[bool] = False
    _close_call: str
    _remove_range_call: str
    _keys: KeyCodec

    #: The types of `class Ages(PersistentDict[str, int])`, by argument.
    _class_types: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(base, Typed):
                cls._class_types = _types_of(base)

    if not TYPE_CHECKING:

        def __class_getitem__(cls, parameters):
            """`PersistentDict[str, int]`, `PersistentSet[str]`."""
            wanted = cls._type_arguments
            given = parameters if isinstance(parameters, tuple) else (parameters,)
            if len(given) != len(wanted):
                hint = "; a tuple type is written tuple[str, int]" if len(wanted) == 1 else ""
                raise ArgumentTypeError(
                    f"{cls.__name__}[...] takes {' and '.join(wanted)}, "
                    f"not {len(given)} types{hint}"
                )
            return Typed(cls, given)

    def _open(
        self,
        environment: Environment,
        name: str,
        requests: dict[str, Any],
        open_call: str,
        schema_call: str,
        create: bool,
    ) -> tuple[list[Request], list[str]]:
        """Opens the handle; returns the types as requested and as stored."""
        self._library = library = library_of(environment)
        self._environment = environment
        self._name = name
        asked = [
            type_request(self._class_types.get(argument) if spec is None else spec)
            for argument, spec in requests.items()
        ]
        self._requests = dict(zip(requests, asked))
        flags = 0 if create else raw.PC_OPEN_EXISTING
        if True in [request.host_number for request in asked]:
            flags |= raw.PC_OPEN_ANY_INT
        texts = [None if it.text is None else it.text.encode("ascii") for it in asked]
        # Opening may create the collection, which is a write.
        environment._writing()
        self._calls = (getattr(library, open_call), getattr(library, schema_call))
        self._encoded_name = name_bytes(name)
        opening = self._opened(environment._handle, texts, flags)
        self._stored, self._is_raw = checked.schema(library, self._calls[1], opening.handle)
        self._begin_life(opening)
        environment._parts.add(self)
        return asked, self._stored

    def _opened(self, environment: int, texts: list[bytes | None], flags: int) -> Opening:
        library = self._library
        opening = Opening(getattr(library, self._close_call))
        call = self._calls[0]
        status = call(environment, self._encoded_name, *texts, flags, byref(opening.out))
        checked.check(library, status)
        return opening

    def _reopen(self) -> None:
        """Opens it in this process, the child of a fork, as the parent had it open."""
        environment = self._environment
        if self._closed or process() in self._openings:
            return
        # With the types that its codecs are for: another process may have dropped it since, and
        # created it with other types.
        asked = self._stored[: len(self._requests)]
        texts: list[bytes | None] = [text.encode("ascii") for text in asked]
        opening = self._opened(environment._held, texts, raw.PC_OPEN_EXISTING)
        found = checked.schema(self._library, self._calls[1], opening.handle)
        if found != (self._stored, self._is_raw):
            raise TypeMismatchError(
                f"collection {self._name!r} was dropped and created again with other types; "
                "open it again"
            )
        self._hold(opening)

    def _usable(self) -> int:
        environment = self._environment
        if self._closed:
            raise BadHandleError(f"{self!r} was closed")
        if environment.closed:
            raise BadHandleError(
                f"{self!r} cannot be used: the environment {environment.path!r} was closed"
            )
        # It checks the calling task, and reopens what the child of a fork must reopen first.
        environment._usable()
        self._reopen()
        return self._expose(environment)

    @property
    def name(self) -> str:
        """Returns the name of the collection."""
        return self._name

    @property
    def environment(self) -> Environment:
        """Returns the environment of the collection."""
        return self._environment

    @property
    def raw(self) -> bool:
        """Returns whether another LMDB program created it, so that it has no stored types."""
        return self._is_raw

    def close(self) -> None:
        """Closes the collection and its iterators. Its entries stay stored. Can be called twice."""
        checked.WRITES.count += 1
        checked.check(self._library, self._close_held())

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Any]: ...

        def __len__(self) -> int: ...

    def __bool__(self) -> bool:
        # A server would count to know the length.
        if self._environment._is_remote:
            return any(True for _ in self)
        return len(self) != 0

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _reopen, (type(self), self._environment, self._name, self._how_to_reopen())

    def _how_to_reopen(self) -> dict[str, Any]:
        """Returns the constructor's keyword arguments that reopen it without creating it."""
        return {**self._requests, "create": False}

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Returns dask's token of the content, which each commit and uncommitted write changes."""
        import threading

        environment = self._environment
        inside = environment._in_transaction()
        # Only this thread sees its uncommitted writes.
        mine = (os.getpid(), threading.get_ident(), checked.WRITES.count) if inside else None
        path = environment.path
        place = (path if environment._is_remote else os.path.abspath(path), environment._files)
        commit = environment.info().last_commit
        return (type(self).__module__, repr(self), place, commit, mine)

    def _table(self, make: Callable[[], str]) -> str:
        """Returns the HTML that a notebook shows, also if it is closed."""
        if self._closed or self._environment.closed:
            from .notebook import escaped

            return f"<p>{escaped(repr(self))}, closed</p>"
        return make()

    @property
    def _what(self) -> str:
        """Returns its name for messages."""
        return f"{'set' if self._is_set else 'dict'} {self._name!r}"

    def _place_of(self, keys: Sequence[Any], value: bool = False) -> Callable[[int], str]:
        """Returns the name of a bulk call's item, or of its value, for messages, by its index."""

        def place(index: int) -> str:
            if self._is_set:
                return f"{self._what}, element {scalars.shown(keys[index])}: item {index}"
            what = "value" if value else "key"
            return f"{self._what}, key {scalars.shown(keys[index])}: item {index}, {what}"

        return place

    def _limit(self, value: Any, included: bool, upper: bool) -> tuple[bytes, bool]:
        try:
            return self._keys.limit(value, included, upper)
        except scalars.REFUSED as error:
            place = f"{self._what}, {'upper' if upper else 'lower'} bound {scalars.shown(value)}"
            raise scalars.located(error, place) from error.__cause__

    def _between(self, low: Any, high: Any, inclusive: tuple[bool, bool], reverse: bool) -> Bounds:
        """Returns the part between two bounds; None is no bound."""
        try:
            return between(self._limit, low, high, inclusive, reverse)
        except ArgumentTypeError as error:
            raise scalars.located(error, self._what) from None

    def _beginning(self, prefix: Any, reverse: bool) -> Bounds:
        """Returns the part whose keys begin with a prefix."""
        try:
            return Bounds(prefix=self._keys.prefix(prefix), reverse=bool(reverse))
        except (*scalars.REFUSED, ArgumentTypeError) as error:
            place = f"{self._what}, prefix {scalars.shown(prefix)}"
            raise scalars.located(error, place) from error.__cause__

    def _lookup(self, key: Any) -> bytes | None:
        """Returns the encoded key, or None if the collection cannot hold it and so lacks it."""
        return self._keys.lookup(key)

    def _change_many(self, call: Callable[..., int], data: Any, place: Callable[[int], str]) -> int:
        """Adds or removes encoded keys; returns how many were added or removed."""
        if not len(data):
            return 0
        self._environment._writing()
        return bulk.change_many(self._library, call, self._handle, data, self._keys.width, place)

    def _change_known(self, call: Callable[..., int], keys: Any) -> int:
        """Removes the keys that the collection has, and returns their number."""
        column = acceleration.key_column(keys, self._keys)
        if column is not None:
            try:
                return self._change_many(call, column, self._place_of(keys))
            except (BadKeyError, KeySizeError):
                # The collection cannot hold one of them. Nothing was removed yet.
                pass
        known = [data for data in map(self._lookup, keys) if data is not None]
        return self._change_many(call, known, self._place_of(known))

    def _remove_between(self, low: Any, high: Any, inclusive: tuple[bool, bool]) -> int:
        """Removes the keys between two bounds, of which one may be None."""
        if low is None and high is None:
            raise ArgumentTypeError(
                f"{self._what}: remove_range needs a bound; clear() removes everything"
            )
        return self._remove_range(self._between(low, high, inclusive, False))

    def _remove_range(self, bounds: Bounds) -> int:
        self._environment._writing()
        call = getattr(self._library, self._remove_range_call)
        return checked.number(self._library, call, self._handle, byref(c_range(bounds)))

    def _found(self, status: int) -> bool:
        """Whether a look-up found its key; a key that the library refuses is absent."""
        if status in (raw.PC_ERR_BAD_KEY, raw.PC_ERR_KEY_SIZE):
            return False
        return checked.check(self._library, status) == raw.PC_OK


def _reopen(cls: type[C], environment: Environment, name: str, named: dict[str, Any]) -> C:
    opener: Any = cls
    return cast("C", opener(environment, name, **named))
