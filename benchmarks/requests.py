"""The request the benchmark sends: an ordinary patient of a rehabilitation clinic, every prefetch key filled."""

from typing import Any, Final

from cds_service.clinical.codes import ICD_10_CM, LOINC, RXNORM, UCUM

Json = dict[str, Any]
TODAY: Final = "2026-11-22"
MEDICINES: Final = (
    ("197391", "baclofen 10 MG Oral Tablet", "2025-03-04"),
    ("314076", "lisinopril 10 MG Oral Tablet", "2024-01-15"),
    ("310798", "hydrochlorothiazide 25 MG Oral Tablet", "2024-01-15"),
    ("617314", "atorvastatin 10 MG Oral Tablet", "2023-06-01"),
    ("198440", "acetaminophen 500 MG Oral Tablet", "2026-02-11"),
    ("312961", "simvastatin 20 MG Oral Tablet", "2022-05-05"),
    ("310431", "gabapentin 300 MG Oral Capsule", "2025-09-30"),
    ("198211", "simvastatin 40 MG Oral Tablet", "2021-03-03"),
)
RESULTS: Final = (
    ("1742-6", "Alanine aminotransferase", 31, "U/L", 56),
    ("1920-8", "Aspartate aminotransferase", 24, "U/L", 40),
    ("6768-6", "Alkaline phosphatase", 83, "U/L", 147),
    ("1975-2", "Bilirubin.total", 0.7, "mg/dL", 1.2),
)
PROBLEMS: Final = (
    ("G35", "Multiple sclerosis"),
    ("I10", "Essential hypertension"),
    ("E78.5", "Hyperlipidemia"),
    ("N31.9", "Neurogenic bladder"),
)


def order_sign(draft: tuple[str, str] = ("856656", "dantrolene sodium 25 MG Oral Capsule"), times: int = 1) -> Json:
    """An R4 order-sign request of about 15 KB; `times` multiplies the entries of its prefetch."""
    medications = [_medication(number, *one) for number, one in enumerate(MEDICINES * times)]
    results = [_result(number, day, *one) for number, (day, one) in enumerate(_dated_results(times))]
    problems = [_problem(number, *one) for number, one in enumerate(PROBLEMS * times)]
    order = _medication(0, *draft, TODAY) | {"id": "draft-1", "status": "draft"}
    return {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/1",
            "patientId": "bench",
            "encounterId": "7",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "bench", "gender": "female", "birthDate": "1979-04-02"},
            "medications": _bundle(medications),
            "statements": _bundle([]),
            "conditions": _bundle(problems),
            "allergies": _bundle([]),
            "results": _bundle(results),
            "orders": _bundle([]),
        },
    }


def _dated_results(times: int) -> list[tuple[str, tuple[str, str, float, str, float]]]:
    days = [f"2026-{11 - month:02d}-12" for month in range(2)] + [
        f"2025-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(2 * times - 2)
    ]
    return [(day, one) for day in days for one in RESULTS]


def _bundle(resources: list[Json]) -> Json:
    entries = [
        {"fullUrl": f"https://fhir.example/r4/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _medication(number: int, code: str, name: str, written: str) -> Json:
    dose = {"value": 1, "unit": "tablet", "system": UCUM, "code": "{tbl}"}
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code, "display": name}], "text": name},
        "subject": {"reference": "Patient/bench"},
        "authoredOn": written,
        "dosageInstruction": [
            {
                "text": "1 three times a day",
                "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": dose}],
            }
        ],
    }


def _result(number: int, day: str, code: str, name: str, value: float, unit: str, high: float) -> Json:  # noqa: PLR0913, PLR0917
    quantity = {"unit": unit, "system": UCUM, "code": unit}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name},
        "subject": {"reference": "Patient/bench"},
        "effectiveDateTime": f"{day}T08:00:00Z",
        "valueQuantity": {"value": value, **quantity},
        "referenceRange": [{"low": {"value": 0, **quantity}, "high": {"value": high, **quantity}}],
    }


def _problem(number: int, code: str, name: str) -> Json:
    active = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
    confirmed = {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "clinicalStatus": {"coding": [active]},
        "verificationStatus": {"coding": [confirmed]},
        "code": {"coding": [{"system": ICD_10_CM, "code": code, "display": name}], "text": name},
        "subject": {"reference": "Patient/bench"},
        "recordedDate": "2021-05-04",
    }
