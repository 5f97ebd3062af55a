"""Makes the short table of the first items that notebooks show."""

from __future__ import annotations

import itertools
import reprlib

from ._abstract import Iterable, Sequence
from ._typing import Any

__all__ = ["escaped", "table"]

_ROWS = 10

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = _short.maxarray = 5


def escaped(text: str) -> str:
    """Returns a text as HTML shows it."""
    # The table of entities in `html` would take a good part of the package's import time.
    import html

    return html.escape(text)


def _cell(value: Any, tag: str) -> str:
    text = value if tag == "th" else _short.repr(value)
    return f"<{tag}>{escaped(text)}</{tag}>"


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], count: int | None
) -> str:
    """Returns HTML of the first rows; `count` is the number of all, or None if there are many."""
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
