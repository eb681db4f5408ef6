"""The upper limit of normal that a laboratory sent with a result: the one for this patient, and never a default."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

from cds_service.clinical.codes import SNOMED_CT
from cds_service.clinical.days import Day, Span, age_in_years
from cds_service.clinical.interests import LabTest
from cds_service.clinical.quantity import Truth
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codes, codings, day, number, part, parts, text, words
from cds_service.fhir.values import LONGEST_TEXT, NUMBER, Unit, plain_number, read_unit
from cds_service.hooks.request import Resource

# HL7 FHIR R4, value set referencerange-appliesto, and the v3 and FHIR codes for the two administrative genders.
MALE: Final = frozenset({"248153007", "M", "male"})
FEMALE: Final = frozenset({"248152002", "F", "female"})
PREGNANT: Final = (SNOMED_CT, "77386006")
SEX_WORDS: Final = {
    **dict.fromkeys(("male", "males", "man", "men", "m"), "male"),
    **dict.fromkeys(("female", "females", "woman", "women", "f"), "female"),
}
AGE_UNITS: Final = {
    **dict.fromkeys(("a", "y", "yr", "yrs", "year", "years"), "years"),
    **dict.fromkeys(("mo", "month", "months"), "months"),
    **dict.fromkeys(("wk", "week", "weeks"), "weeks"),
    **dict.fromkeys(("d", "day", "days"), "days"),
}
DAYS_A_WEEK: Final = 7
_PLAIN: Final = frozenset({"low", "high", "text"})  # the elements of a range that is for everybody
# "10-40 U/L", "0.2 to 1.2", "<40", "up to 40"
_RANGE: Final = re.compile(
    rf"(?:{NUMBER}\s*(?:[-\u2013\u2014]|to\b)|<=?|≤|up to\b)\s*{NUMBER}\s*([^\s0-9].*)?", re.DOTALL | re.IGNORECASE
)


def upper_limit(item: Resource, unit: Unit, test: LabTest, taken: Day, reading: Reading) -> Decimal | None:
    """The upper limit of normal of a result, in the unit of the result; above zero.

    Of several ranges those count that are meant for the sex and the age of this patient on the day of the sample,
    and only if there are none of those, the ranges for everybody.

    Returns:
        None without a limit that can be read, and when those that may be meant differ.
    """
    if unit[0] is None:
        return None
    given = item.get("referenceRange")
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict) and given[0].keys() <= _PLAIN:
        return _limit(given[0], unit, test)  # nearly all of them
    everybody: set[Decimal] = set()
    meant: set[Decimal] = set()
    unsure = False
    for one in parts(item, "referenceRange"):
        limit = _limit(one, unit, test) if _is_normal(one) else None
        if limit is None:
            continue
        if not (one.get("appliesTo") or one.get("age")):
            everybody.add(limit)
            continue
        fits = _fits(one, taken, reading)
        unsure |= fits is Truth.UNKNOWN
        if fits is not Truth.FAILS:
            meant.add(limit)
    if unsure:  # perhaps it is not meant for this patient: then the one for everybody would count
        meant |= everybody
    return _only(meant or everybody)


def _only(limits: set[Decimal]) -> Decimal | None:
    return next(iter(limits)) if len(limits) == 1 else None


def _is_normal(reference_range: Resource) -> bool:
    """Whether it is the range of the healthy (`type`; DSTU2 `meaning`), not of a treatment or a phase."""
    concepts = (*parts(reference_range, "type"), *parts(reference_range, "meaning"))
    kinds = [code for concept in concepts for code in codes(concept)]
    if kinds:
        return "normal" in kinds
    said = [words(concept).casefold() for concept in concepts]
    return all("normal" in one or not one for one in said)


def _limit(reference_range: Resource, unit: Unit, test: LabTest) -> Decimal | None:
    """The upper limit in the unit of the result; a limit without a unit has that of the result (FHIR R4)."""
    if "high" not in reference_range:
        return _of_text(text(reference_range, "text"), unit, test)
    high = part(reference_range, "high")
    limit = number(high, "value")
    name = unit[0]
    if text(high, "unit") == name == text(high, "code"):  # as nearly all laboratories send it
        return limit if limit is not None and limit > 0 else None
    own = read_unit(high, test)
    return _converted(limit, unit if own[0] == "" else own, unit)


def _of_text(said: str, unit: Unit, test: LabTest) -> Decimal | None:
    """The upper limit of a range in words, when they say nothing but one range."""
    match = _RANGE.fullmatch(said.strip(" ()")) if said and len(said) <= LONGEST_TEXT else None
    if match is None:
        return None
    low, high = plain_number(match[1] or "0"), plain_number(match[2])
    if low is None or high is None or low > high:
        return None
    written = (match[3] or "").strip()
    return _converted(high, (written, test.factor(written)) if written else unit, unit)


def _converted(limit: Decimal | None, own: Unit, unit: Unit) -> Decimal | None:
    (its_name, its_factor), (name, factor) = own, unit
    if limit is None or limit <= 0 or its_name is None:
        return None
    if its_name == name:
        return limit
    return None if its_factor is None or factor is None else limit * its_factor / factor


def _fits(reference_range: Resource, taken: Day, reading: Reading) -> Truth:
    """Whether a range is meant for this patient."""
    answers = [_population(concept, reading) for concept in parts(reference_range, "appliesTo")]
    if reference_range.get("appliesTo") and not answers:
        answers.append(Truth.UNKNOWN)
    if reference_range.get("age"):
        answers.append(_age_fits(part(reference_range, "age"), taken, reading))
    return _all_of(answers)


def _all_of(answers: list[Truth]) -> Truth:
    if Truth.FAILS in answers:
        return Truth.FAILS
    return Truth.UNKNOWN if Truth.UNKNOWN in answers else Truth.HOLDS


def _population(concept: Resource, reading: Reading) -> Truth:
    """Whether the patient belongs to one target population: several are joined by "and" (FHIR R4)."""
    sex = text(reading.patient_resource, "gender")
    said = frozenset(codes(concept))
    if "normal" in said:
        return Truth.HOLDS
    if sex not in {"male", "female"}:
        return Truth.UNKNOWN
    if PREGNANT in codings(concept):
        return Truth.FAILS if sex == "male" else Truth.UNKNOWN
    by_code = "male" if said & MALE else "female" if said & FEMALE else None
    meant = by_code or SEX_WORDS.get(words(concept).casefold())
    if meant is None or (said & MALE and said & FEMALE):
        return Truth.UNKNOWN
    return Truth.HOLDS if meant == sex else Truth.FAILS


def _age_fits(age: Resource, taken: Day, reading: Reading) -> Truth:
    """Whether the patient had an age, both its ends included, on the day of the sample."""
    born = day(reading.patient_resource, "birthDate")
    if born is None or not ("low" in age or "high" in age):
        return Truth.UNKNOWN
    ends = (name for name in ("low", "high") if name in age)
    return _all_of([_age_end(part(age, name), born, taken, upper=name == "high") for name in ends])


def _age_end(end: Resource, born: Day, taken: Day, *, upper: bool) -> Truth:
    value = number(end, "value")
    unit = AGE_UNITS.get((text(end, "code") or text(end, "unit")).casefold())
    if value is None or unit is None or value % 1 or end.get("comparator"):
        return Truth.UNKNOWN
    age = _age(born, taken, unit)
    surely, possibly = (age.most <= value, age.least <= value) if upper else (age.least >= value, age.most >= value)
    if surely:
        return Truth.HOLDS
    return Truth.UNKNOWN if possibly else Truth.FAILS


def _age(born: Day, taken: Day, unit: str) -> Span:
    """The completed years, months, weeks or days of life on the day of the sample."""
    if unit == "years":
        return Span(age_in_years(born, taken.first).least, age_in_years(born, taken.last).most)
    if unit == "months":
        return Span(_completed_months(born.last, taken.first), _completed_months(born.first, taken.last))
    days = Span((taken.first - born.last).days, (taken.last - born.first).days)
    return days if unit == "days" else Span(days.least // DAYS_A_WEEK, days.most // DAYS_A_WEEK)


def _completed_months(born: date, on: date) -> int:
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
