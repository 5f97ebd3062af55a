"""Checks what the programs in C and Julia added to the environment of `write_unicode.py`.

usage: check_additions.py DIR

- C's dict `category_counts`, str -> i64: the number of characters of each category
- Julia's set `first_words` of str: the first word of every character's name

The program computes both again from the standard library. It also reads back the data
written from Python. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from collections import Counter
from typing import Any

from write_unicode import entry

from persistent_collections import (
    Environment,
    NoCollectionError,
    PersistentDict,
    PersistentSet,
)


def compare(what: str, found: Any, expected: Any) -> bool:
    """Prints whether two dicts or sets are the same, and the first few differences."""
    if found == expected:
        print(f"Python: {what}: {len(found):,} entries, as expected")
        return True
    if isinstance(found, dict):
        found, expected = set(found.items()), set(expected.items())
    for adjective, items in (("unexpected", found - expected), ("missing", expected - found)):
        if items:
            some = ", ".join(map(repr, sorted(items)[:5]))
            print(f"Python: {what}: {len(items):,} {adjective}, such as {some}", file=sys.stderr)
    return False


def check(env: Environment) -> bool:
    """Whether all collections hold what they should."""
    names = {
        codepoint: unicodedata.name(chr(codepoint))
        for codepoint in range(sys.maxunicode + 1)
        if unicodedata.name(chr(codepoint), None) is not None
    }
    categories = Counter(unicodedata.category(chr(codepoint)) for codepoint in names)
    counts = PersistentDict[str, int](env, "category_counts", create=False)
    first_words = PersistentSet[str](env, "first_words", create=False)
    by_codepoint = PersistentDict[int, str](env, "by_codepoint", create=False)
    characters = PersistentDict[str, Any](env, "characters", create=False)
    letters = PersistentSet[str](env, "letters", create=False)
    schemas = {info.name: (info.kind, info.key, info.value) for info in env.collections()}
    same = [
        compare("C's category_counts", counts.copy(), dict(categories)),
        compare(
            "Julia's first_words",
            first_words.copy(),
            {name.split(" ", 1)[0] for name in names.values()},
        ),
        compare("by_codepoint", by_codepoint.copy(), names),
        compare(
            "letters",
            letters.copy(),
            {chr(at) for at in names if unicodedata.category(chr(at)).startswith("L")},
        ),
        compare(
            "types of the added collections",
            {name: schemas[name] for name in ("category_counts", "first_words")},
            {"category_counts": ("dict", "str", "i64"), "first_words": ("set", "str", "unit")},
        ),
    ]
    wrong = [name for codepoint, name in names.items() if characters.get(name) != entry(chr(codepoint), name)]
    for name in wrong[:5]:
        print(f"Python: characters[{name!r}] is {characters.get(name)!r}", file=sys.stderr)
    same.append(not wrong and len(characters) == len(names))
    print(f"Python: characters: {len(characters):,} entries, {len(wrong):,} of them wrong")
    return all(same)


def main(directory: str) -> int:
    """Checks everything in one snapshot."""
    begun = time.perf_counter()
    try:
        with Environment(directory, read_only=True, create=False) as env, env.snapshot():
            same = check(env)
    except NoCollectionError as error:
        print(f"Python: nothing was added: {error}", file=sys.stderr)
        return 1
    print(f"Python: checked in {time.perf_counter() - begun:.2f} s")
    return 0 if same else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: check_additions.py DIR")
    sys.exit(main(sys.argv[1]))
