"""Dates, datetimes and times of day, checked, to plain numbers and back."""

from __future__ import annotations

import datetime

from . import _scalars as scalars
from ._abstract import Callable
from ._typing import Any
from .errors import DateOverflowError, UnstorableError

__all__ = ["clock", "date", "days", "from_days", "from_microseconds", "microseconds", "moment"]

_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


def _fields(kind: Any, *names: str) -> Callable[[Any], list[Any]]:
    """Returns a reader of these fields as the class has them, even if a subclass changes them."""
    readers = [getattr(kind, name).__get__ for name in names]
    return lambda value: [read(value) for read in readers]


_date_fields = _fields(datetime.date, "year", "month", "day")
_clock = ("hour", "minute", "second", "microsecond", "tzinfo")
_datetime_fields = _fields(datetime.datetime, *_clock)
_fold = _fields(datetime.datetime, "fold")
_time_fields = _fields(datetime.time, *_clock)


def date(value: datetime.date) -> datetime.date:
    """A date of a subclass."""
    if type(value) is datetime.date:
        return value
    return scalars.plain(value, "date", lambda value: datetime.date(*_date_fields(value)))


def moment(value: datetime.datetime) -> datetime.datetime:
    """A datetime of a subclass, as pandas has."""
    if type(value) is datetime.datetime:
        return value
    return scalars.plain(
        value,
        "datetime",
        lambda value: datetime.datetime(
            *_date_fields(value), *_datetime_fields(value), fold=_fold(value)[0]
        ),
    )


def clock(value: datetime.time) -> datetime.time:
    """A time of day of a subclass."""
    if type(value) is datetime.time:
        return value
    return scalars.plain(value, "time", lambda value: datetime.time(*_time_fields(value)))


def days(value: Any) -> int:
    """Returns the days of a date since 1970-01-01."""
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise scalars.wrong("a date", value)
    return date(value).toordinal() - _EPOCH_DAY


def from_days(number: int) -> datetime.date:
    """The reverse of `days`."""
    try:
        return datetime.date.fromordinal(number + _EPOCH_DAY)
    except (ValueError, OverflowError):
        raise DateOverflowError(
            f"day {number} from 1970-01-01 is beyond the years 1 to 9999 of Python's date"
        ) from None


def microseconds(value: Any) -> int:
    """Returns the microseconds of a datetime without zone since 1970-01-01."""
    if not isinstance(value, datetime.datetime):
        raise scalars.wrong("a datetime", value)
    plain_one = moment(value)
    if plain_one.tzinfo is not None:
        raise UnstorableError("a datetime without zone is needed; the type datetime keeps no zone")
    return (plain_one - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime.datetime:
    """The reverse of `microseconds`."""
    try:
        return _EPOCH + datetime.timedelta(microseconds=number)
    except OverflowError:
        raise DateOverflowError(
            f"{number} µs from 1970-01-01 is beyond the years 1 to 9999 of Python's datetime"
        ) from None
