"""What the Python and Julia packages declare of the C interface fits the types, sizes and numbers of C.

`tools/generate-bindings` generates it from the header; these tests look at the result as a language does.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess

import pytest
from header import HEADER, ROOT, parse, recorded

from persistent_collections import _raw

DECLARED = parse(HEADER.read_text(encoding="utf-8"))
SYMBOLS = ROOT / "bindings" / "julia" / "src" / "lib" / "declarations.jl"
HANDLES = DECLARED.handles()
STRUCTS = set(DECLARED.structs) - HANDLES


def test_handles_are_found() -> None:
    assert sorted(HANDLES) == ["pc_dict", "pc_env", "pc_iter", "pc_set", "pc_txn"]


def fits(ours: str, kind: str) -> bool:
    """Whether a type that a language declares is that of C.

    `ours` is in the words of C, without `const`; a pointer may be an address without a type: `void *`, or
    `const void *` if it must not be written to.
    """
    if kind in DECLARED.types and kind != "pc_status":
        return ours in (kind, "void *")
    plain = re.sub(r"^const ", "", kind)
    plain = "uint64_t" + plain[len(plain.rstrip(" *")) :] if plain.rstrip(" *") in HANDLES else plain
    plain = plain.replace("pc_status", "int32_t")
    if ours == "const void *":
        return kind.startswith("const ") and kind.endswith("*")
    return (
        ours == plain or (ours == "void *" and plain.endswith("*")) or (ours == "void **" and "**" in plain)
    )


def c_layout(name: str, size_of: dict[str, int]) -> list[tuple[str, int, int]]:
    """Name, offset and size of each field, as recorded; `size_of` receives the struct's size."""
    fields = []
    for line in recorded():
        words = line.split()
        if words[0] == "struct" and words[1] == name:
            size_of[name] = int(words[3])
        if words[0] == "field" and words[1].startswith(f"{name}."):
            fields.append((words[1].split(".")[1], int(words[3]), int(words[5])))
    return fields


# Python

NUMBERS = {
    ctypes.c_bool: "bool",
    ctypes.c_double: "double",
    ctypes.c_int32: "int32_t",
    ctypes.c_uint32: "uint32_t",
    ctypes.c_int64: "int64_t",
    ctypes.c_uint64: "uint64_t",
    ctypes.c_char_p: "const void *",
    ctypes.c_void_p: "void *",
    _raw.pc_interrupt: "pc_interrupt",
    None: "void",
    **{getattr(_raw, name): name for name in STRUCTS},
}


def in_c(kind: object) -> set[str]:
    """A type of ctypes in the words of C: `size_t` and `uint64_t` are one to ctypes."""
    found = NUMBERS.get(kind) or f"{NUMBERS[kind._type_]} *".replace("* *", "**")
    return {found, found.replace("uint64_t", "size_t")}


def python_prototypes() -> dict[str, tuple[object, ...]]:
    library = _raw.load()
    functions = {name: getattr(library, name) for name in _raw.FUNCTIONS}
    return {name: (function.restype, *function.argtypes) for name, function in functions.items()}


def test_python_declares_every_function() -> None:
    assert set(python_prototypes()) == set(DECLARED.functions)


@pytest.mark.parametrize("name", DECLARED.functions)
def test_python_prototype(name: str) -> None:
    function = DECLARED.functions[name]
    ours = python_prototypes()[name]
    theirs = [function.result, *function.types()]
    assert len(ours) == len(theirs)
    for mine, kind in zip(ours, theirs):
        assert any(fits(word, kind) for word in in_c(mine)), f"{name}: {kind} is declared as {mine}"


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_python_struct(name: str) -> None:
    sizes: dict[str, int] = {}
    ours = getattr(_raw, name)
    fields = [
        (field.rstrip("_"), getattr(ours, field).offset, getattr(ours, field).size)
        for field, _ in ours._fields_
    ]
    assert fields == c_layout(name, sizes)
    assert ctypes.sizeof(ours) == sizes[name]


def test_python_constants() -> None:
    assert {name: value for name, value in vars(_raw).items() if name.startswith("PC_")} == DECLARED.numbers()


# Julia

JULIA_NUMBERS = {
    "Bool": "bool",
    "Float64": "double",
    "Int32": "int32_t",
    "UInt32": "uint32_t",
    "Int64": "int64_t",
    "UInt64": "uint64_t",
    "Csize_t": "size_t",
    "Ptr{UInt8}": "void *",
    "Ptr{Cvoid}": "void *",
    "Cstring": "const void *",
    "Cvoid": "void",
    "Buffer": "pc_buffer",
    "EnvOptions": "pc_env_options",
    "EnvStat": "pc_env_stat",
    "Range": "pc_range",
    "Batch": "pc_batch",
}
JULIA_STRUCTS = {name: julia for julia, name in JULIA_NUMBERS.items() if name in STRUCTS}
# What the package makes of values it does by itself.
JULIA_LACKS = {name for name in DECLARED.functions if "value" in name.split("_")} | {
    "pc_encode_key",
    "pc_encode_key_bound",
    "pc_encode_key_prefix",
    "pc_decode_key",
}


def julia_in_c(kind: str, aliases: dict[str, str]) -> str:
    """A type of Julia in the words of C."""
    kind = aliases.get(kind, kind)
    if kind in JULIA_NUMBERS:
        return JULIA_NUMBERS[kind]
    return f"{julia_in_c(re.fullmatch(r'Ptr{(.*)}', kind)[1], aliases)} *".replace("* *", "**")


def julia_prototypes() -> dict[str, list[str]]:
    """Result and parameters of each function, in the words of C."""
    text = SYMBOLS.read_text(encoding="utf-8")
    aliases = dict(re.findall(r"^const ([A-Z][a-z]\w*) = (\S+)$", text, re.M))
    found = {}
    for name, arguments, result in re.findall(r"^@(?:waiting_)?symbol (pc_\w+)\((.*)\)::(\w+)$", text, re.M):
        types = [result, *(part.split("::")[1] for part in arguments.split(", ") if part)]
        found[name] = [julia_in_c(kind, aliases) for kind in types]
    assert len(found) == len(re.findall(r"^@(?:waiting_)?symbol", text, re.M)), (
        "a declaration was not understood"
    )
    return found


def test_julia_declares_every_function() -> None:
    assert set(julia_prototypes()) == set(DECLARED.functions) - JULIA_LACKS


@pytest.mark.parametrize("name", sorted(set(DECLARED.functions) - JULIA_LACKS))
def test_julia_prototype(name: str) -> None:
    function = DECLARED.functions[name]
    ours = julia_prototypes()[name]
    theirs = [function.result, *function.types()]
    assert len(ours) == len(theirs)
    for mine, kind in zip(ours, theirs):
        assert fits(mine, kind), f"{name}: {kind} is declared as {mine}"


def test_julia_calls_that_may_wait_are_marked() -> None:
    """A call that may wait for a lock or a disk lets other threads of Julia collect garbage meanwhile."""
    text = SYMBOLS.read_text(encoding="utf-8")
    plain = set(re.findall(r"^@symbol (pc_\w+)", text, re.M))
    assert plain == {
        *(
            "pc_version",
            "pc_abi_version",
            "pc_lmdb_version",
            "pc_strerror",
            "pc_last_error",
            "pc_buffer_free",
        ),
        *("pc_env_options_init", "pc_set_reads_wait", "pc_set_interrupt"),
    }


def test_julia_structs_and_constants() -> None:
    """As Julia itself lays them out."""
    command = [os.environ["JULIA"], "--startup-file=no", f"--project={ROOT / 'bindings' / 'julia'}"]
    done = subprocess.run(
        [*command, str(ROOT / "tests" / "abi" / "lib.jl")], capture_output=True, text=True, check=True
    )
    c_name = {julia: name for name, julia in JULIA_STRUCTS.items()}
    constants, sizes = {}, {}
    fields: dict[str, list[tuple[str, int, int]]] = {}
    for kind, name, *rest in (line.split("\t") for line in done.stdout.splitlines()):
        if kind == "constant":
            constants[name] = int(rest[0])
        elif kind == "struct":
            sizes[c_name[name]] = int(rest[0])
        else:
            fields.setdefault(c_name[name], []).append((rest[0], int(rest[1]), int(rest[2])))
    assert constants == {
        name: number
        for name, number in DECLARED.numbers().items()
        if not name.startswith(("PC_VALUE_", "PC_ELEMENT_"))
    }
    expected: dict[str, int] = {}
    assert fields == {name: c_layout(name, expected) for name in JULIA_STRUCTS}
    assert sizes == expected


@pytest.mark.parametrize(
    ("ours", "kind", "fit"),
    [
        ("uint32_t", "uint32_t", True),
        ("int32_t", "uint32_t", False),
        ("uint64_t", "pc_env", True),
        ("uint64_t *", "pc_env *", True),
        ("uint32_t", "pc_env", False),
        ("void *", "pc_buffer *", True),
        ("pc_range *", "pc_buffer *", False),
        ("const void *", "const void *", True),
        ("const void *", "void *", False),
        ("void *", "size_t", False),
        ("void *", "pc_interrupt", True),
        ("int32_t", "pc_interrupt", False),
    ],
)
def test_a_declaration_fits_only_its_own_type(ours: str, kind: str, fit: bool) -> None:
    assert fits(ours, kind) == fit
