"""Which version of FHIR a request shows: it never says so."""

import pytest

from cds_service.fhir.translation import in_r4, kind_of
from cds_service.fhir.versions import ALL, Spoken, Version, spoken_by

DSTU2, STU3, R4, R5 = Version
ORDER = {"resourceType": "MedicationOrder"}
REQUEST = {"resourceType": "MedicationRequest"}
CODED = {**REQUEST, "medicationCodeableConcept": {"text": "baclofen"}}
STATEMENT = {"resourceType": "MedicationStatement"}
PROBLEM = {"resourceType": "Condition"}
RESULT = {"resourceType": "Observation"}
ALLERGY = {"resourceType": "AllergyIntolerance"}

SHOWN = [
    (ORDER, {DSTU2}),
    ({**ORDER, "intent": "order", "category": {}}, {DSTU2}),  # the public Sandbox
    ({"resourceType": "DiagnosticOrder"}, {DSTU2}),
    (REQUEST, {STU3, R4, R5}),
    (CODED, {STU3, R4}),
    ({**REQUEST, "medication": {"concept": {}}}, {R5}),
    ({**CODED, "context": {}}, {STU3}),
    ({**CODED, "doNotPerform": False}, {R4}),
    ({**CODED, "dosageInstruction": [{"doseAndRate": []}]}, {R4}),
    ({**CODED, "dosageInstruction": [{"doseQuantity": {}}]}, {STU3, R4}),  # the Sandbox writes it in R4, too
    ({**STATEMENT, "taken": "y"}, {STU3}),
    ({**STATEMENT, "wasNotTaken": False}, {DSTU2}),
    ({**STATEMENT, "adherence": {}}, {R5}),
    ({**PROBLEM, "clinicalStatus": "active"}, {DSTU2, STU3}),
    ({**PROBLEM, "clinicalStatus": {"coding": []}}, {R4, R5}),
    ({**PROBLEM, "patient": {}}, {DSTU2}),
    ({**PROBLEM, "assertedDate": "2020"}, {STU3}),
    ({**RESULT, "interpretation": {"text": "H"}}, {DSTU2, STU3}),
    ({**RESULT, "interpretation": [{"text": "H"}]}, {R4, R5}),
    ({**RESULT, "comment": "."}, {STU3}),
    ({**ALLERGY, "substance": {}}, {DSTU2}),
    ({**ALLERGY, "type": {"text": "allergy"}}, {R5}),
    ({"resourceType": "ProcedureRequest", "intent": "order"}, {STU3}),
    ({"resourceType": "ProcedureRequest", "orderedOn": "2020"}, {DSTU2}),
    ({"resourceType": "ServiceRequest", "code": {"concept": {}}}, {R5}),
    ({"resourceType": "ServiceRequest", "code": {"coding": []}, "reasonCode": []}, {R4}),
    ({"resourceType": "Basic"}, set(Version)),
    ({"resourceType": 7}, set(Version)),
    ({**STATEMENT, "taken": "y", "wasNotTaken": True}, set(Version)),  # contradicts itself
]


@pytest.mark.parametrize(
    ("resource", "versions"), SHOWN, ids=lambda value: repr(value) if isinstance(value, dict) else None
)
def test_a_resource_shows_the_versions_it_can_be_of(resource, versions):
    assert spoken_by((resource,), {}) == Spoken(frozenset(versions))


def test_the_record_decides_between_versions_that_write_orders_alike():
    record = {"conditions": {"entry": [{"resource": {**PROBLEM, "clinicalStatus": "active"}}]}}
    assert spoken_by((CODED,), record).certain is STU3
    record = {"conditions": {"entry": [{"resource": {**PROBLEM, "clinicalStatus": {}}}]}}
    assert spoken_by((CODED,), record).certain is R4


def test_what_contradicts_the_drafts_is_noted_and_the_drafts_decide():
    record = {"conditions": {"entry": [{"resource": {**PROBLEM, "patient": {}}}]}}
    spoken = spoken_by(({**CODED, "doNotPerform": False},), record)
    assert (spoken.certain, spoken.mixed) == (R4, True)


@pytest.mark.parametrize(
    ("possible", "version"),
    [({R4}, R4), ({STU3, R4}, R4), ({R4, R5}, R4), (set(Version), R4), ({DSTU2, STU3}, STU3), ({R5}, R5)],
)
def test_of_several_possible_versions_the_answer_is_in_the_likeliest(possible, version):
    assert Spoken(frozenset(possible)).answered_in is version


@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        (Spoken(frozenset({R4})), "R4"),
        (Spoken(frozenset({STU3, R4})), "R4?"),
        (Spoken(frozenset({DSTU2}), mixed=True), "mixed DSTU2"),
        (Spoken(ALL), "R4?"),
    ],
)
def test_the_log_tells_what_was_certain(spoken, said):
    assert str(spoken) == said


@pytest.mark.parametrize(
    "prefetch",
    [{}, {"a": None}, {"a": {}}, {"a": {"entry": 7}}, {"a": {"entry": [None, 7, {}]}}, {"a": [], "b": "x"}],
    ids=repr,
)
def test_a_request_without_evidence_can_be_of_any_version(prefetch):
    assert spoken_by((), prefetch) == Spoken()


def test_only_the_first_resources_are_looked_at():
    many = {str(number): {"entry": [{"resource": RESULT}] * 9} for number in range(40)}
    assert spoken_by((), {**many, "last": {"entry": [{"resource": ORDER}]}}) == Spoken()


# In R4's terms --------------------------------------------------------------------------------------------------------


def test_a_resource_of_r4_stays_the_very_same():
    assert in_r4(CODED, kind_of(CODED)) is CODED


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("MedicationOrder", "MedicationRequest"),
        ("DiagnosticOrder", "ServiceRequest"),
        ("ProcedureRequest", "ServiceRequest"),
        ("Observation", "Observation"),
        (None, ""),
        (7, ""),
        ([], ""),
    ],
)
def test_a_resource_is_called_as_r4_calls_it(kind, name):
    assert kind_of({"resourceType": kind}) == name


def test_where_both_names_stand_r4s_counts():
    both = {**ORDER, "dateWritten": "2020-01-01", "authoredOn": "2021-01-01", "patient": 1, "subject": 2}
    assert in_r4(both, "MedicationRequest") == both


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({"status": "refuted"}, {"clinicalStatus": "active", "verificationStatus": "refuted"}),
        ({"status": "nobody knows"}, {}),
        ({"status": "active", "verificationStatus": "refuted"}, {"clinicalStatus": "active"}),
    ],
)
def test_the_one_status_of_a_dstu2_allergy_says_both_of_r4_unless_they_are_there(said, more):
    allergy = {"resourceType": "AllergyIntolerance", **said}
    assert in_r4(allergy, "AllergyIntolerance") == allergy | more


def test_no_two_versions_say_one_element_differently():
    from cds_service.fhir import dstu2, r5, stu3  # noqa: PLC0415

    tables = (dstu2.ELEMENTS, stu3.ELEMENTS, r5.ELEMENTS)
    rules = [(kind, element) for table in tables for kind, elements in table.items() for element in elements]
    assert len(rules) == len(set(rules))
