"""Converts the digits of decimal numbers to ints and back, in nearly linear time.

Python's own conversions take quadratic time, and those by text refuse over 4300 digits.

>>> whole((2, 7, 3, 1, 5)), number(-27315, -2)
(27315, Decimal('-273.15'))
"""

from __future__ import annotations

import decimal
import itertools

from ._abstract import Iterable

__all__ = ["number", "whole"]

# Below every limit that can be set for the digits of an int.
_DIGITS = 600
_BITS = 2000
# Raises instead of rounding.
_EXACT = decimal.Context(
    prec=decimal.MAX_PREC,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow],
)


def whole(digits: Iterable[int]) -> int:
    """Returns the int with these digits."""
    text = "".join(map(str, digits))
    # The least significant first; then joins each two, until one is left.
    parts = [int(text[max(end - _DIGITS, 0) : end]) for end in range(len(text), 0, -_DIGITS)]
    base = 10**_DIGITS
    while len(parts) > 1:
        pairs = itertools.zip_longest(parts[::2], parts[1::2], fillvalue=0)
        parts = [low + base * high for low, high in pairs]
        base *= base
    return parts[0] if parts else 0


def number(mantissa: int, exponent: int) -> decimal.Decimal:
    """Returns `mantissa` · 10^`exponent` exactly; `ArithmeticError` if a Decimal cannot hold it."""
    size = abs(mantissa)
    digits = _decimal(size, size.bit_length(), {}).as_tuple().digits
    # From digits: arithmetic would round to the context's precision.
    return decimal.Decimal((int(mantissa < 0), digits, exponent))


def _decimal(value: int, bits: int, powers: dict[int, decimal.Decimal]) -> decimal.Decimal:
    if bits <= _BITS:
        return decimal.Decimal(value)
    low = bits // 2
    high = _EXACT.multiply(_decimal(value >> low, bits - low, powers), _power(low, powers))
    return _EXACT.add(high, _decimal(value & ((1 << low) - 1), low, powers))


def _power(bits: int, powers: dict[int, decimal.Decimal]) -> decimal.Decimal:
    """Returns 2^`bits`, from a cache."""
    if bits in powers:
        return powers[bits]
    if bits <= _BITS:
        found = decimal.Decimal(1 << bits)
    else:
        half = _power(bits // 2, powers)
        found = _EXACT.multiply(half, half)
        if bits % 2:
            found = _EXACT.multiply(found, decimal.Decimal(2))
    powers[bits] = found
    return found
