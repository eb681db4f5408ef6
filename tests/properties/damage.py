"""How records arrive damaged: keys that were not sent, failed searches, resources that lack what matters."""

from copy import deepcopy

FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "the search failed"}],
}


def keys_damaged(request):
    """The call with each key of its prefetch missing, failed, or incomplete, as (key, what happened, call)."""
    for key, value in request["prefetch"].items():
        yield key, "not sent", _with(request, key, None)
        yield key, "failed", _with(request, key, FAILED)
        if value.get("entry"):
            newest_first = sorted(value["entry"], key=_day, reverse=True)
            yield key, "failed in part", _with(request, key, _of([*newest_first[:-1], {"resource": FAILED}]))
            cut_off = {**_of(newest_first[:-1]), "link": [{"relation": "next", "url": "https://fhir.example/page2"}]}
            yield key, "cut off", _with(request, key, cut_off)


def resources_damaged(request):
    """The call with each resource of its prefetch damaged in each way it can be, as (key, what happened, call)."""
    for key, value in request["prefetch"].items():
        entries = value.get("entry", [])
        for index, entry in enumerate(entries):
            for what, resource in damaged(entry["resource"]):
                changed = [*entries[:index], {"resource": resource}, *entries[index + 1 :]]
                yield key, what, _with(request, key, _of(changed))


def damaged(resource):
    """One resource without what matters in it, as (what happened, resource)."""
    yield "unreadable", None
    yield "failed", FAILED
    yield "empty", {}
    yield "of another patient", {**resource, "subject": {"reference": "Patient/somebody-else"}}
    kind = resource["resourceType"]
    for name in LOST[kind]:
        if name in resource:
            yield f"without {name}", {member: value for member, value in resource.items() if member != name}
    for what, change in CHANGED.get(kind, {}).items():
        changed = deepcopy(resource)
        change(changed)
        yield what, changed


def _of(entries):
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def _with(request, key, value):
    sent = {name: old for name, old in request["prefetch"].items() if name != key}
    return {**request, "prefetch": sent if value is None else {**sent, key: value}}


def _day(entry):
    resource = entry["resource"]
    return resource.get("effectiveDateTime") or resource.get("authoredOn") or ""


def _in_words(resource):
    resource["medicationCodeableConcept"] = {"text": "the white ones"}


def _in_a_local_code(member):
    def change(resource):
        resource[member] = {"coding": [{"system": "urn:local", "code": "4711"}], "text": "4711"}

    return change


def _in_furlongs(resource):
    for one in (resource["valueQuantity"], *(limit["high"] for limit in resource.get("referenceRange", ()))):
        one.update(unit="furlong", code="furlong")


def _without_a_number(resource):
    resource["valueQuantity"] = {"value": "high", "unit": "U/L"}


LOST = {
    "MedicationRequest": ("medicationCodeableConcept", "authoredOn", "dosageInstruction", "subject", "intent"),
    "Observation": ("effectiveDateTime", "valueQuantity", "referenceRange", "subject"),
    "Condition": ("code", "recordedDate", "clinicalStatus", "verificationStatus", "subject"),
    "AllergyIntolerance": ("code", "recordedDate", "clinicalStatus", "verificationStatus", "type", "patient"),
    "ServiceRequest": ("code", "authoredOn", "status", "subject"),
}
CHANGED = {
    "MedicationRequest": {
        "in words nobody knows": _in_words,
        "in a local code": _in_a_local_code("medicationCodeableConcept"),
    },
    "Observation": {"in an unknown unit": _in_furlongs, "without a number": _without_a_number},
    "Condition": {"in a local code": _in_a_local_code("code")},
    "AllergyIntolerance": {"in a local code": _in_a_local_code("code")},
}
