"""Laboratory results: from Observations to amounts in one unit for each test, and in multiples of their own limit."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from cds_service.clinical.codes import LOINC, LoincCode, Ref
from cds_service.clinical.days import Day
from cds_service.clinical.interests import LabTest
from cds_service.clinical.model import Gap, Result, Why
from cds_service.clinical.quantity import INFINITE, Amount
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codes, codings, day, number, part, parts, text, words
from cds_service.hooks.request import Resource

NO_RESULT: Final = frozenset({"registered", "specimen-in-process", "cancelled", "entered-in-error", "unknown"})
HIGH: Final = frozenset({"H", "HH", "HU", "A", "AA"})


def read_result(
    resource: Resource, ref: Ref, reading: Reading, tests: Mapping[LoincCode, LabTest]
) -> tuple[Result | Gap, ...]:
    """An Observation: a result of its own, and one for each component."""
    if text(resource, "status") in NO_RESULT:  # a result that does not say how far it is counts
        return ()
    whole = _result(resource, resource, ref, reading, tests)
    found = () if whole is None else (whole,)
    if "component" not in resource:
        return found
    components = (_result(one, resource, ref, reading, tests) for one in parts(resource, "component"))
    return (*found, *(one for one in components if one is not None))


def _result(
    item: Resource, whole: Resource, ref: Ref, reading: Reading, tests: Mapping[LoincCode, LabTest]
) -> Result | Gap | None:
    test = None
    in_loinc = False
    for system, code in codings(part(item, "code")):
        if system == LOINC:
            in_loinc = True
            test = tests.get(LoincCode(code), test)
    if test is None:  # another test, or one that only its laboratory can name
        return None if in_loinc or item is not whole else Gap(ref, Why.UNCODED, words(part(item, "code")))
    taken = _taken(whole)
    if taken is None:
        return _unread(ref, Why.NO_DATE, test)
    if (taken.first - reading.today).days > 1:  # one day ahead can be a matter of time zones
        return _unread(ref, Why.FUTURE_DATE, test)
    quantity = part(item, "valueQuantity")
    value, comparator = number(quantity, "value"), text(quantity, "comparator")
    flagged = "interpretation" in item and _flagged_high(item)
    if value is None and not flagged:
        return None if "dataAbsentReason" in item else _unread(ref, Why.NO_VALUE, test)
    code, written = text(quantity, "code"), text(quantity, "unit")
    unit = code or written
    measured = None if value is None else _amount(value, comparator)
    return Result(
        ref=ref,
        test=test.name,
        taken=taken,
        amount=_in_unit(measured, unit, test),
        times_uln=_times_uln(measured, unit, item, test),
        flagged_high=flagged,
        shown="" if value is None else f"{comparator}{value.normalize():f} {unit_shown(written or code)}".strip(),
        preliminary=text(whole, "status") == "preliminary",
    )


def unit_shown(unit: str) -> str:
    """The unit for the reader: a pure number has none."""
    return "" if unit == "1" else unit


def _unread(ref: Ref, why: Why, test: LabTest) -> Gap:
    return Gap(ref, why, test.label, frozenset({str(test.name)}))


def _flagged_high(item: Resource) -> bool:
    return any(code in HIGH for concept in parts(item, "interpretation") for code in codes(concept))


def _taken(resource: Resource) -> Day | None:
    """The day of the sample; a result that only says when it was issued was taken no later."""
    taken = day(resource, "effectiveDateTime") or day(resource, "effectiveInstant")
    if taken is not None:
        return taken
    period = part(resource, "effectivePeriod")
    return day(period, "end") or day(period, "start") or day(resource, "issued")


def _amount(value: Decimal, comparator: str) -> Amount:
    if comparator.startswith(">"):
        return Amount(value, INFINITE)
    return Amount(Decimal(0), value) if comparator.startswith("<") else Amount(value, value)


def _in_unit(measured: Amount | None, unit: str, test: LabTest) -> Amount | None:
    factor = test.factors.get(unit)
    return None if measured is None or factor is None else measured.times(factor)


def _times_uln(measured: Amount | None, unit: str, item: Resource, test: LabTest) -> Amount | None:
    """In multiples of the one upper limit that this result was sent with; never of a default."""
    if measured is None:
        return None
    limit = None
    for one in parts(item, "referenceRange"):
        found = _upper_limit(one, unit, test)
        if limit is not None and found is not None and found != limit:
            return None
        limit = limit or found
    if limit is None:
        return None
    times = measured.least / limit
    return Amount(times, times if measured.most is measured.least else measured.most / limit)


def _upper_limit(reference_range: Resource, unit: str, test: LabTest) -> Decimal | None:
    """The upper limit in the unit of the result; a limit without a unit has that of the result (FHIR R4)."""
    kinds = codes(part(reference_range, "type")) if "type" in reference_range else ()
    if kinds and "normal" not in kinds:
        return None
    high = part(reference_range, "high")
    limit = number(high, "value")
    own = text(high, "code") or text(high, "unit") or unit
    if limit is None or limit <= 0:
        return None
    if own == unit:
        return limit
    theirs, ours = test.factors.get(own), test.factors.get(unit)
    return None if theirs is None or ours is None else limit * theirs / ours
