"""The plots of the page: for each file, a function that makes it of the reports."""

from __future__ import annotations

from collections.abc import Callable

from . import svg
from .reports import SHOWN, Missing, Reports, Row, of
from .text import amount, digits


def _nanoseconds(figure: float) -> str:
    return amount(figure, "ns")


def _lines(panels: list[svg.Panel]) -> str:
    panels = [panel for panel in panels if panel.lines]
    if not panels:
        raise Missing("with rows for it")
    return svg.lines(panels)


def growth_plot(reports: Reports) -> str:
    """Panels of single operations, a line for each store."""
    report = of(reports, "growth")
    panels = []
    for what in ("get, random keys", "put, random keys", "bulk load, random", "iterate, a record"):
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in sorted(report.select(what=what), key=lambda row: row["keys"]):
            lines.setdefault(SHOWN.get(row["who"], row["who"]), []).append((row["keys"], row["figure"]))
        panels.append(svg.Panel(what, lines, digits, _nanoseconds, "keys"))
    return _lines(panels)


def group_plot(reports: Reports) -> str:
    """How many of the durable puts of a number of threads take how long."""
    report = of(reports, "group")
    panels = []
    for threads in sorted({row["threads"] for row in report.rows})[-2:]:
        lines = {}
        for row in report.select(threads=threads):
            if "histogram" in row:
                total = sum(count for _, count in row["histogram"])
                points = [(bound, 100 * count / total) for bound, count in row["histogram"]]
                # From and to nothing, half of a doubling beyond the ends.
                points = [(points[0][0] / 1.5, 0.0), *points, (points[-1][0] * 1.5, 0.0)]
                lines[SHOWN.get(row["who"], row["who"])] = points
        title = f"durable puts by {threads} threads"
        panels.append(
            svg.Panel(title, lines, _nanoseconds, lambda part: f"{part:.0f} %", "time of one put", log=False)
        )
    return _lines(panels)


def _bars(rows: list[Row]) -> str:
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        groups.setdefault(row["what"], {})[SHOWN.get(row["who"], row["who"])] = row["figure"]
    if not groups:
        raise Missing("with rows for it")
    return svg.bars(groups, _nanoseconds)


def peers_plot(reports: Reports) -> str:
    """Stores of Rust side by side."""
    report = of(reports, "growth")
    wanted = (
        *("get, random keys", "get_many, 10,000 random keys", "range of 10 records", "iterate, a record"),
        *("put, random keys", "bulk load, sorted", "bulk load, random"),
    )
    return _bars([row for row in report.select(keys=100_000) if row["what"] in wanted])


def python_plot(reports: Reports) -> str:
    """Stores of Python side by side."""
    report = of(reports, "python-peers")
    return _bars(report.select(keys=10_000) + report.select(durable=True))


#: The function of each plot, a file in docs/performance.
PLOTS: dict[str, Callable[[Reports], str]] = {
    "growth.svg": growth_plot,
    "group.svg": group_plot,
    "peers.svg": peers_plot,
    "python-peers.svg": python_plot,
}
