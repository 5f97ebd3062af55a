"""Ranges begin and end at any number, also at one that cannot equal a key."""

from __future__ import annotations

import math
import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persistent_collections import Environment, PersistentDict, PersistentSet

INFINITE = [math.inf, -math.inf]
KEYS: dict[str, list[Any]] = {
    "u8": [0, 1, 2, 3, 100, 254, 255],
    "i8": [-128, -127, -1, 0, 1, 126, 127],
    "i64": [-(2**63), -(2**53) - 1, -1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1],
    "f32": [float(np.float32(x)) for x in (-3e38, -0.1, 0, 1e-45, 0.1, 0.3, 3e38)] + INFINITE,
    "f64": [-1e308, -0.1, 0.0, 5e-324, 0.1, 2.0**53, 2.0**53 + 2, 1e308, *INFINITE],
    # Python's ints have no width where `any` is stored.
    "any, as int": [-(2**70), -1, 0, 1, 2, 2**53 + 1, 2**70],
}

numbers = st.one_of(
    st.integers(-300, 300),
    st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1, 2**70, 10**400, -(10**400)]),
    st.floats(allow_nan=False),
    st.floats(-2, 2),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-300, max_value=300),
    st.fractions(-300, 300),
)


def opened(env: Environment, type_: str) -> PersistentSet[Any]:
    if type_ == "any, as int":
        PersistentSet(env, type_, element="any").update(KEYS[type_])
        return PersistentSet(env, type_, element=int)
    keys: PersistentSet[Any] = PersistentSet(env, type_, element=type_)
    keys.update(KEYS[type_])
    return keys


@pytest.mark.parametrize("type_", KEYS)
def test_a_range_holds_the_keys_between_its_bounds(env: Environment, type_: str) -> None:
    keys = opened(env, type_)
    finite = type_.startswith("f")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(numbers, numbers, st.tuples(st.booleans(), st.booleans()))
    def between(low: Any, high: Any, inclusive: tuple[bool, bool]) -> None:
        if not finite and any(isinstance(end, float) and math.isinf(end) for end in (low, high)):
            low, high = (max(-(10**500), min(end, 10**500)) for end in (low, high))
        above = operator.ge if inclusive[0] else operator.gt
        below = operator.le if inclusive[1] else operator.lt
        expected = [key for key in sorted(KEYS[type_]) if above(key, low) and below(key, high)]
        assert list(keys.range(low, high, inclusive=inclusive)) == expected
        assert list(keys.irange(low, high, inclusive, reverse=True)) == expected[::-1]

    between()


def test_infinity_bounds_the_keys_of_every_fixed_width(env: Environment) -> None:
    for type_ in ("u8", "i64", "f32", "f64"):
        keys = opened(env, type_)
        assert list(keys.irange(-math.inf, math.inf)) == sorted(KEYS[type_])
        assert not list(keys.range(math.inf)) or type_.startswith("f")


def test_a_part_that_ends_between_keys_is_removed(env: Environment) -> None:
    d = PersistentDict[int, int](env, "d")
    d.update((n, n) for n in range(10))
    assert d.remove_range(2.5, Decimal("5.5")) == 3
    assert list(d) == [0, 1, 2, 6, 7, 8, 9]
    assert list(d.range(Fraction(13, 2), None)) == [7, 8, 9]


@pytest.mark.parametrize("bound", ["1", None, math.nan, 1j, [1]])
def test_a_bound_that_is_not_a_number_is_refused_for_numbers(env: Environment, bound: Any) -> None:
    keys = opened(env, "u8")
    if bound is None:
        assert list(keys.range(bound, bound)) == KEYS["u8"]
        return
    with pytest.raises((TypeError, ValueError)):
        keys.range(bound, 3)


def test_inclusive_is_a_pair(env: Environment) -> None:
    keys = opened(env, "u8")
    wrong: Any = True
    with pytest.raises(TypeError, match="inclusive is a pair of bools"):
        keys.range(1, 3, inclusive=wrong)
