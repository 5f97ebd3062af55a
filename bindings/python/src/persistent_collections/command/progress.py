"""Shows a progress bar on standard error, by tqdm, if that is a terminal."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator

__all__ = ["progress"]


@contextlib.contextmanager
def progress(total: int | None, unit: str, quiet: bool) -> Iterator[Callable[[int], object]]:
    """Provides a function to call with the amount of further progress."""
    try:
        bars = None if quiet else importlib.import_module("tqdm")
    except ImportError:
        # tqdm, which an extra of the package requires, is not installed.
        bars = None
    if bars is None:
        yield lambda more: None
        return
    # disable=None shows it only on a terminal.
    with bars.tqdm(
        total=total, unit=unit, unit_scale=True, leave=False, dynamic_ncols=True, disable=None
    ) as bar:
        yield bar.update
