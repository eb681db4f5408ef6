"""What STU3 says otherwise than R4.

Source: HL7 FHIR STU3 (3.0.2) MedicationRequest, MedicationStatement, Condition, Observation, ProcedureRequest and
AllergyIntolerance, and the R4 pages of their successors.
"""

from typing import Final

from cds_service.fhir.differences import Elements, Said, renamed
from cds_service.fhir.elements import codes, parts, text
from cds_service.hooks.request import Resource

KINDS: Final = {"ProcedureRequest": "ServiceRequest"}

_OVER: Final = frozenset({"completed", "stopped", "entered-in-error", "on-hold", "not-taken"})


def _taken(resource: Resource) -> Said:
    """`taken`: R4 says it in the status. That nobody knows says nothing of what is over."""
    status, taken = text(resource, "status"), text(resource, "taken")
    if taken == "n" and status not in {"entered-in-error", "on-hold"}:
        return {"status": "not-taken"}
    return {"status": "unknown"} if taken == "unk" and status not in _OVER else {}


def _members(resource: Resource) -> Said:
    """`related` (DSTU2 and STU3): of an Observation, those that are members of it."""
    members: list[object] = [
        target
        for related in parts(resource, "related")
        if "has-member" in {text(related, "type"), *codes(related)}
        for target in parts(related, "target")
    ]
    return {"hasMember": members} if members and "hasMember" not in resource else {}


ELEMENTS: Final[Elements] = {
    "MedicationStatement": {"taken": _taken},
    "Condition": {"assertedDate": renamed("assertedDate", "recordedDate")},
    "Observation": {"related": _members},
    "AllergyIntolerance": {"assertedDate": renamed("assertedDate", "recordedDate")},
}
