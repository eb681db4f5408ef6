"""Laboratory results as laboratories send them, read in one line; for the tests of this room."""

from cds_service.drugs import vocabulary
from cds_service.fhir.elements import ref_of
from cds_service.fhir.reading import start_reading
from cds_service.fhir.results import read_report, read_result
from tests.journeys.records import AT, LOINC, bundle, concept, quantity, whose
from tests.unit.fhir.chart import LISTS, call

ALT = concept(LOINC, "1742-6", "Alanine aminotransferase")
AST = concept(LOINC, "1920-8", "Aspartate aminotransferase")
PANEL = concept(LOINC, "24325-3", "Hepatic function panel")
TESTS, PANELS = LISTS.tests_by_loinc, LISTS.ordered_tests()


def without_absent(said):
    """The members that are there: `...` stands for one that is not."""
    return {name: value for name, value in said.items() if value is not ...}


def observation(**members):
    """An ALT of two days ago."""
    said = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": ALT,
        "subject": whose(),
        "effectiveDateTime": "2026-11-20T08:00:00Z",
        "valueQuantity": quantity(52, "U/L"),
        **members,
    }
    return without_absent(said)


def report(**members):
    """The report of a liver panel of two days ago, without results."""
    said = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": PANEL,
        "subject": whose(),
        "effectiveDateTime": "2026-11-20T08:00:00Z",
        **members,
    }
    return without_absent(said)


def reading(*beside, who=None):
    """A call with these resources in its prefetch, and this Patient."""
    return start_reading(
        call(prefetch={"patient": who, "results": bundle(*beside)}), vocabulary.load(), LISTS.problems, AT
    )


def read_all(resource, *beside, who=None, tests=TESTS):
    """Every result and gap of an Observation or a report, with these resources beside it in the request."""
    read = read_report if resource["resourceType"] == "DiagnosticReport" else read_result
    return read(resource, ref_of(resource, "results 1"), reading(resource, *beside, who=who), tests, PANELS)
