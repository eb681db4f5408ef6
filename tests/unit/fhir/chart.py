"""What the readers make of FHIR resources, asked in one line; for the tests of this room."""

from pathlib import Path

from cds_service.card_files.codelists import read_codelists
from cds_service.clinical.codes import RxCUI
from cds_service.clinical.interests import PREFETCH_KEYS, Interests
from cds_service.drugs import vocabulary
from cds_service.fhir.reading import read_drafts, read_situation, start_reading
from cds_service.hooks.request import HookRequest
from tests.journeys.records import AT, PATIENT, RXNORM, bundle, concept, whose

BACLOFEN, DANTROLENE, TIZANIDINE = RxCUI("1292"), RxCUI("3105"), RxCUI("57258")
LISTS = read_codelists(Path(__file__).parents[3] / "cards" / "codelists")
EVERYTHING = Interests(
    ingredients=frozenset({BACLOFEN, DANTROLENE, TIZANIDINE}),
    tests=LISTS.tests_by_loinc,
    panels=LISTS.ordered_tests(),
    problems=LISTS.problems,
    keys=frozenset(PREFETCH_KEYS),
)
NOTHING = Interests(frozenset(), {}, {}, LISTS.problems, frozenset())
BACLOFEN_TABLET = concept(RXNORM, "197391", "baclofen 10 MG Oral Tablet")
COMPLETE = {"patient": None, **{key: bundle() for key in PREFETCH_KEYS if key != "patient"}}  # looked for, and none


def call(*drafts, prefetch=None, selections=None):
    """A call of order-sign, or of order-select when there are selections."""
    hook = "order-sign" if selections is None else "order-select"
    return HookRequest(hook, "i", PATIENT, "Practitioner/gp", None, None, drafts, selections, prefetch)


def known(request, interests=EVERYTHING):
    """The situation of a call."""
    reading = start_reading(request, vocabulary.load(), LISTS.problems, AT)
    return read_situation(reading, read_drafts(reading), interests)


def beside(request):
    """The gaps of drafts that nobody asks about."""
    reading = start_reading(request, vocabulary.load(), LISTS.problems, AT)
    return read_drafts(reading).context_gaps


def record(interests=EVERYTHING, **found):
    """The situation with these resources under their keys; in every other key there is known to be nothing."""
    sent = {key: bundle(*resources) for key, resources in found.items()}
    return known(call(prefetch={**COMPLETE, **sent}), interests)


def only(listing):
    """The one item or gap of a listing; None when there is neither."""
    (found,) = (*listing.items, *listing.gaps) or (None,)
    return found


def in_record(**members):
    """What is read of one MedicationRequest of the record, by default an active one for baclofen tablets."""
    said = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": BACLOFEN_TABLET,
        "subject": whose(),
        **members,
    }
    return only(record(medications=[said]).medications)


def statement(**members):
    """What is read of one MedicationStatement of the record."""
    said = {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "active",
        "medicationCodeableConcept": BACLOFEN_TABLET,
        "subject": whose(),
        **members,
    }
    return only(record(statements=[said]).medications)


def drafted(**members):
    """What is read of one draft MedicationRequest."""
    said = {
        "resourceType": "MedicationRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": BACLOFEN_TABLET,
        **members,
    }
    return only(known(call(said)).orders)
