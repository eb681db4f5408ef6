"""What every reader needs beside the resource itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import ProblemCodes
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.fhir.elements import part, parts, ref_of, relative, text
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
    def resources(self) -> Mapping[str, Resource]:
        """Every resource of the request that another one may point at: by "Type/id", and by the address of its entry.

        Most calls point at nothing, and never ask. What the record says of a resource wins over a draft of it.
        """
        found: dict[str, Resource] = {}
        drafts = (("", one) for one in self.request.drafts)
        for address, one in (*drafts, *_all_resources(self.request.prefetch or {})):
            found[ref_of(one, "")] = found[relative(address)] = one
        found.pop("", None)
        return found

    def resolve(self, pointer: str, within: Resource) -> Resource | None:
        """What a reference inside `within` points at: contained, relative, absolute, versioned or "urn:uuid:...".

        None when it is not in the request.
        """
        if pointer.startswith("#"):
            contained = (one for one in parts(within, "contained") if f"#{text(one, 'id').lstrip('#')}" == pointer)
            return next(contained, None)
        return self.resources.get(relative(pointer)) if pointer else None


def _all_resources(prefetch: Mapping[str, Json]) -> Iterator[tuple[str, Resource]]:
    for value in prefetch.values():
        if isinstance(value, dict):
            yield "", value
            for entry in parts(value, "entry"):
                yield text(entry, "fullUrl"), part(entry, "resource")
