"""How far a rate can be trusted that was counted a few times."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

_Z: Final = 1.959963984540054  # 95 %, two-sided


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both between 0 and 1."""

    low: float
    high: float


def wilson(hits: int, of: int) -> Interval:
    """The 95 % interval of a rate that was counted as `hits` out of `of`; all of 0 to 1 when nothing was counted.

    Source: Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc
    1927;22:209-212; without continuity correction.

    >>> wilson(0, 0)
    Interval(low=0.0, high=1.0)
    """
    if of == 0:
        return Interval(0.0, 1.0)
    rate, square = hits / of, _Z * _Z
    middle = (rate + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * sqrt(rate * (1 - rate) / of + square / (4 * of * of))
    # At the ends, floating point would miss 0 and 1 by a hair.
    return Interval(0.0 if hits == 0 else middle - half, 1.0 if hits == of else middle + half)
