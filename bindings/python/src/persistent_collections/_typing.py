"""The names of `typing` that the package uses while it runs.

Importing it, with `re` and `enum`, takes about half as long as importing all of the package that a
dict needs. So stand-ins take the place of its names in a program that has not imported it. They do
the same there: annotations are not evaluated, and classes only name their type variables.
"""

from __future__ import annotations

import sys
import types

__all__ = ["TYPE_CHECKING", "Any", "Generic", "NoReturn", "TypeVar", "cast", "overload"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, NoReturn, TypeVar, cast, overload

    def is_type_variable(it: object) -> bool:
        """Whether it is a type variable, of `typing` or a stand-in."""
        ...

    def loaded(name: str) -> Any:
        """Returns a name of `typing`; None if no program has imported that."""
        ...

else:

    class _Variable:
        """Stands for a type variable."""

        def __init__(self, name, **_):
            self._name = name

        def __repr__(self):
            return f"~{self._name}"

    def is_type_variable(it):
        return isinstance(it, (_Variable, loaded("TypeVar") or _Variable))

    def loaded(name):
        return getattr(sys.modules.get("typing"), name, None)

    if "typing" in sys.modules:
        from typing import Any, Generic, NoReturn, TypeVar, cast, overload
    else:
        TypeVar = _Variable

        class Any:
            """Stands for any type."""

        class Generic:
            """Stands for the base of generic classes."""

            __slots__ = ()

            def __class_getitem__(cls, of):
                return cls if cls is Generic else types.GenericAlias(cls, of)

        class NoReturn:
            """Stands for calls that do not return."""

        def cast(_, value):
            return value

        def overload(function):
            return function
