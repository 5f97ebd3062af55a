"""The header in Julia: constants, structs and calls, except for those of `pc_value`."""

from __future__ import annotations

from . import HEADER, PROGRAM, Failure
from .header import Function, Header, Struct, pointed

NUMBERS = {
    "bool": "Bool",
    "double": "Float64",
    "int32_t": "Int32",
    "int64_t": "Int64",
    "size_t": "Csize_t",
    "uint8_t": "UInt8",
    "uint32_t": "UInt32",
    "uint64_t": "UInt64",
}

#: Types of prototypes that have a name of their own.
ALIASES = {"Handle": "UInt64", "Status": "Int32", "Bytes": "Ptr{UInt8}", "Size": "Csize_t"}
NAMED = {"pc_status": "Status", "size_t": "Size", "void": "Cvoid"}

#: What flags begin with: the header's numbers have no type, and their parameters and fields are `uint32_t`.
FLAGS = ("PC_ENV_", "PC_COPY_", "PC_OPEN_", "PC_EXPECT_", "PC_DESIRE_", "PC_RANGE_", "PC_ABI_")

#: What `@waiting_symbol` calls its own variables, and words of Julia.
TAKEN = {
    *("target", "region", "is_first", "outcome"),
    *("begin", "const", "do", "end", "export", "function", "global", "import", "let", "local", "macro"),
    *("module", "quote", "struct", "using"),
}

HEAD = f"""\
# The constants, structs and functions of the library, with their C names.
#
# Generated from {HEADER} by {PROGRAM}: do not edit.
"""


def lacks(it: Function) -> bool:
    """Whether the package does without a function: it encodes and decodes by itself."""
    return any("pc_value" in kind for kind in (it.result, *it.types()))


def name_of(struct: str) -> str:
    """A struct's name in Julia: `EnvStat` for `pc_env_stat`."""
    return "".join(word.capitalize() for word in struct[len("pc_") :].split("_"))


def plain(header: Header, kind: str) -> str:
    """A type that is not a pointer."""
    if kind in header.handles():
        return "Handle"
    if kind in header.structs:
        return name_of(kind)
    found = NAMED.get(kind) or NUMBERS.get(kind)
    if not found:
        raise Failure(f"{PROGRAM}: tools/declarations/julia.py does not know the C type {kind}")
    return found


def parameter(header: Header, kind: str, name: str) -> str:
    """The type of a parameter."""
    if "(*)" in header.types.get(kind, "") or (kind == "void *" and name == "context"):
        return "Ptr{Cvoid}"
    target = pointed(kind)
    if target is None:
        return plain(header, kind)
    if pointed(target):
        return "Ptr{Bytes}"
    return "Bytes" if target in ("char", "void", "uint8_t") else f"Ptr{{{plain(header, target)}}}"


def field(header: Header, kind: str) -> str:
    """The type of a struct's field."""
    target = pointed(kind)
    if target is None:
        return NUMBERS.get(kind) or plain(header, kind)
    return f"Ptr{{{'UInt8' if target == 'void' else NUMBERS.get(target) or plain(header, target)}}}"


def constant(header: Header, name: str) -> str:
    """A constant, as a number of the width that calls take."""
    number = header.number(name)
    return f"const {name} = {f'0x{number:08x}' if name.startswith(FLAGS) else f'Int32({number})'}"


def constants(header: Header) -> list[str]:
    """The numbers, except for those of values."""
    lines: list[str] = []
    numbers = [name for name in header.numbers() if not name.startswith(("PC_VALUE_", "PC_ELEMENT_"))]
    for section, names in header.by_section(numbers).items():
        lines += ["", f"# {section}", *(constant(header, name) for name in names)]
    return lines


def struct(header: Header, it: Struct) -> list[str]:
    """A struct, and what makes one of zeros that knows its size."""
    name = name_of(it.name)
    types = [(field_name, field(header, kind)) for kind, field_name in it.fields]
    zeros = ("C_NULL" if kind.startswith("Ptr") else "0" for _, kind in types)
    values = [f"sizeof({name})" if of == "struct_size" else zero for (of, _), zero in zip(types, zeros)]
    return [
        *("", f"struct {name}", *(f"    {of}::{kind}" for of, kind in types), "end"),
        *("", f"{name}() = {name}({', '.join(values)})"),
    ]


def symbol(header: Header, it: Function) -> str:
    """A call. One that takes or makes a handle may wait for a lock or a disk."""
    handles = {*header.handles(), *(f"{handle} *" for handle in header.handles())}
    macro = "@symbol" if handles.isdisjoint(it.types()) else "@waiting_symbol"
    names = (name + "_" if name in TAKEN else name for _, name in it.parameters)
    types = (parameter(header, kind, name) for kind, name in it.parameters)
    listed = ", ".join(f"{name}::{kind}" for name, kind in zip(names, types))
    result = "Cstring" if it.result == "const char *" else plain(header, it.result)
    return f"{macro} {it.name}({listed})::{result}"


def generate(header: Header) -> str:
    """The text of the file."""
    functions = [it for it in header.functions.values() if not lacks(it)]
    used = {pointed(kind) or kind for it in functions for kind in (it.result, *it.types())} - header.handles()
    structs = [it for it in header.structs.values() if it.name in used]
    lines = [HEAD.rstrip("\n"), *constants(header), "", "# ---- structs"]
    for it in structs:
        lines += struct(header, it)
    lines += ["", "# ---- functions", "", *(f"const {name} = {kind}" for name, kind in ALIASES.items())]
    for section, names in header.by_section(it.name for it in functions).items():
        lines += ["", f"# {section}", *(symbol(header, header.functions[name]) for name in names)]
    return "\n".join([*lines, ""])
