"""No patient in the logs: marked names go through the whole service, and nothing it writes may hold one."""

import json
from datetime import UTC, datetime

import pytest

from cds_service.hooks.reading import ORDERS_IN
from tests.servers.service import a_service

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MARK = "Canary"
SERVICES = tuple(ORDERS_IN)


def medicine(resource_type, name, code):
    return {
        "resourceType": resource_type,
        "id": f"{MARK}-{code}",
        "status": "active",
        "subject": {"reference": f"Patient/{MARK}", "display": MARK},
        "authoredOn": MARK,
        "medicationCodeableConcept": {
            "text": f"{MARK} {name}",
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": MARK}],
        },
        "dosageInstruction": [{"text": MARK, "doseAndRate": [{"doseQuantity": {"value": MARK, "code": MARK}}]}],
    }


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"fullUrl": MARK, "resource": resource} for resource in resources]}


DRAFTS = bundle(medicine("MedicationRequest", "Dantrolene Sodium 50 MG Oral Capsule", "197586"))


def call(hook):
    return {
        "hook": hook,
        "hookInstance": MARK,
        "fhirServer": f"https://{MARK}.example",
        "fhirAuthorization": {"access_token": MARK},
        "context": {
            "userId": f"Practitioner/{MARK}",
            "patientId": MARK,
            "encounterId": MARK,
            "selections": [f"MedicationRequest/{MARK}-197586"],
            "draftOrders": DRAFTS,
            "medications": DRAFTS,
            "medication": DRAFTS["entry"][0]["resource"],
        },
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": MARK, "name": [{"text": MARK}], "birthDate": MARK},
            "medications": bundle(medicine("MedicationRequest", "baclofen", "197391"), {MARK: MARK}),
            "statements": {"resourceType": "OperationOutcome", "issue": [{"diagnostics": MARK}]},
            "conditions": bundle({"resourceType": "Condition", "code": {"text": MARK}, "recordedDate": MARK}),
            "results": bundle({"resourceType": "Observation", "code": {"text": MARK}, "valueString": MARK}),
            MARK: bundle(),
        },
    }


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with a_service(tmp_path_factory.mktemp("store")) as client:
        yield client


def lines_of(capfd):
    written = capfd.readouterr()
    assert written.out == ""
    assert MARK.lower() not in written.err.lower()
    return [json.loads(line) for line in written.err.splitlines()]


@pytest.mark.parametrize("hook", SERVICES)
def test_an_answered_call_leaves_no_patient_in_the_log(client, capfd, hook):
    response = client.post(f"/cds-services/medication-safety-{hook}", json=call(hook))
    (line,) = lines_of(capfd)
    assert response.status_code == line["status"] == 200
    assert line["event"] == "answered"


@pytest.mark.parametrize("hook", SERVICES)
def test_a_call_in_an_older_shape_leaves_no_patient_in_the_log(client, capfd, hook):
    body = call(hook)
    body |= {name: body["context"].pop(f"{name}Id") for name in ("user", "patient")}
    body["context"]["prefetch"] = body.pop("prefetch")
    response = client.post(f"/cds-services/medication-safety-{hook}", json=body)
    (line,) = lines_of(capfd)
    assert response.status_code == line["status"] == 200
    assert line["lenient"] == ["user-at-top", "patient-at-top", "prefetch-in-context"]


@pytest.mark.parametrize("missing", ["hook", "hookInstance", "context"])
def test_a_refused_call_leaves_no_patient_in_the_log(client, capfd, missing):
    body = call("order-sign")
    del body[missing]
    response = client.post("/cds-services/medication-safety-order-sign", json=body)
    (line,) = lines_of(capfd)
    assert response.status_code == line["status"] == 400
    assert MARK not in response.text


def test_an_address_is_not_logged(client, capfd):
    client.get(f"/{MARK}?{MARK}={MARK}", headers={"X-Name": MARK})
    client.post(f"/cds-services/{MARK}", json={})
    assert [line["status"] for line in lines_of(capfd)] == [404, 404]


def test_a_mistake_of_ours_leaves_no_patient_in_the_log(client, capfd, monkeypatch):
    def broken(*_args, **_more):
        raise ValueError(MARK)

    monkeypatch.setattr("cds_service.app.advise", broken)
    response = client.post("/cds-services/medication-safety-order-sign", json=call("order-sign"))
    (line,) = lines_of(capfd)
    assert response.status_code == line["status"] == 500
    assert (line["event"], line["error"]) == ("failed", "ValueError")
    assert MARK not in response.text
