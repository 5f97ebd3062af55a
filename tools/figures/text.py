"""Figures as text: three digits, with the unit that fits."""

from __future__ import annotations

import math

UNITS = {
    "ns": [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")],
    "B": [(1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB")],
}


def digits(figure: float) -> str:
    """At most three digits: 0.123, 1.23, 12.3, 123, 1,230."""
    if figure == 0:
        return "0"
    places = 2 - math.floor(math.log10(abs(figure)))
    figure = round(figure, places)
    text = f"{figure:,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(figure: float, unit: str) -> str:
    """A figure with its unit: 1,230 ns are 1.23 µs."""
    steps = UNITS.get(unit)
    if steps is None:
        return f"{digits(figure)} {unit}"
    # A figure that rounds up to the next unit has that unit.
    size, name = next(
        ((size, name) for size, name in reversed(steps) if float(f"{figure:.3g}") >= size), steps[0]
    )
    return f"{digits(figure / size)} {name}"


def ratio(figure: float) -> str:
    """Two digits after the point, none from 10 on; two digits that are not zero below 0.1."""
    if figure < 0.1:
        return f"{figure:.2g}"
    return f"{figure:.2f}" if figure < 10 else f"{figure:,.0f}"


def bytes_of(count: int) -> str:
    """A size of a value: 100 B, 10 kB, 1 MiB."""
    return "1 MiB" if count == 1 << 20 else amount(count, "B")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown; columns after the first are aligned to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
