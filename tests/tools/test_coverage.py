"""tools/coverage: a failed test fails it, and so does a share of lines below the floor.

`make coverage` passed while tests of Python failed: pytest's status 1 was allowed, because four tests always
failed under it. Their child processes change the root directory or the user, and could not write counts.
A test that failed for another reason, and ran less code than it should, was not noticed either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "coverage"
#: In place of the tools: each reports 95 of 100 lines, or what a variable says, and ends with a status.
CARGO = """#!/bin/sh
for report; do :; done
lines="{\\"covered\\": ${COVERED:-95}, \\"count\\": 100}"
echo "{\\"data\\": [{\\"files\\": [], \\"totals\\": {\\"lines\\": $lines}}]}" >"$report"
exit "${RUST_TESTS:-0}"
"""
PYTHON = """#!/bin/sh
case $* in
*"coverage run"*test_acceleration.py*) exit "${ACCELERATOR_TESTS:-0}" ;;
*"coverage run"*) exit "${PYTHON_TESTS:-0}" ;;
*"coverage combine"*) exit "${COMBINING:-0}" ;;
*"coverage json"*)
    for report; do :; done
    echo "{\\"totals\\": {\\"covered_lines\\": ${COVERED:-95}, \\"num_statements\\": 100}}" >"$report" ;;
esac
"""
JULIA = """#!/bin/sh
case $* in
*coverage.jl*) echo "${COVERED:-95} 100"; exit "${COUNTING:-0}" ;;
esac
exit "${JULIA_TESTS:-0}"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The program with what it runs, which is replaced."""
    programs = {
        "bin/cargo": CARGO,
        "target/venv/bin/python": PYTHON,
        "bin/julia": JULIA,
        "tools/find-julia": f"#!/bin/sh\necho {tmp_path}/bin/julia\n",
    }
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    shutil.copy(PROGRAM, tmp_path / "tools")
    (tmp_path / "bindings/python").mkdir(parents=True)
    tests = tmp_path / "bindings/julia/test/runtests.jl"
    tests.parent.mkdir(parents=True)
    tests.write_text('const WITH_ONE = ["dict", "costs"]\n', encoding="utf-8")
    return tmp_path


def measure(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{tree}/bin:{os.environ['PATH']}", **variables}
    return subprocess.run(
        [sys.executable, str(tree / "tools/coverage"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_prints_the_share_of_each_language(tree: Path) -> None:
    done = measure(tree, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    for language in ("rust", "python", "julia"):
        assert f"{language:8}     100      95    95.0%" in done.stdout


@pytest.mark.parametrize(
    ("language", "step"),
    [
        ("rust", "RUST_TESTS"),
        ("python", "PYTHON_TESTS"),
        ("python", "ACCELERATOR_TESTS"),
        ("python", "COMBINING"),
        ("julia", "JULIA_TESTS"),
        ("julia", "COUNTING"),
    ],
)
@pytest.mark.parametrize("status", ["1", "2", "101"])
def test_a_step_that_fails_fails_the_program(tree: Path, language: str, step: str, status: str) -> None:
    done = measure(tree, language, **{step: status})
    assert done.returncode != 0
    assert f"status {status}" in done.stderr
    assert "95.0%" not in done.stdout


@pytest.mark.parametrize("language", ["rust", "python", "julia"])
def test_a_share_below_the_floor_fails_the_check_only(tree: Path, language: str) -> None:
    done = measure(tree, language, "--check", COVERED="60")
    assert done.returncode == 1
    assert f"{language}: 60.0 % of the lines ran, the floor is" in done.stderr
    assert measure(tree, language, COVERED="60").returncode == 0


def test_a_language_that_it_does_not_measure_is_refused(tree: Path) -> None:
    done = measure(tree, "fortran")
    assert done.returncode == 2
    assert "fortran" in done.stderr
