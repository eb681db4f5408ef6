"""What every reader needs beside the resource itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import ProblemCodes
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.fhir.elements import ref_of
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
        """The Medication resources of the request, by "Medication/id": most calls have none, and never ask."""
        resources = (*self.request.drafts, *_all_resources(self.request.prefetch or {}))
        return {ref_of(one, ""): one for one in resources if one.get("resourceType") == "Medication"}


def _all_resources(prefetch: Mapping[str, Json]) -> Iterator[Resource]:
    for value in prefetch.values():
        if isinstance(value, dict):
            yield value
            entries = value.get("entry")
            for entry in entries if isinstance(entries, list) else ():
                resource = entry.get("resource") if isinstance(entry, dict) else None
                if isinstance(resource, dict):
                    yield resource
