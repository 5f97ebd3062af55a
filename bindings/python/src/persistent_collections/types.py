"""The types of keys and values, as strings, Python types and NumPy dtypes.

>>> str(parse("( str , i64 )"))
'(str,i64)'
>>> request(int)
Request(text='i64', host_number=True)
>>> request("f32[768]").text
'f32[768]'
"""

from __future__ import annotations

import sys
import types as _types

from ._abstract import Collection
from ._typing import Any, is_type_variable, loaded
from .errors import BadTypeError

__all__ = ["INTEGERS", "NUMBERS", "PLAIN", "Request", "Type", "parse", "request"]

#: The most bytes of an encoded key.
MAX_KEY = 1978
#: Integer types: width in bytes, signed.
INTEGERS = {
    f"{'i' if signed else 'u'}{8 * width}": (width, signed)
    for signed in (True, False)
    for width in (1, 2, 4, 8)
}
#: Number types, the possible elements of arrays: width in bytes.
NUMBERS = {**{name: width for name, (width, _) in INTEGERS.items()}, "f32": 4, "f64": 8}
#: The types that the accelerator encodes and decodes without the package.
PLAIN = frozenset({*NUMBERS, "bool", "bytes", "str", "unit"})
_WIDTHS = {**NUMBERS, "bool": 1, "uuid": 16, "date": 4, "datetime": 8, "unit": 0}
_SIMPLE = {"str", "bytes", "any", *_WIDTHS}
_SCALARS = _SIMPLE - {"any", "unit"}


class _Record:
    """A base of records: fields that cannot be set, equality, a hash, a repr.

    It does as a frozen dataclass does, for which the package would have to import `inspect`.
    """

    __slots__: tuple[str, ...] = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return isinstance(other, _Record) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        fields = [f"{name}={getattr(self, name)!r}" for name in self.__slots__]
        return f"{type(self).__qualname__}({', '.join(fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._fields()


class Type(_Record):
    """A parsed type. `str()` returns its normal form.

    `name` is a simple name, or `"tuple"`, `"array"` or `"opaque"`; `elements` are the
    types of a tuple or the one of an array; `shape` are an array's dimensions (None:
    one dimension of any length); `size` is that of `opaque[n]`.
    """

    __slots__ = ("name", "elements", "shape", "size")

    name: str
    elements: tuple[Type, ...]
    shape: tuple[int, ...] | None
    size: int

    def __init__(
        self,
        name: str,
        elements: tuple[Type, ...] = (),
        shape: tuple[int, ...] | None = None,
        size: int = 0,
    ) -> None:
        put = object.__setattr__
        put(self, "name", name)
        put(self, "elements", elements)
        put(self, "shape", shape)
        put(self, "size", size)

    def __str__(self) -> str:
        if self.name == "tuple":
            return "(" + ",".join(map(str, self.elements)) + ")"
        if self.name == "array":
            return f"{self.elements[0]}[{','.join(map(str, self.shape or ()))}]"
        if self.name == "opaque":
            return f"opaque[{self.size}]"
        return self.name

    @property
    def width(self) -> int | None:
        """The width of every encoded value in bytes; None if it differs between values."""
        if self.name == "array":
            if self.shape is None:
                return None
            width = NUMBERS[self.elements[0].name]
            for length in self.shape:
                width *= length
            return width
        if self.name == "opaque":
            return self.size
        return _WIDTHS.get(self.name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def parse(text: str) -> Type:
    """Parses a type string such as `"f32[768]"`; `BadTypeError` if it is not a type."""
    compact = "".join(text.split())
    if compact in _SIMPLE:
        return Type(compact)
    if compact.startswith("(") and compact.endswith(")"):
        if "(" in compact[1:]:
            raise BadTypeError(f"type {text!r}: tuples do not nest")
        names = compact[1:-1].removesuffix(",").split(",")
        # "opaque[16]" does not contain a comma, so splitting is safe.
        elements = tuple(parse(name) for name in names)
        for element in elements:
            if element.name not in _SCALARS:
                raise BadTypeError(f"type {text!r}: {element} cannot be in a tuple")
        return Type("tuple", elements)
    name, bracket, inside = compact.partition("[")
    numbers = inside[:-1].split(",") if inside != "]" else []
    if bracket and inside.endswith("]") and all(map(_is_number, numbers)):
        lengths = tuple(map(int, numbers)) if numbers else None
        if name == "opaque" and lengths is not None and len(lengths) == 1 and lengths[0] > 0:
            return Type("opaque", size=lengths[0])
        if name in NUMBERS and (lengths is None or all(lengths)):
            return Type("array", (Type(name),), lengths)
    raise BadTypeError(
        f"unknown type {text!r}; the types are {', '.join(sorted(_SIMPLE))}, "
        "opaque[n], arrays such as f32[] and f64[3,3], and tuples such as (str,i64)"
    )


class Request(_Record):
    """A type that a caller requests when opening a collection.

    `text` is None if no type was given: the stored one, or `any` if new. With
    `host_number`, any stored width is accepted (Python's `int` and `float`).
    """

    __slots__ = ("text", "host_number")

    text: str | None
    host_number: bool

    def __init__(self, text: str | None, host_number: bool = False) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "host_number", host_number)


_PYTHON: dict[object, Request] = {
    str: Request("str"),
    bytes: Request("bytes"),
    int: Request("i64", host_number=True),
    float: Request("f64", host_number=True),
    bool: Request("bool"),
    object: Request("any"),
    None: Request(None),
}
#: Classes of modules that are imported where a class of theirs is given.
_STANDARD = (("uuid", "UUID"), ("datetime", "date"), ("datetime", "datetime"))


def _standard(spec: Any) -> Request | None:
    for module, name in _STANDARD:
        if module in sys.modules and spec is getattr(sys.modules[module], name, None):
            return Request(name.lower())
    return None


def _dtype(spec: Any) -> str | None:
    """Returns the type string of a NumPy dtype or scalar type; None for anything else."""
    module = type(spec).__module__ if not isinstance(spec, type) else spec.__module__
    if module.partition(".")[0] != "numpy":
        return None
    import numpy as np

    try:
        dtype = np.dtype(spec)
    except TypeError:
        return None
    base, shape = dtype.base, dtype.shape
    if base.kind == "b" and not shape:
        return "bool"
    name = f"{base.kind}{8 * base.itemsize}"
    if name not in NUMBERS:
        return None
    return f"{name}[{','.join(map(str, shape))}]" if shape else name


def request(spec: Any) -> Request:
    """Reads a user's `key=`, `value=` or `element=`; `BadTypeError` if it is not a type."""
    if isinstance(spec, str):
        return Request(str(parse(spec)))
    if isinstance(spec, Type):
        return Request(str(spec))
    if isinstance(spec, Request):
        return spec
    try:
        known = _PYTHON.get(spec) or _standard(spec)
    except TypeError:
        known = None
    if known is not None:
        return known
    if is_type_variable(spec):
        return Request(None)
    origin, arguments = _parts(spec)
    if spec is loaded("Any") or _is_union(origin):
        return Request("any")
    if origin is tuple and arguments:
        if Ellipsis in arguments:
            return Request("any")
        return Request("(" + ",".join(_element(argument) for argument in arguments) + ")")
    if isinstance(spec, tuple) and spec:
        return Request("(" + ",".join(map(_element, spec)) + ")")
    if isinstance(spec, type) and spec.__module__ == "collections.abc":
        return Request("any")
    if isinstance(origin, type) and issubclass(origin, Collection):
        # list[int], dict[str, float]: only `any` can hold such values.
        return Request("any")
    dtype = _dtype(spec)
    if dtype is not None:
        return Request(dtype)
    name = getattr(spec, "__qualname__", None) or repr(spec)
    raise BadTypeError(
        f"{name} is not a type of a collection; give str, bytes, int, float, bool, UUID, date, "
        "datetime, a tuple of these such as (str, int) or tuple[str, int], a type string "
        "such as 'u32' or 'f32[768]', a NumPy dtype, 'any', or None"
    )


def _parts(spec: Any) -> tuple[Any, tuple[Any, ...]]:
    """Returns the class and the arguments of a type such as `list[int]`."""
    get_origin = loaded("get_origin")
    if get_origin is not None:
        return get_origin(spec), loaded("get_args")(spec)
    # Before `typing` is imported, there are only the types of builtins.
    if isinstance(spec, _types.GenericAlias):
        return spec.__origin__, spec.__args__
    return (type(spec), spec.__args__) if _is_union(type(spec)) else (None, ())


def _is_union(origin: Any) -> bool:
    return origin is not None and origin in (
        loaded("Union"),
        getattr(_types, "UnionType", None),
    )


def _element(spec: Any) -> str:
    if isinstance(spec, tuple) or _parts(spec)[0] is tuple:
        raise BadTypeError(f"{spec!r} cannot be in a tuple type: tuples do not nest")
    text = request(spec).text
    if text is None:
        raise BadTypeError(f"{spec!r} cannot be in a tuple type")
    return str(parse(f"({text})"))[1:-1]
