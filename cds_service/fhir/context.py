"""What every reader needs beside the resource itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import ProblemCodes
from cds_service.clinical.model import Why
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.fhir.elements import EMPTY, part, parts, ref_of, relative, text
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.request import HookRequest, Json, Resource


@dataclass(frozen=True, repr=False)
class Reading:
    """One call's reading.

    Attributes:
        today: the calendar day of the call.
        patient: the patient of the call, as "Patient/id".
        request: the call as the client sent it, with what was fetched for it.
        failed: the prefetch keys and references that could not be fetched, and why.
        outcomes: how many of the things asked of the client's FHIR server ended how.
        null_is_none: whether a null in prefetch is the client's word that there is none (decision 1).
    """

    today: date
    patient: Ref
    vocabulary: Vocabulary
    problems: ProblemCodes
    request: HookRequest
    failed: Mapping[str, Why] = field(default_factory=dict)
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    null_is_none: bool = True

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

    @cached_property
    def patient_resource(self) -> Resource:
        """The Patient of the call, whose sex and age say which limits of a laboratory are meant; empty without one."""
        sent = (self.request.prefetch or {}).get("patient")
        if isinstance(sent, dict) and text(sent, "resourceType") == "Patient":
            return sent if ref_of(sent, self.patient) == self.patient else EMPTY
        return self.resources.get(self.patient, EMPTY)

    def is_of_another(self, resource: Resource, within: Resource | None = None) -> bool:
        """Whether a resource says that it is another patient's; one that does not say is of the patient of the call.

        Args:
            resource: the resource.
            within: the resource that contains it, whose contained Patient "#id" it may point at.
        """
        whose = resource.get("subject")
        if isinstance(whose, dict) and whose.get("reference") == self.patient and "patient" not in resource:
            return False  # nearly all of them
        return any(
            said != self.patient and self._names_another(said, resource if within is None else within)
            for said in _owners(resource)
        )

    def _names_another(self, said: str, within: Resource) -> bool:
        patient = relative(said)
        if patient.startswith(("#", "urn:")):  # a name that means something only in this request
            target = self.resolve(said, within)
            patient = "" if target is None else ref_of(target, "")
        return "/" in patient and patient != self.patient

    def observations(self) -> Iterator[Resource]:
        """The Observations of this patient, under whatever key."""
        for _, one in _all_resources(self.request.prefetch or {}):
            if one.get("resourceType") == "Observation" and not self.is_of_another(one):
                yield one

    def resolve(self, pointer: str, within: Resource) -> Resource | None:
        """What a reference inside `within` points at: contained, relative, absolute, versioned or "urn:uuid:...".

        None when it is not in the request.
        """
        if pointer.startswith("#"):
            contained = (one for one in parts(within, "contained") if f"#{text(one, 'id').lstrip('#')}" == pointer)
            return next(contained, None)
        return self.resources.get(relative(pointer)) if pointer else None


def _owners(resource: Resource) -> Iterator[str]:
    """The references to whom a resource is about, under either name, in whatever shape."""
    for name in ("subject", "patient"):
        whose = resource.get(name)
        if whose is not None:
            for one in whose if isinstance(whose, list) else (whose,):
                said = one.get("reference") if isinstance(one, dict) else one
                if isinstance(said, str):
                    yield said


def _all_resources(prefetch: Mapping[str, Json]) -> Iterator[tuple[str, Resource]]:
    for value in prefetch.values():
        if isinstance(value, dict):
            yield "", value
            for entry in parts(value, "entry"):
                yield text(entry, "fullUrl"), part(entry, "resource")
