"""A Rust type, stored through serde as `any`, is read and written in Python, Julia and C++.

Rust alone tested that its structs come back. No test showed that another language reads one, or that Rust
reads what another language writes in its own forms: a tuple, an array of numbers, a whole number for a float.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LANGUAGES = ["Python", "Julia", "C++"]


@pytest.fixture(scope="module")
def programs(library: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Returns the command line of each language's program."""
    compiled = tmp_path_factory.mktemp("typed_values") / "typed_values"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{ROOT / 'include'}"]
    link = [f"-L{library.parent}", f"-Wl,-rpath,{library.parent}", "-lpersistent_collections"]
    command = [os.environ.get("CXX", "c++"), *flags, str(HERE / "typed_values.cpp"), "-o", str(compiled)]
    subprocess.run([*command, *link], check=True)
    julia = [os.environ["JULIA"], "--startup-file=no", "-O0", "--compile=min"]
    return {
        "Rust": [str(ROOT / "target" / "debug" / "examples" / "typed_values")],
        "C++": [str(compiled)],
        "Python": [sys.executable, str(HERE / "typed_values.py")],
        "Julia": [*julia, f"--project={ROOT / 'bindings' / 'julia'}", str(HERE / "typed_values.jl")],
    }


class Jobs:
    """Provides an environment, and the programs that use it."""

    def __init__(self, programs: dict[str, list[str]], path: Path) -> None:
        self.programs = programs
        self.path = path

    def __call__(self, language: str, command: str, key: str = "job") -> str:
        """Runs a command, which must succeed, and returns what it printed."""
        words = [*self.programs[language], command, str(self.path), key]
        done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, ""), (language, command, done.stdout)
        return done.stdout


@pytest.fixture
def jobs(programs: dict[str, list[str]], tmp_path: Path) -> Jobs:
    return Jobs(programs, tmp_path / "environment")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_rust_wrote_is_read(jobs: Jobs, language: str) -> None:
    jobs("Rust", "write")
    jobs("Rust", "check")
    jobs(language, "check")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_the_language_wrote_is_read_in_rust(jobs: Jobs, language: str) -> None:
    jobs(language, "write")
    jobs("Rust", "check")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_rust_wrote_is_changed(jobs: Jobs, language: str) -> None:
    jobs("Rust", "write")
    jobs(language, "finish")
    jobs("Rust", "finished")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_of_another_type_is_an_error_in_rust(jobs: Jobs, language: str) -> None:
    jobs(language, "spoil")
    assert 'string "three", expected u32' in jobs("Rust", "refuse")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_difference_is_found(jobs: Jobs, language: str) -> None:
    """The checks themselves can fail."""
    jobs("Rust", "write")
    jobs(language, "finish")
    with pytest.raises(AssertionError):
        jobs("Rust", "check")
    with pytest.raises(AssertionError):
        jobs(language, "check")
