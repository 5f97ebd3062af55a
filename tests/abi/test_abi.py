"""The C interface is what was recorded: a change that breaks programs needs another PC_ABI_VERSION."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from header import HEADER, RECORD, breaks, needs_new_version, parse, record, recorded


def test_the_interface_is_as_recorded(tmp_path: Path) -> None:
    before, after = recorded(), record(HEADER, tmp_path)
    assert needs_new_version(before, after) == [], (
        "programs that were compiled before would break: undo this, or raise PC_ABI_VERSION"
    )
    assert before == after, "an addition: record it with `make abi`"


def test_the_library_exports_the_recorded_names() -> None:
    library = os.environ["PERSISTENT_COLLECTIONS_LIBRARY"]
    done = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
    exported = {line.split()[-1] for line in done.stdout.splitlines()}
    functions = [line for line in recorded() if line.startswith("function ")]
    assert exported == {re.search(r"(pc_\w+)\(", line)[1] for line in functions}


def test_every_declaration_of_the_header_is_read() -> None:
    """What the parser does not understand would go unnoticed."""
    text = HEADER.read_text(encoding="utf-8")
    header = parse(text)
    code = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    assert set(header.functions) == set(re.findall(r"\b(pc_\w+)\s*\(", code))
    assert set(header.structs) == set(re.findall(r"\}\s*(\w+);", code))
    defined = set(re.findall(r"^#define (\w+)", code, re.M))
    assert set(header.constants) == defined - {"PERSISTENT_COLLECTIONS_H"}
    assert len(re.findall(r"\btypedef\b", code)) == len(header.structs) + len(header.types)


# What is changed in the header, into what, and what the programs that break relied on; none: nothing breaks.
CHANGES = {
    "a function goes": (
        r"pc_status pc_flush\(pc_env env\);",
        "",
        "function pc_status pc_flush(pc_env)",
    ),
    "a parameter more": (
        r"pc_flush\(pc_env env\)",
        "pc_flush(pc_env env, int now)",
        "function pc_status pc_flush(pc_env)",
    ),
    "a parameter's type": (
        r"pc_strerror\(pc_status",
        "pc_strerror(int64_t",
        "function const char * pc_strerror(pc_status)",
    ),
    "another result": (
        r"uint32_t pc_abi_version",
        "uint64_t pc_abi_version",
        "function uint32_t pc_abi_version(void)",
    ),
    "a constant's number": (r"#define PC_END 3", "#define PC_END 5", "constant PC_END 3"),
    "a constant goes": (r"#define PC_EXISTS 2", "", "constant PC_EXISTS 2"),
    "a wider status": (r"typedef int32_t pc_status", "typedef int64_t pc_status", "type pc_status int32_t"),
    "a field moves": (
        r"size_t len;(.*?)size_t cap;\n\} pc_buffer",
        r"size_t cap;\1size_t len;\n} pc_buffer",
        "field pc_buffer.len at 8 size 8 size_t",
    ),
    "a struct grows": (
        r"size_t cap;\n\} pc_buffer",
        "size_t cap; int more;\n} pc_buffer",
        "struct pc_buffer size 24",
    ),
    "a field goes": (
        r"int64_t write_timeout_ms;",
        "",
        "field pc_env_options.write_timeout_ms at 40 size 8 int64_t",
    ),
    "a new function": (r"pc_status pc_flush", "pc_status pc_new(pc_env env);\npc_status pc_flush", None),
    "a new constant": (r"#define PC_END 3", "#define PC_END 3\n#define PC_ERR_NEW (-99)", None),
    "a struct that says its size grows": (
        r"uint32_t reserved;\n\} pc_env_options",
        "uint32_t reserved; uint64_t more;\n} pc_env_options",
        None,
    ),
    "what was reserved gets a name": (
        r"uint32_t reserved;\n\} pc_env_options",
        "uint32_t more;\n} pc_env_options",
        None,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_judged_by_whether_it_breaks_programs(change: str, tmp_path: Path) -> None:
    before = record(HEADER, tmp_path)
    pattern, replacement, broken = CHANGES[change]
    text, count = re.subn(pattern, replacement, HEADER.read_text(encoding="utf-8"), count=1, flags=re.S)
    assert count == 1, "the change does not apply: the header has become another"
    changed = tmp_path / "include" / HEADER.name
    changed.parent.mkdir()
    changed.write_text(text, encoding="utf-8")
    after = record(changed, tmp_path)
    found = breaks(before, after)
    assert after != before
    assert broken in found if broken else found == []
    raised = ["abi 2", *after[1:]]
    assert needs_new_version(before, after) == found
    assert needs_new_version(before, raised) == []


def test_the_record_is_text_for_people() -> None:
    lines = RECORD.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) > 200
