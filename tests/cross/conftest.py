"""Paths, and programs that the tests compile."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
C_FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]


@pytest.fixture(scope="session")
def library() -> Path:
    """Returns the library that all languages load."""
    named = os.environ.get("PERSISTENT_COLLECTIONS_LIBRARY")
    assert named, "PERSISTENT_COLLECTIONS_LIBRARY names no library: run `make test-cross`"
    path = Path(named)
    assert path.is_file(), f"there is no library at {path}: run `make build`"
    return path


class Compiler:
    """Compiles C programs against the header and the library."""

    def __init__(self, library: Path, directory: Path) -> None:
        # The loader looks for the name inside the library, which may differ from the file's name.
        shutil.copy(library, directory / "libpersistent_collections.so")
        (directory / "libpersistent_collections.so.0").symlink_to("libpersistent_collections.so")
        self.directory = directory

    def compile(self, source: Path) -> Path:
        """Compiles one source to a program; a warning is an error."""
        program = self.directory / source.stem
        subprocess.run(
            [
                *(os.environ.get("CC", "cc"), *C_FLAGS, f"-I{ROOT / 'include'}"),
                *(str(source), "-o", str(program), f"-L{self.directory}"),
                *(f"-Wl,-rpath,{self.directory}", "-lpersistent_collections", "-lpthread"),
            ],
            check=True,
        )
        return program


@pytest.fixture(scope="session")
def compiler(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """Provides a compiler for programs that use the library."""
    return Compiler(library, tmp_path_factory.mktemp("programs"))


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Copies the golden environment, since opening it creates lock files."""
    path = tmp_path / "golden"
    path.mkdir()
    shutil.copy(ROOT / "tests" / "vectors" / "golden" / "data.mdb", path)
    return path
