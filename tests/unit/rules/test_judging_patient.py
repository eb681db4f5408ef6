"""Who the patient is, what is on the problem list, and where the clinician stands."""

from datetime import date

import pytest

from cds_service.clinical.codes import Ref
from cds_service.clinical.days import Day
from cds_service.clinical.model import Patient, Why
from cds_service.rules import conditions as c
from cds_service.rules.judging import judge
from tests.unit.rules.charts import bounds, chart, problem, unread

NO_PATIENT = unread("patient")
NO_SEX = unread("patient", Why.NO_SEX)
NO_BIRTH_DATE = unread("patient", Why.NO_BIRTH_DATE)


def patient(sex="female", born=None, *gaps):
    return Patient(Ref("Patient/1"), sex, born if isinstance(born, Day | None) else Day.on(born), gaps)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (patient("female"), "holds"),
        (patient("male"), "fails"),
        (patient("other"), "fails"),
        (patient(None, None, NO_SEX, NO_BIRTH_DATE), {("patient", "no-sex")}),
        (patient(None, None, NO_PATIENT), {("patient", "not-supplied")}),
        (patient("female", None, NO_BIRTH_DATE), "holds"),
    ],
    ids=["she is", "he is not", "neither", "sex is missing", "the patient was not supplied", "age is not asked"],
)
def test_the_patient_is_a_woman(answer, who, said):
    assert answer(c.Sex("female"), patient=who) == said


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (patient(born=date(1961, 6, 15)), "holds"),
        (patient(born=date(1961, 6, 16)), "fails"),
        (patient(born=Day(date(1961, 6, 1), date(1961, 6, 30))), {("patient", "imprecise-date")}),
        (patient(born=Day(date(1961, 1, 1), date(1961, 5, 31))), "holds"),
        (patient(born=Day(date(1962, 1, 1), date(1962, 12, 31))), "fails"),
        (patient(None, None, NO_SEX, NO_BIRTH_DATE), {("patient", "no-birth-date")}),
        (patient(None, None, NO_PATIENT), {("patient", "not-supplied")}),
        (patient(None, date(1961, 6, 15), NO_SEX), "holds"),
    ],
    ids=[
        "65 today",
        "65 tomorrow",
        "65 some day this month",
        "65 for some time",
        "65 next year",
        "the birth date is missing",
        "the patient was not supplied",
        "sex is not asked",
    ],
)
def test_the_patient_is_65_or_older(answer, who, said):
    assert answer(c.Age(bounds(at_least=65)), patient=who) == said


def test_the_patient_proves_sex_and_age(proof):
    who = patient(born=date(1961, 6, 15))
    assert proof(c.Sex("female"), patient=who) == proof(c.Age(bounds(at_least=65)), patient=who) == ["Patient/1"]


@pytest.mark.parametrize(
    ("problems", "said"),
    [
        ([problem("dysphagia")], "holds"),
        ([problem("jaundice")], "fails"),
        ([], "fails"),
        ([unread("conditions")], {("conditions", "not-supplied")}),
        ([unread("conditions"), problem("dysphagia")], "holds"),
        ([unread("conditions", about={"jaundice"})], "fails"),
        ([unread("conditions", about={"jaundice", "dysphagia"})], {("conditions", "not-supplied")}),
    ],
    ids=[
        "it does",
        "another problem",
        "an empty list",
        "not supplied",
        "not all supplied",
        "a gap about another problem",
        "a gap about this problem too",
    ],
)
def test_the_problem_list_has_dysphagia(answer, problems, said):
    assert answer(c.HasProblem("dysphagia"), problems=problems) == said


@pytest.mark.parametrize(
    ("problems", "capped"),
    [
        ([problem("dysphagia", provisional=True)], True),
        ([problem("dysphagia", provisional=True), problem("dysphagia")], False),
        ([problem("dysphagia"), problem("jaundice", provisional=True)], False),
    ],
)
def test_a_provisional_diagnosis_alone_raises_a_warning_at_most(problems, capped):
    assert judge(c.HasProblem("dysphagia"), chart(problems=problems)).capped is capped


@pytest.mark.parametrize(("hook", "said"), [("patient-view", "holds"), ("order-sign", "fails")])
def test_the_clinician_opens_the_chart(answer, hook, said):
    assert answer(c.Moment("patient-view"), hook=hook) == said


def test_one_of_several_conditions_is_enough(answer):
    frail = c.AnyOf((c.HasProblem("dysphagia"), c.Age(bounds(at_least=65))))
    old, young = patient(born=date(1950, 1, 1)), patient(born=date(1990, 1, 1))
    assert answer(frail, patient=old, problems=[unread("conditions")]) == "holds"
    assert answer(frail, patient=young, problems=[problem("dysphagia")]) == "holds"
    assert answer(frail, patient=young, problems=[unread("conditions")]) == {("conditions", "not-supplied")}
    assert answer(frail, patient=young) == "fails"
