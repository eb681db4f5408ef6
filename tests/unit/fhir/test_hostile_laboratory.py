"""Whatever JSON stands where a result, a weight, a pregnancy or an allergy belongs: it is read, a gap, or nothing."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.model import Allergy, Gap, Result
from cds_service.fhir.allergies import read_allergy
from cds_service.fhir.pregnancies import PregnancyStatus, read_pregnancy
from cds_service.fhir.results import read_report, read_result
from cds_service.fhir.revisions import revises
from cds_service.fhir.weights import latest_weight_kg
from tests.journeys.records import LOINC, TODAY, concept
from tests.unit.fhir.laboratory import ALT, PANEL, PANELS, TESTS, reading

WORDS = st.sampled_from(
    [
        *(
            "",
            "final",
            "entered-in-error",
            "U/L",
            "kg",
            "1742-6",
            "24325-3",
            "82810-3",
            LOINC,
            "2026-11-20",
            "9999-12-31",
        ),
        *("Observation", "Patient", "#x", "Observation/x", "Patient/p2", "<", ">", "10-40", "H", "normal", "baclofen"),
    ]
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([0, -1, 10**400, 1e308, 5e-324]))
NAMES = st.sampled_from(
    [
        *("resourceType", "id", "status", "code", "coding", "system", "text", "display", "subject", "reference"),
        *("effectiveDateTime", "effectivePeriod", "start", "end", "issued", "value", "unit", "comparator"),
        *("valueQuantity", "valueString", "valueInteger", "valueCodeableConcept", "interpretation", "dataAbsentReason"),
        *("referenceRange", "low", "high", "type", "appliesTo", "age", "component", "hasMember", "contained", "result"),
        *(
            "category",
            "clinicalStatus",
            "verificationStatus",
            "reaction",
            "substance",
            "meta",
            "versionId",
            "lastUpdated",
        ),
    ]
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=6)),
    max_leaves=25,
)
CODES = [ALT, PANEL, concept(LOINC, "29463-7", "Body weight"), concept(LOINC, "82810-3", "Pregnancy status")]
RESOURCES = st.builds(
    lambda members, code, more: {**members, **({} if code is None else {"code": code}), **more},
    st.dictionaries(NAMES, ANYTHING, max_size=10),
    st.sampled_from([None, *CODES]),
    st.fixed_dictionaries({}, optional={"status": st.just("final"), "effectiveDateTime": st.just("2026-11-20")}),
)
WHO = st.one_of(
    st.none(), st.fixed_dictionaries({"resourceType": st.just("Patient")}, optional={"birthDate": ANYTHING})
)


@given(RESOURCES, RESOURCES, WHO)
def test_results_and_reports_of_any_shape_are_results_or_gaps(resource, beside, who):
    call = reading(beside, who=who)
    found = [*read_result(resource, "x", call, TESTS, PANELS), *read_report(resource, "x", call, TESTS, PANELS)]
    assert all(isinstance(one, Result | Gap) for one in found)
    for one in found:
        if isinstance(one, Result):
            assert all(amount is None or amount.least >= 0 for amount in (one.amount, one.times_uln))
            assert len(one.shown) < 80


@given(st.lists(RESOURCES, max_size=4))
def test_weights_of_any_shape_are_a_weight_or_none(resources):
    weight = latest_weight_kg(resources, TODAY)
    assert weight is None or Decimal("0.2") < weight <= 650


@given(RESOURCES)
def test_pregnancies_and_allergies_of_any_shape_are_read_or_gaps(resource):
    assert isinstance(read_pregnancy(resource, "x", reading()), PregnancyStatus | Gap | None)
    assert isinstance(read_allergy(resource, "x", reading()), Allergy | Gap | None)


@given(RESOURCES, RESOURCES)
def test_versions_of_any_shape_are_compared(one, other):
    assert not (revises(one, other) and revises(other, one))
