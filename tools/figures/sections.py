"""The generated parts of the page: for each marker, a function that makes Markdown of the reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from .reports import OURS, SHOWN, Comparison, Missing, Report, Reports, Row, comparisons, of, singles
from .text import amount, bytes_of, digits, ratio, table

#: Figures that differ by less are equal: repeated runs differ by as much.
CLOSE = 1.05


def measured(report: Report) -> str:
    """When a report was made, and what could have disturbed it."""
    day = time.strftime("%Y-%m-%d", time.gmtime(report.began))
    text = f"Measured on {day}"
    if report.full is not None:
        text += f" in the {'full' if report.full else 'quick'} form"
    if report.load is None:
        return f"*{text}.*"
    cores = report.machine.get("cores", "?")
    text += f"; load {report.load[0]:.1f} before and {report.load[1]:.1f} after, on {cores} processors"
    # One that waits half of the time is enough to change the time that passes.
    busy = " Other programs used the machine." if report.load[0] > 0.5 else ""
    return f"*{text}.{busy}*"


def machine(reports: Reports) -> str:
    """The machine and the versions."""
    known = [report for report in reports.values() if report.machine.get("processor")]
    if not known:
        raise Missing("a report with a machine")
    newest = max(known, key=lambda report: report.began)
    versions: dict[str, str] = {}
    for report in sorted(known, key=lambda report: report.began):
        versions.update(report.versions)
    facts = newest.machine
    memory = amount(int(facts["memory"].split()[0]) * 1024, "B")
    lines = [
        f"{facts['processor']}, {facts['cores']} processors, {memory} of memory, {facts['system']}.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".",
    ]
    return "\n\n".join(lines)


def _pivot(rows: Iterable[Row], label: Callable[[Row], str], head: str) -> str:
    """A line for each label, a column for each store; the best of a line, and those close to it, are bold."""
    lines: dict[str, dict[str, Row]] = {}
    for row in rows:
        lines.setdefault(label(row), {})[row["who"]] = row
    stores = list(dict.fromkeys(store for line in lines.values() for store in line))
    body, lost = [], []
    for name, line in lines.items():
        best = min(row["figure"] for row in line.values())
        cells = []
        for store in stores:
            row = line.get(store)
            text = amount(row["figure"], row["unit"]) if row else ""
            cells.append(f"**{text}**" if row and row["figure"] <= best * CLOSE else text)
        body.append([name, *cells])
        winner = next(store for store, row in line.items() if row["figure"] == best)
        if OURS in line and line[OURS]["figure"] > best * CLOSE:
            lost.append(f"{name} ({ratio(line[OURS]['figure'] / best)} × {winner})")
    text = table([head, *(SHOWN.get(store, store) for store in stores)], body)
    if any(OURS in line and len(line) > 1 for line in lines.values()):
        text += f"\n\nThis library is not the fastest in {len(lost)} of {len(body)} lines"
        text += f": {'; '.join(lost)}." if lost else "."
    notes: dict[str, list[str]] = {}
    for row in (row for line in lines.values() for row in line.values() if "note" in row):
        stores = notes.setdefault(row["note"], [])
        if row["who"] not in stores:
            stores.append(row["who"])
    if notes:
        text += "\n\n" + "\n".join(f"- {', '.join(stores)}: {note}." for note, stores in notes.items())
    return text


def _what(row: Row) -> str:
    return str(row["what"])


def verbs(reports: Reports) -> str:
    """What each verb costs."""
    report = of(reports, "verbs")
    rows = [
        [
            row["what"],
            amount(row["figure"], row["unit"]),
            "time that passes" if row["clock"] == "wall" else "processor",
        ]
        for row in report.select(group="verbs")
    ]
    return f"{table(['one of', 'takes', 'of'], rows)}\n\n{measured(report)}"


def room(reports: Reports) -> str:
    """What records take on the disk."""
    report = of(reports, "verbs")
    rows = [
        [bytes_of(row["value"]), digits(row["figure"]), f"{row['figure'] - row['value'] - 8:,.0f}"]
        for row in report.select(group="room")
    ]
    head = ["value", "bytes of a record, 8 of them its key", "more than key and value"]
    return f"{table(head, rows)}\n\n{measured(report)}"


def orders(reports: Reports) -> str:
    """What the order of writing leaves."""
    report = of(reports, "verbs")
    rows = [[row["what"], amount(row["figure"], row["unit"])] for row in report.select(group="orders")]
    return f"{table(['100,000 records of 100 B', ''], rows)}\n\n{measured(report)}"


def peers(reports: Reports) -> str:
    """Every operation by every store, with 100,000 keys."""
    report = of(reports, "growth")
    return (
        f"{_pivot(report.select(keys=100_000), _what, '100,000 keys, values of 100 B')}\n\n{measured(report)}"
    )


def growth(reports: Reports) -> str:
    """The largest size as a table; the plot has them all."""
    report = of(reports, "growth")
    most = max(row["keys"] for row in report.rows)
    if most == 100_000:
        return "The quick form has no more than the 100,000 keys of the table above."
    text = _pivot(report.select(keys=most), _what, f"{most:,} keys, values of 100 B")
    return f"{text}\n\n{measured(report)}"


def values(reports: Reports) -> str:
    """Values of different sizes."""
    report = of(reports, "values")
    rows = sorted(report.rows, key=lambda row: (row["what"], row["value"]))
    text = _pivot(rows, lambda row: f"{row['what']}, {bytes_of(row['value'])}", "")
    return f"{text}\n\n{measured(report)}"


def threads(reports: Reports) -> str:
    """Threads side by side."""
    report = of(reports, "threads")
    rows = sorted(report.rows, key=lambda row: (row["what"], row["threads"]))
    text = _pivot(rows, lambda row: f"{row['what']}, {_threads(row)}", "one operation of all")
    return f"{text}\n\n{measured(report)}"


def _threads(row: Row) -> str:
    return f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"


def processes(reports: Reports) -> str:
    """Processes side by side."""
    report = of(reports, "processes")
    rows = sorted(report.rows, key=lambda row: (row["what"], row["processes"]))

    def label(row: Row) -> str:
        return f"{row['what']}, {row['processes']} process{'es' if row['processes'] > 1 else ''}"

    return f"{_pivot(rows, label, 'one operation of all')}\n\n{measured(report)}"


def group(reports: Reports) -> str:
    """Durable puts by threads, and how long single ones wait."""
    report = of(reports, "group")
    rows = []
    for row in report.rows:
        waits = [amount(row[name], "ns") if name in row else "" for name in ("p50", "p99")]
        second = digits(1e9 / row["figure"])
        rows.append([_threads(row), SHOWN.get(row["who"], row["who"]), second, *waits])
    return f"{table(['', '', 'puts a second', 'p50 of one put', 'p99'], rows)}\n\n{measured(report)}"


def python_peers(reports: Reports) -> str:
    """Stores of Python."""
    report = of(reports, "python-peers")
    rows = report.select(keys=10_000) + report.select(durable=True)
    return (
        f"{_pivot(rows, _what, '10,000 keys (durable puts: 1,000), values of 100 B')}\n\n{measured(report)}"
    )


def node(reports: Reports) -> str:
    """npm's lmdb alone."""
    report = of(reports, "node")
    rows = [[row["what"], amount(row["figure"], row["unit"])] for row in report.rows]
    keys = report.rows[0]["keys"]
    return f"{table([f'{keys:,} keys, values of 100 B', 'lmdb (npm)'], rows)}\n\n{measured(report)}"


def memory(reports: Reports) -> str:
    """Data that is larger than the memory: means, and percentiles where there are any."""
    report = of(reports, "memory")
    first = report.rows[0]
    size = amount(first["keys"] * (first["value"] + 8), "B")
    text = (
        f"{size} of records, values of {bytes_of(first['value'])}, {amount(first['memory'], 'B')} of memory."
    )
    text += " Means:\n\n"
    text += _pivot(report.rows, _what, "") + "\n\nThe median and the 99th percentile:\n\n"
    rows = []
    stores = list(dict.fromkeys(row["who"] for row in report.rows))
    for what in dict.fromkeys(row["what"] for row in report.rows if "p50" in row):
        found = {row["who"]: row for row in report.select(what=what)}
        both = ((found[store]["p50"], found[store]["p99"]) if store in found else None for store in stores)
        rows.append([what, *(f"{amount(p[0], 'ns')}, {amount(p[1], 'ns')}" if p else "" for p in both)])
    return f"{text}{table(['', *(SHOWN.get(store, store) for store in stores)], rows)}\n\n{measured(report)}"


def _compared(reports: Reports, name: str, other: str) -> str:
    report = of(reports, name)
    rows: list[Comparison] = comparisons(report)
    if not rows:
        raise Missing(f"{name} with comparisons")
    body = []
    for row in rows:
        text = ratio(row.ratio)
        # A reference that says no more than the head of the column is left out.
        what = row.what if row.reference in ("", other) else f"{row.what} ({row.reference})"
        body.append(
            [
                what,
                amount(row.ours, row.unit),
                amount(row.other, row.unit),
                f"**{text}**" if row.ratio > CLOSE else text,
            ]
        )
    slower = sum(row.ratio > CLOSE for row in rows)
    text = table([f"(what {other} does)", "this library", other, "ratio"], body)
    text += f"\n\nThis library takes more in {slower} of {len(rows)} lines; those are bold."
    alone = [[what, amount(figure, unit)] for what, figure, unit in singles(report)]
    if alone:
        text += f"\n\n{table(['besides', 'takes'], alone)}"
    return f"{text}\n\n{measured(report)}"


def lmdb(reports: Reports) -> str:
    """The C ABI beside bare LMDB."""
    return _compared(reports, "lmdb", "LMDB")


def python(reports: Reports) -> str:
    """Python beside LMDB's binding."""
    return _compared(reports, "python", "py-lmdb")


def julia(reports: Reports) -> str:
    """Julia beside plain calls of LMDB."""
    return _compared(reports, "julia", "LMDB")


#: The function of each marker.
SECTIONS: dict[str, Callable[[Reports], str]] = {
    "machine": machine,
    "verbs": verbs,
    "room": room,
    "orders": orders,
    "peers": peers,
    "growth": growth,
    "values": values,
    "threads": threads,
    "processes": processes,
    "group": group,
    "python-peers": python_peers,
    "node": node,
    "python": python,
    "julia": julia,
    "lmdb": lmdb,
    "memory": memory,
}
