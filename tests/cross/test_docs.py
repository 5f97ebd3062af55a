"""The C programs in the documentation compile without a warning and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Compiler

DOCUMENTS = ["docs/abi.md", "README.md"]


def programs() -> list[tuple[str, str]]:
    """Every C block, named by its document and line. One with a `main` is a whole program."""
    found = []
    for document in DOCUMENTS:
        path = ROOT / document
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for block in re.finditer(r"^```c\n(.*?)^```$", text, re.M | re.S):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{document}:{line}", block[1]))
    return found


PROGRAMS = programs()


@pytest.mark.parametrize("program", [text for _, text in PROGRAMS], ids=[at for at, _ in PROGRAMS])
def test_c_example(program: str, compiler: Compiler, tmp_path: Path) -> None:
    assert "int main(" in program, "an example is a whole program, so that it can be tried"
    source = tmp_path / "example.c"
    source.write_text(program, encoding="utf-8")
    # Its expected output is in a comment that begins with "prints:".
    expected = re.search(r"/\* prints:\n(.*?)\*/", program, re.S)
    done = subprocess.run(
        [compiler.compile(source)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    if expected:
        lines = [line.strip() for line in expected[1].strip().splitlines()]
        assert done.stdout.strip().splitlines() == lines


def test_the_guide_has_examples_and_every_status() -> None:
    guide = (ROOT / "docs" / "abi.md").read_text(encoding="utf-8")
    examples = [program for at, program in PROGRAMS if at.startswith("docs/abi.md")]
    assert len(examples) >= 4
    assert all("/* prints:" in program for program in examples)
    header = (ROOT / "include" / "persistent_collections.h").read_text(encoding="utf-8")
    begins, ends = header.index("==== Statuses ===="), header.index("==== Buffers ====")
    numbers = re.findall(r"^#define (PC_\w+) \(?(-?\d+)\)?$", header[begins:ends], re.M)
    assert len(numbers) > 50
    for name, number in numbers:
        row = rf"^\| `{name}` \| {number.replace('-', '−')} \|"
        assert re.search(row, guide, re.M), f"docs/abi.md has no row for {name}"
    # The documents name each function.
    functions = set(re.findall(r"\b(pc_\w+)\(", re.sub(r"//[^\n]*|/\*.*?\*/", "", header, flags=re.S)))
    missing = {name for name in functions if f"`{name}" not in guide and f"{name}(" not in guide}
    assert not missing


def example(language: str) -> str:
    """Returns the README's example in a language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    assert found, f"README.md has no example in {language}"
    return found[1]


def test_the_readmes_examples_share_their_data(tmp_path: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(sys.executable, "-c", example("python")) == "{'Ada': 36} True\n"
    julia = [os.environ["JULIA"], "--startup-file=no", f"--project={ROOT / 'bindings' / 'julia'}"]
    printed = run(*julia, "-e", example("julia"))
    assert "Ada" in printed, printed
    assert "Grace" in printed, printed
