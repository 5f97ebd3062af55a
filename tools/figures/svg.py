"""Small plots in SVG, of lines with logarithmic axes and of bars. The same figures make the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

#: Colours that people with any colour vision tell apart. Source: Okabe and Ito, "Color Universal
#: Design", 2008.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 38, 34, 42
TEXT = 'font-family="sans-serif" font-size="11" fill="#222"'

Label = Callable[[float], str]


@dataclass
class Panel:
    """One plot: lines by name, as points of positive numbers."""

    title: str
    lines: dict[str, list[tuple[float, float]]]
    x_label: Label
    y_label: Label
    x_name: str
    #: Whether the y axis is logarithmic too; from 0 if not.
    log: bool = True


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    return (
        f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}" {TEXT}{more}>{escape(text)}</text>'
    )


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten, with 2 and 5 between them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks: list[float] = []
    for steps in ((1,), (1, 2, 5)):
        every = [step * 10.0**power for power in powers for step in steps]
        marks = [mark for mark in every if low * 0.999 <= mark <= high * 1.001]
        if len(marks) > 1:
            break
    return marks


def _panel(panel: Panel, colours: dict[str, str]) -> list[str]:
    points = [point for line in panel.lines.values() for point in line]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
    low_y, high_y = (
        (math.log10(min(ys) * 0.8), math.log10(max(ys) * 1.25)) if panel.log else (0.0, max(ys) * 1.05)
    )

    def at(x: float, y: float) -> tuple[float, float]:
        part_x = (math.log10(x) - low_x) / ((high_x - low_x) or 1)
        part_y = ((math.log10(y) if panel.log else y) - low_y) / ((high_y - low_y) or 1)
        return LEFT + part_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - part_y * (HEIGHT - TOP - BOTTOM)

    out = [_text(LEFT, 18, panel.title, more=' font-weight="bold"')]
    marks = _decades(10**low_y, 10**high_y) if panel.log else [high_y * part / 4 for part in range(5)]
    for mark in marks:
        _, y = at(min(xs), mark)
        out.append(f'<path d="M{LEFT} {_number(y)}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(_text(LEFT - 6, y + 4, panel.y_label(mark), "end"))
    for mark in _decades(min(xs), max(xs)):
        x, _ = at(mark, max(ys))
        out.append(f'<path d="M{_number(x)} {HEIGHT - BOTTOM}v4" stroke="#222"/>')
        out.append(_text(x, HEIGHT - BOTTOM + 17, panel.x_label(mark), "middle"))
    out.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, panel.x_name, "middle"))
    for name, line in panel.lines.items():
        places = [at(x, y) for x, y in line]
        path = "L".join(f"{_number(x)} {_number(y)}" for x, y in places)
        out.append(f'<path d="M{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
        if panel.log:
            out += [
                f'<circle cx="{_number(x)}" cy="{_number(y)}" r="2.5" fill="{colours[name]}"/>'
                for x, y in places
            ]
    return out


def _legend(names: Sequence[str], colours: dict[str, str], y: float) -> list[str]:
    out, x = [], float(LEFT)
    for name in names:
        out.append(
            f'<rect x="{_number(x)}" y="{_number(y - 9)}" width="10" height="10" fill="{colours[name]}"/>'
        )
        out.append(_text(x + 15, y, name))
        x += 36 + 6.5 * len(name)
    return out


def _document(width: int, height: int, parts: list[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>", ""])


def lines(panels: Sequence[Panel]) -> str:
    """Panels in rows of two, with one legend."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    parts = []
    for index, panel in enumerate(panels):
        x, y = index % 2 * WIDTH, index // 2 * HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel, colours), "</g>"]
    columns, height = min(len(panels), 2), -(-len(panels) // 2) * HEIGHT
    parts += _legend(names, colours, height + 14)
    return _document(columns * WIDTH, height + 28, parts)


def bars(groups: dict[str, dict[str, float]], label: Label) -> str:
    """Bars below one another, in groups: in each, the longest bar has the whole width."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    left, width, bar = 190, 2 * WIDTH, 15
    parts, y = [], 12
    for title, group in groups.items():
        parts.append(_text(8, y + 12, title, more=' font-weight="bold"'))
        scale = (width - left - 140) / max(group.values())
        for name, figure in group.items():
            length = max(figure * scale, 1)
            size = f'width="{_number(length)}" height="{bar - 3}"'
            parts.append(f'<rect x="{left}" y="{y}" {size} fill="{colours[name]}"/>')
            parts.append(_text(left + length + 5, y + 10, f"{name} {label(figure)}"))
            y += bar
        y += 10
    return _document(width, y, parts)
