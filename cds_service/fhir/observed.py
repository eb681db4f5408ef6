"""One measurement: from an Observation, or one component of it, to a result in the unit of its test."""

from decimal import Decimal
from typing import Final

from cds_service.clinical.codes import Ref
from cds_service.clinical.days import Day
from cds_service.clinical.interests import LabTest
from cds_service.clinical.model import Gap, Result, Why
from cds_service.clinical.quantity import Amount
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codes, day, part, parts, text, words
from cds_service.fhir.limits import upper_limit
from cds_service.fhir.values import read_value
from cds_service.hooks.request import Json, Resource

# Of Observation and DiagnosticReport in all versions; a result that does not say how far it is counts.
NO_RESULT: Final = frozenset(
    {"registered", "specimen-in-process", "cancelled", "cannot-be-obtained", "entered-in-error"}
)
EFFECTIVE: Final = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming")
COUNTS: Final = frozenset({"final", "amended", "corrected", "appended", "modified", "preliminary", "partial", ""})
PRELIMINARY: Final = frozenset({"preliminary", "partial"})
# HL7 v3 ObservationInterpretation and v2 table 0078: high, critically high, significantly high, off the scale,
# abnormal, critically abnormal; and their displays, which some clients send alone.
HIGH: Final = frozenset({"H", "HH", "HU", ">", "A", "AA"})
HIGH_WORDS: Final = frozenset(
    {"high", "critical high", "critically high", "significantly high", "abnormal", "critical abnormal"}
)
# HL7 code system data-absent-reason: there may well be a value, only it is not told.
WITHHELD: Final = frozenset(
    {
        *("unknown", "masked", "not-permitted", "as-text", "astext", "unsupported"),
        *("not-a-number", "NaN", "negative-infinity", "positive-infinity"),
    }
)
DAYS_AHEAD: Final = 1  # one day ahead can be a matter of time zones


def read_item(item: Resource, whole: Resource, ref: Ref, reading: Reading, test: LabTest) -> Result | Gap | None:
    """What an Observation or one component of it says of a test; None when it says why there is no value.

    Args:
        item: the Observation itself, or the component.
        whole: the Observation, which has the day and the status.
        ref: its name.
        reading: the call.
        test: the test that its code means.
    """
    if not counts(whole):
        return _unread(ref, Why.NO_STATUS, test)
    taken = taken_on(whole)
    if taken is None:
        return _unread(ref, Why.NO_DATE, test)
    if (taken.first - reading.today).days > DAYS_AHEAD:
        return _unread(ref, Why.FUTURE_DATE, test)
    value = read_value(item, test)
    flagged = "interpretation" in item and _flagged_high(item["interpretation"])
    if value is None:
        if flagged:
            return Result(ref, test.name, taken, flagged_high=True, preliminary=text(whole, "status") in PRELIMINARY)
        return None if says_why_absent(item) else _unread(ref, Why.NO_VALUE, test)
    measured, unit, shown = value
    factor = unit[1]
    limit = upper_limit(item, unit, test, taken, reading) if "referenceRange" in item else None
    return Result(
        ref=ref,
        test=test.name,
        taken=taken,
        amount=None if factor is None else measured.times(factor),
        times_uln=None if limit is None else _multiple(measured, limit),
        flagged_high=flagged,
        shown=shown,
        preliminary=text(whole, "status") in PRELIMINARY,
    )


def counts(observation: Resource) -> bool:
    """Whether its status lets it count; one that cannot be read does not."""
    status = text(observation, "status")
    return status in COUNTS and (bool(status) or not observation.get("status"))


def says_why_absent(item: Resource) -> bool:
    """Whether it says that there is no value, and not only that it is not told."""
    reasons = parts(item, "dataAbsentReason")
    return any(reasons) and WITHHELD.isdisjoint(code for reason in reasons for code in codes(reason))


def taken_on(resource: Resource) -> Day | None:
    """The day of the sample; a result that only says when it was issued was taken no later.

    None when the day of the sample is there but cannot be read: the day of issue may be much later.
    """
    taken = day(resource, "effectiveDateTime") or day(resource, "effectiveInstant")
    if taken is not None:
        return taken
    period = part(resource, "effectivePeriod")
    taken = day(period, "end") or day(period, "start")
    if taken is not None or any(resource.get(name) for name in EFFECTIVE):
        return taken
    return day(resource, "issued")


def _unread(ref: Ref, why: Why, test: LabTest) -> Gap:
    return Gap(ref, why, test.label, frozenset({str(test.name)}))


def _flagged_high(interpretation: Json) -> bool:
    """Whether the laboratory marked it as high: in a code, else in words that say nothing else."""
    for one in interpretation if isinstance(interpretation, list) else (interpretation,):
        if isinstance(one, str):
            said = [one]
        elif isinstance(one, dict):
            said = codes(one) or [words(one)]
        else:
            continue
        if any(word in HIGH or word.casefold() in HIGH_WORDS for word in said):
            return True
    return False


def _multiple(measured: Amount, limit: Decimal) -> Amount:
    """In multiples of the upper limit that the result was sent with; never of a default."""
    times = measured.least / limit
    return Amount(times, times if measured.most is measured.least else measured.most / limit)
