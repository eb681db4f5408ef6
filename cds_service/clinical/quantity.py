"""Amounts, and how they compare with a limit when they are not exactly known."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple


class Truth(Enum):
    """Three values: what was read proves it, disproves it, or leaves it open."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


_FAILS: Final = Truth.FAILS  # a name is read in an eighth of the time of an Enum's member (Python 3.11)
INFINITE: Final = Decimal("Infinity")


class Amount(NamedTuple):
    """A number known to lie between `least` and `most`, both included; one exact value when they are equal.

    A tuple for the sake of speed, like `Result`.

    A laboratory's ">1000" is `Amount(Decimal(1000), INFINITE)`. The unit is said by whoever holds the amount.
    """

    least: Decimal
    most: Decimal

    @classmethod
    def exactly(cls, value: Decimal) -> "Amount":
        """A single known value."""
        return cls(value, value)

    def times(self, factor: Decimal) -> "Amount":
        """The amount in another unit; `factor` is above zero."""
        if factor == 1:
            return self
        return Amount(self.least * factor, self.most * factor)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range a card names: `from` and `up to` include their end, `above` and `below` do not."""

    low: Decimal | None = None
    low_included: bool = True
    high: Decimal | None = None
    high_included: bool = True

    def judge(self, least: Decimal | int, most: Decimal | int) -> Truth:
        """Whether a value between `least` and `most` lies inside: it surely does, surely does not, or may."""
        low, high = self.low, self.high
        if low is not None and (most < low or (most == low and not self.low_included)):
            return _FAILS
        if high is not None and (least > high or (least == high and not self.high_included)):
            return _FAILS
        return Truth.HOLDS if least == most or (self.holds(least) and self.holds(most)) else Truth.UNKNOWN

    def holds(self, value: Decimal | int) -> bool:
        """Whether one exact value lies inside."""
        return self.judge(value, value) is Truth.HOLDS
