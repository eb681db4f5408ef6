"""Laboratory orders and the patient."""

from datetime import date

import pytest

from cds_service.clinical.days import Day
from cds_service.clinical.model import Gap, LabOrder, Why
from tests.journeys.records import LOINC, concept, whose
from tests.unit.fhir.chart import call, known, only, record

PANEL = concept(LOINC, "24325-3", "Hepatic function 2000 panel - Serum or Plasma")
LIVER = {"ALT", "AST", "ALP", "bilirubin"}


def request(**members):
    return {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "code": PANEL,
        "subject": whose(),
        "authoredOn": "2026-11-20",
        **members,
    }


def ordered(**members):
    return only(record(orders=[request(**members)]).lab_orders)


@pytest.mark.parametrize("status", ["active", "on-hold"])
def test_a_laboratory_order_waits_for_its_result(status):
    assert ordered(status=status) == LabOrder("ServiceRequest/r", frozenset(LIVER), Day.on(date(2026, 11, 20)))


@pytest.mark.parametrize("intent", ["proposal", "plan", "option"])
def test_a_laboratory_order_that_is_only_thought_of_does_not_wait(intent):
    assert ordered(intent=intent) is None


@pytest.mark.parametrize("status", ["completed", "revoked", "entered-in-error", "draft", "unknown", None])
def test_a_laboratory_order_that_is_done_or_withdrawn_does_not_wait(status):
    assert ordered(status=status) is None


def test_an_order_not_to_test_orders_nothing():
    assert ordered(doNotPerform=True) is None
    assert ordered(doNotPerform=False).tests == LIVER


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        (concept(LOINC, "24323-8", "Comprehensive metabolic panel"), LIVER | {"creatinine", "potassium"}),
        (concept(LOINC, "1742-6", "ALT"), {"ALT"}),
        (
            {"coding": [*concept(LOINC, "1742-6", "ALT")["coding"], *concept(LOINC, "1920-8", "AST")["coding"]]},
            {"ALT", "AST"},
        ),
        (concept(LOINC, "24326-1", "Electrolytes 1998 panel"), None),
        (concept("urn:lab", "24325-3", "Hepatic function panel"), None),
        ({"text": "liver tests"}, None),
        (None, None),
    ],
)
def test_an_order_brings_the_tests_of_its_panel(code, tests):
    order = ordered(code=code)
    assert (None if order is None else order.tests) == tests


def test_an_order_without_a_date_has_none():
    assert ordered(authoredOn=None).ordered is None


def test_a_laboratory_order_among_the_drafts_waits_too():
    situation = known(call(request(status="draft", id=None), request(status="draft")))
    assert [one.ref for one in situation.lab_orders.items] == ["draft test 1", "ServiceRequest/r"]


# The patient ----------------------------------------------------------------------------------------------------------


def patient(**members):
    said = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1979-04-02", **members}
    return record(patient=[said]).patient


def test_the_patient_has_a_sex_and_a_birth_date():
    read = patient()
    assert (read.ref, read.sex, read.born, read.gaps) == ("Patient/p1", "female", Day.on(date(1979, 4, 2)), ())


@pytest.mark.parametrize("gender", ["male", "female", "other"])
def test_a_sex_that_is_said_is_known(gender):
    assert patient(gender=gender).sex == gender


@pytest.mark.parametrize("gender", ["unknown", "F", "", None, 1])
def test_a_sex_that_is_not_said_is_a_gap(gender):
    read = patient(gender=gender)
    assert (read.sex, read.gaps) == (None, (Gap("patient", Why.NO_SEX),))


@pytest.mark.parametrize("born", ["2026-11-23", "2030", "unknown", "", None])
def test_a_birth_date_that_cannot_be_is_a_gap(born):
    read = patient(birthDate=born)
    assert (read.born, read.gaps) == (None, (Gap("patient", Why.NO_BIRTH_DATE),))


@pytest.mark.parametrize(
    ("born", "day"),
    [
        ("2026-11-22", Day.on(date(2026, 11, 22))),
        ("1979-04", Day(date(1979, 4, 1), date(1979, 4, 30))),
        ("1979", Day(date(1979, 1, 1), date(1979, 12, 31))),
    ],
)
def test_a_birth_date_is_as_precise_as_it_came(born, day):
    assert patient(birthDate=born).born == day


@pytest.mark.parametrize("missing", [{"gender": None, "birthDate": None}])
def test_both_can_be_missing(missing):
    assert patient(**missing).gaps == (Gap("patient", Why.NO_SEX), Gap("patient", Why.NO_BIRTH_DATE))
