"""`make abi`: writes abi.txt again, after a compatible change or one that raised PC_ABI_VERSION."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from header import HEADER, RECORD, needs_new_version, record, recorded

OPENING = """\
# The C ABI as programs rely on it: constants, sizes and offsets (of 64-bit systems), functions. `make abi`
# writes this file from include/persistent_collections.h; tests/abi/test_abi.py fails where the two differ.
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        now = record(HEADER, Path(scratch))
    if RECORD.is_file() and (broken := needs_new_version(recorded(), now)):
        print("not recorded: programs compiled against the present record would break:", file=sys.stderr)
        print(*(f"  {line}" for line in broken), sep="\n", file=sys.stderr)
        print("raise PC_ABI_VERSION in src/ffi/version.rs, run `make header`, then record", file=sys.stderr)
        return 1
    RECORD.write_text(OPENING + "\n".join(now) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
