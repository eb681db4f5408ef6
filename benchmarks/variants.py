"""The same patient as other clients send it: in DSTU2 and R5, by text and by NDC; and a very long record."""

from typing import Any, Final

from benchmarks.requests import order_sign
from cds_service.clinical.codes import LOINC, NDC

Json = dict[str, Any]
OTHER_TESTS: Final = (
    ("718-7", "Hemoglobin"),
    ("2345-7", "Glucose"),
    ("2951-2", "Sodium"),
    ("2075-0", "Chloride"),
    ("3094-0", "Urea nitrogen"),
    ("6690-2", "Leukocytes"),
    ("777-3", "Platelets"),
)
NDCS: Final = {"856656": "0115-4411-01", "197391": "0115-1010-01"}  # dantrolene 25 mg capsule, baclofen 10 mg tablet


def in_dstu2() -> Json:
    """As a DSTU2 server writes it."""
    return _changed(_dstu2)


def in_r5() -> Json:
    """As an R5 server writes it."""
    return _changed(_r5)


def by_text() -> Json:
    """Medicines in words, as an old system prints them."""
    return _changed(_in_words)


def by_ndc() -> Json:
    """Medicines of which we know an NDC by that code; the others stay as they are."""
    return _changed(_by_ndc)


def very_long(*, asked_only: bool) -> Json:
    """500 medications and 5,000 observations: liver tests only, or one in five beside other tests.

    We ask for liver tests only; a client that does not heed that sends all it has.
    """
    request = order_sign(times=63)
    prefetch = request["prefetch"]
    results = order_sign(times=625)["prefetch"]["results"]
    prefetch["medications"] = _first(prefetch["medications"], 500)
    prefetch["results"] = _first(results, 5000)
    if not asked_only:
        for number, entry in enumerate(prefetch["results"]["entry"]):
            if number % 5:
                code, name = OTHER_TESTS[number % len(OTHER_TESTS)]
                entry["resource"]["code"] = {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name}
    return request


def _first(bundle: Json, count: int) -> Json:
    return {**bundle, "entry": bundle["entry"][:count], "total": count}


def _changed(change: Any) -> Json:  # noqa: ANN401 (a function from resource to resource)
    request = order_sign()
    for bundle in (request["context"]["draftOrders"], *request["prefetch"].values()):
        for entry in bundle.get("entry", ()):
            entry["resource"] = change(entry["resource"])
    return request


def _dstu2(resource: Json) -> Json:
    subject = {"patient": resource.get("subject")}
    rest = {name: value for name, value in resource.items() if name != "subject"}
    match resource["resourceType"]:
        case "MedicationRequest":
            dosages = [
                {
                    "text": dosage["text"],
                    "doseQuantity": dosage["doseAndRate"][0]["doseQuantity"],
                    "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnits": "d"}},
                }
                for dosage in rest.pop("dosageInstruction")
            ]
            written = {"dateWritten": rest.pop("authoredOn")}
            rest.pop("intent")
            return {**rest, **subject, **written, "resourceType": "MedicationOrder", "dosageInstruction": dosages}
        case "Condition":
            recorded = {"dateRecorded": rest.pop("recordedDate")}
            return {**rest, **subject, **recorded, "clinicalStatus": "active", "verificationStatus": "confirmed"}
        case _:
            return resource


def _r5(resource: Json) -> Json:
    if resource["resourceType"] != "MedicationRequest":
        return resource
    rest = {name: value for name, value in resource.items() if name != "medicationCodeableConcept"}
    return {**rest, "medication": {"concept": resource["medicationCodeableConcept"]}}


def _in_words(resource: Json) -> Json:
    if resource["resourceType"] != "MedicationRequest":
        return resource
    return {**resource, "medicationCodeableConcept": {"text": resource["medicationCodeableConcept"]["text"].upper()}}


def _by_ndc(resource: Json) -> Json:
    if resource["resourceType"] != "MedicationRequest":
        return resource
    (coding,) = resource["medicationCodeableConcept"]["coding"]
    ndc = NDCS.get(coding["code"])
    return {**resource, "medicationCodeableConcept": {"coding": [{"system": NDC, "code": ndc}]}} if ndc else resource
