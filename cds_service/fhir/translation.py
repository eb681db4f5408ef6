"""Resources of every version in R4's terms, element by element.

Clients mix versions: the public Sandbox sends a DSTU2 MedicationOrder with an R4 `intent`. So what decides is not the
version of a resource but each element in it: one that R4 calls otherwise is handed on under R4's name. What differs
inside a dosage or a reference range is read where those are read.
"""

from collections.abc import Mapping
from typing import Any, Final

from cds_service.fhir import dstu2, r5, stu3
from cds_service.fhir.differences import Rule
from cds_service.hooks.request import Resource

KINDS: Final = {**dstu2.KINDS, **stu3.KINDS}
"""R4's names of the resources that have another one in older versions."""

_VERSIONS: Final = (dstu2.ELEMENTS, stu3.ELEMENTS, r5.ELEMENTS)
_RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    kind: {element: rule for version in _VERSIONS for element, rule in version.get(kind, {}).items()}
    for kind in sorted({kind for version in _VERSIONS for kind in version})
}


def kind_of(resource: Resource) -> str:
    """R4's name for what it is; "" when it does not say."""
    kind = resource.get("resourceType")
    return KINDS.get(kind, kind) if isinstance(kind, str) else ""


def in_r4(resource: Resource, kind: str) -> Resource:
    """The resource with R4's elements; itself when there is nothing to say otherwise. `resourceType` stays its own.

    Args:
        resource: as the client sent it.
        kind: what `kind_of` says of it.
    """
    rules = _RULES.get(kind)
    if rules is None or rules.keys().isdisjoint(resource):
        return resource
    said: dict[str, Any] = dict(resource)
    for element, rule in rules.items():  # always in the same order; each sees what those before it have said
        if element in resource:
            said |= rule(said)
    return said
