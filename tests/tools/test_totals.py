"""tools/totals: every runner's counts are added up, and a failure in a log fails `.ci/run`.

A run of pytest with nothing but errors, such as a file that cannot be imported, was not counted: its line
names no test that passed or failed. And the program succeeded whatever it added up.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "totals"


@pytest.mark.parametrize(
    ("line", "passed", "failed"),
    [
        (
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            3,
            0,
        ),
        ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", 3, 2),
        ("118 passed in 15.37s", 118, 0),
        ("4 failed, 3039 passed in 837.80s (0:13:57)", 3039, 4),
        ("====== 1 failed, 2 passed, 3 warnings in 0.10s ======", 2, 1),
        ("1 skipped, 5 deselected in 0.10s", 0, 0),
        ("1 error in 0.12s", 0, 1),
        ("2 errors in 0.12s", 0, 2),
        ("1 failed, 2 passed, 3 errors in 1.00s", 2, 4),
        ("C: 20 passed, 1 failed", 20, 1),
        ("C++: 428 passed, 0 failed", 428, 0),
        # Parts of a total, which the total has already.
        ("C dict: 20 passed, 1 failed", 0, 0),
        ("C++ g++ C++17: 107 passed, 1 failed", 0, 0),
        ("julia: 5000 passed, 2 failed", 5000, 2),
        ("g++: 1 failed", 0, 0),
    ],
)
def test_a_line_counts(tmp_path: Path, line: str, passed: int, failed: int) -> None:
    log = tmp_path / "log"
    log.write_text(f"make: something\n2 passed in 0.01s\n{line}\n", encoding="utf-8")
    done = subprocess.run([PROGRAM, log], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{passed + 2} passed, {failed} failed\n", "")
    assert done.returncode == (1 if failed else 0)
