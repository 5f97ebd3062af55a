"""Reads the reports of benchmarks; benches/README.md describes their form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import Failure

#: What one row of a comparison is called by the programs that compare with one other.
NAMES = ("what", "name", "title")
FIGURES = ("ours", "nanoseconds", "figure")
OTHER = ("other", "bare", "reference_nanoseconds", "reference")
#: What the other does, in words.
REFERENCES = ("reference_title", "reference")


#: What rows call this library, and what the page does.
OURS = "ours"
SHOWN = {OURS: "this library"}

Row = dict[str, Any]


class Missing(Exception):
    """A report that a section needs was not made."""


@dataclass
class Report:
    """One file: its rows, and what is true of all of them."""

    name: str
    rows: list[Row]
    began: int
    #: Whether it has the full or the quick form; `None` if the file does not say.
    full: bool | None = None
    load: tuple[float, float] | None = None
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def select(self, **conditions: Any) -> list[Row]:
        """The rows that have these values."""
        return [row for row in self.rows if all(row.get(name) == value for name, value in conditions.items())]


Reports = dict[str, Report]


def of(reports: Reports, name: str) -> Report:
    """A report, which must be there."""
    if name not in reports:
        raise Missing(name)
    return reports[name]


def read(directory: Path) -> Reports:
    """All reports of a directory, by name."""
    reports = {}
    for path in sorted(directory.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Failure(f"{path} is not JSON: {error}") from error
        reports[path.stem] = _report(path, content)
    return reports


def _report(path: Path, content: Any) -> Report:
    if isinstance(content, list):
        content = {"rows": content}
    rows = content.get("rows")
    if not isinstance(rows, list):
        raise Failure(f"{path} has no rows")
    load = content.get("load")
    return Report(
        name=path.stem,
        rows=rows,
        # A file that does not say when it was measured was written at the end of that.
        began=content.get("began", int(path.stat().st_mtime)),
        full=content.get("full", not content["quick"] if "quick" in content else None),
        load=tuple(load) if load else None,
        machine=content.get("machine") if isinstance(content.get("machine"), dict) else {},
        versions=content.get("versions", {}),
    )


@dataclass
class Comparison:
    """What this library and one other take for the same."""

    what: str
    reference: str
    unit: str
    ours: float
    other: float
    goal: float | None

    @property
    def ratio(self) -> float:
        """Below 1, this library is the faster or the smaller one."""
        return self.ours / self.other


def _first(row: Row, names: tuple[str, ...], kind: Any) -> Any:
    """The first of some fields that is there and of this kind."""
    return next((row[name] for name in names if isinstance(row.get(name), kind)), None)


def comparisons(report: Report) -> list[Comparison]:
    """The rows of a report that compares with one other; rows that only have one side are left out."""
    found = []
    for row in report.rows:
        what, reference = _first(row, NAMES, str), _first(row, REFERENCES, str)
        ours, other = _first(row, FIGURES, (int, float)), _first(row, OTHER, (int, float))
        if what is not None and ours is not None and other:
            unit = row.get("unit", "ns")
            found.append(Comparison(what, reference or "", unit, ours, other, row.get("goal")))
    return found


def singles(report: Report) -> list[tuple[str, float, str]]:
    """The rows of such a report that only have one side: what, the figure, and its unit."""
    found = []
    for row in report.rows:
        what, figure = _first(row, NAMES, str), _first(row, ("ours", "figure"), (int, float))
        if what is not None and figure is not None and "unit" in row and not _first(row, OTHER, (int, float)):
            found.append((what, figure, row["unit"]))
    return found
