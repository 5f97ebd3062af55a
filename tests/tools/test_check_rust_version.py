"""tools/check-rust-version: code that the oldest Rust does not compile fails.

If no such Rust could be installed, the program printed NOT CHECKED among thousands of other lines and
succeeded, also in the workflow of CI. Outside of a checkout, where git fails, it assumed that no file
names another version.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "check-rust-version"
CARGO = """#!/bin/sh
case $2 in
--version) exit "${TOOLCHAIN:-0}" ;;
*) exit "${COMPILING:-0}" ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the program, and a cargo and a rustup that compile and install nothing."""
    programs = {"bin/cargo": CARGO, "bin/rustup": '#!/bin/sh\nexit "${INSTALLING:-0}"\n'}
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tools").mkdir()
    shutil.copy(PROGRAM, tmp_path / "tools")
    (tmp_path / "Cargo.toml").write_text('rust-version = "1.70"\n', encoding="utf-8")
    (tmp_path / "README.md").write_text("Needs Rust 1.70 or newer.\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "add", "Cargo.toml", "README.md"], check=True)
    return tmp_path


def check(tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "OLDEST_RUST_REQUIRED": "",
        "PATH": f"{tree}/bin:{os.environ['PATH']}",
        **variables,
    }
    program = tree / "tools/check-rust-version"
    return subprocess.run([program], env=environment, capture_output=True, text=True, check=False)


def test_code_that_compiles_passes(tree: Path) -> None:
    done = check(tree, OLDEST_RUST_REQUIRED="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Rust 1.70 compiles" in done.stdout
    assert check(tree, OLDEST_RUST_REQUIRED="1", TOOLCHAIN="1").returncode == 0


def test_code_that_does_not_compile_fails(tree: Path) -> None:
    assert check(tree, COMPILING="101").returncode != 0


def test_another_version_in_a_file_fails(tree: Path) -> None:
    (tree / "README.md").write_text("Needs Rust 1.71 or newer.\n", encoding="utf-8")
    done = check(tree)
    assert done.returncode == 1
    assert "README.md" in done.stderr


def test_a_rust_that_cannot_be_installed_fails_only_where_it_is_required(tree: Path) -> None:
    done = check(tree, TOOLCHAIN="1", INSTALLING="1")
    assert done.returncode == 0
    assert "NOT CHECKED" in done.stderr
    done = check(tree, TOOLCHAIN="1", INSTALLING="1", OLDEST_RUST_REQUIRED="1")
    assert done.returncode == 1
    assert "NOT CHECKED" in done.stderr


def test_a_tree_that_is_not_a_checkout_fails(tree: Path) -> None:
    shutil.rmtree(tree / ".git")
    assert check(tree, GIT_CEILING_DIRECTORIES=str(tree.parent)).returncode != 0
    (tree / "Cargo.toml").write_text("", encoding="utf-8")
    assert "does not name a rust-version" in check(tree).stderr
