"""The record of what the C header declares, which must not change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from declarations.header import Header, parse  # noqa: E402

HEADER = ROOT / "include" / "persistent_collections.h"
RECORD = Path(__file__).with_name("abi.txt")


def layout(header: Header, include: Path, scratch: Path) -> list[str]:
    """Sizes and offsets, as a C compiler sees them."""
    lines = [
        "#include <stddef.h>",
        "#include <stdio.h>",
        '#include "persistent_collections.h"',
        "int main(void) {",
    ]
    for struct in header.structs.values():
        name = struct.name
        lines.append(f'printf("struct {name} size %zu\\n", sizeof({name}));')
        for kind, field in struct.fields:
            lines.append(
                f'printf("field {name}.{field} at %zu size %zu {kind}\\n", '
                f"offsetof({name}, {field}), sizeof((({name} *)0)->{field}));"
            )
    lines += ["return 0;", "}"]
    source = scratch / "layout.c"
    source.write_text("\n".join(lines) + "\n")
    program = scratch / "layout"
    subprocess.run(["cc", "-std=c11", f"-I{include}", str(source), "-o", str(program)], check=True)
    return subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.splitlines()


def record(header_path: Path, scratch: Path) -> list[str]:
    """The interface as lines of text, each of which must stay as it is."""
    header = parse(header_path.read_text(encoding="utf-8"))
    versions = re.compile(r"PC_(ABI_)?VERSION(_\w+)?$")
    return [
        f"abi {header.constants['PC_ABI_VERSION']}",
        *(f"constant {name} {value}" for name, value in header.constants.items() if not versions.match(name)),
        *(f"type {name} {kind}" for name, kind in header.types.items()),
        *layout(header, header_path.parent, scratch),
        *(
            f"function {function.result} {function.name}({', '.join(function.types()) or 'void'})"
            for function in header.functions.values()
        ),
    ]


def recorded() -> list[str]:
    """The record that is committed, without its comments."""
    lines = RECORD.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def breaks(before: list[str], after: list[str]) -> list[str]:
    """Returns the lines of a record that compiled programs rely on and that no longer hold.

    What is new breaks nothing; a struct that says its size (`struct_size`) may grow at its end, and what was
    reserved may get a meaning.
    """
    now = set(after)
    sizes = {words[1]: int(words[3]) for words in map(str.split, after) if words[0] == "struct"}
    versioned = {
        line.split()[1].split(".")[0] for line in before if re.match(r"field \w+\.struct_size at 0 ", line)
    }

    def still_holds(line: str) -> bool:
        words = line.split()
        if words[0] == "struct" and words[1] in versioned:
            return sizes.get(words[1], 0) >= int(words[3])
        reserved = words[0] == "field" and words[1].endswith(".reserved")
        return line in now or words[0] == "abi" or reserved

    return [line for line in before if not still_holds(line)]


def needs_new_version(before: list[str], after: list[str]) -> list[str]:
    """What is broken without another version of the interface."""
    return breaks(before, after) if before[0] == after[0] else []
