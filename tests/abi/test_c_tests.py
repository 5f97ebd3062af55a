"""The C tests use all of the interface: every function is called, every status is expected."""

from __future__ import annotations

import re

from header import HEADER, ROOT, parse

DECLARED = parse(HEADER.read_text(encoding="utf-8"))
# What only servers give: `tests/statuses` produces it.
OF_SERVERS = {"PC_ERR_UNAVAILABLE"}


def code() -> str:
    """The C tests without comments and texts."""
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "c").glob("*.[ch]"))]
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\]|\\.)*\"", " ", "".join(sources), flags=re.S)


def test_every_function_is_called() -> None:
    called = set(re.findall(r"\b(pc_\w+)\s*\(", code()))
    assert set(DECLARED.functions) - called == set()


def test_every_status_is_expected() -> None:
    good = ["PC_NOT_FOUND", "PC_EXISTS", "PC_END", "PC_TOO_SMALL", "PC_TIMEOUT"]
    statuses = {name for name in DECLARED.constants if name.startswith("PC_ERR_")} | {"PC_OK", *good}
    # Where a call must give it, or where what was given is compared with it.
    expected = set(re.findall(r"(?:\b(?:GIVES|FAILS)\(\s*|==\s*|,\s*)(PC_\w+)", code()))
    assert statuses - expected == OF_SERVERS


def test_every_kind_of_value_and_element_is_used() -> None:
    kinds = {name for name in DECLARED.constants if name.startswith(("PC_VALUE_", "PC_ELEMENT_"))}
    assert kinds - set(re.findall(r"\bPC_\w+", code())) == set()
