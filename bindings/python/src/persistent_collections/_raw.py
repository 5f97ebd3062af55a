"""Layer 1: the shared library; its structs, constants and functions are in `_declarations`.

Handles are structs of one `uint64_t`; as arguments they are passed as plain
`uint64_t`, which the calling conventions of all supported platforms treat alike.
`ctypes.CDLL` releases the GIL during every call: a call that waits for the
write lock must not stop the thread that holds it.
"""

from __future__ import annotations

import ctypes
import os
import sys

from ._declarations import *  # noqa: F403
from ._declarations import FUNCTIONS, PC_ABI_VERSION
from ._typing import TYPE_CHECKING, Any
from .errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

_VARIABLE = "PERSISTENT_COLLECTIONS_LIBRARY"


def library_name(name: str) -> str:
    """Returns the file name of a shared library on this system."""
    if sys.platform == "win32":
        return f"{name}.dll"
    if sys.platform == "darwin":
        return f"lib{name}.dylib"
    return f"lib{name}.so"


def candidates() -> list[Path]:
    """Returns the places to look for the library, in order."""
    from pathlib import Path

    return [Path(place) for place in _candidates()]


def _candidates() -> list[str]:
    chosen = os.environ.get(_VARIABLE)
    return [chosen] if chosen else places(library_name("persistent_collections"))


def places(file_name: str) -> list[str]:
    """Returns the possible places of a file: in the package or, in a checkout, under `target`."""
    # By `os.path`, since `pathlib` takes longer to import than the rest of this file.
    package = os.path.dirname(os.path.realpath(__file__))
    found = [os.path.join(package, file_name)]
    # A checkout has the manifest, and this file at its place below it.
    inside = os.path.join("", "bindings", "python", "src", os.path.basename(package))
    if package.endswith(os.sep + inside):
        directory = package[: -len(inside)]
        if os.path.isfile(os.path.join(directory, "Cargo.toml")):
            target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(directory, "target")
            found += [os.path.join(target, profile, file_name) for profile in ("release", "debug")]
    return found


class _Library(ctypes.CDLL):
    """The library, whose functions get their types with their first use."""

    def __getattr__(self, name: str) -> Any:
        if name not in FUNCTIONS:
            return super().__getattr__(name)
        # Not seen by other threads before it has its types.
        function = self[name]
        function.restype, *arguments = FUNCTIONS[name]
        function.argtypes = arguments
        setattr(self, name, function)
        return function


def _open(path: str | os.PathLike[str]) -> ctypes.CDLL:
    try:
        library = _Library(str(path))
    except OSError as error:
        raise LibraryError(f"cannot load the library {path}: {error}") from error
    try:
        abi = library.pc_abi_version()
        if abi != PC_ABI_VERSION:
            raise LibraryError(
                f"{path} has ABI version {abi}, this package needs {PC_ABI_VERSION}; "
                "install a package and a library of the same version"
            )
    except AttributeError as error:
        raise LibraryError(f"{path} is not a persistent_collections library: {error}") from error
    return library


_loaded: dict[str, ctypes.CDLL] = {}


def load() -> ctypes.CDLL:
    """Returns the library, which the first call loads; `LibraryError` if no valid one is found."""
    library = _loaded.get("library")
    if library is None:
        places = _candidates()
        for place in places:
            if os.path.isfile(place):
                # Without a lock: in a forked child, a thread that no longer exists could hold it.
                # Threads that come here at the same time all load the library, and use the same.
                library = _loaded.setdefault("library", _open(place))
                break
        else:
            raise LibraryError(
                "the persistent_collections library was not found; looked at "
                + ", ".join(places)
                + f"; build it (cargo build --release) or set {_VARIABLE} to its path"
            )
    return library
