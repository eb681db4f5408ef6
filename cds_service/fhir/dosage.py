"""How much a day: from Dosage elements, as R4 and the R4-like drafts in the wild write them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

from cds_service.clinical.codes import Route
from cds_service.clinical.model import Step
from cds_service.drugs.dose import milligrams
from cds_service.drugs.products import Product
from cds_service.fhir.elements import codings, day, number, part, parts, text, words
from cds_service.hooks.request import Resource

Known = TypeVar("Known")

NOTHING: Final = Decimal(0)
DAYS_IN: Final = {
    "s": Decimal(1) / 86400,
    "min": Decimal(1) / 1440,
    "h": Decimal(1) / 24,
    "d": Decimal(1),
    "wk": Decimal(7),
    "mo": Decimal(30),
    "a": Decimal(365),
}
LONGEST_DAYS: Final = 100_000  # of an order; what says more says nonsense
# HL7 GTSAbbreviation and the Latin that clients write in its place, as times a day.
TIMES_A_DAY: Final = {
    "QD": Decimal(1),
    "QOD": Decimal("0.5"),
    "BID": Decimal(2),
    "TID": Decimal(3),
    "QID": Decimal(4),
    "Q4H": Decimal(6),
    "Q6H": Decimal(4),
    "Q8H": Decimal(3),
    "Q12H": Decimal(2),
    "AM": Decimal(1),
    "PM": Decimal(1),
    "BED": Decimal(1),
    "QHS": Decimal(1),
    "QAM": Decimal(1),
    "QPM": Decimal(1),
}
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


@dataclass(frozen=True, slots=True)
class Dosing:
    """What the Dosage elements of one order say together.

    Attributes:
        daily_mg: the largest daily amount; None when a part of it cannot be computed.
        first: the earliest day of its periods, `last` the latest; None when it has no such end.
        days: how long the whole course lasts, where that is said.
    """

    daily_mg: Decimal | None
    steps: tuple[Step, ...]
    route: Route | None
    first: date | None
    last: date | None
    days: int | None
    says_taper: bool


def read_dosing(dosages: Sequence[Resource], product: Product) -> Dosing:
    """Read all Dosage elements of one order of a product."""
    steps = _levels(dosages, tuple([_step(dosage, product) for dosage in dosages]))
    in_turn = len(steps) > 1
    doses = _all_known([step.daily_mg for step in steps])
    lengths = _all_known([step.days for step in steps])
    firsts = [step.first for step in steps if step.first]
    lasts = _all_known([step.last for step in steps])
    return Dosing(
        daily_mg=max(doses) if doses else None,
        steps=steps,
        route=_route(dosages),
        first=min(firsts) if firsts else None,
        last=max(lasts) if lasts else None,
        days=(sum(lengths) if in_turn else max(lengths)) if lengths else None,
        says_taper=any(_says_taper(dosage) for dosage in dosages),
    )


def _all_known(values: list[Known | None]) -> list[Known]:
    """Every value; none of them when one is missing."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _levels(dosages: Sequence[Resource], steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The levels of an order, one after the other; dosages of one number, or of one time, belong together.

    Dosages without numbers and without times of their own are all taken at once.
    """
    if len(steps) <= 1:
        return steps
    keys: list[object]
    if all("sequence" in dosage for dosage in dosages):
        keys = [str(dosage["sequence"]) for dosage in dosages]
    elif all(step.dated for step in steps):
        keys = [(step.first, step.last) for step in steps]
    else:
        keys = [None] * len(steps)
    levels: dict[object, list[Step]] = {}
    for key, step in zip(keys, steps, strict=True):
        levels.setdefault(key, []).append(step)
    return tuple(_at_once(level) for level in levels.values())


def _at_once(steps: list[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    doses = _all_known([step.daily_mg for step in steps])
    often = _all_known([step.times_a_day for step in steps])
    return Step(
        daily_mg=sum(doses, NOTHING) if doses else None,
        first=min((step.first for step in steps if step.first), default=None),
        last=max(_all_known([step.last for step in steps]), default=None),
        days=max(_all_known([step.days for step in steps]), default=None),
        times_a_day=sum(often, NOTHING) if often else None,
    )


def _step(dosage: Resource, product: Product) -> Step:
    timing = part(dosage, "timing")
    repeat = part(timing, "repeat")
    first = last = None
    if "boundsPeriod" in repeat:
        period = part(repeat, "boundsPeriod")
        first, last = day(period, "start"), day(period, "end")
    days = _duration_days(part(repeat, "boundsDuration")) if "boundsDuration" in repeat else None
    if days is None and first and last:
        days = (last.last - first.first).days + 1
    times = times_a_day(timing)
    return Step(
        daily_mg=_daily_mg(dosage, product, times),
        first=first.first if first else None,
        last=last.last if last else None,
        days=days,
        times_a_day=times,
    )


def _duration_days(duration: Resource) -> int | None:
    value, unit = number(duration, "value"), text(duration, "code") or text(duration, "unit").rstrip("s")
    per = DAYS_IN.get({"day": "d", "week": "wk", "month": "mo", "hour": "h"}.get(unit, unit))
    return None if value is None or per is None else min(round(value * per), LONGEST_DAYS)


def _daily_mg(dosage: Resource, product: Product, times: Decimal | None) -> Decimal | None:
    """The largest daily amount; for doses taken when needed, the stated daily maximum if there is one."""
    ceiling = _ceiling(part(dosage, "maxDosePerPeriod"), product) if "maxDosePerPeriod" in dosage else None
    dose = _single_mg(dosage, product)
    if dose is None or times is None or times <= 0:
        return ceiling
    return dose * times if ceiling is None else min(dose * times, ceiling)


def _single_mg(dosage: Resource, product: Product) -> Decimal | None:
    """One dose: of a range its upper end. `doseQuantity` directly in the Dosage is STU3, seen in R4 drafts too."""
    rates = parts(dosage, "doseAndRate") or (dosage,)
    doses = [_dose(rate, product) for rate in rates if "doseQuantity" in rate or "doseRange" in rate]
    return max(_all_known(doses), default=None)


def _dose(rate: Resource, product: Product) -> Decimal | None:
    quantity = part(rate, "doseQuantity") or part(part(rate, "doseRange"), "high")
    return _milligrams(quantity, product)


def _milligrams(quantity: Resource, product: Product) -> Decimal | None:
    value = number(quantity, "value")
    if value is None or value < 0:
        return None
    for unit in (text(quantity, "code"), text(quantity, "unit")):
        mg = milligrams(value, unit, product) if unit else None
        if mg is not None:
            return mg
    return None


def _ceiling(ratio: Resource, product: Product) -> Decimal | None:
    most = _milligrams(part(ratio, "numerator"), product)
    days = part(ratio, "denominator")
    count = number(days, "value")
    per = DAYS_IN.get(text(days, "code") or text(days, "unit"))
    return None if most is None or not count or per is None else most / (count * per)


def times_a_day(timing: Resource) -> Decimal | None:
    """How often a day at the most; None when it is not said in a way we read."""
    repeat = part(timing, "repeat")
    period = number(repeat, "period")
    per = DAYS_IN.get(text(repeat, "periodUnit") or text(repeat, "periodUnits"))
    if period and period > 0 and per is not None:
        often = number(repeat, "frequencyMax") or number(repeat, "frequency") or Decimal(_listed(repeat) or 1)
        return often / (period * per)
    listed = _listed(repeat)
    if listed:
        return Decimal(listed)
    code = part(timing, "code")
    said = [code_value for _, code_value in codings(code)] + [words(code)]
    return next((TIMES_A_DAY[one.upper()] for one in said if one.upper() in TIMES_A_DAY), None)


def _listed(repeat: Resource) -> int:
    """How many moments of the day are listed ("when" or clock times)."""
    when, clock = repeat.get("when"), repeat.get("timeOfDay")
    return max(len(when) if isinstance(when, list) else 0, len(clock) if isinstance(clock, list) else 0)


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


def _says_taper(dosage: Resource) -> bool:
    said = f"{text(dosage, 'text')} {text(dosage, 'patientInstruction')}".casefold()
    return "taper" in said and any(word.startswith("taper") for word in said.split())
