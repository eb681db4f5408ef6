"""Dates kept exactly as precise as they came, and compared as calendar days."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Self


@dataclass(frozen=True, slots=True)
class Day:
    """When something happened: on one of the calendar days `first` to `last`, both included.

    A full date or a date with a time is one day; "2024-03" is any day of that March. No time zone
    is ever invented: a date without a time is that calendar day wherever the reader sits.
    """

    first: date
    last: date

    @classmethod
    def on(cls, day: date) -> Self:
        """One calendar day."""
        return cls(day, day)

    def days_ago(self, today: date) -> "Span":
        """How many days before `today` this was; negative in the future."""
        return Span((today - self.last).days, (today - self.first).days)

    def surely_before(self, day: date) -> bool:
        """Whether every possible day lies before `day`."""
        return self.last < day

    def surely_after(self, day: date) -> bool:
        """Whether every possible day lies after `day`."""
        return self.first > day


@dataclass(frozen=True, slots=True)
class Span:
    """A whole number known only to lie between `least` and `most`, both included."""

    least: int
    most: int


@lru_cache(maxsize=1024)
def days_before(day: date, days: int) -> date:
    """The day so many days before; remembered, because the cards of one day ask for the same few."""
    return day - timedelta(days=days)


def age_in_years(born: Day, today: date) -> Span:
    """Completed years of life on `today`; two possible ages when only month or year of birth is known."""
    return Span(_completed_years(born.last, today), _completed_years(born.first, today))


def _completed_years(born: date, today: date) -> int:
    before_birthday = (today.month, today.day) < (born.month, born.day)
    return today.year - born.year - before_birthday
