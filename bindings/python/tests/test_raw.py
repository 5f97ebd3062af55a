"""Finding and loading the library."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from persistent_collections import LibraryError, _raw
from persistent_collections.errors import ERRORS


def test_each_status_has_a_message() -> None:
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


def test_a_file_that_is_not_a_library(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    code = "from persistent_collections import _raw; _raw.load()"
    done = run(code, PERSISTENT_COLLECTIONS_LIBRARY=str(tmp_path / "text.so"))
    assert "LibraryError: cannot load" in done.stderr


def test_another_abi_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(path for path in _raw.candidates() if path.is_file())
    monkeypatch.setattr(_raw, "PC_ABI_VERSION", 999)
    with pytest.raises(LibraryError, match="ABI version 1, this package needs 999"):
        _raw._open(path)
