"""The bindings' prototypes against the header, and how the library is found."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from persistent_collections import LibraryError, _raw
from persistent_collections.errors import ERRORS

HEADER = Path(__file__).parents[3] / "include" / "persistent_collections.h"


def header() -> str:
    """The header without comments."""
    text = HEADER.read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


def arguments(parameters: str) -> list[str]:
    """Each parameter as one word: pointer, or the name of its type."""
    kinds = []
    for parameter in parameters.split(","):
        words = re.sub(r"\b(const|struct)\b", " ", parameter).split()
        if "*" in parameter:
            kinds.append("pointer")
        elif words and words != ["void"]:
            kinds.append(words[0])
    return kinds


def expected(kind: str) -> list[object]:
    return {
        "uint32_t": [ctypes.c_uint32],
        "int32_t": [ctypes.c_int32],
        "pc_status": [ctypes.c_int32],
        "int64_t": [ctypes.c_int64],
        "uint64_t": [ctypes.c_uint64],
        "size_t": [ctypes.c_size_t],
        "uintptr_t": [ctypes.c_size_t],
        "bool": [ctypes.c_bool],
        "pc_interrupt": [_raw.pc_interrupt],
        "double": [ctypes.c_double],
        **{f"pc_{noun}": [ctypes.c_uint64] for noun in ("env", "dict", "set", "iter", "txn")},
    }[kind]


def is_pointer(argument: object) -> bool:
    return argument in (ctypes.c_char_p, ctypes.c_void_p) or hasattr(argument, "contents")


def test_prototypes_are_those_of_the_header() -> None:
    declared = {
        name: arguments(parameters)
        for name, parameters in re.findall(r"\b(pc_\w+)\s*\(([^()]*)\)\s*;", header())
    }
    ours = {
        **_raw.STATUS_FUNCTIONS,
        **{name: arguments for name, (_, arguments) in _raw.OTHER_FUNCTIONS.items()},
    }
    assert set(ours) == set(declared)
    for name, kinds in declared.items():
        assert len(ours[name]) == len(kinds), name
        for argument, kind in zip(ours[name], kinds):
            if kind == "pointer":
                assert is_pointer(argument), name
            else:
                assert argument in expected(kind), name


def test_constants_are_those_of_the_header() -> None:
    declared = {
        name: int(value.strip("()u").rstrip("u"), 0)
        for name, value in re.findall(r"#define (PC_\w+)\s+(\(?-?\w+\)?)\s*$", header(), re.M)
        if re.fullmatch(r"\(?-?(0x[0-9A-Fa-f]+|\d+)u?\)?", value)
    }
    for name, value in vars(_raw).items():
        if name.startswith("PC_"):
            assert declared[name] == value, name
    failing = {value for name, value in declared.items() if name.startswith("PC_ERR_")}
    assert set(ERRORS) == failing


def test_each_status_has_its_words() -> None:
    library = _raw.load()
    texts = [library.pc_strerror(status).decode() for status in ERRORS]
    assert all(texts)
    assert len(set(texts)) == len(texts)


def test_sizes_of_structs() -> None:
    assert ctypes.sizeof(_raw.pc_value) == 32
    assert ctypes.sizeof(_raw.pc_buffer) == 3 * ctypes.sizeof(ctypes.c_size_t)
    options = _raw.pc_env_options()
    library = _raw.load()
    assert library.pc_env_options_init(ctypes.byref(options), ctypes.sizeof(options)) == 0
    assert options.struct_size == ctypes.sizeof(options)


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_library_is_one_clear_error(tmp_path: Path) -> None:
    code = "from persistent_collections import _raw; _raw.load()"
    done = run(code, PERSISTENT_COLLECTIONS_LIBRARY=str(tmp_path / "none.so"))
    assert done.returncode == 1
    assert "LibraryError" in done.stderr.splitlines()[-1]
    assert "none.so" in done.stderr.splitlines()[-1]


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    code = "from persistent_collections import _raw; _raw.load()"
    done = run(code, PERSISTENT_COLLECTIONS_LIBRARY=str(tmp_path / "text.so"))
    assert "LibraryError: cannot load" in done.stderr


def test_another_abi_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(path for path in _raw.candidates() if path.is_file())
    monkeypatch.setattr(_raw, "PC_ABI_VERSION", 999)
    with pytest.raises(LibraryError, match="ABI version 1, this package needs 999"):
        _raw._open(path)
