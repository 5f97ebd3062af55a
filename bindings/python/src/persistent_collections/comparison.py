"""One rule of equality for keys and values, for comparing and combining collections.

Keys are equal if they are stored as the same bytes. So 1, 1.0 and True are three keys if one of
two collections is of `any`; if neither is, numbers are equal as in a dict, and as in look-ups.
The keys of a plain Python operand are compared one by one, as in a look-up.

>>> code = coding(key_codec(parse("any")), {1.0})
>>> code is not None and code(1.0) == code(1)
False
>>> coding(key_codec(parse("i64")), {1.0, 2}) is None, coding(key_codec(parse("i64")), {1}) is None
(False, True)
"""

from __future__ import annotations

import sys

from . import arrays
from ._abstract import Callable, Iterable, Mapping
from ._typing import Any
from .arguments import listed
from .errors import EqualKeysError, UnstorableError
from .keys import KeyCodec, key_codec, parse
from .types import INTEGERS

__all__ = [
    "Code",
    "Keyed",
    "coding",
    "collected",
    "common",
    "equal_mappings",
    "is_alike",
    "is_same",
    "itself",
    "joined",
    "plain_dict",
    "plain_set",
]

#: Returns a key's code: equal and equally hashed for keys that are stored as the same bytes.
Code = Callable[[Any], Any]


class Keyed:
    """A collection, or a view of one, whose keys have a codec."""

    __slots__ = ()

    @property
    def _key_codec(self) -> KeyCodec:
        raise NotImplementedError


class _Stranger:
    """An element that collections of the type cannot hold; it does not equal one that they can."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Stranger) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)


#: Types of Python whose equal objects are stored as the same bytes.
_HOSTS: dict[str, frozenset[type]] = {
    **dict.fromkeys(INTEGERS, frozenset({int, bool})),
    "f32": frozenset({float, int, bool}),
    "f64": frozenset({float, int, bool}),
    "bool": frozenset({bool, int}),
    "str": frozenset({str}),
    "bytes": frozenset({bytes}),
    "opaque": frozenset({bytes}),
}
#: The modules of further ones, and their names there.
_MORE = {"uuid": ("uuid", "UUID"), "date": ("datetime", "date"), "datetime": ("datetime",) * 2}
#: Types whose keys of `any` are equal where they are equal in Python; UUIDs are so, too.
_THEMSELVES = frozenset({str, bytes, int, type(None)})


def _hosts(name: str) -> frozenset[type]:
    if name not in _MORE:
        return _HOSTS.get(name, frozenset())
    module, class_ = _MORE[name]
    # No object is of a class whose module is not imported.
    return (
        frozenset({getattr(sys.modules[module], class_)}) if module in sys.modules else frozenset()
    )


_codecs: list[KeyCodec] = []


def _any() -> KeyCodec:
    if not _codecs:
        _codecs.append(key_codec(parse("any")))
    return _codecs[0]


def _any_code(value: Any) -> Any:
    kind = type(value)
    if kind in _THEMSELVES or (kind.__name__ == "UUID" and kind in _hosts("uuid")):
        return value
    if kind is float or kind is bool:
        return kind, value
    encoded = _any().lookup(value)
    if encoded is None:
        return _Stranger(value)
    if isinstance(value, tuple):
        return tuple, encoded
    return _any_code(_any().decode(encoded))


def _typed_code(codec: KeyCodec) -> Code:
    hosts = _hosts(codec.looks_like.name)

    def code(value: Any) -> Any:
        if type(value) in hosts:
            return value
        encoded = codec.lookup(value)
        return _Stranger(value) if encoded is None else codec.decode(encoded)

    return code


def itself(value: Any) -> Any:
    """Returns the key as its own code, for types where Python's equality is right."""
    return value


def _is_any(codec: KeyCodec) -> bool:
    return codec.looks_like.name == "any"


def coding(codec: KeyCodec, other: Iterable[Any]) -> Code | None:
    """Returns the function from keys to their codes; None if the keys can be compared themselves.

    `other` is a collection, or can be iterated more than once.
    """
    if isinstance(other, Keyed):
        return _any_code if _is_any(codec) or _is_any(other._key_codec) else None
    if _is_any(codec):
        return _any_code
    hosts = _hosts(codec.looks_like.name)
    return None if set(map(type, other)) <= hosts else _typed_code(codec)


def common(codes: Iterable[Code | None]) -> Code:
    """Returns one function from keys to codes for all operands, from those of each."""
    found: Code = itself
    for code in codes:
        if code is _any_code:
            return _any_code
        found = code or found
    return found


def collected(other: Iterable[Any]) -> Iterable[Any]:
    """Returns an iterable that can be iterated more than once."""
    if isinstance(other, (Keyed, set, frozenset, dict, list, tuple)):
        return other
    return listed("an operand", other)


# Plain results.


def plain_set(elements: list[Any]) -> set[Any]:
    """Returns a plain set of elements; `EqualKeysError` if two are equal in Python."""
    found = set(elements)
    if len(found) != len(elements):
        raise _equal(elements, "set", "list() gives them all")
    return found


def plain_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Returns a plain dict of pairs; `EqualKeysError` if two keys are equal in Python."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _equal([key for key, _ in pairs], "dict", "list(….items()) gives them all")
    return found


def _equal(keys: list[Any], what: str, instead: str) -> EqualKeysError:
    seen: dict[Any, Any] = {}
    pair = next((seen[key], key) for key in keys if seen.setdefault(key, key) is not key)
    return EqualKeysError(
        f"{pair[0]!r} and {pair[1]!r} are two keys here, and one in a plain {what}; {instead}"
    )


# Values.


def is_alike(one: Any, two: Any) -> bool:
    """Whether two values are equal in Python, or both NaN, or arrays with equal elements."""
    if one is two:
        return True
    if arrays.is_array(one) or arrays.is_array(two):
        return arrays.are_equal(one, two)
    try:
        return bool(one == two) or (bool(one != one) and bool(two != two))
    except (TypeError, ValueError):
        # Arrays inside, or pandas' NA.
        return False


def is_same(one: Any, two: Any) -> bool:
    """Whether two values are equal, or would be stored in `any` as the same bytes."""
    if is_alike(one, two):
        return True
    from . import cbor

    try:
        return cbor.encode(one) == cbor.encode(two)
    except UnstorableError:
        return False


def _mappings_code(mine: Any, other: Mapping[Any, Any]) -> Code:
    keys = other if isinstance(other, Keyed) else list(other)
    return coding(mine._key_codec, keys) or itself


def equal_mappings(mine: Any, other: Mapping[Any, Any]) -> bool:
    """Whether a dict or a range of one has the same keys and values as another mapping."""
    code = _mappings_code(mine, other)
    theirs = {code(key): value for key, value in other.items()}
    count = 0
    for key, value in mine.items():
        place = code(key)
        if place not in theirs or not is_same(value, theirs[place]):
            return False
        count += 1
    return count == len(theirs)


def joined(mine: Any, other: Mapping[Any, Any], over: bool) -> dict[Any, Any]:
    """Returns a plain dict of both; with `over`, the other's values replace these."""
    code = _mappings_code(mine, other)
    first, second = (mine, other) if over else (other, mine)
    pairs = {code(key): (key, value) for key, value in first.items()}
    for key, value in second.items():
        place = code(key)
        # The first key is kept, as in a dict.
        pairs[place] = (pairs[place][0] if place in pairs else key, value)
    return plain_dict(list(pairs.values()))
