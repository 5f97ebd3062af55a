"""The exceptions of the Python package: a class for each failing status of the header.

The header gives the statuses and what they mean. KINDS says what it cannot know: the names and bases of the
classes, which programs rely on.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from . import HEADER, PROGRAM, Failure
from .header import Header
from .python import docstring

HEAD = f'''"""Exceptions: a class for each failing status of the library, and for what the package refuses.

Every class is an `Error`, and also the built-in exception that a Python
programmer would expect there (`OSError`, `ValueError`, `TimeoutError`, ...).

>>> issubclass(BusyError, TimeoutError)
True
>>> ERRORS[-56] is BusyError
True

Generated from {HEADER} by {PROGRAM}: do not edit.
"""

from __future__ import annotations

import errno as _errno

from ._own_errors import (
'''

#: The class that is imported with its first use, since its base is one of `pickle`.
LATE = "UnpicklableError"
TAIL = f'''

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._unpicklable import {LATE}
else:

    def __getattr__(name):
        if name == "{LATE}":
            from ._unpicklable import {LATE}

            return {LATE}
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
'''

#: The classes that are not of a status, written by hand.
OWN = Path(__file__).resolve().parents[2] / "bindings/python/src/persistent_collections/_own_errors.py"

#: The base of classes whose instances have an `errno`.
SYSTEM = "_SystemError"


@dataclass(frozen=True)
class Kind:
    """What the header does not say of the class of a status."""

    bases: tuple[str, ...]
    #: By default, the words of the constant: `BusyError` for `PC_ERR_BUSY`.
    name: str = ""
    #: The error number of the system, as a name of `errno`.
    errno: str = ""
    #: Its paragraphs; by default, the header's comment.
    text: tuple[str, ...] = ()

    def class_name(self, constant: str) -> str:
        """The name of the class."""
        words = constant[len("PC_ERR_") :].split("_")
        return self.name or "".join(word.capitalize() for word in words) + "Error"


def own(*bases: str, name: str = "", text: tuple[str, ...] = ()) -> Kind:
    """An `Error` that is one of these built-in exceptions too."""
    return Kind(("Error", *bases), name, "", text)


def system(*bases: str, name: str = "", errno: str = "", text: tuple[str, ...] = ()) -> Kind:
    """An `OSError`."""
    return Kind((SYSTEM, *bases), name, errno, text)


KINDS = {
    "PC_EXISTS": system(
        "FileExistsError",
        name="PathExistsError",
        errno="EEXIST",
        text=(
            "The path of a new environment exists already.",
            "To the library this is an answer and not a failure; hence its positive status.",
        ),
    ),
    "PC_ERR_INVALID_ARGUMENT": own("ValueError"),
    "PC_ERR_BAD_HANDLE": own(
        "ValueError", text=("The environment, collection, iterator or transaction is closed.",)
    ),
    "PC_ERR_PANIC": own("RuntimeError"),
    "PC_ERR_NO_MEMORY": own("MemoryError"),
    "PC_ERR_IO": system(name="StorageError", errno="EIO"),
    "PC_ERR_FORKED": own(
        "RuntimeError", text=("The object was opened before a fork and used in the child.",)
    ),
    "PC_ERR_NO_ENVIRONMENT": system("FileNotFoundError", errno="ENOENT"),
    "PC_ERR_PERMISSION": system("PermissionError", name="NotPermittedError", errno="EACCES"),
    "PC_ERR_NOT_A_DATABASE": system(),
    "PC_ERR_TRUNCATED": system(),
    "PC_ERR_FORMAT_VERSION": system(),
    "PC_ERR_PAGE_SIZE": system(),
    "PC_ERR_LOCK_VERSION": system(),
    "PC_ERR_NETWORK_FS": system(name="NetworkFilesystemError"),
    "PC_ERR_PID_CLASH": system(),
    "PC_ERR_OPTIONS_DIFFER": own("ValueError"),
    "PC_ERR_CORRUPTED": system(),
    "PC_ERR_READERS_FULL": system(),
    "PC_ERR_COLLECTIONS_FULL": system(),
    "PC_ERR_REPLACED": system(errno="ESTALE"),
    "PC_ERR_LOCK_FILES": system(errno="EBUSY"),
    "PC_ERR_SECOND_COPY": own("RuntimeError"),
    "PC_ERR_NO_COLLECTION": own("KeyError"),
    "PC_ERR_WRONG_KIND": own("TypeError"),
    "PC_ERR_TYPE_MISMATCH": own("TypeError"),
    "PC_ERR_BAD_TYPE": own("TypeError", "ValueError"),
    "PC_ERR_BAD_NAME": own("ValueError"),
    "PC_ERR_REQUIRES": own("RuntimeError"),
    "PC_ERR_BAD_KEY": own("ValueError"),
    "PC_ERR_BAD_VALUE": own("ValueError"),
    "PC_ERR_KEY_SIZE": own("ValueError"),
    "PC_ERR_VALUE_SIZE": own("ValueError"),
    "PC_ERR_OVERFLOW": own("OverflowError", name="NumberOverflowError"),
    "PC_ERR_IN_SNAPSHOT": own("RuntimeError"),
    "PC_ERR_IN_TRANSACTION": own("RuntimeError"),
    "PC_ERR_NO_TRANSACTION": own("RuntimeError"),
    "PC_ERR_WRONG_THREAD": own("RuntimeError"),
    "PC_ERR_NOT_INNERMOST": own("RuntimeError"),
    "PC_ERR_TXN_FAILED": own("RuntimeError", name="TransactionFailedError"),
    "PC_ERR_BUSY": system("TimeoutError", errno="ETIMEDOUT"),
    "PC_ERR_READ_ONLY": system("PermissionError", errno="EROFS"),
    "PC_ERR_INTERRUPTED": system("InterruptedError", name="WaitInterruptedError", errno="EINTR"),
    "PC_ERR_MAP_FULL": system(
        text=("The transaction outgrew the memory map; a retry fits, such as that of `Environment.run`.",)
    ),
    "PC_ERR_MAP_BUSY": system(),
    "PC_ERR_DISK_FULL": system(errno="ENOSPC"),
    "PC_ERR_COMMIT_UNKNOWN": system(errno="EIO"),
    "PC_ERR_ENV_FAILED": system(name="EnvironmentFailedError", errno="EIO"),
    "PC_ERR_CONFLICT": own("RuntimeError"),
    "PC_ERR_UNAVAILABLE": system("ConnectionError"),
    "PC_ERR_UNSUPPORTED": own("NotImplementedError"),
}


def statuses(header: Header) -> list[str]:
    """The statuses that have a class, in the header's order."""
    failing = {name for name in header.constants if name.startswith("PC_ERR_")}
    table = "KINDS in tools/declarations/errors.py"
    if unknown := sorted(failing - KINDS.keys()):
        raise Failure(f"{PROGRAM}: {', '.join(unknown)} has no class: add its bases to {table}")
    if gone := sorted(KINDS.keys() - header.constants.keys()):
        raise Failure(f"{PROGRAM}: {', '.join(gone)} is in {table}, but not in the header")
    return [name for name in header.constants if name in KINDS]


def own_names() -> list[str]:
    """The public names of the file with the other classes."""
    for statement in ast.parse(OWN.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    raise Failure(f"{PROGRAM}: {OWN} has no __all__")


def generate(header: Header) -> str:
    """The text of the file."""
    names = {constant: KINDS[constant].class_name(constant) for constant in statuses(header)}
    own = own_names()
    lines = [HEAD.rstrip("\n"), *(f"    {name}," for name in [*sorted(own), SYSTEM]), ")", ""]
    lines += [
        "__all__ = [",
        *(f'    "{name}",' for name in sorted(["ERRORS", LATE, *own, *names.values()])),
        "]",
    ]
    for constant, name in names.items():
        kind = KINDS[constant]
        lines += ["", "", f"class {name}({', '.join(kind.bases)}):"]
        lines += [*docstring(*(kind.text or header.comments[constant])), ""]
        lines.append(f"    status = {header.number(constant)}")
        if kind.errno:
            lines.append(f"    code: int | None = _errno.{kind.errno}")
    lines += ["", "", "#: Status number to exception class.", "ERRORS: dict[int, type[Error]] = {"]
    for constant, name in names.items():
        if header.number(constant) < 0:
            lines.append(f"    {header.number(constant)}: {name},")
    return "\n".join([*lines, "}", TAIL])
