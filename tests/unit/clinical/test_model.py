"""What we know of a patient, what we could not read, and that neither is ever printed."""

from datetime import date
from decimal import Decimal

import pytest

from cds_service.clinical.codes import ProblemName, Ref, Route, RxCUI, TestName
from cds_service.clinical.days import Day
from cds_service.clinical.model import (
    Allergy,
    Gap,
    LabOrder,
    Listing,
    Medication,
    Patient,
    Problem,
    Result,
    Situation,
    State,
    Step,
    Why,
)
from cds_service.clinical.quantity import Amount

SPRING = date(2026, 4, 1)
BEFORE_SPRING = date(2026, 3, 31)
CANARY = "Zzyzx"
DAY = Day.on(date(2026, 4, 2))


def gap(about=None, before=None):
    return Gap("results", Why.MORE_PAGES, concerns=None if about is None else frozenset(about), before=before)


@pytest.mark.parametrize(
    ("what", "since", "hides"),
    [
        (gap(), None, True),
        (gap(), SPRING, True),
        (gap(about={"ALT"}), None, True),
        (gap(about={"ALT", "sodium"}), SPRING, True),
        (gap(about={"sodium"}), None, False),
        (gap(about=()), None, False),
        (gap(before=SPRING), None, True),
        (gap(before=SPRING), BEFORE_SPRING, True),
        (gap(before=SPRING), SPRING, False),
        (gap(about={"sodium"}, before=SPRING), BEFORE_SPRING, False),
    ],
    ids=[
        "anything",
        "anything of any day",
        "this test",
        "this test among others",
        "another test only",
        "nothing",
        "only older ones, when any day is asked for",
        "older ones, from the day before",
        "nothing from that day on",
        "older ones of another test",
    ],
)
def test_a_gap_hides_only_what_it_concerns_and_only_what_is_older_than_its_day(what, since, hides):
    names = frozenset({"ALT", "AST"})
    assert what.may_hide(names, since) is hides
    assert Listing(gaps=(what,)).gaps_about(names, since) == ((what,) if hides else ())


def test_a_listing_without_gaps_hides_nothing():
    assert Listing().gaps_about(["ALT"]) == ()


def test_of_several_gaps_only_those_that_matter_are_named():
    listing = Listing(gaps=(gap(about={"sodium"}), gap(about={"AST"}), gap(before=SPRING)))
    assert listing.gaps_about(["ALT", "AST"], SPRING) == (gap(about={"AST"}),)


def test_the_words_of_the_client_do_not_make_two_gaps_of_one():
    assert Gap("MedicationRequest/7", Why.NO_ROUTE, "baclofen pump") == Gap("MedicationRequest/7", Why.NO_ROUTE)


MEDICATION = Medication(
    Ref("MedicationRequest/1"), CANARY, frozenset({RxCUI(CANARY)}), State.RUNNING, Route.ORAL, started=DAY
)
RESULT = Result(Ref("Observation/1"), TestName("ALT"), DAY, Amount.exactly(Decimal(31)), shown=CANARY)
PROBLEM = Problem(Ref("Condition/1"), frozenset({ProblemName(CANARY)}), CANARY, DAY)
ALLERGY = Allergy(Ref("AllergyIntolerance/1"), frozenset({RxCUI(CANARY)}), CANARY, recorded=DAY)
LAB_ORDER = LabOrder(Ref("ServiceRequest/1"), frozenset({TestName(CANARY)}), DAY)
PATIENT = Patient(Ref(f"Patient/{CANARY}"), CANARY, DAY)


@pytest.mark.parametrize(
    ("thing", "printed"),
    [
        (MEDICATION, "<Medication running>"),
        (RESULT, "<Result ALT>"),
        (PROBLEM, "<Problem>"),
        (ALLERGY, "<Allergy>"),
        (LAB_ORDER, "<LabOrder>"),
        (PATIENT, "<Patient>"),
        (Listing((MEDICATION, MEDICATION), (gap(),)), "<Listing 2 items, 1 gaps>"),
        (
            Situation(
                SPRING, "order-sign", Listing((MEDICATION,)), Listing(), Listing(), Listing(), Listing(), PATIENT
            ),
            "<Situation at order-sign>",
        ),
    ],
)
def test_a_patient_is_never_printed(thing, printed):
    assert repr(thing) == str(thing) == printed


def test_the_words_of_the_client_are_never_printed():
    assert CANARY not in repr(Gap("MedicationRequest/7", Why.NO_ROUTE, CANARY))
    assert "17" not in repr(Step(Decimal(17)))


@pytest.mark.parametrize(
    ("state", "lowered"),
    [
        (State.ORDERED, False),
        (State.STOPPING, False),
        (State.RUNNING, False),
        (State.PAUSED, True),
        (State.LAPSED, True),
        (State.PLANNED, False),
        (State.ENDED, False),
    ],
)
def test_what_is_paused_or_has_lapsed_counts_one_level_lower(state, lowered):
    medication = Medication(Ref("MedicationRequest/1"), "baclofen", frozenset({RxCUI("baclofen")}), state)
    assert medication.lowered is lowered


def test_only_a_provisional_diagnosis_or_allergy_raises_a_warning_at_most():
    assert Problem(Ref("Condition/1"), frozenset(), provisional=True).capped
    assert Allergy(Ref("AllergyIntolerance/1"), frozenset(), provisional=True).capped
    assert not any(item.capped for item in (MEDICATION, RESULT, PROBLEM, ALLERGY, LAB_ORDER, PATIENT))


def test_nothing_but_a_medicine_counts_one_level_lower():
    assert not any(item.lowered for item in (RESULT, PROBLEM, ALLERGY, LAB_ORDER, PATIENT))


def test_everything_says_since_when_it_is_true():
    assert all(item.since == DAY for item in (MEDICATION, RESULT, PROBLEM, ALLERGY, LAB_ORDER, PATIENT))


@pytest.mark.parametrize(
    ("step", "dated"),
    [
        (Step(Decimal(10)), False),
        (Step(Decimal(10), first=SPRING), True),
        (Step(Decimal(10), last=SPRING), True),
        (Step(Decimal(10), days=7), True),
    ],
)
def test_a_step_is_dated_when_it_says_when_it_starts_ends_or_how_long_it_lasts(step, dated):
    assert step.dated is dated
