"""tools/generate-bindings: what a change of the header makes of the bindings, and that the check finds it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = "include/persistent_collections.h"
PACKAGE = "bindings/python/src/persistent_collections"
DECLARATIONS = f"{PACKAGE}/_declarations.py"
ERRORS = f"{PACKAGE}/errors.py"
JULIA = "bindings/julia/src/lib/declarations.jl"
GENERATED = (DECLARATIONS, ERRORS, JULIA)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the program reads and writes."""
    for name in (HEADER, *GENERATED, f"{PACKAGE}/_own_errors.py", "tools/generate-bindings"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tools" / "declarations", tmp_path / "tools" / "declarations")
    return tmp_path


def run(tree: Path, *arguments: str) -> tuple[int, str]:
    """The program's status, and what it printed."""
    done = subprocess.run(
        [sys.executable, str(tree / "tools" / "generate-bindings"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def change(tree: Path, pattern: str, replacement: str) -> None:
    """Changes one place of the header."""
    path = tree / HEADER
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, "the change does not apply: the header has become another"
    path.write_text(text, encoding="utf-8")


def test_what_is_committed_is_up_to_date() -> None:
    assert run(ROOT, "--check") == (0, "")


# What changes in the header, and for each file that is then out of date, a line that generating puts into it.
CHANGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "another number": (
        r"#define PC_ERR_BUSY \(-56\)",
        "#define PC_ERR_BUSY (-59)",
        {
            DECLARATIONS: "PC_ERR_BUSY = -59",
            ERRORS: "    -59: BusyError,",
            JULIA: "const PC_ERR_BUSY = Int32(-59)",
        },
    ),
    "a new flag": (
        r"#define PC_ENV_VERIFY 16\n",
        "#define PC_ENV_VERIFY 16\n\n/// Another one.\n#define PC_ENV_FAST 32\n",
        {DECLARATIONS: "PC_ENV_FAST = 32", JULIA: "const PC_ENV_FAST = 0x00000020"},
    ),
    "a new function": (
        r"pc_status pc_flush\(pc_env env\);",
        "pc_status pc_flush(pc_env env);\n\n/// Rests.\npc_status pc_rest(pc_env env, bool *done);",
        {
            DECLARATIONS: '    "pc_rest": (_status, _handle, _to_bool),',
            JULIA: "@waiting_symbol pc_rest(env::Handle, done::Ptr{Bool})::Status",
        },
    ),
    "a parameter of another type": (
        r"pc_txn_begin\(pc_env env,(\s+)int32_t kind",
        r"pc_txn_begin(pc_env env,\1uint32_t kind",
        {
            DECLARATIONS: '    "pc_txn_begin": (_status, _handle, c_uint32, c_int64, _to_handle),',
            JULIA: "@waiting_symbol pc_txn_begin(env::Handle, kind::UInt32, timeout_ms::Int64, "
            "out::Ptr{Handle})::Status",
        },
    ),
    "a new field": (
        r"    uint32_t lock_format;\n",
        "    uint32_t lock_format;\n    /// More.\n    uint64_t pages_lost;\n",
        {DECLARATIONS: '        ("pages_lost", c_uint64),', JULIA: "    pages_lost::UInt64"},
    ),
    "other words for a status": (
        r"/// The write lock was not free before the timeout\.",
        "/// The write lock was taken.",
        {ERRORS: '    """The write lock was taken."""'},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_header_fails_the_check_until_the_bindings_are_generated(tree: Path, name: str) -> None:
    pattern, replacement, expected = CHANGES[name]
    change(tree, pattern, replacement)
    before = {file: (tree / file).read_text(encoding="utf-8") for file in GENERATED}
    status, printed = run(tree, "--check")
    assert status == 1
    assert "run `make generate-bindings`" in printed
    assert {file for file in GENERATED if f"{file} is not what" in printed} == expected.keys()
    assert before == {file: (tree / file).read_text(encoding="utf-8") for file in GENERATED}
    assert run(tree) == (0, "")
    for file, line in expected.items():
        assert line in (tree / file).read_text(encoding="utf-8").splitlines(), file
    assert run(tree, "--check") == (0, "")


@pytest.mark.parametrize("file", GENERATED)
def test_a_file_that_was_edited_or_removed_fails_the_check(tree: Path, file: str) -> None:
    with (tree / file).open("a", encoding="utf-8") as added:
        added.write("# by hand\n")
    status, printed = run(tree, "--check")
    assert status == 1 and "-# by hand" in printed
    (tree / file).unlink()
    assert run(tree, "--check")[0] == 1
    assert run(tree) == (0, "")
    assert (tree / file).read_bytes() == (ROOT / file).read_bytes()


def test_a_new_status_needs_a_class(tree: Path) -> None:
    """A base class is a promise to programs that catch it: the program asks for it and does not guess."""
    change(
        tree,
        r"#define PC_ERR_UNSUPPORTED \(-72\)\n",
        "#define PC_ERR_UNSUPPORTED (-72)\n\n/// Tired.\n#define PC_ERR_TIRED (-73)\n",
    )
    for arguments in ((), ("--check",)):
        status, printed = run(tree, *arguments)
        assert (
            status == 2
            and "PC_ERR_TIRED has no class" in printed
            and "tools/declarations/errors.py" in printed
        )
    table = tree / "tools" / "declarations" / "errors.py"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("KINDS = {\n", 'KINDS = {\n    "PC_ERR_TIRED": own("RuntimeError"),\n'))
    assert run(tree) == (0, "")
    generated = (tree / ERRORS).read_text(encoding="utf-8")
    assert 'class TiredError(Error, RuntimeError):\n    """Tired."""\n\n    status = -73\n' in generated
    assert '    "TiredError",\n' in generated and "    -73: TiredError,\n" in generated


def test_a_status_that_is_gone_is_reported(tree: Path) -> None:
    change(tree, r"#define PC_ERR_CONFLICT \(-70\)\n", "")
    status, printed = run(tree, "--check")
    assert status == 2 and "PC_ERR_CONFLICT is in KINDS" in printed


@pytest.mark.parametrize("kind", ["int16_t", "int16_t *", "pc_nothing"])
def test_a_type_that_is_unknown_is_reported(tree: Path, kind: str) -> None:
    change(tree, r"pc_status pc_flush\(pc_env env\)", f"pc_status pc_flush(pc_env env, {kind} more)")
    before = {file: (tree / file).read_text(encoding="utf-8") for file in GENERATED}
    status, printed = run(tree)
    assert status == 2 and f"does not know the C type {kind.rstrip(' *')}" in printed
    assert before == {file: (tree / file).read_text(encoding="utf-8") for file in GENERATED}


def test_other_arguments_are_refused(tree: Path) -> None:
    assert run(tree, "--write")[0] == 2
