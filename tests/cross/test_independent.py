"""Independent libraries check the vectors."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import ROOT


def test_the_vectors_are_what_independent_libraries_read_and_write() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "independent" / "check_vectors.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    totals = re.search(r"^(\d+) passed, 0 failed$", done.stdout, re.M)
    assert totals, done.stdout
    assert int(totals[1]) > 250
