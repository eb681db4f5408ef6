"""From the JSON of a hook call to what we know: the drafts first, then of the record only what rules about them ask."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Generic, TypeVar

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import Interests, ProblemCodes
from cds_service.clinical.model import (
    Evidence,
    Gap,
    LabOrder,
    Listing,
    Medication,
    Patient,
    Problem,
    Result,
    Situation,
    Why,
)
from cds_service.drugs.products import Product
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.fhir import r4
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import day, part, parts, place, ref_of, relative, text, words
from cds_service.fhir.medicines import read_medicine
from cds_service.fhir.results import read_result
from cds_service.hooks.request import HookRequest, Json, Resource

Item = TypeVar("Item", bound=Evidence)

# Medicines in shapes that the R4 reader does not know; as a draft each is an order nobody checked.
OTHER_MEDICINES: Final = frozenset(
    {
        "MedicationOrder",
        "MedicationPrescription",
        "MedicationStatement",
        "MedicationDispense",
        "MedicationAdministration",
    }
)
NEWEST_FIRST: Final = {
    "results": ("effectiveDateTime", "effectiveInstant", "issued"),
    "medications": ("authoredOn",),
    "statements": ("effectiveDateTime", "dateAsserted"),
    "orders": ("authoredOn",),
}


@dataclass(frozen=True, slots=True, repr=False)
class Drafts:
    """What is being ordered, or stopped: the medicines, and the laboratory orders beside them."""

    medications: Listing[Medication]
    context_gaps: tuple[Gap, ...]  # of drafts nobody asks about: they may still hide a partner
    lab_resources: tuple[Resource, ...]


def start_reading(request: HookRequest, vocabulary: Vocabulary, problems: ProblemCodes, at: datetime) -> Reading:
    """The context of one call; `at` is aware, and its calendar day is today."""
    return Reading(at.date(), Ref(f"Patient/{request.patient_id}"), vocabulary, problems, request)


def read_drafts(request: HookRequest, reading: Reading) -> Drafts:
    """The draft orders of the call; one that names no medicine yet says nothing."""
    items: list[Medication] = []
    asked: list[Gap] = []
    beside: list[Gap] = []
    labs: list[Resource] = []
    for position, resource in enumerate(request.drafts, 1):
        kind = text(resource, "resourceType")
        if kind == "ServiceRequest":
            labs.append(resource)
        elif kind == "MedicationRequest" or kind in OTHER_MEDICINES or not kind:
            ref = ref_of(resource, "draft", position)
            selected = _selected(resource, ref, request)
            found = _draft(resource, ref, reading, selected=selected)
            if isinstance(found, Gap):
                (asked if selected else beside).append(found)
            elif found is not None:
                items.append(found)
    asked += (Gap(one, Why.NOT_SUPPLIED) for one in _selected_but_absent(request))
    return Drafts(Listing(tuple(items), tuple(asked)), tuple(beside), tuple(labs))


def _selected(resource: Resource, ref: Ref, request: HookRequest) -> bool:
    if request.selections is None:
        return True
    return any(relative(one) in {ref, text(resource, "id")} for one in request.selections)


def _selected_but_absent(request: HookRequest) -> list[str]:
    """Selected medicines that are not among the drafts: nobody can check what was not sent."""
    there = {text(resource, "id") for resource in request.drafts}
    chosen = sorted(relative(one) for one in request.selections or ())
    return [one for one in chosen if one.startswith("Medication") and one.rpartition("/")[2] not in there]


def _draft(resource: Resource, ref: Ref, reading: Reading, *, selected: bool) -> Medication | Gap | None:
    if text(resource, "resourceType") != "MedicationRequest":
        return _of_other_version(resource, ref, reading)
    if _of_another(resource, reading):
        return Gap(ref, Why.OTHER_PATIENT)
    return r4.read_draft(resource, ref, reading, selected=selected)


def in_place_of_records(request: HookRequest) -> bool:
    """Whether a draft has the id of an order in the record: it replaces that order, whatever it names."""
    drafts = {one.get("id") for one in request.drafts} - {None}
    value = (request.prefetch or {}).get("medications")
    entries = value.get("entry") if isinstance(value, dict) else None
    if not drafts or not isinstance(entries, list):
        return False
    resources = (entry.get("resource") for entry in entries if isinstance(entry, dict))
    return any(one.get("id") in drafts for one in resources if isinstance(one, dict))


def _of_other_version(resource: Resource, ref: Ref, reading: Reading) -> Gap | None:
    """An order in a shape we do not read: which medicine it names says which rules it leaves open."""
    if not any(key.startswith("medication") for key in resource):
        return None
    product = read_medicine(resource, ref, reading)
    label = words(part(resource, "medicationCodeableConcept"))
    return Gap(ref, Why.UNREADABLE, label, product.ingredients if isinstance(product, Product) else None)


def _of_another(resource: Resource, reading: Reading) -> bool:
    """Whether a resource says that it is another patient's; one that does not say is of the patient of the call."""
    whose = resource.get("subject") or resource.get("patient")
    said = whose.get("reference") if isinstance(whose, dict) else None
    if not isinstance(said, str) or said == reading.patient:
        return False
    patient = relative(said)
    return "/" in patient and not patient.startswith("urn:") and patient != reading.patient


@dataclass(slots=True)
class _Shelf(Generic[Item]):
    """Collects what is read of one kind; the same resource arriving twice counts once."""

    items: dict[str, Item] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def put(self, name: str, found: Item) -> None:
        self.items.setdefault(name, found)

    def gap(self, found: Gap) -> None:
        if found not in self.gaps:
            self.gaps.append(found)

    def listing(self, *, said_none: bool = False) -> Listing[Item]:
        """What it holds."""
        return Listing(tuple(self.items.values()), tuple(self.gaps), said_none)


def read_situation(request: HookRequest, drafts: Drafts, interests: Interests, reading: Reading) -> Situation:
    """What we know of this patient for these orders, reading nothing that no rule asks about."""
    record = _Record(reading, interests)
    prefetch = request.prefetch or {}
    for key, value in prefetch.items():
        record.read(key, value)
    for key in sorted(interests.keys - prefetch.keys()):
        record.gap(key, Gap(key, Why.NOT_SUPPLIED))
    for position, resource in enumerate(drafts.lab_resources, 1):
        record.resource("orders", resource, "draft test", position)
    for gap in drafts.context_gaps:
        record.gap("medications", gap)
    return Situation(
        today=reading.today,
        hook=request.hook,
        orders=drafts.medications,
        medications=record.medicines(),
        results=record.results.listing(said_none="results" in record.said_none),
        problems=record.problems.listing(),
        lab_orders=record.lab_orders.listing(),
        patient=record.who(),
    )


class _Record:
    """Reads the prefetch, key by key and resource by resource, onto shelves by kind."""

    def __init__(self, reading: Reading, interests: Interests) -> None:
        self.reading = reading
        self.interests = interests
        self.medications: _Shelf[Medication] = _Shelf()
        self.results: _Shelf[Result] = _Shelf()
        self.problems: _Shelf[Problem] = _Shelf()
        self.lab_orders: _Shelf[LabOrder] = _Shelf()
        self.patient: _Shelf[Patient] = _Shelf()
        self.said_none: set[str] = set()
        self.based_on: dict[str, set[str]] = {}

    def read(self, key: str, value: Json) -> None:
        """One prefetch key. Null is the client's word that there is none; other kinds of nothing are gaps.

        Keys we did not ask for may prove presence, never absence (decision 1): their gaps count for nothing.
        """
        if value is None:
            self.said_none.add(key)
            return
        kind = text(value, "resourceType") if isinstance(value, dict) else ""
        if not isinstance(value, dict) or not (kind == "Bundle" or kind in READERS):
            # An OperationOutcome in the place of data, however mild (decision 1), or nothing that FHIR has here.
            self.gap(key, Gap(key, Why.FAILED))
        elif kind != "Bundle":
            self.resource(key, value, key)
            if key != "patient":  # one resource in the place of a list: it is there, and nobody knows what else is
                self.gap(key, Gap(key, Why.MORE_PAGES))
        elif isinstance(value.get("entry", []), list):
            self._bundle(key, value)
        else:
            self.gap(key, Gap(key, Why.FAILED))

    def _bundle(self, key: str, bundle: Resource) -> None:
        for position, entry in enumerate(_entries(bundle), 1):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict) and resource.get("resourceType"):
                self.resource(key, resource, key, position)
            else:
                self.gap(key, Gap(place(key, position), Why.UNREADABLE))
        total = bundle.get("total")
        missing = isinstance(total, int) and total > len(_entries(bundle))
        if missing or any(text(link, "relation") == "next" for link in parts(bundle, "link")):
            self.gap(key, Gap(key, Why.MORE_PAGES, before=_oldest(key, bundle)))

    def resource(self, key: str, resource: Resource, where: str, position: int | None = None) -> None:
        """One resource, of whatever kind; one of another patient is never used."""
        kind = text(resource, "resourceType")
        reader = READERS.get(kind)
        if reader is None:
            if kind == "OperationOutcome" and _failed(resource):
                self.gap(key, Gap(key, Why.FAILED))
        elif _of_another(resource, self.reading):
            self.gap(key, Gap(ref_of(resource, where, position), Why.OTHER_PATIENT))
        else:
            reader(self, resource, where, position)

    def gap(self, key: str, gap: Gap) -> None:
        """A gap of a key we asked for, on the shelf where it may hide something."""
        if key in self.interests.keys:
            match key:
                case "medications" | "statements":
                    self.medications.gap(gap)
                case "results":
                    self.results.gap(gap)
                case "conditions":
                    self.problems.gap(gap)
                case "orders":
                    self.lab_orders.gap(gap)
                case "patient":
                    self.patient.gap(gap)
                case _:
                    pass  # no rule asks for what may be missing here

    def _put(self, shelf: "_Shelf[Item]", key: str, name: str, found: Item | Gap | None) -> None:
        if isinstance(found, Gap):
            self.gap(key, found)
        elif found is not None:
            shelf.put(name, found)

    def request(self, resource: Resource, where: str, position: int | None) -> None:
        """A MedicationRequest; the record's copy of a draft is the draft itself, unless it runs already."""
        wanted = self.interests.ingredients
        if wanted:
            ref = ref_of(resource, where, position)
            self._put(self.medications, where, ref, r4.read_request(resource, ref, self.reading, wanted))

    def statement(self, resource: Resource, where: str, position: int | None) -> None:
        """A MedicationStatement; one that is based on a request in the record says nothing new."""
        wanted = self.interests.ingredients
        if wanted:
            ref = ref_of(resource, where, position)
            self.based_on[ref] = {relative(text(one, "reference")) for one in parts(resource, "basedOn")}
            self._put(self.medications, where, ref, r4.read_statement(resource, ref, self.reading, wanted))

    def other_version(self, resource: Resource, where: str, position: int | None) -> None:
        """A medicine of the record in a shape we do not read."""
        ref = ref_of(resource, where, position)
        found = _of_other_version(resource, ref, self.reading)
        if found is not None and found.may_hide(self.interests.ingredients):
            self.gap(where, found)

    def observation(self, resource: Resource, where: str, position: int | None) -> None:
        """An Observation, one item for each test in it."""
        tests = self.interests.tests
        if tests:
            ref = ref_of(resource, where, position)
            for found in read_result(resource, ref, self.reading, tests):
                name = f"{ref} {found.test}" if isinstance(found, Result) else ref
                self._put(self.results, where, name, found)

    def condition(self, resource: Resource, where: str, position: int | None) -> None:
        """A Condition."""
        if "conditions" in self.interests.keys:
            ref = ref_of(resource, where, position)
            self._put(self.problems, where, ref, r4.read_problem(resource, ref, self.reading))

    def lab_order(self, resource: Resource, where: str, position: int | None) -> None:
        """A ServiceRequest."""
        ref = ref_of(resource, where, position)
        self._put(self.lab_orders, where, ref, r4.read_lab_order(resource, ref, self.interests.panels))

    def this_patient(self, resource: Resource, where: str, position: int | None) -> None:
        """The Patient, unless it is another one."""
        if ref_of(resource, self.reading.patient) == self.reading.patient:
            self.patient.put("patient", r4.read_patient(resource, self.reading))
        else:
            self.gap("patient", Gap(place(where, position), Why.OTHER_PATIENT))

    def medicines(self) -> Listing[Medication]:
        """What the record says is taken; a statement based on a request in the record says nothing new."""
        items = self.medications.items
        for ref, requests in self.based_on.items():
            if not items.keys().isdisjoint(requests):
                items.pop(ref, None)
        return self.medications.listing()

    def who(self) -> Patient:
        """The patient; who was not supplied has only gaps."""
        found = self.patient.items.get("patient")
        if found is not None:
            return found
        gaps = tuple(self.patient.gaps) or (Gap("patient", Why.NO_SEX), Gap("patient", Why.NO_BIRTH_DATE))
        return Patient(self.reading.patient, gaps=gaps)


READERS: Final = {
    "MedicationRequest": _Record.request,
    "MedicationStatement": _Record.statement,
    "MedicationOrder": _Record.other_version,
    "MedicationPrescription": _Record.other_version,
    "Observation": _Record.observation,
    "Condition": _Record.condition,
    "ServiceRequest": _Record.lab_order,
    "Patient": _Record.this_patient,
}


def _entries(bundle: Resource) -> Sequence[Json]:
    entries = bundle.get("entry")
    return entries if isinstance(entries, list) else ()


def _failed(resource: Resource) -> bool:
    """Whether an OperationOutcome in the place of data says more than a remark."""
    severities = {text(issue, "severity") for issue in parts(resource, "issue")}
    return not severities or bool(severities - {"information", "warning", "success"})


def _oldest(key: str, bundle: Resource) -> date | None:
    """The oldest day on a page, when the page was asked for newest first (decision 6)."""
    names = NEWEST_FIRST.get(key, ())
    resources = [part(entry, "resource") for entry in parts(bundle, "entry")]
    days = [found for resource in resources for name in names if (found := day(resource, name))]
    return min((one.first for one in days), default=None)
