"""Requests that once were answered as if everything had been checked."""

import pytest

from tests.journeys.records import call, draft, medicine, prefetch


def answer(client, body):
    response = client.post(f"/cds-services/medication-safety-{body['hook']}", json=body)
    assert response.status_code == 200
    return {card["extension"]["org.cds-service.card"]["id"]: card for card in response.get_json()["cards"]}


@pytest.mark.parametrize("written", ["2026", "2026-11"])
def test_a_start_known_by_its_year_or_this_month_alone_gets_the_strictest_schedule(client, written):
    running = medicine("dantrolene 25", "old", written=100, dose=25) | {"authoredOn": written}
    cards = answer(client, call("order-sign", [draft("dantrolene 25", dose=25)], prefetch(medications=[running])))
    assert cards["dantrolene-overdue-liver-tests"]["indicator"] == "warning"


@pytest.mark.parametrize(
    "medicine_element",
    [
        {"medicationCodeableConcept": {"coding": [{"code": "856656"}]}},
        {
            "medicationCodeableConcept": {
                "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": 856656}]
            }
        },
        {"medicationCodeableConcept": "dantrolene 25 mg"},
        {"medicationCodeableConcept": [{"text": "dantrolene 25 mg"}]},
        {"medicationReference": "Medication/9"},
    ],
)
def test_an_order_whose_medicine_cannot_be_read_is_not_checked(client, medicine_element):
    order = {key: value for key, value in draft("dantrolene 25").items() if key != "medicationCodeableConcept"}
    assert set(answer(client, call("order-sign", [order | medicine_element], prefetch()))) == {"not-checked"}


def condition(code, text):
    coding = [{"system": "http://snomed.info/sct", "code": code}]
    return {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/anna"},
        "code": {"coding": coding, "text": text},
    }


@pytest.mark.parametrize(
    ("code", "text", "card"),
    [
        ("420054005", "Cirrhosis of liver", "dantrolene-active-liver-disease"),
        ("420054005", "Alcoholic cirrhosis", "not-checked"),
        ("61977001", "Chronic hepatitis B", "not-checked"),
    ],
)
def test_a_liver_disease_with_a_code_we_do_not_list_is_read_by_its_words(client, code, text, card):
    body = call("order-sign", [draft("dantrolene 25")], prefetch())
    found = condition(code, text)
    found["subject"]["reference"] = f"Patient/{body['context']['patientId']}"
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": [{"resource": found}]}
    assert card in answer(client, body)


@pytest.mark.parametrize(
    ("reason", "exempt"),
    [
        ("malignant hyperthermia prophylaxis", True),
        ("not for malignant hyperthermia", False),
        ("Spasticity; no malignant hyperthermia", False),
        ("father had malignant hyperthermia", False),
    ],
)
def test_only_an_affirmed_reason_exempts_a_course(client, reason, exempt):
    order = draft("dantrolene 25") | {"reasonCode": [{"text": reason}]}
    cards = answer(client, call("order-sign", [order], prefetch()))
    assert ("dantrolene-baseline-liver-tests" not in cards) is exempt


def test_a_reason_by_reference_is_looked_up(client):
    order = draft("dantrolene 25") | {"reasonReference": [{"reference": "Condition/mh"}]}
    body = call("order-sign", [order], prefetch())
    coding = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "T88.3XXA"}]
    reason = {"resourceType": "Condition", "id": "mh", "code": {"coding": coding}}
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": [{"resource": reason}]}
    assert answer(client, body) == {}


def test_what_is_dispensed_for_a_day_is_no_course_of_a_day(client):
    order = draft("dantrolene 25") | {"dispenseRequest": {"expectedSupplyDuration": {"value": 1, "code": "d"}}}
    assert "dantrolene-baseline-liver-tests" in answer(client, call("order-sign", [order], prefetch()))


def test_dantrolene_that_is_only_planned_does_not_count_as_therapy(client):
    planned = medicine("dantrolene 25", "planned", written=0, dose=25)
    planned["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": "2026-11-24"}
    cards = answer(client, call("order-sign", [draft("dantrolene 25")], prefetch(medications=[planned])))
    assert "dantrolene-baseline-liver-tests" in cards


def test_a_draft_in_the_place_of_running_baclofen_stops_it(client):
    running = medicine("baclofen 10", "same", written=400, dose=10, times=3)
    cards = answer(client, call("order-sign", [draft("dantrolene 25", "same")], prefetch(medications=[running])))
    assert cards["baclofen-abrupt-stop"]["indicator"] == "critical"


def test_a_list_that_says_it_is_longer_than_it_is_proves_no_absence(client):
    body = call("order-sign", [draft("dantrolene 25")], prefetch())
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "total": 500, "entry": []}
    assert "not-checked" in answer(client, body)


def test_a_known_pair_survives_a_dose_that_nobody_takes(client):
    running = medicine("baclofen 10", "run", written=400, dose=10, times=3)
    cards = answer(client, call("order-sign", [draft("dantrolene 25", dose=10**30)], prefetch(medications=[running])))
    assert "dantrolene-baclofen" in cards


def test_a_bilirubin_that_cannot_be_judged_is_said_beside_a_high_alt(client):
    body = call("order-sign", [draft("dantrolene 25")], prefetch())
    patient = {"reference": f"Patient/{body['context']['patientId']}"}

    def result(code, value, unit, high):
        quantity = {"value": value, "unit": unit, "code": unit}
        return {
            "resourceType": "Observation",
            "id": code,
            "status": "final",
            "subject": patient,
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "effectiveDateTime": "2026-11-20",
            "valueQuantity": quantity,
            "referenceRange": [{"high": {"value": high, "unit": unit, "code": unit}}] if high else [],
        }

    results = [result("1742-6", 168, "U/L", 56), result("1975-2", 9, "mg/dL", None)]
    body["prefetch"]["results"] = {"resourceType": "Bundle", "entry": [{"resource": one} for one in results]}
    cards = answer(client, body)
    assert "bilirubin" in cards["not-checked"]["detail"]
