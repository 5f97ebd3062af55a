""".github/workflows: CI runs the commands that a developer runs, and ends after them.

The job of `.ci/run` had a limit of 60 minutes, and `.ci/run` one of 80: a step that hung was cut off before
`.ci/run` could say which one it was.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
SET_UP = (ROOT / ".github" / "actions" / "set-up" / "action.yml").read_text(encoding="utf-8")
SCRIPTS = {name: (ROOT / ".ci" / name).read_text(encoding="utf-8") for name in ("run", "long")}


def job(name: str) -> str:
    """The text of one job."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", WORKFLOW, re.M)
    assert found, f"the workflow has no job {name}"
    return found[1]


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found, pattern
    return int(found[1])


def test_each_part_of_the_long_checks_has_a_job() -> None:
    listed = subprocess.run([ROOT / ".ci/long", "--list"], stdout=subprocess.PIPE, text=True, check=True)
    named = re.search(r"^ +part: \[(.*)\]$", job("long"), re.M)
    assert named
    assert named[1].split(", ") == listed.stdout.split()


def test_a_job_ends_after_the_limit_of_its_script() -> None:
    minutes = r"timeout --kill-after=\S+ (\d+)m "
    assert number(r"timeout-minutes: (\d+)", job("run")) >= number(minutes, SCRIPTS["run"]) + 15
    assert number(r"timeout-minutes: (\d+)", job("long")) >= number(minutes, SCRIPTS["long"]) + 15


def test_each_command_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {
        name for line in re.findall(r"^([a-z][a-z -]*):(?!=)", makefile, re.M) for name in line.split()
    }
    texts = {"ci.yml": WORKFLOW, "action.yml": SET_UP, **SCRIPTS}
    for name in ("CONTRIBUTING.md", ".pre-commit-config.yaml"):
        texts[name] = (ROOT / name).read_text(encoding="utf-8")
    called = {
        (where, target)
        for where, text in texts.items()
        for target in re.findall(
            r"(?:`|run: |entry: |&& |\[\w+\]='|^\s*|, )make (?:-s )?([a-z][a-z-]*)", text, re.M
        )
    }
    assert {("run", "demo"), ("long", "torture"), (".pre-commit-config.yaml", "lint-c")} <= called
    assert {pair for pair in called if pair[1] not in targets} == set()
    scripts = {
        path for text in texts.values() for path in re.findall(r"(?<![\w/.])(tools/[\w-]+|\.ci/\w+)", text)
    }
    assert "tools/debian-packages" in scripts
    assert {path for path in scripts if not (ROOT / path).exists()} == set()
