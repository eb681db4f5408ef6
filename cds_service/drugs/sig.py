"""A sig in words: how much, how often, for how long.

A small grammar, not a search for what looks familiar: every word of a sig is understood, or known to change no dose,
or the sig is not read at all. What it reads is shown in tests/unit/drugs/sigs.py and docs/explanation/daily-dose.md.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Final, TypeAlias

from cds_service.clinical.codes import Route
from cds_service.drugs.dose import (
    MOST,
    NO_DOSE,
    DoseUnit,
    Milligrams,
    milligrams,
    read_dose_unit,
)
from cds_service.drugs.products import Product
from cds_service.drugs.sig_phrases import CHANGE, COUNTS, LATE, PIECES, UNITS, Item, Kind
from cds_service.drugs.sig_words import LONGEST_SIG, Unclear, read_words

LONGEST_DAYS: Final = 100_000


Measured: TypeAlias = tuple[Decimal, DoseUnit]


@dataclass(frozen=True, slots=True)
class SigDose:
    """One dose and how often a day it is taken.

    Attributes:
        amount: of a range its upper end; None when only the times are said.
        also: the same dose in another unit, "1 tablet (10 mg)", where that is said.
        times: a day, at the most; None when it is not said.
    """

    amount: Measured | None = None
    also: Measured | None = None
    times: Fraction | None = None


@dataclass(frozen=True, slots=True)
class SigLevel:
    """What is taken over one time: doses of the same day, which add up.

    Attributes:
        doses: none where only the limits of a day are said.
        days: how long it lasts, where that is said.
        most: the stated maximum per day.
        total: the stated sum per day.
        moments: the parts and times of the day that are named.
    """

    doses: tuple[SigDose, ...]
    days: int | None = None
    most: Measured | None = None
    total: Measured | None = None
    moments: frozenset[str] = frozenset()

    @property
    def times(self) -> Fraction | None:
        """How many doses a day, all together."""
        known = [dose.times for dose in self.doses if dose.times is not None]
        return sum(known, Fraction(0)) if len(known) == len(self.doses) else None


@dataclass(frozen=True, slots=True, repr=False)
class Sig:
    """A sig that was read wholly: its levels in order, none if it tells no dose, and the route its words name.

    Attributes:
        pumped: it names a pump; which route that is depends on the medicine.
        as_needed: it is taken when needed.
    """

    levels: tuple[SigLevel, ...]
    route: Route | None = None
    pumped: bool = False
    as_needed: bool = False

    def __repr__(self) -> str:
        """How much of it there is, never its words."""
        return f"<Sig {len(self.levels)} levels>"


def dose_mg(dose: SigDose, product: Product, weight_kg: Decimal | None) -> Milligrams:
    """One dose in milligrams; NO_DOSE when its two amounts contradict each other, as "1 tablet (5 mg)" of 10 mg."""
    if dose.amount is None:
        return NO_DOSE
    first = milligrams(*dose.amount, product, weight_kg)
    if dose.also is None:
        return first
    second = milligrams(*dose.also, product, weight_kg)
    if isinstance(first, Decimal) and isinstance(second, Decimal):
        return first if first == second else NO_DOSE
    return first if isinstance(first, Decimal) else second


def level_mg(level: SigLevel, product: Product, weight_kg: Decimal | None = None) -> Milligrams:
    """The largest daily amount of one level; NO_DOSE when the sum that it states is another."""
    said = _sum_mg(level.doses, product, weight_kg)
    if level.total is not None:
        total = milligrams(*level.total, product, weight_kg)
        if level.doses and said != total:
            return NO_DOSE
        said = total
    if level.most is not None:
        most = milligrams(*level.most, product, weight_kg)
        if isinstance(most, Decimal):
            return min(said, most) if isinstance(said, Decimal) else most
    return said


def _sum_mg(doses: Sequence[SigDose], product: Product, weight_kg: Decimal | None) -> Milligrams:
    if not doses:
        return NO_DOSE
    if len(doses) == 1:
        return _day_mg(doses[0], product, weight_kg)
    total = Decimal(0)
    for dose in doses:
        mg = _day_mg(dose, product, weight_kg)
        if not isinstance(mg, Decimal):
            return mg
        total += mg
    return total


def _day_mg(dose: SigDose, product: Product, weight_kg: Decimal | None) -> Milligrams:
    mg = dose_mg(dose, product, weight_kg)
    if dose.times is None or not isinstance(mg, Decimal):
        return NO_DOSE if isinstance(mg, Decimal) else mg
    often, days = dose.times.as_integer_ratio()
    return mg * often if days == 1 else mg * often / days


# Of what is not read --------------------------------------------------------------------------------------------------

LONGEST_HINT: Final = 1000  # characters
_NOT: Final = r"(?:no|not|never|without|avoid|don.?t|nor)\s+(?:(?:take|use|or|the|your|any|a)\s+){0,3}"
_MORE: Final = (
    r"increas\w*|titrat\w*|escalat\w*|doubl\w*|tripl\w*|additional\w*|extra|another|up to|plus|as tolerated|"
    r"(?:may|can)\s+(?:take|use|repeat)|repeat\w*|adjust\w*|chang\w*|loading|bolus"
)
_ORDER_OF_MORE: Final = re.compile(rf"\b(?P<denied>{_NOT})?(?:{_MORE})\b")
_DOSE_UNITS: Final = {name: unit for name in UNITS | PIECES if (unit := read_dose_unit(name)) is not None}
_AN_AMOUNT: Final = re.compile(
    rf"(?<![0-9.,])(?P<number>[0-9.,]*[0-9]|\b(?:{'|'.join(COUNTS)}))[\s-]?"
    rf"(?P<unit>{'|'.join(sorted(map(re.escape, _DOSE_UNITS), key=len, reverse=True))})"
    r"(?![^\W\d_])(?!\s?(?:/|per\b)\s?[0-9.]*\s?(?:m?l|kg)\b)"
)
_A_NUMBER: Final = re.compile(r"[0-9]+(?:[.,][0-9]{1,2})?|\.[0-9]{1,2}")
_LATIN: Final = {
    **dict.fromkeys(("bid", "bd", "twice"), Fraction(2)),
    **dict.fromkeys(("tid", "tds", "thrice"), Fraction(3)),
    **dict.fromkeys(("qid", "qds"), Fraction(4)),
}
_A_FREQUENCY: Final = re.compile(
    rf"\b(?:(?P<latin>{'|'.join(_LATIN)})"
    rf"|(?P<count>[0-9]{{1,2}}|{'|'.join(COUNTS)})\s?(?:x|times)"
    r"|(?:q|every)\s?(?P<hours>[0-9]{1,2})\s?(?:h|hrs?|hours?))\b"
)


@dataclass(frozen=True, slots=True)
class Hints:
    """What strikes the eye in words that cannot be read as a whole.

    Attributes:
        more: they speak of more, as "increase", "may take", "extra" do, or say an amount that nobody can be sure of.
        amounts: such as "20 mg", "two tablets".
        times: the most times a day that are named.
    """

    more: bool
    amounts: tuple[Measured, ...] = ()
    times: Fraction | None = None


def hints(sig: str) -> Hints:
    """What strikes the eye; of very long words, that there may be more."""
    return _hints(sig) if len(sig) <= LONGEST_HINT else Hints(more=True)


@lru_cache(maxsize=1024)
def _hints(sig: str) -> Hints:
    plain = sig.casefold()
    more = any(match["denied"] is None for match in _ORDER_OF_MORE.finditer(plain))
    amounts: list[Measured] = []
    for match in _AN_AMOUNT.finditer(plain):
        number = match["number"]
        if number not in COUNTS and not _A_NUMBER.fullmatch(number):
            more = True  # "1.000 mg"
        else:
            amounts.append((Decimal(COUNTS.get(number, number.replace(",", "."))), _DOSE_UNITS[match["unit"]]))
    return Hints(more, tuple(amounts), max(map(_frequency, _A_FREQUENCY.finditer(plain)), default=None))


def _frequency(match: re.Match[str]) -> Fraction:
    if match["latin"]:
        return _LATIN[match["latin"]]
    if match["hours"]:
        return Fraction(24, int(match["hours"]) or 1)
    return Fraction(COUNTS.get(match["count"], match["count"]))


# Reading --------------------------------------------------------------------------------------------------------------

_TIMING: Final = frozenset(
    {Kind.TIMES, Kind.DAILY, Kind.A_DAY, Kind.MEALS, Kind.MOMENT, Kind.CLOCK, Kind.WEEKDAYS, Kind.ONCE, Kind.DIVIDED}
)
_MOMENTS: Final = frozenset({Kind.MOMENT, Kind.CLOCK, Kind.MEALS})
_CONTENT: Final = _TIMING | {Kind.DOSE}
_LENGTHS: Final = frozenset({Kind.COURSE, Kind.DOSES})
_DIVIDING: Final = frozenset({Kind.THEN, Kind.STOP, Kind.LABEL})
_IDLE: Final = frozenset({Kind.NOTHING, Kind.AS_NEEDED, Kind.ROUTE, Kind.PUMP})
_MEALS_A_DAY: Final = 3


def read_sig(sig: str, name: str = "") -> Sig | None:
    """Read a sig wholly; None when a word of it is not understood, or when what it says is not clear.

    Args:
        sig: such as "take 1 tablet by mouth three times a day".
        name: of the medicine as RxNorm writes it, since its words may stand in the sig.
    """
    return _read(sig, name) if len(sig) <= LONGEST_SIG else None


@lru_cache(maxsize=4096)
def _read(sig: str, name: str) -> Sig | None:
    try:
        items = read_words(sig, frozenset(name.casefold().split()))
        levels = _levels(items)
    except Unclear:
        return None
    routes = {item.route for item in items if item.kind is Kind.ROUTE}
    if len(routes) > 1:
        return None
    kinds = {item.kind for item in items}
    return Sig(levels, routes.pop() if routes else None, Kind.PUMP in kinds, Kind.AS_NEEDED in kinds)


def times_in(words: str) -> Fraction | None:
    """How often a day, where words say nothing else: "three times daily"; None otherwise."""
    sig = read_sig(words)
    if sig is None or len(sig.levels) != 1:
        return None
    (level,) = sig.levels
    only = len(level.doses) == 1 and level.doses[0].amount is None and level.days is None and level.most is None
    return level.times if only and level.total is None else None


def _levels(items: Iterable[Item]) -> tuple[SigLevel, ...]:
    levels: list[SigLevel] = []
    for part in _parts([item for item in items if item.kind not in _IDLE]):
        levels.append(_level(part, levels[-1] if levels else None))
    return tuple(levels)


def _parts(items: Sequence[Item]) -> list[list[Item]]:
    """The items of each level: one begins with "then", with "week 2", or after a course has been said."""
    parts: list[list[Item]] = []
    part: list[Item] = []
    joined = Kind.PAUSE
    stopped = False
    for item in items:
        closed = item.kind in _CONTENT and any(one.kind in _LENGTHS for one in part)
        if closed and joined in {Kind.AND, Kind.OR, Kind.UP_TO}:
            raise Unclear  # "5 mg for 3 days and 10 mg": at the same time, or after it?
        if item.kind in _DIVIDING or (closed and _begins(item, joined)):
            if _says_something(part):
                _check_its_end(part, item)
                parts.append(part)
                part = []
            stopped = stopped or item.kind is Kind.STOP
        if item.kind in _CONTENT and stopped:
            raise Unclear
        if item.kind not in {Kind.THEN, Kind.STOP}:
            part.append(item)
        joined = item.kind
    if any(item.kind is Kind.LABEL for item in part) and not _says_something(part):
        raise Unclear  # "10 mg tid week 2"
    return [*parts, part] if _says_something(part) else parts


def _check_its_end(part: Sequence[Item], then: Item) -> None:
    """A level ends where its length, its name, or what comes after it says so; after a bare "then" it may go on."""
    named = any(item.kind in _LENGTHS or item.kind in {Kind.LABEL, Kind.ONCE} for item in part)
    if not named and (then.kind is Kind.LABEL or (then.kind is Kind.THEN and then is not CHANGE)):
        raise Unclear


def _begins(item: Item, joined: Kind) -> bool:
    """Whether an item after a course begins the next level: a dose does, and a time after a comma."""
    return joined is Kind.PAUSE or (item.kind is Kind.DOSE and joined in _LENGTHS)


def _says_something(part: Iterable[Item]) -> bool:
    return any(item.kind not in {Kind.PAUSE, Kind.AND, Kind.LABEL} for item in part)


def _level(items: Sequence[Item], before: SigLevel | None) -> SigLevel:
    limits = {item.kind: item for item in items if item.kind in {Kind.MOST, Kind.MOST_TIMES, Kind.TOTAL}}
    if sum(item.kind in limits for item in items) > len(limits):
        raise Unclear
    lengths = [item for item in items if item.kind in _LENGTHS or item.kind is Kind.LABEL]
    if len(lengths) > 1:
        raise Unclear
    doses = _doses([item for item in items if item.kind not in limits and item not in lengths], before)
    if Kind.MOST_TIMES in limits:
        doses = _at_most(doses, limits[Kind.MOST_TIMES].number)
    if any(dose.times is None for dose in doses) and len(doses) > 1:
        raise Unclear
    once = any(item.kind is Kind.ONCE for item in items) and not _often(items)
    doses, days = _length(doses, lengths[0] if lengths else None, once=once)
    most, total = limits.get(Kind.MOST), limits.get(Kind.TOTAL)
    moments = frozenset(item.word or item.kind.name for item in items if item.kind in _MOMENTS)
    return SigLevel(doses, days, _amount(most), _amount(total), moments)


def _amount(item: Item | None) -> Measured | None:
    return None if item is None or item.amount is None else _measured(item.amount, item.unit)


def _measured(amount: Decimal, name: str) -> Measured:
    unit = read_dose_unit(name)
    if unit is None or not 0 < amount <= MOST:
        raise Unclear
    return amount, unit


def _often(items: Iterable[Item]) -> bool:
    """Whether a part of the day or a frequency is said, beside which "once" says nothing more."""
    return any(item.kind in _TIMING - {Kind.ONCE, Kind.DIVIDED} for item in items)


def _length(doses: tuple[SigDose, ...], said: Item | None, *, once: bool) -> tuple[tuple[SigDose, ...], int | None]:
    """The doses and for how many days; so many doses in all are no more than that on one day."""
    if said is None:
        return doses, 1 if once else None
    if said.kind is not Kind.DOSES:
        return doses, min(ceil(said.number), LONGEST_DAYS)
    if len(doses) != 1:
        raise Unclear
    times = doses[0].times
    if times is None:
        if said.number != 1:
            raise Unclear
        times = Fraction(1)
    dose = SigDose(doses[0].amount, doses[0].also, min(times, said.number))
    return (dose,), min(ceil(said.number / times), LONGEST_DAYS)


def _at_most(doses: tuple[SigDose, ...], times: Fraction) -> tuple[SigDose, ...]:
    if len(doses) != 1:
        raise Unclear
    dose = doses[0]
    return (SigDose(dose.amount, dose.also, times if dose.times is None else min(dose.times, times)),)


def _doses(items: Sequence[Item], before: SigLevel | None) -> tuple[SigDose, ...]:
    """The doses, each with the times that are said of it: those after it, or before it where a time comes first."""
    groups: list[list[Item]] = [[]]
    for item in items:
        if item.kind is Kind.DOSE:
            groups.append([item])
        else:
            groups[-1].append(item)
    leading, *rest = groups
    if not rest:
        return _without_dose(leading, before)
    if _often(leading) or any(item.kind is Kind.DIVIDED for item in leading):
        rest = [
            [group[0], *earlier]
            for group, earlier in zip(rest, [leading, *(group[1:] for group in rest)], strict=False)
        ]
        after_last = groups[-1][1:]
        if len(rest) == 1:
            rest[0] += after_last
        elif _often(after_last):
            raise Unclear
    if len(rest) > 1 and any(item.kind is Kind.WEEKDAYS for group in rest for item in group):
        raise Unclear  # of different days, perhaps
    return tuple(_dose_with_times(group) for group in rest)


def _dose_with_times(group: Sequence[Item]) -> SigDose:
    dose = group[0]
    return SigDose(_amount(dose), None if dose.also is None else _measured(*dose.also), _times(group[1:]))


def _without_dose(items: Sequence[Item], before: SigLevel | None) -> tuple[SigDose, ...]:
    """Times alone: of the dose of the level before, if that had one only."""
    times = _times(items)
    if times is None:
        return ()
    if before is None:
        return (SigDose(times=times),)
    if len(before.doses) != 1:
        raise Unclear
    last = before.doses[0]
    return (SigDose(last.amount, last.also, times),)


def _times(items: Sequence[Item]) -> Fraction | None:
    """How often a day, at the most, from all that is said of it; None when nothing is."""
    said = _trimmed(items)
    if any(item.kind is Kind.DIVIDED for item in said):
        return _times_divided(said)
    often = _stated(said)
    moments = _moments(said)
    meals = any(item.kind is Kind.MEALS for item in said)
    whole_days = [item for item in said if item.kind in {Kind.DAILY, Kind.A_DAY}]
    if often is not None:
        _check_whole_days(said)
        times = _with_moments(often, moments, said, meals=meals)
    elif moments or meals:
        if any(item.kind is Kind.A_DAY for item in said):
            raise Unclear  # "30 mg a day at breakfast and lunch": each?
        times = Fraction(moments + (_MEALS_A_DAY if meals else 0))
        if whole_days and _joined_to_moment(said):
            times += 1
    elif whole_days or any(item.kind in {Kind.ONCE, Kind.WEEKDAYS} for item in said):
        times = Fraction(1)
    else:
        return None
    return _on_a_day(times, said)


def _trimmed(items: Sequence[Item]) -> list[Item]:
    """Without joining words at either end; "or" between anything but two numbers of times is not clear."""
    said = list(items)
    while said and said[-1].kind in {Kind.AND, Kind.PAUSE}:
        said.pop()
    while said and said[0].kind in {Kind.UP_TO, Kind.PAUSE, Kind.AND}:
        said.pop(0)
    for position, item in enumerate(said):
        if item.kind in {Kind.OR, Kind.UP_TO}:
            around = [one.kind for one in said[max(0, position - 1) : position + 2]]
            if around != [Kind.TIMES, item.kind, Kind.TIMES] and not _moments_apart(item, around):
                raise Unclear
    return said


def _moments_apart(item: Item, around: Sequence[Kind]) -> bool:
    """Such as "morning/evening", "8am-2pm": a stroke or a dash between parts of the day, never the word "or"."""
    return item.word != "or" and around in ([Kind.MOMENT, Kind.OR, Kind.MOMENT], [Kind.CLOCK, Kind.OR, Kind.CLOCK])


def _times_divided(said: Sequence[Item]) -> Fraction:
    """A whole day's amount: how it is divided does not matter, but times before it would contradict it."""
    first = next(position for position, item in enumerate(said) if item.kind is Kind.DIVIDED)
    if any(item.kind not in {Kind.DAILY, Kind.A_DAY, Kind.PAUSE} for item in said[:first]):
        raise Unclear
    return Fraction(1)


def _stated(said: Sequence[Item]) -> Fraction | None:
    """The one number of times a day; of "twice to three times a day" the larger."""
    often: Fraction | None = None
    for position, item in enumerate(said):
        if item.kind is not Kind.TIMES:
            continue
        joined = said[position - 1].kind if position else Kind.PAUSE
        if often is None or joined is Kind.UP_TO:
            often = item.number
        elif joined is Kind.OR:
            often = max(often, item.number)
        elif often != item.number:
            raise Unclear
    return often


def _check_whole_days(said: Sequence[Item]) -> None:
    """Such as "60 mg a day three times" and "60 mg daily three times" are not clear; "three times every day" is."""
    first = next(position for position, item in enumerate(said) if item.kind is Kind.TIMES)
    if said[first].number != 1 and any(item.kind in {Kind.DAILY, Kind.A_DAY} for item in said[:first]):
        raise Unclear


def _moments(said: Sequence[Item]) -> int:
    """How many times of the day are named; "every evening at bedtime" and "in the morning with breakfast" are one."""
    named: set[str] = set()
    clocks = {item.word for item in said if item.kind is Kind.CLOCK}
    last: Item | None = None
    for item in said:
        if item.kind is Kind.MOMENT:
            late_again = last is not None and last.kind is Kind.MOMENT and {last.word, item.word} <= LATE
            if not late_again:
                named.add(item.word)
        last = item
    return max(len(named), len(clocks))


def _joined_to_moment(said: Sequence[Item]) -> bool:
    """Whether a frequency is directly followed by "and" and a part of the day: "twice daily and at bedtime"."""
    kinds = [item.kind for item in said]
    return any(
        first in {Kind.TIMES, Kind.DAILY} and second is Kind.AND and third is Kind.MOMENT
        for first, second, third in zip(kinds, kinds[1:], kinds[2:], strict=False)
    )


def _with_moments(often: Fraction, moments: int, said: Sequence[Item], *, meals: bool) -> Fraction:
    """A frequency beside parts of the day: these say when, unless they are added to it; others contradict it."""
    if _joined_to_moment(said):
        if meals:
            raise Unclear
        return often + moments
    if not moments:
        return often
    named = moments + (_MEALS_A_DAY if meals else 0)
    if often == _MEALS_A_DAY and meals and _meals_and_moment(said):
        return Fraction(named)  # "three times a day with meals and at bedtime"
    if named != max(often, Fraction(1)):
        raise Unclear  # "tid, qhs": three times, or four?
    return often


def _meals_and_moment(said: Sequence[Item]) -> bool:
    """Whether it ends in "with meals and at bedtime"."""
    return [item.kind for item in said[-3:]] == [Kind.MEALS, Kind.AND, Kind.MOMENT]


def _on_a_day(times: Fraction, said: Sequence[Item]) -> Fraction:
    """On a day on which it is taken, where the days of the week are named."""
    days = [item.number for item in said if item.kind is Kind.WEEKDAYS]
    if not days:
        return times
    if len(days) > 1 or not 0 < days[0] <= 7:  # noqa: PLR2004 (days of the week)
        raise Unclear
    return times if times >= 1 else Fraction(max(1, ceil(times * 7 / days[0])))
