from __future__ import annotations

import errno
import pickle

import pytest

import persistent_collections
from persistent_collections import _raw
from persistent_collections.errors import ERRORS, Error


@pytest.mark.parametrize("status", ERRORS)
def test_each_error(status: int) -> None:
    kind = ERRORS[status]
    error = kind("what happened")
    assert isinstance(error, Error) and error.status == status
    assert str(error) == "what happened"
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert builtin[0] is not Exception
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == "what happened"
    assert getattr(persistent_collections, kind.__name__) is kind


def test_error_numbers_of_the_system() -> None:
    assert persistent_collections.DiskFullError("").errno == errno.ENOSPC
    assert persistent_collections.NoEnvironmentError("").errno == errno.ENOENT
    assert persistent_collections.TruncatedError("").errno is None


def test_statuses_are_one_each() -> None:
    kinds = [
        kind
        for kind in vars(persistent_collections).values()
        if isinstance(kind, type) and issubclass(kind, Error) and kind is not Error
    ]
    assert sorted(kind.status for kind in kinds if kind.status) == sorted([*ERRORS, _raw.PC_EXISTS])
    # Errors that the package raises without the library.
    own = {kind.__name__ for kind in kinds if not kind.status}
    for kind in kinds:
        again = pickle.loads(pickle.dumps(kind("what happened")))
        assert type(again) is kind and str(again) == again.message == "what happened"
        assert kind.__doc__ and [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert own == {
        *("ArgumentTypeError", "DateOverflowError", "EqualKeysError", "IteratorBusyError"),
        *("LibraryError", "MissingPackageError", "UnpicklableError", "UnstorableError"),
        "UnstorableNumberError",
    }
