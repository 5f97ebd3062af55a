"""Puts generated parts between the markers of a page, and figures into its sentences."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import Failure
from .reports import OURS, Missing, Reports, of
from .sections import SECTIONS
from .text import amount, ratio

#: A part: everything between two comments on lines of their own.
PART = re.compile(r"^<!-- part (?P<name>[\w-]+) -->\n(?P<text>.*?)^<!-- end of (?P=name) -->\n", re.M | re.S)
#: A figure in a sentence: `<!-- figure verbs: get -->443 ns<!-- end -->`, or with conditions,
#: `get; keys=1000`; and
#: `<!-- ratio FIGURE / FIGURE -->`.
INLINE = re.compile(r"<!-- (?P<kind>figure|ratio) (?P<asked>[^>]*?) -->(?P<text>[^<]*)<!-- end -->")
MARK = re.compile(r"<!--")


def fill(page: str, reports: Reports, warn: Callable[[str], None]) -> str:
    """The page with the figures of the reports; a part without a report stays as it is."""
    known = sum(2 for _ in PART.finditer(page)) + sum(2 for _ in INLINE.finditer(page))
    if known != len(MARK.findall(page)):
        raise Failure("a marker of the page is not a part or a figure, or has no end")

    def part(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in SECTIONS:
            raise Failure(f"there is no part {name}")
        try:
            text = SECTIONS[name](reports)
        except Missing as missing:
            warn(f"part {name} stays as it was: there is no report {missing}")
            if found["text"].strip():
                return found[0]
            text = "*Not measured yet.*"
        return f"<!-- part {name} -->\n\n{text}\n\n<!-- end of {name} -->\n"

    def inline(found: re.Match[str]) -> str:
        try:
            if found["kind"] == "figure":
                row = _figure(found["asked"], reports)
                text = amount(*row)
            else:
                one, other = found["asked"].split(" / ")
                text = ratio(_figure(one, reports)[0] / _figure(other, reports)[0])
        except Missing as missing:
            warn(f"figure {found['asked']} stays as it was: there is no report {missing}")
            return found[0]
        return f"<!-- {found['kind']} {found['asked']} -->{text}<!-- end -->"

    return INLINE.sub(inline, PART.sub(part, page))


def _figure(asked: str, reports: Reports) -> tuple[float, str]:
    """The figure that `REPORT: WHAT; NAME=VALUE` asks for, and its unit."""
    name, _, rest = asked.partition(": ")
    what, *conditions = rest.split("; ")
    wanted: dict[str, str] = {"who": OURS, **dict(condition.split("=", 1) for condition in conditions)}
    rows = [
        row
        for row in of(reports, name).select(what=what)
        # A comparison with one other has our figure alone, without a name.
        if all(str(row.get(key, OURS if key == "who" else None)) == value for key, value in wanted.items())
    ]
    if len(rows) != 1:
        raise Failure(f"{asked}: {len(rows)} rows have that")
    return rows[0].get("ours", rows[0].get("figure")), rows[0].get("unit", "ns")
