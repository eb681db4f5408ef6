"""Body weight, for doses that are ordered per kilogram."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from cds_service.clinical.codes import LOINC, SNOMED_CT, TestName
from cds_service.clinical.interests import LabTest
from cds_service.fhir.elements import codings, part, text
from cds_service.fhir.observed import DAYS_AHEAD, NO_RESULT, counts, says_why_absent, taken_on
from cds_service.fhir.values import read_value
from cds_service.hooks.request import Resource

# LOINC 29463-7 is the code of the FHIR vital signs profile; 3141-9 (measured) and the SNOMED CT concept stand beside it
# in HL7's example of that profile. A birth weight and a stated or ideal weight have other codes.
CODES: Final = frozenset({(LOINC, "29463-7"), (LOINC, "3141-9"), (SNOMED_CT, "27113001")})
_POUND: Final = Decimal("0.45359237")  # kilograms, exactly: the international avoirdupois pound
WEIGHT: Final = LabTest(
    TestName("weight"),
    "body weight",
    "kg",
    {
        **dict.fromkeys(("kg", "kgs", "kilogram", "kilograms"), Decimal(1)),
        **dict.fromkeys(("g", "gram", "grams"), Decimal("0.001")),
        **dict.fromkeys(("[lb_av]", "lb_av", "lb", "lbs", "pound", "pounds"), _POUND),
    },
)
LIGHTEST_KG: Final = Decimal("0.2")  # nobody who is treated weighs so little, or so much
HEAVIEST_KG: Final = Decimal(650)
MOST_APART: Final = Decimal("1.1")  # weights of one day that differ by more are not two readings of one patient


def latest_weight_kg(observations: Iterable[Resource], today: date) -> Decimal | None:
    """The newest body weight in kilograms; of several on one day the heaviest.

    Args:
        observations: of this patient, in R4's terms, whatever they measure.
        today: the day of the call; what is dated later than the day after is left out, and so is what has no date.

    Returns:
        None without a weight, when the newest cannot be read or is none that a patient can have, and when those of
        its day differ by more than a tenth (a pound taken for a kilogram): an older one never stands in for it.
    """
    newest: date | None = None
    weights: list[Decimal | None] = []
    for one in observations:
        if CODES.isdisjoint(codings(part(one, "code"))) or text(one, "status") in NO_RESULT:
            continue
        taken = taken_on(one)
        if taken is None or (taken.first - today).days > DAYS_AHEAD or says_why_absent(one):
            continue
        if newest is None or taken.first > newest:
            newest, weights = taken.first, []
        if taken.first == newest:
            weights.append(_kilograms(one))
    known = [weight for weight in weights if weight is not None]
    if not known or len(known) < len(weights) or max(known) > min(known) * MOST_APART:
        return None
    return max(known)


def _kilograms(observation: Resource) -> Decimal | None:
    value = read_value(observation, WEIGHT) if counts(observation) else None
    factor = None if value is None else value.unit[1]
    if value is None or factor is None or value.amount.least != value.amount.most:
        return None
    weight = value.amount.least * factor
    return weight if LIGHTEST_KG < weight <= HEAVIEST_KG else None
