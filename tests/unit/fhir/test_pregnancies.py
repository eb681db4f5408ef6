"""Pregnancy: what the newest Observation says, and what it does to the problem list."""

from datetime import date

import pytest

from cds_service.clinical.days import Day
from cds_service.clinical.model import Gap, Listing, Problem, Why
from cds_service.fhir.pregnancies import PREGNANCY, PregnancyStatus, read_pregnancy, with_pregnancies
from tests.journeys.records import ICD_10_CM, LOINC, SNOMED_CT, TODAY, concept, day
from tests.unit.fhir.laboratory import LISTS, observation, reading

ICD_10 = "http://hl7.org/fhir/sid/icd-10"
STATUS = concept(LOINC, "82810-3", "Pregnancy status")
PREGNANT = concept(SNOMED_CT, "77386006", "Pregnant")
NOT_PREGNANT = concept(SNOMED_CT, "60001007", "Not pregnant")


def asked(answer=PREGNANT, days_ago=2, **members):
    said = {"code": STATUS, "effectiveDateTime": day(days_ago), "valueQuantity": ..., "valueCodeableConcept": answer}
    return observation(**{**said, **members})


def read(*said, **members):
    return read_pregnancy(asked(*said, **members), "Observation/o", reading())


@pytest.mark.parametrize(
    ("answer", "pregnant"),
    [
        (PREGNANT, True),
        (NOT_PREGNANT, False),
        (concept(LOINC, "LA15173-0", "Pregnant"), True),
        (concept(LOINC, "LA26683-5", "Not pregnant"), False),
        ({"coding": [{"system": LOINC, "code": "LA15173-0"}]}, True),
        ({"coding": [{"system": LOINC, "code": "LA26683-5"}]}, False),
        ({"coding": [{"system": SNOMED_CT, "code": "60001007"}]}, False),
        ({"text": "Pregnant"}, True),
        ({"text": "not pregnant"}, False),
        ({"coding": [{"system": "urn:local", "code": "P"}, *PREGNANT["coding"]]}, True),
    ],
    ids=str,
)
def test_an_observation_says_whether_the_patient_is_pregnant(answer, pregnant):
    found = read(answer)
    assert (found.pregnant, found.taken) == (pregnant, Day.on(date(2026, 11, 20)))
    assert found.problem.names == {"pregnancy"}
    assert found.problem.since == found.taken


@pytest.mark.parametrize(
    "said",
    [
        {"code": concept(LOINC, "2106-3", "Choriogonadotropin")},
        {"status": "entered-in-error"},
        {"status": "cancelled"},
        {"valueCodeableConcept": concept(LOINC, "LA4489-6", "Unknown")},
        {"valueCodeableConcept": concept(SNOMED_CT, "102874004", "Possible pregnancy")},
        {"valueCodeableConcept": {"text": "unknown"}},
        {"valueCodeableConcept": ..., "dataAbsentReason": {"coding": [{"code": "asked-declined"}]}},
        {"effectiveDateTime": day(301)},
        {"effectiveDateTime": "2025"},
    ],
    ids=str,
)
def test_what_says_nothing_of_today_is_none(said):
    assert read(**said) is None


def test_an_observation_counts_for_three_hundred_days():
    assert read(days_ago=300).pregnant


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"valueCodeableConcept": {"text": "gravida"}}, Why.NO_VALUE),
        ({"valueCodeableConcept": ...}, Why.NO_VALUE),
        ({"valueCodeableConcept": ..., "valueBoolean": True}, Why.NO_VALUE),
        ({"valueCodeableConcept": {"coding": [*PREGNANT["coding"], *NOT_PREGNANT["coding"]]}}, Why.CODES_DISAGREE),
        ({"effectiveDateTime": ...}, Why.NO_DATE),
        ({"effectiveDateTime": "soon"}, Why.NO_DATE),
        ({"effectiveDateTime": day(-2)}, Why.FUTURE_DATE),
        ({"status": ["final"]}, Why.NO_STATUS),
        ({"status": "fin"}, Why.NO_STATUS),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_a_gap_about_pregnancy(said, why):
    assert read(**said) == Gap("Observation/o", why, concerns=frozenset({"pregnancy"}))


def test_words_in_place_of_a_concept_count():
    assert read(valueCodeableConcept=..., valueString="Pregnant").problem.shown == "pregnancy"


def test_a_preliminary_pregnancy_is_provisional():
    assert read(status="preliminary").problem.provisional
    assert "Pregnant" not in repr(read())


# On the problem list --------------------------------------------------------------------------------------------------


def recorded(days_ago, *names):
    when = None if days_ago is None else Day.on(date.fromisoformat(day(days_ago)))
    return Problem("Condition/c", frozenset(names or (PREGNANCY,)), "Pregnancy", when)


def yes(days_ago, *, pregnant=True):
    when = Day.on(date.fromisoformat(day(days_ago)))
    return PregnancyStatus(Problem(f"Observation/{days_ago}", frozenset({PREGNANCY}), "", when), when, pregnant)


def no(days_ago):
    return yes(days_ago, pregnant=False)


def problems(listed, *statuses):
    return [(one.ref, set(one.names)) for one in with_pregnancies(Listing(tuple(listed)), statuses).items]


CONDITION, OBSERVATION = ("Condition/c", {"pregnancy"}), ("Observation/5", {"pregnancy"})


@pytest.mark.parametrize(
    ("listed", "statuses", "found"),
    [
        ([], [], []),
        ([recorded(30)], [], [CONDITION]),
        ([], [yes(5)], [OBSERVATION]),
        ([recorded(30)], [yes(5)], [CONDITION, OBSERVATION]),
        ([recorded(30)], [no(5)], []),
        ([recorded(5)], [no(5)], []),
        ([recorded(4)], [no(5)], [CONDITION]),
        ([recorded(None)], [no(5)], [CONDITION]),
        ([recorded(30, "pregnancy", "jaundice")], [no(5)], [("Condition/c", {"jaundice"})]),
        ([recorded(30, "jaundice")], [no(5)], [("Condition/c", {"jaundice"})]),
        ([], [yes(5), no(30)], [OBSERVATION]),
        ([recorded(60)], [yes(30), no(5)], []),
        ([], [no(5), yes(5)], [OBSERVATION]),
    ],
    ids=[
        "nothing said",
        "on the problem list alone",
        "in an observation alone",
        "in both",
        "not pregnant, newer than the problem list",
        "not pregnant, on the day of the problem list",
        "not pregnant, older than the problem list",
        "not pregnant, beside a problem without a day",
        "another problem under the same code stays",
        "another problem stays",
        "the newest observation counts",
        "also when it says not pregnant",
        "of two of one day, pregnant counts",
    ],
)
def test_the_newest_word_about_a_pregnancy_counts(listed, statuses, found):
    assert problems(listed, *statuses) == found
    assert problems(listed, *reversed(statuses)) == found


def test_gaps_of_the_problem_list_stay():
    gap = Gap("conditions", Why.MORE_PAGES)
    assert with_pregnancies(Listing((), (gap,)), [no(5)]).gaps == (gap,)


# The codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "pregnant"),
    [
        (ICD_10_CM, "O09.93", True),
        (ICD_10_CM, "O26.899", True),
        (ICD_10_CM, "Z33.1", True),
        (ICD_10_CM, "Z34.90", True),
        (ICD_10_CM, "Z3A.20", True),
        (ICD_10_CM, "Z32.01", True),
        (ICD_10_CM, "Z32.02", False),
        (ICD_10_CM, "Z33.2", False),
        (ICD_10_CM, "O86.4", False),
        (ICD_10_CM, "O92.79", False),
        (ICD_10, "O14.1", True),
        (ICD_10, "Z33", True),
        (ICD_10, "O90", False),
        (SNOMED_CT, "77386006", True),
        (SNOMED_CT, "60001007", False),
    ],
)
def test_the_code_list_knows_a_pregnancy_by_its_codes(system, code, pregnant):
    assert (PREGNANCY in LISTS.problems.names(system, code)) is pregnant


def test_the_day_of_the_call_is_no_future():
    assert read(effectiveDateTime=TODAY.isoformat()).pregnant
