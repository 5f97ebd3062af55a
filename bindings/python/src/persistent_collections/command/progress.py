"""A progress bar on standard error: with tqdm, where that is a terminal."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator

__all__ = ["progress"]


@contextlib.contextmanager
def progress(total: int | None, unit: str, quiet: bool) -> Iterator[Callable[[int], object]]:
    """Gives a function to be called with how much more is done."""
    try:
        bars = None if quiet else importlib.import_module("tqdm")
    except ImportError:
        # The extra that asks for it was not installed.
        bars = None
    if bars is None:
        yield lambda more: None
        return
    # disable=None: only on a terminal.
    with bars.tqdm(
        total=total, unit=unit, unit_scale=True, leave=False, dynamic_ncols=True, disable=None
    ) as bar:
        yield bar.update
