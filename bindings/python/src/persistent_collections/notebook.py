"""What notebooks show: a short table of the first items."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["escaped", "table"]

_ROWS = 10

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = _short.maxarray = 5


def escaped(text: str) -> str:
    """Text as HTML shows it."""
    # Its table of all entities would take a good part of the time to import the package.
    import html

    return html.escape(text)


def _cell(value: Any, tag: str) -> str:
    text = value if tag == "th" else _short.repr(value)
    return f"<{tag}>{escaped(text)}</{tag}>"


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], count: int | None
) -> str:
    """HTML of the first rows; `count` tells how many there are in all, None: many."""
    shown = list(itertools.islice(rows, _ROWS + 1))
    more = len(shown) > _ROWS
    lines = [f"<table><caption>{escaped(caption)}</caption>"]
    lines.append(f"<tr>{''.join(_cell(name, 'th') for name in columns)}</tr>")
    for row in shown[:_ROWS]:
        lines.append(f"<tr>{''.join(_cell(value, 'td') for value in row)}</tr>")
    if more:
        rest = "more" if count is None else f"{count - _ROWS:,} more"
        lines.append(f'<tr><td colspan="{len(columns)}">… {rest}</td></tr>')
    lines.append("</table>")
    return "\n".join(lines)
