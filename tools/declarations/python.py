"""The header in Python: constants, structs and prototypes of ctypes."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable

from . import HEADER, PROGRAM, Failure
from .header import Function, Header, Struct, pointed

WIDTH = 100

NUMBERS = {
    "bool": "c_bool",
    "double": "c_double",
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "size_t": "c_size_t",
    "uint8_t": "c_uint8",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
}

#: Inputs that the package passes by their address: a column of values may be an array of numbers.
BY_ADDRESS = {("pc_dict_put_many", "values")}

HEAD = f'''"""Layer 1: the constants, structs and functions of the library, with their C names.

Generated from {HEADER} by {PROGRAM}: do not edit.
"""
'''


class Types:
    """The ctypes types of C types, and the names that are needed for them."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.imported: set[str] = set()
        #: Names of types that prototypes use: the name, and its definition.
        self.named: dict[str, str] = {}

    def plain(self, kind: str) -> str:
        """A type that is not a pointer, under its own name."""
        if kind in NUMBERS:
            self.imported.add(NUMBERS[kind])
            return NUMBERS[kind]
        if kind in self.header.handles():
            return self.plain("uint64_t")
        if kind in self.header.structs:
            return kind
        if "(*)" not in self.header.types.get(kind, "(*)"):
            return self.plain(self.header.types[kind])
        raise Failure(f"{PROGRAM}: tools/declarations/python.py does not know the C type {kind}")

    def address(self, kind: str) -> str:
        """A pointer that ctypes takes as bytes, or as a plain address; empty if it has a type."""
        target = pointed(kind)
        if target == "char" or (target == "void" and kind.startswith("const")):
            return "c_char_p"
        return "c_void_p" if target in ("void", "uint8_t") or kind == "const uint64_t *" else ""

    def parameter(self, function: str, kind: str, name: str) -> str:
        """The type of a parameter or, without a name, of a result."""
        if kind == "void":
            return "None"
        if "(*)" in self.header.types.get(kind, ""):
            return kind
        target = pointed(kind)
        if target is None:
            plain = self.plain(kind)
            return self.alias("_handle", plain) if kind in self.header.handles() else plain
        # Arrays, too, are passed by their address.
        by_address = (function, name) in BY_ADDRESS or (target == "uint64_t" and name.endswith("offsets"))
        address = "c_void_p" if by_address else self.address(kind)
        if address:
            self.imported.add(address)
            return address
        self.imported.add("POINTER")
        if pointed(target):
            self.imported.add("c_void_p")
            return self.alias("_to_pointer", "POINTER(c_void_p)")
        if target in self.header.handles():
            return self.alias("_to_handle", f"POINTER({self.plain(target)})")
        short = target.replace("pc_", "").replace("_t", "") if target in NUMBERS else target[len("pc_") :]
        return self.alias(f"_to_{short}", f"POINTER({self.plain(target)})")

    def alias(self, name: str, definition: str) -> str:
        """A name for a type."""
        if self.named.setdefault(name, definition) != definition:
            raise Failure(f"{PROGRAM}: {name} would be {self.named[name]} and {definition}")
        return name

    def field(self, kind: str) -> str:
        """The type of a struct's field."""
        kind, _, count = kind.partition("[")
        if count:
            return f"{self.plain(kind)} * {count.rstrip(']')}"
        if pointed(kind) is None:
            return self.plain(kind)
        address = self.address(kind) or "c_void_p"
        self.imported.add(address)
        return address

    def callback(self, kind: str) -> str:
        """The type of a pointer to a function: `int32_t (*)(void *)`."""
        result, _, parameters = kind.partition(" (*)")
        self.imported.add("CFUNCTYPE")
        types = [self.plain(result)]
        for parameter in parameters.strip("()").split(", "):
            address = self.address(parameter)
            if address:
                self.imported.add(address)
            types.append(address or self.plain(parameter))
        return f"CFUNCTYPE({', '.join(types)})"


def docstring(*paragraphs: str) -> list[str]:
    """The docstring of a class."""
    first, *rest = paragraphs
    if not rest and len(first) <= WIDTH - len('    """"""'):
        return [f'    """{first}"""']
    lines: list[str] = []
    for part in (f'"""{first}', *rest):
        lines += ["", *textwrap.wrap(part, WIDTH, initial_indent="    ", subsequent_indent="    ")]
    return [*lines[1:], '    """']


def listed(before: str, items: Iterable[str], after: str) -> list[str]:
    """Items between brackets, on one line if they fit."""
    items = list(items)
    inside = ", ".join(items)
    if before.endswith("(") and len(items) == 1:
        inside += ","
    line = before + inside + after
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(before) - len(before.lstrip()))
    return [before, *(f"{indent}    {item}," for item in items), indent + after]


def constants(header: Header) -> list[str]:
    """The numbers of the interface."""
    lines: list[str] = []
    for section, names in header.by_section(header.numbers()).items():
        lines += ["", f"# {section}"]
        lines += [f"{name} = {header.number(name)}" for name in names]
    return lines


def struct(types: Types, it: Struct, comment: str) -> list[str]:
    """A class of ctypes."""
    base = "Union" if it.is_union else "Structure"
    types.imported.add(base)
    fields = [
        f'("{name}_", {types.field(kind)})' if keyword.iskeyword(name) else f'("{name}", {types.field(kind)})'
        for kind, name in it.fields
    ]
    return [
        *("", "", f"class {it.name}({base}):"),
        *(*docstring(re.split(r"(?<=\.) ", comment)[0]), ""),
        *listed("    _fields_ = [", fields, "]"),
    ]


def prototype(types: Types, it: Function) -> list[str]:
    """A line of the table: the name, and the types of result and parameters."""
    result = types.parameter(it.name, it.result, "")
    if it.result == "pc_status":
        result = types.alias("_status", result)
    parameters = (types.parameter(it.name, kind, name) for kind, name in it.parameters)
    return listed(f'    "{it.name}": (', [result, *parameters], "),")


def import_order(name: str) -> tuple[int, list[tuple[str, int]]]:
    """As ruff sorts names: constants, classes, the rest, and numbers by their value."""
    parts = re.findall(r"(\D+)(\d*)", name)
    group = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return group, [(text, int(number or 0)) for text, number in parts]


def generate(header: Header) -> str:
    """The text of the file."""
    types = Types(header)
    handles = header.handles()
    structs: list[str] = []
    for it in header.structs.values():
        if it.name not in handles:
            structs += struct(types, it, header.comments[it.name][0])
    callbacks: list[str] = []
    for name, kind in header.types.items():
        if "(*)" in kind:
            comment = header.comments[name][0].partition(": ")[0]
            callbacks += ["", f"# {comment}.", f"{name} = {types.callback(kind)}"]
    prototypes: list[str] = []
    for section, names in header.by_section(header.functions).items():
        prototypes.append(f"    # {section}")
        for name in names:
            prototypes += prototype(types, header.functions[name])
    imports = sorted(types.imported, key=import_order)
    return "\n".join(
        [
            HEAD,
            "from __future__ import annotations",
            "",
            "from ctypes import (",
            *(f"    {name}," for name in imports),
            ")",
            "",
            "from ._typing import Any",
            *constants(header),
            *structs,
            "",
            *callbacks,
            "",
            *(f"{name} = {definition}" for name, definition in sorted(types.named.items())),
            "",
            "#: The functions: the type of the result, then those of the arguments.",
            "FUNCTIONS: dict[str, tuple[Any, ...]] = {",
            *prototypes,
            "}",
            "",
        ]
    )
