"""Writes the Unicode character database of Python's standard library into an environment.

usage: write_unicode.py DIR

- dict `characters`, str -> any: a character's name to a map with `codepoint`, `name`,
  `category`, `numeric` (None if it has no value) and `decomposition`
- dict `by_codepoint`, i64 -> str: code point to name
- set `letters` of str: the characters whose category begins with L
- dict `progress`, str -> i64: `done` is the number of characters, written last of all

A block is 256 neighbouring code points (U+0300 to U+03FF, ...): the standard library has
no table of Unicode's own blocks. Each block is one transaction, so a concurrent reader
finds all of a block or nothing of it.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

from persistent_collections import Environment, PersistentDict, PersistentSet

BLOCK = 256


def named(start: int) -> Iterator[tuple[str, str]]:
    """The characters of a block that have a name, with their names."""
    for codepoint in range(start, start + BLOCK):
        name = unicodedata.name(chr(codepoint), None)
        if name is not None:
            yield chr(codepoint), name


def entry(character: str, name: str) -> dict[str, Any]:
    """What the dict `characters` holds of a character."""
    return {
        "codepoint": ord(character),
        "name": name,
        "category": unicodedata.category(character),
        "numeric": unicodedata.numeric(character, None),
        "decomposition": unicodedata.decomposition(character),
    }


def main(directory: str) -> int:
    """Writes everything and tells how long it took."""
    begun = time.perf_counter()
    with Environment(directory) as env:
        characters = PersistentDict[str, Any](env, "characters")
        by_codepoint = PersistentDict[int, str](env, "by_codepoint")
        letters = PersistentSet[str](env, "letters")
        progress = PersistentDict[str, int](env, "progress")
        blocks = total = 0
        for start in range(0, sys.maxunicode + 1, BLOCK):
            block = list(named(start))
            if not block:
                continue
            with env.transaction():
                characters.update((name, entry(character, name)) for character, name in block)
                by_codepoint.update((ord(character), name) for character, name in block)
                letters.update(
                    character for character, _ in block if unicodedata.category(character).startswith("L")
                )
            blocks += 1
            total += len(block)
        with env.transaction():
            progress["done"] = total
        seconds = time.perf_counter() - begun
        print(
            f"Python: wrote {total:,} characters of Unicode {unicodedata.unidata_version}, "
            f"{len(letters):,} of them letters, in {blocks:,} transactions and {seconds:.2f} s"
        )
        counts = len(characters), len(by_codepoint)
        if counts != (total, total):
            print(f"Python: the dicts hold {counts}, not {total}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: write_unicode.py DIR")
    sys.exit(main(sys.argv[1]))
