"""What generate-bindings reads and writes: the C header as data, and the same in each language."""

from __future__ import annotations

#: The program, as the heads of its files and its messages name it.
PROGRAM = "tools/generate-bindings"
HEADER = "include/persistent_collections.h"


class Failure(Exception):
    """What keeps the bindings from being generated, for the user."""
