"""Each header compiles alone, and twice, with every compiler and standard that the project promises.

A warning fails. `cargo test --test header` compares the C header with its source.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

INCLUDE = Path(__file__).resolve().parents[2] / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only"]
C_HEADER = "persistent_collections.h"
CPP_HEADER = "persistent_collections.hpp"
CPP_PARTS = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.hpp"))


def warnings_of(compiler: str, language: str, standard: str, header: Path | str, tmp_path: Path) -> str:
    """Compiles a file that only includes the header, twice; returns what the compiler printed."""
    source = tmp_path / f"header.{language}"
    source.write_text(f'#include "{header}"\n' * 2, encoding="utf-8")
    command = [compiler, f"-std={standard}", *WARNINGS, f"-I{INCLUDE}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stderr
    return done.stderr


@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_c_header_compiles_as_c(compiler: str, standard: str, tmp_path: Path) -> None:
    assert warnings_of(compiler, "c", standard, C_HEADER, tmp_path) == ""


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_c_header_compiles_as_cpp(compiler: str, standard: str, tmp_path: Path) -> None:
    assert warnings_of(compiler, "cpp", standard, C_HEADER, tmp_path) == ""


@pytest.mark.parametrize("part", CPP_PARTS)
def test_each_cpp_header_compiles_alone(part: str, tmp_path: Path) -> None:
    assert warnings_of("g++", "cpp", "c++17", part, tmp_path) == ""


@pytest.mark.parametrize(
    ("compiler", "standard"), [("g++", "c++20"), ("clang++", "c++17"), ("clang++", "c++20")]
)
def test_the_cpp_header_compiles_alone(compiler: str, standard: str, tmp_path: Path) -> None:
    assert warnings_of(compiler, "cpp", standard, CPP_HEADER, tmp_path) == ""


def test_these_are_all_the_headers() -> None:
    headers = {str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*") if path.is_file()}
    assert headers == {C_HEADER, *CPP_PARTS}
    assert CPP_HEADER in CPP_PARTS
    assert len(CPP_PARTS) > 1


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_header_with_a_fault_fails(compiler: str, tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.hpp"
    faulty.write_text("inline int half(long whole) { return whole / 2; }\n", encoding="utf-8")
    said = warnings_of(compiler, "cpp", "c++17", faulty, tmp_path)
    assert "conversion" in said
    assert "redefinition" in said
