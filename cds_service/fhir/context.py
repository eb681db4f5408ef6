"""What every reader needs beside the resource itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import ProblemCodes
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.fhir.elements import part, parts, ref_of, text
from cds_service.hooks.request import HookRequest, Json, Resource


@dataclass(frozen=True, repr=False)
class Reading:
    """One call's reading.

    Attributes:
        today: the calendar day of the call.
        patient: the patient of the call, as "Patient/id".
        request: the call as the client sent it.
    """

    today: date
    patient: Ref
    vocabulary: Vocabulary
    problems: ProblemCodes
    request: HookRequest

    @cached_property
    def medications(self) -> Mapping[str, Resource]:
        """The Medication resources of the request, by "Medication/id" and by the address of their entry.

        Most calls have none, and never ask.
        """
        found: dict[str, Resource] = {}
        resources = [("", one) for one in self.request.drafts]
        for address, one in (*resources, *_all_resources(self.request.prefetch or {})):
            if one.get("resourceType") == "Medication":
                found[ref_of(one, "")] = found[address] = one
        found.pop("", None)
        return found

    @cached_property
    def conditions(self) -> Mapping[str, Resource]:
        """The Condition resources of the request, for orders that give their reason by a reference."""
        everything = (one for _, one in _all_resources(self.request.prefetch or {}))
        return {ref_of(one, ""): one for one in everything if one.get("resourceType") == "Condition"}


def _all_resources(prefetch: Mapping[str, Json]) -> Iterator[tuple[str, Resource]]:
    for value in prefetch.values():
        if isinstance(value, dict):
            yield "", value
            for entry in parts(value, "entry"):
                yield text(entry, "fullUrl"), part(entry, "resource")
