"""What the Python and Julia packages declare of the C interface is what the header says."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess

import pytest
from header import HEADER, ROOT, parse, recorded

from persistent_collections import _raw

DECLARED = parse(HEADER.read_text(encoding="utf-8"))
SYMBOLS = ROOT / "bindings" / "julia" / "src" / "lib" / "symbols.jl"
HANDLES = {name for name, struct in DECLARED.structs.items() if [f for _, f in struct.fields] == ["id"]}


def test_handles_are_found() -> None:
    assert sorted(HANDLES) == ["pc_dict", "pc_env", "pc_iter", "pc_set", "pc_txn"]


# Python

NUMBERS = {
    "bool": ctypes.c_bool,
    "double": ctypes.c_double,
    "int32_t": ctypes.c_int32,
    "pc_status": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    **dict.fromkeys(HANDLES, ctypes.c_uint64),
}
PYTHON_STRUCTS = {
    name: getattr(_raw, name)
    for name in ("pc_buffer", "pc_env_options", "pc_env_stat", "pc_range", "pc_batch", "pc_value")
}
PYTHON_STRUCTS["pc_value_as"] = dict(_raw.pc_value._fields_)["as_"]


def as_ctypes(kind: str) -> list[object]:
    """The ctypes types that may stand for a C type."""
    if kind == "pc_interrupt":
        return [_raw.pc_interrupt]
    if not kind.endswith("*"):
        return [NUMBERS.get(kind) or PYTHON_STRUCTS[kind]]
    target = re.sub(r"^const ", "", kind[:-1].strip())
    if target == "char":
        return [ctypes.c_char_p]
    if target in ("void", "uint8_t"):
        return [ctypes.c_void_p] + ([ctypes.c_char_p] if kind.startswith("const") else [])
    if target in ("const void *", "void *"):
        return [ctypes.POINTER(ctypes.c_void_p)]
    pointed = NUMBERS.get(target) or PYTHON_STRUCTS[target]
    # Arrays are passed by their address.
    return [ctypes.POINTER(pointed)] + ([ctypes.c_void_p] if target == "uint64_t" else [])


def python_prototypes() -> dict[str, tuple[object, tuple[object, ...]]]:
    library = _raw.load()
    names = [*_raw.STATUS_FUNCTIONS, *_raw.OTHER_FUNCTIONS]
    return {name: (getattr(library, name).restype, getattr(library, name).argtypes) for name in names}


def test_python_declares_every_function() -> None:
    assert set(python_prototypes()) == set(DECLARED.functions)


@pytest.mark.parametrize("name", DECLARED.functions)
def test_python_prototype(name: str) -> None:
    function = DECLARED.functions[name]
    result, arguments = python_prototypes()[name]
    assert result in ([None] if function.result == "void" else as_ctypes(function.result))
    assert len(arguments) == len(function.parameters)
    for argument, (kind, parameter) in zip(arguments, function.parameters):
        assert argument in as_ctypes(kind), f"{name}: {parameter} is {kind}, declared as {argument}"


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


@pytest.mark.parametrize("name", PYTHON_STRUCTS)
def test_python_struct(name: str) -> None:
    sizes: dict[str, int] = {}
    ours = PYTHON_STRUCTS[name]
    fields = [
        (field.rstrip("_"), getattr(ours, field).offset, getattr(ours, field).size)
        for field, _ in ours._fields_
    ]
    assert fields == c_layout(name, sizes)
    assert ctypes.sizeof(ours) == sizes[name]


def test_python_constants() -> None:
    ours = {name: value for name, value in vars(_raw).items() if name.startswith("PC_")}
    assert ours == {name: DECLARED.number(name) for name in ours}


# Julia

JULIA_NUMBERS = {
    "bool": "Bool",
    "double": "Float64",
    "int32_t": "Int32",
    "pc_status": "Status",
    "uint32_t": "UInt32",
    "int64_t": "Int64",
    "uint64_t": "UInt64",
    "size_t": "Size",
    "void": "Cvoid",
    "uint8_t": "UInt8",
    **dict.fromkeys(HANDLES, "Handle"),
}
JULIA_STRUCTS = {
    "pc_buffer": "Buffer",
    "pc_env_options": "EnvOptions",
    "pc_env_stat": "EnvStat",
    "pc_range": "Range",
    "pc_batch": "Batch",
}
# What the package makes of values it does by itself.
JULIA_LACKS = {name for name in DECLARED.functions if "value" in name.split("_")} | {
    "pc_encode_key",
    "pc_decode_key",
}
ALIASES = {"Handle": "UInt64", "Status": "Int32", "Bytes": "Ptr{UInt8}", "Size": "Csize_t"}


def as_julia(kind: str) -> list[str]:
    """The Julia types that may stand for a C type."""
    if kind == "pc_interrupt":
        return ["Ptr{Cvoid}"]
    if not kind.endswith("*"):
        return [JULIA_NUMBERS[kind]]
    target = re.sub(r"^const ", "", kind[:-1].strip())
    if target == "char":
        return ["Bytes", "Cstring"]
    if target in ("void", "uint8_t"):
        return ["Bytes"] + (["Ptr{Cvoid}"] if target == "void" else [])
    if target in ("const void *", "void *"):
        return ["Ptr{Bytes}"]
    return [f"Ptr{{{JULIA_NUMBERS.get(target) or JULIA_STRUCTS[target]}}}"]


def julia_prototypes() -> dict[str, tuple[str, list[str]]]:
    text = SYMBOLS.read_text(encoding="utf-8")
    found = {}
    for name, arguments, result in re.findall(r"^@(?:waiting_)?symbol (pc_\w+)\((.*)\)::(\w+)$", text, re.M):
        found[name] = (result, [part.split("::")[1] for part in arguments.split(", ") if part])
    assert len(found) == len(re.findall(r"^@(?:waiting_)?symbol", text, re.M)), (
        "a declaration was not understood"
    )
    return found


def test_julia_aliases_mean_what_is_assumed() -> None:
    found = dict(re.findall(r"^const (\w+) = (\S+)$", SYMBOLS.read_text(encoding="utf-8"), re.M))
    assert {name: found.get(name) for name in ALIASES} == ALIASES


def test_julia_declares_every_function() -> None:
    assert set(julia_prototypes()) == set(DECLARED.functions) - JULIA_LACKS


@pytest.mark.parametrize("name", sorted(set(DECLARED.functions) - JULIA_LACKS))
def test_julia_prototype(name: str) -> None:
    function = DECLARED.functions[name]
    result, arguments = julia_prototypes()[name]
    assert result in as_julia(function.result)
    assert len(arguments) == len(function.parameters)
    for argument, (kind, parameter) in zip(arguments, function.parameters):
        assert argument in as_julia(kind), f"{name}: {parameter} is {kind}, declared as {argument}"


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
    assert len(constants) > 50
    assert constants == {name: DECLARED.number(name) for name in constants}
    expected: dict[str, int] = {}
    assert fields == {name: c_layout(name, expected) for name in JULIA_STRUCTS}
    assert sizes == expected
