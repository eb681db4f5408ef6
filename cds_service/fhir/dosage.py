"""How much a day: from Dosage elements of any FHIR version, one element at a time, and from the words beside them.

What is preferred to what, and why, is in docs/explanation/daily-dose.md.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from cds_service.clinical.codes import Route
from cds_service.clinical.days import Day
from cds_service.clinical.model import Step, Why
from cds_service.clinical.quantity import INFINITE
from cds_service.drugs.dose import MOST, NO_DOSE, NO_WEIGHT, DoseUnit, Milligrams, milligrams, read_dose_unit
from cds_service.drugs.products import Product
from cds_service.drugs.sig import Sig, SigDose, SigLevel, dose_mg, level_mg, read_sig, times_in
from cds_service.fhir.elements import codes, codings, day, number, part, parts, text, words
from cds_service.hooks.request import Resource

Known = TypeVar("Known")
Often: TypeAlias = tuple[Decimal, Decimal]
"""How often in how many days; a fraction, since a third of a day has no exact Decimal."""

NOTHING: Final = Decimal(0)
ONE: Final = Decimal(1)
DAYS_IN: Final = {
    "s": Decimal(1) / 86400,
    "min": Decimal(1) / 1440,
    "h": Decimal(1) / 24,
    "d": Decimal(1),
    "wk": Decimal(7),
    "mo": Decimal(30),
    "a": Decimal(365),
}
_IN_DAYS: Final = {  # each unit of a period as how many of it in how many days
    "d": (1, 1),
    "h": (24, 1),
    "wk": (1, 7),
    "mo": (1, 30),
    "a": (1, 365),
    "min": (1440, 1),
    "s": (86400, 1),
}
_TIME_WORDS: Final = {
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "wk"),
    **dict.fromkeys(("month", "months"), "mo"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "h"),
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("year", "years"), "a"),
}
_WORDS: Final = ("text", "patientInstruction")
_BOUNDS: Final = frozenset({"boundsPeriod", "boundsDuration", "boundsQuantity", "boundsRange", "count", "countMax"})
LONGEST_SEQUENCE: Final = 20  # characters of a sequence that is no number
LONGEST_DAYS: Final = 100_000  # of an order; what says more says nonsense
MOST_TIMES: Final = 1440  # a day
MOST_DOSAGES: Final = 50  # whose times are compared with each other; more are taken at once
PLACES: Final = 9  # of milligrams: thirds that are added up become whole again
# HL7 GTSAbbreviation and the Latin that clients write in its place, as how often in how many days.
TIMES_A_DAY: Final[dict[str, Often]] = {
    code: (Decimal(often), Decimal(days))
    for code, (often, days) in {
        "QD": (1, 1),
        "QOD": (1, 2),
        "BID": (2, 1),
        "TID": (3, 1),
        "QID": (4, 1),
        "Q1H": (24, 1),
        "Q2H": (12, 1),
        "Q3H": (8, 1),
        "Q4H": (6, 1),
        "Q6H": (4, 1),
        "Q8H": (3, 1),
        "Q12H": (2, 1),
        "Q24H": (1, 1),
        "AM": (1, 1),
        "PM": (1, 1),
        "BED": (1, 1),
        "HS": (1, 1),
        "QHS": (1, 1),
        "QAM": (1, 1),
        "QPM": (1, 1),
        "WK": (1, 7),
        "MO": (1, 30),
    }.items()
}
# HL7 EventTiming: each is one time a day, but "C", "AC" and "PC" are at every meal.
MEALS: Final = frozenset({"C", "AC", "PC"})
MEALS_A_DAY: Final = 3
MOMENTS: Final = frozenset(
    {
        *("MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE", "EVE.early", "EVE.late"),
        *("NIGHT", "PHS", "IMD", "HS", "WAKE", "CM", "CD", "CV", "ACM", "ACD", "ACV", "PCM", "PCD", "PCV"),
        *MEALS,
    }
)
WEEKDAYS: Final = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"})
_DETAILS: Final = frozenset({"when", "timeOfDay", "dayOfWeek", "count", "countMax"})
# Where one dose stands: R4 and R5 in doseAndRate; STU3 and the DSTU2 MedicationOrder; the DSTU2 MedicationStatement.
_QUANTITIES: Final = ("doseQuantity", "quantityQuantity", "quantity")
_RANGES: Final = ("doseRange", "quantityRange")
_UPPER_LIMITS: Final = frozenset({"", "<", "<="})  # comparators with which an amount is the most there is
# SNOMED CT routes (codes.md 3.4, recalled); feeding tubes count as oral.
ROUTE_CODES: Final = {
    "26643006": Route.ORAL,
    "127492001": Route.ORAL,
    "127490009": Route.ORAL,
    "47625008": Route.INJECTED,
    "78421000": Route.INJECTED,
    "34206005": Route.INJECTED,
    "72607000": Route.INTRATHECAL,
    "6064005": Route.TOPICAL,
    "54485002": Route.OPHTHALMIC,
    "45890007": Route.TRANSDERMAL,
    "16857009": Route.VAGINAL,
}
ROUTE_WORDS: Final = {
    "oral": Route.ORAL,
    "orally": Route.ORAL,
    "by mouth": Route.ORAL,
    "per os": Route.ORAL,
    "po": Route.ORAL,
    "oral use": Route.ORAL,
    "oral route": Route.ORAL,
    "intravenous": Route.INJECTED,
    "intravenous use": Route.INJECTED,
    "intravenous route": Route.INJECTED,
    "iv": Route.INJECTED,
    "intramuscular": Route.INJECTED,
    "subcutaneous": Route.INJECTED,
    "intrathecal": Route.INTRATHECAL,
    "intrathecal route": Route.INTRATHECAL,
    "topical": Route.TOPICAL,
    "ophthalmic": Route.OPHTHALMIC,
}
SYSTEMIC: Final = {
    Route.ORAL: True,
    Route.INJECTED: True,
    Route.INTRATHECAL: False,
    Route.TRANSDERMAL: True,
    Route.TOPICAL: False,
    Route.OPHTHALMIC: False,
    Route.VAGINAL: None,  # some vaginal products act on the whole body, some only there: the product decides
}
PUMPED: Final = {"1292": Route.INTRATHECAL}  # baclofen; other medicines have pumps into a vein or under the skin


@dataclass(frozen=True, slots=True)
class Dosing:
    """What the Dosage elements of one order say together.

    Attributes:
        daily_mg: the largest daily amount; None when a part of it cannot be computed.
        first: the earliest day of its periods, `last` the latest; None when it has no such end.
        days: how long the whole course lasts, where that is said.
        why: NO_WEIGHT when `daily_mg` could be computed if the patient's weight were known.
    """

    daily_mg: Decimal | None
    steps: tuple[Step, ...]
    route: Route | None
    first: date | None
    last: date | None
    days: int | None
    says_taper: bool
    why: Why | None = None


class _Dose(NamedTuple):
    """One dose as the elements say it.

    Attributes:
        mg: how much; in the unit's time when it is a rate.
        per_day: of a rate, how many of its times a day has; None of a dose.
        divided: a rate by weight and day, which is divided among the times of the day.
        value: the number that was sent, whatever its unit; None without one.
    """

    mg: Milligrams
    per_day: Decimal | None = None
    divided: bool = False
    value: Decimal | None = None


class _Level(NamedTuple):
    """One level of an order: how much a day, or why that is not known, and its Step."""

    daily: Milligrams
    step: Step


_NO_DOSE: Final = _Dose(NO_DOSE)


def read_dosing(dosages: Sequence[Resource], product: Product, weight_kg: Decimal | None = None) -> Dosing:
    """Read all Dosage elements of one order of a product.

    Args:
        dosages: of any FHIR version.
        product: what is dosed.
        weight_kg: of the patient, for doses by weight.
    """
    sigs = [_sig(dosage, product) for dosage in dosages]
    if len(dosages) == 1:
        levels = _read(dosages[0], sigs[0], product, weight_kg)
    else:
        alone = [_read(*one, product, weight_kg, alone=False)[0] for one in zip(dosages, sigs, strict=True)]
        levels = _in_order(dosages, alone)
    route = _route(dosages)
    return _together(
        levels,
        route=_route_in_words(sigs, product) if route is None else route,
        says_taper=any(_says_taper(dosage) for dosage in dosages),
    )


def _together(levels: Sequence[_Level], *, route: Route | None, says_taper: bool) -> Dosing:
    if len(levels) == 1:
        step = levels[0].step
        why = _why(levels) if step.daily_mg is None else None
        return Dosing(step.daily_mg, (step,), route, step.first, step.last, step.days, says_taper, why)
    steps = tuple([level.step for level in levels])
    doses = _all_known([step.daily_mg for step in steps])
    lengths = _all_known([step.days for step in steps])
    return Dosing(
        daily_mg=max(doses, default=None),
        steps=steps,
        route=route,
        first=min((step.first for step in steps if step.first), default=None),
        last=max((step.last for step in steps if step.last), default=None) if steps and steps[-1].last else None,
        days=sum(lengths) if lengths else None,
        says_taper=says_taper,
        why=None if doses else _why(levels),
    )


def _all_known(values: list[Known | None]) -> list[Known]:
    """Every value; none of them when one is missing."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _why(levels: Iterable[_Level]) -> Why | None:
    """NO_WEIGHT when nothing but the weight is missing."""
    return NO_WEIGHT if {level.daily for level in levels if isinstance(level.daily, Why)} == {NO_WEIGHT} else None


# Several dosages ------------------------------------------------------------------------------------------------------


def _in_order(dosages: Sequence[Resource], levels: list[_Level]) -> list[_Level]:
    """The levels of an order, one after the other.

    Dosages of one number, or of one time, belong together; without numbers and without times of their own all are
    taken at once. Numbers without any time beside different parts of the day number the day's doses.
    """
    if all("sequence" in dosage for dosage in dosages) and not _of_one_day(dosages, levels):
        numbers = [_sequence(dosage) for dosage in dosages]
        groups = [
            [level for number, level in zip(numbers, levels, strict=True) if number == one]
            for one in sorted(set(numbers))
        ]
        return [_at_once(group) for group in groups]
    if levels and len(levels) <= MOST_DOSAGES and all(level.step.first or level.step.last for level in levels):
        return _by_date(levels)
    return [_at_once(levels)] if levels else []


def _sequence(dosage: Resource) -> tuple[Decimal, str]:
    """The number of a dosage, for sorting; what is no number comes last."""
    value = number(dosage, "sequence")
    return (Decimal("Infinity"), str(dosage["sequence"])[:LONGEST_SEQUENCE]) if value is None else (value, "")


def _of_one_day(dosages: Sequence[Resource], levels: Sequence[_Level]) -> bool:
    """Whether numbered dosages are the doses of one day: none has an end, and no part of the day comes twice."""
    if any(level.step.dated for level in levels):
        return False
    named = [_named_times(part(part(dosage, "timing"), "repeat")) for dosage in dosages]
    return all(named) and sum(map(len, named)) == len(frozenset().union(*named))


def _named_times(repeat: Resource) -> frozenset[str]:
    return frozenset(_texts(repeat, "when") + _texts(repeat, "timeOfDay"))


def _by_date(levels: Sequence[_Level]) -> list[_Level]:
    """Dated dosages as levels in the order of their dates; those of one time are taken at once.

    A day that ends one and begins the next counts as the next one's.
    """
    spans = sorted({_span(level) for level in levels})
    if all(one[1] <= other[0] for one, other in pairwise(spans)):
        return [_at_once([level for level in levels if _span(level) == span]) for span in spans]
    ends = [last + timedelta(days=1) for _, last in spans if last < date.max]
    starts = sorted({first for first, _ in spans} | set(ends))
    stretches = [(start, end - timedelta(days=1)) for start, end in pairwise(starts)] + [(starts[-1], date.max)]
    taken = [
        ([level for level in levels if _span(level)[0] <= start <= _span(level)[1]], start, end)
        for start, end in stretches
    ]
    return [_within(_at_once(group), start, end) for group, start, end in taken if group]


def _span(level: _Level) -> tuple[date, date]:
    first, last = level.step.first or date.min, level.step.last or date.max
    return first, max(first, last)


def _within(level: _Level, start: date, end: date) -> _Level:
    first, last = (None if start == date.min else start), (None if end == date.max else end)
    days = (end - start).days + 1 if first and last else None
    return _Level(level.daily, replace(level.step, first=first, last=last, days=days))


def _at_once(levels: Sequence[_Level]) -> _Level:
    if len(levels) == 1:
        return levels[0]
    steps = [level.step for level in levels]
    unknown = [level.daily for level in levels if isinstance(level.daily, Why)]
    often = _all_known([step.times_a_day for step in steps])
    daily = _sum([level.daily for level in levels if isinstance(level.daily, Decimal)])
    return _Level(
        (NO_DOSE if NO_DOSE in unknown else NO_WEIGHT) if unknown else daily,
        Step(
            daily_mg=None if unknown else daily,
            first=min((step.first for step in steps if step.first), default=None),
            last=max(_all_known([step.last for step in steps]), default=None),
            days=max(_all_known([step.days for step in steps]), default=None),
            times_a_day=sum(often, NOTHING) if often else None,
        ),
    )


def _sum(doses: Sequence[Decimal]) -> Decimal:
    total = sum(doses, NOTHING)
    exponent = total.as_tuple().exponent
    return round(total, PLACES) if isinstance(exponent, int) and exponent < -PLACES else total


# One dosage -----------------------------------------------------------------------------------------------------------


def _read(
    dosage: Resource, sig: Sig | None, product: Product, weight_kg: Decimal | None, *, alone: bool = True
) -> list[_Level]:
    """The levels of one Dosage: one, unless it stands alone and its words name several."""
    timing = part(dosage, "timing")
    repeat = part(timing, "repeat")
    often = _often(timing, repeat)
    dose = _dose(dosage, product, weight_kg)
    ceiling = _ceiling(dosage, product, weight_kg) if "maxDosePerPeriod" in dosage else None
    daily = _capped(_daily(dose, often, repeat), ceiling)
    times = None if often is None else often[0] if often[1] == 1 else often[0] / often[1]
    first = last = days = None
    if not _BOUNDS.isdisjoint(repeat) or "event" in timing:
        first, last, days = _bounds(timing, repeat, times)
    level = _Level(daily, Step(daily if isinstance(daily, Decimal) else None, first, last, days, times))
    if sig is None or not sig.levels or (len(sig.levels) > 1 and not alone):
        return [level]
    if isinstance(daily, Decimal) and len(sig.levels) == 1:
        return [_at_most_in_words(level, sig.levels[0], _capped(level_mg(sig.levels[0], product, weight_kg), ceiling))]
    return _with_words(level, dose, often, _InWords(sig.levels, product, weight_kg, ceiling))


def _at_most_in_words(level: _Level, words: SigLevel, said: Milligrams) -> _Level:
    """A level whose words say a daily amount too: the larger counts, since limits are upper limits."""
    daily, step = level
    if not isinstance(said, Decimal) or not isinstance(daily, Decimal):
        return level
    if said > daily or (words.days is not None and step.days is None):
        daily = max(daily, said)
        return _Level(daily, replace(step, daily_mg=daily, days=words.days if step.days is None else step.days))
    return level


class _InWords:
    """The levels of a sig, in milligrams of one product."""

    def __init__(
        self, levels: tuple[SigLevel, ...], product: Product, weight_kg: Decimal | None, ceiling: Decimal | None
    ) -> None:
        """Take the levels; the ceiling holds for every one of them."""
        self.levels = levels
        self.daily = [_capped(level_mg(level, product, weight_kg), ceiling) for level in levels]
        self._of = (product, weight_kg)

    def complete(self) -> bool:
        """Whether they say how much a day throughout."""
        return all(isinstance(daily, Decimal) for daily in self.daily)

    def only_dose(self) -> SigDose | None:
        """The one dose, when there is but one."""
        return self.levels[0].doses[0] if len(self.levels) == 1 and len(self.levels[0].doses) == 1 else None

    def mg(self, dose: SigDose) -> Milligrams:
        """One dose in milligrams."""
        return dose_mg(dose, *self._of)

    def contradicts(self, dose: _Dose, often: Often | None) -> bool:
        """Whether none of their doses is the one that the elements say, or none of their times."""
        if often is not None and all(level.times != _fraction(often) for level in self.levels):
            return True
        doses = [one for level in self.levels for one in level.doses]
        if isinstance(dose.mg, Decimal):
            return dose.per_day is None and dose.mg not in [self.mg(one) for one in doses]
        values = {said[0] for one in doses for said in (one.amount, one.also) if said is not None}
        return dose.value is not None and dose.value not in values


def _with_words(level: _Level, dose: _Dose, often: Often | None, said: _InWords) -> list[_Level]:
    """What elements and words say together: the words complete the elements where they do not contradict them."""
    if isinstance(level.daily, Decimal):
        return _stepwise(level, said)
    if said.complete() and not said.contradicts(dose, often):
        return _in_turn(level.step, said)
    completed = _completed(dose, often, said)
    if completed is None and dose.value is None and NO_WEIGHT in said.daily:
        completed = NO_WEIGHT
    return [level if completed is None else _worded(level.step, completed, said.levels[0])]


def _stepwise(level: _Level, said: _InWords) -> list[_Level]:
    """The levels of the words, when the elements say one of them; else the largest amount of all."""
    if not said.complete():
        return [level]
    if level.daily in said.daily:
        return _in_turn(level.step, said)
    most = max([daily for daily in (level.daily, *said.daily) if isinstance(daily, Decimal)])
    return [_Level(most, replace(level.step, daily_mg=most))]


def _completed(dose: _Dose, often: Often | None, said: _InWords) -> Milligrams | None:
    """A dose of the elements with the times of the words, or the other way round; None when neither is there."""
    only = said.only_dose()
    if only is None:
        return None
    if isinstance(dose.mg, Decimal) and dose.per_day is None and only.times is not None and often is None:
        if only.amount is None or said.mg(only) == dose.mg:
            return _times(dose.mg, (Decimal(only.times.numerator), Decimal(only.times.denominator)))
    elif often is not None and dose.value is None and only.times is None:
        return _times(said.mg(only), often)
    return None


def _in_turn(step: Step, said: _InWords) -> list[_Level]:
    """The levels of the words; where there are several, the elements say when the first begins and the last ends."""
    last = len(said.levels) - 1
    steps = [
        step if last == 0 else Step(None, step.first if n == 0 else None, step.last if n == last else None)
        for n in range(last + 1)
    ]
    return [_worded(one, *worded) for one, worded in zip(steps, zip(said.daily, said.levels, strict=True), strict=True)]


def _worded(step: Step, daily: Milligrams, level: SigLevel) -> _Level:
    """A level of the words; the elements' own times are more exact."""
    times = None if level.times is None else Decimal(level.times.numerator) / level.times.denominator
    known = daily if isinstance(daily, Decimal) else None
    days = step.days if step.days is not None else level.days
    return _Level(daily, replace(step, daily_mg=known, days=days, times_a_day=step.times_a_day or times))


def _fraction(often: Often) -> Fraction:
    return Fraction(often[0]) / Fraction(often[1])


def _sig(dosage: Resource, product: Product) -> Sig | None:
    """What the words of a Dosage say: its text, else its instructions to the patient."""
    found = None
    for name in _WORDS:
        said = dosage.get(name)
        if said and isinstance(said, str):
            # Only RxNorm's own name may be passed over in a sig: any other may be the client's words.
            sig = read_sig(said, product.name if product.rxcui else "")
            if sig is not None and sig.levels:
                return sig
            found = found or sig
    return found


# How much -------------------------------------------------------------------------------------------------------------


def _dose(dosage: Resource, product: Product, weight_kg: Decimal | None) -> _Dose:
    """One dose, or the rate where there is none.

    What was ordered counts, what the client calculated from it only when that cannot be read.
    """
    rates = parts(dosage, "doseAndRate")
    if len(rates) == 1:
        dose = _one_dose(rates[0], product, weight_kg)
    elif rates:
        dose = _of_several(rates, product, weight_kg)
    else:
        dose = None
    if dose is None:
        dose = _one_dose(dosage, product, weight_kg)
    if dose is None:
        given = [rate for one in (*rates, dosage) if (rate := _rate(one, product, weight_kg)) is not None]
        return given[0] if given else _NO_DOSE
    return _no_more_than(dosage, dose, product, weight_kg) if "maxDosePerAdministration" in dosage else dose


def _of_several(rates: Iterable[Resource], product: Product, weight_kg: Decimal | None) -> _Dose | None:
    ordered: list[_Dose] = []
    others: list[_Dose] = []
    for rate in rates:
        dose = _one_dose(rate, product, weight_kg)
        if dose is not None:
            (ordered if _is_ordered(part(rate, "type")) else others).append(dose)
    if ordered and all(isinstance(one.mg, Decimal) for one in ordered):
        return _largest(ordered)
    found = _largest(others) if others else None
    return _largest(ordered) if found is None and ordered else found


def _is_ordered(kind: Resource) -> bool:
    return "ordered" in codes(kind) or words(kind).casefold() == "ordered"


def _largest(doses: Sequence[_Dose]) -> _Dose:
    """The largest; the first that cannot be read, when one cannot."""
    return max(doses, key=lambda one: one.mg * (one.per_day or ONE) if isinstance(one.mg, Decimal) else INFINITE)


def _one_dose(given: Resource, product: Product, weight_kg: Decimal | None) -> _Dose | None:
    """Of a range the upper end; None when there is no dose at all."""
    quantity = given.get("doseQuantity")
    if isinstance(quantity, dict):
        return _quantity(quantity, product, weight_kg)
    for name in _QUANTITIES:
        if name in given:
            return _quantity(part(given, name), product, weight_kg)
    for name in _RANGES:
        if name in given:
            return _quantity(part(part(given, name), "high"), product, weight_kg)
    return None


def _quantity(quantity: Resource, product: Product, weight_kg: Decimal | None) -> _Dose:
    value = number(quantity, "value")
    if value is None or not 0 <= value <= MOST:
        return _NO_DOSE
    if "comparator" in quantity and text(quantity, "comparator") not in _UPPER_LIMITS:
        return _NO_DOSE
    code, written = text(quantity, "code"), text(quantity, "unit")
    unit = read_dose_unit(code) if code == written else _unit(code, written)
    if unit is None:
        return _Dose(NO_DOSE, value=value)
    mg = milligrams(value, unit, product, weight_kg)
    per_day = unit.per_day
    return _Dose(mg, per_day, per_day is not None and unit.per_kg and per_day == 1, value)


def _unit(code: str, written: str) -> DoseUnit | None:
    """The unit of the code, else the one written; None when they contradict each other."""
    unit = read_dose_unit(code) if code else None
    other = read_dose_unit(written) if written else None
    if unit is None or other is None:
        return unit or other
    return unit if unit == other else None


def _rate(given: Resource, product: Product, weight_kg: Decimal | None) -> _Dose | None:
    """A rate: 150 micrograms a day, 5 mg/h; None when there is none."""
    if "rateQuantity" in given:
        return _quantity(part(given, "rateQuantity"), product, weight_kg)
    if "rateRange" in given:
        return _quantity(part(part(given, "rateRange"), "high"), product, weight_kg)
    if "rateRatio" not in given:
        return None
    amount = _quantity(part(part(given, "rateRatio"), "numerator"), product, weight_kg)
    days = _days(part(part(given, "rateRatio"), "denominator"))
    if amount.per_day is not None or not isinstance(amount.mg, Decimal) or days is None:
        return _Dose(amount.mg if isinstance(amount.mg, Why) else NO_DOSE, value=amount.value)
    return _Dose(amount.mg * days[1] / days[0], ONE, value=amount.value)


def _no_more_than(dosage: Resource, dose: _Dose, product: Product, weight_kg: Decimal | None) -> _Dose:
    """A dose, at the most what is stated for one time."""
    most = _quantity(part(dosage, "maxDosePerAdministration"), product, weight_kg)
    if dose.per_day is not None or most.per_day is not None or not isinstance(most.mg, Decimal):
        return dose
    return _Dose(min(dose.mg, most.mg) if isinstance(dose.mg, Decimal) else most.mg, value=dose.value)


def _daily(dose: _Dose, often: Often | None, repeat: Resource) -> Milligrams:
    if not isinstance(dose.mg, Decimal):
        return dose.mg
    if dose.per_day is None:
        return NO_DOSE if often is None else _times(dose.mg, often)
    all_day = dose.mg * dose.per_day
    lasting = _days({"value": repeat.get("durationMax", repeat.get("duration")), "unit": repeat.get("durationUnit")})
    if lasting is not None and often is not None:
        return min(all_day, _times(all_day * lasting[0] / lasting[1], often))
    if often is None or dose.divided or often[0] == often[1]:
        return all_day
    return NO_DOSE  # twice a day at a rate: for how long?


def _times(mg: Milligrams, often: Often) -> Milligrams:
    if not isinstance(mg, Decimal):
        return mg
    return mg * often[0] if often[1] == 1 else mg * often[0] / often[1]


def _capped(daily: Milligrams, ceiling: Decimal | None) -> Milligrams:
    if ceiling is None:
        return daily
    return min(daily, ceiling) if isinstance(daily, Decimal) else ceiling


def _ceiling(dosage: Resource, product: Product, weight_kg: Decimal | None) -> Decimal | None:
    """The smallest of the stated maxima a day: a Ratio, in R5 a list of them.

    A maximum for more than a day says nothing of one day.
    """
    found = []
    for ratio in parts(dosage, "maxDosePerPeriod"):
        most = _quantity(part(ratio, "numerator"), product, weight_kg)
        days = _days(part(ratio, "denominator"))
        if isinstance(most.mg, Decimal) and most.per_day is None and days is not None and days[0] <= days[1]:
            found.append(most.mg * days[1] / days[0])
    return min(found, default=None)


# How often ------------------------------------------------------------------------------------------------------------


def _days(duration: Resource) -> Often | None:
    """A stretch of time as so many of a unit that a day has so many of: (3, 24) for three hours; above zero."""
    value, unit = number(duration, "value"), text(duration, "code") or text(duration, "unit")
    per = _IN_DAYS.get(_TIME_WORDS.get(unit.casefold(), unit))
    if value is None or not 0 < value <= MOST or per is None:
        return None
    return value * per[1], Decimal(per[0])


def times_a_day(timing: Resource) -> Decimal | None:
    """How often a day at the most; None when it is not said in a way we read."""
    often = _often(timing, part(timing, "repeat"))
    return None if often is None else often[0] / often[1]


def _often(timing: Resource, repeat: Resource) -> Often | None:
    found = _by_period(repeat)
    if not _DETAILS.isdisjoint(repeat):
        found = _by_details(repeat, found)
    if found is None and "event" in timing:
        found = _by_events(timing)
    if found is None and "code" in timing:
        found = _by_code(part(timing, "code"))
    return None if found is None or not 0 < found[0] <= MOST_TIMES * found[1] else found


def _by_period(repeat: Resource) -> Often | None:
    """So many times in a period: of a range the larger number and the shorter period."""
    period = number(repeat, "period")
    if period is None or not 0 < period <= MOST:
        return None
    unit = _IN_DAYS.get(text(repeat, "periodUnit") or text(repeat, "periodUnits"))
    often = number(repeat, "frequency") if "frequency" in repeat else ONE
    if unit is None or often is None:
        return None
    if "frequencyMax" in repeat:
        often = max(often, number(repeat, "frequencyMax") or often)
    if "periodMax" in repeat:
        longest = number(repeat, "periodMax")
        period = min(period, longest) if longest is not None and longest > 0 else period
    return (often * unit[0], period * unit[1]) if 0 < often <= MOST else None


def _by_details(repeat: Resource, found: Often | None) -> Often | None:
    """With the parts of the day, the clock times, the days of the week and the number of doses that are named."""
    listed = _listed(repeat, stated=found is not None and "frequency" in repeat)
    if found is None:
        found = (Decimal(listed), ONE) if listed else None
    elif listed:
        often, days = found
        found = (max(often, listed * min(days, ONE) if days < 1 else Decimal(listed)), days)
    weekdays = len(WEEKDAYS.intersection(_texts(repeat, "dayOfWeek")))
    if weekdays:
        found = _on_a_weekday(found, weekdays)
    count = max([value for name in ("count", "countMax") if (value := number(repeat, name))], default=None)
    if count is None or count <= 0:
        return found
    if found is None:
        return (ONE, ONE) if count == 1 else None
    return (count, ONE) if count * found[1] < found[0] else found


def _on_a_weekday(found: Often | None, weekdays: int) -> Often:
    """On one of the days that are named: three times a week on three days is once."""
    if found is None:
        return ONE, ONE
    often, days = found
    return found if days <= 1 else (Decimal(max(1, ceil(often * 7 / (days * weekdays)))), ONE)


def _texts(resource: Resource, name: str) -> list[str]:
    """The strings of a list inside; DSTU2 has one where the others have a list."""
    value: Any = resource.get(name)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _listed(repeat: Resource, *, stated: bool) -> int:
    """How many times of the day are named; one for all meals where a frequency is stated beside them."""
    when, clock = set(_texts(repeat, "when")), set(_texts(repeat, "timeOfDay"))
    if not when <= MOMENTS:
        when = set()
    meals = len(when & MEALS)
    return max(len(when) + (0 if stated else meals * (MEALS_A_DAY - 1)), len(clock))


def _by_events(timing: Resource) -> Often | None:
    """On the day with the most of the dates that are named."""
    days = [found.first for found in _event_days(timing) if found.first == found.last]
    return (Decimal(max(Counter(days).values())), ONE) if days else None


def _event_days(timing: Resource) -> list[Day]:
    return [found for said in _texts(timing, "event") if (found := day({"event": said}, "event")) is not None]


def _by_code(code: Resource) -> Often | None:
    """By codes, displays or text; where they differ, the most."""
    said = [value for coding in parts(code, "coding") for value in (text(coding, "code"), text(coding, "display"))]
    found = [often for one in (*said, text(code, "text")) if one and (often := _by_name(one)) is not None]
    return max(found, key=_fraction, default=None)


def _by_name(said: str) -> Often | None:
    known = TIMES_A_DAY.get(said.upper())
    if known is not None:
        return known
    times = times_in(said)
    return None if times is None else (Decimal(times.numerator), Decimal(times.denominator))


# How long -------------------------------------------------------------------------------------------------------------


def _bounds(timing: Resource, repeat: Resource, times: Decimal | None) -> tuple[date | None, date | None, int | None]:
    """The first and the last day, and how many days it lasts."""
    first = last = None
    if "boundsPeriod" in repeat:
        period = part(repeat, "boundsPeriod")
        first, last = day(period, "start"), day(period, "end")
    elif "event" in timing:
        events = sorted(_event_days(timing), key=lambda one: one.first)
        first, last = (events[0], events[-1]) if events else (None, None)
    days = None
    if "boundsDuration" in repeat or "boundsQuantity" in repeat:  # DSTU2 calls a duration a quantity
        days = _duration_days(part(repeat, "boundsDuration") or part(repeat, "boundsQuantity"))
    elif "boundsRange" in repeat:
        days = _duration_days(part(part(repeat, "boundsRange"), "high"))
    if days is None and first and last and first.first <= last.last:
        days = (last.last - first.first).days + 1
    if days is None:
        days = _days_of_count(repeat, times)
    return first.first if first else None, last.last if last else None, days


def _duration_days(duration: Resource) -> int | None:
    length = _days(duration)
    return None if length is None else min(round(length[0] / length[1]), LONGEST_DAYS)


def _days_of_count(repeat: Resource, times: Decimal | None) -> int | None:
    """How many days so many doses take."""
    count = max([value for name in ("count", "countMax") if (value := number(repeat, name))], default=NOTHING)
    return min(ceil(count / times), LONGEST_DAYS) if times and 0 < count <= MOST else None


# Which way ------------------------------------------------------------------------------------------------------------


def _route(dosages: Iterable[Resource]) -> Route | None:
    """The first route that is said in a code or in words."""
    for dosage in dosages:
        concept = part(dosage, "route")
        if not concept:
            continue
        for _, code in codings(concept):
            if code in ROUTE_CODES:
                return ROUTE_CODES[code]
        said = words(concept).casefold()
        if said in ROUTE_WORDS:
            return ROUTE_WORDS[said]
    return None


def _route_in_words(sigs: Iterable[Sig | None], product: Product) -> Route | None:
    """The first route that a sig names which was read wholly."""
    for sig in sigs:
        if sig is not None and sig.route is not None:
            return sig.route
        if sig is not None and sig.pumped and len(product.ingredient_list) == 1:
            return PUMPED.get(product.ingredient_list[0])
    return None


def _says_taper(dosage: Resource) -> bool:
    for name in _WORDS:
        said = dosage.get(name)
        if said and isinstance(said, str) and "taper" in said.casefold():
            return any(word.startswith("taper") for word in said.casefold().split())
    return False
