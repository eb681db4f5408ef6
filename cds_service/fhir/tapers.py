"""A stepwise reduction as an order: how much, how often, for how long."""

from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Final

STEP_DAYS: Final = 7
LARGE_STEP: Final = 10  # mg a day, down to LARGE_STEP_DOWN_TO; then SMALL_STEP (decision 26: 5-10 mg a day each)
SMALL_STEP: Final = 5
LARGE_STEP_ABOVE: Final = 15
SHORTEST_DAYS: Final = 14
LARGEST_DOSE: Final = 200  # mg a day; no source names a dose as high, so nobody could check a taper from above it
USUAL_TIMES_A_DAY: Final = 3  # the label's schedule, when the running order does not say how often


@dataclass(frozen=True, slots=True)
class TaperStep:
    """One level: so many milligrams, taken so many times a day, for so many days."""

    daily_mg: int
    days: int


def plan_taper(daily_mg: Decimal | None) -> tuple[TaperStep, ...]:
    """The levels below a daily dose, in multiples of 5 mg, each for a week, two weeks in all at least.

    Returns:
        nothing when the dose is unknown, too small for a step of 5 mg, or higher than anyone takes.

    Source: decision 26; the size of the steps is common practice (facts B-05), the two weeks facts B-04.
    """
    if daily_mg is None or not SMALL_STEP < daily_mg <= LARGEST_DOSE:
        return ()
    levels = []
    level = _below(daily_mg)
    while level > 0:
        levels.append(level)
        level = _below(Decimal(level))
    days = [STEP_DAYS] * len(levels)
    days[-1] += max(0, SHORTEST_DAYS - sum(days))
    return tuple(TaperStep(level, length) for level, length in zip(levels, days, strict=True))


def _below(daily_mg: Decimal) -> int:
    step = LARGE_STEP if daily_mg > LARGE_STEP_ABOVE else SMALL_STEP
    return ceil((daily_mg - step) / SMALL_STEP) * SMALL_STEP


def split(daily_mg: int, times_a_day: Decimal | None) -> tuple[tuple[int, int], ...]:
    """A daily dose as (milligrams, times a day), the larger doses first, every dose a multiple of 5 mg.

    >>> split(70, Decimal(3))
    ((25, 2), (20, 1))
    """
    times = int(times_a_day) if times_a_day and times_a_day >= 1 else USUAL_TIMES_A_DAY
    units, rest = divmod(daily_mg // SMALL_STEP, times)
    pairs = (((units + 1) * SMALL_STEP, rest), (units * SMALL_STEP, times - rest))
    return tuple((dose, often) for dose, often in pairs if dose and often)
