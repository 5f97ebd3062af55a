"""Doxygen's view of a header: `filter.py FILE` prints it with the comments in Doxygen's words.

The C header is written for people who read it as it is. Here its overview becomes the main page, its
sections become groups, `- `key`: …` becomes `@param key …`, the paragraph of statuses becomes `@return …`,
and names become links, so that Doxygen complains of a name that is not there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HANDLES = {
    "pc_env": "environment",
    "pc_dict": "dict",
    "pc_set": "set",
    "pc_iter": "iterator",
    "pc_txn": "transaction",
}


def links(text: str) -> str:
    """Names between backquotes as links."""
    text = re.sub(r"`(pc_\w+)`", r'@ref \1 "\1"', text)
    return re.sub(r"`(PC_\w+[A-Z0-9])`", r"#\1", text)


def opening(comment: str) -> str:
    """The comment that opens the header as the main page."""
    lines = [re.sub(r"^ \* ?", "", line) for line in comment.strip().splitlines()[1:-1]]
    page = []
    for line in lines:
        if re.fullmatch(r"[A-Z ]+", line):
            anchor = line.lower().replace(" ", "_")
            line = f"@section {anchor} {line.capitalize()}"
        page.append(line)
    body = "\n".join(f" * {line}".rstrip() for line in page)
    return f"/** @mainpage Persistent Collections in C\n *\n{body}\n */\n/** @file */"


def parameters(declaration: str) -> list[tuple[str, str]]:
    """Type and name of each parameter."""
    listed = re.search(r"\((.*)\)", declaration, re.S)[1]
    found = [re.fullmatch(r"\s*(.*?)(\w+)\s*", part, re.S).groups() for part in listed.split(",")]
    return [] if listed.strip() == "void" else [(kind.strip(), name) for kind, name in found]


def length_of(name: str, documented: list[str]) -> str | None:
    """Of a length that is said in passing, what it is the length of."""
    stem = name[: -len("_len")] if name.endswith("_len") else ""
    if stem in documented:
        return stem
    if name in ("len", "key_len") and documented:
        return documented[0]
    return None


def function(comment: list[str], declaration: str) -> list[str]:
    """A function's comment: each parameter, in its order, and the result get an entry."""
    written: list[str] = []
    entries: dict[str, str] = {}
    documented: list[str] = []
    place = 1
    for paragraph in "\n".join(comment).split("\n\n"):
        if paragraph.startswith("- `"):
            place = len(written)
            for item in re.split(r"\n(?=- `)", paragraph):
                names, text = re.fullmatch(r"- ((?:`\w+`(?:, )?)+):\s(.*)", item, re.S).groups()
                listed = re.findall(r"`(\w+)`", names)
                documented += listed
                entries[listed[0]] = f"@param {','.join(listed)} {text}"
        elif said := re.match(r"(?:Statuses|Returns): (.*)", paragraph, re.S):
            written.append(f"@return {said[1]}")
        else:
            written.append(paragraph)
    for kind, name in parameters(declaration):
        if name in documented:
            continue
        if kind in HANDLES:
            entries[name] = f"@param {name} The handle of the {HANDLES[kind]}."
        elif stem := length_of(name, documented):
            entries[name] = f"@param {name} The length of `{stem}` in bytes."
    # A name that is no parameter goes last: Doxygen complains of it.
    order = [name for _, name in parameters(declaration)]
    ordered = sorted(entries, key=lambda name: order.index(name) if name in order else len(order))
    written[place:place] = ["\n".join(entries[name] for name in ordered)]
    return "\n\n".join(written).splitlines()


def c_header(text: str) -> str:
    comment, rest = re.fullmatch(r"(/\*.*?\*/)(.*)", text, re.S).groups()
    blocks = [opening(comment)]
    in_group = False
    for block in rest.split("\n\n"):
        heading = re.fullmatch(r"\s*/\* ==== (.*) ==== \*/", block)
        if heading:
            close = "/** @} */\n" if in_group else ""
            in_group = True
            name = re.sub(r"\W+", "_", heading[1].lower())
            blocks.append(f"{close}/** @defgroup {name} {heading[1]}\n *  @{{ */")
            continue
        if '/* extern "C" */' in block:
            blocks.append("/** @} */")
        lines = block.strip("\n").split("\n")
        about = [re.sub(r"^/// ?", "", line) for line in lines if line.startswith("///")]
        code = [line for line in lines if not line.startswith("///")]
        if about and re.match(r"[\w\s*]+\bpc_\w+\s*\(", "\n".join(code)):
            about = function(about, "\n".join(code))
        if any("PERSISTENT_COLLECTIONS_H" in line for line in code):
            continue
        blocks.append(
            "\n".join([f"/// {links(line)}".rstrip() for line in about] + [field(line) for line in code])
        )
    return "\n\n".join(blocks) + "\n"


def field(line: str) -> str:
    return links(line) if line.lstrip().startswith("///") else line


def main() -> None:
    path = Path(sys.argv[1])
    text = path.read_text(encoding="utf-8")
    sys.stdout.write(c_header(text) if path.suffix == ".h" else text)


if __name__ == "__main__":
    main()
