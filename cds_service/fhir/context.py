"""What every reader needs beside the resource itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import ProblemCodes
from cds_service.clinical.model import Why
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.fhir.elements import EMPTY, part, parts, ref_of, relative, text
from cds_service.fhir.revisions import revises
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.request import HookRequest, Json, Resource

MOST_DOSAGES: Final = 2000  # of one call: in words never seen before they take half a second


@dataclass(frozen=True, repr=False)
class Reading:
    """One call's reading.

    Attributes:
        today: the calendar day of the call.
        patient: the patient of the call, as "Patient/id".
        request: the call as the client sent it, with what was fetched for it.
        failed: the prefetch keys and references that could not be fetched, and why.
        outcomes: how many of the things asked of the client's FHIR server ended how.
        version: the FHIR version that server said it speaks, where it was asked.
        budget: how much more of what takes long to read may be read.
        null_is_none: whether a null in prefetch is the client's word that there is none (decision 1).
    """

    today: date
    patient: Ref
    vocabulary: Vocabulary
    problems: ProblemCodes
    request: HookRequest
    failed: Mapping[str, Why] = field(default_factory=dict)
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    version: Version | None = None
    null_is_none: bool = True
    budget: dict[str, int] = field(default_factory=lambda: {"dosages": MOST_DOSAGES})

    def may_read(self, dosages: int) -> bool:
        """Whether so many more dosages may be read: an order beyond has no dose, and no call takes long for it."""
        self.budget["dosages"] -= dosages
        return self.budget["dosages"] >= 0

    @cached_property
    def _places(self) -> tuple[Mapping[str, Resource], Mapping[str, tuple[Resource, str] | None]]:
        """The resources of the request, by the address of their entry, and by "Type/id" with that address.

        Most calls point at nothing, and never ask. Of two versions of one resource the later one counts; between two of
        which nothing tells, what the record says wins over a draft. A name that stands at several addresses means none.
        """
        by_address: dict[str, Resource] = {}
        by_name: dict[str, tuple[Resource, str] | None] = {}
        drafts = (("", one) for one in self.request.drafts)
        for said, one in (*_all_resources(self.request.prefetch or {}), *drafts):
            address = _plain(said)
            if address and (address not in by_address or revises(one, by_address[address])):
                by_address[address] = one
            name = ref_of(one, "") or relative(said)
            before = by_name.get(name, _NOWHERE)
            if before is not None and address and before[1] and address != before[1]:
                by_name[name] = None
            elif before is _NOWHERE or (before is not None and revises(one, before[0])):
                by_name[name] = one, address
        return by_address, by_name

    def is_at_home(self, address: str) -> bool:
        """Whether an absolute address is below the client's own FHIR server."""
        home = self.request.fhir_server
        return home is not None and _plain(address).startswith(f"{_plain(home).rstrip('/')}/")

    @cached_property
    def patient_resource(self) -> Resource:
        """The Patient of the call, whose sex and age say which limits of a laboratory are meant; empty without one."""
        sent = (self.request.prefetch or {}).get("patient")
        if isinstance(sent, dict) and text(sent, "resourceType") == "Patient":
            return sent if ref_of(sent, self.patient) == self.patient else EMPTY
        return self.resolve(self.patient, EMPTY) or EMPTY

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
        if patient.startswith("#"):  # who is contained has no identity of their own
            return False
        if patient.startswith("urn:"):  # a name that means something only in this request
            target = self.resolve(said, within)
            if target is None:
                return True
            patient = ref_of(target, "") or self.patient
        return (patient if "/" in patient else f"Patient/{patient}") != self.patient

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
        by_address, by_name = self._places
        exact = by_address.get(_plain(pointer))
        found = by_name.get(relative(pointer)) if pointer else None
        if exact is not None or found is None:
            return exact
        # An absolute reference means that server: a resource of the same name at another address is another one.
        elsewhere = "://" in pointer and found[1] and not found[1].startswith("urn:")
        return None if elsewhere else found[0]


_NOWHERE: Final[tuple[Resource, str]] = (EMPTY, "")


def _plain(address: str) -> str:
    """An address as it is compared: without its version; the letters of a UUID may be large or small."""
    plain = address.split("/_history/", 1)[0]
    return plain.casefold() if plain.startswith("urn:") else plain


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
